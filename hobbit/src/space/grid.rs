//! Grids of real numbers. Their values are decimal numbers, as people write and read them, each rounded once.
//!
//! In floats, `0.1 + 2.0 * 0.1` is 0.30000000000000004, above a bound of 0.3. So ends and step are taken for
//! the decimal numbers that they are written as (their shortest ones), and a value is the float nearest to
//! the decimal `low + place * step`.

use std::fmt::Write;

use super::float::{Float, POWERS};

/// Text on the stack: drawing allocates nothing.
struct Text {
    bytes: [u8; 48],
    length: usize,
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

impl Text {
    fn of(arguments: std::fmt::Arguments<'_>) -> Option<Text> {
        let mut text = Text { bytes: [0; 48], length: 0 };
        text.write_fmt(arguments).ok()?;
        Some(text)
    }

    fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes[..self.length]).ok()
    }
}

/// The number `digits · 10^exponent`.
#[derive(Debug, Clone, Copy)]
struct Decimal {
    digits: i128,
    exponent: i32,
}

/// What people write has at most so many digits. With more, a float is the result of a calculation, such as
/// `1.0 / 3.0`.
const WRITTEN: u32 = 15;

impl Decimal {
    /// What a float was written as; nothing if it was calculated, or is not finite.
    fn written(number: f64) -> Option<Decimal> {
        let (single, bits) = (number as f32, 53u32.saturating_sub(number.to_bits().trailing_zeros()));
        let written =
            Decimal::short(number).or_else(|| Decimal::read(Text::of(format_args!("{number:e}"))?.as_str()?));
        // a constant of type f32 was written in its own few digits; powers of two and their like have fewer
        // bits
        let is_short = written.is_some_and(|decimal| decimal.digits.unsigned_abs() < 1_000_000_000);
        if !is_short && (16..=24).contains(&bits) && f64::from(single) == number {
            return Decimal::read(Text::of(format_args!("{single:e}"))?.as_str()?);
        }
        written
    }

    /// The same without text, for numbers of usual size: of so few digits, one decimal number at most reads
    /// as a float.
    fn short(number: f64) -> Option<Decimal> {
        let decimal = |places: usize| {
            let digits = (number * POWERS[places]).round();
            let is_exact = digits.abs() < 1e15 && digits / POWERS[places] == number;
            is_exact.then_some(Decimal { digits: digits as i128, exponent: -(places as i32) })
        };
        (0..=WRITTEN as usize).find_map(decimal)
    }

    /// Reads a number as `{:e}` writes it.
    fn read(text: &str) -> Option<Decimal> {
        let (mantissa, exponent) = text.split_once('e')?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: i128 = Text::of(format_args!("{whole}{fraction}"))?.as_str()?.parse().ok()?;
        let exponent = exponent.parse::<i32>().ok()? - fraction.len() as i32;
        (digits.unsigned_abs() < 10u128.pow(WRITTEN)).then_some(Decimal { digits, exponent })
    }

    /// The digits of the same number with another exponent, which is not larger.
    fn digits_at(self, exponent: i32) -> Option<i128> {
        let shift = u32::try_from(self.exponent.checked_sub(exponent)?).ok()?;
        if self.digits == 0 {
            return Some(0);
        }
        self.digits.checked_mul(10i128.checked_pow(shift)?)
    }
}

/// The nearest float to a decimal number.
fn nearest<T: Float>(digits: i128, exponent: i32) -> Option<T> {
    if let Some(value) = T::divided(digits, exponent) {
        return Some(value);
    }
    Text::of(format_args!("{digits}e{exponent}"))?.as_str()?.parse().ok()
}

/// So many steps where they are no decimal numbers: with steps of 1/3, three are 1, not three times the
/// nearest float to 1/3.
fn steps(count: f64, step: f64) -> f64 {
    let inverse = (1.0 / step).round();
    if (inverse * step - 1.0).abs() < 1e-12 { count / inverse } else { count * step }
}

/// The values `origin + place · step` for the places from `first` to `last`, within bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    low: f64,
    high: f64,
    step: f64,
    origin: f64,
    first: f64,
    last: f64,
    /// Whether the last value is `high`.
    reached: bool,
    /// The digits of origin and step, and the exponent of both.
    decimals: Option<(i128, i128, i32)>,
}

impl Grid {
    /// From `low` in steps, up to `high` if the steps reach it.
    pub(super) fn new(low: f64, high: f64, step: f64) -> Grid {
        let mut grid = Grid::without_ends(low, high, step, low);
        let exact = grid.places_up_to(high);
        let about = if (high - low).is_finite() { (high - low) / step } else { high / step - low / step };
        // so many that nobody can tell them from all numbers; one where the step is larger than the range
        let about = about.clamp(0.0, 1e300);
        (grid.last, grid.reached) = match exact {
            Some((last, rest)) => (last.max(0) as f64, rest == 0),
            // rounding errors of what was calculated
            None => ((about + 1e-9).floor(), (about - about.round()).abs() <= 1e-9),
        };
        grid
    }

