//! The desk of a worker process: a stand-in for the sweep's, with the orders that were pulled and are not
//! reported yet.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::message::Acker;
use bytes::Bytes;
use tokio::sync::Notify;

use super::blobs;
use super::link::{Link, tokio_timeout};
use super::names::Names;
use super::wire::{self, Here, ReportNote, Said, Standing};
use crate::error::{Error, Result};
use crate::repository::{Doing, SavedModel};
use crate::trial::TrialId;
use crate::work::{Beginning, CheckpointId, Desk, EpochNews, Order, Report, Stop, Taken, Terms, WorkerId};

/// How long after it failed something is tried again.
const RETRY: Duration = Duration::from_millis(300);
/// How often it is tried to tell the server that an order is done. Otherwise somebody else does it again.
const ACKS: usize = 2;
/// How long what is left is told before the process leaves all the same.
const FAREWELL: Duration = Duration::from_secs(10);

/// A stage of a trial.
pub(super) type Stage = (TrialId, u32);

/// An order that this process has.
struct Held {
    order: Order,
    acker: Arc<Acker>,
    /// The bytes of its checkpoint.
    checkpoint: Bytes,
    beginning: Option<Beginning>,
    is_begun: bool,
    /// The latest epoch.
    epoch: u64,
}

#[derive(Default)]
struct State {
    held: HashMap<Stage, Held>,
    /// Those that nobody has begun.
    ready: VecDeque<Stage>,
    /// How many orders were asked for that have not come.
    asked: usize,
    /// The places of trials whose lives have ended.
    ended: Vec<u64>,
    /// What the user should know, to go with the next report.
    notes: Vec<String>,
    failure: Option<Error>,
}

/// The desk of a worker process.
pub(super) struct Branch {
    pub(super) link: Arc<Link>,
    pub(super) names: Names,
    terms: Terms,
    /// Which study it is.
    study: u32,
    slots: usize,
    stop: Stop,
    /// The sweep is over: nobody waits for reports any more.
    is_over: AtomicBool,
    is_told: AtomicBool,
    has_lost_consumer: AtomicBool,
    news: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
    /// There is room for orders.
    pub(super) room: Notify,
    /// Somebody wants to know at once that this process is there.
    pub(super) beat: Notify,
}

