//! Trials that wait for their next stage, as long as there is memory for them.

use std::num::NonZero;

use super::stage::Carried;
use crate::objective::Objective;

/// Paused trials in memory.
pub(super) struct Paused<O: Objective> {
    /// Used again, so that no memory is asked for at every stage.
    places: Vec<Option<Carried<O>>>,
    free: Vec<u32>,
    /// The place of each trial, by its place among all.
    of: Vec<Option<NonZero<u32>>>,
    bytes: usize,
    budget: usize,
}

impl<O: Objective> Paused<O> {
    pub(super) fn new(budget: usize) -> Self {
        Paused { places: Vec::new(), free: Vec::new(), of: Vec::new(), bytes: 0, budget }
    }

    pub(super) fn take(&mut self, ordinal: u64) -> Option<Carried<O>> {
        let place = self.of.get_mut(ordinal as usize)?.take()?.get() - 1;
        let carried = self.places[place as usize].take()?;
        self.free.push(place);
        self.bytes = self.bytes.saturating_sub(carried.bytes);
        Some(carried)
    }

    /// Keeps a trial, and gives it back if it is over the budget and was saved. One of the same trial that
    /// was kept before is given back otherwise.
    pub(super) fn put(&mut self, carried: Carried<O>, saved: bool) -> Option<Carried<O>> {
        let ordinal = carried.ordinal as usize;
        let before = self.take(carried.ordinal);
        let bytes = self.bytes.saturating_add(carried.bytes);
        if saved && bytes > self.budget {
            return Some(carried);
        }
        self.bytes = bytes;
        if self.of.len() <= ordinal {
            self.of.resize(ordinal + 1, None);
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() as u32 - 1
        });
        self.places[place as usize] = Some(carried);
        self.of[ordinal] = NonZero::new(place + 1);
        before
    }
}