    /// The multiples of the step within bounds, which may be infinite.
    pub(super) fn multiples(low: f64, high: f64, step: f64) -> Grid {
        let mut grid = Grid::without_ends(low, high, step, 0.0);
        grid.first = match grid.places_up_to(low) {
            Some((place, rest)) => place as f64 + f64::from(u8::from(rest != 0)),
            None => (low / step - 1e-9).ceil(),
        };
        grid.last = match grid.places_up_to(high) {
            Some((place, _)) => place as f64,
            None => (high / step + 1e-9).floor(),
        };
        grid
    }

    fn without_ends(low: f64, high: f64, step: f64, origin: f64) -> Grid {
        let decimals = || {
            let (from, by, to) = (Decimal::written(origin)?, Decimal::written(step)?, Decimal::written(high));
            let least = from.exponent.min(by.exponent);
            let least = to.map_or(least, |to| to.exponent.min(least));
            Some((from.digits_at(least)?, by.digits_at(least).filter(|&step| step > 0)?, least))
        };
        Grid { low, high, step, origin, first: 0.0, last: 0.0, reached: false, decimals: decimals() }
    }

    /// The last place that is not above a number, and what is left from there to it; nothing if they are no
    /// decimal numbers.
    fn places_up_to(&self, number: f64) -> Option<(i128, i128)> {
        let (origin, step, exponent) = self.decimals?;
        let number = Decimal::written(number)?;
        let distance = match number.digits_at(exponent) {
            Some(digits) => digits.checked_sub(origin)?,
            // its digits go on behind those of the grid
            None => return None,
        };
        Some((distance.div_euclid(step), distance.rem_euclid(step)))
    }

    /// The last place; the first is 0, unless the values are multiples.
    pub(super) fn last(&self) -> f64 {
        self.last
    }

    /// The place nearest to a number.
    pub(super) fn nearest(&self, number: f64) -> f64 {
        let distance = number - self.origin;
        let about = if distance.is_finite() {
            distance / self.step
        } else {
            number / self.step - self.origin / self.step
        };
        about.round().max(self.first).min(self.last)
    }

    /// The value at a place.
    pub(super) fn value<T: Float>(&self, place: f64) -> T {
        let (low, high) = (T::from_f64(self.low), T::from_f64(self.high));
        if self.origin == self.low && place <= 0.0 {
            return low;
        }
        if self.reached && place >= self.last {
            return high;
        }
        let decimal = || {
            let (origin, step, exponent) = self.decimals?;
            let digits = origin.checked_add(step.checked_mul(place as i128)?)?;
            // a multiple that was rounded to zero keeps its sign
            let signed_zero = digits == 0 && origin == 0;
            if signed_zero { Some(T::from_f64(0.0f64.copysign(place))) } else { nearest(digits, exponent) }
        };
        let value = decimal().unwrap_or_else(|| T::from_f64(self.origin + steps(place, self.step)));
        // of what was calculated, the last value may be above the bound by a rounding error
        if value < low {
            low
        } else if value > high {
            high
        } else {
            value
        }
    }

    /// The grid's first value that is not below a number; infinity if all are.
    pub(super) fn from(&self, number: f64) -> f64 {
        let place = self.nearest(number);
        let value: f64 = self.value(place);
        let is_below = value < number - self.tolerance(4.0 * f64::EPSILON, number);
        match is_below {
            true if place >= self.last => f64::INFINITY,
            true => self.value(place + 1.0),
            false => value,
        }
    }

    /// The grid's value nearest to a number.
    pub(super) fn snapped<T: Float>(&self, number: f64) -> T {
        self.value(self.nearest(number))
    }

    /// Whether a number is within bounds and a value of the grid, but for the rounding errors of someone who
    /// calculated it.
    pub(super) fn contains<T: Float>(&self, value: T) -> bool {
        let (number, nearest) = (value.to_f64(), self.snapped::<T>(value.to_f64()).to_f64());
        let within = T::from_f64(self.low) <= value && value <= T::from_f64(self.high);
        within && (nearest - number).abs() <= self.tolerance(4.0 * T::EPSILON, number)
    }

