//! The sweep's desk as the threads of the coordinator see it: they begin when the reports are read that are
//! there already, and when they have nothing to do, they say so, and get what nobody elsewhere has begun.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::work::{Desk, Order, StandIn, Taken, WorkerId};

/// What the driver and the threads of the coordinator tell each other.
#[derive(Debug, Default)]
pub(super) struct Threads {
    /// They may begin.
    are_open: AtomicBool,
    /// Some have nothing to do.
    is_idle: AtomicBool,
    /// None works any more.
    has_ended: AtomicBool,
}

impl Threads {
    /// They may begin.
    pub(super) fn open(&self) {
        self.are_open.store(true, Ordering::Relaxed);
    }

    /// Whether they may begin: the reports that were there were read, or it took too long.
    pub(super) fn are_open(&self) -> bool {
        self.are_open.load(Ordering::Relaxed)
    }

    /// Whether some have had nothing to do since this was asked before.
    pub(super) fn were_idle(&self) -> bool {
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
    pub(super) threads: Arc<Threads>,
}

impl StandIn for Hall {
    fn desk(&self) -> &dyn Desk {
        &*self.desk
    }

    fn take(&self, worker: WorkerId, most: usize, orders: &mut Vec<Order>) -> Taken {
        if !self.threads.are_open() && !self.desk.stop().is_set() {
            return Taken::Wait;
        }
        let taken = self.desk.take(worker, most, orders);
        if taken == Taken::Wait {
            self.threads.is_idle.store(true, Ordering::Relaxed);
        }
        taken
    }
}
