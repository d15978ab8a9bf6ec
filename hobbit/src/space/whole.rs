//! Whole numbers of up to 64 bits.

use std::fmt;

use rand::RngCore;

use super::asked::Asked;
use super::cells::Cells;
use super::describe::Domain;
#[cfg(feature = "interop")]
use super::outside::Others;
use super::outside::{Outside, whole};
use super::scalar::{LAST, STEPS, Scalar, search};
use super::value::Value;
use super::wanted::Wanted;
use crate::random::Key;

/// Integer types of up to 64 bits.
#[diagnostic::on_unimplemented(
    message = "`int` draws whole numbers of up to 64 bits, not `{Self}`",
    label = "not a type of whole numbers of up to 64 bits",
    note = "for real numbers there is `#[uniform(low..=high)]`; an `Option` needs `#[optional(0.5)]` too, a `Vec` `#[length(1..=4)]`"
)]
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

    /// The value of a number in `[0, 1)`.
    fn quantile(&self, unit: f64) -> i128 {
        self.low + self.place(unit, self.last()) * self.step.max(1)
    }

    /// The place of that value, of which `last` is the largest.
    fn place(&self, unit: f64, last: i128) -> i128 {
        let place = if self.log {
            // each number stands for the interval of half a step to both sides of it
            let half = self.step as f64 / 2.0;
            let (low, high) = (self.low as f64, (self.low + last * self.step.max(1)) as f64);
            let from = libm::log(if low > half { low - half } else { low / 2.0 });
            let value = libm::exp(from * (1.0 - unit) + libm::log(high + half) * unit);
            ((value - low) / self.step.max(1) as f64).round() as i128
        } else if unit >= LAST {
            last
        } else {
            // 53 bits of chance, spread over the places
            ((unit * STEPS as f64) as i128 * (last + 1)) >> 53
        };
        place.clamp(0, last)
    }

    fn has(&self, value: i128) -> bool {
        (self.low..=self.high).contains(&value) && (value - self.low) % self.step.max(1) == 0
    }

    /// Whether there are more values than numbers that stand for them.
    fn is_coarse(&self) -> bool {
        self.last() >= i128::from(STEPS)
    }
}

impl<T: Integer> Scalar<T> for Int {
    fn domain(&self) -> Domain {
        let Int { low, high, step, log } = *self;
        let above = |number: i128| number.clamp(0, u64::MAX.into()) as u64;
        match i64::try_from(high) {
            Ok(high) => {
                let signed = |number: i128| number.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
                Domain::Int { low: signed(low), high, step: signed(step), log }
            }
            // of all types, only u64 and usize have such numbers
            Err(_) => Domain::UInt { low: above(low), high: above(high), step: above(step), log },
        }
    }

    fn at(&self, unit: f64) -> T {
        // the macro takes both ends as constants of the field's type, so every value between fits
        T::from_i128(self.quantile(unit))
    }

    fn unit(&self, value: &T) -> f64 {
        search(|unit| self.quantile(unit), &value.to_i128())
    }

    fn contains(&self, value: &T) -> bool {
        self.has(value.to_i128())
    }

    fn value(&self, value: &T) -> Value {
        Value::whole(value.to_i128())
    }

    fn draw(&self, key: Key) -> T {
        let mut rng = key.rng();
        if self.log || !self.is_coarse() {
            return self.at(rng.unit());
        }
        // 53 bits would leave most of the numbers out
        let place = match u64::try_from(self.last() + 1) {
            Ok(count) => rng.below(count),
            Err(_) => rng.next_u64(),
        };
        T::from_i128(self.low + i128::from(place) * self.step.max(1))
    }

    fn exactly(&self, whole: i128) -> Option<T> {
        self.has(whole).then(|| T::from_i128(whole))
    }
}

impl Asked for Int {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Int { low, high, step, log } = self;
        write!(f, "{} {low} to {high}", if *log { "log-spaced int" } else { "int" })?;
        if *step == 1 { Ok(()) } else { write!(f, " in steps of {step}") }
    }

    fn is_log(&self) -> bool {
        self.log
    }

    fn cells(&self) -> Option<Cells> {
        if self.is_coarse() {
            return None;
        }
        let (int, last) = (*self, self.last());
        let count = u64::try_from(last).ok()?.checked_add(1)?;
        let place = move |unit| u64::try_from(int.place(unit, last)).unwrap_or(0);
        Cells::placed(count, !int.log, place)
    }

    fn value_at(&self, unit: f64) -> Value {
        Value::whole(self.quantile(unit))
    }

    fn narrowed(&self, wanted: &Wanted<'_>) -> Result<Domain, String> {
        let (low, high) = wanted.wholes(self.low, self.high, self.step.max(1))?;
        Ok(Scalar::<i64>::domain(&Int { low, high, ..*self }))
    }
}

impl Outside for Int {
    fn placed(&self, value: &Value) -> Option<(f64, Value)> {
        let number = whole(value).filter(|&number| self.has(number))?;
        Some((search(|unit| self.quantile(unit), &number), Value::whole(number)))
    }

    fn is_exact(&self) -> bool {
        true
    }

    #[cfg(feature = "interop")]
    fn others(&self) -> Option<Others> {
        let Int { low, high, step, log } = *self;
        Some(Others::Whole { low, high, step, log })
    }
}
