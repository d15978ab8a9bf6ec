//! Random search as a state machine: every trial is trained for as many epochs, and none is cut short.

use super::checks::at_least_one;
use super::due::Due;
use super::outline::{Outline, Stage};
use super::plan::Plan;
use super::promotion::Lottery;
use super::recipe::{Recipe, Setting};
use super::scheduler::{Ask, Assignment, Ended, Order, Scheduler};
use super::score::Score;
use super::tail::longest_last;
use crate::error::Result;
use crate::trial::{Direction, TrialId};

/// Random search (Bergstra and Bengio, JMLR 13, 2012): `trials` configurations, each trained for `epochs`
/// epochs. It learns nothing from one for another, and ends each with its own result.
///
/// ```
/// use hobbit::TrialId;
/// use hobbit::schedule::{Ask, Ended, RandomScheduler, Scheduler};
///
/// let mut scheduler = RandomScheduler::new(2, 9);
/// let Ask::Run(first) = scheduler.ask() else { unreachable!() };
/// assert_eq!((first.from, first.to), (0, 9));
/// assert_eq!(scheduler.tell(&first, None), [(TrialId::new(1, 1), Ended::Finished)]);
/// ```
#[derive(Debug, Clone)]
pub struct RandomScheduler {
    trials: u32,
    epochs: u32,
    /// Of the last trials, the order in which they are asked for.
    tail: Vec<u32>,
    asked: u32,
    told: u32,
    due: Due,
}

impl RandomScheduler {
    /// Creates a scheduler of `trials` trials with `epochs` epochs each.
    pub fn new(trials: u32, epochs: u32) -> RandomScheduler {
        RandomScheduler { trials, epochs, tail: Vec::new(), asked: 0, told: 0, due: Due::default() }
    }
}

impl Scheduler for RandomScheduler {
    fn ask(&mut self) -> Ask {
        if self.asked == self.trials {
            return if self.told == self.trials { Ask::Done } else { Ask::Wait };
        }
        let (place, before_tail) = (self.asked, self.trials - self.tail.len() as u32);
        self.asked += 1;
        let index = place.checked_sub(before_tail).map_or(place + 1, |place| self.tail[place as usize]);
        self.due.ask(index);
        Ask::Run(Assignment { trial: TrialId::new(1, index), stage: 0, from: 0, to: self.epochs.into() })
    }

    fn tell(&mut self, done: &Assignment, _: Option<Score>) -> Vec<(TrialId, Ended)> {
        let is_of = done.stage == 0 && (done.trial.iteration, done.trial.bracket) == (1, 1);
        if !is_of || !self.due.tell(done.trial.index) {
            return Vec::new();
        }
        self.told += 1;
        vec![(done.trial, Ended::Finished)]
    }

    fn is_done(&self) -> bool {
        self.told == self.trials
    }

    fn outline(&self) -> Outline {
        outline(self.trials, self.epochs)
    }

    fn order(&self) -> Order {
        Order::Free
    }

    fn hopeful(&self, _: &[(TrialId, Score)]) -> Vec<TrialId> {
        Vec::new()
    }

    fn missing(&self, _: TrialId) -> u32 {
        self.trials - self.told
    }

    fn longest_first(&mut self, cost: &dyn Fn(TrialId) -> f64) {
        self.tail = longest_last(self.trials, |index| cost(TrialId::new(1, index)));
    }
}

fn outline(trials: u32, epochs: u32) -> Outline {
    let stage = Stage { trials: trials.into(), epochs, trained: epochs.into() };
    Outline::of_bracket(vec![stage])
}

/// What [`Algorithm::Random`](super::Algorithm::Random) is made of.
pub(super) struct Settings {
    pub(super) trials: u32,
    pub(super) epochs: u32,
}

impl Recipe for Settings {
    fn name(&self) -> &'static str {
        "RandomSearch"
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            Setting::new("trials", "the number of trials", "Trials", self.trials),
            Setting::new("epochs", "the number of epochs", "Epochs of each trial", self.epochs),
        ]
    }

    fn call(&self) -> String {
        format!("run({}, {})", self.trials, self.epochs)
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn outline(&self) -> Result<Outline> {
        at_least_one("the number of trials", self.trials)?;
        at_least_one("the number of epochs", self.epochs)?;
        Ok(outline(self.trials, self.epochs))
    }

    fn scheduler(&self, _: Direction, _: Option<Lottery>) -> Result<Box<dyn Scheduler>> {
        self.outline()?;
        Ok(Box::new(RandomScheduler::new(self.trials, self.epochs)))
    }

    fn plan(&self) -> Result<Plan> {
        // nothing is cut
        Ok(Plan::of_outline(&self.outline()?, self.epochs, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trial_is_trained_once_and_ends_with_its_own_result() {
        let mut scheduler = RandomScheduler::new(500, 7);
        scheduler.longest_first(&|trial| f64::from(trial.index % 10));
        let mut asked = Vec::new();
        while let Ask::Run(assignment) = scheduler.ask() {
            assert_eq!((assignment.stage, assignment.from, assignment.to), (0, 0, 7));
            asked.push(assignment);
        }
        assert_eq!((scheduler.ask(), scheduler.missing(TrialId::new(1, 1))), (Ask::Wait, 500));
        let indexes: Vec<u32> = asked.iter().map(|assignment| assignment.trial.index).collect();
        // only the last ones begin with the longest
        assert!(indexes[..244].is_sorted() && indexes[244] == 249 && indexes[499] == 500, "{indexes:?}");
        let mut sorted = indexes.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(1..=500));
        for assignment in &asked {
            assert!(!scheduler.is_done());
            assert_eq!(scheduler.tell(assignment, None), [(assignment.trial, Ended::Finished)]);
            assert_eq!(scheduler.tell(assignment, Some(1.0.into())), []);
        }
        assert!(scheduler.is_done() && scheduler.ask() == Ask::Done);
    }

    #[test]
    fn what_was_not_asked_for_is_ignored() {
        let mut scheduler = RandomScheduler::new(u32::MAX, u32::MAX);
        let Ask::Run(first) = scheduler.ask() else { unreachable!() };
        for trial in [TrialId::new(1, 2), TrialId::new(2, 1), TrialId { iteration: 2, ..first.trial }] {
            assert_eq!(scheduler.tell(&Assignment { trial, ..first }, Some(0.5.into())), []);
        }
        assert_eq!(scheduler.tell(&Assignment { stage: 1, ..first }, Some(0.5.into())), []);
        assert_eq!(scheduler.missing(first.trial), u32::MAX);
    }
}
