//! What the workers of a process share: their places, the trials that are paused, and who is trained alone.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::doors::Doors;
use super::evaluate::Evaluator;
use super::paused::Paused;
use super::stage::{Carried, Evaluated, Task};
use crate::error::{Error, Result};
use crate::objective::{Interrupt, Objective};
use crate::runner::configurations::{Made, decode, draw};
use crate::schedule::Assignment;
use crate::space::Root;
use crate::work::{Configuration, Desk, Order, Report};

/// Where workers are at work.
pub(super) struct Floor<O: Objective> {
    pub(super) desk: Arc<dyn Desk>,
    pub(super) evaluator: Evaluator<O>,
    /// The number of this machine.
    pub(super) machine: u32,
    /// The most trials that a worker trains together.
    pub(super) group: usize,
    /// The study's space.
    pub(super) root: Root,
    /// The configurations that were given to the sweep.
    pub(super) given: Vec<Arc<O::Hparams>>,
    /// Where configurations are left for the sweep, if it is in this process.
    pub(super) made: Option<Arc<Made<O::Hparams>>>,
    /// Where this process leaves a trace should user code exit.
    pub(super) trace: Option<File>,
    /// Signals end the sweep.
    pub(super) heeds_signals: bool,
    /// The sweep is run by a thread of a rayon pool.
    pub(super) is_in_pool: bool,
    state: Mutex<State<O>>,
    /// The ends of trials' lives that have been seen. Written under the lock.
    seen: AtomicUsize,
    /// Whoever waits for the last worker to end waits here.
    pub(super) doors: Arc<Doors>,
}

pub(super) struct State<O: Objective> {
    pub(super) slots: Vec<Slot<O>>,
    paused: Paused<O>,
    /// The worker whose trial has to be trained alone.
    pub(super) alone: Option<usize>,
}

/// A worker's place.
pub(super) struct Slot<O: Objective> {
    /// What is being trained, and its attempt.
    pub(super) running: Option<(Assignment, u32)>,
    held: Held<O>,
    pub(super) interrupt: Arc<Interrupt>,
    /// It is stuck in user code and has been given up; what it brings back, if ever, is thrown away.
    pub(super) abandoned: bool,
}

impl<O: Objective> Slot<O> {
    pub(super) fn new() -> Self {
        Slot { running: None, held: Held::new(), interrupt: Arc::default(), abandoned: false }
    }
}

/// The work that a worker has taken and has not begun. Those who have none take it from there.
pub(super) struct Held<O: Objective>(Arc<Mutex<VecDeque<Task<O>>>>);

