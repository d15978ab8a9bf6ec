//! A worker's view of the sweep: what an evaluation asks of it, and tells it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::evaluate::Surroundings;
use super::state::{Message, Shared, Slot};
use crate::objective::{Interrupt, Metrics, Objective};
use crate::observe::Event;
use crate::repository::{SavedModel, StopReason};
use crate::schedule::Assignment;

/// How long a signal may take that others have got already.
const SIGNAL_TAKES: Duration = Duration::from_millis(25);

/// A worker's view of the sweep while it evaluates.
pub(crate) struct Around<'a, O: Objective> {
    pub(crate) shared: &'a Shared<O>,
    pub(crate) slot: usize,
    /// Somebody is told of epochs, or one of them may end the sweep.
    pub(crate) watched: bool,
    /// For trials without a time limit, which nothing interrupts.
    pub(crate) unlimited: &'a Arc<Interrupt>,
}

impl<O: Objective> Surroundings<O> for Around<'_, O> {
    fn load(&self, assignment: &Assignment) -> Option<SavedModel> {
        match self.shared.weights.as_ref()?.load(assignment.trial) {
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
        self.shared.is_stopping()
    }

    fn save(&self, model: SavedModel) {
        self.shared.send(&mut self.shared.lock(), Message::Checkpoint(Box::new(model)));
    }

    fn note(&self, text: String) {
        if self.shared.observed {
            self.shared.send(&mut self.shared.lock(), Message::Event(Event::Note(text)));
        }
    }

    fn alone(&self) -> Option<impl Drop> {
        let mut state = self.shared.lock();
        // it is not being trained while it waits, and others may wait for that
        let running = state.slots[self.slot].running.take();
        self.shared.wake_workers();
        while !self.shared.is_stopping() {
            let claimed = *state.alone.get_or_insert(self.slot) == self.slot;
            let is_busy = |slot: &Slot<O>| slot.running.is_some() && !slot.abandoned;
            if claimed && !state.slots.iter().any(is_busy) {
                state.slots[self.slot].running = running;
                return Some(Alone(self));
            }
            state = self.shared.wait_for_work(state);
        }
        state.slots[self.slot].running = running;
        state.alone.take_if(|slot| *slot == self.slot);
        None
    }

    fn is_stopping(&self, after: Duration) -> bool {
        let shared = self.shared;
        if !shared.is_stopping() && shared.heeds_signals {
            // the signal that ended a child process may be on its way to this one
            std::thread::sleep((after / 4).min(SIGNAL_TAKES));
        }
        shared.is_stopping()
    }

    fn interrupt(&self, deadline: Option<Instant>) -> Arc<Interrupt> {
        if deadline.is_none() {
            return self.unlimited.clone();
        }
        let interrupt = Arc::new(Interrupt { stopped: AtomicBool::new(false), deadline });
        self.shared.lock().slots[self.slot].interrupt = interrupt.clone();
        interrupt
    }
}

impl<O: Objective> Around<'_, O> {
    /// Tells the observers, and looks whether this epoch ends the sweep.
    #[inline(never)]
    fn watched_epoch(&self, assignment: &Assignment, epoch: u64, metrics: &Metrics, score: Option<f64>) {
        let shared = self.shared;
        if shared.observed {
            let Assignment { trial, stage, .. } = *assignment;
            let event = Event::Epoch { trial, stage, epoch, metrics: metrics.clone() };
            shared.send(&mut shared.lock(), Message::Event(event));
        }
        let direction = shared.evaluator.direction;
        let reached = |target: f64| score.is_some_and(|score| !direction.better(target, score));
        // counted only if it matters: all workers write to this one number
        let spent = |budget| shared.epochs.fetch_add(1, Ordering::Relaxed) + 1 >= budget;
        let over = shared.epoch_budget.is_some_and(spent)
            || shared.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if shared.target.is_some_and(reached) {
            shared.request_stop(&mut shared.lock(), StopReason::TargetReached);
        } else if over {
            shared.look_at_limits(&mut shared.lock());
        }
    }
}

impl<O: Objective> Around<'_, O> {
    /// As [`alone`](Surroundings::alone), with everything written that ended before: should the process end
    /// now, it is clear what it was training.
    pub(crate) fn alone_and_written(&self) -> Option<impl Drop> {
        let guard = self.alone()?;
        let mut state = self.shared.lock();
        while state.unwritten > 0 && !self.shared.is_stopping() {
            state = self.shared.wait_for_work(state);
        }
        // the guard needs the lock
        drop(state);
        (!self.shared.is_stopping()).then_some(guard)
    }
}

/// While this lives, no other worker begins a trial.
struct Alone<'a, O: Objective>(&'a Around<'a, O>);

impl<O: Objective> Drop for Alone<'_, O> {
    fn drop(&mut self) {
        self.0.shared.lock().alone = None;
        self.0.shared.wake_workers();
    }
}
