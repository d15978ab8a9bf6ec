//! The threads that wait for what is told, as a workplace: a [`LocalPool`] whose idle workers are known.

use std::sync::Arc;

use super::Asking;
use super::counter::Counter;
use crate::error::Result;
use crate::runner::LocalPool;
use crate::space::SearchSpace;
use crate::work::{Desk, Order, StandIn, Taken, WorkerId, Workplace};

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

impl<H: Send + Sync> StandIn for Watched<H> {
    fn desk(&self) -> &dyn Desk {
        &*self.desk
    }

    fn take(&self, worker: WorkerId, most: usize, orders: &mut Vec<Order>) -> Taken {
        WORKER.set(Some(worker));
        // each of them is to be seen
        self.desk.take(worker, most.min(1), orders)
    }

    fn wait(&self, since: u64) {
        let worker = WORKER.get();
        worker.inspect(|&worker| self.counter.idle(worker, Some(since)));
        self.desk.wait(since);
        worker.inspect(|&worker| self.counter.idle(worker, None));
    }
}