impl<O: Objective> Held<O> {
    fn new() -> Self {
        Held(Arc::new(Mutex::new(VecDeque::new())))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Task<O>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(super) fn take(&self) -> Option<Task<O>> {
        self.lock().pop_front()
    }

    /// Takes all of them.
    pub(super) fn take_all(&self) -> VecDeque<Task<O>> {
        std::mem::take(&mut *self.lock())
    }

    /// Puts back what was taken, before anything else.
    pub(super) fn put_back(&self, mut tasks: VecDeque<Task<O>>) {
        let mut held = self.lock();
        tasks.append(&mut held);
        *held = tasks;
    }
}

impl<O: Objective> Floor<O> {
    #[expect(clippy::too_many_arguments, reason = "the parts of one workplace")]
    pub(super) fn new(
        desk: Arc<dyn Desk>,
        objective: Arc<O>,
        (machine, workers, group): (u32, usize, usize),
        (root, given): (Root, Vec<Arc<O::Hparams>>),
        made: Option<Arc<Made<O::Hparams>>>,
        trace: Option<File>,
        (heeds_signals, is_in_pool): (bool, bool),
        memory_budget: usize,
    ) -> Self {
        let evaluator = Evaluator { objective, terms: desk.terms().clone() };
        // a worker that is stuck is known by the one trial that it trains
        let group = if evaluator.terms.trial_time_limit.is_some() { 1 } else { group };
        let slots = (0..workers).map(|_| Slot::new()).collect();
        let paused = Paused::new(memory_budget);
        let state = Mutex::new(State { slots, paused, alone: None });
        let (seen, doors) = (AtomicUsize::new(0), Arc::new(Doors::new(workers)));
        Floor {
            desk,
            evaluator,
            machine,
            group,
            root,
            given,
            made,
            trace,
            heeds_signals,
            is_in_pool,
            state,
            seen,
            doors,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<O>> {
        // nothing panics under this lock but a bug, and then the state is still whole
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a worker holds.
    pub(super) fn held(&self, slot: usize) -> Held<O> {
        Held(self.lock().slots[slot].held.0.clone())
    }

    /// Whether workers take one stage at a time: where each is waited for or looked at, nothing is gained by
    /// several.
    pub(super) fn is_single(&self) -> bool {
        self.evaluator.terms.announces || self.evaluator.terms.trial_time_limit.is_some()
    }

    /// A trial's configuration.
    pub(super) fn configuration(&self, order: &Order) -> Result<Arc<O::Hparams>> {
        if order.assignment.stage > 0
            && let Some(made) = self.made.as_ref().and_then(|made| made.get(order.ordinal))
        {
            return Ok(made);
        }
        match &order.configuration {
            Configuration::Drawn => draw(&self.root, order.key, order.trial()),
            Configuration::Point(point) => decode(&self.root, point, order.trial()),
            Configuration::Given => {
                let given = usize::try_from(order.ordinal).ok().and_then(|place| self.given.get(place));
                given.cloned().ok_or_else(|| {
                    Error::study(format!(
                        "trial {} is one of the configurations given to the sweep, which this workplace does not have",
                        order.trial()
                    ))
                })
            }
        }
    }

    /// Begins a stage: of these orders, of what the worker holds, or of what others do. The rest is held. It
    /// is put where `task` is, since it is large. Returns whether there is one, and no other trial has to be
    /// trained alone.
    pub(super) fn start(
        &self,
        slot: usize,
        held: &Held<O>,
        orders: &mut Vec<Order>,
        garbage: &mut Vec<Carried<O>>,
        task: &mut Option<Task<O>>,
    ) -> bool {
        let mut state = self.lock();
        let mut own = held.lock();
        for order in orders.drain(..) {
            let paused = if order.assignment.stage > 0 { state.paused.take(order.ordinal) } else { None };
            let carried = match paused {
                Some(carried) if !carried.is_at(&order) => {
                    garbage.push(carried);
                    None
                }
                paused => paused,
            };
            own.push_back(Task { order, carried, fuses: None });
        }
        if state.alone.is_some_and(|alone| alone != slot) {
            return false;
        }
        *task = own.pop_front();
        drop(own);
        if task.is_none() {
            *task = state.slots.iter().find_map(|other| other.held.take());
        }
        let Some(task) = task else { return false };
        state.slots[slot].running = Some((task.order.assignment, task.order.attempt));
        true
    }

    /// Makes reports of what a worker has trained, and keeps the trials for their next stages. Returns
    /// whether they are wanted: another worker is in its place otherwise.
    pub(super) fn pause(
        &self,
        slot: usize,
        outcomes: &mut Vec<Evaluated<O>>,
        reports: &mut Vec<Report>,
        garbage: &mut Vec<Carried<O>>,
    ) -> bool {
        let mut state = self.lock();
        if state.slots[slot].abandoned {
            return false;
        }
        // it may have to wait for room at the desk
        if self.evaluator.terms.trial_time_limit.is_some() {
            state.slots[slot].interrupt = Arc::default();
        }
        for Evaluated { report, carried } in outcomes.drain(..) {
            match carried {
                Some(carried) if !report.unfinished => {
                    garbage.extend(state.paused.put(carried, self.evaluator.terms.saves));
                }
                carried => garbage.extend(carried),
            }
            reports.push(report);
        }
        true
    }

    /// A worker has nothing to train at the moment.
    pub(super) fn finish(&self, slot: usize) {
        let mut state = self.lock();
        state.slots[slot].running = None;
        let is_awaited = state.alone.is_some();
        drop(state);
        if is_awaited {
            self.desk.wake();
        }
    }

    /// Lets go of the trials whose lives have ended. `ended` is used again and again.
    pub(super) fn release(&self, ended: &mut Vec<u64>, garbage: &mut Vec<Carried<O>>) {
        let known = self.seen.load(Ordering::Acquire);
        ended.clear();
        self.desk.ended(known, ended);
        if ended.is_empty() {
            return;
        }
        let mut state = self.lock();
        // others may have seen some meanwhile
        let now = self.seen.load(Ordering::Acquire);
        let seen = now.saturating_sub(known);
        for &ordinal in ended.iter().skip(seen) {
            garbage.extend(state.paused.take(ordinal));
        }
        self.seen.store(now.max(known + ended.len()), Ordering::Release);
    }

    /// A worker has nothing more to do. Returns whether it counts: if it was abandoned, another one does in its
    /// place.
    pub(super) fn leave(&self, slot: usize) -> bool {
        let mut state = self.lock();
        state.slots[slot].running = None;
        let counts = !state.slots[slot].abandoned;
        drop(state);
        self.desk.wake();
        counts
    }
}
