//! ASHA whose rungs are opened one after the other, for as long as they do not agree about which trials are
//! better.

use std::collections::BTreeMap;

use super::asha::{self, AshaScheduler};
use super::outline::Outline;
use super::plan::Plan;
use super::promotion::Lottery;
use super::recipe::{Recipe, Setting};
use super::scheduler::{Ask, Assignment, Ended, Scheduler};
use super::score::Score;
use crate::error::Result;
use crate::trial::{Direction, TrialId};

/// How many rungs are open from the beginning.
const OPEN: usize = 2;

/// Progressive ASHA, PASHA (Bohdal et al., ICLR 2023, arXiv 2207.06940, algorithm 1).
///
/// As [`AshaScheduler`], but only the two lowest rungs, of 1 and eta epochs, are open at first. Each time a
/// trial comes to the end of the highest open rung, the trials in it are ranked by their scores there and by
/// those of the rung below. If the two rankings differ, more epochs still tell more: the next rung is opened,
/// up to that of `max_epochs` (R). If they do not, longer training is not worth its price, and the epochs go
/// to new trials instead.
///
/// Rankings are *soft* (section 4.1 of the paper): a trial may stand where another one of nearly the same
/// score stood, its score in the lower rung being no further away than the standard deviation of the scores
/// there.
///
/// Trials in the highest open rung when nothing is left to train are finished.
#[derive(Debug)]
pub struct PashaScheduler {
    asha: AshaScheduler,
    direction: Direction,
    /// The scores of the trials in each rung.
    scores: Vec<BTreeMap<u32, Score>>,
}

impl PashaScheduler {
    /// Creates a scheduler of `trials` trials with at most `max_epochs` (R) epochs, if it comes to that, of
    /// which one in `eta` is promoted.
    ///
    /// # Errors
    /// `trials` and `max_epochs` have to be at least 1, `eta` at least 2.
    pub fn new(trials: u32, max_epochs: u32, eta: u32, direction: Direction) -> Result<PashaScheduler> {
        let asha = AshaScheduler::new(trials, max_epochs, eta, direction)?.opening(OPEN);
        Ok(PashaScheduler { asha, direction, scores: Vec::new() })
    }

    /// Whether this rung and the one below it agree about the trials that have come to it.
    fn agree(&self, rung: usize) -> bool {
        let (Some(lower), Some(upper)) = (self.scores.get(rung.wrapping_sub(1)), self.scores.get(rung))
        else {
            return true;
        };
        let both = upper.iter().filter_map(|(index, score)| Some((*index, *lower.get(index)?, *score)));
        let mut here: Vec<(u32, Score, Score)> = both.collect();
        let mut below = here.clone();
        here.sort_by_key(|&(index, _, score)| (score.place(self.direction), index));
        below.sort_by_key(|&(index, score, _)| (score.place(self.direction), index));
        let room = deviation(below.iter().map(|(_, score, _)| score.value));
        here.iter()
            .zip(&below)
            .all(|((_, mine, _), (_, theirs, _))| (mine.value - theirs.value).abs() <= room)
    }
}

