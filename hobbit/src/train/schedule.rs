//! How the learning rate changes in the course of training.

use super::metrics::{Metric, check_watched};
use crate::error::{Error, Result};
use crate::objective::{Checkpoint, Metrics};
use crate::trial::Direction;

/// How the learning rate changes while training. Epochs are counted over a trial's whole life.
///
/// A trial can get more epochs than the `R` that a sweep is run with: `R` is the most epochs one *stage*
/// adds, and a trial that is promoted goes through several. With `run(27, 3)` a trial of the first bracket
/// can get 1 + 3 + 9 + 27 = 40 epochs. For a schedule that ends with the trial, see
/// [`cosine_over_trial`](Schedule::cosine_over_trial).
///
/// ```
/// use hobbit::train::{Adam, Loss, Schedule, Sequential};
///
/// let model = Sequential::new([4])
///     .dense(1)
///     .compile(Adam::new(1e-3), Loss::MeanSquaredError)
///     .schedule(Schedule::cosine_over_trial().warm_up(2));
/// # model.check().unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    pub(super) shape: Shape,
    pub(super) warm_up: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    Constant,
    Step { epochs: u64, factor: f64 },
    Cosine { epochs: u64, last: f64 },
    CosineOverTrial { last: f64 },
    Plateau { patience: u64, factor: f64, smallest: f64, watched: &'static str },
}

impl Schedule {
    fn of(shape: Shape) -> Schedule {
        Schedule { shape, warm_up: 0.0 }
    }

    /// Keeps the optimizer's learning rate.
    pub fn constant() -> Schedule {
        Schedule::of(Shape::Constant)
    }

    /// Multiplies the learning rate by `factor` every `epochs` epochs.
    pub fn step(epochs: u64, factor: f64) -> Schedule {
        Schedule::of(Shape::Step { epochs, factor })
    }

    /// Falls along half a cosine, step by step, to zero after this many epochs (Loshchilov and Hutter, ICLR
    /// 2017). Later epochs have a learning rate of zero, so `R` is usually too few: see
    /// [`cosine_over_trial`](Schedule::cosine_over_trial).
    pub fn cosine(epochs: u64) -> Schedule {
        Schedule::of(Shape::Cosine { epochs, last: 0.0 })
    }

    /// The same, down to a share of the optimizer's learning rate.
    pub fn cosine_to(epochs: u64, last: f64) -> Schedule {
        Schedule::of(Shape::Cosine { epochs, last })
    }

    /// Falls along half a cosine to zero at the end of the trial's life: after as many epochs as it has if it
    /// is promoted to the last stage of its bracket ([`TrialContext::epochs`](crate::TrialContext::epochs)).
    ///
    /// All trials of a bracket have the same learning rates in the same epochs, whether they are promoted or
    /// not. A larger `R` gives them more epochs and so other learning rates; therefore a study with this
    /// schedule cannot be [extended](crate::Hyperband::extend) to a larger `R`.
    pub fn cosine_over_trial() -> Schedule {
        Schedule::of(Shape::CosineOverTrial { last: 0.0 })
    }

    /// The same, down to a share of the optimizer's learning rate.
    pub fn cosine_over_trial_to(last: f64) -> Schedule {
        Schedule::of(Shape::CosineOverTrial { last })
    }

    /// Multiplies the learning rate by `factor` after `patience` epochs without a smaller `val_loss`; never
    /// below a share of 10⁻⁴.
    pub fn on_plateau(patience: u64, factor: f64) -> Schedule {
        Schedule::on_plateau_of("val_loss", patience, factor)
    }

    /// The same for another metric, whose direction is found as for [early
    /// stopping](crate::train::EarlyStopping::new).
    pub fn on_plateau_of(metric: &'static str, patience: u64, factor: f64) -> Schedule {
        Schedule::of(Shape::Plateau { patience, factor, smallest: 1e-4, watched: metric })
    }

    /// Rises evenly from zero during the first epochs, step by step.
    pub fn warm_up(self, epochs: impl Into<f64>) -> Schedule {
        Schedule { warm_up: epochs.into(), ..self }
    }

    /// The same schedule where a trial has so many epochs.
    pub(super) fn over(self, epochs: u64) -> Schedule {
        match self.shape {
            Shape::CosineOverTrial { last } => Schedule { shape: Shape::Cosine { epochs, last }, ..self },
            _ => self,
        }
    }

