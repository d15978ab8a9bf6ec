//! From what a sampler proposes to a row of the table.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hobbit::BoxError;
use hobbit::search::{Draw, Point, Proposal, Sampler};
use hobbit::space::Value;

use crate::Failure;
use crate::spaces::Rows;
use crate::tables::Suite;

/// The configurations of a suite's rows.
#[derive(Debug)]
pub(crate) struct Configurations {
    /// Each as the sampler sees it: what a study's journal would have of it.
    points: Vec<Point>,
    /// Each in the unit cube of plain scaling, in which distances are measured.
    pub(crate) units: Vec<Vec<f64>>,
    /// The rows that have a point, which are several where configurations come twice.
    rows: HashMap<Vec<u64>, Vec<usize>>,
}

impl Configurations {
    /// # Errors
    /// A column that is missing, or a number outside of the space.
    pub(crate) fn new<R: Rows>(suite: &Suite) -> Result<Configurations, Failure> {
        let mut made = Configurations { points: Vec::new(), units: Vec::new(), rows: HashMap::new() };
        for (row, configuration) in R::read(suite)?.into_iter().enumerate() {
            let settled = R::decode(&configuration.encode()).map_err(|e| Failure::of(&suite.name, e))?;
            let point = Point::new(settled.encode());
            made.rows.entry(bits(&point)).or_default().push(row);
            made.points.push(point);
            made.units.push(configuration.unit());
        }
        Ok(made)
    }

    /// The nearest row that is not used yet, the first of equally near ones; nothing if all are used.
    pub(crate) fn nearest(&self, used: &[bool], unit: &[f64]) -> Option<usize> {
        let distance =
            |row: usize| -> f64 { self.units[row].iter().zip(unit).map(|(a, b)| (a - b) * (a - b)).sum() };
        let free = (0..self.units.len()).filter(|&row| !used[row]);
        free.map(|row| (distance(row), row)).min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, row)| row)
    }

    /// The rows that trials with these points have used.
    fn used<'a>(&self, points: impl Iterator<Item = &'a Point>) -> Result<Vec<bool>, BoxError> {
        let mut used = vec![false; self.points.len()];
        for point in points {
            let rows = self.rows.get(&bits(point)).ok_or("a trial's configuration is no row of the table")?;
            if let Some(row) = rows.iter().find(|row| !used[**row]) {
                used[*row] = true;
            }
        }
        Ok(used)
    }
}

fn bits(point: &Point) -> Vec<u64> {
    point.iter().map(|unit| unit.map_or(u64::MAX, f64::to_bits)).collect()
}

/// The key by which a row is drawn at random.
const ROW: u64 = 1000;

/// A sampler whose proposals are moved to the nearest configuration of the table that no trial has.
///
/// What is left to chance is a row drawn at random from those that no trial has: a point drawn in the cube
/// and moved would prefer the rows that have few others around them, and random search over whole curves
/// would not be as good as its closed form. This sampler learns even then, because it has to know which rows
/// are used; so all methods run in virtual time, with the same lookahead.
#[derive(Debug)]
pub(crate) struct Snap<R> {
    pub(crate) sampler: Box<dyn Sampler>,
    pub(crate) configurations: Arc<Configurations>,
    /// Set when there is no row left, which ends the sweep.
    pub(crate) is_used_up: Arc<AtomicBool>,
    pub(crate) space: std::marker::PhantomData<fn() -> R>,
}

impl<R: Rows> Sampler for Snap<R> {
    // a name of its own: one that is called as the default would be left out
    fn name(&self) -> &str {
        "rows of a table"
    }

    fn settings(&self) -> Vec<(String, Value)> {
        vec![("sampler".to_owned(), Value::Text(self.sampler.id().to_string()))]
    }

    fn propose(&self, at: &Draw<'_>) -> Result<Proposal, BoxError> {
        let begun = at.seen.iter().filter(|outcome| outcome.stage == 0).map(|outcome| &outcome.point);
        let used = self.configurations.used(begun.chain(at.pending))?;
        let free: Vec<usize> = (0..used.len()).filter(|&row| !used[row]).collect();
        if free.is_empty() {
            self.is_used_up.store(true, Ordering::Relaxed);
            return Err("every row of the table is used".into());
        }
        let row = match self.sampler.propose(at)? {
            Proposal::Point(point) => self.configurations.nearest(&used, &R::decode(&point)?.unit()),
            Proposal::Prior => free.get(at.key.child(ROW).rng().below(free.len() as u64) as usize).copied(),
        };
        let row = row.ok_or("every row of the table is used")?;
        Ok(Proposal::Point(self.configurations.points[row].clone()))
    }
}
