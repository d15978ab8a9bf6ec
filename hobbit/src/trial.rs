//! Trials: their ids, and how they end.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Names one configuration's whole life: the bracket it belongs to, and its place there.
///
/// Written as `3-17` (bracket 3, trial 17), in later repetitions of the whole Hyperband as `2.3-17`. Ids are ordered by
/// repetition, bracket, index; ties between equal scores go to the smaller id.
///
/// ```
/// use hobbit::TrialId;
/// let id = TrialId::new(3, 17);
/// assert_eq!(id.to_string(), "3-17");
/// assert_eq!("3-17".parse(), Ok(id));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrialId {
    /// The repetition of the whole Hyperband, counted from 1.
    pub iteration: u32,
    /// The bracket, counted from 1.
    pub bracket: u32,
    /// The place in the bracket's first stage, counted from 1.
    pub index: u32,
}

impl TrialId {
    /// A trial of the first repetition.
    pub const fn new(bracket: u32, index: u32) -> TrialId {
        TrialId { iteration: 1, bracket, index }
    }
}

impl fmt::Display for TrialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.iteration != 1 {
            write!(f, "{}.", self.iteration)?;
        }
        write!(f, "{}-{}", self.bracket, self.index)
    }
}

/// A text that is no trial id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseTrialIdError;

impl fmt::Display for ParseTrialIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a trial is named by its bracket and index, as in `3-17`")
    }
}

impl std::error::Error for ParseTrialIdError {}

impl FromStr for TrialId {
    type Err = ParseTrialIdError;

    fn from_str(text: &str) -> Result<TrialId, ParseTrialIdError> {
        let parse = || {
            let (iteration, rest) = match text.split_once('.') {
                Some((iteration, rest)) => (iteration.parse().ok()?, rest),
                None => (1, text),
            };
            let (bracket, index) = rest.split_once('-')?;
            Some(TrialId { iteration, bracket: bracket.parse().ok()?, index: index.parse().ok()? })
        };
        // one spelling only: `+3-017` is no id
        parse().filter(|id| id.to_string() == text).ok_or(ParseTrialIdError)
    }
}

impl Serialize for TrialId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TrialId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TrialId, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
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

/// The order of the table: better scores first, ties by id, trials without a score last.
pub(crate) fn rank(direction: Direction, a: (Option<f64>, TrialId), b: (Option<f64>, TrialId)) -> Ordering {
    match (a.0, b.0) {
        (Some(x), Some(y)) if direction.better(x, y) => Ordering::Less,
        (Some(x), Some(y)) if direction.better(y, x) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        _ => a.1.cmp(&b.1),
    }
}
