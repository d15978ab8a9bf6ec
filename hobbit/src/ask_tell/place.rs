//! The threads that wait for what is told, as a workplace: a [`LocalPool`] whose idle workers are known.

use std::sync::Arc;

use super::Asking;
use super::counter::Counter;
use crate::error::{Error, Result};
use crate::repository::{SavedModel, StopReason};
use crate::runner::LocalPool;
use crate::space::SearchSpace;
use crate::work::{
    Beginning, CheckpointId, Desk, EpochNews, Order, Report, Stop, Taken, Terms, WorkerId, Workplace,
};

pub(super) struct Place<H: SearchSpace + Send + Sync + 'static> {
    pub(super) pool: LocalPool<Asking<H>>,
    pub(super) counter: Arc<Counter<H>>,
}

impl<H: SearchSpace + Send + Sync + 'static> Workplace for Place<H> {
    fn width(&self) -> usize {
        self.pool.width()
    }

    fn run(&mut self, desk: Arc<dyn Desk>) -> Result<()> {
        self.counter.open(desk.clone(), self.pool.width());
        self.pool.run(Arc::new(Watched { desk, counter: self.counter.clone() }))
    }
}

/// A desk at which it is seen who waits.
struct Watched<H> {
    desk: Arc<dyn Desk>,
    counter: Arc<Counter<H>>,
}

thread_local! {
    /// The worker that this thread is, once it has asked for work.
    static WORKER: std::cell::Cell<Option<WorkerId>> = const { std::cell::Cell::new(None) };
}

impl<H: Send + Sync> Desk for Watched<H> {
    fn terms(&self) -> &Terms {
        self.desk.terms()
    }

    fn stop(&self) -> &Stop {
        self.desk.stop()
    }

    fn take(&self, worker: WorkerId, most: usize, orders: &mut Vec<Order>) -> Taken {
        WORKER.set(Some(worker));
        // each of them is to be seen
        self.desk.take(worker, most.min(1), orders)
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

    fn end(&self, reason: StopReason) {
        self.desk.end(reason);
    }

    fn news(&self) -> u64 {
        self.desk.news()
    }

    fn wait(&self, since: u64) {
        let worker = WORKER.get();
        worker.inspect(|&worker| self.counter.idle(worker, Some(since)));
        self.desk.wait(since);
        worker.inspect(|&worker| self.counter.idle(worker, None));
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
