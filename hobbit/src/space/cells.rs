//! Values that can be counted, and the interval of coordinates that stands for each.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::grid::Grid;
use super::scalar::{LAST, STEPS, grid_place, on_grid, weighted};

/// The values of a domain as intervals of a coordinate: the options of a choice, whole numbers, the points
/// of a grid.
///
/// Values are counted from 0, in the order in which they follow one another along the coordinate; of a
/// switch, `true` is 0 and `false` is 1. The length of a value's interval is the probability with which it is
/// drawn at random, and the middle of the interval always stands for the value.
///
/// ```
/// use hobbit::space::{Domain, Value};
///
/// let options = ["sgd", "adam", "lion"].map(|name| Value::Text(name.to_owned()));
/// let cells = Domain::Choice { options: options.into(), weights: vec![1.0, 2.0, 1.0] }.cells().unwrap();
/// assert_eq!(cells.count(), 3);
/// assert_eq!(cells.place(0.5), 1);
/// assert_eq!(cells.interval(1), 0.25..0.75);
/// ```
#[derive(Debug, Clone)]
pub struct Cells {
    kind: Kind,
    count: u64,
}

#[derive(Clone)]
enum Kind {
    /// One after the other with these weights.
    Weighted(Vec<f64>),
    /// Equally likely.
    Equal,
    /// Where this function of the coordinate says.
    Placed(Arc<dyn Fn(f64) -> u64 + Send + Sync>),
    /// The same; they are equally likely, but for their last bits.
    EqualPlaced(Arc<dyn Fn(f64) -> u64 + Send + Sync>),
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Weighted(weights) => f.debug_tuple("Weighted").field(weights).finish(),
            Kind::Equal => f.write_str("Equal"),
            Kind::Placed(_) => f.write_str("Placed"),
            Kind::EqualPlaced(_) => f.write_str("EqualPlaced"),
        }
    }
}

/// The number of values up to this last place.
fn counted(last: f64) -> Option<u64> {
    (last >= 0.0 && last < STEPS as f64 - 1.0).then(|| last as u64 + 1)
}

impl Cells {
    /// So many equally likely values.
    pub(super) fn equal(count: u64) -> Option<Cells> {
        Cells::some(Kind::Equal, count)
    }

    /// Values with these weights.
    pub(super) fn weighted(weights: Vec<f64>) -> Option<Cells> {
        let count = weights.len() as u64;
        Cells::some(Kind::Weighted(weights), count)
    }

    /// The equally likely values of a grid.
    pub(super) fn of_grid(grid: &Grid) -> Option<Cells> {
        Cells::equal(counted(grid.last())?)
    }

    /// The values of a grid to which a quantile function is rounded.
    pub(super) fn snapped(
        grid: Grid,
        quantile: impl Fn(f64) -> f64 + Send + Sync + 'static,
    ) -> Option<Cells> {
        let first = grid.nearest(quantile(0.0));
        let count = counted(grid.nearest(quantile(LAST)) - first)?;
        let place = move |unit| (grid.nearest(quantile(unit)) - first).max(0.0) as u64;
        Cells::some(Kind::Placed(Arc::new(place)), count)
    }

    /// Values whose place, counted from 0, is a function of the coordinate; whether they are equally likely.
    pub(super) fn placed(
        count: u64,
        is_equal: bool,
        place: impl Fn(f64) -> u64 + Send + Sync + 'static,
    ) -> Option<Cells> {
        let place = Arc::new(place);
        Cells::some(if is_equal { Kind::EqualPlaced(place) } else { Kind::Placed(place) }, count)
    }

    fn some(kind: Kind, count: u64) -> Option<Cells> {
        (count > 0).then_some(Cells { kind, count })
    }

    /// The number of values, at least 1.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The value that a coordinate stands for. Coordinates outside of `[0, 1)` count as its ends.
    pub fn place(&self, unit: f64) -> u64 {
        let unit = if unit > 0.0 { on_grid(unit.min(LAST)) } else { 0.0 };
        let place = match &self.kind {
            Kind::Weighted(weights) => weighted(weights, unit) as u64,
            Kind::Equal => grid_place(self.count as f64 - 1.0, unit) as u64,
            Kind::Placed(place) | Kind::EqualPlaced(place) => place(unit),
        };
        place.min(self.count - 1)
    }