impl Branch {
    pub(super) fn new(link: Arc<Link>, names: Names, terms: Terms, study: u32, slots: usize) -> Branch {
        Branch {
            link,
            names,
            // so that others see how far it is
            terms: Terms { watches_epochs: true, announces: true, ..terms },
            study,
            slots,
            stop: Stop::new(),
            is_over: AtomicBool::new(false),
            is_told: AtomicBool::new(false),
            has_lost_consumer: AtomicBool::new(false),
            news: AtomicU64::new(0),
            state: Mutex::default(),
            changed: Condvar::new(),
            room: Notify::new(),
            beat: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // nothing panics under this lock
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
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
        if standing == Standing::Over {
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
        let taken = state.held.len() + state.asked;
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
    pub(super) fn receive(&self, order: Order, acker: Acker, checkpoint: Bytes) {
        let stage = (order.trial(), order.assignment.stage);
        let acker = Arc::new(acker);
        let mut state = self.lock();
        match state.held.get_mut(&stage) {
            // it comes once more after this process was out of reach; the latest delivery is what counts
            Some(held) => held.acker = acker,
            None => {
                let held = Held { order, acker, checkpoint, beginning: None, is_begun: false, epoch: 0 };
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
        };
        (here, state.held.values().map(|held| held.acker.clone()).collect())
    }

    fn note_of(&self, held: &Held, said: Said, notes: Vec<String>) -> ReportNote {
        ReportNote {
            study: self.study,
            from: self.link.me.clone(),
            assignment: held.order.assignment,
            beginning: held.beginning.clone(),
            said,
            notes,
        }
    }

    /// Sends a report until it has arrived, or the sweep is over. Returns whether it has.
    async fn send(&self, stage: Stage, note: &ReportNote, model: &[u8]) -> bool {
        let mut attempt = 0_u32;
        while !self.is_over() {
            attempt += 1;
            match self.try_send(stage, note, model, attempt).await {
                Ok(()) => return true,
                // the server is away, or was wiped: then the coordinator makes anew what is missing
                Err(_) => tokio::time::sleep(RETRY).await,
            }
        }
        false
    }

    async fn try_send(
        &self,
        (trial, stage): Stage,
        note: &ReportNote,
        model: &[u8],
        attempt: u32,
    ) -> Result<(), String> {
        let Link { js, me, .. } = &*self.link;
        let (mut headers, content) = wire::encode(note, model)?;
        // never used twice
        let blob = format!(
            "{trial}-{stage}-{}-{}-{}-{attempt}",
            me.pid,
            me.nonce,
            self.news.fetch_add(1, Ordering::Relaxed)
        );
        let content = blobs::wrap(js, &self.names, &blob, &mut headers, content).await?;
        let sent = async {
            js.publish_with_headers(self.names.report((trial, stage)), headers, content.into()).await?.await
        };
        match tokio_timeout(Duration::from_secs(10), sent).await {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(error.to_string()),
            None => Err("it took too long".to_owned()),
        }
    }

    /// Sends a report, and says that its order is done.
    async fn send_and_finish(&self, stage: Stage, note: &ReportNote, model: &[u8]) {
        if self.send(stage, note, model).await {
            let acker = self.lock().held.get(&stage).map(|held| held.acker.clone());
            for _ in 0..ACKS {
                let Some(acker) = &acker else { break };
                if let Some(Ok(())) = tokio_timeout(Duration::from_secs(5), acker.double_ack()).await {
                    break;
                }
            }
        }
        self.lock().held.remove(&stage);
        self.room.notify_one();
    }

    /// Hands back what nobody reports on any more.
    pub(super) fn hand_back(&self) {
        let left: Vec<(Stage, ReportNote)> = {
            let state = self.lock();
            state
                .held
                .iter()
                .map(|(&stage, held)| (stage, self.note_of(held, Said::Back, Vec::new())))
                .collect()
        };
        let hand_back = async {
            for (stage, note) in &left {
                self.send_and_finish(*stage, note, &[]).await;
            }
        };
        let _ = self.link.wait(tokio_timeout(FAREWELL, hand_back));
    }

    /// Reports that an order has failed before anything of it was trained.
    pub(super) async fn refuse(
        &self,
        order: &Order,
        acker: &Acker,
        record: Arc<crate::repository::StageRecord>,
    ) {
        let note = ReportNote {
            study: self.study,
            from: self.link.me.clone(),
            assignment: order.assignment,
            beginning: None,
            said: Said::GivenUp(record),
            notes: Vec::new(),
        };
        if self.send((order.trial(), order.assignment.stage), &note, &[]).await {
            let _ = tokio_timeout(Duration::from_secs(5), acker.double_ack()).await;
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
        }
    }

    fn hand_in(&self, _: WorkerId, reports: &mut Vec<Report>) {
        for Report { record, model, unfinished, failed_now } in reports.drain(..) {
            let stage = (record.trial, record.stage);
            let mut state = self.lock();
            let notes = std::mem::take(&mut state.notes);
            let Some(held) = state.held.get(&stage) else { continue };
            let note = self.note_of(held, Said::Outcome { record, unfinished, failed_now }, notes);
            drop(state);
            // a model that no file can hold was found out when it was saved
            let model = model.and_then(|model| model.to_bytes().ok()).unwrap_or_default();
            self.link.wait(self.send_and_finish(stage, &note, &model));
        }
    }

    fn give_back(&self, order: Order, _: &str) {
        let stage = (order.trial(), order.assignment.stage);
        let Some(note) = self.lock().held.get(&stage).map(|held| self.note_of(held, Said::Back, Vec::new()))
        else {
            return;
        };
        self.link.wait(self.send_and_finish(stage, &note, &[]));
    }

    fn save(&self, model: Box<SavedModel>) {
        let trial = model.state.trial;
        let found = {
            let state = self.lock();
            let held = state.held.iter().find(|((other, _), _)| *other == trial);
            held.map(|(&stage, held)| (stage, self.note_of(held, Said::Saved, Vec::new())))
        };
        if let (Some((stage, note)), Ok(bytes)) = (found, model.to_bytes()) {
            // without it, no more is lost than would be without checkpoints within stages
            let _ = self.link.wait(self.try_send(stage, &note, &bytes, 0));
        }
    }

    fn load(&self, CheckpointId(trial): CheckpointId) -> Result<Option<Box<SavedModel>>, String> {
        let state = self.lock();
        let held = state.held.iter().find(|((other, _), _)| *other == trial);
        let bytes = held.map(|(_, held)| held.checkpoint.clone()).filter(|bytes| !bytes.is_empty());
        drop(state);
        bytes.map(|bytes| SavedModel::from_bytes(&bytes).map(Box::new)).transpose()
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
        // of this process, every report is in before its worker goes on
        true
    }

    fn ended(&self, known: usize, places: &mut Vec<u64>) {
        places.extend(self.lock().ended.get(known..).unwrap_or_default());
    }
}
