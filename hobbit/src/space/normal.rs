//! The normal distribution and the log-normal one, within bounds, exact in both tails.

use std::fmt;

use super::asked::{Asked, write_step};
use super::cells::Cells;
use super::describe::Domain;
use super::float::Float;
use super::grid::Grid;
#[cfg(feature = "interop")]
use super::outside::Others;
use super::outside::{Outside, placed, within};
use super::scalar::{STEPS, Scalar, search};
use super::value::Value;
use super::wanted::Wanted;

/// The normal distribution, or that of numbers whose logarithm is normal; within bounds.
#[derive(Debug, Clone, Copy)]
pub struct Normal {
    /// The mean, of the logarithm if `log`.
    pub mean: f64,
    /// The standard deviation, of the logarithm if `log`.
    pub std: f64,
    /// Whether the logarithm is normal.
    pub log: bool,
    /// The smallest value.
    pub low: f64,
    /// The largest value.
    pub high: f64,
    /// The distance between values.
    pub step: Option<f64>,
}

impl Normal {
    /// How many standard deviations from the mean a value is.
    fn standardized(&self, value: f64) -> f64 {
        let value = if !self.log {
            value
        } else if value <= 0.0 {
            f64::NEG_INFINITY
        } else {
            libm::log(value)
        };
        (value - self.mean) / self.std
    }

    /// The value of a number in `[0, 1)`, without grid.
    fn quantile(&self, unit: f64) -> f64 {
        let (from, to) = (self.standardized(self.low), self.standardized(self.high));
        // so far out that only the nearest number is left
        if from == f64::INFINITY {
            return self.low;
        }
        if to == f64::NEG_INFINITY {
            return self.high;
        }
        let value = self.mean + self.std * truncated_quantile(from, to, unit);
        let value = if self.log { libm::exp(value) } else { value };
        value.max(self.low).min(self.high)
    }

    fn grid_of(&self, step: f64) -> Grid {
        Grid::multiples(self.low, self.high, step)
    }
}

impl<T: Float> Scalar<T> for Normal {
    fn domain(&self) -> Domain {
        let Normal { mean, std, log, low, high, step } = *self;
        Domain::Normal { mean, std, log, low, high, step }
    }

    fn at(&self, unit: f64) -> T {
        let number = self.quantile(unit);
        let value = self.step.map_or_else(|| T::from_f64(number), |step| self.grid_of(step).snapped(number));
        let least = T::from_f64(-T::LARGEST.to_f64());
        // what the type cannot hold: its nearest number that can be checked, and of which there is a
        // logarithm
        if value > T::LARGEST {
            T::LARGEST
        } else if value < least {
            least
        } else if self.log && self.step.is_none() && value.to_f64() <= 0.0 {
            T::SMALLEST
        } else {
            value
        }
    }

    fn unit(&self, value: &T) -> f64 {
        let Some(step) = self.step else { return search(|unit| self.at(unit), value) };
        let grid = self.grid_of(step);
        search(|unit| grid.nearest(self.quantile(unit)), &grid.nearest(value.to_f64()))
    }

    fn contains(&self, value: &T) -> bool {
        let number = value.to_f64();
        let exists =
            number.is_finite() && (!self.log || number > 0.0 || number == 0.0 && self.step.is_some());
        exists && T::from_f64(self.low) <= *value && *value <= T::from_f64(self.high) && {
            self.step.is_none_or(|step| self.grid_of(step).contains(*value))
        }
    }

    fn value(&self, value: &T) -> Value {
        Value::Float(value.to_f64())
    }
}

impl Asked for Normal {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.log { "log-normal" } else { "normal" };
        write!(f, "{name} with mean {:?} and deviation {:?}", self.mean, self.std)?;
        if self.low.is_finite() {
            write!(f, ", from {:?}", self.low)?;
        }
        if self.high.is_finite() {
            write!(f, ", up to {:?}", self.high)?;
        }
        write_step(self.step, f)
    }

    fn is_log(&self) -> bool {
        self.log
    }

    fn grid(&self) -> Option<Grid> {
        self.step.map(|step| self.grid_of(step))
    }

    fn cells(&self) -> Option<Cells> {
        let values = *self;
        Cells::snapped(self.grid()?, move |unit| values.quantile(unit))
    }

    fn value_at(&self, unit: f64) -> Value {
        Value::Float(self.at(unit))
    }

    fn narrowed(&self, wanted: &Wanted<'_>) -> Result<Domain, String> {
        let Normal { mean, std, log, step, .. } = *self;
        let (low, high) = wanted.reals(self.low, self.high, self.grid())?;
        Ok(Domain::Normal { mean, std, log, low, high, step })
    }
}

impl Outside for Normal {
    fn placed(&self, value: &Value) -> Option<(f64, Value)> {
        placed(self, within(value, self.low, self.high)?)
    }

