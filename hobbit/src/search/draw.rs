//! What a sampler is told when it is asked for a configuration.

use std::cmp::Ordering;
use std::fmt;

use super::Point;
use crate::error::Result;
use crate::random::Key;
use crate::schedule::{Place, Score};
use crate::space::Space;
use crate::trial::{Direction, TrialId};

/// The outcome of one stage of a trial.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Observation {
    /// The trial; of repetition 0 where it is one of another study, from which this one was
    /// [started](crate::Study::warm_start).
    pub trial: TrialId,
    /// The stage, counted from 0. A later stage of the same trial is an observation of its own.
    pub stage: u32,
    /// The epochs after which the score was taken: those of the stage's end, as planned.
    pub epochs: u64,
    /// The trial's score after the stage; `None` if it failed.
    pub score: Option<Score>,
    /// The trial's configuration.
    pub point: Point,
}

impl Observation {
    /// The outcome of a stage. A score that is NaN or infinite is a failure.
    pub fn new(trial: TrialId, stage: u32, epochs: u64, score: Option<Score>, point: Point) -> Observation {
        let score = score.filter(|score| score.value.is_finite());
        Observation { trial, stage, epochs, score, point }
    }

    /// Which of two outcomes is better: `Less` if it is this one. The order is that of the results: failures
    /// come last, equal scores are decided by the loss, by fewer epochs, and by the trial's id.
    pub fn compare(&self, other: &Observation, direction: Direction) -> Ordering {
        self.place(direction).cmp(&other.place(direction)).then(self.trial.cmp(&other.trial))
    }

    /// By what it is ranked, besides its trial's id.
    pub(super) fn place(&self, direction: Direction) -> Place {
        self.score.map_or(Place::LAST, |score| score.place(direction))
    }
}

/// Everything a [`Sampler`](super::Sampler) may use for a proposal.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Draw<'a> {
    /// The parameters.
    pub space: &'a Space,
    /// Whether larger or smaller scores are better.
    pub direction: Direction,
    /// The trial that the configuration is for.
    pub trial: TrialId,
    /// The number of points proposed for this trial so far that broke a constraint, or were not points of the
    /// space.
    pub attempt: u32,
    /// The key for random numbers; a different one for each trial and each attempt.
    pub key: Key,
    /// The outcomes so far, in an order that is the same however many workers there are; first those of other
    /// studies, from which this one was [started](crate::Study::warm_start). Empty unless the sampler
    /// [`learns`](super::Sampler::learns).
    pub seen: &'a [Observation],
    /// The configurations of trials that were begun and have no outcome yet, in the order in which they were
    /// begun. Empty unless the sampler [`learns`](super::Sampler::learns).
    pub pending: &'a [Point],
    prior: &'a dyn Fn(Key) -> Result<Point>,
}

impl<'a> Draw<'a> {
    /// The first attempt at the first configuration of a study: nothing was seen, nothing is pending. `prior`
    /// is what [`prior`](Draw::prior) calls.
    pub fn new(
        space: &'a Space,
        direction: Direction,
        trial: TrialId,
        key: Key,
        prior: &'a dyn Fn(Key) -> Result<Point>,
    ) -> Draw<'a> {
        Draw { space, direction, trial, attempt: 0, key, seen: &[], pending: &[], prior }
    }

    /// The same with these outcomes and these configurations under way.
    #[must_use]
    pub fn after(self, seen: &'a [Observation], pending: &'a [Point]) -> Draw<'a> {
        Draw { seen, pending, ..self }
    }

    /// The point of a configuration that is drawn at random, as the space says, for this key. It satisfies
    /// the constraints.
    ///
    /// The coordinates of values drawn at random are uniform in `[0, 1)`, but for those of a
    /// [`Distribution`](crate::space::Domain::Distribution), which only this method can give.
    ///
    /// # Errors
    /// Those of [`SearchSpace::draw`](crate::SearchSpace::draw).
    pub fn prior(&self, key: Key) -> Result<Point> {
        (self.prior)(key)
    }
}

impl fmt::Debug for Draw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Draw { space, direction, trial, attempt, key, seen, pending, prior: _ } = self;
        f.debug_struct("Draw")
            .field("space", &space.name())
            .field("direction", direction)
            .field("trial", trial)
            .field("attempt", attempt)
            .field("key", key)
            .field("seen", seen)
            .field("pending", pending)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_ordered_as_results_are() {
        let outcome = |index, score: Option<Score>| {
            Observation::new(TrialId::new(1, index), 0, 1, score, Point::new([Some(0.5)]))
        };
        let by_loss = |value, loss| Some(Score { loss, ..Score::from(value) });
        let mut outcomes = [
            outcome(1, None),
            outcome(2, Some(Score::from(f64::NAN))),
            outcome(3, by_loss(0.5, 0.7)),
            outcome(4, by_loss(0.5, 0.2)),
            outcome(5, by_loss(0.5, 0.2)),
            outcome(6, by_loss(0.9, 0.1)),
        ];
        outcomes.reverse();
        for (direction, expected) in
            [(Direction::Minimize, [4, 5, 3, 6, 1, 2]), (Direction::Maximize, [6, 4, 5, 3, 1, 2])]
        {
            outcomes.sort_by(|a, b| a.compare(b, direction));
            let order: Vec<u32> = outcomes.iter().map(|outcome| outcome.trial.index).collect();
            assert_eq!(order, expected, "{direction:?}");
        }
    }
}
