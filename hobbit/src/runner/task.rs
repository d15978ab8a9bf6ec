//! What a worker takes, and what it brings back.

use std::sync::Arc;

use crate::objective::{Checkpoint, Objective};
use crate::repository::{SavedModel, StageRecord};
use crate::schedule::{Assignment, Score};
use crate::trial::Direction;

/// A trial between two stages, in memory.
pub(crate) struct Carried<O: Objective> {
    pub(crate) model: O::Model,
    /// The model at the epoch of the trial's score, if it has been trained on since.
    pub(crate) best: Option<Arc<Checkpoint>>,
}

/// A trial's score, the epoch (counted from 1) that it is from, and the loss that decides between equal
/// scores.
#[derive(Clone, Copy)]
pub(crate) struct Scored {
    pub(crate) value: f64,
    pub(crate) epoch: u64,
    pub(crate) loss: f64,
}

impl Scored {
    #[inline]
    pub(super) fn better_than(self, earlier: Scored, direction: Direction) -> bool {
        let score = |Scored { value, loss, .. }| Score { value, loss, epochs: 0 };
        score(self).beats(score(earlier), direction)
    }
}

/// What is to be done.
pub(crate) struct Task<O: Objective> {
    /// With the epochs that the trial has had. They are fewer than the plan says if it was stopped early.
    pub(crate) assignment: Assignment,
    /// Of a trial that was stopped early, the ends of its stages so far: as they were, and as they were
    /// planned.
    pub(crate) earlier: Option<Box<[(u64, u64)]>>,
    /// Drawn in the trial's first stage.
    pub(crate) hparams: Option<Arc<O::Hparams>>,
    /// The trial so far.
    pub(crate) score: Option<Scored>,
    pub(crate) attempt: u32,
    pub(crate) seconds: f64,
    /// The trial as it is in memory.
    pub(crate) carried: Option<Carried<O>>,
    /// The repository may have a checkpoint of it.
    pub(crate) on_disk: bool,
    /// That checkpoint, once it is read.
    pub(crate) saved: Option<Box<SavedModel>>,
    pub(crate) worker: u32,
    /// It may have ended an earlier process: it is trained alone.
    pub(crate) suspect: bool,
    /// It has ended so many earlier processes that it is not trained any more.
    pub(crate) deaths: Option<u32>,
}

/// What came of it.
pub(crate) struct Evaluated<O: Objective> {
    pub(crate) record: Arc<StageRecord>,
    pub(crate) hparams: Arc<O::Hparams>,
    /// The trial, to be trained on; `None` if it failed.
    pub(crate) carried: Option<Carried<O>>,
    /// The bytes that it holds.
    pub(crate) bytes: usize,
    /// The trial, to be written.
    pub(crate) saved: Option<Box<SavedModel>>,
    /// The stage is not at its end: the sweep stops.
    pub(crate) unfinished: bool,
    /// It failed for what happened in this process, and not in earlier ones.
    pub(crate) failed_now: bool,
}
