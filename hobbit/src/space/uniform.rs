//! Ranges of real numbers: equally likely, or with equally likely logarithms.

use std::fmt;

use super::asked::{Asked, write_step};
use super::cells::Cells;
use super::describe::Domain;
use super::float::Float;
use super::grid::Grid;
#[cfg(feature = "interop")]
use super::outside::Others;
use super::outside::{Outside, placed, within};
use super::scalar::{LAST, Scalar, grid_place, search};
use super::value::Value;
use super::wanted::Wanted;

/// The value of a range without a grid; its ends are the values of the first and the last number, whatever is
/// rounded between them.
fn between<T: Float>(low: f64, high: f64, unit: f64, value: impl FnOnce() -> f64) -> T {
    T::from_f64(if unit <= 0.0 {
        low
    } else if unit >= LAST {
        high
    } else {
        value().max(low).min(high)
    })
}

/// Whether a value is within bounds and on the grid, in its own precision.
fn is_within<T: Float>(value: T, low: f64, high: f64, step: Option<f64>) -> bool {
    match step {
        Some(step) => Grid::new(low, high, step).contains(value),
        None => T::from_f64(low) <= value && value <= T::from_f64(high),
    }
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

/// The place on a grid of equally likely values.
fn place(grid: &Grid, unit: f64) -> f64 {
    grid_place(grid.last(), unit)
}

impl<T: Float> Scalar<T> for Uniform {
    fn domain(&self) -> Domain {
        Domain::Uniform { low: self.low, high: self.high, step: self.step }
    }

    fn at(&self, unit: f64) -> T {
        let Uniform { low, high, step } = *self;
        match step {
            // weighted ends instead of a difference, which could overflow
            None => between(low, high, unit, || low * (1.0 - unit) + high * unit),
            Some(step) => {
                let grid = Grid::new(low, high, step);
                grid.value(place(&grid, unit))
            }
        }
    }

    fn unit(&self, value: &T) -> f64 {
        let Some(step) = self.step else { return search(|unit| self.at(unit), value) };
        let grid = Grid::new(self.low, self.high, step);
        search(|unit| place(&grid, unit), &grid.nearest(value.to_f64()))
    }

    fn contains(&self, value: &T) -> bool {
        is_within(*value, self.low, self.high, self.step)
    }

    fn value(&self, value: &T) -> Value {
        Value::Float(value.to_f64())
    }
}

impl Asked for Uniform {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_range("uniform", self.low, self.high, self.step, f)
    }

    fn grid(&self) -> Option<Grid> {
        self.step.map(|step| Grid::new(self.low, self.high, step))
    }

    fn cells(&self) -> Option<Cells> {
        Cells::of_grid(&self.grid()?)
    }

    fn value_at(&self, unit: f64) -> Value {
        Value::Float(self.at(unit))
    }

    fn narrowed(&self, wanted: &Wanted<'_>) -> Result<Domain, String> {
        let (low, high) = wanted.reals(self.low, self.high, self.grid())?;
        Ok(Domain::Uniform { low, high, step: self.step })
    }
}

impl Outside for Uniform {
    fn placed(&self, value: &Value) -> Option<(f64, Value)> {
        placed(self, within(value, self.low, self.high)?)
    }

    #[cfg(feature = "interop")]
    fn others(&self) -> Option<Others> {
        // the last value, as others take a range without its grid
        let high = self.grid().map_or(self.high, |grid| grid.value(grid.last()));
        Some(Others::Real { low: self.low, high, step: self.step, log: false })
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

impl LogUniform {
    /// The value of a number in `[0, 1)`, without grid.
    fn quantile(&self, unit: f64) -> f64 {
        libm::exp(libm::log(self.low) * (1.0 - unit) + libm::log(self.high) * unit)
    }
}

impl<T: Float> Scalar<T> for LogUniform {
    fn domain(&self) -> Domain {
        Domain::LogUniform { low: self.low, high: self.high, step: self.step }
    }

    fn at(&self, unit: f64) -> T {
        match self.step {
            None => between(self.low, self.high, unit, || self.quantile(unit)),
            Some(step) => Grid::new(self.low, self.high, step).snapped(self.quantile(unit)),
        }
    }

    fn unit(&self, value: &T) -> f64 {
        let Some(step) = self.step else { return search(|unit| self.at(unit), value) };
        let grid = Grid::new(self.low, self.high, step);
        search(|unit| grid.nearest(self.quantile(unit)), &grid.nearest(value.to_f64()))
    }

    fn contains(&self, value: &T) -> bool {
        is_within(*value, self.low, self.high, self.step)
    }

    fn value(&self, value: &T) -> Value {
        Value::Float(value.to_f64())
    }
}

impl Asked for LogUniform {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_range("log-uniform", self.low, self.high, self.step, f)
    }

    fn is_log(&self) -> bool {
        true
    }

    fn grid(&self) -> Option<Grid> {
        self.step.map(|step| Grid::new(self.low, self.high, step))
    }

    fn cells(&self) -> Option<Cells> {
        let values = *self;
        Cells::snapped(self.grid()?, move |unit| values.quantile(unit))
    }

    fn value_at(&self, unit: f64) -> Value {
        Value::Float(self.at(unit))
    }

    fn narrowed(&self, wanted: &Wanted<'_>) -> Result<Domain, String> {
        let (low, high) = wanted.reals(self.low, self.high, self.grid())?;
        Ok(Domain::LogUniform { low, high, step: self.step })
    }
}

impl Outside for LogUniform {
    fn placed(&self, value: &Value) -> Option<(f64, Value)> {
        placed(self, within(value, self.low, self.high)?)
    }

    #[cfg(feature = "interop")]
    fn others(&self) -> Option<Others> {
        Some(Others::Real { low: self.low, high: self.high, step: None, log: true })
    }
}

fn write_range(
    name: &str,
    low: f64,
    high: f64,
    step: Option<f64>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(f, "{name} {low:?} to {high:?}")?;
    write_step(step, f)
}
