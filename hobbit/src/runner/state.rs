//! What workers and coordinator share: the scheduler, the ledger, the paused trials, and the mail between them.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Instant;

use super::descriptions::{describe, point};
use super::evaluate::{Carried, Evaluated, Evaluator, Scored, Task};
use super::failures::Failures;
use super::ledger::Ledger;
use super::paused::Paused;
use crate::error::{Error, Result};
use crate::objective::{Interrupt, Objective};
use crate::observe::Event;
use crate::repository::{Begins, Record, SavedModel, StageRecord, Status, StopReason, Timestamp, Weights};
use crate::schedule::{Ask, Assignment, Scheduler};
use crate::space::{SearchSpace, Value};
use crate::trial::TrialId;

/// The bytes of checkpoints that may wait to be written before workers wait too.
const INBOX_BYTES: usize = 256 << 20;

pub(crate) struct Shared<O: Objective> {
    pub(crate) evaluator: Evaluator<O>,
    pub(crate) weights: Option<Weights>,
    /// The journal, if there is one.
    pub(crate) begins: Option<Begins>,
    /// Where this process leaves a trace should user code exit.
    pub(crate) trace: Option<File>,
    /// Someone looks on.
    pub(crate) observed: bool,
    pub(crate) deadline: Option<Instant>,
    pub(crate) epoch_budget: Option<u64>,
    pub(crate) target: Option<f64>,
    /// Signals end the sweep.
    pub(crate) heeds_signals: bool,
    state: Mutex<State<O>>,
    /// Workers wait here for work, and for room in the inbox.
    work: Condvar,
    /// The coordinator waits here for mail.
    news: Condvar,
    stopping: AtomicBool,
    /// Those trained so far, if a budget limits them.
    pub(super) epochs: AtomicU64,
}

pub(crate) struct State<O: Objective> {
    pub(crate) scheduler: Box<dyn Scheduler>,
    pub(crate) ledger: Ledger<O::Hparams>,
    /// Outcomes of earlier processes that have not been replayed yet.
    pub(crate) known: HashMap<(TrialId, u32), StageRecord>,
    /// The ends of trials that the journal has and that have not been replayed yet.
    pub(crate) known_ends: HashMap<TrialId, Status>,
    /// The ends of trials that the journal does not have yet.
    pub(crate) ends: Vec<(TrialId, Status)>,
    /// The trials that have a checkpoint.
    pub(crate) on_disk: HashSet<TrialId>,
    /// The stages during which the process ended too often, with how often it did: they have failed.
    pub(crate) culprits: HashMap<(TrialId, u32), u32>,
    /// The stages that may have ended the process: they are trained alone.
    pub(crate) suspects: HashSet<(TrialId, u32)>,
    pub(crate) paused: Paused<O>,
    pub(crate) inbox: Vec<Message<O>>,
    pub(crate) inbox_bytes: usize,
    /// The outcomes that were sent and do not count yet.
    pub(crate) unwritten: usize,
    /// When the first stage began of which the disk may not know yet that it did.
    pub(crate) begun: Option<Instant>,
    /// The outcomes in the inbox, by repetition and bracket.
    pub(crate) waiting: HashMap<(u32, u32), u32>,
    /// Somebody waits for the coordinator.
    pub(crate) urgent: bool,
    pub(crate) slots: Vec<Slot<O>>,
    /// The worker whose trial has to be trained alone.
    pub(crate) alone: Option<usize>,
    /// The workers that have not ended.
    pub(crate) active: usize,
    pub(crate) stop: Option<StopReason>,
    /// The signal that arrived, if one did.
    pub(crate) signal: Option<StopReason>,
    pub(crate) fatal: Option<Error>,
    pub(crate) failures: Failures,
}

/// A worker's place.
pub(crate) struct Slot<O: Objective> {
    pub(crate) running: Option<Assignment>,
    pub(crate) held: Held<O>,
    pub(crate) interrupt: Arc<Interrupt>,
    /// It is stuck in user code and has been given up; what it brings back, if ever, is thrown away.
    pub(crate) abandoned: bool,
}

impl<O: Objective> Slot<O> {
    pub(crate) fn new() -> Self {
        Slot { running: None, held: Held::new(), interrupt: Arc::default(), abandoned: false }
    }
}

/// The work that a worker has taken and has not begun. Those who have none take it from there.
pub(crate) struct Held<O: Objective>(Arc<Mutex<VecDeque<Task<O>>>>);

impl<O: Objective> Clone for Held<O> {
    fn clone(&self) -> Self {
        Held(self.0.clone())
    }
}

