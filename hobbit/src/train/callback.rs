//! Functions that are called after each epoch.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::objective::Metrics;
use crate::trial::TrialId;

/// What a callback sees at the end of an epoch.
#[derive(Debug)]
#[non_exhaustive]
pub struct EpochEnd<'a> {
    /// The trial.
    pub trial: TrialId,
    /// The number of epochs that the trial has had.
    pub epochs: u64,
    /// What the epoch measured, validation included.
    pub metrics: &'a Metrics,
    /// The learning rate of the epoch's last step.
    pub learning_rate: f64,
}

type CallbackFunction = dyn Fn(&EpochEnd<'_>) -> ControlFlow<()> + Send + Sync;

/// A function that is called after each epoch.
#[derive(Clone)]
pub(super) struct Callback(pub(super) Arc<CallbackFunction>);

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callback")
    }
}

impl PartialEq for Callback {
    fn eq(&self, other: &Callback) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
