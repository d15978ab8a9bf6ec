//! The sweep's desk as the threads of the coordinator see it: when they have nothing to do, they say so, and
//! get what nobody elsewhere has begun.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::repository::SavedModel;
use crate::work::{Beginning, CheckpointId, Desk, EpochNews, Order, Report, Stop, Taken, Terms, WorkerId};

/// What the threads of the coordinator tell the driver.
#[derive(Debug, Default)]
pub(super) struct Idle {
    /// Some have nothing to do.
    is_idle: AtomicBool,
    /// None works any more.
    has_ended: AtomicBool,
}

impl Idle {
    /// Whether some have had nothing to do since this was asked before.
    pub(super) fn take(&self) -> bool {
        self.is_idle.swap(false, Ordering::Relaxed)
    }

    pub(super) fn end(&self) {
        self.has_ended.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }
}

/// The sweep's desk, for threads of its own process.
pub(super) struct Hall {
    pub(super) desk: Arc<dyn Desk>,
    pub(super) idle: Arc<Idle>,
}

impl Desk for Hall {
    fn terms(&self) -> &Terms {
        self.desk.terms()
    }

    fn stop(&self) -> &Stop {
        self.desk.stop()
    }

    fn take(&self, worker: WorkerId, most: usize, orders: &mut Vec<Order>) -> Taken {
        let taken = self.desk.take(worker, most, orders);
        if taken == Taken::Wait {
            self.idle.is_idle.store(true, Ordering::Relaxed);
        }
        taken
    }

    fn begin(&self, worker: WorkerId, beginning: Beginning) -> Result<()> {
        self.desk.begin(worker, beginning)
    }

    fn epoch(&self, worker: WorkerId, news: EpochNews<'_>) {
        self.desk.epoch(worker, news);
    }

    fn hand_in(&self, worker: WorkerId, reports: &mut Vec<Report>) {
        self.desk.hand_in(worker, reports);
    }

    fn give_back(&self, order: Order, why: &str) {
        self.desk.give_back(order, why);
    }

    fn save(&self, model: Box<SavedModel>) {
        self.desk.save(model);
    }

    fn load(&self, checkpoint: CheckpointId) -> Result<Option<Box<SavedModel>>, String> {
        self.desk.load(checkpoint)
    }

    fn note(&self, text: String) {
        self.desk.note(text);
    }

    fn fail(&self, error: Error) {
        self.desk.fail(error);
    }

    fn news(&self) -> u64 {
        self.desk.news()
    }

    fn wait(&self, since: u64) {
        self.desk.wait(since);
    }

    fn wake(&self) {
        self.desk.wake();
    }

    fn is_settled(&self) -> bool {
        self.desk.is_settled()
    }

    fn is_busy(&self) -> bool {
        self.desk.is_busy()
    }

    fn ended(&self, known: usize, places: &mut Vec<u64>) {
        self.desk.ended(known, places);
    }
}
