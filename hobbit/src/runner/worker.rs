//! A worker: one long task of the pool that takes stages of trials from the scheduler until there are none.
//!
//! Because a trial is never a task of the pool itself, the pool's threads cannot pick up one trial while they wait inside
//! another; user code may use rayon as it likes.

use std::sync::Arc;

use super::around::Around;
use super::clock::Clock;
use super::panics::catch;
use super::state::{Garbage, Idle, Shared};
use crate::objective::{Interrupt, Metrics, Objective};

/// A worker whose stages are over in no time takes as many of them at once as take so long, in seconds, so that workers do not wait for
/// each other's lock.
const AT_ONCE: f64 = 1e-4;
const MOST_AT_ONCE: usize = 64;

/// Works until the sweep is over. `slot` is the worker's place.
pub(crate) fn work<O: Objective>(shared: &Arc<Shared<O>>, slot: usize) {
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
                task.hparams = shared.evaluator.configurations.get(task.assignment.trial).ok();
            }
            if shared.announces()
                && let Some(hparams) = task.hparams.clone()
            {
                shared.announce(&mut shared.lock(), &task, &hparams);
            }
            if shared.singly() {
                clock.look();
            }
            let evaluated = shared.evaluator.evaluate(task, &mut metrics, &mut clock, &around);
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
