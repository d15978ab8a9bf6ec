//! How one field is drawn, checked and shown. What the macro writes is made of these.
//!
//! A value is the quantile of a number in `[0, 1)`, computed with functions that give the same bits on every platform.

use super::{Domain, Value};
use crate::error::{Error, Result};
use crate::random::Key;

/// The values of a field of type `T`.
pub trait Field<T> {
    /// The values as data.
    fn domain(&self) -> Domain;
    /// The value of a key.
    fn draw(&self, key: Key) -> T;
    /// The value for tables.
    fn value(&self, value: &T) -> Value;
    /// Whether the value is one of them.
    fn contains(&self, value: &T) -> bool;

    /// An error that names the field if the value is not one of them.
    fn check(&self, name: &str, value: &T) -> Result<()> {
        if self.contains(value) {
            Ok(())
        } else {
            Err(Error::space(format!("`{name}` is {}; it has to be {}", self.value(value), self.domain())))
        }
    }
}

/// `f64` and `f32`.
pub trait Float: Copy {
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

/// Real numbers, equally likely.
#[derive(Debug, Clone, Copy)]
pub struct Uniform {
    /// The smallest value.
    pub low: f64,
    /// The largest value.
    pub high: f64,
}

/// Real numbers whose logarithms are equally likely.
#[derive(Debug, Clone, Copy)]
pub struct LogUniform {
    /// The smallest value.
    pub low: f64,
    /// The largest value.
    pub high: f64,
}

/// Whether a value is within bounds that are given in its own precision.
fn within<T: Float>(value: T, low: f64, high: f64) -> bool {
    let value = value.to_f64();
    T::from_f64(low).to_f64() <= value && value <= T::from_f64(high).to_f64()
}

impl<T: Float> Field<T> for Uniform {
    fn domain(&self) -> Domain {
        Domain::Uniform { low: self.low, high: self.high }
    }

    fn draw(&self, key: Key) -> T {
        let u = key.rng().unit();
        // weighted ends instead of a difference, which could overflow
        let value = self.low * (1.0 - u) + self.high * u;
        T::from_f64(value.clamp(self.low, self.high))
    }

    fn value(&self, value: &T) -> Value {
        Value::Float(value.to_f64())
    }

    fn contains(&self, value: &T) -> bool {
        within(*value, self.low, self.high)
    }
}

impl<T: Float> Field<T> for LogUniform {
    fn domain(&self) -> Domain {
        Domain::LogUniform { low: self.low, high: self.high }
    }

    fn draw(&self, key: Key) -> T {
        let u = key.rng().unit();
        let value = libm::exp(libm::log(self.low) * (1.0 - u) + libm::log(self.high) * u);
        T::from_f64(value.clamp(self.low, self.high))
    }

    fn value(&self, value: &T) -> Value {
        Value::Float(value.to_f64())
    }

    fn contains(&self, value: &T) -> bool {
        within(*value, self.low, self.high)
    }
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

    fn quantile(&self, u: f64) -> i128 {
        let last = self.last();
        let place = if self.log {
            // each number stands for the interval of half a step to both sides of it
            let half = self.step as f64 / 2.0;
            let (low, high) = (self.low as f64, (self.low + last * self.step.max(1)) as f64);
            let from = libm::log(if low > half { low - half } else { low / 2.0 });
            let value = libm::exp(from * (1.0 - u) + libm::log(high + half) * u);
            ((value - low) / self.step.max(1) as f64).round() as i128
        } else {
            // 53 bits of chance, spread over the places
            ((u * (1u64 << 53) as f64) as i128 * (last + 1)) >> 53
        };
        self.low + place.clamp(0, last) * self.step.max(1)
    }
}

fn to_i64(value: i128) -> i64 {
    value.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

impl<T: Integer> Field<T> for Int {
    fn domain(&self) -> Domain {
        let Int { low, high, step, log } = *self;
        Domain::Int { low: to_i64(low), high: to_i64(high), step: to_i64(step), log }
    }

    fn draw(&self, key: Key) -> T {
        // the macro takes both ends as constants of the field's type, so every value between fits
        T::from_i128(self.quantile(key.rng().unit()))
    }

    fn value(&self, value: &T) -> Value {
        Value::Int(to_i64(value.to_i128()))
    }

    fn contains(&self, value: &T) -> bool {
        let value = value.to_i128();
        (self.low..=self.high).contains(&value) && (value - self.low) % self.step.max(1) == 0
    }
}

/// What a table shows for an option.
#[derive(Debug, Clone, Copy)]
pub enum Label {
    /// A switch.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A real number.
    Float(f64),
    /// A name.
    Text(&'static str),
}

impl Label {
    fn value(self) -> Value {
        match self {
            Label::Bool(value) => Value::Bool(value),
            Label::Int(value) => Value::Int(value),
            Label::Float(value) => Value::Float(value),
            Label::Text(text) => Value::Text(text.to_owned()),
        }
    }
}

/// One of several options.
#[derive(Debug, Clone, Copy)]
pub struct Choice<T, const N: usize> {
    /// The options.
    pub options: [T; N],
    /// What a table shows for each.
    pub labels: [Label; N],
}

impl<T: Clone + PartialEq, const N: usize> Field<T> for Choice<T, N> {
    fn domain(&self) -> Domain {
        Domain::Choice(self.labels.iter().map(|label| label.value()).collect())
    }

    fn draw(&self, key: Key) -> T {
        // the macro refuses a choice of nothing
        self.options[key.rng().below(N as u64) as usize].clone()
    }

    fn value(&self, value: &T) -> Value {
        let position = self.options.iter().position(|option| option == value);
        position.map_or_else(
            || Value::Text("none of the options".to_owned()),
            |position| self.labels[position].value(),
        )
    }

    fn contains(&self, value: &T) -> bool {
        self.options.contains(value)
    }
}

/// On or off.
#[derive(Debug, Clone, Copy)]
pub struct Switch;

impl Field<bool> for Switch {
    fn domain(&self) -> Domain {
        Domain::Bool
    }

    fn draw(&self, key: Key) -> bool {
        key.rng().unit() < 0.5
    }

    fn value(&self, value: &bool) -> Value {
        Value::Bool(*value)
    }

    fn contains(&self, _: &bool) -> bool {
        true
    }
}
