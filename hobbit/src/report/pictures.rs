//! The pictures of a report: what is drawn, where, and in which colour.

use std::collections::BTreeSet;

use kuva::render::render::TextAnchor;

use super::chart::{Axis, Chart, Picture, short, text_width};
use super::columns::{Column, Scale, range};
use super::importance::Importance;
use super::timeline::Session;
use crate::observe::text::{percent, plain_number, seconds};
use crate::repository::{End, Overview, StageRecord, TrialOverview};
use crate::trial::Direction;

const LEVELS: [&str; 4] = ["var(--level0)", "var(--level1)", "var(--level2)", "var(--level3)"];
const BEST: &str = "var(--best)";
const BAD: &str = "var(--bad)";
const SMALL: (f64, f64) = (440.0, 300.0);
/// A learning curve is drawn through no more than about so many points.
const POINTS: usize = 150;

/// For each mark, the trial's place in the list and the mark's points.
type Marks = Vec<(usize, Vec<(f64, f64)>)>;

/// The learning curves of a bracket, of all repetitions; none if it has no metrics yet.
pub(super) fn curves(overview: &Overview, bracket: u32) -> Option<Picture> {
    let monitor = &overview.study.monitor;
    let curve = |trial: &TrialOverview| -> Vec<(u64, f64)> {
        let stages =
            trial.stages.iter().filter_map(|stage| Some((stage.from, stage.history.column(monitor)?)));
        stages.flat_map(|(from, values)| (from + 1..).zip(values)).collect()
    };
    let all: Vec<f64> = overview.trials.iter().flat_map(curve).map(|(_, value)| value).collect();
    let y = score_axis(overview, &all)?;
    let trials = || overview.trials.iter().enumerate().filter(|(_, trial)| trial.id.bracket == bracket);
    let planned = &overview.outline.brackets().get(bracket as usize - 1)?.stages;
    let stages = trials().map(|(_, trial)| trial.stages.len()).max()?;
    let ends: BTreeSet<u64> = planned.iter().take(stages).map(|stage| stage.trained).collect();
    let (first, last) = (*ends.first()?, *ends.last()?);
    let scale = if last >= 10 * first.max(1) { Scale::Log } else { Scale::Linear };
    let low = if scale == Scale::Log { 1.0 } else { 0.0 };
    let x = Axis::new("epochs", (low, last as f64), scale);
    let mut chart = Chart::new(&format!("Bracket {bracket}"), SMALL, &x, &y);

    let (_, top, _, bottom) = chart.edges();
    for end in &ends {
        let (x, _) = chart.at(*end as f64, y.low);
        chart.line("var(--line)", (x, top), (x, bottom), Some("2 3"));
    }
    let stages = ends.len();
    let mut lines: [Marks; 6] = Default::default();
    let mut dots: [Marks; 6] = Default::default();
    for (row, trial) in trials().collect::<Vec<_>>().into_iter().rev() {
        let points = curve(trial);
        let reached = trial.stages.len().saturating_sub(1);
        let colour = match trial.stages.last() {
            Some(stage) if stage.end != End::Trained => 5,
            _ if row == 0 => 4,
            _ if stages == 1 => 3,
            _ => (reached * 3).div_ceil(stages - 1).min(3),
        };
        let step = points.len().div_ceil(POINTS);
        let promoted = |epoch: u64| {
            let is_end = |stage: &StageRecord| stage.reached() == epoch && stage.end == End::Trained;
            let after = trial.stages.iter().position(is_end);
            after.is_some_and(|stage| stage < reached || trial.running.is_some())
        };
        let mut line = Vec::new();
        for (i, &(epoch, value)) in points.iter().enumerate() {
            if value.is_nan() {
                // a gap: what comes after it is a line of its own
                lines[colour].push((row, std::mem::take(&mut line)));
                continue;
            }
            let at = chart.at(epoch as f64, value);
            let is_promoted = promoted(epoch);
            if i < 20 || i % step == 0 || ends.contains(&epoch) || is_promoted || i + 1 == points.len() {
                line.push(at);
            }
            if is_promoted || points.len() == 1 {
                dots[colour].push((row, vec![at]));
            }
        }
        lines[colour].push((row, line));
    }
    for colour in [5, 0, 1, 2, 3, 4] {
        let paint = LEVELS.iter().chain(&[BEST, BAD]).nth(colour).copied().unwrap_or(BEST);
        lines[colour].retain(|(_, line)| line.len() > 1);
        chart.marks(paint, if colour == 4 { 2.5 } else { 1.2 }, &lines[colour]);
        chart.marks(paint, 5.0, &dots[colour]);
    }
    let shown = [
        (4, BEST, "the best trial"),
        (0, LEVELS[0], "dropped first"),
        (3, LEVELS[3], "trained longest"),
        (5, BAD, "failed"),
    ];
    for (colour, paint, text) in shown {
        if !lines[colour].is_empty() || !dots[colour].is_empty() {
            chart.legend(paint, text);
        }
    }
    let description = format!(
        "Learning curves of bracket {bracket}: {monitor} of {} trials over up to {last} epochs; dots are promotions",
        trials().count()
    );
    Some(chart.done(format!("curves-bracket-{bracket}.svg"), description))
}

