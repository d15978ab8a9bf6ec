//! Values that are one number of the unit interval each: their quantile functions.
//!
//! All of it is computed with functions that give the same bits on every platform.

use std::str::FromStr;

use super::describe::Domain;
use super::grid::{Grid, POWERS};
use super::value::Value;
use crate::random::Key;

/// The steps of the unit interval: numbers are multiples of 2⁻⁵³.
pub(super) const STEPS: u64 = 1 << 53;

/// The last of them.
pub(super) const LAST: f64 = 1.0 - 1.0 / STEPS as f64;

/// A coordinate on the grid of what is drawn, so that its value can be encoded again.
pub(super) fn on_grid(unit: f64) -> f64 {
    (unit * STEPS as f64).floor() / STEPS as f64
}

/// A set of values of type `T`, each the quantile of a number in `[0, 1)`.
///
/// Implement it for values that hobbit does not know, and use it with `#[with(...)]`.
#[diagnostic::on_unimplemented(
    message = "this domain has no values of type `{T}`",
    label = "not what the field's attribute draws"
)]
pub trait Scalar<T> {
    /// The values as data.
    fn domain(&self) -> Domain;
    /// The value of a number in `[0, 1)`; it grows with the number, in whatever order the values have.
    fn at(&self, unit: f64) -> T;
    /// A number whose value this is, or is nearest to.
    fn unit(&self, value: &T) -> f64;
    /// Whether the value is one of them.
    fn contains(&self, value: &T) -> bool;
    /// The value for tables.
    fn value(&self, value: &T) -> Value;
    /// The value of a key.
    fn draw(&self, key: Key) -> T {
        self.at(key.rng().unit())
    }
    /// A whole number that is one of the values, where numbers in `[0, 1)` are too few to stand for all of
    /// them.
    #[doc(hidden)]
    fn exactly(&self, _: i128) -> Option<T> {
        None
    }
}

/// The smallest number whose value is not below this one, by bisection; or its neighbour if that is exact.
pub(super) fn search<T: PartialOrd>(at: impl Fn(f64) -> T, value: &T) -> f64 {
    let unit = |step: u64| step as f64 / STEPS as f64;
    let (mut low, mut high) = (0, STEPS - 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if at(unit(middle)) < *value { low = middle + 1 } else { high = middle }
    }
    // rounding may make the quantile function step back by a last bit here and there
    let within = |distance| {
        (low.saturating_sub(distance)..(low + distance).min(STEPS)).find(|&step| at(unit(step)) == *value)
    };
    unit(within(16).or_else(|| within(64)).unwrap_or(low))
}

/// `f64` and `f32`.
#[diagnostic::on_unimplemented(
    message = "this domain draws real numbers, of type `f64` or `f32`, not `{Self}`",
    label = "not a type of real numbers",
    note = "for whole numbers there is `#[int(low..=high)]`; an `Option` needs `#[optional(0.5)]` too, a `Vec` `#[length(1..=4)]`"
)]
pub trait Float: Copy + PartialOrd + FromStr {
    /// The distance from 1 to the next number.
    const EPSILON: f64;
    /// The smallest number above zero.
    const SMALLEST: Self;
    /// The largest finite number.
    const LARGEST: Self;
    /// Rounded to the nearest.
    fn from_f64(value: f64) -> Self;
    /// Exactly.
    fn to_f64(self) -> f64;
    /// The nearest to `digits · 10^exponent`, where one division of exact numbers gives it.
    fn divided(digits: i128, exponent: i32) -> Option<Self>;
}

impl Float for f64 {
    const EPSILON: f64 = f64::EPSILON;
    const SMALLEST: f64 = f64::from_bits(1);
    const LARGEST: f64 = f64::MAX;

    fn from_f64(value: f64) -> f64 {
        value
    }

    fn to_f64(self) -> f64 {
        self
    }

    fn divided(digits: i128, exponent: i32) -> Option<f64> {
        let power = POWERS.get(usize::try_from(-exponent).ok()?)?;
        (digits.unsigned_abs() < 1 << 53).then(|| digits as f64 / power)
    }
}

