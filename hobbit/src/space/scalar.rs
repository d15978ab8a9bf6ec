//! Values that are one number of the unit interval each: what their quantile functions have to be.
//!
//! All of it is computed with functions that give the same bits on every platform.

use super::describe::Domain;
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

/// The place among equally likely values, the last of which has this place.
pub(super) fn grid_place(last: f64, unit: f64) -> f64 {
    (unit * (last + 1.0)).floor().min(last)
}

/// The place that a number in `[0, 1)` falls on, where places have these weights.
pub fn weighted(weights: &[f64], unit: f64) -> usize {
    let mut rest = unit * weights.iter().sum::<f64>();
    for (place, weight) in weights.iter().enumerate() {
        if rest < *weight {
            return place;
        }
        rest -= weight;
    }
    // rounding: the last place that can be drawn at all
    weights.iter().rposition(|&weight| weight > 0.0).unwrap_or(0)
}
