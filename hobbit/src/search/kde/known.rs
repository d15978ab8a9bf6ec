//! The configurations that need not be proposed again.

use std::collections::HashSet;

use super::kernels::Dimension;
use crate::search::{Draw, Point};

/// The configurations that were tried already or are under way, where there are only finitely many.
pub(super) struct Known<'a> {
    dimensions: &'a [Dimension],
    values: HashSet<Vec<Option<u64>>>,
}

impl<'a> Known<'a> {
    pub(super) fn new(at: &Draw<'_>, dimensions: &'a [Dimension]) -> Known<'a> {
        let mut known = Known { dimensions, values: HashSet::new() };
        // what another study has tried may be tried here again
        let own = at.seen.iter().filter(|outcome| outcome.trial.iteration > 0);
        let tried = own.map(|outcome| &outcome.point).chain(at.pending);
        known.values = tried.filter_map(|point| known.values_of(point)).collect();
        known
    }

    pub(super) fn has(&self, point: &Point) -> bool {
        !self.values.is_empty() && self.values_of(point).is_some_and(|values| self.values.contains(&values))
    }

    /// The values of a point, if all of them can be counted.
    fn values_of(&self, point: &Point) -> Option<Vec<Option<u64>>> {
        let pairs = point.iter().zip(self.dimensions);
        // most spaces have a number that cannot be, and then the others need not be either
        if !pairs.clone().all(|(unit, dimension)| unit.is_none() || dimension.cells().is_some()) {
            return None;
        }
        let place = |(unit, dimension): (&Option<f64>, &Dimension)| match unit {
            None => Some(None),
            Some(unit) => dimension.cells().map(|cells| Some(cells.place(*unit))),
        };
        pairs.map(place).collect()
    }
}
