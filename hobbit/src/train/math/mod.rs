//! Arithmetic for both engines, for losses and metrics: numbers, functions with the same bits on every
//! platform, and sums with the same order of additions.

mod argmax;
mod drops;
mod simd;

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

pub(super) use argmax::{argmax, is_largest};
pub(super) use drops::{Drops, dropout_mask};
#[cfg(all(test, target_arch = "x86_64"))]
pub(super) use simd::narrow;
pub(super) use simd::{Work, arch, kind, simd, with_width};

/// A floating-point number: `f32` for training, `f64` for checking gradients.
pub(super) trait Real:
    Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
{
    const ZERO: Self;
    const ONE: Self;
    /// The lowest number.
    const LOWEST: Self;
    fn of(value: f64) -> Self;
    fn from_f32(value: f32) -> Self;
    fn to_f64(self) -> f64;
    fn sqrt(self) -> Self;
    fn is_nan(self) -> bool;
    fn exp(self) -> Self;
    fn tanh(self) -> Self;
    /// The error function.
    fn erf(self) -> Self;
}

impl Real for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const LOWEST: f64 = f64::NEG_INFINITY;

    fn of(value: f64) -> f64 {
        value
    }

    fn from_f32(value: f32) -> f64 {
        f64::from(value)
    }

    fn to_f64(self) -> f64 {
        self
    }

    fn sqrt(self) -> f64 {
        f64::sqrt(self)
    }

    fn is_nan(self) -> bool {
        f64::is_nan(self)
    }

    fn exp(self) -> f64 {
        libm::exp(self)
    }

    fn tanh(self) -> f64 {
        libm::tanh(self)
    }

    fn erf(self) -> f64 {
        libm::erf(self)
    }
}

impl Real for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const LOWEST: f32 = f32::NEG_INFINITY;

    #[inline(always)]
    fn of(value: f64) -> f32 {
        value as f32
    }

    #[inline(always)]
    fn from_f32(value: f32) -> f32 {
        value
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn sqrt(self) -> f32 {
        f32::sqrt(self)
    }

    #[inline(always)]
    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }

    /// eˣ = 2ⁿ eʳ with |r| ≤ ln 2 / 2, and Taylor's series for eʳ, of which what is left out is below 10⁻⁸.
    /// Without branches, so that loops become vectors; the same on every platform.
    #[inline(always)]
    fn exp(self) -> f32 {
        let Reduced { power, r } = reduce(self.clamp(-87.0, 88.3));
        let series =
            polynomial(r, [1.0, 1.0, 0.5, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0]);
        series * power
    }

    /// (e²ˣ - 1) / (e²ˣ + 1), with e²ˣ - 1 = 2ⁿ (eʳ - 1) + (2ⁿ - 1) as in [`exp`](Real::exp), which loses
    /// nothing near zero.
    #[inline(always)]
    fn tanh(self) -> f32 {
        // beyond it, nothing changes any more
        let Reduced { power, r } = reduce((self + self).clamp(-40.0, 40.0));
        let series = polynomial(r, [0.5, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0]);
        let less_one = power.mul_add((r * r).mul_add(series, r), power - 1.0);
        less_one / (less_one + 2.0)
    }

    /// Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: exact to 1.5 · 10⁻⁷.
    #[inline(always)]
    fn erf(self) -> f32 {
        let a = self.abs();
        let t = 1.0 / (1.0 + 0.327_591_1 * a);
        let series = polynomial(t, [0.254_829_6, -0.284_496_74, 1.421_413_7, -1.453_152, 1.061_405_4]);
        (1.0 - t * series * Real::exp(-a * a)).copysign(self)
    }
}

/// A polynomial by Horner's rule, from its constant term on; each step is rounded once, which is the same on
/// every platform.
#[inline(always)]
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[N - 1];
    for i in (0..N - 1).rev() {
        sum = sum.mul_add(x, coefficients[i]);
    }
    sum
}

/// eˣ = 2ⁿ eʳ with |r| ≤ ln 2 / 2.
struct Reduced {
    power: f32,
    r: f32,
}

/// For x from -87 to 88.3.
#[inline(always)]
fn reduce(x: f32) -> Reduced {
    // adding it rounds to a whole number, which is then in the lowest bits
    const ROUND: f32 = 12_582_912.0;
    let rounded = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    // ln 2 in two parts, of which the first times n is exact
    let r = n.mul_add(2.121_944_4e-4, n.mul_add(-0.693_359_4, x));
    let power = f32::from_bits(rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23);
    Reduced { power, r }
}

/// eˣ, the same on every platform.
#[inline(always)]
pub(super) fn exp_of(x: f32) -> f32 {
    Real::exp(x)
}