    /// The coordinates that stand for a value, up to rounding in their last bits. Empty for an option that is
    /// never drawn, because its weight is 0.
    pub fn interval(&self, place: u64) -> Range<f64> {
        let place = place.min(self.count - 1);
        match &self.kind {
            Kind::Weighted(weights) => {
                let sum: f64 = weights.iter().sum();
                let before: f64 = weights[..place as usize].iter().sum();
                before / sum..((before + weights[place as usize]) / sum).min(1.0)
            }
            Kind::Placed(_) => self.start(place)..self.start(place + 1),
            Kind::Equal | Kind::EqualPlaced(_) => {
                let count = self.count as f64;
                place as f64 / count..(place + 1) as f64 / count
            }
        }
    }

    /// The first coordinate of a value, by bisection; 1 behind the last.
    fn start(&self, place: u64) -> f64 {
        let (mut low, mut high) = (0, STEPS);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.place(middle as f64 / STEPS as f64) < place { low = middle + 1 } else { high = middle }
        }
        // `place` never is the number of values
        if place >= self.count { 1.0 } else { low as f64 / STEPS as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Domain, Value};

    fn choice(weights: &[f64], count: usize) -> Domain {
        let options = (0..count).map(|option| Value::Int(option as i64)).collect();
        Domain::Choice { options, weights: weights.to_vec() }
    }

    fn domains() -> Vec<Domain> {
        let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
        vec![
            choice(&[], 1),
            choice(&[], 7),
            choice(&[1.0, 0.0, 3.5, 0.1], 4),
            Domain::Bool { probability: 0.3 },
            Domain::Int { low: -3, high: 9, step: 1, log: false },
            Domain::Int { low: 16, high: 250, step: 16, log: false },
            Domain::Int { low: 1, high: 40, step: 1, log: true },
            Domain::Int { low: 0, high: 30, step: 3, log: true },
            Domain::UInt { low: u64::MAX - 5, high: u64::MAX, step: 2, log: false },
            Domain::Uniform { low: -1.0, high: 1.0, step: Some(0.1) },
            Domain::LogUniform { low: 0.1, high: 10.0, step: Some(0.1) },
            Domain::Normal { mean: 0.5, std: 1.0, log: false, low, high, step: Some(0.5) },
            Domain::Normal { mean: 0.5, std: 1.0, log: true, low: 0.25, high: 6.0, step: Some(0.25) },
        ]
    }

    #[test]
    fn the_intervals_of_values_lie_side_by_side() {
        for domain in domains() {
            let cells = domain.cells().unwrap();
            let mut end = 0.0;
            for place in 0..cells.count() {
                let interval = cells.interval(place);
                assert!((interval.start - end).abs() < 1e-14, "{domain}: {place}");
                end = interval.end;
                if interval.start < interval.end {
                    assert_eq!(cells.place((interval.start + interval.end) / 2.0), place, "{domain}");
                }
            }
            assert_eq!(end, 1.0, "{domain}");
            for step in 0..1000 {
                let unit = f64::from(step) / 1000.0;
                let interval = cells.interval(cells.place(unit));
                assert!(interval.start - 1e-14 <= unit && unit <= interval.end + 1e-14, "{domain}: {unit}");
            }
            assert_eq!(cells.place(f64::NAN), cells.place(0.0));
            assert_eq!((cells.place(-1.0), cells.place(7.0)), (cells.place(0.0), cells.place(LAST)));
        }
    }

    #[test]
    fn what_cannot_be_counted_has_no_cells() {
        let endless = [
            Domain::Uniform { low: 0.0, high: 1.0, step: None },
            Domain::LogUniform { low: 0.1, high: 1.0, step: None },
            Domain::Uniform { low: 0.0, high: 1e300, step: Some(1e-3) },
            Domain::Int { low: i64::MIN, high: i64::MAX, step: 1, log: false },
            Domain::Distribution("Gamma".to_owned()),
            choice(&[], 0),
        ];
        for domain in endless {
            assert!(domain.cells().is_none(), "{domain}");
        }
        assert!(!Domain::Distribution("Gamma".to_owned()).is_uniform_in_the_cube());
        assert!(choice(&[], 2).is_uniform_in_the_cube());
    }
}
