//! What an algorithm is to everything around it: asked for work, told of results.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use super::outline::Outline;
use super::score::Score;
use crate::trial::TrialId;

/// One stage of one trial, to be trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Assignment {
    /// The trial.
    pub trial: TrialId,
    /// The stage of its bracket, counted from 0.
    pub stage: u32,
    /// The epochs it had before.
    pub from: u64,
    /// The epochs it has to have afterwards.
    pub to: u64,
}

/// What a [`Scheduler`] answers when asked for work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Train this.
    Run(Assignment),
    /// Nothing can be trained before some result is told.
    Wait,
    /// Everything is trained.
    Done,
}

/// How a trial's life ends. Whether it failed is in the record of its last stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ended {
    /// With the last stage of its bracket.
    Finished,
    /// It was not promoted.
    Dropped {
        /// The stage after which it was not, counted from 0.
        stage: u32,
    },
}

/// Whether decisions depend on the order in which results are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// They do not: a stage of a bracket is decided by the set of its results, when all of them are told, or
    /// each trial by its own.
    Free,
    /// They do: such a scheduler needs a clock of its own, so that what it decides does not depend on how
    /// fast workers are.
    Virtual,
}

/// What had happened, as far as decisions know, when a trial was first asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// How many results had been told: this many of the first of [`told`](Scheduler::told).
    pub told: usize,
    /// The other trials that were under way, whatever their stage, in the order in which they had been asked
    /// for.
    pub pending: Vec<TrialId>,
}

/// An algorithm as a pure state machine: no clocks, threads, files, or randomness of its own. Equal calls get
/// equal answers.
///
/// Every assignment that was asked for is told exactly once; anything else that is told is ignored. The
/// stages of a trial are asked for in order, each from the epochs at which the one before ended.
///
/// ```
/// use hobbit::schedule::{Algorithm, Ask, EpochCount, Score};
/// use hobbit::Direction;
///
/// let hyperband =
///     Algorithm::Hyperband { max_epochs: 9, eta: 3, epoch_count: EpochCount::Additional, iterations: 1 };
/// let mut scheduler = hyperband.scheduler(Direction::Minimize)?;
/// let mut epochs = 0;
/// while let Ask::Run(assignment) = scheduler.ask() {
///     epochs += assignment.to - assignment.from;
///     scheduler.tell(&assignment, Some(Score::from(f64::from(assignment.trial.index))));
/// }
/// assert_eq!(scheduler.ask(), Ask::Done);
/// assert_eq!(epochs, hyperband.outline()?.total_epochs());
/// # Ok::<(), hobbit::Error>(())
/// ```
pub trait Scheduler: Debug + Send {
    /// The next stage of a trial to train.
    fn ask(&mut self) -> Ask;

    /// Takes the result of an assignment: the trial's score, or `None` if it failed. NaN and infinite scores
    /// are failures. Returns the trials whose lives this ends, which may be other trials than the one whose
    /// result is told.
    ///
    /// The assignment is identified by its trial and stage; its epochs may differ from those asked for,
    /// because a trial that stopped early had fewer. What was not asked for, or was told before, is ignored.
    fn tell(&mut self, done: &Assignment, score: Option<Score>) -> Vec<(TrialId, Ended)>;

    /// Whether every stage was trained and its result told.
    fn is_done(&self) -> bool;

    /// The brackets and stages as data.
    fn outline(&self) -> Outline;

    /// Whether decisions depend on the order of telling.
    fn order(&self) -> Order {
        Order::Virtual
    }

    /// Of these results that are not told yet, those of trials that may still be promoted. The checkpoints of
    /// the others are not needed any more. All, unless the algorithm knows better.
    fn hopeful(&self, pending: &[(TrialId, Score)]) -> Vec<TrialId> {
        pending.iter().map(|&(trial, _)| trial).collect()
    }

    /// The number of results, this trial's included, that have to be told before [`ask`](Scheduler::ask) can
    /// answer anything new. They are made durable together. One, unless the algorithm knows better.
    fn missing(&self, trial: TrialId) -> u32 {
        let _ = trial;
        1
    }

    /// When the first stage of a trial was asked for, in terms of what had been told: for samplers that
    /// learn. Known from the asking until its result is told in turn; always `None` unless the scheduler
    /// follows a [`VirtualTime`](super::VirtualTime).
    fn stamp(&self, trial: TrialId) -> Option<&Stamp> {
        let _ = trial;
        None
    }

    /// The trials and stages whose results decisions know of, in the order in which they were told in virtual
    /// time: what a sampler that learns may know. Empty unless the scheduler follows a
    /// [`VirtualTime`](super::VirtualTime).
    fn told(&self) -> &[(TrialId, u32)] {
        &[]
    }

    /// Lets what is trained last begin with its longest trials, by what an epoch of each costs. It is called
    /// before the first [`ask`](Scheduler::ask). Has no effect where the order of asking decides anything.
    fn longest_first(&mut self, cost: &dyn Fn(TrialId) -> f64) {
        let _ = cost;
    }
}
