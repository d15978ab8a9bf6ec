//! What a distribution of `rand_distr` gives.

use std::fmt;

use rand_distr::Distribution;

use super::asked::Asked;
use super::describe::{Domain, Parameter};
use super::field::{Coordinates, Field, Names};
use super::outside::{Outside, number, whole};
use super::scalar::STEPS;
use super::value::Value;
use super::wanted::Wanted;
use crate::error::{BoxError, Error, Result};
use crate::random::{Key, KeyRng};

/// Numbers that a distribution of `rand_distr` may give.
pub trait Number: Copy + PartialEq + std::fmt::Debug {
    /// The number as an `f64`.
    fn number(self) -> f64;
    /// The nearest number of this type.
    fn nearest(number: f64) -> Self;
    /// The value for tables.
    fn shown(self) -> Value;
    /// What is drawn instead of it: a number that a coordinate stands for. Whole numbers stay as they are.
    fn drawn(self) -> Self;
    /// A whole number, if this type has it.
    fn exactly(whole: i128) -> Option<Self>;
}

macro_rules! real {
    ($($ty:ty)*) => {
        $(impl Number for $ty {
            fn number(self) -> f64 {
                self as f64
            }

            fn nearest(number: f64) -> $ty {
                number as $ty
            }

            fn shown(self) -> Value {
                Value::Float(self as f64)
            }

            fn drawn(self) -> $ty {
                number_at(unit_of(self))
            }

            fn exactly(_: i128) -> Option<$ty> {
                None
            }
        })*
    };
}

macro_rules! whole {
    ($($ty:ty)*) => {
        $(impl Number for $ty {
            fn number(self) -> f64 {
                self as f64
            }

            fn nearest(number: f64) -> $ty {
                number as $ty
            }

            fn shown(self) -> Value {
                Value::whole(self as i128)
            }

            fn drawn(self) -> $ty {
                self
            }

            fn exactly(whole: i128) -> Option<$ty> {
                whole.try_into().ok()
            }
        })*
    };
}

real!(f64 f32);
whole!(u8 u16 u32 u64 usize i8 i16 i32 i64 isize);

/// A distribution of numbers.
#[diagnostic::on_unimplemented(
    message = "`distribution` needs one that gives numbers of the field's type, of up to 64 bits: `{Self}` gives no such `{T}`",
    label = "no distribution of `{T}`",
    note = "what is a `Result` needs a `?` after it: `#[distribution(rand_distr::Gamma::new(2.0, 0.5)?)]`"
)]
pub trait Draws<T> {
    /// `T` itself, of which more is known.
    type Number: Number;
    /// Draws one.
    fn draw(&self, rng: &mut KeyRng) -> Self::Number;
    /// The value as a number.
    fn number(value: &T) -> Self::Number;
    /// The number as a value.
    fn value(number: Self::Number) -> T;
}

#[diagnostic::do_not_recommend]
impl<T: Number, D: Distribution<T>> Draws<T> for D {
    type Number = T;

    fn draw(&self, rng: &mut KeyRng) -> T {
        self.sample(rng)
    }

    fn number(value: &T) -> T {
        *value
    }

    fn value(number: T) -> T {
        number
    }
}

/// Whatever a distribution gives, if it can be made.
///
/// There is no quantile function to be had, so a number in `[0, 1)` stands for a value by its bits: all `f64`
/// in their order, the last 11 bits of the mantissa left out.
pub struct Sampled<D> {
    /// The distribution.
    pub distribution: std::result::Result<D, BoxError>,
    /// How it was written.
    pub text: &'static str,
    /// The field.
    pub name: &'static str,
}

impl<D> fmt::Debug for Sampled<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampled").field("name", &self.name).field("text", &self.text).finish_non_exhaustive()
    }
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
fn place_of(number: f64) -> f64 {
    (ordered(number) >> 11) as f64 / STEPS as f64
}

impl<T, D: Draws<T>> Field<T> for Sampled<D> {
    fn parameters(&self, names: &Names<'_>, out: &mut Vec<Parameter>) {
        names.push(Domain::Distribution(self.text.to_owned()), out);
    }

    fn draw(&self, key: Key) -> Result<T> {
        let distribution = self.distribution.as_ref().map_err(|error| {
            Error::space(format!("the distribution of `{}` cannot be made: {error}", self.name))
        })?;
        Ok(D::value(distribution.draw(&mut key.rng()).drawn()))
    }

    fn values(&self, name: &str, value: &T, out: &mut Vec<(String, Value)>) {
        out.push((name.to_owned(), D::number(value).shown()));
    }

    fn check(&self, name: &str, value: &T) -> Result<()> {
        let value = D::number(value);
        if value.number().is_finite() {
            return Ok(());
        }
        Err(Error::space(format!("`{name}` is {value:?}; it has to be finite")))
    }

    fn encode(&self, value: Option<&T>, out: &mut Vec<Option<f64>>) {
        out.push(value.map(|value| unit_of(D::number(value))));
    }

    fn decode(&self, name: &str, coordinates: &mut Coordinates<'_>) -> Result<T> {
        let whole = coordinates.whole().and_then(D::Number::exactly);
        let unit = coordinates.take(name)?;
        Ok(D::value(whole.unwrap_or_else(|| number_at(unit))))
    }

    fn width(&self) -> usize {
        1
    }
}

/// A distribution, as data: how it was written.
pub(super) struct Drawn<'a>(pub(super) &'a str);

impl Asked for Drawn<'_> {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "distributed as {}", self.0)
    }

    fn is_uniform_in_the_cube(&self) -> bool {
        false
    }

    fn value_at(&self, unit: f64) -> Value {
        Value::Float(number_at(unit))
    }

    fn narrowed(&self, _: &Wanted<'_>) -> Result<Domain, String> {
        Err("the values of a distribution have no range that could be narrowed".to_owned())
    }
}

impl Outside for Drawn<'_> {
    fn placed(&self, value: &Value) -> Option<(f64, Value)> {
        let number = number(value)?;
        Some((place_of(number), whole(value).map_or(Value::Float(number), Value::whole)))
    }

    fn is_exact(&self) -> bool {
        true
    }
}
