//! A worker: one long job of rayon's that takes stages of trials from the scheduler until there are none.
//!
//! Because a trial is never a job of a pool itself, no thread can pick up one trial while it waits inside
//! another. And user code runs on a thread that belongs to no pool, so that what it gives to rayon goes to
//! rayon's global pool, of which a sweep occupies no thread: user code may use rayon as it likes, and may
//! wait for it as it likes.

use std::cell::RefCell;
use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use super::around::Around;
use super::clock::Clock;
use super::machine::cores;
use super::panics::catch;
use super::state::{Garbage, Idle, Shared};
use crate::error::Error;
use crate::objective::{Interrupt, Metrics, Objective};
use crate::repository::EXIT;

/// A worker whose stages are over in no time takes as many of them at once as take so long, in seconds, so that workers do not wait for
/// each other's lock.
const AT_ONCE: f64 = 1e-4;
const MOST_AT_ONCE: usize = 64;

/// The pools in which workers run, for as long as they do.
pub(crate) struct Crew {
    _pools: Vec<rayon::ThreadPool>,
}

impl Crew {
    /// Starts workers; the first takes the place `first`.
    ///
    /// Usually there is one pool, with a thread for each worker, which lets a thread outside of any pool run
    /// it. A sweep that is run inside of a pool is different: the thread that waits for its end may be all
    /// that the global pool has. There each worker has a pool with threads to spare, to which its user code's
    /// jobs go.
    pub(crate) fn start<O: Objective>(
        shared: &Arc<Shared<O>>,
        first: usize,
        workers: usize,
    ) -> Result<Crew, rayon::ThreadPoolBuildError> {
        let name = move |position| format!("hobbit-worker-{}", first + position);
        if rayon::current_thread_index().is_none() {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(workers);
            let pool =
                pool.thread_name(move |position| format!("hobbit-pool-{}", first + position)).build()?;
            let shared = shared.clone();
            pool.spawn_broadcast(move |context| {
                let (position, for_thread) = (context.index(), shared.clone());
                let thread = std::thread::Builder::new().name(name(position));
                match thread.spawn(move || work(&for_thread, first + position)) {
                    Ok(thread) => drop(thread.join()),
                    // where the system gives no more threads, this one will do
                    Err(_) => work(&shared, first + position),
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
            let shared = shared.clone();
            pool.spawn(move || work(&shared, first + position));
        }
        Ok(Crew { _pools: pools })
    }
}

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
    /// Set while a worker works.
    static LEAVING: RefCell<Leaving> = const { RefCell::new(Leaving(None)) };
}

/// Works until the sweep is over. `slot` is the worker's place.
fn work<O: Objective>(shared: &Arc<Shared<O>>, slot: usize) {
    let trace = shared.trace.as_ref().and_then(|file| file.try_clone().ok());
    LEAVING.with_borrow_mut(|leaving| leaving.0 = trace);
    let worked = catch(|| work_or_panic(shared, slot));
    LEAVING.with_borrow_mut(|leaving| leaving.0 = None);
    if let Err(reason) = worked {
        // where trials are trained, panics are caught; this was somewhere else
        let mut state = shared.lock();
        state.slots[slot].running = None;
        // if it was abandoned, another one counts in its place
        state.active -= usize::from(!state.slots[slot].abandoned);
        shared.fail(&mut state, Error::study(format!("a worker {reason}")));
    }
}

fn work_or_panic<O: Objective>(shared: &Arc<Shared<O>>, slot: usize) {
    let mut garbage = Garbage::<O>::new();
    let unlimited = Arc::new(Interrupt::default());
    let around = Around { shared, slot, watched: shared.watches_epochs(), unlimited: &unlimited };
    let (mut outcomes, mut metrics, mut at_once) = (Vec::new(), Metrics::new(), 1);
    let mut state = shared.lock();
    let held = state.slots[slot].held.clone();
    'working: loop {
        let first = match shared.next(&mut state, slot, &mut garbage) {
            Ok(task) => task,
            Err(Idle::Over) => break,
            Err(Idle::Wait) if garbage.is_empty() => {
                state = shared.wait_for_work(state);
                continue;
            }
            Err(Idle::Wait) => {
                drop(state);
                discard(&mut garbage);
                state = shared.lock();
                continue;
            }
        };
        shared.fill(&mut state, slot, at_once - 1, &mut garbage);
        state.slots[slot].running = Some(first.assignment);
        drop(state);
        discard(&mut garbage);

        let mut clock = Clock::new();
        let mut seconds = 0.0;
        let (mut next, mut locked) = (Some(first), None);
        while let Some(mut task) = next {
            if task.hparams.is_none() {
                // what is wrong with it is found out by who trains it
                task.hparams = shared.evaluator.configurations.get(task.assignment.trial).ok();
            }
            let alone = if task.suspect { around.alone_and_written() } else { None };
            if task.suspect && alone.is_none() {
                // it is trained when the sweep is continued
                outcomes.push(Ok(None));
                break;
            }
            if shared.announces()
                && task.deaths.is_none()
                && let Some(hparams) = task.hparams.clone()
                && let Err(error) = shared.announce(&task, &hparams)
            {
                outcomes.push(Err(error));
                break;
            }
            if shared.singly() {
                clock.look();
            }
            let evaluated = shared.evaluator.evaluate(task, &mut metrics, &mut clock, &around);
            // before the lock is taken, which it needs
            drop(alone);
            let go_on = match &evaluated {
                Ok(Some(evaluated)) => {
                    seconds += evaluated.record.seconds;
                    seconds < AT_ONCE && !shared.is_stopping()
                }
                _ => false,
            };
            outcomes.push(evaluated);
            // while another worker has the lock, what is held is done meanwhile
            if outcomes.len() >= at_once / 2 {
                locked = shared.try_lock();
            }
            next = if go_on && locked.is_none() { held.take() } else { None };
        }
        at_once = ((outcomes.len() as f64 * AT_ONCE / seconds) as usize).clamp(1, MOST_AT_ONCE);

        state = locked.unwrap_or_else(|| if at_once > 1 { shared.lock_soon() } else { shared.lock() });
        if state.slots[slot].abandoned {
            break;
        }
        state.slots[slot].running = None;
        if state.alone.is_some() {
            shared.wake_workers();
        }
        for evaluated in outcomes.drain(..) {
            match evaluated {
                Err(error) => shared.fail(&mut state, error),
                Ok(None) => break 'working,
                Ok(Some(evaluated)) if shared.durable() => {
                    state = shared.send_outcome(state, Box::new(evaluated))
                }
                Ok(Some(evaluated)) => shared.enter(&mut state, evaluated, &mut garbage),
            }
        }
    }
    // another one is in its place
    let abandoned = state.slots[slot].abandoned;
    drop(state);
    discard(&mut garbage);
    let _ = catch(|| drop(outcomes));
    let _ = catch(|| shared.evaluator.objective.worker_ends());
    if abandoned {
        return;
    }
    let mut state = shared.lock();
    state.active -= 1;
    shared.hurry(&mut state);
    drop(state);
    shared.wake_workers();
}

/// Drops models; a panic in doing so concerns no one any more.
pub(crate) fn discard<O: Objective>(garbage: &mut Garbage<O>) {
    for carried in garbage.drain(..) {
        let _ = catch(|| drop(carried));
    }
}
