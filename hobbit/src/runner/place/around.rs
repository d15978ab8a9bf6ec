//! What an evaluation asks of the workplace around it, and tells it.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::evaluate::Surroundings;
use super::floor::{Floor, Slot};
use crate::objective::{Interrupt, Metrics, Objective};
use crate::repository::SavedModel;
use crate::runner::interrupt::let_arrive;
use crate::schedule::Assignment;
use crate::work::{CheckpointId, EpochNews, Stop, WorkerId};

/// How long after others a signal may be sent to this process.
const SIGNAL_TAKES: Duration = Duration::from_millis(25);

/// A worker's view of its workplace while it evaluates.
pub(super) struct Around<'a, O: Objective> {
    pub(super) floor: &'a Floor<O>,
    pub(super) slot: usize,
    pub(super) id: WorkerId,
    pub(super) stop: &'a Stop,
    /// The desk is told of epochs.
    pub(super) watched: bool,
    /// For trials without a time limit, which nothing interrupts.
    pub(super) unlimited: Arc<Interrupt>,
}

impl<O: Objective> Surroundings for Around<'_, O> {
    type Alone<'a>
        = Alone<'a, O>
    where
        Self: 'a;

    fn load(&self, checkpoint: CheckpointId) -> Option<Box<SavedModel>> {
        match self.floor.desk.load(checkpoint) {
            Ok(saved) => saved,
            Err(why) => {
                self.note(format!("{why}; the trial is trained again from its beginning"));
                None
            }
        }
    }

    #[inline]
    fn epoch(&self, assignment: &Assignment, epoch: u64, metrics: &Metrics, score: Option<f64>) -> bool {
        if self.watched {
            self.watched_epoch(assignment, epoch, metrics, score);
        }
        self.stop.is_set()
    }

    fn save(&self, model: Box<SavedModel>) {
        self.floor.desk.save(model);
    }

    fn note(&self, text: String) {
        self.floor.desk.note(text);
    }

    fn alone(&self) -> Option<Alone<'_, O>> {
        let Floor { desk, .. } = self.floor;
        // it is not being trained while it waits, and others may wait for that
        let running = self.floor.lock().slots[self.slot].running.take();
        desk.wake();
        loop {
            let news = desk.news();
            let mut state = self.floor.lock();
            if self.stop.is_set() {
                state.slots[self.slot].running = running;
                state.alone.take_if(|slot| *slot == self.slot);
                return None;
            }
            let claimed = *state.alone.get_or_insert(self.slot) == self.slot;
            let is_busy = |slot: &Slot<O>| slot.running.is_some() && !slot.abandoned;
            if claimed && !state.slots.iter().any(is_busy) {
                state.slots[self.slot].running = running;
                return Some(Alone(self.floor));
            }
            drop(state);
            desk.wait(news);
        }
    }

    fn is_stopping(&self, after: Duration) -> bool {
        if !self.stop.is_set() && self.floor.heeds_signals {
            // the signal that ended a child process may be on its way to this one
            std::thread::sleep((after / 4).min(SIGNAL_TAKES));
            let_arrive(|| self.stop.is_set());
        }
        self.stop.is_set()
    }

    fn interrupt(&self, deadline: Option<Instant>) -> Arc<Interrupt> {
        if deadline.is_none() {
            return self.unlimited.clone();
        }
        let interrupt = Arc::new(Interrupt { stopped: AtomicBool::new(false), deadline });
        self.floor.lock().slots[self.slot].interrupt = interrupt.clone();
        interrupt
    }
}

impl<O: Objective> Around<'_, O> {
    #[inline(never)]
    fn watched_epoch(&self, assignment: &Assignment, epoch: u64, metrics: &Metrics, score: Option<f64>) {
        let Assignment { trial, stage, .. } = *assignment;
        let news = EpochNews { trial, stage, epoch, metrics: Cow::Borrowed(metrics), score };
        self.floor.desk.epoch(self.id, news);
    }

    /// As [`alone`](Surroundings::alone), with everything written that ended before: should the process end
    /// now, it is clear what it was training.
    pub(super) fn alone_and_written(&self) -> Option<Alone<'_, O>> {
        let guard = self.alone()?;
        let Floor { desk, .. } = self.floor;
        loop {
            let news = desk.news();
            if self.stop.is_set() {
                return None;
            }
            if desk.is_settled() {
                return Some(guard);
            }
            desk.wait(news);
        }
    }
}

/// While this lives, no other worker begins a trial.
pub(super) struct Alone<'a, O: Objective>(&'a Floor<O>);

impl<O: Objective> Drop for Alone<'_, O> {
    fn drop(&mut self) {
        self.0.lock().alone = None;
        self.0.desk.wake();
    }
}