/// The score against one hyperparameter.
pub(super) fn parameter(overview: &Overview, number: usize, column: &Column) -> Option<Picture> {
    let scores: Vec<f64> = scores(overview).collect();
    let y = score_axis(overview, &scores)?;
    let x = Axis::new(&column.name, column.range()?, column.scale.clone());
    let mut chart = Chart::new("", SMALL, &x, &y);
    let levels = Levels::new(overview);
    let worst = match overview.study.direction {
        Direction::Minimize => f64::INFINITY,
        Direction::Maximize => f64::NEG_INFINITY,
    };
    let mut dots: [Marks; 5] = Default::default();
    for (row, trial) in overview.trials.iter().enumerate() {
        let Some(mut x) = column.values[row] else { continue };
        if let Scale::Options(_) = column.scale {
            // side by side instead of on top of each other; the golden ratio spreads any number of them evenly
            x += 1.0 + 0.6 * ((row as f64 * 0.618_033_988_749_895).fract() - 0.5);
        }
        match trial.score {
            Some((score, _)) => dots[levels.of(trial)].push((row, vec![chart.at(x, score)])),
            None if has_failed(trial) => dots[4].push((row, vec![chart.at(x, worst)])),
            None => {}
        }
    }
    for (marks, paint) in dots.iter().zip(LEVELS.iter().chain(&[BAD])) {
        chart.marks(paint, 5.0, marks);
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

/// All trials that have a score, each as a line through all hyperparameters.
pub(super) fn parallel(overview: &Overview, columns: &[&Column]) -> Option<Picture> {
    const SPACE: f64 = 104.0;
    const TOP: f64 = 120.0;
    const BOTTOM: f64 = 400.0;
    const ABSENT: f64 = 436.0;
    let scores: Vec<f64> = scores(overview).collect();
    if scores.len() < 2 || columns.is_empty() {
        return None;
    }
    let score = score_axis(overview, &scores)?;
    let width = 150.0 + SPACE * columns.len() as f64;
    let mut chart = Chart::bare(width, ABSENT + 24.0);
    let left = |axis: usize| 60.0 + SPACE * axis as f64;
    // ends of the axes and options; on top of the lines
    let mut labels = Vec::new();
    let mut axis = |axis: usize, name: &str, ends: [&str; 2]| {
        let x = left(axis);
        chart.line("var(--line)", (x, TOP), (x, BOTTOM), None);
        chart.text((x - 4.0, TOP - 24.0), &short(name, 26.0), TextAnchor::Start, Some(-24.0));
        labels.extend([(x, BOTTOM + 16.0, ends[0].to_owned()), (x, TOP - 8.0, ends[1].to_owned())]);
    };
    let minimize = overview.study.direction == Direction::Minimize;
    let ends = if minimize { [score.high, score.low] } else { [score.low, score.high] };
    axis(0, &overview.study.monitor, [&plain_number(ends[0]), &plain_number(ends[1])]);
    let position = |value: f64, low: f64, high: f64, log: bool| {
        let part = if log { (value / low).ln() / (high / low).ln() } else { (value - low) / (high - low) };
        BOTTOM - (BOTTOM - TOP) * if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.5 }
    };
    let mut places: Vec<Vec<Option<f64>>> = Vec::new();
    let mut absent = false;
    for (i, column) in columns.iter().enumerate() {
        let (low, high) = column.range().unwrap_or_default();
        let at: Box<dyn Fn(f64) -> f64> = match &column.scale {
            Scale::Options(options) => {
                axis(i + 1, &column.name, ["", ""]);
                let last = options.len() as f64 - 1.0;
                Box::new(move |value| position(value, 0.0, last, false))
            }
            scale => {
                axis(i + 1, &column.name, [&plain_number(low), &plain_number(high)]);
                let log = *scale == Scale::Log;
                Box::new(move |value| position(value, low, high, log))
            }
        };
        places.push(column.values.iter().map(|value| value.map(&at)).collect());
    }
    let scored = overview.trials.iter().take_while(|trial| trial.score.is_some()).count();
    let mut marks: [Marks; 4] = Default::default();
    for (row, trial) in overview.trials[..scored].iter().enumerate() {
        let Some((value, _)) = trial.score else { continue };
        let log = score.scale == Scale::Log;
        let height = position(value, score.low, score.high, log);
        let mut points = vec![(left(0), if minimize { TOP + BOTTOM - height } else { height })];
        for (i, places) in places.iter().enumerate() {
            absent |= places[row].is_none();
            points.push((left(i + 1), places[row].unwrap_or(ABSENT)));
        }
        let group = if row == 0 {
            3
        } else if row * 10 < scored {
            2
        } else if row * 2 < scored {
            1
        } else {
            0
        };
        marks[group].push((row, points));
    }
    // many lines are drawn thinner, to see between them
    let thin = (100.0 / scored as f64).clamp(0.3, 1.0);
    let looks = [(LEVELS[0], thin), (LEVELS[1], thin), (LEVELS[3], 1.5 * thin.sqrt()), (BEST, 2.6)];
    for (marks, (paint, width)) in marks.iter().zip(looks) {
        chart.marks(paint, width, marks);
    }
    for (i, column) in columns.iter().enumerate() {
        if let Scale::Options(options) = &column.scale {
            let last = options.len() as f64 - 1.0;
            for (place, option) in options.iter().enumerate().step_by(options.len().div_ceil(16)) {
                let text = short(option, 12.0);
                let x = left(i + 1) + 6.0 + text_width(&text) / 2.0;
                labels.push((x, position(place as f64, 0.0, last, false) + 4.5, text));
            }
        }
    }
    for (x, y, text) in labels {
        let half = text_width(&text) / 2.0 + 2.0;
        chart.bar("var(--halo)", (x - half, y - 12.0), (x + half, y + 3.5));
        chart.text((x, y), &text, TextAnchor::Middle, None);
    }
    if absent {
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

/// The importance of the hyperparameters, as bars.
pub(super) fn importance(columns: &[Column], importance: &Importance) -> Picture {
    let shares: Vec<(&str, f64)> =
        importance.shares.iter().map(|(column, share)| (columns[*column].name.as_str(), *share)).collect();
    let high = shares.iter().map(|(_, share)| *share).fold(importance.chance, f64::max);
    let x = Axis::new("share of the variance it explains alone", (0.0, high), Scale::Linear);
    let names = shares.iter().rev().map(|(name, _)| (*name).to_owned()).collect();
    let y = Axis::new("", (0.0, 1.0), Scale::Options(names));
    let mut chart = Chart::new("", (640.0, 84.0 + 24.0 * shares.len() as f64), &x, &y);
    for (place, (_, share)) in shares.iter().rev().enumerate() {
        let (left, _) = chart.at(x.low, 0.0);
        let (right, middle) = chart.at(*share, place as f64 + 1.0);
        let paint = if *share > importance.chance { LEVELS[2] } else { LEVELS[0] };
        chart.bar(paint, (left, middle - 8.0), (right, middle + 8.0));
    }
    let (_, top, _, bottom) = chart.edges();
    let (chance, _) = chart.at(importance.chance, 0.0);
    chart.line(BAD, (chance, top), (chance, bottom), Some("5 3"));
    chart.legend(LEVELS[2], "tells something");
    chart.legend(LEVELS[0], "no more than chance");
    chart.legend(BAD, "the most by chance");
    let listed: Vec<String> =
        shares.iter().take(5).map(|(name, share)| format!("{name} {}", percent(*share))).collect();
    chart.done("importance.svg", format!("Importance of the hyperparameters: {}", listed.join(", ")))
}

/// What the workers did, process after process.
pub(super) fn timeline(overview: &Overview, sessions: &[Session]) -> Option<Picture> {
    let total: f64 = sessions.iter().map(|session| session.seconds).sum();
    let workers = sessions.iter().map(|session| session.workers).max()?;
    if !(total.is_finite() && total > 0.0) {
        return None;
    }
    let (unit, name) = match total {
        total if total > 2.0 * 86400.0 => (86400.0, "days"),
        total if total > 2.0 * 3600.0 => (3600.0, "hours"),
        total if total > 120.0 => (60.0, "minutes"),
        _ => (1.0, "seconds"),
    };
    let label = if sessions.len() > 1 {
        format!("{name} at work; pauses between processes (dashed) are left out")
    } else {
        format!("{name} since the beginning")
    };
    let x = Axis::new(&label, (0.0, total / unit), Scale::Linear);
    let rows = rows(sessions, workers);
    let names = rows.iter().rev().map(|worker| format!("worker {}", u64::from(*worker) + 1)).collect();
    let y = Axis::new("", (0.0, 1.0), Scale::Options(names));
    let mut chart = Chart::new("", (960.0, 84.0 + 26.0 * rows.len() as f64), &x, &y);
    let (_, top, _, bottom) = chart.edges();
    let stages = overview.outline.brackets()[0].stages.len() as u32 - 1;
    let stages = stages.max(1);
    let mut marks: [Marks; 5] = Default::default();
    let mut before = 0.0;
    for (number, session) in sessions.iter().enumerate() {
        if number > 0 {
            let (x, _) = chart.at(before / unit, 1.0);
            chart.line("var(--ink)", (x, top), (x, bottom), Some("3 3"));
        }
        for span in &session.spans {
            let Ok(row) = rows.binary_search(&span.worker) else { continue };
            let row = (rows.len() - row) as f64;
            let (from, y) = chart.at((before + span.from) / unit, row);
            let (to, _) = chart.at((before + span.to) / unit, row);
            let trial = &overview.trials[span.row];
            let last = trial.stages.last().is_some_and(|last| last.stage == span.stage);
            let level = if last && has_failed(trial) { 4 } else { (span.stage * 3).div_ceil(stages).min(3) };
            marks[level as usize].push((span.row, vec![(from, y), (to.max(from + 0.4), y)]));
        }
        before += session.seconds;
    }
    for (marks, paint) in marks.iter().zip(LEVELS.iter().chain(&[BAD])) {
        chart.marks(paint, 16.0, marks);
    }
    let texts = ["first stages", "", "", "last stages", "failed"];
    for ((text, paint), marks) in texts.into_iter().zip(LEVELS.iter().chain(&[BAD])).zip(&marks) {
        if !text.is_empty() && !marks.is_empty() {
            chart.legend(paint, text);
        }
    }
    Some(chart.done("timeline.svg", format!("What {workers} workers did over {}", seconds(total))))
}

/// The workers that have a row: all, or the first of those that trained something if there are too many to
/// look at.
fn rows(sessions: &[Session], workers: u32) -> Vec<u32> {
    const MOST: u32 = 256;
    if workers <= MOST {
        return (0..workers).collect();
    }
    let spans = sessions.iter().flat_map(|session| &session.spans);
    let used: BTreeSet<u32> = spans.map(|span| span.worker).collect();
    used.into_iter().take(MOST as usize).collect()
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

fn has_failed(trial: &TrialOverview) -> bool {
    trial.stages.last().is_some_and(|stage| stage.end != End::Trained)
}

fn scores(overview: &Overview) -> impl Iterator<Item = f64> {
    overview.trials.iter().filter_map(|trial| Some(trial.score?.0))
}

/// The axis of scores: logarithmic if they span decades, and without the few that are far worse than all others.
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

/// A file name for a hyperparameter: the number keeps apart names that differ in signs only.
fn file_name(number: usize, name: &str) -> String {
    let plain: String =
        name.chars().take(60).map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    format!("parameter-{number:02}-{plain}.svg")
}
