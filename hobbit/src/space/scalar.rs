//! Values that are one number of the unit interval each: their quantile functions.
//!
//! All of it is computed with functions that give the same bits on every platform.

use rand_distr::Distribution;

use super::describe::{Domain, Parameter, Value};
use super::field::{Coordinates, Field, Names};
use crate::error::{BoxError, Error, Result};
use crate::random::Key;

/// The steps of the unit interval: numbers are multiples of 2⁻⁵³.
pub(super) const STEPS: u64 = 1 << 53;

/// A set of values of type `T`, each the quantile of a number in `[0, 1)`.
///
/// Implement it for values that hobbit does not know, and use it with `#[with(...)]`.
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
}

/// The smallest number whose value is not below this one, by bisection; or its neighbour if that is exact.
fn search<T: PartialOrd>(at: impl Fn(f64) -> T, value: &T) -> f64 {
    let unit = |step: u64| step as f64 / STEPS as f64;
    let (mut low, mut high) = (0, STEPS - 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if at(unit(middle)) < *value { low = middle + 1 } else { high = middle }
    }
    // rounding may make the quantile function step back by a last bit here and there
    let near = (low.saturating_sub(16)..(low + 16).min(STEPS)).find(|&step| at(unit(step)) == *value);
    unit(near.unwrap_or(low))
}

/// `f64` and `f32`.
pub trait Float: Copy + PartialOrd {
    /// Rounded to the nearest.
    fn from_f64(value: f64) -> Self;
    /// Exactly.
    fn to_f64(self) -> f64;
}

impl Float for f64 {
    fn from_f64(value: f64) -> f64 {
        value
    }

    fn to_f64(self) -> f64 {
        self
    }
}

impl Float for f32 {
    fn from_f64(value: f64) -> f32 {
        value as f32
    }

    fn to_f64(self) -> f64 {
        self.into()
    }
}

/// So many steps: with steps of 0.05, three are 0.15, not the nearest float to 3 times the nearest float to 0.05.
fn steps(count: f64, step: f64) -> f64 {
    let inverse = (1.0 / step).round();
    if (inverse * step - 1.0).abs() < 1e-12 { count / inverse } else { count * step }
}

/// The nearest value on the grid from `low` in steps, within bounds.
fn snap(value: f64, low: f64, high: f64, step: Option<f64>) -> f64 {
    let Some(step) = step else { return value.clamp(low, high) };
    let last = ((high - low) / step + 1e-9).floor();
    low + steps(((value - low) / step).round().clamp(0.0, last), step)
}

