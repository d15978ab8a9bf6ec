//! What of a study is done, as the events tell it, bracket by bracket.

use std::collections::HashMap;

use super::Event;
use super::ranking::Ranking;
use crate::repository::{End, Losses, StageRecord};
use crate::schedule::Outline;
use crate::trial::{Direction, TrialId};

/// All brackets of a sweep.
#[derive(Debug)]
pub(super) struct Progress {
    /// Those up to the last that was begun: others take no memory, however many repetitions there are.
    brackets: Vec<Bracket>,
    /// The brackets of one repetition, as none of their trials were begun.
    unbegun: Vec<Bracket>,
    iterations: u32,
    pub(super) direction: Direction,
    pub(super) ranking: Ranking,
    pub(super) failed: u64,
    /// Epochs trained by this process.
    pub(super) trained: u64,
}

/// One bracket of one repetition.
#[derive(Debug, Clone)]
pub(super) struct Bracket {
    pub(super) stages: Vec<Stage>,
    /// The trials in it that are being trained, and their epochs of the stage so far.
    running: HashMap<u32, u64>,
    /// By trial: its score, and what its training cost this process.
    pub(super) trials: HashMap<u32, Cost>,
}

/// One stage of a [`Bracket`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Stage {
    planned: u64,
    /// The epochs of a trial in it.
    pub(super) epochs: u64,
    pub(super) ended: u64,
    failed: u64,
    /// The epochs that the trials that ended were trained in it: fewer where they were stopped early, or
    /// failed.
    trained: u64,
}

/// What is known of a trial.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    pub(super) score: Option<f64>,
    pub(super) stages: u64,
    pub(super) epochs: u64,
    pub(super) seconds: f64,
}

impl Progress {
    pub(super) fn new(outline: &Outline, losses: Losses, direction: Direction) -> Progress {
        let bracket = |bracket: &crate::schedule::Bracket| Bracket {
            stages: bracket
                .stages
                .iter()
                .map(|stage| Stage {
                    planned: stage.trials,
                    epochs: u64::from(stage.epochs),
                    ended: 0,
                    failed: 0,
                    trained: 0,
                })
                .collect(),
            running: HashMap::new(),
            trials: HashMap::new(),
        };
        Progress {
            brackets: Vec::new(),
            unbegun: outline.brackets().iter().map(bracket).collect(),
            iterations: outline.repetitions(),
            direction,
            ranking: Ranking::new(losses, direction),
            failed: 0,
            trained: 0,
        }
    }

    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::StageStarted { trial, .. } => {
                if let Some(bracket) = self.bracket(*trial) {
                    bracket.running.insert(trial.index, 0);
                }
            }
            Event::Epoch { trial, .. } => {
                self.trained += 1;
                if let Some(bracket) = self.bracket(*trial) {
                    *bracket.running.entry(trial.index).or_default() += 1;
                }
            }
            Event::StageEnded { record, hparams, replayed } => {
                self.ranking.enter(record, hparams);
                self.ended(record, *replayed);
            }
            Event::StageLeft { record, hparams } => self.ranking.enter(record, hparams),
            _ => {}
        }
    }

    fn ended(&mut self, record: &StageRecord, replayed: bool) {
        let trained = record.end == End::Trained;
        let score = record.ranked_by();
        self.failed += u64::from(!trained);
        let Some(bracket) = self.bracket(record.trial) else { return };
        bracket.running.remove(&record.trial.index);
        if let Some(stage) = bracket.stages.get_mut(record.stage as usize) {
            stage.ended += 1;
            stage.failed += u64::from(!trained);
            stage.trained += record.epochs();
        }
        let cost = bracket.trials.entry(record.trial.index).or_default();
        cost.score = score;
        // what another process took says nothing of this one
        if trained && !replayed {
            cost.stages += 1;
            cost.epochs += record.history.len() as u64;
            cost.seconds += record.seconds;
        }
    }

    fn bracket(&mut self, trial: TrialId) -> Option<&mut Bracket> {
        let place = trial.bracket.checked_sub(1)? as usize;
        let iteration = trial.iteration.checked_sub(1).filter(|&iteration| iteration < self.iterations)?;
        if place >= self.unbegun.len() {
            return None;
        }
        let place = iteration as usize * self.unbegun.len() + place;
        while self.brackets.len() <= place {
            self.brackets.push(self.unbegun[self.brackets.len() % self.unbegun.len()].clone());
        }
        self.brackets.get_mut(place)
    }

    /// The brackets up to the last that was begun, each with the name of its repetition and place.
    pub(super) fn brackets(&self) -> impl Iterator<Item = (String, &Bracket)> {
        let per_iteration = self.unbegun.len();
        self.brackets.iter().enumerate().map(move |(place, bracket)| {
            let (iteration, number) = (place / per_iteration + 1, place % per_iteration + 1);
            let name = if iteration == 1 { number.to_string() } else { format!("{iteration}.{number}") };
            (name, bracket)
        })
    }

    /// The kinds of brackets of which none was begun, and how many of each there are.
    pub(super) fn unbegun(&self) -> impl Iterator<Item = (u64, &Bracket)> {
        let (whole, rest) =
            (self.brackets.len() / self.unbegun.len(), self.brackets.len() % self.unbegun.len());
        self.unbegun.iter().enumerate().map(move |(place, bracket)| {
            let begun = whole + usize::from(place < rest);
            (u64::from(self.iterations) - begun as u64, bracket)
        })
    }

    /// The sums over all brackets of what `of` says of one.
    fn sum(&self, of: impl Fn(&Bracket) -> (u64, u64)) -> (u64, u64) {
        let begun = self.brackets.iter().map(|bracket| (1, bracket));
        begun.chain(self.unbegun()).fold((0, 0), |sum: (u64, u64), (count, bracket)| {
            let (done, all) = of(bracket);
            (sum.0.saturating_add(count * done), sum.1.saturating_add(all.saturating_mul(count)))
        })
    }

    /// The epochs done and the epochs of all, of the whole sweep.
    pub(super) fn epochs(&self) -> (u64, u64) {
        self.sum(Bracket::epochs)
    }

    /// The trials that were begun and those of all.
    pub(super) fn trials(&self) -> (u64, u64) {
        self.sum(|bracket| (bracket.stages[0].ended, bracket.stages[0].planned))
    }
}