    #[cfg(feature = "interop")]
    fn others(&self) -> Option<Others> {
        // nothing further out than this is drawn
        let bound = |deviations: f64| {
            let bound = self.mean + deviations * self.std;
            if self.log { bound.exp() } else { bound }
        };
        let (low, high) = (self.low.max(bound(-9.0)), self.high.min(bound(9.0)));
        Some(Others::Real { low, high, step: None, log: self.log })
    }
}

/// A range beyond so many deviations is one of the tail alone, in which logarithms of probabilities are used.
const TAIL: f64 = 4.5;

/// The quantile of a standard normal number between `from` and `to`.
fn truncated_quantile(from: f64, to: f64, unit: f64) -> f64 {
    // the middle of the number's interval: its lower end may be minus infinity
    let half = 0.5 / STEPS as f64;
    let (below, above) = (unit + half, (1.0 - unit) - half);
    if from >= TAIL {
        return upper_quantile(from, to, below, above);
    }
    if to <= -TAIL {
        return -upper_quantile(-to, -from, above, below);
    }
    let probability = normal_below(from) * (1.0 - below) + normal_below(to) * below;
    // the nearer a probability is to 1, the fewer of its digits tell how far
    if probability <= 1.0 - 1e-6 {
        return lower_quantile(probability);
    }
    let above = if below < 1.0 { 1.0 - below } else { above };
    -lower_quantile(normal_below(-from) * above + normal_below(-to) * below)
}

/// The probability that a standard normal number is below `x`.
pub(crate) fn normal_below(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

/// The number below which a standard normal number is with this probability.
fn lower_quantile(probability: f64) -> f64 {
    // where bisection of the probabilities begins to lack bits
    const DEEP: f64 = 10.0;
    let deep = mills(DEEP) * probability_density(DEEP);
    if probability >= deep {
        return normal_quantile(probability);
    }
    -tail_quantile(DEEP, f64::INFINITY, libm::log(probability / deep))
}

fn probability_density(x: f64) -> f64 {
    libm::exp(-0.5 * x * x) / 2.506_628_274_631_000_7
}

/// The same, by bisection of the distribution function in the tail where it is exact.
fn normal_quantile(probability: f64) -> f64 {
    if probability > 0.5 {
        return -normal_quantile(1.0 - probability);
    }
    let (mut low, mut high) = (-40.0, 0.0);
    // Newton's steps from the middle, kept within the bracket that bisection gives. They come from above; if
    // rounding takes one beyond the root, the upper bound is the root, and it needs all bits of bisection
    let mut x: f64 = -1.0;
    let most = if probability < 1e-9 { 256 } else { 64 };
    for _ in 0..most {
        let error = normal_below(x) - probability;
        if error > 0.0 {
            high = x
        } else {
            low = x
        }
        let next = x - error / probability_density(x);
        let next = if next > low && next < high { next } else { 0.5 * (low + high) };
        if (next - x).abs() <= 1e-15 * x.abs() || error == 0.0 {
            break;
        }
        x = next;
    }
    x
}

/// The quantile between `from`, which is at least [`TAIL`], and `to`. `below` and `above` are the shares of
/// the probability on both sides of it, of which the smaller one has all its digits.
fn upper_quantile(from: f64, to: f64, below: f64, above: f64) -> f64 {
    let all = tail_ratio(from, to);
    let logarithm = if below < 0.5 {
        libm::log1p(below * libm::expm1(all))
    } else {
        libm::log(above + below * libm::exp(all))
    };
    tail_quantile(from, to, logarithm)
}

/// The number above `from` for which [`tail_ratio`] is this, by Newton's steps. They come from above and
/// never overshoot, because the logarithm of the tail is concave, and steeper than that of the density, with
/// which they begin.
fn tail_quantile(from: f64, to: f64, logarithm: f64) -> f64 {
    let mut x = libm::hypot(from, (-2.0 * logarithm).max(0.0).sqrt()).min(to);
    for _ in 0..64 {
        let next = (x + (tail_ratio(from, x) - logarithm) * mills(x)).max(from).min(to);
        if (next - x).abs() <= 1e-15 * x {
            return next;
        }
        x = next;
    }
    x
}

/// The logarithm of `P(X > x) / P(X > from)`.
fn tail_ratio(from: f64, x: f64) -> f64 {
    if x == f64::INFINITY {
        return f64::NEG_INFINITY;
    }
    -0.5 * (x - from) * (x + from) + libm::log(mills(x) / mills(from))
}

/// `P(X > x)` divided by the density at `x`, from [`TAIL`] on: Laplace's continued fraction, whose rest is
/// below 1e-20 after so many terms (Abramowitz and Stegun, 26.2.14).
fn mills(x: f64) -> f64 {
    1.0 / (1..=20).rev().fold(x, |rest, term| x + f64::from(term) / rest)
}