impl Float for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;
    const SMALLEST: f32 = f32::from_bits(1);
    const LARGEST: f32 = f32::MAX;

    fn from_f64(value: f64) -> f32 {
        value as f32
    }

    fn to_f64(self) -> f64 {
        self.into()
    }

    fn divided(digits: i128, exponent: i32) -> Option<f32> {
        let power = POWERS[..=10].get(usize::try_from(-exponent).ok()?)?;
        (digits.unsigned_abs() < 1 << 24).then(|| digits as f32 / *power as f32)
    }
}

/// The value of a range without a grid; its ends are the values of the first and the last number, whatever is
/// rounded between them.
fn between<T: Float>(low: f64, high: f64, unit: f64, value: impl FnOnce() -> f64) -> T {
    T::from_f64(if unit <= 0.0 {
        low
    } else if unit >= LAST {
        high
    } else {
        value().max(low).min(high)
    })
}

/// Whether a value is within bounds and on the grid, in its own precision.
fn is_within<T: Float>(value: T, low: f64, high: f64, step: Option<f64>) -> bool {
    match step {
        Some(step) => Grid::new(low, high, step).contains(value),
        None => T::from_f64(low) <= value && value <= T::from_f64(high),
    }
}

/// Real numbers, equally likely.
#[derive(Debug, Clone, Copy)]
pub struct Uniform {
    /// The smallest value.
    pub low: f64,
    /// The largest value.
    pub high: f64,
    /// The distance between values.
    pub step: Option<f64>,
}

/// The place on a grid of equally likely values.
fn place(grid: &Grid, unit: f64) -> f64 {
    grid_place(grid.last(), unit)
}

/// The place among equally likely values, the last of which has this place.
pub(super) fn grid_place(last: f64, unit: f64) -> f64 {
    (unit * (last + 1.0)).floor().min(last)
}

impl<T: Float> Scalar<T> for Uniform {
    fn domain(&self) -> Domain {
        Domain::Uniform { low: self.low, high: self.high, step: self.step }
    }

    fn at(&self, unit: f64) -> T {
        let Uniform { low, high, step } = *self;
        match step {
            // weighted ends instead of a difference, which could overflow
            None => between(low, high, unit, || low * (1.0 - unit) + high * unit),
            Some(step) => {
                let grid = Grid::new(low, high, step);
                grid.value(place(&grid, unit))
            }
        }
    }

    fn unit(&self, value: &T) -> f64 {
        let Some(step) = self.step else { return search(|unit| self.at(unit), value) };
        let grid = Grid::new(self.low, self.high, step);
        search(|unit| place(&grid, unit), &grid.nearest(value.to_f64()))
    }

    fn contains(&self, value: &T) -> bool {
        is_within(*value, self.low, self.high, self.step)
    }

    fn value(&self, value: &T) -> Value {
        Value::Float(value.to_f64())
    }
}

/// Real numbers whose logarithms are equally likely.
#[derive(Debug, Clone, Copy)]
pub struct LogUniform {
    /// The smallest value.
    pub low: f64,
    /// The largest value.
    pub high: f64,
    /// The distance between values.
    pub step: Option<f64>,
}

impl LogUniform {
    /// The value of a number in `[0, 1)`, without grid.
    pub(super) fn quantile(&self, unit: f64) -> f64 {
        libm::exp(libm::log(self.low) * (1.0 - unit) + libm::log(self.high) * unit)
    }
}

impl<T: Float> Scalar<T> for LogUniform {
    fn domain(&self) -> Domain {
        Domain::LogUniform { low: self.low, high: self.high, step: self.step }
    }

    fn at(&self, unit: f64) -> T {
        match self.step {
            None => between(self.low, self.high, unit, || self.quantile(unit)),
            Some(step) => Grid::new(self.low, self.high, step).snapped(self.quantile(unit)),
        }
    }

    fn unit(&self, value: &T) -> f64 {
        let Some(step) = self.step else { return search(|unit| self.at(unit), value) };
        let grid = Grid::new(self.low, self.high, step);
        search(|unit| grid.nearest(self.quantile(unit)), &grid.nearest(value.to_f64()))
    }

    fn contains(&self, value: &T) -> bool {
        is_within(*value, self.low, self.high, self.step)
    }

    fn value(&self, value: &T) -> Value {
        Value::Float(value.to_f64())
    }
}
