//! The desk of a worker process: a stand-in for the sweep's, with the orders that were pulled and are not
//! reported yet.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use async_nats::jetstream::message::Acker;
use bytes::Bytes;
use tokio::sync::Notify;

use super::cargo::Cargo;
use super::link::Link;
use super::names::{INLINE, Names, Stage};
use super::wire::{Here, ReportNote, Said, Standing};
use crate::error::{Error, Result};
use crate::repository::{Doing, SavedModel, Shared, SharedFile};
use crate::trial::TrialId;
use crate::work::{Beginning, CheckpointId, Desk, EpochNews, Order, Report, Stop, Taken, Terms, WorkerId};

/// An order's checkpoint, until it is needed.
pub(super) enum Checkpoint {
    /// The bytes of its file; none if there is none.
    Bytes(Bytes),
    Model(Box<SavedModel>),
    /// It is in a file of the study's directory.
    Shared(SharedFile),
    /// Something is wrong with it.
    Broken(String),
}

impl Checkpoint {
    fn none() -> Checkpoint {
        Checkpoint::Bytes(Bytes::new())
    }
}

/// An order that this process has.
pub(super) struct Held {
    order: Order,
    pub(super) acker: Arc<Acker>,
    checkpoint: Checkpoint,
    beginning: Option<Beginning>,
    is_begun: bool,
    /// It is over, and its report is on its way.
    pub(super) is_done: bool,
    /// The latest epoch.
    epoch: u64,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) held: HashMap<Stage, Held>,
    /// Those that nobody has begun.
    ready: VecDeque<Stage>,
    /// How many orders were asked for that have not come.
    asked: usize,
    /// The reports that are on their way, and the bytes of their checkpoints.
    pub(super) sending: usize,
    pub(super) bytes: usize,
    /// The places of trials whose lives have ended.
    ended: Vec<u64>,
    /// What the user should know, to go with the next report.
    notes: Vec<String>,
    failure: Option<Error>,
}

impl State {
    /// How many orders there are that are not done.
    fn active(&self) -> usize {
        self.held.values().filter(|held| !held.is_done).count()
    }

    /// The order of a trial that is not done.
    fn of_trial(&self, trial: TrialId) -> Option<(Stage, &Held)> {
        let mut held = self.held.iter();
        held.find(|((other, _), held)| *other == trial && !held.is_done).map(|(stage, held)| (*stage, held))
    }
}

/// The desk of a worker process.
pub(super) struct Branch {
    /// This one.
    pub(super) me: Weak<Branch>,
    pub(super) link: Arc<Link>,
    pub(super) names: Names,
    terms: Terms,
    /// Which study it is.
    pub(super) study: u32,
    slots: usize,
    /// The study's directory, if checkpoints go through it.
    shared: Mutex<Option<Shared>>,
    stop: Stop,
    /// The sweep is over: nobody waits for reports any more.
    is_over: AtomicBool,
    is_told: AtomicBool,
    has_lost_consumer: AtomicBool,
    pub(super) news: AtomicU64,
    state: Mutex<State>,
    pub(super) changed: Condvar,
    /// There is room for orders.
    pub(super) room: Notify,
    /// Somebody wants to know at once that this process is there.
    pub(super) beat: Notify,
}

impl Branch {
    pub(super) fn new(
        (link, names): (Arc<Link>, Names),
        terms: Terms,
        study: u32,
        slots: usize,
        shared: Option<Shared>,
    ) -> Arc<Branch> {
        Arc::new_cyclic(|me| Branch {
            me: me.clone(),
            link,
            names,
            // so that others see how far it is
            terms: Terms { watches_epochs: true, announces: true, ..terms },
            study,
            slots,
            shared: Mutex::new(shared),
            stop: Stop::new(),
            is_over: AtomicBool::new(false),
            is_told: AtomicBool::new(false),
            has_lost_consumer: AtomicBool::new(false),
            news: AtomicU64::new(0),
            state: Mutex::default(),
            changed: Condvar::new(),
            room: Notify::new(),
            beat: Notify::new(),
        })
    }

    /// The study's directory, if checkpoints go through it.
    fn shared(&self) -> Option<Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Checkpoints go through this directory from now on, or through none.
    pub(super) fn share(&self, shared: Option<Shared>) {
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = shared;
    }