impl Bracket {
    /// The trials that each stage will have had: fewer than planned where too many of the stage before
    /// failed.
    pub(super) fn expected(&self) -> impl Iterator<Item = (u64, &Stage)> {
        let mut healthy = u64::MAX;
        self.stages.iter().map(move |stage| {
            let expected = stage.planned.min(healthy);
            healthy = expected.saturating_sub(stage.failed);
            (expected, stage)
        })
    }

    /// The epochs done, and those with what is expected to come.
    pub(super) fn epochs(&self) -> (u64, u64) {
        let of = |(expected, stage): (u64, &Stage)| {
            (stage.trained, stage.trained + expected.saturating_sub(stage.ended) * stage.epochs)
        };
        let (done, all) = self.expected().map(of).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        (done + self.under_way(), all)
    }

    /// The epochs done of stages that are being trained.
    pub(super) fn under_way(&self) -> u64 {
        self.running.values().sum()
    }

    /// The first stage that has trials left, counted from 1; nothing if all are done.
    pub(super) fn stage(&self) -> Option<usize> {
        self.expected().position(|(expected, stage)| stage.ended < expected).map(|place| place + 1)
    }

    pub(super) fn has_begun(&self) -> bool {
        !self.running.is_empty() || !self.trials.is_empty()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::objective::History;
    use crate::repository::{Ties, Timestamp};
    use crate::schedule::Plan;

    /// A stage ended after `seconds`; it failed if there is no score.
    pub(in crate::observe) fn ended(
        trial: TrialId,
        stage: u32,
        epochs: u64,
        seconds: f64,
        score: Option<f64>,
    ) -> Event {
        let failed = End::Failed { epoch: 1, reason: String::new() };
        let values = vec![0.0; epochs as usize];
        let record = StageRecord {
            time: Timestamp(0.0),
            trial,
            stage,
            from: 0,
            to: epochs,
            end: if score.is_some() { End::Trained } else { failed },
            score: score.map(|score| (score, 1)),
            attempt: 0,
            worker: 0,
            machine: 0,
            seconds,
            history: History::from_parts(["val_loss".to_owned()].into(), values),
        };
        Event::StageEnded { record: Arc::new(record), replayed: false, hparams: [].into() }
    }

    #[test]
    fn what_failed_is_not_waited_for() {
        // 3 trials for 1 epoch, 1 for 3; 2 trials for 3 epochs
        let mut progress = Progress::new(
            &Plan::new(3, 3).unwrap().outline(1),
            Losses::new(Ties::ByLoss, "val_loss"),
            Direction::Minimize,
        );
        assert_eq!((progress.epochs(), progress.trials()), ((0, 12), (0, 5)));
        for index in 1..=3 {
            progress.event(&ended(TrialId::new(1, index), 0, 1, 1.0, None));
        }
        assert_eq!((progress.epochs(), progress.trials(), progress.failed), ((3, 9), (3, 5), 3));
        let (_, first) = progress.brackets().next().unwrap();
        assert_eq!(first.stage(), None);
        progress.event(&ended(TrialId::new(2, 1), 0, 3, 1.0, Some(0.5)));
        assert_eq!(progress.epochs(), (6, 9));
        assert_eq!(progress.ranking.best().map(|(id, _)| id), Some(TrialId::new(2, 1)));
        let epoch =
            Event::Epoch { trial: TrialId::new(2, 2), stage: 0, epoch: 1, metrics: Default::default() };
        progress.event(&epoch);
        assert_eq!((progress.epochs(), progress.trained), ((7, 9), 1));
    }
}
