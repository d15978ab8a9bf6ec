//! Which trials of a stage are promoted: the best, or some that are drawn, better ones more often.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::score::{Place, Score};
use crate::error::{Error, Result};
use crate::random::Key;
use crate::trial::{Direction, TrialId};

/// How the trials of a stage are promoted to the next one. Failed trials never are.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Promotion {
    /// The best trials.
    #[default]
    Best,
    /// Trials that are drawn one after the other, none of them twice, each with a probability proportional
    /// to exp(−loss / T) among those that are left. T is in the units of the monitor; where that is
    /// maximized, its negative counts as the loss.
    ///
    /// Where early ranks are noisy, or cross later, a trial that is a little worse has nearly the same chance
    /// as one that is a little better. A difference of T makes a trial e = 2.7 times as likely. With a T far
    /// below the differences of the scores, the best are promoted; with one far above them, any are.
    ///
    /// What is drawn depends on the study's seed, and on nothing else but the scores: it is the same on any
    /// number of workers.
    Temperature(f64),
}

impl Promotion {
    /// Refuses a temperature that is none.
    pub(crate) fn check(self) -> Result<()> {
        match self {
            Promotion::Temperature(temperature) if !(temperature > 0.0 && temperature.is_finite()) => {
                Err(Error::setting(format!(
                    "the temperature of the promotion is {temperature}; it has to be a number above 0, in the units of the monitor; to \
                     promote the best, leave it out"
                )))
            }
            _ => Ok(()),
        }
    }

    /// What is drawn in the study of this key, if anything is.
    pub(crate) fn lottery(self, study: Key) -> Option<Lottery> {
        match self {
            Promotion::Best => None,
            Promotion::Temperature(temperature) => Some(Lottery { temperature, key: study.child(PROMOTION) }),
        }
    }
}

impl fmt::Display for Promotion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Promotion::Best => f.write_str("best"),
            Promotion::Temperature(temperature) => write!(f, "temperature {temperature}"),
        }
    }
}

/// The purpose of the key below a study's own; those below it that are for trials are numbers of repetitions,
/// which are smaller.
const PROMOTION: u64 = u64::MAX;

/// Draws the trials that are promoted.
///
/// Each result gets a place of its own, and the trials with the smallest places are those drawn: the
/// logarithm of an exponentially distributed time with the rate exp(−loss / T). Of such times the smallest
/// are those of a draw without replacement (Efraimidis and Spirakis, "Weighted Random Sampling with a
/// Reservoir", Information Processing Letters 97(5), 2006). So it does not matter in which order results are
/// told, and a place never changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lottery {
    temperature: f64,
    key: Key,
}

impl Lottery {
    /// The place of a trial's score after a stage. Equal places are decided by the score.
    pub(super) fn place(self, trial: TrialId, stage: u32, score: Score, direction: Direction) -> Place {
        let TrialId { iteration, bracket, index } = trial;
        let parts = [iteration, bracket, stage, index];
        let key = parts.into_iter().fold(self.key, |key, part| key.child(part.into()));
        // within (0, 1)
        let unit = key.rng().unit() + f64::EPSILON / 4.0;
        let time = libm::log(-libm::log(unit));
        let loss = match direction {
            Direction::Minimize => score.value,
            Direction::Maximize => -score.value,
        };
        let drawn = (loss / self.temperature + time).clamp(-f64::MAX, f64::MAX);
        score.place(direction).behind(drawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lottery(temperature: f64, seed: u64) -> Lottery {
        Promotion::Temperature(temperature).lottery(Key::new(seed)).unwrap()
    }

    /// The two that are drawn first of trials with these scores, by index from 0.
    fn drawn(scores: &[f64], temperature: f64, seed: u64, direction: Direction) -> [usize; 2] {
        let lottery = lottery(temperature, seed);
        let place = |(i, score): (usize, &f64)| {
            (lottery.place(TrialId::new(1, i as u32), 0, (*score).into(), direction), i)
        };
        let mut places: Vec<(Place, usize)> = scores.iter().enumerate().map(place).collect();
        places.sort_unstable();
        [places[0].1, places[1].1]
    }

    /// The probabilities of ordered pairs, by hand: w_i / W · w_j / (W − w_i).
    #[test]
    fn trials_are_drawn_in_proportion_and_none_twice() {
        const DRAWS: u64 = 20_000;
        for (direction, scores) in
            [(Direction::Minimize, [0.0, 0.5, 1.0, 3.0]), (Direction::Maximize, [0.0, -0.5, -1.0, -3.0])]
        {
            let mut counts = [[0u32; 4]; 4];
            for seed in 0..DRAWS {
                let [first, second] = drawn(&scores, 0.7, seed, direction);
                counts[first][second] += 1;
            }
            let weights = scores.map(|score| (-f64::abs(score) / 0.7).exp());
            let sum: f64 = weights.iter().sum();
            for first in 0..4 {
                for second in 0..4 {
                    let expected = match first == second {
                        true => 0.0,
                        false => weights[first] / sum * weights[second] / (sum - weights[first]),
                    };
                    let found = f64::from(counts[first][second]) / DRAWS as f64;
                    assert!((found - expected).abs() < 0.012, "{first} {second}: {found} and {expected}");
                }
            }
        }
    }

    #[test]
    fn far_below_the_differences_it_is_the_best_and_far_above_anyone() {
        let scores = [0.4, 0.1, 0.3, 0.2];
        assert!((0..100).all(|seed| drawn(&scores, 1e-3, seed, Direction::Minimize) == [1, 3]));
        assert!((0..100).all(|seed| drawn(&scores, 1e-3, seed, Direction::Maximize) == [0, 2]));
        let firsts = (0..4000).map(|seed| drawn(&scores, 1e3, seed, Direction::Minimize)[0]);
        let firsts = firsts.fold([0; 4], |mut counts, first| {
            counts[first] += 1;
            counts
        });
        assert!(firsts.iter().all(|count| (850..1150).contains(count)), "{firsts:?}");
    }

    #[test]
    fn scores_without_bounds_have_places_too() {
        let scores = [f64::MAX, -f64::MAX, 1e300, -1e300];
        for temperature in [f64::MIN_POSITIVE, 1.0, f64::MAX] {
            for seed in 0..50 {
                let [first, second] = drawn(&scores, temperature, seed, Direction::Minimize);
                // what overflows is decided by the score
                assert!(temperature > 1.0 || [first, second] == [1, 3], "{temperature} {first} {second}");
            }
        }
    }

    #[test]
    fn a_temperature_is_a_number_above_0() {
        for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = Promotion::Temperature(temperature).check().unwrap_err().to_string();
            assert!(error.contains(&format!("is {temperature};")), "{error}");
        }
        assert!(Promotion::Temperature(1e-300).check().is_ok() && Promotion::Best.check().is_ok());
    }
}
