//! The pictures of a report: what is drawn, where, and in which colour.

mod compared;
mod curves;
mod history;
mod importance;
mod metrics;
mod pair;
mod parallel;
mod parameter;
mod timeline;

pub(super) use compared::compared;
pub(super) use curves::{curves, curves_axis};
pub(super) use history::{By, history};
pub(super) use importance::importance;
pub(super) use metrics::metrics;
pub(super) use pair::pair;
pub(super) use parallel::parallel;
pub(super) use parameter::parameter;
pub(super) use timeline::timeline;

use super::axis::Axis;
use super::columns::{Scale, range};
use crate::repository::{End, Overview, TrialOverview};
use crate::trial::Direction;

const LEVELS: [&str; 4] = ["var(--level0)", "var(--level1)", "var(--level2)", "var(--level3)"];
const BEST: &str = "var(--best)";
const BAD: &str = "var(--bad)";
const SMALL: (f64, f64) = (440.0, 290.0);

/// For each mark, the trial's place in the list and the mark's points.
type Marks = Vec<(usize, Vec<(f64, f64)>)>;

/// Which scores an axis reaches to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Those that matter: what is far worse than most is drawn at the edge.
    Fit,
    /// All.
    All,
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
