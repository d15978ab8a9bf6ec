//! A worker: one long task of the pool that takes stages of trials from the scheduler until there are none.
//!
//! Because a trial is never a task of the pool itself, the pool's threads cannot pick up one trial while they wait inside
//! another; user code may use rayon as it likes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::evaluate::Evaluated;
use super::panics::catch;
use super::state::{Around, Garbage, Idle, Shared};
use crate::objective::{Interrupt, Metrics, Objective};

/// Stages that are over in no time are taken several at once, so that workers do not wait for each other: as many as take so long, in
/// seconds.
const TOGETHER: f64 = 1e-4;
const MOST_TOGETHER: usize = 32;

/// Works until the sweep is over. `slot` is the worker's place.
pub(crate) fn work<O: Objective>(shared: &Arc<Shared<O>>, slot: usize) {
    let mut garbage = Garbage::<O>::new();
    let unlimited = Arc::new(Interrupt::default());
    let around = Around { shared, slot, unlimited: &unlimited };
    let (mut tasks, mut outcomes, mut metrics) = (VecDeque::new(), Vec::new(), Metrics::new());
    let mut together = 1;
    let mut state = shared.lock();
    'working: loop {
        while tasks.len() < together {
            match shared.next(&mut state, slot as u32, &mut garbage) {
                Ok(task) => tasks.push_back(task),
                _ if !tasks.is_empty() => break,
                Err(Idle::Over) => break 'working,
                Err(Idle::Wait) if garbage.is_empty() => state = shared.wait_for_work(state),
                Err(Idle::Wait) => {
                    drop(state);
                    discard(&mut garbage);
                    state = shared.lock();
                }
            }
        }
        state.slots[slot].running = tasks.front().map(|task| task.assignment);
        drop(state);
        discard(&mut garbage);

        let mut seconds = 0.0;
        let mut left = false;
        while seconds < TOGETHER
            && !left
            && let Some(mut task) = tasks.pop_front()
        {
            if task.hparams.is_none() {
                task.hparams = shared.evaluator.configurations.get(task.assignment.trial).ok();
            }
            if (shared.observed || shared.durable())
                && let Some(hparams) = task.hparams.clone()
            {
                shared.announce(&mut shared.lock(), &task, &hparams);
            }
            let evaluated = shared.evaluator.evaluate(task, &mut metrics, &around);
            if let Ok(Some(evaluated)) = &evaluated {
                seconds += evaluated.record.seconds;
            }
            left = shared.is_stopping() || matches!(evaluated, Ok(None));
            outcomes.push(evaluated);
        }
        if shared.works_on_several() {
            together = ((outcomes.len() as f64 * TOGETHER / seconds) as usize).clamp(1, MOST_TOGETHER);
        }

        state = shared.lock();
        if state.slots[slot].abandoned {
            drop(state);
            let _ = catch(|| drop(outcomes));
            return;
        }
        state.slots[slot].running = None;
        if state.alone.is_some() {
            shared.wake_workers();
        }
        shared.give_back(&mut state, &mut tasks);
        for evaluated in outcomes.drain(..) {
            match evaluated {
                Err(error) => shared.fail(&mut state, error),
                Ok(None) => break 'working,
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
