//! The table of all trials.

use std::collections::HashMap;

use super::Report;
use super::columns::{Column, Scale};
use crate::observe::text::{cell, plain_number};
use crate::printable::printable;
use crate::repository::{Origin, TrialOverview};
use crate::space::Value;

/// Of more trials than this, only the first few are rows of the page; its script makes rows of the others
/// when they are scrolled to.
const ROWS: usize = 2000;
const FIRST: usize = 200;

/// How many of so many trials are rows of the page.
pub(super) fn shown(trials: usize) -> usize {
    if trials > ROWS { FIRST } else { trials }
}

pub(super) struct Heading<'a> {
    pub(super) name: &'a str,
    pub(super) is_number: bool,
}

/// Its columns, and the cells of each row.
pub(super) fn table(report: &Report) -> (Vec<Heading<'_>>, Vec<Vec<String>>) {
    let overview = &report.overview;
    let mut metrics: Vec<&str> =
        crate::observe::metric_names(overview.trials.iter().flat_map(|trial| &trial.stages));
    metrics.retain(|name| *name != overview.study.monitor);
    let heading = |name, is_number| Heading { name, is_number };
    let mut headings =
        vec![heading("rank", true), heading("trial", false), heading(&overview.study.monitor, true)];
    headings.extend([heading("epochs", true), heading("status", false)]);
    let has_origins = overview.has_origins();
    headings.extend(has_origins.then(|| heading("origin", false)));
    headings.extend(
        report.columns.iter().map(|column| heading(&column.name, !matches!(column.scale, Scale::Options(_)))),
    );
    headings.extend(metrics.iter().map(|name| heading(name, true)));
    let row = |(place, trial): (usize, &TrialOverview)| {
        let status = if trial.running.is_some() { "running".to_owned() } else { trial.status.to_string() };
        let score = trial.score.map_or_else(|| "–".to_owned(), |(score, _)| plain_number(score));
        let mut cells =
            vec![(place + 1).to_string(), trial.id.to_string(), score, trial.epochs().to_string(), status];
        cells.extend(has_origins.then(|| trial.origin.map_or("–", Origin::word).to_owned()));
        let hparams: HashMap<&str, &Value> =
            trial.hparams.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let hparam =
            |column: &Column| hparams.get(column.name.as_str()).map_or_else(String::new, |value| cell(value));
        cells.extend(report.columns.iter().map(hparam));
        let values: HashMap<&str, f64> = trial.score_metrics().collect();
        cells.extend(
            metrics.iter().map(|name| values.get(name).copied().map(plain_number).unwrap_or_default()),
        );
        cells
    };
    (headings, overview.trials.iter().enumerate().map(row).collect())
}

/// The rows that are none of the page, for its script: cells with tabs between them, a line each.
pub(super) fn rest(rows: &[Vec<String>]) -> String {
    let line = |row: &Vec<String>| row.iter().map(|cell| printable(cell)).collect::<Vec<_>>().join("\t");
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
