//! Trials that wait for their next stage, as long as there is memory for them.

use std::num::NonZero;

use super::evaluate::Carried;
use crate::objective::Objective;

/// A paused trial and its bytes.
type Place<O> = (Carried<O>, usize);

/// Paused trials in memory.
pub(crate) struct Paused<O: Objective> {
    /// Used again, so that no memory is asked for at every stage.
    places: Vec<Option<Place<O>>>,
    free: Vec<u32>,
    /// The place of each trial, by its place in the plan.
    of: Vec<Option<NonZero<u32>>>,
    bytes: usize,
    pub(crate) budget: usize,
}

impl<O: Objective> Paused<O> {
    pub(crate) fn new(budget: usize) -> Self {
        Paused { places: Vec::new(), free: Vec::new(), of: Vec::new(), bytes: 0, budget }
    }

    pub(super) fn take(&mut self, ordinal: u64) -> Option<Carried<O>> {
        let place = self.of.get_mut(ordinal as usize)?.take()?.get() - 1;
        let (carried, bytes) = self.places[place as usize].take()?;
        self.free.push(place);
        self.bytes = self.bytes.saturating_sub(bytes);
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
        self.bytes = self.bytes.saturating_add(bytes);
        let ordinal = ordinal as usize;
        if self.of.len() <= ordinal {
            self.of.resize(ordinal + 1, None);
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() as u32 - 1
        });
        self.places[place as usize] = Some((carried, bytes));
        self.of[ordinal] = NonZero::new(place + 1);
        None
    }
}
