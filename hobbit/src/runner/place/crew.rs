//! The threads of workers.

use std::sync::{Arc, Weak};

use super::floor::Floor;
use super::worker::work;
use crate::objective::Objective;
use crate::runner::machine::cores;

/// The pools in which workers run, for as long as they do.
pub(super) struct Crew {
    _pools: Vec<rayon::ThreadPool>,
}

impl Crew {
    /// Starts workers; the first takes the place `first`.
    ///
    /// Usually there is one pool, with a thread for each worker, which lets a thread outside of any pool run
    /// it. A sweep that is run inside of a pool is different: the thread that waits for its end may be all
    /// that the global pool has. There each worker has a pool with threads to spare, to which its user code's
    /// jobs go.
    pub(super) fn start<O: Objective>(
        floor: &Arc<Floor<O>>,
        first: usize,
        workers: usize,
    ) -> Result<Crew, rayon::ThreadPoolBuildError> {
        let name = move |position| format!("hobbit-worker-{}", first + position);
        if !floor.is_in_pool {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(workers);
            let pool =
                pool.thread_name(move |position| format!("hobbit-pool-{}", first + position)).build()?;
            // the pool lets go of what it is given some time after its work is done
            let floor = Arc::downgrade(floor);
            pool.spawn_broadcast(move |context| {
                let (position, for_thread) = (context.index(), floor.clone());
                let thread = std::thread::Builder::new().name(name(position));
                match thread.spawn(move || work_at(&for_thread, first + position)) {
                    Ok(thread) => drop(thread.join()),
                    // where the system gives no more threads, this one will do
                    Err(_) => work_at(&floor, first + position),
                }
            });
            return Ok(Crew { _pools: vec![pool] });
        }
        let spare = cores().div_ceil(workers).max(2);
        let pools = (0..workers).map(|position| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1 + spare);
            pool.thread_name(move |_| name(position)).build()
        });
        let pools = pools.collect::<Result<Vec<_>, _>>()?;
        for (position, pool) in pools.iter().enumerate() {
            let floor = floor.clone();
            pool.spawn(move || work(floor, first + position));
        }
        Ok(Crew { _pools: pools })
    }
}

/// Works on a floor, which is there for as long as any worker is missing.
fn work_at<O: Objective>(floor: &Weak<Floor<O>>, slot: usize) {
    if let Some(floor) = floor.upgrade() {
        work(floor, slot);
    }
}
