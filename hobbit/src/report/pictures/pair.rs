//! The picture of two hyperparameters: where good trials lie.
//!
//! What is shown is how a trial did after its first stage, among its bracket's trials, because scores after
//! different numbers of epochs are not comparable. It is smoothed by a normal kernel (Nadaraya, *Theory of
//! Probability and its Applications* 9(1), 1964; Watson, *Sankhya* A 26(4), 1964).

use std::fmt::Write;

use super::{BEST, Marks};
use crate::report::axis::Axis;
use crate::report::chart::{Chart, Picture};
use crate::report::columns::{Column, Scale};
use crate::repository::Overview;

/// The cells of the heat map, across and down.
const CELLS: (usize, usize) = (36, 22);
/// The width of the kernel, as a share of the axis.
const WIDTH: f64 = 0.07;
/// More trials than this are thinned out.
const MOST: usize = 600;
/// Fewer trials than this show nothing.
const FEWEST: usize = 30;
const HEAT: [&str; 4] = ["var(--heat0)", "var(--heat1)", "var(--heat2)", "var(--heat3)"];

/// Where trials lie in two hyperparameters, and how those around did. `ranks` has a place in the list and a
/// rank from 0, the best, to 1 for each trial.
pub(in crate::report) fn pair(
    overview: &Overview,
    number: usize,
    (a, b): (&Column, &Column),
    ranks: &[(usize, f64)],
) -> Option<Picture> {
    let axis = |column: &Column| {
        let axis = Axis::new(&column.name, column.range()?, column.scale.clone());
        Some(axis.of_whole(column.is_whole))
    };
    let (x, y) = (axis(a)?, axis(b)?);
    let spread = |column: &Column, row: usize, turn: f64| {
        let slot = match column.scale {
            Scale::Options(_) => 1.0 + 0.5 * ((row as f64 * turn).fract() - 0.5),
            _ => 0.0,
        };
        Some(column.values[row]? + slot)
    };
    // two irrational numbers, so that the options of both spread over a square
    let place = |row: usize| Some((spread(a, row, 0.754_877_666)?, spread(b, row, 0.569_840_291)?));
    let step = ranks.len().div_ceil(MOST).max(1);
    let known = ranks.iter().step_by(step).filter_map(|&(row, rank)| {
        let (at_x, at_y) = place(row)?;
        Some((row, x.place(at_x), y.place(at_y), rank))
    });
    let known: Vec<(usize, f64, f64, f64)> = known.collect();
    if known.len() < FEWEST {
        return None;
    }
    let mut chart = Chart::new("", (470.0, 300.0), &x, &y);
    fill(&mut chart, &known);
    let dots: Marks = known
        .iter()
        .filter_map(|&(row, ..)| {
            let (at_x, at_y) = place(row)?;
            Some((row, vec![chart.at(at_x, at_y)]))
        })
        .collect();
    chart.marks("var(--paper)", 5.0, &dots);
    chart.marks("var(--ink)", 3.0, &dots);
    if let Some((at_x, at_y)) = place(0).filter(|_| overview.best().is_some()) {
        let best = chart.at(at_x, at_y);
        chart.marks(BEST, 10.0, &[(0, vec![best])]);
        chart.legend(BEST, "the best");
    }
    for (place, text) in [(3, "best quarter"), (2, "second"), (1, "third"), (0, "last")] {
        chart.legend(HEAT[place], text);
    }
    let description = format!("How trials did by {} and {}", a.name, b.name);
    Some(chart.done(format!("pair-{number}.svg"), description))
}

/// Colours the cells near which there are trials.
fn fill(chart: &mut Chart, known: &[(usize, f64, f64, f64)]) {
    let (left, top, right, bottom) = chart.edges();
    let (width, height) = ((right - left) / CELLS.0 as f64, (bottom - top) / CELLS.1 as f64);
    let mut cells: [String; 4] = Default::default();
    for row in 0..CELLS.1 {
        let mut begun: Option<(usize, usize)> = None;
        for column in 0..=CELLS.0 {
            let heat = if column < CELLS.0 { heat(known, column, row) } else { None };
            if let Some((from, level)) = begun.filter(|(_, level)| heat != Some(*level)) {
                let (x, y) = (left + from as f64 * width, top + row as f64 * height);
                let across = (column - from) as f64 * width;
                let _ = write!(cells[level], "M{x:.1} {y:.1}h{across:.1}v{height:.1}h-{across:.1}z");
                begun = None;
            }
            if begun.is_none() {
                begun = heat.map(|level| (column, level));
            }
        }
    }
    for (cells, paint) in cells.into_iter().zip(HEAT) {
        chart.area(paint, cells);
    }
}

/// How the trials around a cell did, from 0 for badly to 3 for well; nothing if there are none.
fn heat(known: &[(usize, f64, f64, f64)], column: usize, row: usize) -> Option<usize> {
    let (x, y) = ((column as f64 + 0.5) / CELLS.0 as f64, 1.0 - (row as f64 + 0.5) / CELLS.1 as f64);
    let (mut weights, mut sum) = (0.0, 0.0);
    for (_, at_x, at_y, rank) in known {
        let far = ((x - at_x).powi(2) + (y - at_y).powi(2)) / (2.0 * WIDTH * WIDTH);
        if far < 8.0 {
            let weight = (-far).exp();
            weights += weight;
            sum += weight * rank;
        }
    }
    (weights > 0.3).then(|| 3 - ((sum / weights) * 4.0).clamp(0.0, 3.0) as usize)
}
