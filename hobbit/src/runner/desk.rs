//! The desk of a sweep: hands out what its book says, takes reports, and sends mail to the coordinator, all
//! under one lock.

use std::io::Read;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::book::{Book, Next};
use super::config::Config;
use super::limits::Limits;
use super::mailbox::{Mail, Mailbox};
use super::proposals::Proposals;
use crate::error::{Error, Result};
use crate::observe::Event;
use crate::repository::{
    Arrived, Begins, Incoming, Kept, Machine, MachineChange, OpenFile, Record, SavedModel, StageRecord,
    StopReason, Timestamp, Weights,
};
use crate::schedule::Assignment;
use crate::trial::TrialId;
use crate::work::{
    Beginning, CheckpointId, Delivery, Desk, EpochNews, Order, Report, Stop, Taken, Terms, WorkerId,
};

/// The desk of a sweep in this process.
pub(crate) struct SweepDesk {
    config: Arc<Config>,
    /// What the sampler proposes, if there is one.
    proposals: Option<Arc<Proposals>>,
    limits: Limits,
    /// Where models are, if there is a repository: outcomes have to be durable before they count.
    pub(super) weights: Option<Weights>,
    /// The journal, if there is one.
    begins: Option<Begins>,
    stop: Stop,
    /// How much has happened.
    news: AtomicU64,
    /// How many trials' lives have ended.
    ended: AtomicUsize,
    state: Mutex<State>,
    /// Workers wait here for work, and for room in the mailbox.
    work: Condvar,
    /// The coordinator waits here for mail.
    pub(super) mail: Condvar,
}

pub(super) struct State {
    pub(super) book: Book,
    pub(super) mailbox: Mailbox,
    /// Somebody works.
    pub(super) is_open: bool,
    pub(super) stopped: Option<StopReason>,
    /// The signal that arrived, if one did.
    pub(super) signal: Option<StopReason>,
    pub(super) fatal: Option<Error>,
}

impl SweepDesk {
    pub(super) fn new(
        config: Arc<Config>,
        book: Book,
        proposals: Option<Arc<Proposals>>,
        limits: Limits,
        weights: Option<Weights>,
        begins: Option<Begins>,
    ) -> SweepDesk {
        let mailbox = Mailbox::default();
        let state = State { book, mailbox, is_open: true, stopped: None, signal: None, fatal: None };
        SweepDesk {
            config,
            proposals,
            limits,
            weights,
            begins,
            stop: Stop::new(),
            news: AtomicU64::new(0),
            ended: AtomicUsize::new(0),
            state: Mutex::new(state),
            work: Condvar::new(),
            mail: Condvar::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // nothing panics under this lock but a bug, and then the state is still whole
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock, unless somebody has it.
    fn try_lock(&self) -> Option<MutexGuard<'_, State>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(state)) => Some(state.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// The lock, for a worker whose stages are over sooner than it could be woken up from a sleep.
    fn lock_soon(&self) -> MutexGuard<'_, State> {
        let tries = (0..100).find_map(|_| {
            std::thread::yield_now();
            self.try_lock()
        });
        tries.unwrap_or_else(|| self.lock())
    }

    pub(super) fn wait_for_mail<'a>(
        &self,
        state: MutexGuard<'a, State>,
        timeout: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        match timeout {
            Some(timeout) => self.mail.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner).0,
            None => self.mail.wait(state).unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Waits for news, which the coordinator may have to make.
    pub(super) fn wait_for_work<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if !state.mailbox.mail.is_empty() {
            self.hurry(&mut state);
        }
        self.work.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets those look again who wait for work. Called with the lock, so that nobody misses it.
    pub(super) fn wake_workers(&self, _: &State) {
        self.news.fetch_add(1, Ordering::Relaxed);
        self.work.notify_all();
    }

    /// Lets the coordinator read its mail now, instead of when some more has gathered.
    pub(super) fn hurry(&self, state: &mut State) {
        state.mailbox.urgent = true;
        self.mail.notify_one();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.is_set()
    }

    /// Ends the sweep after the epochs under way.
    pub(super) fn request_stop(&self, state: &mut State, reason: StopReason) {
        if state.stopped.is_none() && state.fatal.is_none() {
            state.stopped = Some(reason);
        }
        self.stop_now(state);
    }

    /// Ends the sweep with an error.
    pub(super) fn end_with(&self, state: &mut State, error: Error) {
        state.fatal.get_or_insert(error);
        self.stop_now(state);
    }

    fn stop_now(&self, state: &mut State) {
        self.stop.set();
        self.wake_workers(state);
        self.hurry(state);
    }

    /// Nobody works any more.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_open = false;
        self.hurry(&mut state);
    }

    fn look_at_limits(&self, state: &mut State) {
        if let Some(reason) = self.limits.reached() {
            self.request_stop(state, reason);
        }
    }