/// The standard deviation; 0 of fewer than two.
fn deviation(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / count;
    (values.map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt()
}

impl Scheduler for PashaScheduler {
    fn ask(&mut self) -> Ask {
        self.asha.ask()
    }

    fn tell(&mut self, done: &Assignment, score: Option<Score>) -> Vec<(TrialId, Ended)> {
        if !self.asha.is_due(done) {
            return Vec::new();
        }
        let mut ended = self.asha.tell(done, score);
        let rung = done.stage as usize;
        if let Some(score) = score.filter(|score| score.value.is_finite()) {
            self.scores.resize_with(self.scores.len().max(rung + 1), BTreeMap::new);
            self.scores[rung].insert(done.trial.index, score);
            if self.asha.closed_above() == Some(rung) && !self.agree(rung) {
                ended.extend(self.asha.open_next());
            }
        }
        if self.asha.is_done() {
            ended.extend(self.asha.finish());
        }
        ended
    }

    fn is_done(&self) -> bool {
        self.asha.is_done()
    }

    fn outline(&self) -> Outline {
        self.asha.outline()
    }

    fn hopeful(&self, pending: &[(TrialId, Score)]) -> Vec<TrialId> {
        self.asha.hopeful(pending)
    }
}

/// What [`Algorithm::Pasha`](super::Algorithm::Pasha) is made of: the same numbers as ASHA.
pub(super) struct Settings(pub(super) asha::Settings);

impl Recipe for Settings {
    fn name(&self) -> &'static str {
        "Pasha"
    }

    fn settings(&self) -> Vec<Setting> {
        self.0.settings()
    }

    fn call(&self) -> String {
        self.0.call()
    }

    fn check(&self) -> Result<()> {
        self.0.check()
    }

    fn outline(&self) -> Result<Outline> {
        self.0.outline()
    }

    fn scheduler(&self, direction: Direction, _: Option<Lottery>) -> Result<Box<dyn Scheduler>> {
        let asha::Settings { trials, max_epochs, eta } = self.0;
        Ok(Box::new(PashaScheduler::new(trials, max_epochs, eta, direction)?))
    }

    fn plan(&self) -> Result<Plan> {
        self.0.plan()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trains everything, one stage after the other; returns how many trials came to each rung, and the
    /// lives.
    fn trained(trials: u32, score: impl Fn(u32, u32) -> Option<f64>) -> (Vec<u32>, BTreeMap<u32, Ended>) {
        let mut scheduler = PashaScheduler::new(trials, 27, 3, Direction::Minimize).unwrap();
        let (mut rungs, mut ended) = (vec![0; 4], BTreeMap::new());
        loop {
            match scheduler.ask() {
                Ask::Run(stage) => {
                    rungs[stage.stage as usize] += 1;
                    let score = score(stage.trial.index, stage.stage).map(Score::from);
                    ended.extend(scheduler.tell(&stage, score).into_iter().map(|(id, how)| (id.index, how)));
                }
                Ask::Wait => unreachable!(),
                Ask::Done => return (rungs, ended),
            }
        }
    }

    /// A number that has nothing to do with its neighbours'.
    fn any(index: u32, stage: u32) -> f64 {
        f64::from((index * 37 + stage * 101 + index * stage * 53) % 97)
    }

    #[test]
    fn no_rung_is_opened_while_both_agree() {
        let (rungs, ended) = trained(30, |index, stage| Some(any(index, 0) - f64::from(stage)));
        assert!(rungs[0] == 30 && (10..20).contains(&rungs[1]), "{rungs:?}");
        assert_eq!(rungs[2..], [0, 0]);
        assert_eq!(ended.len(), 30);
        let finished = ended.values().filter(|how| **how == Ended::Finished).count();
        assert_eq!(finished as u32, rungs[1], "who came to the highest open rung is finished");
        let dropped = ended.values().filter(|how| **how == Ended::Dropped { stage: 0 }).count();
        assert_eq!(dropped + finished, 30);
    }

    #[test]
    fn rungs_that_do_not_agree_open_the_next_up_to_the_last() {
        let (rungs, ended) = trained(60, |index, stage| Some(any(index, stage)));
        assert!(rungs.iter().all(|trials| *trials > 0), "{rungs:?}");
        assert_eq!(ended.len(), 60);
        let finished = ended.values().filter(|how| **how == Ended::Finished).count();
        assert_eq!(finished as u32, rungs[3]);
    }

    #[test]
    fn nearly_equal_scores_may_change_places() {
        let mut scheduler = PashaScheduler::new(9, 27, 3, Direction::Maximize).unwrap();
        let score = |value: f64| Score::from(value);
        // the first two differ by less than the scores do on the whole
        scheduler.scores = vec![
            BTreeMap::from([(1, score(0.90)), (2, score(0.91)), (3, score(0.50)), (4, score(0.95))]),
            BTreeMap::from([(1, score(0.94)), (2, score(0.92)), (3, score(0.60))]),
        ];
        assert!(scheduler.agree(1));
        scheduler.scores[1].insert(3, score(0.93));
        assert!(!scheduler.agree(1), "the third one has overtaken one that was far ahead");
        assert!(scheduler.agree(0) && scheduler.agree(2), "there is nothing to compare");
    }

    #[test]
    fn trials_that_fail_open_nothing() {
        let (rungs, ended) = trained(30, |index, stage| (stage == 0).then(|| any(index, 0)));
        assert_eq!(rungs[2..], [0, 0]);
        assert_eq!(ended.len(), 30);
        assert!(!ended.values().any(|how| *how == Ended::Finished));
    }
}
