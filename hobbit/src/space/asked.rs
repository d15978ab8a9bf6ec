//! What is asked of a domain as data. Each kind of domain answers beside its values.

use std::fmt;

use super::cells::Cells;
use super::describe::Domain;
use super::grid::Grid;
use super::outside::Outside;
use super::value::Value;
use super::wanted::Wanted;

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

    /// The value of a number in `[0, 1)`, as the domain has it.
    fn value_at(&self, unit: f64) -> Value;

    /// The part of the domain that is wanted.
    ///
    /// # Errors
    /// What is wanted is not of this kind of domain, or not all within it; in words.
    fn narrowed(&self, wanted: &Wanted<'_>) -> Result<Domain, String>;
}

/// Writes the distance between real numbers, if they are on a grid.
pub(super) fn write_step(step: Option<f64>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    step.map_or(Ok(()), |step| write!(f, " in steps of {step:?}"))
}