    /// Sends a letter to the coordinator, which reads it when some more have gathered.
    pub(super) fn send(&self, state: &mut State, mail: Mail) {
        if state.mailbox.mail.is_empty() {
            self.mail.notify_one();
        }
        state.mailbox.push(mail);
    }

    /// Lets what came of a stage count, or enters what a stopped sweep has of it.
    pub(super) fn enter(&self, state: &mut State, report: Report) {
        let Report { record, unfinished, .. } = report;
        if !unfinished {
            return self.settle(state, record, false);
        }
        if self.config.observed {
            self.send(state, Mail::Left(record.clone()));
        }
        state.book.leave(record);
    }

    /// Keeps an outcome until somebody asks for its stage, or lets it count if somebody has meanwhile.
    pub(super) fn keep(&self, state: &mut State, record: Arc<StageRecord>) {
        if state.book.keep(&record) {
            self.settle(state, record, false);
        }
    }

    /// Lets an outcome count.
    fn settle(&self, state: &mut State, record: Arc<StageRecord>, replayed: bool) {
        let had_mail = !state.mailbox.mail.is_empty();
        let (goes_on, hopeless) = state.book.settle(record, replayed, &mut state.mailbox);
        self.ended.store(state.book.ended().len(), Ordering::Release);
        if !had_mail && !state.mailbox.mail.is_empty() {
            self.mail.notify_one();
        }
        if let Some(error) = hopeless {
            self.end_with(state, error);
        }
        if goes_on {
            self.wake_workers(state);
        }
    }
}

impl Desk for SweepDesk {
    fn terms(&self) -> &Terms {
        &self.config.terms
    }

    fn stop(&self) -> &Stop {
        &self.stop
    }

    fn take(&self, _: WorkerId, most: usize, orders: &mut Vec<Order>) -> Taken {
        let known = orders.len();
        let taken = self.take_drawn(most, orders);
        match &self.proposals {
            Some(proposals) => self.propose(proposals, taken, known, orders),
            None => taken,
        }
    }

    /// The journal knows at once, so that it is clear what was trained should the process end now.
    fn begin(&self, worker: WorkerId, beginning: Beginning) -> Result<()> {
        let Beginning { assignment, hparams, model, point } = beginning;
        let (trial, stage, from, to) = (assignment.trial, assignment.stage, assignment.from, assignment.to);
        let WorkerId { machine, index: worker } = worker;
        let event = self.config.observed.then(|| {
            let hparams = hparams.as_slice().into();
            Mail::Event(Event::StageStarted { trial, stage, from, to, worker, hparams })
        });
        if let Some(begins) = &self.begins {
            let hparams = if stage == 0 { hparams } else { Vec::new() };
            let proposals = self.proposals.as_ref().filter(|_| stage == 0);
            let origin = proposals.and_then(|proposals| proposals.origin(trial));
            let time = Timestamp::now();
            let record =
                Record::Started { time, trial, stage, worker, machine, hparams, model, point, origin };
            begins.write(&record)?;
        }
        let mut state = self.lock();
        if let Some(event) = event {
            self.send(&mut state, event);
        }
        if self.begins.is_some() && state.mailbox.begun.is_none() {
            // the coordinator sees to it that the disk knows before long
            state.mailbox.begun = Some(Instant::now());
            self.mail.notify_one();
        }
        Ok(())
    }

    /// Tells the observers, and looks whether this epoch ends the sweep.
    fn epoch(&self, _: WorkerId, news: EpochNews<'_>) {
        let EpochNews { trial, stage, epoch, metrics, score } = news;
        if self.config.observed {
            let event = Event::Epoch { trial, stage, epoch, metrics: metrics.into_owned() };
            self.send(&mut self.lock(), Mail::Event(event));
        }
        if let Some(reason) = self.limits.epoch(score) {
            self.request_stop(&mut self.lock(), reason);
        }
    }

    fn hand_in(&self, _: WorkerId, reports: &mut Vec<Report>) {
        let mut state = if reports.len() > 1 { self.lock_soon() } else { self.lock() };
        for report in reports.drain(..) {
            state = self.take_in(state, report.into());
        }
    }

    fn hand_in_early(&self, worker: WorkerId, beginning: Beginning, report: Report) -> bool {
        self.take_in_early(worker, beginning, report.into())
    }

    fn incoming(&self, trial: TrialId, bytes: u64) -> Result<Option<Incoming>, String> {
        self.weights.as_ref().map(|weights| weights.incoming(trial, bytes)).transpose()
    }

    fn hand_in_delivery(&self, worker: WorkerId, early: Option<Beginning>, delivery: Delivery) -> bool {
        match early {
            Some(beginning) => self.take_in_early(worker, beginning, delivery),
            None => {
                drop(self.take_in(self.lock(), delivery));
                true
            }
        }
    }

    fn receipt(&self) -> (u64, u64) {
        self.lock().mailbox.receipt()
    }

