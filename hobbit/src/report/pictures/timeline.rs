//! The picture of what the workers did.

use std::collections::BTreeSet;

use super::{BAD, LEVELS, Marks, has_failed};
use crate::observe::text::seconds;
use crate::report::axis::Axis;
use crate::report::chart::{Chart, Picture};
use crate::report::columns::Scale;
use crate::report::timeline::{Session, unit};
use crate::repository::Overview;

/// What the workers did, process after process.
pub(in crate::report) fn timeline(overview: &Overview, sessions: &[Session]) -> Option<Picture> {
    let total: f64 = sessions.iter().map(|session| session.seconds).sum();
    let workers = sessions.iter().map(|session| session.workers).max()?;
    if !(total.is_finite() && total > 0.0) {
        return None;
    }
    let (unit, name) = unit(total);
    let label = if sessions.len() > 1 {
        format!("{name} at work; pauses between processes (dashed) are left out")
    } else {
        format!("{name} since the beginning")
    };
    let x = Axis::new(&label, (0.0, total / unit), Scale::Linear);
    let rows = rows(sessions, workers);
    let is_far = rows.iter().any(|(machine, _)| *machine != 0);
    let name = |(machine, worker): &(u32, u32)| match is_far {
        true => format!("machine {machine}, worker {}", u64::from(*worker) + 1),
        false => format!("worker {}", u64::from(*worker) + 1),
    };
    let y = Axis::new("", (0.0, 1.0), Scale::Options(rows.iter().rev().map(name).collect()));
    let mut chart = Chart::new("", (1160.0, 66.0 + 26.0 * rows.len() as f64), &x, &y);
    let marks = marks(overview, sessions, unit, &rows, &mut chart);
    for (marks, paint) in marks.iter().zip(LEVELS.iter().chain(&[BAD])) {
        chart.marks(paint, 16.0, marks);
    }
    let texts = ["first stages", "", "", "last stages", "failed"];
    for ((text, paint), marks) in texts.into_iter().zip(LEVELS.iter().chain(&[BAD])).zip(&marks) {
        if !text.is_empty() && !marks.is_empty() {
            chart.legend(paint, text);
        }
    }
    Some(chart.done("timeline.svg", format!("What {} workers did over {}", rows.len(), seconds(total))))
}

/// A mark for each stage of a trial, by how late a stage it is, and of those that failed. Between processes a
/// line is drawn.
fn marks(
    overview: &Overview,
    sessions: &[Session],
    unit: f64,
    rows: &[(u32, u32)],
    chart: &mut Chart,
) -> [Marks; 5] {
    let (_, top, _, bottom) = chart.edges();
    let stages = overview.outline.brackets()[0].stages.len() as u32 - 1;
    let stages = stages.max(1);
    let mut marks: [Marks; 5] = Default::default();
    let mut before = 0.0;
    for (number, session) in sessions.iter().enumerate() {
        if number > 0 {
            let (x, _) = chart.at(before / unit, 1.0);
            chart.line("var(--ink)", (x, top), (x, bottom), Some("3 3"));
        }
        for span in &session.spans {
            let Ok(row) = rows.binary_search(&span.worker) else { continue };
            let row = (rows.len() - row) as f64;
            let (from, y) = chart.at((before + span.from) / unit, row);
            let (to, _) = chart.at((before + span.to) / unit, row);
            let trial = &overview.trials[span.row];
            let last = trial.stages.last().is_some_and(|last| last.stage == span.stage);
            let level = if last && has_failed(trial) { 4 } else { (span.stage * 3).div_ceil(stages).min(3) };
            marks[level as usize].push((span.row, vec![(from, y), (to.max(from + 0.4), y)]));
        }
        before += session.seconds;
    }
    marks
}

/// The workers that have a row, with their machines: all of the process's own, and those of others that
/// trained something; or the first of those that did, if there are too many to look at.
fn rows(sessions: &[Session], workers: u32) -> Vec<(u32, u32)> {
    const MOST: u32 = 256;
    let spans = sessions.iter().flat_map(|session| &session.spans);
    let mut used: BTreeSet<(u32, u32)> = spans.map(|span| span.worker).collect();
    if workers <= MOST {
        used.extend((0..workers).map(|worker| (0, worker)));
    }
    used.into_iter().take(MOST as usize).collect()
}
