//! Code that runs beside a worker, on a thread of its own, and is the worker's all the same: it leaves the
//! same trace if it exits the process, and what it gives to rayon goes where the worker's does.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io;
use std::io::Write;

use crate::repository::EXIT;

/// Leaves a trace when it is dropped: thread locals are when the thread ends, and when user code on it exits
/// the process.
struct Leaving(Option<File>);

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(mut file) = self.0.take() {
            // without it, the process has ended without a word
            let _ = file.write_all(EXIT);
        }
    }
}

thread_local! {
    /// Set while user code runs.
    static LEAVING: RefCell<Leaving> = const { RefCell::new(Leaving(None)) };
    /// The worker has a pool of its own, with threads to spare.
    static IN_POOL: Cell<bool> = const { Cell::new(false) };
}

/// While this lives, the thread is a worker's.
pub(super) struct AtWork(());

impl AtWork {
    pub(super) fn new(trace: Option<File>, in_pool: bool) -> AtWork {
        LEAVING.with_borrow_mut(|leaving| leaving.0 = trace);
        IN_POOL.set(in_pool);
        AtWork(())
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        LEAVING.with_borrow_mut(|leaving| leaving.0 = None);
        IN_POOL.set(false);
    }
}

/// Runs code beside the worker that calls this. From a thread that is no worker's, it simply runs beside it.
///
/// # Errors
/// There are no more threads.
pub(crate) fn aside(name: String, code: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let trace = LEAVING.with_borrow(|leaving| leaving.0.as_ref().and_then(|file| file.try_clone().ok()));
    let in_pool = IN_POOL.get();
    let as_worker = move || {
        let _at_work = AtWork::new(trace, in_pool);
        code();
    };
    if in_pool {
        // a pool of its own, because the worker waits, and would keep those waiting who wait for all threads
        let pool = rayon::ThreadPoolBuilder::new().num_threads(rayon::current_num_threads());
        let pool = pool.thread_name(move |_| name.clone()).build().map_err(io::Error::other)?;
        // its threads end with the code
        pool.spawn(as_worker);
        return Ok(());
    }
    std::thread::Builder::new().name(name).spawn(as_worker).map(drop)
}
