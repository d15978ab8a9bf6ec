//! A worker: one long task of the pool that takes stages of trials from the scheduler until there are none.
//!
//! Because a trial is never a task of the pool itself, the pool's threads cannot pick up one trial while they wait inside
//! another; user code may use rayon as it likes.

use std::sync::Arc;

use super::evaluate::Evaluated;
use super::panics::catch;
use super::state::{Around, Garbage, Next, Shared};
use crate::objective::{Interrupt, Objective};

/// Works until the sweep is over. `slot` is the worker's place.
pub(crate) fn work<O: Objective>(shared: &Arc<Shared<O>>, slot: usize) {
    let mut garbage = Garbage::<O>::new();
    let unlimited = Arc::new(Interrupt::default());
    let mut state = shared.lock();
    loop {
        let next = shared.next(&mut state, slot as u32, &mut garbage);
        let mut task = match next {
            Next::Task(task) => task,
            Next::Over => break,
            Next::Wait if garbage.is_empty() => {
                state = shared.wait_for_work(state);
                continue;
            }
            Next::Wait => {
                drop(state);
                discard(&mut garbage);
                state = shared.lock();
                continue;
            }
        };
        state.slots[slot].running = Some(task.assignment);
        drop(state);
        discard(&mut garbage);

        if task.hparams.is_none() {
            task.hparams = shared.evaluator.configurations.get(task.assignment.trial).ok();
        }
        if (shared.observed || shared.durable())
            && let Some(hparams) = task.hparams.clone()
        {
            shared.announce(&mut shared.lock(), &task, &hparams);
        }
        let evaluated = shared.evaluator.evaluate(*task, &Around { shared, slot, unlimited: &unlimited });

        state = shared.lock();
        if state.slots[slot].abandoned {
            drop(state);
            let _ = catch(|| drop(evaluated));
            return;
        }
        state.slots[slot].running = None;
        if state.alone.is_some() {
            shared.wake_workers();
        }
        match evaluated {
            Err(error) => shared.fail(&mut state, error),
            Ok(None) => break,
            Ok(Some(evaluated)) if shared.durable() => {
                state = shared.send_outcome(state, Box::new(evaluated))
            }
            Ok(Some(evaluated)) => {
                let Evaluated { record, hparams, carried, bytes, unfinished, .. } = evaluated;
                if unfinished {
                    let ordinal = shared.evaluator.configurations.ordinal(record.trial);
                    state.ledger.enter(ordinal, Arc::new(record), hparams, true);
                    garbage.extend(carried);
                } else {
                    let carried = carried.map(|carried| (carried, bytes));
                    shared.settle(&mut state, record, hparams, carried, false, &mut garbage);
                }
            }
        }
    }
    state.active -= 1;
    shared.hurry(&mut state);
    drop(state);
    discard(&mut garbage);
    shared.wake_workers();
}

/// Drops models; a panic in doing so concerns no one any more.
pub(crate) fn discard<O: Objective>(garbage: &mut Garbage<O>) {
    for carried in garbage.drain(..) {
        let _ = catch(|| drop(carried));
    }
}
