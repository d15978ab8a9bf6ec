//! Trials that wait for their next stage, as long as there is memory for them.

use super::evaluate::Carried;
use crate::objective::Objective;

/// A paused trial and its bytes.
type Place<O> = (Carried<O>, usize);

/// Paused trials in memory.
pub(crate) struct Paused<O: Objective> {
    /// By the trials' places in the plan.
    trials: Vec<Option<Box<Place<O>>>>,
    bytes: usize,
    pub(crate) budget: usize,
}

impl<O: Objective> Paused<O> {
    pub(crate) fn new(budget: usize) -> Self {
        Paused { trials: Vec::new(), bytes: 0, budget }
    }

    pub(super) fn take(&mut self, ordinal: u64) -> Option<Carried<O>> {
        let (carried, bytes) = *self.trials.get_mut(ordinal as usize)?.take()?;
        self.bytes -= bytes;
        Some(carried)
    }

    /// Keeps a trial, or gives it back if it is over the budget.
    pub(super) fn put(
        &mut self,
        ordinal: u64,
        carried: Carried<O>,
        bytes: usize,
        saved: bool,
    ) -> Option<Carried<O>> {
        if saved && self.bytes.saturating_add(bytes) > self.budget {
            return Some(carried);
        }
        self.bytes += bytes;
        let ordinal = ordinal as usize;
        if self.trials.len() <= ordinal {
            self.trials.resize_with(ordinal + 1, || None);
        }
        self.trials[ordinal] = Some(Box::new((carried, bytes)));
        None
    }
}