    fn give_back(&self, order: Order, why: &str) {
        let mut state = self.lock();
        let was_out = self.return_order(&mut state, order.assignment);
        if was_out && self.config.observed && !why.is_empty() {
            let Order { assignment, .. } = order;
            let text = format!("trial {}: {why}; its stage is trained again", assignment.trial);
            self.send(&mut state, Mail::Event(Event::Note(text)));
        }
    }

    fn save(&self, model: Box<SavedModel>) {
        self.keep_within(Kept::Model(model));
    }

    fn save_file(&self, file: Arrived) {
        self.keep_within(Kept::File(Box::new(file)));
    }

    fn load(&self, CheckpointId(trial): CheckpointId) -> Result<Option<Box<SavedModel>>, String> {
        match &self.weights {
            Some(weights) => Ok(weights.load(trial)?.map(Box::new)),
            None => Ok(None),
        }
    }

    fn load_bytes(&self, checkpoint: CheckpointId) -> Result<Option<Vec<u8>>, String> {
        let Some((mut file, _)) = self.open(checkpoint)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Ok(Some(bytes))
    }

    fn open(&self, CheckpointId(trial): CheckpointId) -> Result<Option<OpenFile>, String> {
        self.weights.as_ref().map_or(Ok(None), |weights| weights.open(trial))
    }

    fn note(&self, text: String) {
        if self.config.observed {
            self.send(&mut self.lock(), Mail::Event(Event::Note(text)));
        }
    }

    fn machine(&self, machine: &Machine, change: MachineChange) {
        let Some(begins) = &self.begins else { return };
        let (time, host) = (Timestamp::now(), machine.host.clone());
        let record = Record::Machine { time, machine: machine.number, host, pid: machine.pid, change };
        if let Err(error) = begins.write(&record) {
            self.fail(error);
        }
    }

    fn machines(&self, machines: Vec<Machine>) {
        if let Some(begins) = &self.begins {
            begins.show(&machines);
        }
        if self.config.observed {
            self.send(&mut self.lock(), Mail::Event(Event::Machines(machines.into())));
        }
    }

    fn fail(&self, error: Error) {
        self.end_with(&mut self.lock(), error);
    }

    fn has_failed(&self) -> bool {
        self.lock().fatal.is_some()
    }

    fn end(&self, reason: StopReason) {
        self.request_stop(&mut self.lock(), reason);
    }

    fn news(&self) -> u64 {
        self.news.load(Ordering::Relaxed)
    }

    fn wait(&self, since: u64) {
        let mut state = self.lock();
        while self.news() == since && !self.is_stopping() {
            state = self.wait_for_work(state);
        }
    }

    fn wake(&self) {
        self.wake_workers(&self.lock());
    }

    fn is_settled(&self) -> bool {
        self.lock().mailbox.is_settled()
    }

    fn is_busy(&self) -> bool {
        self.try_lock().is_none()
    }

    fn ended(&self, known: usize, trials: &mut Vec<u64>) {
        // mostly there are none
        if self.ended.load(Ordering::Acquire) <= known {
            return;
        }
        trials.extend(self.lock().book.ended().get(known..).unwrap_or_default());
    }
}

impl SweepDesk {
    /// Adds orders whose configurations are given or drawn, as far as the book knows.
    fn take_drawn(&self, most: usize, orders: &mut Vec<Order>) -> Taken {
        let mut state = if most > 1 { self.lock_soon() } else { self.lock() };
        self.look_at_limits(&mut state);
        let full = orders.len() + most;
        while orders.len() < full {
            if self.is_stopping() {
                return Taken::Over;
            }
            let none = match state.book.next(orders) {
                Next::Ordered => continue,
                Next::Known { record, replayed } => {
                    self.settle(&mut state, Arc::new(record), replayed);
                    continue;
                }
                Next::Wait => Taken::Wait,
                Next::Over => Taken::Over,
            };
            return if orders.len() + most > full { Taken::Orders } else { none };
        }
        Taken::Orders
    }

    /// Completes the orders behind the first `known` with what the sampler proposes. Without the lock, since
    /// it may take long.
    fn propose(&self, proposals: &Proposals, taken: Taken, known: usize, orders: &mut Vec<Order>) -> Taken {
        for order in &mut orders[known..] {
            match proposals.configuration(order.trial()) {
                Ok(configuration) => order.configuration = configuration,
                Err(error) => {
                    self.fail(error);
                    orders.truncate(known);
                    return Taken::Over;
                }
            }
        }
        if let Some(note) = proposals.note() {
            self.note(note);
        }
        taken
    }

    /// Makes a stage available again. Returns whether it was out.
    pub(super) fn return_order(&self, state: &mut State, assignment: Assignment) -> bool {
        let was_out = state.book.give_back(assignment);
        if was_out {
            self.wake_workers(state);
        }
        was_out
    }
}
