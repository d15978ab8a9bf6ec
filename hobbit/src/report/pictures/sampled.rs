//! The pictures of where the sampler looked: one hyperparameter over the trials in their order.

use super::parameter::{jitter, plain};
use super::{BEST, Marks, ORIGINS, SMALL, is_drawn, origin_legend, step};
use crate::report::axis::Axis;
use crate::report::chart::{Chart, Picture, Swatch, diamond};
use crate::report::columns::{Column, Scale};
use crate::repository::{Origin, Overview};

/// The values of a hyperparameter over the numbers of trials, and where they are from; none if no trial has
/// it.
pub(in crate::report) fn sampled(overview: &Overview, number: usize, column: &Column) -> Option<Picture> {
    let places: Vec<Option<u64>> =
        overview.trials.iter().map(|trial| Some(overview.outline.ordinal(trial.id)? + 1)).collect();
    let last = places.iter().flatten().max()?;
    let x = Axis::new("trial", (1.0, *last as f64), Scale::Linear).of_whole(true);
    let y = Axis::new(&column.name, column.range()?, column.scale.clone()).of_whole(column.is_whole);
    let mut chart = Chart::new("", SMALL, &x, &y);
    let mut marks: [Marks; ORIGINS.len()] = Default::default();
    let (mut best, step) = (None, step(overview));
    let all = overview.trials.iter().zip(&places).enumerate();
    for (row, (trial, place)) in all.filter(|(row, _)| is_drawn(*row, step)) {
        let (Some(place), Some(value)) = (*place, column.values[row]) else { continue };
        let at = chart.at(place as f64, value + jitter(column, row, SMALL.1));
        let shape = if trial.origin == Some(Origin::Given) { diamond(at) } else { vec![at] };
        if let Some(group) = ORIGINS.iter().position(|(origin, ..)| *origin == trial.origin) {
            marks[group].push((row, shape));
        }
        if row == 0 && trial.score.is_some() {
            best = Some(at);
        }
    }
    for (marks, (_, paint, width)) in marks.iter().zip(ORIGINS) {
        chart.marks(paint, width, marks);
    }
    if let Some(best) = best {
        chart.marks(BEST, 9.0, &[(0, vec![best])]);
        chart.legend_as(Swatch::Dot, BEST, "the best");
    }
    origin_legend(&mut chart, &marks);
    let description = format!("{} of {} trials in the order in which they begin", column.name, places.len());
    Some(chart.done(format!("sampled-{number:02}-{}.svg", plain(&column.name)), description))
}
