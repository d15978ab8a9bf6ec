//! Who is still inside: the workers that have not ended, and whoever waits until none is.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Counts the workers of a floor. It is apart from the floor, so that a worker lets go of everything, the
/// objective included, before it is counted as gone.
pub(super) struct Doors {
    inside: Mutex<usize>,
    gone: Condvar,
}

impl Doors {
    pub(super) fn new(workers: usize) -> Doors {
        Doors { inside: Mutex::new(workers), gone: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker has ended. Returns whether none is left.
    pub(super) fn leave(&self) -> bool {
        let mut inside = self.lock();
        *inside -= 1;
        self.gone.notify_all();
        *inside == 0
    }

    /// Waits until a worker ends, or for so long. Returns whether any is left.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> bool {
        let inside = self.lock();
        if *inside == 0 {
            return false;
        }
        let inside = match timeout {
            Some(timeout) => {
                self.gone.wait_timeout(inside, timeout).unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.gone.wait(inside).unwrap_or_else(PoisonError::into_inner),
        };
        *inside > 0
    }
}