    /// Whether it is not known how long it is.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.shape, Shape::CosineOverTrial { .. })
    }

    /// The metric that it looks at, if any.
    pub(super) fn watched(&self) -> Option<&'static str> {
        match self.shape {
            Shape::Plateau { watched, .. } => Some(watched),
            _ => None,
        }
    }

    pub(super) fn check(&self, metrics: &[Metric]) -> Result<()> {
        if let Some(watched) = self.watched() {
            check_watched("the learning rate's schedule", watched, metrics)?;
        }
        let factor = |factor: f64| {
            if factor > 0.0 && factor <= 1.0 {
                Ok(())
            } else {
                Err(Error::model(format!(
                    "the learning rate is multiplied by {factor}; the factor has to be above 0 and at most 1"
                )))
            }
        };
        let epochs = |epochs: u64| match epochs {
            0 => Err(Error::model("the learning rate's schedule has 0 epochs; it needs at least 1")),
            _ => Ok(()),
        };
        let share = |last: f64| match last {
            0.0..=1.0 => Ok(()),
            _ => Err(Error::model(format!(
                "the learning rate falls to a share of {last}; it has to be from 0 to 1"
            ))),
        };
        match self.shape {
            Shape::Constant => {}
            Shape::Step { epochs: every, factor: by } => {
                epochs(every)?;
                factor(by)?;
            }
            Shape::Cosine { epochs: length, last } => {
                epochs(length)?;
                share(last)?;
            }
            Shape::CosineOverTrial { last } => share(last)?,
            Shape::Plateau { patience, factor: by, .. } => {
                epochs(patience)?;
                factor(by)?;
            }
        }
        if !(self.warm_up.is_finite() && self.warm_up >= 0.0) {
            return Err(Error::model(format!(
                "the warm-up takes {} epochs; it has to be a number that is not negative",
                self.warm_up
            )));
        }
        Ok(())
    }

    /// What the learning rate is multiplied by for a step, after so many whole epochs and a share of the
    /// present one. The step itself counts for the warm-up, so that the first one does something.
    pub(super) fn factor(&self, epochs: u64, step: usize, steps: usize, plateau: &Plateau) -> f64 {
        let steps = steps.max(1) as f64;
        let factor = match self.shape {
            Shape::Constant => 1.0,
            Shape::Step { epochs: every, factor } => libm::pow(factor, (epochs / every) as f64),
            Shape::Cosine { epochs: length, last } => {
                let share = ((epochs as f64 + step as f64 / steps) / length as f64).min(1.0);
                last + (1.0 - last) * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * share))
            }
            Shape::Plateau { .. } => plateau.factor,
            // no step is taken with it before it is known how long it is
            Shape::CosineOverTrial { .. } => 1.0,
        };
        let warm = epochs as f64 + (step + 1) as f64 / steps;
        if warm < self.warm_up { factor * warm / self.warm_up } else { factor }
    }
}

/// How far a schedule that looks at a metric has come.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plateau {
    factor: f64,
    best: Option<f64>,
    waited: u64,
}

impl Default for Plateau {
    fn default() -> Plateau {
        Plateau { factor: 1.0, best: None, waited: 0 }
    }
}

impl Plateau {
    /// Takes an epoch into account; values of the metric get better in this direction.
    pub(super) fn end_epoch(&mut self, schedule: &Schedule, direction: Direction, metrics: &Metrics) {
        let Shape::Plateau { patience, factor, smallest, watched } = schedule.shape else { return };
        let value = metrics.get(watched).unwrap_or(f64::NAN);
        let better = match self.best {
            Some(best) => direction.better(value, best),
            None => value.is_finite(),
        };
        if better {
            self.best = Some(value);
            self.waited = 0;
            return;
        }
        self.waited += 1;
        if self.waited >= patience {
            self.waited = 0;
            self.factor = (self.factor * factor).max(smallest);
        }
    }

    /// Adds how far it has come to a checkpoint, unless it is at its beginning. Rust prints and reads floats
    /// exactly.
    pub(super) fn save(&self, checkpoint: &mut Checkpoint) {
        if *self != Plateau::default() {
            let best = self.best.unwrap_or(f64::INFINITY);
            let text = format!("{} {best} {}", self.factor, self.waited);
            checkpoint.metadata.insert("plateau".to_owned(), text);
        }
    }

