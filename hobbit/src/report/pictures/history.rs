//! The picture of the best score so far.

use super::{BEST, LEVELS, Marks, Reach, score_axis};
use crate::report::axis::Axis;
use crate::report::chart::{Chart, Picture};
use crate::report::columns::Scale;
use crate::report::history::Step;
use crate::report::timeline::unit;
use crate::repository::Overview;

/// What the best score is drawn over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum By {
    /// The epochs of the whole study.
    Epochs,
    /// The time that processes worked on it.
    Time,
}

/// The best score so far, and the scores of all stages.
pub(in crate::report) fn history(
    overview: &Overview,
    steps: &[Step],
    by: By,
    reach: Reach,
) -> Option<Picture> {
    let scores: Vec<f64> = steps.iter().filter_map(|step| step.score).collect();
    let y = score_axis(overview, &scores, reach)?;
    let last = steps.last()?;
    let longest = steps.iter().map(|step| step.seconds).fold(0.0, f64::max);
    let (unit, name) = unit(longest);
    let place = |step: &Step| match by {
        By::Epochs => step.epochs as f64,
        By::Time => step.seconds / unit,
    };
    let (label, end) = match by {
        By::Epochs => ("epochs of all trials".to_owned(), last.epochs as f64),
        By::Time => (format!("{name} at work"), longest / unit),
    };
    let x = Axis::new(&label, (0.0, end), Scale::Linear).of_whole(by == By::Epochs);
    let mut chart = Chart::new("", (470.0, 290.0), &x, &y);
    let dots = |is_given: bool| -> Marks {
        let steps = steps.iter().filter(|step| step.is_given == is_given);
        steps.filter_map(|step| Some((step.row, vec![chart.at(place(step), step.score?)]))).collect()
    };
    let (drawn, given) = (dots(false), dots(true));
    chart.marks(LEVELS[0], 3.5, &drawn);
    chart.marks(LEVELS[3], 5.5, &given);
    chart.lines(BEST, 2.5, &stairs(&chart, steps, place), None);
    chart.legend(BEST, "the best so far");
    let own = overview.study.sampler.as_ref().map_or("drawn", |_| "proposed or drawn");
    if !drawn.is_empty() {
        chart.legend(LEVELS[0], &format!("a stage's outcome: {own}"));
    }
    if !given.is_empty() {
        chart.legend(LEVELS[3], "given");
    }
    let file = if by == By::Epochs { "best-by-epochs.svg" } else { "best-by-time.svg" };
    let best = last.best.map_or_else(String::new, |best| format!(", at the end {best}"));
    Some(chart.done(file, format!("The best {} so far, over {label}{best}", overview.study.monitor)))
}

/// The line of the best score: it stays until a better one comes.
pub(super) fn stairs(chart: &Chart, steps: &[Step], place: impl Fn(&Step) -> f64) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    let mut best = None;
    for step in steps {
        let Some(value) = step.best else { continue };
        let (x, y) = chart.at(place(step), value);
        if best != Some(value) {
            if let Some(&(_, before)) = points.last() {
                points.push((x, before));
            }
            points.push((x, y));
            best = Some(value);
        }
    }
    // up to the last outcome
    if let (Some(&(_, y)), Some(last)) = (points.last(), steps.last()) {
        let (x, _) = chart.at(place(last), f64::NAN);
        points.push((x, y));
    }
    points
}
