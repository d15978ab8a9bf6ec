//! The picture of several studies' best scores.

use super::{Reach, SMALL, score_axis};
use crate::report::axis::Axis;
use crate::report::chart::{Chart, Picture, short};
use crate::report::columns::Scale;
use crate::report::history::Step;
use crate::repository::Overview;

const SERIES: [&str; 6] = [
    "var(--series0)",
    "var(--series1)",
    "var(--series2)",
    "var(--series3)",
    "var(--series4)",
    "var(--series5)",
];

/// The best scores so far of studies with the same monitor: of each its place among all that are compared,
/// its name, and its outcomes.
pub(in crate::report) fn compared(studies: &[(usize, &str, &Overview, &[Step])]) -> Option<Picture> {
    let (.., first, _) = *studies.first()?;
    let best = studies.iter().flat_map(|(.., steps)| *steps).filter_map(|step| step.best);
    let y = score_axis(first, &best.collect::<Vec<_>>(), Reach::Fit)?;
    let last = studies.iter().filter_map(|(.., steps)| Some(steps.last()?.epochs)).max()?;
    let x = Axis::new("epochs of all trials", (0.0, last as f64), Scale::Linear).of_whole(true);
    let mut chart = Chart::new("", (640.0, SMALL.1 + 30.0), &x, &y);
    for (place, name, _, steps) in studies {
        let line = super::history::stairs(&chart, steps, |step| step.epochs as f64);
        let colour = SERIES[place % SERIES.len()];
        chart.lines(colour, 2.2, &line, None);
        chart.legend(colour, &short(name, 40.0));
    }
    let description = format!("The best {} so far of {} studies", first.study.monitor, studies.len());
    Some(chart.done("compared.svg", description))
}