    /// Leaves a large checkpoint in the study's directory, where they go through that.
    fn load_up(&self, (trial, stage): Stage, cargo: Cargo) -> Cargo {
        let (Some(shared), Cargo::Model(model)) = (self.shared(), &cargo) else { return cargo };
        let me = &self.link.me;
        let number = self.news.fetch_add(1, Ordering::Relaxed);
        let trial = trial.to_string().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        // never used twice
        match shared.put(&format!("{trial}-{stage}-{}-{}-{number}", me.pid, me.nonce), model) {
            Ok(file) => Cargo::Shared(file),
            Err(why) => {
                self.note(format!("{why}; the checkpoint goes through the server"));
                cargo
            }
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // nothing panics under this lock
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tell(&self) {
        // with the lock, so that nobody misses it
        let _state = self.lock();
        self.news.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_all();
    }

    /// Nothing more is begun, and what is under way ends with its epoch.
    pub(super) fn leave(&self) {
        self.stop.set();
        self.tell();
    }

    /// Whether the sweep is over.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Whether the sweep stops, so that this process is not missed.
    pub(super) fn is_told_to_stop(&self) -> bool {
        self.is_told.load(Ordering::Relaxed)
    }

    /// The coordinator says how things stand.
    pub(super) fn stand(&self, standing: Standing) {
        if standing == Standing::Open {
            return;
        }
        self.is_told.store(true, Ordering::Relaxed);
        if standing.is_over() {
            self.is_over.store(true, Ordering::Relaxed);
        }
        self.leave();
    }

    /// There is nothing to be done for this process any more.
    pub(super) fn give_up(&self, error: Error) {
        self.is_over.store(true, Ordering::Relaxed);
        self.fail(error);
    }

    /// Whether it is this study that a message is of.
    pub(super) fn is_of(&self, study: u32) -> bool {
        self.study == study
    }

    /// The orders cannot be pulled as they were.
    pub(super) fn lose_consumer(&self) {
        self.has_lost_consumer.store(true, Ordering::Relaxed);
    }

    /// Whether that has happened since this was asked before.
    pub(super) fn lost_consumer(&self) -> bool {
        self.has_lost_consumer.swap(false, Ordering::Relaxed)
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.stop.is_set()
    }

    /// The error that ends this process, if there is one.
    pub(super) fn failure(&self) -> Option<Error> {
        self.lock().failure.take()
    }

    /// How many orders there is room for, which are asked for now.
    pub(super) fn ask(&self) -> usize {
        let mut state = self.lock();
        let taken = state.active() + state.asked;
        let room = if self.is_leaving() { 0 } else { self.slots.saturating_sub(taken) };
        state.asked += room;
        room
    }

    /// This many of the orders that were asked for have come, or will not.
    pub(super) fn answered(&self, orders: usize) {
        let mut state = self.lock();
        state.asked = state.asked.saturating_sub(orders);
    }

    /// An order has come.
    pub(super) fn receive(&self, order: Order, acker: Acker, checkpoint: Checkpoint) {
        let stage = (order.trial(), order.assignment.stage);
        let acker = Arc::new(acker);
        let mut state = self.lock();
        match state.held.get_mut(&stage) {
            // it comes once more after this process was out of reach; the latest delivery is what counts
            Some(held) => held.acker = acker,
            None => {
                let held = Held {
                    order,
                    acker,
                    checkpoint,
                    beginning: None,
                    is_begun: false,
                    is_done: false,
                    epoch: 0,
                };
                state.held.insert(stage, held);
                state.ready.push_back(stage);
            }
        }
        drop(state);
        self.tell();
        self.beat.notify_one();
    }

    /// Trials' lives have ended.
    pub(super) fn add_ended(&self, places: &[u64]) {
        self.lock().ended.extend_from_slice(places);
    }

    /// What to say of this process, and whom to ask for more time.
    pub(super) fn here(&self) -> (Here, Vec<Arc<Acker>>) {
        let state = self.lock();
        let doing =
            state.held.iter().map(|(&(trial, stage), held)| Doing { trial, stage, epoch: held.epoch });
        let here = Here {
            from: self.link.me.clone(),
            slots: self.slots as u32,
            doing: doing.collect(),
            leaves: false,
            refused: self.link.refusal(),
        };
        (here, state.held.values().map(|held| held.acker.clone()).collect())
    }

    pub(super) fn note_of(&self, held: &Held, said: Said, notes: Vec<String>) -> ReportNote {
        ReportNote {
            study: self.study,
            from: self.link.me.clone(),
            assignment: held.order.assignment,
            beginning: held.beginning.clone(),
            said,
            notes,
        }
    }
}

impl Desk for Branch {
    fn terms(&self) -> &Terms {
        &self.terms
    }

    fn stop(&self) -> &Stop {
        &self.stop
    }

    fn take(&self, _: WorkerId, most: usize, orders: &mut Vec<Order>) -> Taken {
        if self.stop.is_set() {
            return Taken::Over;
        }
        let mut state = self.lock();
        let known = orders.len();
        while orders.len() < known + most
            && let Some(stage) = state.ready.pop_front()
        {
            if let Some(held) = state.held.get_mut(&stage) {
                held.is_begun = true;
                orders.push(held.order.clone());
            }
        }
        if orders.len() > known { Taken::Orders } else { Taken::Wait }
    }

    fn begin(&self, _: WorkerId, beginning: Beginning) -> Result<()> {
        let stage = (beginning.assignment.trial, beginning.assignment.stage);
        if let Some(held) = self.lock().held.get_mut(&stage) {
            held.beginning = Some(beginning);
        }
        Ok(())
    }

    fn epoch(&self, _: WorkerId, news: EpochNews<'_>) {
        if let Some(held) = self.lock().held.get_mut(&(news.trial, news.stage)) {
            held.epoch = news.epoch;
            // what it has not been needed for by now, it is not needed for
            held.checkpoint = Checkpoint::none();
        }
    }

    fn hand_in(&self, _: WorkerId, reports: &mut Vec<Report>) {
        for Report { record, model, unfinished, failed_now } in reports.drain(..) {
            let stage = (record.trial, record.stage);
            let model = self.load_up(stage, Cargo::of(model));
            // a large one fills the line, so that an order that is asked for meanwhile may not arrive in time
            let is_small = model.len() <= INLINE;
            let mut state = self.lock();
            let notes = std::mem::take(&mut state.notes);
            let Some(held) = state.held.get_mut(&stage) else { continue };
            held.is_done = is_small;
            let note = self.note_of(held, Said::Outcome { record, unfinished, failed_now }, notes);
            drop(state);
            if is_small {
                // the next order may come while this one is reported
                self.room.notify_one();
                self.send_aside(stage, note, model);
            } else {
                self.link.wait(self.send_and_finish(stage, &note, &model));
            }
        }
    }

    fn give_back(&self, order: Order, _: &str) {
        let stage = (order.trial(), order.assignment.stage);
        let Some(note) = self.lock().held.get(&stage).map(|held| self.note_of(held, Said::Back, Vec::new()))
        else {
            return;
        };
        self.link.wait(self.send_and_finish(stage, &note, &Cargo::none()));
    }

    fn save(&self, model: Box<SavedModel>) {
        let trial = model.state.trial;
        let found = {
            let state = self.lock();
            state.of_trial(trial).map(|(stage, held)| (stage, self.note_of(held, Said::Saved, Vec::new())))
        };
        if let Some((stage, note)) = found {
            let model = self.load_up(stage, Cargo::of(Some(model)));
            // without it, no more is lost than would be without checkpoints within stages
            let _ = self.link.wait(self.try_send(stage, &note, &model, 0));
        }
    }

    fn load(&self, CheckpointId(trial): CheckpointId) -> Result<Option<Box<SavedModel>>, String> {
        let mut state = self.lock();
        let stage = state.of_trial(trial).map(|(stage, _)| stage);
        // it is needed once, and may be large
        let held = match stage {
            Some(stage) => state.held.get_mut(&stage),
            None => None,
        };
        let checkpoint = held.map_or_else(Checkpoint::none, |held| {
            std::mem::replace(&mut held.checkpoint, Checkpoint::none())
        });
        drop(state);
        let model = match checkpoint {
            Checkpoint::Bytes(bytes) if bytes.is_empty() => None,
            Checkpoint::Bytes(bytes) => Some(Box::new(SavedModel::from_bytes(&bytes)?)),
            Checkpoint::Model(model) => Some(model),
            Checkpoint::Shared(file) => match self.shared() {
                Some(shared) => Some(Box::new(shared.load(trial, &file)?)),
                None => {
                    return Err(format!(
                        "the checkpoint of trial {trial} is in a directory that is not shared"
                    ));
                }
            },
            Checkpoint::Broken(why) => return Err(format!("the checkpoint of trial {trial}: {why}")),
        };
        match model {
            Some(model) if model.state.trial != trial => {
                Err(format!("the checkpoint of trial {trial} is of trial {}", model.state.trial))
            }
            model => Ok(model),
        }
    }

    fn forget(&self, CheckpointId(trial): CheckpointId) {
        let mut state = self.lock();
        let stage = state.of_trial(trial).map(|(stage, _)| stage);
        let held = stage.and_then(|stage| state.held.get_mut(&stage));
        let forgotten = held.map(|held| std::mem::replace(&mut held.checkpoint, Checkpoint::none()));
        drop(state);
        // it may be large, and nobody should wait for that
        drop(forgotten);
    }

    fn note(&self, text: String) {
        self.lock().notes.push(text);
    }

    fn fail(&self, error: Error) {
        self.lock().failure.get_or_insert(error);
        self.leave();
    }

    fn news(&self) -> u64 {
        self.news.load(Ordering::Relaxed)
    }

    fn wait(&self, since: u64) {
        let mut state = self.lock();
        while self.news() == since && !self.stop.is_set() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn wake(&self) {
        self.tell();
    }

    fn is_settled(&self) -> bool {
        self.lock().sending == 0
    }

    fn ended(&self, known: usize, places: &mut Vec<u64>) {
        places.extend(self.lock().ended.get(known..).unwrap_or_default());
    }
}
