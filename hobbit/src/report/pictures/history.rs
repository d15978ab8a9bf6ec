//! The picture of the best score so far.

use super::{BEST, Marks, ORIGINS, Reach, is_drawn, origin_legend, score_axis, step};
use crate::report::axis::Axis;
use crate::report::chart::{Chart, Picture, Swatch, diamond};
use crate::report::columns::Scale;
use crate::report::history::Step;
use crate::report::timeline::unit;
use crate::repository::{Origin, Overview};

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
    let thin = step(overview);
    let marks = ORIGINS.map(|(origin, ..)| -> Marks {
        let drawn = |step: &&Step| step.origin == origin && is_drawn(step.row, thin);
        let steps = steps.iter().filter(drawn);
        let mark = |step: &Step| {
            let at = chart.at(place(step), step.score?);
            Some((step.row, if origin == Some(Origin::Given) { diamond(at) } else { vec![at] }))
        };
        steps.filter_map(mark).collect()
    });
    for (marks, (_, paint, width)) in marks.iter().zip(ORIGINS) {
        chart.marks(paint, width, marks);
    }
    chart.lines(BEST, 2.5, &stairs(&chart, steps, place), None);
    chart.legend_as(Swatch::Line, BEST, "the best so far");
    match overview.has_origins() {
        true => origin_legend(&mut chart, &marks),
        false => chart.legend_as(Swatch::Dot, ORIGINS[1].1, "a stage's outcome"),
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