    /// How far calculated values may be from the grid's; always far less than a step.
    pub(super) fn tolerance(&self, relative: f64, number: f64) -> f64 {
        let size = [self.low, self.high].into_iter().filter(|end| end.is_finite()).map(f64::abs);
        (relative * size.fold(number.abs(), f64::max)).min(self.step * 1e-3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(low: f64, high: f64, step: f64) -> Vec<f64> {
        let grid = Grid::new(low, high, step);
        (0..=grid.last() as u32).map(|place| grid.value(f64::from(place))).collect()
    }

    #[test]
    fn values_are_the_floats_that_their_decimals_read_as() {
        assert_eq!(values(0.1, 0.3, 0.1), [0.1, 0.2, 0.3]);
        assert_eq!(values(0.2, 0.3, 0.1), [0.2, 0.3]);
        assert_eq!(values(0.7, 1.0, 0.1), [0.7, 0.8, 0.9, 1.0]);
        assert_eq!(values(-0.3, 0.3, 0.1), [-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3]);
        assert_eq!(values(1e-7, 4e-7, 1e-7), [1e-7, 2e-7, 3e-7, 4e-7]);
        assert_eq!(values(1e22, 1.2e22, 1e21), [1e22, 1.1e22, 1.2e22]);
        assert_eq!(values(1.1, 1.2, 0.05), [1.1, 1.15, 1.2]);
        assert_eq!(values(1e-320, 3e-320, 1e-320), [1e-320, 2e-320, 3e-320]);
        // steps that do not reach the bound
        assert_eq!(values(0.0, 0.25, 0.1), [0.0, 0.1, 0.2]);
        assert_eq!(values(0.0, 0.99999999999, 0.1).len(), 10);
        assert_eq!(values(0.3, 0.3, 0.1), [0.3]);
    }

    #[test]
    fn calculated_ends_and_steps_are_taken_as_they_are_meant() {
        let third = 1.0 / 3.0;
        assert_eq!(values(0.0, 1.0, third), [0.0, third, 2.0 * third, 1.0]);
        assert_eq!(values(0.1, 0.1 + 0.2, 0.1), [0.1, 0.2, 0.1 + 0.2]);
        let single = |number: f32| f64::from(number);
        let grid = Grid::new(single(0.1), single(0.7), single(0.1));
        let drawn: Vec<f32> = (0..=grid.last() as u32).map(|place| grid.value(f64::from(place))).collect();
        assert_eq!(drawn, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]);
        // exact in either type
        let fine = Grid::new(0.0, 1.0, 1.0 / f64::from(1 << 20));
        assert!(
            (0..=1 << 20)
                .all(|place| fine.value::<f64>(place.into()) == f64::from(place) / f64::from(1 << 20))
        );
    }

    #[test]
    fn extreme_ranges_have_finite_values_within_bounds() {
        let most = f64::MAX;
        for (low, high, step) in [
            (-most, most, most),
            (-most, most, 1e-300),
            (0.0, 5e-324, 5e-324),
            (1e-300, 1e300, 1e-300),
            (0.0, 1.0, 1e-320),
        ] {
            let grid = Grid::new(low, high, step);
            for place in [0.0, 1.0, grid.last() / 2.0, grid.last()] {
                let value: f64 = grid.value(place.floor());
                assert!((low..=high).contains(&value), "{low} to {high} by {step}, at {place}: {value}");
            }
            assert!(grid.contains(low));
        }
    }

    #[test]
    fn multiples_stay_within_bounds_and_on_the_grid() {
        let all = |low, high, step| {
            let grid = Grid::multiples(low, high, step);
            let places = grid.nearest(-1e6) as i32..=grid.nearest(1e6) as i32;
            places.map(|place| grid.value(f64::from(place))).collect::<Vec<f64>>()
        };
        assert_eq!(all(-0.25, 0.35, 0.1), [-0.2, -0.1, 0.0, 0.1, 0.2, 0.3]);
        assert_eq!(all(0.3, 0.6, 0.3), [0.3, 0.6]);
        assert_eq!(Grid::multiples(f64::NEG_INFINITY, f64::INFINITY, 0.1).snapped::<f64>(-0.72), -0.7);
        assert_eq!(
            Grid::multiples(f64::NEG_INFINITY, f64::INFINITY, 0.1).snapped::<f32>(1e6 + 0.31),
            1e6 + 0.3f32
        );
    }

    #[test]
    fn what_was_calculated_is_accepted_and_what_is_beside_the_grid_is_not() {
        let grid = Grid::new(0.1, 0.9, 0.1);
        assert!(
            (1..10).all(|i| grid.contains(0.1 * f64::from(i)) && grid.contains(0.1 + 0.1 * f64::from(i - 1)))
        );
        for beside in [0.15, 0.0, 1.0, 0.30001, f64::NAN, f64::INFINITY] {
            assert!(!grid.contains(beside), "{beside}");
        }
        assert!(!Grid::new(0.1, 0.3, 0.1).contains(0.1 + 0.2), "above the bound");
        let fine = Grid::new(0.0, 1000.0, 0.001);
        assert!(fine.contains(999.999f32) && !fine.contains(999.9995f32) && !fine.contains(999.9995));
    }
}
