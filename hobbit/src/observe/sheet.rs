//! Trials as CSV, for data frames: a header, no index, missing values are empty, and empty texts are quoted.

use std::collections::{HashMap, HashSet};

use super::names;
use super::row::Row;
use crate::repository::{Origin, StageRecord, Status, TrialOverview};
use crate::space::Value;

/// What became of a trial, in columns.
#[derive(Debug)]
pub struct Fate<'a> {
    /// `finished`, `dropped`, `diverged`, `failed`, `running` or `unfinished`.
    pub word: &'static str,
    /// The stage (counted from 1) after which it was not promoted.
    pub dropped_after_stage: Option<u32>,
    /// The epoch (counted from 1; 0 while the model was built) that ended it.
    pub failed_in_epoch: Option<u64>,
    /// Why it ended.
    pub reason: Option<&'a str>,
}

impl<'a> Fate<'a> {
    /// What became of this trial.
    pub fn of(trial: &'a TrialOverview) -> Fate<'a> {
        Fate::new(&trial.status, trial.running.is_some())
    }

    fn new(status: &'a Status, is_running: bool) -> Fate<'a> {
        let (word, dropped_after_stage, failed) = match status {
            Status::Finished => ("finished", None, None),
            Status::Dropped(stage) => ("dropped", Some(stage + 1), None),
            Status::Diverged { epoch, reason } => ("diverged", None, Some((*epoch, reason.as_str()))),
            Status::Failed { epoch, reason } => ("failed", None, Some((*epoch, reason.as_str()))),
            Status::Unfinished if is_running => ("running", None, None),
            Status::Unfinished => ("unfinished", None, None),
        };
        let (failed_in_epoch, reason) = failed.unzip();
        Fate { word, dropped_after_stage, failed_in_epoch, reason }
    }
}

/// The trials in this order, a line each: rank, trial, status, dropped_after_stage, failed_in_epoch, reason,
/// score, epoch, epochs, seconds, then `origin` ([`Origin`]'s word) if not all configurations were drawn at
/// random, then `metrics.NAME` at the epoch of the score, then `hparams.NAME`.
pub fn trials_csv(trials: &[TrialOverview]) -> String {
    rows_csv(&trials.iter().map(Row::from).collect::<Vec<_>>())
}

/// As [`trials_csv`].
pub(crate) fn rows_csv(rows: &[Row<'_>]) -> String {
    let metrics = metric_names(rows.iter().flat_map(|row| row.stages.iter().copied()));
    let hparams = names(rows.iter().map(|row| &*row.hparams));
    let fixed = "rank trial status dropped_after_stage failed_in_epoch reason score epoch epochs seconds";
    let header = fixed.split(' ').map(str::to_owned);
    let has_origins = rows.iter().any(|row| row.origin != Some(Origin::Drawn));
    let header = header.chain(has_origins.then(|| "origin".to_owned()));
    let header = header.chain(metrics.iter().map(|name| format!("metrics.{name}")));
    let header = header.chain(hparams.iter().map(|name| format!("hparams.{name}")));
    let mut sheet = Sheet::default();
    sheet.line(header.map(Some));
    for (rank, row) in (1..).zip(rows) {
        let Fate { word, dropped_after_stage, failed_in_epoch, reason } =
            Fate::new(row.status, row.is_running);
        let rank: usize = rank;
        let start = [
            text(Some(rank)),
            text(Some(row.id)),
            text(Some(word)),
            text(dropped_after_stage),
            text(failed_in_epoch),
            text(reason),
            text(row.score.map(|(score, _)| score)),
            text(row.score.map(|(_, epoch)| epoch)),
            text(Some(row.epochs)),
            // the sum of no floats is -0
            text(Some(0.0 + row.stages.iter().map(|stage| stage.seconds).sum::<f64>())),
        ];
        let measured: HashMap<&str, f64> = row.score_metrics().collect();
        let given: HashMap<&str, &Value> =
            row.hparams.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let measured = metrics.iter().map(|name| text(measured.get(name)));
        let given = hparams.iter().map(|name| text(given.get(name)));
        let origin = has_origins.then(|| text(row.origin));
        sheet.line(start.into_iter().chain(origin).chain(measured).chain(given));
    }
    sheet.into_text()
}

/// The epochs of the trials, a line each: trial, stage, epoch, then `metrics.NAME`.
pub fn epochs_csv(trials: &[TrialOverview]) -> String {
    let metrics = metric_names(trials.iter().flat_map(|trial| &trial.stages));
    let header = ["trial", "stage", "epoch"].map(str::to_owned).into_iter();
    let header = header.chain(metrics.iter().map(|name| format!("metrics.{name}")));
    let mut sheet = Sheet::default();
    sheet.line(header.map(Some));
    for (trial, stage) in trials.iter().flat_map(|trial| trial.stages.iter().map(|stage| (trial.id, stage))) {
        let known = stage.history.metrics().iter().map(String::as_str);
        // of two of one name the first
        let known: HashMap<&str, usize> = known.zip(0..).collect::<Vec<_>>().into_iter().rev().collect();
        let places: Vec<Option<usize>> = metrics.iter().map(|name| known.get(name).copied()).collect();
        for (epoch, row) in (stage.from + 1..).zip(stage.history.rows()) {
            let start = [trial.to_string(), (stage.stage + 1).to_string(), epoch.to_string()];
            let values = places.iter().map(|place| text(place.map(|place| row[place])));
            sheet.line(start.into_iter().map(Some).chain(values));
        }
    }
    sheet.into_text()
}

/// A missing value is none; an empty text is some.
type Cell = Option<String>;

fn text<T: ToString>(value: Option<T>) -> Cell {
    value.map(|value| value.to_string())
}

/// The names of all metrics, in the order in which they come up.
pub(crate) fn metric_names<'a>(stages: impl Iterator<Item = &'a StageRecord>) -> Vec<&'a str> {
    let (mut names, mut known) = (Vec::new(), HashSet::new());
    for stage in stages {
        names.extend(stage.history.metrics().iter().map(String::as_str).filter(|name| known.insert(*name)));
    }
    names
}

/// Lines of as many cells each, as they come (RFC 4180, but with `\n`).
#[derive(Default)]
struct Sheet(String);

impl Sheet {
    fn line(&mut self, cells: impl Iterator<Item = Cell>) {
        for (place, cell) in cells.enumerate() {
            if place > 0 {
                self.0.push(',');
            }
            match cell.as_deref() {
                None => {}
                Some(text) if text.is_empty() || text.contains([',', '"', '\r', '\n']) => {
                    self.0.extend(["\"", &text.replace('"', "\"\""), "\""]);
                }
                Some(text) => self.0.push_str(text),
            }
        }
        self.0.push('\n');
    }

    fn into_text(self) -> String {
        self.0
    }
}
