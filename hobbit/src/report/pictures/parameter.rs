//! The picture of the score against one hyperparameter.

use std::collections::BTreeSet;

use super::{BAD, BEST, LEVELS, Marks, Reach, SMALL, cross, has_failed, is_drawn, score_axis, scores, step};
use crate::report::axis::Axis;
use crate::report::chart::{Chart, Picture};
use crate::report::columns::{Column, Scale};
use crate::repository::{Overview, TrialOverview};
use crate::trial::Direction;

/// The score against one hyperparameter.
pub(in crate::report) fn parameter(
    overview: &Overview,
    number: usize,
    column: &Column,
    reach: Reach,
) -> Option<Picture> {
    let scores: Vec<f64> = scores(overview).collect();
    let y = score_axis(overview, &scores, reach)?;
    let x = Axis::new(&column.name, column.range()?, column.scale.clone()).of_whole(column.is_whole);
    let mut chart = Chart::new("", SMALL, &x, &y);
    let levels = Levels::new(overview);
    let dots = dots(overview, column, &levels, &chart);
    for (marks, paint) in dots.iter().zip(LEVELS.iter().chain(&[BAD])) {
        chart.marks(paint, if *paint == BAD { 1.6 } else { size(overview) }, marks);
    }
    if overview.best().is_some()
        && let Some(best) = dots.iter().flatten().find(|(row, _)| *row == 0).cloned()
    {
        chart.marks(BEST, 9.0, &[best]);
        chart.legend(BEST, "the best");
    }
    for (level, text) in levels.texts.iter().enumerate() {
        if let Some(text) = text {
            chart.legend(LEVELS[level], text);
        }
    }
    if !dots[4].is_empty() {
        chart.legend(BAD, "failed");
    }
    let there = column.values.iter().flatten().count();
    let description = format!("{} of {there} trials against {}", overview.study.monitor, column.name);
    Some(chart.done(file_name(number, &column.name), description))
}

/// The size of a dot: many are smaller, to see between them.
fn size(overview: &Overview) -> f64 {
    match overview.trials.len() {
        0..600 => 5.0,
        600..3000 => 4.2,
        _ => 3.0,
    }
}

/// A dot for each trial: those with a score by their level, and those that failed.
fn dots(overview: &Overview, column: &Column, levels: &Levels, chart: &Chart) -> [Marks; 5] {
    let worst = match overview.study.direction {
        Direction::Minimize => f64::INFINITY,
        Direction::Maximize => f64::NEG_INFINITY,
    };
    let mut dots: [Marks; 5] = Default::default();
    let step = step(overview);
    for (row, trial) in overview.trials.iter().enumerate().filter(|(row, _)| is_drawn(*row, step)) {
        let Some(mut x) = column.values[row] else { continue };
        x += jitter(column, row, SMALL.0);
        match trial.score {
            Some((score, _)) => dots[levels.of(trial)].push((row, vec![chart.at(x, score)])),
            None if has_failed(trial) => dots[4].push((row, cross(chart.at(x, worst)))),
            None => {}
        }
    }
    dots
}

/// How far a dot lies from its value: those of an option side by side instead of on top of each other, spread
/// over a part of the option's place on an axis of this length, never so far that they could be taken for
/// those of another option. Places of options count from 1 on an axis.
pub(super) fn jitter(column: &Column, row: usize, length: f64) -> f64 {
    let Scale::Options(options) = &column.scale else { return 0.0 };
    let spread = (34.0 * options.len() as f64 / length).min(0.6);
    // the golden ratio spreads any number of them evenly
    1.0 + spread * ((row as f64 * 0.618_033_988_749_895).fract() - 0.5)
}

/// Colours by how long trials were trained.
struct Levels {
    /// The epochs of every level's trials, in order.
    budgets: Vec<u64>,
    /// What the legend says of each level; nothing of those without trials.
    texts: [Option<String>; 4],
}

impl Levels {
    fn new(overview: &Overview) -> Levels {
        let budgets: BTreeSet<u64> =
            overview.trials.iter().filter(|trial| trial.score.is_some()).map(budget).collect();
        let mut levels = Levels { budgets: budgets.into_iter().collect(), texts: Default::default() };
        let mut ends: [Option<(u64, u64)>; 4] = [None; 4];
        for &budget in &levels.budgets {
            let end = &mut ends[levels.level(budget)];
            *end = Some((end.map_or(budget, |(low, _)| low), budget));
        }
        let last = levels.budgets.last().copied();
        levels.texts = ends.map(|end| {
            end.map(|(low, high)| {
                let unit = if Some(high) == last { " epochs" } else { "" };
                if low == high { format!("{low}{unit}") } else { format!("{low}–{high}{unit}") }
            })
        });
        levels
    }

    fn level(&self, budget: u64) -> usize {
        let place = self.budgets.iter().position(|known| *known == budget).unwrap_or(0);
        match self.budgets.len() {
            0 | 1 => 2,
            count if count <= 4 => (place * 3).div_ceil(count - 1),
            count => place * 4 / count,
        }
    }

    fn of(&self, trial: &TrialOverview) -> usize {
        self.level(budget(trial))
    }
}

fn budget(trial: &TrialOverview) -> u64 {
    trial.epochs()
}

/// A file name for a hyperparameter: the number keeps apart names that differ in signs only.
fn file_name(number: usize, name: &str) -> String {
    format!("parameter-{number:02}-{}.svg", plain(name))
}

/// A name without characters that are not for every file's.
pub(super) fn plain(name: &str) -> String {
    name.chars().take(60).map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect()
}
