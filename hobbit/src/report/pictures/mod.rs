//! The pictures of a report: what is drawn, where, and in which colour.

mod compared;
mod curves;
mod history;
mod importance;
mod metrics;
mod pair;
mod parallel;
mod parameter;
mod sampled;
mod timeline;

pub(super) use compared::compared;
pub(super) use curves::{curves, curves_axis};
pub(super) use history::{By, history};
pub(super) use importance::importance;
pub(super) use metrics::metrics;
pub(super) use pair::pair;
pub(super) use parallel::parallel;
pub(super) use parameter::parameter;
pub(super) use sampled::sampled;
pub(super) use timeline::timeline;

use super::axis::Axis;
use super::chart::{Chart, Swatch};
use super::columns::{Scale, range};
use crate::repository::{End, Origin, Overview, TrialOverview};
use crate::trial::Direction;

const LEVELS: [&str; 4] = ["var(--level0)", "var(--level1)", "var(--level2)", "var(--level3)"];
const BEST: &str = "var(--best)";
const BAD: &str = "var(--bad)";
const SMALL: (f64, f64) = (440.0, 290.0);

/// For each mark, the trial's place in the list and the mark's points.
type Marks = Vec<(usize, Vec<(f64, f64)>)>;

/// How marks look by where their configurations are from: colour, and width.
const ORIGINS: [(Option<Origin>, &str, f64); 4] = [
    (None, LEVELS[0], 3.8),
    (Some(Origin::Drawn), LEVELS[0], 3.8),
    (Some(Origin::Proposed), LEVELS[2], 4.2),
    (Some(Origin::Given), "var(--ink)", 1.8),
];

/// Says in the legend where configurations are from, of groups of marks as [`ORIGINS`] has them.
fn origin_legend(chart: &mut Chart, marks: &[Marks]) {
    let texts = ["drawn or proposed", "drawn at random", "proposed", "given"];
    for ((marks, (origin, paint, _)), text) in marks.iter().zip(ORIGINS).zip(texts) {
        let swatch = if origin == Some(Origin::Given) { Swatch::Diamond } else { Swatch::Dot };
        if !marks.is_empty() {
            chart.legend_as(swatch, paint, text);
        }
    }
}

/// Which scores an axis reaches to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Those that matter: what is far worse than most is drawn at the edge.
    Fit,
    /// All.
    All,
}

/// Of more trials than this not all are drawn: the better ones, and every nth of the others.
const CROWD: usize = 4000;
const BETTER: usize = 1000;
const OTHERS: usize = 2000;

/// One in how many of the others is drawn.
fn step(overview: &Overview) -> usize {
    let trials = overview.trials.len();
    if trials > CROWD { (trials - BETTER).div_ceil(OTHERS) } else { 1 }
}

/// Whether a trial is drawn, by its place.
fn is_drawn(row: usize, step: usize) -> bool {
    row < BETTER || row.is_multiple_of(step)
}

/// Which trials are drawn, in words, if not all are.
pub(super) fn crowd(overview: &Overview) -> Option<String> {
    let (all, step) = (overview.trials.len(), step(overview));
    let drawn = (0..all).filter(|row| is_drawn(*row, step)).count();
    let words =
        || format!("Of {all} trials {drawn} are drawn: the best {BETTER}, and one in {step} of the others.");
    (drawn < all).then(words)
}

fn has_failed(trial: &TrialOverview) -> bool {
    trial.stages.last().is_some_and(|stage| stage.end != End::Trained)
}

fn scores(overview: &Overview) -> impl Iterator<Item = f64> {
    overview.trials.iter().filter_map(|trial| Some(trial.score?.0))
}

/// The axis of scores: logarithmic if they span decades. To fit, it ends where scores are three times as far
/// behind the best one as the middle one is, and before the last tenth of them.
pub(super) fn score_axis(overview: &Overview, values: &[f64], reach: Reach) -> Option<Axis> {
    let mut values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = range(values.iter().copied())?;
    let minimize = overview.study.direction == Direction::Minimize;
    let log = low > 0.0 && high > low * if minimize { 20.0 } else { 1000.0 };
    if !minimize {
        values.reverse();
    }
    let scaled = |value: f64| if log { value.ln() } else { value };
    let behind = |tenths: usize| scaled(values[(values.len() - 1) * tenths / 10]) - scaled(values[0]);
    let (middle, most, all) = (behind(5).abs(), behind(9).abs(), behind(10).abs());
    let fit = match reach {
        Reach::All => all,
        Reach::Fit if middle > 0.0 => most.min(3.0 * middle) * 1.15,
        Reach::Fit => most * 1.15,
    };
    // a little more is no reason to leave something out
    let fit = if fit > 0.0 && all > 1.5 * fit { fit } else { all };
    let worst = scaled(values[0]) + if minimize { fit } else { -fit };
    let worst = if fit == all {
        values[values.len() - 1]
    } else if log {
        worst.exp()
    } else {
        worst
    };
    let ends = if minimize { (low, worst) } else { (worst, high) };
    let scale = if log { Scale::Log } else { Scale::Linear };
    Some(Axis::new(&overview.study.monitor, ends, scale))
}

/// A cross, for what has no place of its own.
fn cross((x, y): (f64, f64)) -> Vec<(f64, f64)> {
    const ARM: f64 = 3.5;
    let corner = |across: f64, down: f64| (x + across * ARM, y + down * ARM);
    vec![corner(-1.0, -1.0), corner(1.0, 1.0), (x, y), corner(1.0, -1.0), corner(-1.0, 1.0)]
}