/// The natural logarithm of a positive number, the same on every platform: x = 2ⁿ m with m from √½ to √2, and
/// ln m = 2 artanh s by its series, s = (m - 1) / (m + 1), of which what is left out is below 10⁻⁸. Without
/// branches, so that loops become vectors. Numbers that are not finite stay what they are.
#[inline(always)]
pub(super) fn ln_of(x: f32) -> f32 {
    // the bits of √½, whose distance from x's bits tells n
    const ROOT: u32 = 0x3f35_04f3;
    let n = (x.to_bits().wrapping_sub(ROOT) as i32) >> 23;
    let m = f32::from_bits(x.to_bits().wrapping_sub((n as u32) << 23));
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let series = polynomial(square, [1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0]);
    let ln = (2.0 * s * square).mul_add(series, 2.0 * s);
    let whole = n as f32;
    // ln 2 in two parts, of which the first times n is exact
    let value = whole.mul_add(0.693_359_4, whole.mul_add(-2.121_944_4e-4, ln));
    if x < f32::INFINITY { value } else { x }
}

/// eˣ in place.
pub(super) fn exp(values: &mut [f32]) {
    simd(|| values.iter_mut().for_each(|value| *value = Real::exp(*value)));
}

/// Lanes of sums: enough that additions do not wait for each other, and the same on every platform.
const LANES: usize = 16;

/// A sum over two slices of the same length, with the same order of additions everywhere.
#[inline(always)]
pub(super) fn fold2<T: Real>(a: &[T], b: &[T], of: impl Fn(T, T) -> T) -> T {
    let mut lanes = [T::ZERO; LANES];
    let (chunks_a, chunks_b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = chunks_a.remainder().iter().zip(chunks_b.remainder());
    for (a, b) in chunks_a.zip(chunks_b) {
        for lane in 0..LANES {
            lanes[lane] += of(a[lane], b[lane]);
        }
    }
    for (lane, (&a, &b)) in lanes.iter_mut().zip(rest) {
        *lane += of(a, b);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            let other = lanes[lane + width];
            lanes[lane] += other;
        }
        width /= 2;
    }
    lanes[0]
}

/// A sum over a slice.
#[inline(always)]
pub(super) fn fold<T: Real>(a: &[T], of: impl Fn(T) -> T) -> T {
    fold2(a, a, |a, _| of(a))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest error, relative to what is right where that is not tiny.
    fn worst(of: impl Fn(f32) -> f32, right: impl Fn(f64) -> f64, from: f32, to: f32) -> f64 {
        let mut worst = 0.0f64;
        for i in 0..=200_000 {
            let x = from + (to - from) * (i as f32 / 200_000.0);
            let right = right(f64::from(x));
            worst = worst.max((f64::from(of(x)) - right).abs() / right.abs().max(1e-30));
        }
        worst
    }

    #[test]
    fn functions_are_exact_to_a_few_bits() {
        assert!(worst(Real::exp, libm::exp, -86.9, 88.0) < 2e-7);
        assert!(worst(Real::tanh, libm::tanh, -12.0, 12.0) < 2e-7);
        assert!(worst(Real::tanh, libm::tanh, -1e-3, 1e-3) < 2e-7);
        for i in 1..200_000 {
            let x = i as f32 / 100.0;
            assert!(
                (f64::from(ln_of(x)) - libm::log(f64::from(x))).abs()
                    < 1e-6 * libm::log(f64::from(x)).abs().max(0.2)
            );
        }
        assert!(ln_of(f32::NAN).is_nan() && ln_of(f32::INFINITY) == f32::INFINITY && ln_of(1.0) == 0.0);
        for i in -600..600 {
            let x = i as f32 / 100.0;
            assert!((f64::from(Real::erf(x)) - libm::erf(f64::from(x))).abs() < 5e-7, "{x}");
        }
        assert!(Real::exp(f32::NAN).is_nan() && Real::tanh(f32::NAN).is_nan());
        assert!(Real::exp(-1000.0f32) < 1e-37 && Real::exp(1000.0f32) > 1e38);
        assert_eq!((Real::tanh(50.0f32), Real::tanh(-50.0f32), Real::tanh(0.0f32)), (1.0, -1.0, 0.0));
    }

    #[test]
    fn sums_are_sums() {
        let values: Vec<f64> = (0..1003).map(f64::from).collect();
        assert_eq!(fold(&values, |x| x), 1002.0 * 1003.0 / 2.0);
        assert_eq!(fold2(&values[..5], &values[..5], |a, b| a * b), 30.0);
    }
}
