//! The picture of a bracket's learning curves.

use std::collections::BTreeSet;

use super::{BAD, BEST, LEVELS, Marks, Reach, SMALL, is_drawn, score_axis, step};
use crate::report::axis::Axis;
use crate::report::chart::{Chart, Picture};
use crate::report::columns::Scale;
use crate::repository::{End, Overview, StageRecord, TrialOverview};

/// A learning curve is drawn through no more than about so many points.
const POINTS: usize = 150;

/// The colours of curves: by how far the trial came, of the best trial, and of those that failed.
const PAINTS: [&str; 6] = [LEVELS[0], LEVELS[1], LEVELS[2], LEVELS[3], BEST, BAD];
const THE_BEST: usize = 4;
const FAILED: usize = 5;

/// The learning curves of a bracket, of all repetitions; none if it has no metrics yet. The axes are the same
/// for all brackets.
pub(in crate::report) fn curves(overview: &Overview, bracket: u32, y: &Axis) -> Option<Picture> {
    let monitor = &overview.study.monitor;
    let all = overview.trials.iter().enumerate();
    let trials: Vec<_> = all.filter(|(_, trial)| trial.id.bracket == bracket).collect();
    let ends = ends(overview, bracket)?;
    let last = *ends.last()?;
    let x = epochs_axis(overview)?;
    let mut chart = Chart::new(&format!("Bracket {bracket}"), SMALL, &x, y);

    let (_, top, _, bottom) = chart.edges();
    for end in &ends {
        let (x, _) = chart.at(*end as f64, y.low);
        chart.line("var(--line)", (x, top), (x, bottom), Some("2 3"));
    }
    let mut curves = Curves::default();
    let step = step(overview);
    for (row, trial) in trials.iter().rev().filter(|(row, _)| is_drawn(*row, step)) {
        curves.add(&chart, *row, trial, &curve(trial, monitor), &ends);
    }
    curves.draw(&mut chart);
    let description = format!(
        "Learning curves of bracket {bracket}: {monitor} of {} trials over up to {last} epochs; dots are promotions",
        trials.len()
    );
    Some(chart.done(format!("curves-bracket-{bracket}.svg"), description))
}

/// The axis of all curves' scores.
pub(in crate::report) fn curves_axis(overview: &Overview, reach: Reach) -> Option<Axis> {
    let monitor = &overview.study.monitor;
    let curves = overview.trials.iter().flat_map(|trial| curve(trial, monitor));
    let all: Vec<f64> = curves.map(|(_, value)| value).collect();
    score_axis(overview, &all, reach)
}

/// The axis of epochs, logarithmic if some bracket ends its first stage in the first tenth of it.
fn epochs_axis(overview: &Overview) -> Option<Axis> {
    let brackets = 1..=overview.outline.brackets().len() as u32;
    let ends: Vec<BTreeSet<u64>> = brackets.filter_map(|bracket| ends(overview, bracket)).collect();
    let first = ends.iter().filter_map(|ends| ends.first()).min()?;
    let last = *ends.iter().filter_map(|ends| ends.last()).max()?;
    let log = last >= 10 * (*first).max(1);
    let (low, scale) = if log { (1.0, Scale::Log) } else { (0.0, Scale::Linear) };
    Some(Axis::new("epochs", (low, last as f64), scale).of_whole(true))
}

/// The ends of those stages of a bracket that some trial has reached.
fn ends(overview: &Overview, bracket: u32) -> Option<BTreeSet<u64>> {
    let planned = &overview.outline.brackets().get(bracket as usize - 1)?.stages;
    let trials = overview.trials.iter().filter(|trial| trial.id.bracket == bracket);
    let stages = trials.map(|trial| trial.stages.len()).max()?;
    Some(planned.iter().take(stages).map(|stage| stage.trained).collect())
        .filter(|ends: &BTreeSet<u64>| !ends.is_empty())
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
