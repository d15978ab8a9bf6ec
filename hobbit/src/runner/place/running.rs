//! A trial while it is trained, and what its worker uses again and again.

use std::sync::Arc;

use super::clock::Clock;
use crate::objective::{Checkpoint, History, Metrics, Objective};
use crate::repository::{Ties, deciding};
use crate::work::Scored;

/// A trial in the middle of its training.
pub(super) struct Running<O: Objective> {
    pub(super) model: O::Model,
    pub(super) best: Option<Arc<Checkpoint>>,
    pub(super) epoch: u64,
    pub(super) score: Option<Scored>,
    /// The metrics of each epoch since `from`, if there is one.
    pub(super) history: Option<History>,
    /// The stage is over, although it is not at its end.
    pub(super) stopped: bool,
    /// Where the monitor is in metrics of the history's layout. Unknown while there is no history, or it has
    /// the metrics in another order.
    pub(super) known: Option<Known>,
}

/// What need not be looked up again while the layout of metrics stays the same.
#[derive(Clone, Copy)]
pub(super) struct Known {
    layout: (u64, usize),
    pub(super) monitor: usize,
    /// Whether there are losses that decide between equal scores.
    pub(super) decides: bool,
    /// Where they are; where there is none, beyond all metrics.
    losses: [u32; 2],
}

impl Known {
    pub(super) fn of(monitor: &str, ties: Ties, metrics: &Metrics) -> Option<Known> {
        let names = deciding(ties, monitor);
        let place = |name: &&str| metrics.position(name).and_then(|place| u32::try_from(place).ok());
        let losses: [Option<u32>; 2] = std::array::from_fn(|number| names.get(number).and_then(place));
        Some(Known {
            layout: metrics.layout(),
            monitor: metrics.position(monitor)?,
            decides: losses != [None; 2],
            losses: losses.map(|place| place.unwrap_or(u32::MAX)),
        })
    }

    /// Whether this is known of metrics like these.
    #[inline]
    pub(super) fn is_of(&self, metrics: &Metrics) -> bool {
        let (version, count) = metrics.layout();
        // one after the other takes fewer instructions than comparing pairs
        self.layout.0 == version && self.layout.1 == count
    }

    /// The loss that decides; NaN if there is none.
    #[inline]
    pub(super) fn loss(&self, metrics: &Metrics) -> f64 {
        let losses = self.losses.iter().filter_map(|&place| metrics.values().get(place as usize));
        losses.copied().find(|loss| !loss.is_nan()).unwrap_or(f64::NAN)
    }
}

/// What a worker uses again and again.
pub(super) struct Tools {
    pub(super) metrics: Metrics,
    pub(super) clock: Clock,
    /// What was looked up last.
    known: Option<Known>,
}

impl Tools {
    pub(super) fn new() -> Tools {
        Tools { metrics: Metrics::new(), clock: Clock::new(), known: None }
    }

    /// Where the monitor is in the metrics of an epoch, and the losses; nothing if it does not have the
    /// monitor. Trials mostly report what the one before did.
    pub(super) fn look_up(&mut self, monitor: &str, ties: Ties) -> Option<Known> {
        match self.known {
            Some(known) if known.is_of(&self.metrics) => Some(known),
            _ => {
                self.known = Known::of(monitor, ties, &self.metrics);
                self.known
            }
        }
    }
}
