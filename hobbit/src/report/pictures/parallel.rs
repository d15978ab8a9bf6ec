//! The picture of parallel coordinates.

use kuva::render::render::TextAnchor;

use super::{BEST, LEVELS, Marks, Reach, score_axis, scores};
use crate::report::axis::Axis;
use crate::report::chart::{Chart, Picture, short, text_width};
use crate::report::columns::{Column, Scale};
use crate::repository::Overview;
use crate::trial::Direction;

/// The least width of an axis, and of a picture.
const LEAST: f64 = 116.0;
const WIDTH: f64 = 1160.0;
/// The ends of an axis, and the height of what a trial does not have.
const TOP: f64 = 56.0;
const BOTTOM: f64 = 336.0;
const ABSENT: f64 = 372.0;

/// About so many lines are drawn: of more, the best ones and every nth of the others.
const MOST: usize = 2000;

/// All trials that have a score, each as a line through all hyperparameters.
pub(in crate::report) fn parallel(overview: &Overview, columns: &[&Column]) -> Option<Picture> {
    let scores: Vec<f64> = scores(overview).collect();
    if scores.len() < 2 || columns.is_empty() {
        return None;
    }
    let score = score_axis(overview, &scores, Reach::Fit)?;
    let space = LEAST.max((WIDTH - 150.0) / columns.len() as f64);
    let width = 150.0 + space * columns.len() as f64;
    let mut axes = Axes { chart: Chart::bare(width, ABSENT + 16.0), labels: Vec::new(), space };
    axes.add(0, &score.short_title());
    let turned = overview.study.direction == Direction::Minimize;
    let score_at = |value: f64| height(if turned { 1.0 - score.place(value) } else { score.place(value) });
    axes.label(0, &score, score_at);
    let heights: Vec<_> = (1..).zip(columns).map(|(axis, column)| axes.add_column(axis, column)).collect();
    let scored = overview.trials.iter().take_while(|trial| trial.score.is_some()).count();
    // many lines are drawn thinner, to see between them
    let thin = (100.0 / scored as f64).clamp(0.3, 1.0);
    let looks = [(LEVELS[0], thin), (LEVELS[1], thin), (LEVELS[3], 1.5 * thin.sqrt()), (BEST, 2.6)];
    let lines = lines(overview, &axes, score_at, &heights, scored);
    let drawn: usize = lines.iter().map(Vec::len).sum();
    for (marks, (paint, width)) in lines.iter().zip(looks) {
        axes.chart.marks(paint, width, marks);
    }
    let mut chart = axes.labelled();
    if heights.iter().any(|heights| heights[..scored].contains(&None)) {
        chart.text((4.0, ABSENT + 4.0), "absent", TextAnchor::Start, None);
        chart.line("var(--grid)", (56.0, ABSENT), (width, ABSENT), Some("2 3"));
    }
    for ((paint, _), text) in
        looks.into_iter().zip(["the worse half", "the better half", "the best tenth", "the best"]).rev()
    {
        chart.legend(paint, text);
    }
    let all = if drawn < scored { format!("{drawn} of {scored}") } else { scored.to_string() };
    let description = format!("Parallel coordinates: {all} trials through {} hyperparameters", columns.len());
    Some(chart.done("parallel.svg", description))
}

/// The height of a place on an axis, from 0 at its low end to 1.
fn height(place: f64) -> f64 {
    BOTTOM - (BOTTOM - TOP) * place
}

/// The lines of the trials that have a score: the worse half, the better half, the best tenth, and the best.
/// `heights` has the place of each trial on each hyperparameter's axis.
fn lines(
    overview: &Overview,
    axes: &Axes,
    score_at: impl Fn(f64) -> f64,
    heights: &[Vec<Option<f64>>],
    scored: usize,
) -> [Marks; 4] {
    let mut marks: [Marks; 4] = Default::default();
    let step = scored.div_ceil(MOST).max(1);
    for (row, trial) in overview.trials[..scored].iter().enumerate() {
        if row >= MOST / 2 && row % step != 0 {
            continue;
        }
        let Some((value, _)) = trial.score else { continue };
        let mut points = vec![(axes.left(0), score_at(value))];
        let at =
            |(axis, heights): (usize, &Vec<Option<f64>>)| (axes.left(axis), heights[row].unwrap_or(ABSENT));
        points.extend((1..).zip(heights).map(at));
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

/// The axes, and the labels of their ticks, which lie on top of the lines.
struct Axes {
    chart: Chart,
    labels: Vec<(f64, f64, String)>,
    /// From one axis to the next.
    space: f64,
}

impl Axes {
    /// Where an axis stands.
    fn left(&self, axis: usize) -> f64 {
        66.0 + self.space * axis as f64
    }

    fn add(&mut self, axis: usize, name: &str) {
        let x = self.left(axis);
        self.chart.line("var(--line)", (x, TOP), (x, BOTTOM), None);
        self.chart.brush(x);
        // every second name is higher where they are close
        let y = if self.space < 150.0 && axis % 2 == 1 { TOP - 34.0 } else { TOP - 14.0 };
        let room = self.space * if self.space < 150.0 { 1.9 } else { 0.95 };
        let text = short(name, room / 7.1);
        // not beyond the picture's left edge
        let x = x.max(text_width(&text) / 2.0 + 2.0);
        self.chart.text((x, y), &text, TextAnchor::Middle, None);
    }

    /// Labels an axis with values, at the right of it.
    fn label(&mut self, axis: usize, scale: &Axis, at: impl Fn(f64) -> f64) {
        let x = self.left(axis);
        for tick in scale.ticks(if matches!(scale.scale, Scale::Options(_)) { 16 } else { 5 }) {
            let text = short(&tick.text, (self.space - 20.0) / 7.1);
            let y = at(tick.at);
            self.chart.line("var(--line)", (x - 3.0, y), (x + 3.0, y), None);
            self.labels.push((x + 7.0, y, text));
        }
    }

    /// Adds the axis of a hyperparameter. Returns the height of each trial on it.
    fn add_column(&mut self, axis: usize, column: &Column) -> Vec<Option<f64>> {
        let scale = Axis::new(&column.name, column.range().unwrap_or_default(), column.scale.clone());
        let scale = scale.of_whole(column.is_whole);
        self.add(axis, &scale.short_title());
        self.label(axis, &scale, |value| height(scale.place(value)));
        // options are counted from 1 on an axis
        let first = if matches!(column.scale, Scale::Options(_)) { 1.0 } else { 0.0 };
        column.values.iter().map(|value| value.map(|value| height(scale.place(value + first)))).collect()
    }

    /// Draws the labels.
    fn labelled(mut self) -> Chart {
        for (x, y, text) in self.labels {
            self.chart.bar("var(--halo)", (x - 2.0, y - 8.0), (x + text_width(&text) + 1.0, y + 8.0));
            self.chart.text((x, y + 4.5), &text, TextAnchor::Start, None);
        }
        self.chart
    }
}
