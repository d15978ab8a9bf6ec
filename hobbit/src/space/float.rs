//! The types of real numbers, `f64` and `f32`, as domains use them.

use std::str::FromStr;

/// The powers of ten that a float holds exactly.
pub(super) const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

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