/// Whether a value is within bounds and on the grid, in its own precision.
fn on_grid<T: Float>(value: T, low: f64, high: f64, step: Option<f64>) -> bool {
    let number = value.to_f64();
    let within = T::from_f64(low).to_f64() <= number && number <= T::from_f64(high).to_f64();
    within && (step.is_none() || T::from_f64(snap(number, low, high, step)).to_f64() == number)
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

impl<T: Float> Scalar<T> for Uniform {
    fn domain(&self) -> Domain {
        Domain::Uniform { low: self.low, high: self.high, step: self.step }
    }

    fn at(&self, unit: f64) -> T {
        T::from_f64(match self.step {
            // weighted ends instead of a difference, which could overflow
            None => (self.low * (1.0 - unit) + self.high * unit).clamp(self.low, self.high),
            Some(step) => {
                let last = ((self.high - self.low) / step + 1e-9).floor();
                self.low + steps((unit * (last + 1.0)).floor().min(last), step)
            }
        })
    }

    fn unit(&self, value: &T) -> f64 {
        search(|unit| self.at(unit), value)
    }

    fn contains(&self, value: &T) -> bool {
        on_grid(*value, self.low, self.high, self.step)
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

impl<T: Float> Scalar<T> for LogUniform {
    fn domain(&self) -> Domain {
        Domain::LogUniform { low: self.low, high: self.high, step: self.step }
    }

    fn at(&self, unit: f64) -> T {
        let value = libm::exp(libm::log(self.low) * (1.0 - unit) + libm::log(self.high) * unit);
        T::from_f64(snap(value, self.low, self.high, self.step))
    }

    fn unit(&self, value: &T) -> f64 {
        search(|unit| self.at(unit), value)
    }

    fn contains(&self, value: &T) -> bool {
        on_grid(*value, self.low, self.high, self.step)
    }

    fn value(&self, value: &T) -> Value {
        Value::Float(value.to_f64())
    }
}

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

    fn snapped(&self, value: f64) -> f64 {
        let value = self.step.map_or(value, |step| steps((value / step).round(), step));
        value.clamp(self.low, self.high)
    }
}

impl<T: Float> Scalar<T> for Normal {
    fn domain(&self) -> Domain {
        let Normal { mean, std, log, low, high, step } = *self;
        Domain::Normal { mean, std, log, low, high, step }
    }

    fn at(&self, unit: f64) -> T {
        let (from, to) =
            (normal_below(self.standardized(self.low)), normal_below(self.standardized(self.high)));
        // the middle of the number's interval: its lower end may be minus infinity
        let unit = unit + 0.5 / STEPS as f64;
        let value = self.mean + self.std * normal_quantile(from * (1.0 - unit) + to * unit);
        T::from_f64(self.snapped(if self.log { libm::exp(value) } else { value }))
    }

    fn unit(&self, value: &T) -> f64 {
        search(|unit| self.at(unit), value)
    }

    fn contains(&self, value: &T) -> bool {
        let number = value.to_f64();
        number.is_finite() && (self.low..=self.high).contains(&number) && {
            let snapped = T::from_f64(self.snapped(number)).to_f64();
            self.step.is_none() || snapped == number
        }
    }

    fn value(&self, value: &T) -> Value {
        Value::Float(value.to_f64())
    }
}

/// The probability that a standard normal number is below `x`.
fn normal_below(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

/// The number below which a standard normal number is with this probability, by bisection of the distribution function in the
/// tail where it is exact.
fn normal_quantile(probability: f64) -> f64 {
    if probability > 0.5 {
        return -normal_quantile(1.0 - probability);
    }
    let (mut low, mut high) = (-40.0, 0.0);
    // Newton's steps from the middle, kept within the bracket that bisection gives
    let mut x: f64 = -1.0;
    for _ in 0..64 {
        let error = normal_below(x) - probability;
        if error > 0.0 {
            high = x
        } else {
            low = x
        }
        let slope = libm::exp(-0.5 * x * x) / 2.506_628_274_631_000_7;
        let next = x - error / slope;
        let next = if next > low && next < high { next } else { 0.5 * (low + high) };
        if (next - x).abs() <= 1e-15 * x.abs() || error == 0.0 {
            break;
        }
        x = next;
    }
    x
}

/// Integer types of up to 64 bits.
pub trait Integer: Copy {
    /// A value that fits, as bounds of this type make sure.
    fn from_i128(value: i128) -> Self;
    /// Exactly.
    fn to_i128(self) -> i128;
}

macro_rules! integers {
    ($($ty:ty)*) => {
        $(impl Integer for $ty {
            fn from_i128(value: i128) -> $ty {
                value as $ty
            }

            fn to_i128(self) -> i128 {
                self as i128
            }
        })*
    };
}

integers!(u8 u16 u32 u64 usize i8 i16 i32 i64 isize);

/// Whole numbers.
#[derive(Debug, Clone, Copy)]
pub struct Int {
    /// The smallest value.
    pub low: i128,
    /// No value is larger.
    pub high: i128,
    /// The distance between values.
    pub step: i128,
    /// Whether logarithms are equally likely.
    pub log: bool,
}

impl Int {
    /// The largest value's place, counted from 0.
    fn last(&self) -> i128 {
        (self.high - self.low) / self.step.max(1)
    }

    fn quantile(&self, unit: f64) -> i128 {
        let last = self.last();
        let place = if self.log {
            // each number stands for the interval of half a step to both sides of it
            let half = self.step as f64 / 2.0;
            let (low, high) = (self.low as f64, (self.low + last * self.step.max(1)) as f64);
            let from = libm::log(if low > half { low - half } else { low / 2.0 });
            let value = libm::exp(from * (1.0 - unit) + libm::log(high + half) * unit);
            ((value - low) / self.step.max(1) as f64).round() as i128
        } else {
            // 53 bits of chance, spread over the places
            ((unit * STEPS as f64) as i128 * (last + 1)) >> 53
        };
        self.low + place.clamp(0, last) * self.step.max(1)
    }
}

fn to_i64(value: i128) -> i64 {
    value.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

impl<T: Integer> Scalar<T> for Int {
    fn domain(&self) -> Domain {
        let Int { low, high, step, log } = *self;
        Domain::Int { low: to_i64(low), high: to_i64(high), step: to_i64(step), log }
    }

    fn at(&self, unit: f64) -> T {
        // the macro takes both ends as constants of the field's type, so every value between fits
        T::from_i128(self.quantile(unit))
    }

    fn unit(&self, value: &T) -> f64 {
        search(|unit| self.quantile(unit), &value.to_i128())
    }

    fn contains(&self, value: &T) -> bool {
        let value = value.to_i128();
        (self.low..=self.high).contains(&value) && (value - self.low) % self.step.max(1) == 0
    }

    fn value(&self, value: &T) -> Value {
        Value::Int(to_i64(value.to_i128()))
    }
}

/// Numbers that a distribution of `rand_distr` may give.
pub trait Number: Copy + PartialEq + std::fmt::Debug {
    /// The number as an `f64`.
    fn number(self) -> f64;
    /// The nearest number of this type.
    fn nearest(number: f64) -> Self;
    /// The value for tables.
    fn shown(self) -> Value;
}

macro_rules! numbers {
    ($kind:ident as $wide:ty: $($ty:ty)*) => {
        $(impl Number for $ty {
            fn number(self) -> f64 {
                self as f64
            }

            fn nearest(number: f64) -> $ty {
                number as $ty
            }

            fn shown(self) -> Value {
                Value::$kind(self as $wide)
            }
        })*
    };
}

numbers!(Float as f64: f64 f32);
numbers!(Int as i64: u8 u16 u32 u64 usize i8 i16 i32 i64 isize);

/// Whatever a distribution gives, if it can be made.
///
/// There is no quantile function to be had, so a number in `[0, 1)` stands for a value by its bits: all `f64` in their order, the
/// last 11 bits of the mantissa left out.
pub struct Sampled<D> {
    /// The distribution.
    pub distribution: std::result::Result<D, BoxError>,
    /// How it was written.
    pub text: &'static str,
    /// The field.
    pub name: &'static str,
}

/// The place of a number among all.
fn ordered(number: f64) -> u64 {
    let bits = number.to_bits();
    // negative numbers backwards, below the positive ones
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn unordered(place: u64) -> f64 {
    f64::from_bits(if place >> 63 == 1 { place & !(1 << 63) } else { !place })
}

fn number_at<T: Number>(unit: f64) -> T {
    T::nearest(unordered(((unit * STEPS as f64) as u64) << 11))
}

fn unit_of(value: impl Number) -> f64 {
    place_of(value.number())
}

/// The number in `[0, 1)` that stands for a number from a distribution.
pub(super) fn place_of(number: f64) -> f64 {
    (ordered(number) >> 11) as f64 / STEPS as f64
}

impl<T: Number, D: Distribution<T>> Field<T> for Sampled<D> {
    fn parameters(&self, names: &Names<'_>, out: &mut Vec<Parameter>) {
        names.push(Domain::Distribution(self.text.to_owned()), out);
    }

    fn draw(&self, key: Key) -> Result<T> {
        let distribution = self.distribution.as_ref().map_err(|error| {
            Error::space(format!("the distribution of `{}` cannot be made: {error}", self.name))
        })?;
        let drawn: T = distribution.sample(&mut key.rng());
        // only values that a number stands for
        Ok(number_at(unit_of(drawn)))
    }

    fn values(&self, name: &str, value: &T, out: &mut Vec<(String, Value)>) {
        out.push((name.to_owned(), value.shown()));
    }

    fn check(&self, name: &str, value: &T) -> Result<()> {
        if value.number().is_finite() {
            return Ok(());
        }
        Err(Error::space(format!("`{name}` is {value:?}; it has to be finite")))
    }

    fn encode(&self, value: Option<&T>, out: &mut Vec<Option<f64>>) {
        out.push(value.map(|&value| unit_of(value)));
    }

    fn decode(&self, name: &str, coordinates: &mut Coordinates<'_>) -> Result<T> {
        coordinates.take(name).map(number_at)
    }

    fn width(&self) -> usize {
        1
    }
}
