//! A trial while it is trained.

use std::sync::Arc;

use super::task::Scored;
use crate::objective::{Checkpoint, History, Metrics, Objective};
use crate::repository::{Ties, deciding};

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
    pub(super) layout: (u64, usize),
    pub(super) monitor: usize,
    /// Where the losses are that decide between equal scores.
    pub(super) losses: [Option<usize>; 2],
}

impl Known {
    pub(super) fn of(monitor: &str, ties: Ties, metrics: &Metrics) -> Option<Known> {
        let names = deciding(ties, monitor);
        let losses = std::array::from_fn(|place| metrics.position(names.get(place)?));
        Some(Known { layout: metrics.layout(), monitor: metrics.position(monitor)?, losses })
    }

    /// The loss that decides; NaN if there is none.
    pub(super) fn loss(&self, metrics: &Metrics) -> f64 {
        let mut losses = self.losses.iter().flatten().map(|&place| metrics.values()[place]);
        losses.find(|loss| !loss.is_nan()).unwrap_or(f64::NAN)
    }
}
