//! A stage of a trial on its way through a worker: what is to be done, and what came of it.

use std::sync::Arc;
use std::time::Instant;

use crate::objective::{Checkpoint, Interrupt, Objective, TrialContext};
use crate::random::Key;
use crate::repository::{SavedModel, SavedState};
use crate::runner::keys::training_key;
use crate::schedule::Assignment;
use crate::work::{Order, Report, WorkerId};

/// A trial between two stages, in memory.
pub(super) struct Carried<O: Objective> {
    /// The place of the trial among all.
    pub(super) ordinal: u64,
    /// The epochs that it has had, in this attempt.
    pub(super) epoch: u64,
    pub(super) attempt: u32,
    pub(super) model: O::Model,
    /// The model at the epoch of the trial's score, if it has been trained on since.
    pub(super) best: Option<Arc<Checkpoint>>,
    pub(super) hparams: Arc<O::Hparams>,
    /// How many bytes it holds.
    pub(super) bytes: usize,
}

impl<O: Objective> Carried<O> {
    /// Whether it is the trial as an order wants it to be trained on. It is not if its last report was lost,
    /// or another one counted.
    pub(super) fn is_at(&self, order: &Order) -> bool {
        (self.epoch, self.attempt) == (order.assignment.from, order.attempt)
    }
}

/// An order, with the trial as it is in memory. It is large, and goes through many hands: it stays in one
/// place while it is trained.
pub(super) struct Task<O: Objective> {
    pub(super) order: Order,
    pub(super) carried: Option<Carried<O>>,
    /// The trial's configuration and what it has in common with others, once that was asked for.
    pub(super) fuses: Option<(Arc<O::Hparams>, Option<u64>)>,
}

/// What came of it.
pub(super) struct Evaluated<O: Objective> {
    pub(super) report: Report,
    /// The trial, to be trained on; `None` if it failed.
    pub(super) carried: Option<Carried<O>>,
}

/// A stage that is being trained.
pub(super) struct Stage<'a, O: Objective> {
    pub(super) task: &'a mut Task<O>,
    pub(super) hparams: Arc<O::Hparams>,
    /// The trial's checkpoint, once it is read.
    pub(super) saved: Option<Box<SavedModel>>,
    pub(super) context: TrialContext,
    /// The machine of its worker.
    pub(super) machine: u32,
    /// When it began.
    pub(super) start: Instant,
}

impl<'a, O: Objective> Stage<'a, O> {
    pub(super) fn new(
        task: &'a mut Task<O>,
        hparams: Arc<O::Hparams>,
        worker: WorkerId,
        start: Instant,
        interrupt: Arc<Interrupt>,
    ) -> Stage<'a, O> {
        let order = &task.order;
        let (id, key, epochs) = (order.trial(), key(order), Some(order.epochs()));
        let context = TrialContext { id, key, worker: worker.index, epochs, interrupt };
        Stage { task, hparams, saved: None, context, machine: worker.machine, start }
    }

    /// Restarts the trial.
    pub(super) fn retry(&mut self) {
        self.task.order.attempt += 1;
        self.context.key = key(&self.task.order);
    }

    /// Continues from a checkpoint, if it is one of this trial as it is known; from its beginning otherwise.
    pub(super) fn continue_from(&mut self, saved: Option<Box<SavedModel>>, retries: u32) {
        let Order { assignment: Assignment { from, to, .. }, attempt: so_far, score: before, .. } =
            self.task.order;
        let before = before.map(|score| (score.value, score.epoch));
        let fits = |saved: &SavedModel| {
            let SavedState { epoch, from: since, attempt, score, .. } = saved.state;
            // at the end of the stage before it has to be what the journal says of it
            let here = (epoch == from && score == before) || (since == from && (from..=to).contains(&epoch));
            // in this stage it may have failed and been begun anew before the process ended
            let anew = since == from && attempt > so_far && attempt <= retries;
            here && (attempt == so_far || anew)
        };
        self.saved = saved.filter(|saved| fits(saved));
        if let Some(saved) = &self.saved {
            self.task.order.attempt = saved.state.attempt;
        }
        self.context.key = key(&self.task.order);
    }
}

/// The key under which the trial is trained, another one for each attempt.
fn key(order: &Order) -> Key {
    training_key(order.key, order.attempt)
}
