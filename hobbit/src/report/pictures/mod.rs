//! The pictures of a report: what is drawn, where, and in which colour.

mod curves;
mod importance;
mod parallel;
mod parameter;
mod timeline;

pub(super) use curves::curves;
pub(super) use importance::importance;
pub(super) use parallel::parallel;
pub(super) use parameter::parameter;
pub(super) use timeline::timeline;

use super::chart::Axis;
use super::columns::{Scale, range};
use crate::repository::{End, Overview, TrialOverview};
use crate::trial::Direction;

const LEVELS: [&str; 4] = ["var(--level0)", "var(--level1)", "var(--level2)", "var(--level3)"];
const BEST: &str = "var(--best)";
const BAD: &str = "var(--bad)";
const SMALL: (f64, f64) = (440.0, 300.0);

/// For each mark, the trial's place in the list and the mark's points.
type Marks = Vec<(usize, Vec<(f64, f64)>)>;

fn has_failed(trial: &TrialOverview) -> bool {
    trial.stages.last().is_some_and(|stage| stage.end != End::Trained)
}

fn scores(overview: &Overview) -> impl Iterator<Item = f64> {
    overview.trials.iter().filter_map(|trial| Some(trial.score?.0))
}

/// The axis of scores: logarithmic if they span decades, and without the few that are far worse than all
/// others.
fn score_axis(overview: &Overview, values: &[f64]) -> Option<Axis> {
    let mut values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = range(values.iter().copied())?;
    let minimize = overview.study.direction == Direction::Minimize;
    let log = low > 0.0 && high > low * if minimize { 20.0 } else { 1000.0 };
    if !minimize {
        values.reverse();
    }
    let scaled = |value: f64| if log { value.ln() } else { value };
    let (best, worst) = (scaled(values[0]), scaled(values[values.len() - 1]));
    let most = scaled(values[(values.len() - 1) * 19 / 20]);
    let reach = (most - best) * 1.15;
    let end = if reach != 0.0 && (worst - best).abs() > 1.7 * reach.abs() { best + reach } else { worst };
    let end = if log { end.exp() } else { end };
    let ends = if minimize { (low, end) } else { (end, high) };
    let scale = if log { Scale::Log } else { Scale::Linear };
    Some(Axis::new(&overview.study.monitor, ends, scale))
}
