//! Orders: everything that a worker needs to train a stage of a trial, as plain data.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::random::Key;
use crate::repository::{ScoreBy, Ties};
use crate::schedule::{Assignment, Score};
use crate::search::Point;
use crate::trial::{Direction, TrialId};

/// A worker: a machine, and the worker's number on it.
///
/// Machine 0 is the process that runs the sweep and holds the lock of its repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WorkerId {
    /// The machine, counted from 0.
    pub machine: u32,
    /// The worker on it, counted from 0.
    pub index: u32,
}

/// The settings of a sweep that a worker has to know. It is the same for all orders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Terms {
    /// The metric that is optimized.
    pub monitor: String,
    /// The direction in which it improves.
    pub direction: Direction,
    /// Which of a trial's values is its score.
    pub score: ScoreBy,
    /// What decides between equal values.
    pub ties: Ties,
    /// The number of times that a failed trial is restarted.
    pub retries: u32,
    /// How long a trial may be trained in all.
    pub trial_time_limit: Option<Duration>,
    /// A trial's state is saved within a stage whenever it was trained for this many epochs.
    pub checkpoint_every: Option<u64>,
    /// Whether a trial's state is saved at the end of a stage.
    pub saves: bool,
    /// Whether the [desk](super::Desk::begin) is told when a stage begins.
    pub announces: bool,
    /// Whether it is told what the objective makes of a trial's hyperparameters, and their point, too.
    pub describes: bool,
    /// Whether the desk is notified of each [epoch](super::Desk::epoch).
    pub watches_epochs: bool,
}

/// How a trial's configuration is known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Configuration {
    /// It is drawn from the search space under the trial's key.
    #[default]
    Drawn,
    /// It is the one at the trial's place among the configurations given to the sweep.
    Given,
    /// It is what this point of the unit cube is decoded to.
    Point(Point),
}

/// The best epoch of a trial so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// The value of the monitor.
    pub value: f64,
    /// The epoch, counted from 1.
    pub epoch: u64,
    /// The loss that decides between equal values; NaN if there is none.
    pub loss: f64,
}

impl Scored {
    #[inline]
    pub(crate) fn better_than(self, earlier: Scored, direction: Direction) -> bool {
        let score = |Scored { value, loss, .. }| Score { value, loss, epochs: 0 };
        score(self).beats(score(earlier), direction)
    }
}

/// The name of a checkpoint. A study keeps the latest one of a trial, so the trial's name is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CheckpointId(pub TrialId);

/// A stage of a trial to be trained, with everything that a worker needs to know of it. It holds no live
/// objects, so that it can leave the process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The trial, its stage, and its epochs: those that it has had, which are fewer than planned if it was
    /// stopped early.
    pub assignment: Assignment,
    /// The place of the trial among all trials, counted from 0.
    pub ordinal: u64,
    /// The key of the trial, from which everything random in it follows.
    pub key: Key,
    /// How its configuration is known.
    pub configuration: Configuration,
    /// The epochs that a trial of its bracket has had at the end of each stage, as planned; never empty.
    pub stages: Arc<[u64]>,
    /// Its best epoch so far.
    pub score: Option<Scored>,
    /// The number of times that it has failed and was restarted.
    pub attempt: u32,
    /// How much longer it may be trained.
    pub limit: Option<Duration>,
    /// Its checkpoint, if there is one. It may be of an earlier epoch, or of one within this stage.
    pub checkpoint: Option<CheckpointId>,
    /// What only few trials have.
    pub unusual: Option<Box<Unusual>>,
}

/// What an [`Order`] says of few trials only.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Unusual {
    /// For a trial that was stopped early, the ends of its earlier stages: actual and planned.
    pub earlier: Box<[(u64, u64)]>,
    /// It may have ended an earlier process: it is trained while nothing else is.
    pub alone: bool,
    /// It has ended this many earlier processes: it is not trained, and has failed.
    pub deaths: Option<u32>,
}

impl Order {
    /// The trial.
    pub fn trial(&self) -> TrialId {
        self.assignment.trial
    }

    /// The number of epochs that the trial gets if it reaches the last stage of its bracket.
    pub fn epochs(&self) -> u64 {
        self.stages.last().copied().unwrap_or(self.assignment.to)
    }

    /// The end of the stage, as it was and as it was planned, that the trial is in when it has had this many
    /// epochs. A trial that is trained again from its beginning goes through its earlier stages as it did
    /// before.
    pub(crate) fn stage_at(&self, epoch: u64) -> (u64, u64) {
        let Assignment { stage, from, to, .. } = self.assignment;
        if epoch >= from {
            return (to, to);
        }
        let earlier = match &self.unusual {
            Some(unusual) if !unusual.earlier.is_empty() => {
                unusual.earlier.iter().copied().find(|(end, _)| *end > epoch)
            }
            _ => {
                let mut ends = self.stages.iter().take(stage as usize);
                ends.find(|end| **end > epoch).map(|end| (*end, *end))
            }
        };
        earlier.unwrap_or((from, from))
    }

    /// Whether it is trained while nothing else is.
    pub fn is_alone(&self) -> bool {
        self.unusual.as_ref().is_some_and(|unusual| unusual.alone)
    }

    /// The number of processes it has ended, if these are enough for it to count as failed.
    pub fn deaths(&self) -> Option<u32> {
        self.unusual.as_ref()?.deaths
    }
}
