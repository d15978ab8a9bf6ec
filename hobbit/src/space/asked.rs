//! What is asked of a domain as data. Each kind of domain answers beside its values.

use std::fmt;

use super::cells::Cells;
use super::grid::Grid;
#[cfg(feature = "interop")]
use super::outside::Outside;

/// Without other tools' files, nothing is asked about them.
#[cfg(not(feature = "interop"))]
pub(crate) trait Outside {}

#[cfg(not(feature = "interop"))]
impl<T> Outside for T {}

/// The answers of a kind of domain.
pub(crate) trait Asked: Outside {
    /// Writes in words which values there are.
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;

    /// Whether it is natural to show the values on a logarithmic axis.
    fn is_log(&self) -> bool {
        false
    }

    /// Whether the values are options without an order.
    fn is_categorical(&self) -> bool {
        false
    }

    /// Whether values drawn at random have coordinates that are uniform in `[0, 1)`.
    fn is_uniform_in_the_cube(&self) -> bool {
        true
    }

    /// The grid that real numbers are on.
    fn grid(&self) -> Option<Grid> {
        None
    }

    /// The values as intervals of the coordinate, if they can be counted.
    fn cells(&self) -> Option<Cells> {
        None
    }
}

/// Writes the distance between real numbers, if they are on a grid.
pub(super) fn write_step(step: Option<f64>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    step.map_or(Ok(()), |step| write!(f, " in steps of {step:?}"))
}