    /// Reads what [`save`](Plateau::save) wrote; nothing if it cannot be read.
    pub(super) fn load(checkpoint: &Checkpoint) -> Option<Plateau> {
        let mut plateau = Plateau::default();
        if let Some(text) = checkpoint.metadata.get("plateau") {
            let mut words = text.split(' ');
            plateau.factor = words.next()?.parse().ok()?;
            plateau.best = Some(words.next()?.parse().ok()?).filter(|best: &f64| best.is_finite());
            plateau.waited = words.next()?.parse().ok()?;
        }
        Some(plateau)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::directions::{Directions, Goal};

    fn metrics(val_loss: f64) -> Metrics {
        let mut metrics = Metrics::new();
        metrics.report("val_loss", val_loss);
        metrics
    }

    #[test]
    fn learning_rates_follow_their_formulas() {
        let at = |schedule: Schedule, epochs, step| schedule.factor(epochs, step, 10, &Plateau::default());
        assert_eq!(at(Schedule::constant(), 100, 3), 1.0);
        assert_eq!(at(Schedule::step(3, 0.5), 2, 9), 1.0);
        assert_eq!(at(Schedule::step(3, 0.5), 6, 0), 0.25);
        assert_eq!(at(Schedule::cosine(10), 0, 0), 1.0);
        assert!((at(Schedule::cosine(10), 5, 0) - 0.5).abs() < 1e-12);
        assert!(
            (at(Schedule::cosine(10), 2, 5) - 0.5 * (1.0 + (0.25 * std::f64::consts::PI).cos())).abs()
                < 1e-12
        );
        assert_eq!(at(Schedule::cosine_to(10, 0.1), 99, 0), 0.1);
        assert!((at(Schedule::constant().warm_up(2), 0, 0) - 0.05).abs() < 1e-12);
        assert!((at(Schedule::constant().warm_up(2), 1, 4) - 0.75).abs() < 1e-12);
        assert_eq!(at(Schedule::constant().warm_up(2), 2, 0), 1.0);
        for epochs in [0, 3, 39] {
            let over = Schedule::cosine_over_trial_to(0.1).warm_up(2).over(40);
            assert_eq!(at(over, epochs, 5), at(Schedule::cosine_to(40, 0.1).warm_up(2), epochs, 5));
        }
        assert_eq!(Schedule::cosine(27).over(40), Schedule::cosine(27));
        assert!(Schedule::cosine_over_trial_to(1.5).check(&[]).is_err());
        assert!(Schedule::step(0, 0.5).check(&[]).is_err() && Schedule::step(1, 1.5).check(&[]).is_err());
        assert!(Schedule::constant().warm_up(-1.0).check(&[]).is_err());
        assert!(Schedule::on_plateau_of("val_mse", 1, 0.5).check(&[]).is_err());
    }

    #[test]
    fn a_plateau_lowers_the_learning_rate() {
        let schedule = Schedule::on_plateau(2, 0.1);
        let directions = Directions::new(&schedule, None, &[], &Goal::default()).unwrap();
        let mut plateau = Plateau::default();
        let mut factors = Vec::new();
        for loss in [1.0, 0.9, 0.9, f64::NAN, 0.8, 0.8, 0.8, 0.8, 0.8] {
            plateau.end_epoch(&schedule, directions.plateau, &metrics(loss));
            factors.push(schedule.factor(0, 0, 1, &plateau));
        }
        let (a, b, c) = (1.0, 0.1, 0.1 * 0.1);
        assert_eq!(factors, [a, a, a, b, b, b, c, c, c * 0.1]);
    }

    #[test]
    fn a_plateau_of_an_accuracy_is_above() {
        let plateau = Schedule::on_plateau_of("val_accuracy", 1, 0.5);
        let directions = Directions::new(&plateau, None, &[Metric::Accuracy], &Goal::default()).unwrap();
        let mut state = Plateau::default();
        let factors = [0.5, 0.6, 0.6, 0.7].map(|accuracy| {
            let mut metrics = Metrics::new();
            metrics.report("val_accuracy", accuracy);
            state.end_epoch(&plateau, directions.plateau, &metrics);
            plateau.factor(0, 0, 1, &state)
        });
        assert_eq!(factors, [1.0, 1.0, 0.5, 0.5]);
    }
}
