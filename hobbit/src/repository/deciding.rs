//! Which loss decides between equal scores.

use std::sync::Arc;

use super::records::{End, StageRecord};
use super::study::{StudyRecord, Ties};
use crate::objective::History;
use crate::schedule::Score;

/// The metrics that decide between equal values of the monitor, the first that an epoch has: the loss that
/// goes with it.
pub(crate) fn deciding(ties: Ties, monitor: &str) -> &'static [&'static str] {
    match monitor {
        _ if ties == Ties::ById => &[],
        "loss" => &[],
        "val_loss" => &["loss"],
        _ if monitor.starts_with("val_") => &["val_loss", "loss"],
        _ => &["loss"],
    }
}

impl StudyRecord {
    /// A trial's score with what decides between equal ones: the metrics of the epoch of the score, and all
    /// epochs of the trial.
    pub(crate) fn rank(&self, value: f64, metrics: impl Fn(&str) -> Option<f64>, epochs: u64) -> Score {
        let mut losses = deciding(self.ties, &self.monitor).iter().filter_map(|name| metrics(name));
        let loss = losses.find(|loss| !loss.is_nan()).unwrap_or(f64::NAN);
        Score { value, loss, epochs: counted(self.ties, epochs) }
    }
}

/// The epochs that count between equal scores.
fn counted(ties: Ties, epochs: u64) -> u64 {
    match ties {
        Ties::ById => 0,
        Ties::ByLoss => epochs,
    }
}

/// Finds the losses that decide in records, which mostly have the same metrics as the one before.
#[derive(Debug)]
pub(crate) struct Losses {
    ties: Ties,
    names: &'static [&'static str],
    metrics: Arc<[String]>,
    columns: [Option<usize>; 2],
}

impl Losses {
    pub(crate) fn new(ties: Ties, monitor: &str) -> Losses {
        Losses { ties, names: deciding(ties, monitor), metrics: Arc::default(), columns: [None; 2] }
    }

    /// The score by which a trial is ranked after this stage; none if it failed. `before` is the loss of the
    /// score that it had before.
    pub(crate) fn score(&mut self, record: &StageRecord, before: f64) -> Option<Score> {
        let (value, epoch) = record.score.filter(|_| record.end == End::Trained)?;
        let row = record.from.checked_add(1).and_then(|first| epoch.checked_sub(first));
        let loss = row.map_or(before, |row| self.loss(&record.history, row as usize));
        Some(self.rank(value, loss, record.reached()))
    }

    /// A score with what decides between equal ones, as far as it counts.
    pub(crate) fn rank(&self, value: f64, loss: f64, epochs: u64) -> Score {
        Score { value, loss, epochs: counted(self.ties, epochs) }
    }

    /// The loss that decides in an epoch of a history, counted from 0; NaN if there is none.
    pub(crate) fn loss(&mut self, history: &History, row: usize) -> f64 {
        if !Arc::ptr_eq(history.names(), &self.metrics) {
            self.metrics = history.names().clone();
            let metrics = &self.metrics;
            let column = |name: &&str| metrics.iter().position(|known| known == name);
            self.columns = std::array::from_fn(|place| self.names.get(place).and_then(column));
        }
        let values = self.columns.iter().flatten().filter_map(|&column| history.value(row, column));
        values.into_iter().find(|loss| !loss.is_nan()).unwrap_or(f64::NAN)
    }
}