impl<O: Objective> Held<O> {
    fn new() -> Self {
        Held(Arc::new(Mutex::new(VecDeque::new())))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Task<O>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn take(&self) -> Option<Task<O>> {
        self.lock().pop_front()
    }
}

/// Mail to the coordinator.
pub(crate) enum Message<O: Objective> {
    Event(Event),
    /// An outcome that has to be durable before it counts.
    Outcome(Box<Evaluated<O>>),
    /// A checkpoint from within a stage.
    Checkpoint(Box<SavedModel>),
    /// Weights that are no longer needed.
    Remove(TrialId),
}

/// Why a worker gets no work.
pub(crate) enum Idle {
    /// There may be some later.
    Wait,
    Over,
}

/// Models whose time is over, to be dropped outside of the lock.
pub(crate) type Garbage<O> = Vec<Carried<O>>;

impl<O: Objective> Shared<O> {
    pub(crate) fn new(evaluator: Evaluator<O>, state: State<O>) -> Self {
        Shared {
            evaluator,
            weights: None,
            begins: None,
            trace: None,
            observed: false,
            deadline: None,
            epoch_budget: None,
            target: None,
            heeds_signals: false,
            state: Mutex::new(state),
            work: Condvar::new(),
            news: Condvar::new(),
            stopping: AtomicBool::new(false),
            epochs: AtomicU64::new(0),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State<O>> {
        // nothing panics under this lock but a bug, and then the state is still whole
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock, unless somebody has it.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, State<O>>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(state)) => Some(state.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// The lock, for a worker whose stages are over sooner than it could be woken up from a sleep.
    pub(crate) fn lock_soon(&self) -> MutexGuard<'_, State<O>> {
        let tries = (0..100).find_map(|_| {
            std::thread::yield_now();
            self.try_lock()
        });
        tries.unwrap_or_else(|| self.lock())
    }

    pub(crate) fn wait_for_work<'a>(&self, mut state: MutexGuard<'a, State<O>>) -> MutexGuard<'a, State<O>> {
        if !state.inbox.is_empty() {
            self.hurry(&mut state);
        }
        self.work.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wait_for_news<'a>(
        &self,
        state: MutexGuard<'a, State<O>>,
        timeout: Option<std::time::Duration>,
    ) -> MutexGuard<'a, State<O>> {
        match timeout {
            Some(timeout) => self.news.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner).0,
            None => self.news.wait(state).unwrap_or_else(PoisonError::into_inner),
        }
    }

    pub(crate) fn wake_workers(&self) {
        self.work.notify_all();
    }

    /// Lets the coordinator read its mail now, instead of when some more has gathered.
    pub(crate) fn hurry(&self, state: &mut State<O>) {
        state.urgent = true;
        self.news.notify_one();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Ends the sweep after the epochs under way.
    pub(crate) fn request_stop(&self, state: &mut State<O>, reason: StopReason) {
        if state.stop.is_none() && state.fatal.is_none() {
            state.stop = Some(reason);
        }
        self.stopping.store(true, Ordering::Relaxed);
        self.work.notify_all();
        self.hurry(state);
    }

    /// Ends the sweep with an error.
    pub(crate) fn fail(&self, state: &mut State<O>, error: Error) {
        state.fatal.get_or_insert(error);
        self.stopping.store(true, Ordering::Relaxed);
        self.work.notify_all();
        self.hurry(state);
    }

    /// Whether outcomes have to be written before they count.
    pub(crate) fn durable(&self) -> bool {
        self.weights.is_some()
    }

    /// Whether somebody is told that a stage begins.
    pub(crate) fn announces(&self) -> bool {
        self.observed || self.durable()
    }

    /// Whether workers take one stage at a time: where each is waited for or looked at, nothing is gained by several.
    pub(crate) fn singly(&self) -> bool {
        self.announces() || self.evaluator.trial_time_limit.is_some()
    }

    /// Whether somebody is told of epochs, or one of them may end the sweep.
    pub(crate) fn watches_epochs(&self) -> bool {
        self.observed || self.target.is_some() || self.epoch_budget.is_some() || self.deadline.is_some()
    }

    /// The next work for a worker: what it holds already, then the scheduler's, then what others hold.
    pub(crate) fn next(
        &self,
        state: &mut State<O>,
        slot: usize,
        garbage: &mut Garbage<O>,
    ) -> Result<Task<O>, Idle> {
        self.look_at_limits(state);
        if self.is_stopping() {
            return Err(Idle::Over);
        }
        if state.alone.is_some() {
            return Err(Idle::Wait);
        }
        if let Some(task) = state.slots[slot].held.take() {
            return Ok(task);
        }
        match self.ask(state, slot, garbage) {
            Err(Idle::Wait) => {
                let taken = state.slots.iter().find_map(|other| other.held.take()).ok_or(Idle::Wait)?;
                Ok(Task { worker: slot as u32, ..taken })
            }
            asked => asked,
        }
    }

    /// Gives a worker more work to hold, so that it has this much, if the scheduler has any.
    pub(crate) fn fill(&self, state: &mut State<O>, slot: usize, count: usize, garbage: &mut Garbage<O>) {
        if self.singly() || count == 0 {
            return;
        }
        let held = state.slots[slot].held.clone();
        let mut held = held.lock();
        while held.len() < count
            && let Ok(task) = self.ask(state, slot, garbage)
        {
            held.push_back(task);
        }
    }

    /// What the scheduler has, after replaying what is known already.
    fn ask(&self, state: &mut State<O>, slot: usize, garbage: &mut Garbage<O>) -> Result<Task<O>, Idle> {
        loop {
            if self.is_stopping() {
                return Err(Idle::Over);
            }
            let assignment = match state.scheduler.ask() {
                Ask::Run(assignment) => assignment,
                Ask::Wait => return Err(Idle::Wait),
                Ask::Done => return Err(Idle::Over),
            };
            let Assignment { trial, stage, from, to } = assignment;
            let configurations = &self.evaluator.configurations;
            let ordinal = configurations.ordinal(trial);
            let so_far = state.ledger.get(ordinal);
            // a trial that was stopped early has had fewer epochs than the plan says
            let had = so_far.filter(|_| stage > 0).map_or(from, |trial| trial.epochs);
            let known = if state.known.is_empty() { None } else { state.known.remove(&(trial, stage)) };
            let known = known.filter(|known| known.is_of(to - from, had));
            if let Some(record) = known {
                match configurations.get(trial) {
                    Ok(hparams) => self.settle(state, Arc::new(record), hparams, None, true, garbage),
                    Err(error) => self.fail(state, error),
                }
                continue;
            }
            // both are empty nearly always
            let deaths =
                if state.culprits.is_empty() { None } else { state.culprits.remove(&(trial, stage)) };
            let suspect = !state.suspects.is_empty() && state.suspects.remove(&(trial, stage));
            let stage_of = |record: &Arc<StageRecord>| (record.reached(), record.to);
            return Ok(Task {
                assignment: Assignment { from: had, to: had + (to - from), ..assignment },
                earlier: so_far
                    .filter(|_| had != from)
                    .map(|trial| trial.records.iter().map(stage_of).collect()),
                hparams: so_far.map(|trial| trial.hparams.clone()),
                score: so_far.and_then(|trial| {
                    let (value, epoch) = trial.score?;
                    Some(Scored { value, epoch, loss: trial.loss })
                }),
                attempt: so_far.map_or(0, |trial| trial.attempt),
                seconds: so_far.map_or(0.0, |trial| trial.seconds),
                carried: state.paused.take(ordinal),
                on_disk: self.durable() && state.on_disk.contains(&trial),
                saved: None,
                worker: slot as u32,
                suspect,
                deaths,
            });
        }
    }

    pub(super) fn look_at_limits(&self, state: &mut State<O>) {
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            self.request_stop(state, StopReason::TimeBudget);
        }
        if self.epoch_budget.is_some_and(|budget| self.epochs.load(Ordering::Relaxed) >= budget) {
            self.request_stop(state, StopReason::EpochBudget);
        }
    }

    /// Lets what came of a stage count, or enters what a stopped sweep has of it.
    pub(crate) fn enter(&self, state: &mut State<O>, evaluated: Evaluated<O>, garbage: &mut Garbage<O>) {
        let Evaluated { record, hparams, carried, bytes, unfinished, .. } = evaluated;
        if unfinished {
            let ordinal = self.evaluator.configurations.ordinal(record.trial);
            if self.observed {
                let (record, hparams) = (record.clone(), hparams.values().into());
                self.send(state, Message::Event(Event::StageLeft { record, hparams }));
            }
            state.ledger.enter(ordinal, record, hparams, true);
            garbage.extend(carried);
        } else {
            let carried = carried.map(|carried| (carried, bytes));
            self.settle(state, record, hparams, carried, false, garbage);
        }
    }

    /// Lets an outcome count: the ledger knows it, the scheduler acts on it.
    fn settle(
        &self,
        state: &mut State<O>,
        record: Arc<StageRecord>,
        hparams: Arc<O::Hparams>,
        carried: Option<(Carried<O>, usize)>,
        replayed: bool,
        garbage: &mut Garbage<O>,
    ) {
        let configurations = &self.evaluator.configurations;
        let done = Assignment { trial: record.trial, stage: record.stage, from: record.from, to: record.to };
        // failures that an earlier process met have been put up with already
        if !replayed && let Some(error) = state.failures.enter(&record) {
            self.fail(state, error);
        }
        if self.observed {
            let hparams = hparams.values().into();
            self.send(state, Message::Event(Event::StageEnded { record: record.clone(), replayed, hparams }));
        }
        let ordinal = configurations.ordinal(done.trial);
        let score = state.ledger.enter(ordinal, record, hparams, false);
        if let Some((carried, bytes)) = carried {
            garbage.extend(state.paused.put(ordinal, carried, bytes, self.evaluator.saves));
        }
        let is_awaited = state.scheduler.missing(done.trial) <= 1;
        for (trial, ended) in state.scheduler.tell(&done, score) {
            let ordinal = configurations.ordinal(trial);
            let (status, removed) = state.ledger.end(ordinal, ended);
            garbage.extend(state.paused.take(ordinal));
            // looking for one in a set takes long, even in an empty one
            let on_disk = &mut state.on_disk;
            if let Some(removed) = removed.filter(|trial| !on_disk.is_empty() && on_disk.remove(trial)) {
                self.send(state, Message::Remove(removed));
            }
            if self.durable() && state.known_ends.remove(&trial).is_none_or(|known| known != status) {
                state.ends.push((trial, status.clone()));
            }
            if self.observed {
                self.send(state, Message::Event(Event::TrialEnded { trial, status }));
            }
        }
        if is_awaited {
            self.work.notify_all();
        }
    }

    /// Sends a message to the coordinator, which reads it when some more have gathered.
    pub(crate) fn send(&self, state: &mut State<O>, message: Message<O>) {
        if state.inbox.is_empty() {
            self.news.notify_one();
        }
        state.inbox.push(message);
    }

    /// Sends an outcome to be written, and waits while too much is waiting.
    pub(crate) fn send_outcome<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<O>>,
        outcome: Box<Evaluated<O>>,
    ) -> MutexGuard<'a, State<O>> {
        state.inbox_bytes += outcome.saved.as_ref().map_or(0, |saved| saved.bytes());
        let trial = outcome.record.trial;
        self.send(&mut state, Message::Outcome(outcome));
        state.unwritten += 1;
        let waiting = state.waiting.entry((trial.iteration, trial.bracket)).or_insert(0);
        *waiting += 1;
        // the bracket can go on
        if *waiting >= state.scheduler.missing(trial) {
            self.hurry(&mut state);
        }
        while state.inbox_bytes > INBOX_BYTES && !self.is_stopping() {
            state = self.wait_for_work(state);
        }
        state
    }

    /// Tells that a stage begins: the journal at once, so that it is known of should the process end now, and
    /// those who look on.
    ///
    /// # Errors
    /// The journal could not be written.
    pub(crate) fn announce(&self, task: &Task<O>, hparams: &Arc<O::Hparams>) -> Result<()> {
        let Assignment { trial, stage, from, to } = task.assignment;
        let (values, worker): (Vec<(String, Value)>, _) = (hparams.values(), task.worker);
        let event = self.observed.then(|| {
            let hparams = values.as_slice().into();
            Message::Event(Event::StageStarted { trial, stage, from, to, worker, hparams })
        });
        if let Some(begins) = &self.begins {
            let Evaluator { objective, configurations, .. } = &self.evaluator;
            let model = match stage {
                0 => describe(&**objective, hparams, configurations.epochs(trial)),
                _ => BTreeMap::new(),
            };
            let point = if stage == 0 { point(&**hparams) } else { None };
            let hparams = if stage == 0 { values } else { Vec::new() };
            let time = Timestamp::now();
            begins.write(&Record::Started {
                time,
                trial,
                stage,
                worker,
                machine: 0,
                hparams,
                model,
                point,
            })?;
        }
        let mut state = self.lock();
        if let Some(event) = event {
            self.send(&mut state, event);
        }
        if self.begins.is_some() && state.begun.is_none() {
            // the coordinator sees to it that the disk knows before long
            state.begun = Some(Instant::now());
            self.news.notify_one();
        }
        Ok(())
    }
}
