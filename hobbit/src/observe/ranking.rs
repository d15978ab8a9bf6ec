//! Which trial is the best so far, by the rules of the table.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::repository::{Losses, StageRecord};
use crate::schedule::{Place, Score};
use crate::space::Value;
use crate::trial::{Direction, TrialId};

/// The trials that have a score, best first.
#[derive(Debug)]
pub(super) struct Ranking {
    direction: Direction,
    losses: Losses,
    places: BTreeSet<(Place, TrialId)>,
    trials: HashMap<TrialId, Ranked>,
}

/// One trial of a [`Ranking`].
#[derive(Debug)]
pub(super) struct Ranked {
    pub(super) score: Score,
    pub(super) hparams: Arc<[(String, Value)]>,
}

impl Ranking {
    pub(super) fn new(losses: Losses, direction: Direction) -> Ranking {
        Ranking { direction, losses, places: BTreeSet::new(), trials: HashMap::new() }
    }

    /// Takes a stage of a trial into account. A trial that failed has no score any more.
    pub(super) fn enter(&mut self, record: &StageRecord, hparams: &Arc<[(String, Value)]>) {
        let id = record.trial;
        let mut before = f64::NAN;
        if let Some(Ranked { score, .. }) = self.trials.remove(&id) {
            self.places.remove(&(score.place(self.direction), id));
            before = score.loss;
        }
        if let Some(score) = self.losses.score(record, before) {
            self.places.insert((score.place(self.direction), id));
            self.trials.insert(id, Ranked { score, hparams: hparams.clone() });
        }
    }

    /// So many of the best.
    pub(super) fn top(&self, count: usize) -> impl Iterator<Item = (TrialId, &Ranked)> {
        let places = self.places.iter().take(count);
        places.filter_map(|(_, id)| Some((*id, self.trials.get(id)?)))
    }

    pub(super) fn best(&self) -> Option<(TrialId, &Ranked)> {
        let (_, id) = self.places.first()?;
        Some((*id, self.trials.get(id)?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Event;
    use super::super::progress::tests::ended;
    use super::*;
    use crate::repository::Ties;

    #[test]
    fn the_best_is_that_of_the_table() {
        let mut ranking = Ranking::new(Losses::new(Ties::ByLoss, "val_loss"), Direction::Minimize);
        let mut best = |index, stage, epochs, score| {
            let event = ended(TrialId::new(1, index), stage, epochs, 1.0, score);
            if let Event::StageEnded { record, hparams, .. } = event {
                ranking.enter(&record, &hparams);
            }
            ranking.best().map(|(id, ranked)| (id.index, ranked.score.value))
        };
        assert_eq!(best(2, 0, 3, Some(0.5)), Some((2, 0.5)));
        assert_eq!(best(3, 0, 3, Some(0.5)), Some((2, 0.5)), "the smaller id");
        assert_eq!(best(4, 0, 1, Some(0.5)), Some((4, 0.5)), "fewer epochs");
        assert_eq!(best(4, 1, 1, Some(0.75)), Some((2, 0.5)), "by its last value it is worse now");
        assert_eq!(best(2, 1, 3, None), Some((3, 0.5)), "one that failed has no score");
    }
}
