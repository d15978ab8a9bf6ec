//! The picture of parallel coordinates.

use kuva::render::render::TextAnchor;

use super::{BEST, LEVELS, Marks, score_axis, scores};
use crate::observe::text::plain_number;
use crate::report::chart::{Axis, Chart, Picture, short, text_width};
use crate::report::columns::{Column, Scale};
use crate::repository::Overview;
use crate::trial::Direction;

/// The width of an axis, its ends, and the height of what a trial does not have.
const SPACE: f64 = 104.0;
const TOP: f64 = 120.0;
const BOTTOM: f64 = 400.0;
const ABSENT: f64 = 436.0;

/// All trials that have a score, each as a line through all hyperparameters.
pub(in crate::report) fn parallel(overview: &Overview, columns: &[&Column]) -> Option<Picture> {
    let scores: Vec<f64> = scores(overview).collect();
    if scores.len() < 2 || columns.is_empty() {
        return None;
    }
    let score = score_axis(overview, &scores)?;
    let chart = Chart::bare(150.0 + SPACE * columns.len() as f64, ABSENT + 24.0);
    let mut axes = Axes { chart, labels: Vec::new() };
    let ends = if is_minimized(overview) { [score.high, score.low] } else { [score.low, score.high] };
    axes.add(0, &overview.study.monitor, ends.map(plain_number));
    let heights: Vec<_> = (1..).zip(columns).map(|(axis, column)| axes.add_column(axis, column)).collect();
    let scored = overview.trials.iter().take_while(|trial| trial.score.is_some()).count();
    // many lines are drawn thinner, to see between them
    let thin = (100.0 / scored as f64).clamp(0.3, 1.0);
    let looks = [(LEVELS[0], thin), (LEVELS[1], thin), (LEVELS[3], 1.5 * thin.sqrt()), (BEST, 2.6)];
    for (marks, (paint, width)) in lines(overview, &score, &heights, scored).iter().zip(looks) {
        axes.chart.marks(paint, width, marks);
    }
    for (axis, column) in (1..).zip(columns) {
        axes.label_options(axis, column);
    }
    let mut chart = axes.labelled();
    if heights.iter().any(|heights| heights[..scored].contains(&None)) {
        chart.text((4.0, ABSENT + 4.0), "absent", TextAnchor::Start, None);
    }
    for ((paint, _), text) in
        looks.into_iter().zip(["the worse half", "the better half", "the best tenth", "the best"]).rev()
    {
        chart.legend(paint, text);
    }
    let description =
        format!("Parallel coordinates: {scored} trials through {} hyperparameters", columns.len());
    Some(chart.done("parallel.svg", description))
}

fn is_minimized(overview: &Overview) -> bool {
    overview.study.direction == Direction::Minimize
}

/// Where an axis stands.
fn left(axis: usize) -> f64 {
    60.0 + SPACE * axis as f64
}

/// The height of a value on an axis with these ends.
fn height(value: f64, low: f64, high: f64, log: bool) -> f64 {
    let part = if log { (value / low).ln() / (high / low).ln() } else { (value - low) / (high - low) };
    BOTTOM - (BOTTOM - TOP) * if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.5 }
}

/// The lines of the trials that have a score: the worse half, the better half, the best tenth, and the best.
/// `heights` has the place of each trial on each hyperparameter's axis.
fn lines(overview: &Overview, score: &Axis, heights: &[Vec<Option<f64>>], scored: usize) -> [Marks; 4] {
    let mut marks: [Marks; 4] = Default::default();
    for (row, trial) in overview.trials[..scored].iter().enumerate() {
        let Some((value, _)) = trial.score else { continue };
        let at = height(value, score.low, score.high, score.scale == Scale::Log);
        let mut points = vec![(left(0), if is_minimized(overview) { TOP + BOTTOM - at } else { at })];
        points.extend((1..).zip(heights).map(|(axis, heights)| (left(axis), heights[row].unwrap_or(ABSENT))));
        let group = match row {
            0 => 3,
            row if row * 10 < scored => 2,
            row if row * 2 < scored => 1,
            _ => 0,
        };
        marks[group].push((row, points));
    }
    marks
}

/// The axes, and the labels of their ends and options, which lie on top of the lines.
struct Axes {
    chart: Chart,
    labels: Vec<(f64, f64, String)>,
}

impl Axes {
    fn add(&mut self, axis: usize, name: &str, [low, high]: [String; 2]) {
        let x = left(axis);
        self.chart.line("var(--line)", (x, TOP), (x, BOTTOM), None);
        self.chart.text((x - 4.0, TOP - 24.0), &short(name, 26.0), TextAnchor::Start, Some(-24.0));
        self.labels.extend([(x, BOTTOM + 16.0, low), (x, TOP - 8.0, high)]);
    }

    /// Adds the axis of a hyperparameter. Returns the height of each trial on it.
    fn add_column(&mut self, axis: usize, column: &Column) -> Vec<Option<f64>> {
        let (low, high) = column.range().unwrap_or_default();
        let heights = |low, high, log| {
            column.values.iter().map(|value| value.map(|value| height(value, low, high, log))).collect()
        };
        match &column.scale {
            Scale::Options(options) => {
                self.add(axis, &column.name, Default::default());
                heights(0.0, options.len() as f64 - 1.0, false)
            }
            scale => {
                self.add(axis, &column.name, [low, high].map(plain_number));
                heights(low, high, *scale == Scale::Log)
            }
        }
    }

    /// Labels the options of a hyperparameter, at most 16 of them.
    fn label_options(&mut self, axis: usize, column: &Column) {
        let Scale::Options(options) = &column.scale else { return };
        let last = options.len() as f64 - 1.0;
        for (place, option) in options.iter().enumerate().step_by(options.len().div_ceil(16)) {
            let text = short(option, 12.0);
            let x = left(axis) + 6.0 + text_width(&text) / 2.0;
            self.labels.push((x, height(place as f64, 0.0, last, false) + 4.5, text));
        }
    }

    /// Draws the labels.
    fn labelled(mut self) -> Chart {
        for (x, y, text) in self.labels {
            let half = text_width(&text) / 2.0 + 2.0;
            self.chart.bar("var(--halo)", (x - half, y - 12.0), (x + half, y + 3.5));
            self.chart.text((x, y), &text, TextAnchor::Middle, None);
        }
        self.chart
    }
}
