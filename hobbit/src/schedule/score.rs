//! What trials are ranked by.

use crate::trial::Direction;

/// A trial's score, and what decides between trials whose scores are equal.
///
/// Of equal scores the one with the lower loss is better, then the one of the trial that was trained fewer
/// epochs, then the one of the trial with the smaller id.
///
/// ```
/// use hobbit::schedule::Score;
/// let score = Score { loss: 0.25, ..Score::from(0.98) };
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// The value of the monitor.
    pub value: f64,
    /// The loss in the epoch of the score; NaN if there is none, which counts as the highest.
    pub loss: f64,
    /// The number of epochs the trial was trained for.
    pub epochs: u64,
}

impl From<f64> for Score {
    /// Without a loss and epochs.
    fn from(value: f64) -> Score {
        Score { value, loss: f64::NAN, epochs: 0 }
    }
}

/// By what trials are sorted: smaller for better ones. Trials of the same place are told apart by their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    score: u64,
    loss: u64,
    /// More than there can be in a lifetime are equal.
    epochs: u32,
}

impl Place {
    /// Behind all that have a score.
    pub(crate) const LAST: Place = Place { score: u64::MAX, loss: u64::MAX, epochs: u32::MAX };

    /// The place of one that is drawn: smaller numbers come first, and this place decides between equal ones.
    pub(super) fn behind(self, drawn: f64) -> Place {
        Place { score: Direction::Minimize.key(Some(drawn)), loss: self.score, ..self }
    }
}

impl Score {
    #[inline]
    pub(crate) fn place(self, direction: Direction) -> Place {
        let loss = Some(self.loss).filter(|loss| !loss.is_nan());
        Place {
            score: direction.key(Some(self.value)),
            loss: Direction::Minimize.key(loss),
            epochs: u32::try_from(self.epochs).unwrap_or(u32::MAX),
        }
    }

    /// Whether it is better than another score of the same trial, of an earlier epoch.
    #[inline]
    pub(crate) fn beats(self, earlier: Score, direction: Direction) -> bool {
        direction.better(self.value, earlier.value)
            || self.value == earlier.value
                && (self.loss < earlier.loss || earlier.loss.is_nan() && !self.loss.is_nan())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_are_decided_by_loss_and_then_by_epochs() {
        let score = |value, loss, epochs| Score { value, loss, epochs };
        let best_first = [
            score(1.0, -0.5, 9),
            score(1.0, 0.1, 3),
            score(1.0, 0.1, 4),
            score(1.0, 0.3, 1),
            score(1.0, f64::INFINITY, 1),
            score(1.0, f64::NAN, 1),
            score(0.9, 0.0, 1),
        ];
        let direction = Direction::Maximize;
        assert!(best_first.is_sorted_by_key(|score| score.place(direction)));
        assert!(best_first.iter().all(|score| score.place(direction) < Place::LAST));
        for (place, better) in best_first.iter().enumerate() {
            for worse in &best_first[place..] {
                assert!(!worse.beats(*better, direction), "{worse:?} and {better:?}");
                let same = (better.value, better.loss.to_bits()) == (worse.value, worse.loss.to_bits());
                assert_eq!(better.beats(*worse, direction), !same, "{better:?} and {worse:?}");
            }
        }
        assert_eq!(score(0.0, 0.0, 1).place(direction), score(-0.0, -0.0, 1).place(direction));
    }
}
