//! Trials: their ids, and how they end.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Names one configuration's whole life: the bracket it belongs to, and its place in it.
///
/// Written as `3-17` (bracket 3, trial 17), in later repetitions of the whole Hyperband as `2.3-17`. Ids are ordered by
/// repetition, bracket, index; ties go to the smaller id.
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

/// The error for a text that is not a trial id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseTrialIdError;

impl fmt::Display for ParseTrialIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a trial is named by its bracket and index, both counted from 1, as in `3-17`")
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
        let counts_from_one = |id: &TrialId| id.iteration > 0 && id.bracket > 0 && id.index > 0;
        // one spelling only: `+3-017` is no id
        parse().filter(|id| counts_from_one(id) && id.to_string() == text).ok_or(ParseTrialIdError)
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

/// The direction in which a metric improves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Smaller is better: losses and errors.
    Minimize,
    /// Larger is better: accuracies.
    Maximize,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Direction::Minimize => "minimize",
            Direction::Maximize => "maximize",
        })
    }
}

impl Direction {
    /// A guess from the name alone: accuracies are maximized, all else is minimized.
    #[deprecated = "it takes scores such as `r2` for errors; use `Direction::known`"]
    pub fn of(metric: &str) -> Direction {
        if metric.ends_with("accuracy") { Direction::Maximize } else { Direction::Minimize }
    }

    /// The direction of a metric whose name leaves no doubt; `None` for any other.
    ///
    /// The last word of the name decides; words are separated by `_`, `-`, `.`, `/` or spaces:
    ///
    /// - minimized: `loss`, `error`, `mse`, `rmse`, `mae`
    /// - maximized: `accuracy`
    ///
    /// A name with `neg`, `negative`, `minus` or `inverse` among its words says nothing, and neither do names
    /// such as `score`, `r2`, `auc` or `f1`.
    ///
    /// ```
    /// use hobbit::Direction;
    /// assert_eq!(Direction::known("val_loss"), Some(Direction::Minimize));
    /// assert_eq!(Direction::known("top5_accuracy"), Some(Direction::Maximize));
    /// assert_eq!(Direction::known("val_r2"), None);
    /// assert_eq!(Direction::known("neg_loss"), None);
    /// ```
    pub fn known(metric: &str) -> Option<Direction> {
        let mut words = metric.split(['_', '-', '.', '/', ' ']);
        if words.clone().any(|word| matches!(word, "neg" | "negative" | "minus" | "inverse")) {
            return None;
        }
        match words.next_back()? {
            "loss" | "error" | "mse" | "rmse" | "mae" => Some(Direction::Minimize),
            "accuracy" => Some(Direction::Maximize),
            _ => None,
        }
    }

    /// Whether `a` is strictly better than `b`. NaN is never better.
    #[inline]
    pub fn better(self, a: f64, b: f64) -> bool {
        // one comparison instead of two of which one is chosen
        let sign = match self {
            Direction::Minimize => 1.0,
            Direction::Maximize => -1.0,
        };
        sign * a < sign * b
    }

    /// A number by which scores are ranked: smaller for better ones, the same for equal ones, the largest for none. Comparing it takes no
    /// branches, so that sorting is fast.
    pub(crate) fn key(self, score: Option<f64>) -> u64 {
        let Some(score) = score else { return u64::MAX };
        // -0.0 and 0.0 are equal scores
        let bits = (score + 0.0).to_bits();
        let ascending = if bits >> 63 == 0 { bits | 1 << 63 } else { !bits };
        match self {
            Direction::Minimize => ascending,
            Direction::Maximize => !ascending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_from_one_and_have_one_spelling() {
        for text in ["1-1", "3-17", "2.3-17", "4294967295.4294967295-4294967295"] {
            assert_eq!(text.parse::<TrialId>().unwrap().to_string(), text);
        }
        let none = [
            "0-1",
            "1-0",
            "0.1-1",
            "1.1-1",
            "2.0-1",
            "2.1-0",
            "+1-1",
            "1-01",
            "1-",
            "-1",
            "1",
            "",
            "4294967296-1",
        ];
        for text in none {
            assert_eq!(text.parse::<TrialId>(), Err(ParseTrialIdError), "{text}");
        }
    }

    #[test]
    fn keys_are_ordered_as_scores_are() {
        let scores = [f64::MIN, -1.5, -f64::MIN_POSITIVE, -5e-324, -0.0, 0.0, 5e-324, 0.1, 2.0, f64::MAX];
        for direction in [Direction::Minimize, Direction::Maximize] {
            for a in scores {
                assert!(direction.key(Some(a)) < direction.key(None));
                for b in scores {
                    let (key_a, key_b) = (direction.key(Some(a)), direction.key(Some(b)));
                    assert_eq!(key_a < key_b, direction.better(a, b), "{direction:?} {a} {b}");
                    assert_eq!(key_a == key_b, a == b, "{direction:?} {a} {b}");
                }
            }
        }
    }
}
