//! Trials: their ids, and how they end.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Names one configuration's whole life: its bracket and its place in it, both counted from 1.
///
/// Ids are ordered by bracket, then index; ties between equal scores go to the smaller id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TrialId {
    /// The bracket, counted from 1; repetitions of the whole Hyperband continue the count.
    pub bracket: u32,
    /// The place in the bracket's first stage, counted from 1.
    pub index: u32,
}

impl fmt::Display for TrialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.bracket, self.index)
    }
}

/// Which way a metric gets better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Smaller is better: losses and errors.
    Minimize,
    /// Larger is better: accuracies.
    Maximize,
}

impl Direction {
    /// The direction a metric of this name has unless told otherwise: accuracies are maximized, all else is minimized.
    pub fn of(metric: &str) -> Direction {
        if metric.ends_with("accuracy") { Direction::Maximize } else { Direction::Minimize }
    }

    /// Whether `a` is strictly better than `b`. NaN is never better.
    pub fn better(self, a: f64, b: f64) -> bool {
        match self {
            Direction::Minimize => a < b,
            Direction::Maximize => a > b,
        }
    }
}
