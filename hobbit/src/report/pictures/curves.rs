//! The picture of a bracket's learning curves.

use std::collections::BTreeSet;

use super::{BAD, BEST, LEVELS, Marks, SMALL, score_axis};
use crate::report::chart::{Axis, Chart, Picture};
use crate::report::columns::Scale;
use crate::repository::{End, Overview, StageRecord, TrialOverview};

/// A learning curve is drawn through no more than about so many points.
const POINTS: usize = 150;

/// The colours of curves: by how far the trial came, of the best trial, and of those that failed.
const PAINTS: [&str; 6] = [LEVELS[0], LEVELS[1], LEVELS[2], LEVELS[3], BEST, BAD];
const THE_BEST: usize = 4;
const FAILED: usize = 5;

/// The learning curves of a bracket, of all repetitions; none if it has no metrics yet.
pub(in crate::report) fn curves(overview: &Overview, bracket: u32) -> Option<Picture> {
    let monitor = &overview.study.monitor;
    let all: Vec<f64> =
        overview.trials.iter().flat_map(|trial| curve(trial, monitor)).map(|(_, value)| value).collect();
    let y = score_axis(overview, &all)?;
    let all = overview.trials.iter().enumerate();
    let trials: Vec<_> = all.filter(|(_, trial)| trial.id.bracket == bracket).collect();
    let planned = &overview.outline.brackets().get(bracket as usize - 1)?.stages;
    let stages = trials.iter().map(|(_, trial)| trial.stages.len()).max()?;
    let ends: BTreeSet<u64> = planned.iter().take(stages).map(|stage| stage.trained).collect();
    let (first, last) = (*ends.first()?, *ends.last()?);
    let scale = if last >= 10 * first.max(1) { Scale::Log } else { Scale::Linear };
    let low = if scale == Scale::Log { 1.0 } else { 0.0 };
    let x = Axis::new("epochs", (low, last as f64), scale);
    let mut chart = Chart::new(&format!("Bracket {bracket}"), SMALL, &x, &y);

    let (_, top, _, bottom) = chart.edges();
    for end in &ends {
        let (x, _) = chart.at(*end as f64, y.low);
        chart.line("var(--line)", (x, top), (x, bottom), Some("2 3"));
    }
    let mut curves = Curves::default();
    for (row, trial) in trials.iter().rev() {
        curves.add(&chart, *row, trial, &curve(trial, monitor), &ends);
    }
    curves.draw(&mut chart);
    let description = format!(
        "Learning curves of bracket {bracket}: {monitor} of {} trials over up to {last} epochs; dots are promotions",
        trials.len()
    );
    Some(chart.done(format!("curves-bracket-{bracket}.svg"), description))
}

/// The monitor after each epoch, counted from 1.
fn curve(trial: &TrialOverview, monitor: &str) -> Vec<(u64, f64)> {
    let stages = trial.stages.iter().filter_map(|stage| Some((stage.from, stage.history.column(monitor)?)));
    stages.flat_map(|(from, values)| (from + 1..).zip(values)).collect()
}

/// What is drawn, by colour.
#[derive(Default)]
struct Curves {
    lines: [Marks; 6],
    dots: [Marks; 6],
}

impl Curves {
    /// Adds a trial's curve, with dots where it was promoted.
    fn add(
        &mut self,
        chart: &Chart,
        row: usize,
        trial: &TrialOverview,
        points: &[(u64, f64)],
        ends: &BTreeSet<u64>,
    ) {
        let colour = colour(row, trial, ends.len());
        let step = points.len().div_ceil(POINTS);
        let mut line = Vec::new();
        for (i, &(epoch, value)) in points.iter().enumerate() {
            if value.is_nan() {
                // a gap: what comes after it is a line of its own
                self.lines[colour].push((row, std::mem::take(&mut line)));
                continue;
            }
            let at = chart.at(epoch as f64, value);
            let is_promoted = is_promoted(trial, epoch);
            if i < 20 || i % step == 0 || ends.contains(&epoch) || is_promoted || i + 1 == points.len() {
                line.push(at);
            }
            if is_promoted || points.len() == 1 {
                self.dots[colour].push((row, vec![at]));
            }
        }
        self.lines[colour].push((row, line));
    }

    fn draw(mut self, chart: &mut Chart) {
        for colour in [FAILED, 0, 1, 2, 3, THE_BEST] {
            self.lines[colour].retain(|(_, line)| line.len() > 1);
            chart.marks(PAINTS[colour], if colour == THE_BEST { 2.5 } else { 1.2 }, &self.lines[colour]);
            chart.marks(PAINTS[colour], 5.0, &self.dots[colour]);
        }
        let shown =
            [(THE_BEST, "the best trial"), (0, "dropped first"), (3, "trained longest"), (FAILED, "failed")];
        for (colour, text) in shown {
            if !self.lines[colour].is_empty() || !self.dots[colour].is_empty() {
                chart.legend(PAINTS[colour], text);
            }
        }
    }
}

/// The colour of a trial's curve, of a bracket of which so many stages were reached.
fn colour(row: usize, trial: &TrialOverview, stages: usize) -> usize {
    let reached = trial.stages.len().saturating_sub(1);
    match trial.stages.last() {
        Some(stage) if stage.end != End::Trained => FAILED,
        _ if row == 0 => THE_BEST,
        _ if stages == 1 => 3,
        _ => (reached * 3).div_ceil(stages - 1).min(3),
    }
}

/// Whether the trial was promoted after this epoch.
fn is_promoted(trial: &TrialOverview, epoch: u64) -> bool {
    let is_end = |stage: &StageRecord| stage.reached() == epoch && stage.end == End::Trained;
    let after = trial.stages.iter().position(is_end);
    after.is_some_and(|stage| stage + 1 < trial.stages.len() || trial.running.is_some())
}
