//! What the macro asks about constants of domains, while the crate that has them is compiled.

use std::marker::PhantomData;

/// How large and how small the numbers of a type can be, as far as it matters to domains. Types of which
/// nothing is known have the limits of `f64`: whether they fit a domain at all is not asked here.
#[derive(Debug)]
pub struct Limits<T>(PhantomData<T>);

/// The limits of types that have none of their own.
pub trait AnyLimits {
    /// The largest number.
    const LARGEST: f64 = f64::MAX;
    /// The smallest number above zero.
    const SMALLEST: f64 = f64::from_bits(1);
    /// The smallest whole number.
    const LEAST: i128 = i128::MIN;
    /// The largest whole number.
    const MOST: i128 = i128::MAX;
}

impl<T> AnyLimits for Limits<T> {}

/// The limits of `f32`, and of what fields are made of it.
macro_rules! single {
    ($($ty:ty)*) => {
        $(impl Limits<$ty> {
            /// The largest number.
            pub const LARGEST: f64 = f32::MAX as f64;
            /// The smallest number above zero.
            pub const SMALLEST: f64 = f32::from_bits(1) as f64;
        })*
    };
}

single!(f32 Option<f32> Vec<f32> Option<Vec<f32>>);

/// The limits of whole numbers, and of what fields are made of them.
macro_rules! whole {
    ($($ty:ident)*) => {
        $(
            whole!($ty: $ty, Option<$ty>, Vec<$ty>, Option<Vec<$ty>>);
        )*
    };
    ($of:ident: $($ty:ty),*) => {
        $(impl Limits<$ty> {
            /// The smallest whole number.
            pub const LEAST: i128 = $of::MIN as i128;
            /// The largest whole number.
            pub const MOST: i128 = $of::MAX as i128;
        })*
    };
}

whole!(u8 u16 u32 u64 usize i8 i16 i32 i64 isize);

/// Whether a weight is finite and not negative.
pub const fn is_weight(weight: f64) -> bool {
    weight >= 0.0 && weight.is_finite()
}

/// Whether something can be drawn with these weights: their sum is finite and above zero.
pub const fn is_drawable(weights: &[f64]) -> bool {
    let (mut sum, mut place) = (0.0, 0);
    while place < weights.len() {
        sum += weights[place];
        place += 1;
    }
    sum > 0.0 && sum.is_finite()
}

/// Whether a number can be the end of a range that may be open: infinite, or a number of the field's type.
pub const fn is_end(end: f64, largest: f64) -> bool {
    end.is_infinite() || end.abs() <= largest
}

/// Whether a range has room for a step, but for rounding: in floats, 0.3 - 0.2 is less than 0.1; and whether
/// the values of the grid can be told apart. Where there is one value, any step will do.
pub const fn is_step(low: f64, high: f64, step: f64) -> bool {
    let width = high - low;
    let rounding = f64::EPSILON * if low.abs() < high.abs() { high.abs() } else { low.abs() };
    low == high || width.is_finite() && step <= width + rounding && width / step <= MOST_STEPS
}

const MOST_STEPS: f64 = (1_u64 << 53) as f64;

/// Whether a condition holds: a closure, which it cannot leave for what comes after it.
pub fn holds(condition: impl FnOnce() -> bool) -> bool {
    condition()
}

/// Whether two numbers are the same: a number that was whole is one still.
pub const fn is_same(a: f64, b: f64) -> bool {
    a == b
}

/// Whether there are variants from one to another, by the numbers that the compiler gives them.
pub const fn is_variant_range(tags: &[isize], from: isize, to: isize, inclusive: bool) -> bool {
    let (mut first, mut last, mut place) = (None, None, 0);
    while place < tags.len() {
        if tags[place] == from {
            first = Some(place);
        }
        if tags[place] == to {
            last = Some(place);
        }
        place += 1;
    }
    match (first, last) {
        (Some(first), Some(last)) => first < last || inclusive && first == last,
        _ => false,
    }
}

/// Whether there are variants from one to another, by their names. Of what is no name of a variant nothing is
/// known.
pub const fn is_named_range<T>(variants: &[(T, &str)], from: &str, to: &str, inclusive: bool) -> bool {
    match (place_of(variants, from), place_of(variants, to)) {
        (Some(first), Some(last)) => first < last || inclusive && first == last,
        _ => true,
    }
}

const fn place_of<T>(variants: &[(T, &str)], name: &str) -> Option<usize> {
    let mut place = 0;
    while place < variants.len() {
        if is_text(variants[place].1, name) {
            return Some(place);
        }
        place += 1;
    }
    None
}

const fn is_text(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut place = 0;
    while place < a.len() && place < b.len() && a[place] == b[place] {
        place += 1;
    }
    place == a.len() && place == b.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_the_type() {
        assert_eq!(Limits::<f64>::LARGEST, f64::MAX);
        assert_eq!(Limits::<f32>::LARGEST as f32, f32::MAX);
        assert_eq!(Limits::<f32>::SMALLEST as f32, f32::from_bits(1));
        // whatever the type is
        assert_eq!(Limits::<String>::LARGEST, f64::MAX);
        assert_eq!((Limits::<u8>::LEAST, Limits::<Option<u8>>::MOST), (0, 255));
        assert_eq!(Limits::<f64>::LEAST, i128::MIN);
    }

    #[test]
    fn variants_are_in_the_order_of_declaration_whatever_their_numbers() {
        let tags = [5, -1, 3];
        assert!(is_variant_range(&tags, 5, 3, true) && is_variant_range(&tags, 5, -1, false));
        assert!(is_variant_range(&tags, 3, 3, true) && !is_variant_range(&tags, 3, 3, false));
        assert!(!is_variant_range(&tags, -1, 5, true) && !is_variant_range(&tags, 7, 5, true));
    }

    #[test]
    fn variants_are_known_by_their_names() {
        let variants = [((), "Small"), ((), "Smaller"), ((), "S")];
        assert!(is_named_range(&variants, "Small", "S", false));
        assert!(is_named_range(&variants, "S", "S", true) && !is_named_range(&variants, "S", "S", false));
        assert!(
            !is_named_range(&variants, "S", "Small", true) && is_named_range(&variants, "First", "S", true)
        );
    }

    #[test]
    fn weights_steps_and_ends() {
        assert!(is_weight(0.0) && !is_weight(-1.0) && !is_weight(f64::NAN) && !is_weight(f64::INFINITY));
        assert!(is_drawable(&[0.0, 2.0]) && !is_drawable(&[0.0, 0.0]) && !is_drawable(&[f64::MAX, f64::MAX]));
        assert!(is_step(0.2, 0.3, 0.1) && is_step(1.0, 1.0, 5.0) && is_same(2.0, 2.0) && !is_same(2.0, 2.5));
        assert!(!is_step(0.0, 1.0, 1.5) && !is_step(f64::MIN, f64::MAX, 1.0));
        assert!(is_step(0.0, 1.0, 1e-15) && !is_step(0.0, 1.0, 1e-16));
        assert!(
            is_end(f64::INFINITY, 1.0) && is_end(-1.0, 1.0) && !is_end(f64::NAN, 1.0) && !is_end(2.0, 1.0)
        );
    }
}
