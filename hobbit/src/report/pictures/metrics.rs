//! The pictures of what a trial measured, epoch by epoch.

use super::{LEVELS, SMALL};
use crate::report::axis::Axis;
use crate::report::chart::{Chart, Picture};
use crate::report::columns::{Scale, range};
use crate::repository::TrialOverview;

/// Another set of data's metric has this before the name.
const VALIDATED: &str = "val_";

/// A picture for each metric, with that of training and of validation together.
pub(in crate::report) fn metrics(trial: &TrialOverview) -> Vec<Picture> {
    let names = crate::observe::metric_names(trial.stages.iter());
    let plain = |name: &&str| !(name.starts_with(VALIDATED) && names.contains(&&name[VALIDATED.len()..]));
    let own = names.iter().copied().filter(plain);
    own.enumerate().filter_map(|(number, name)| metric(trial, number, name, &names)).collect()
}

fn metric(trial: &TrialOverview, number: usize, name: &str, names: &[&str]) -> Option<Picture> {
    let validated = format!("{VALIDATED}{name}");
    let mut lines = vec![(name, points(trial, name))];
    if names.contains(&validated.as_str()) {
        lines.push((&validated, points(trial, &validated)));
    }
    let values = lines
        .iter()
        .flat_map(|(_, points)| points)
        .map(|(_, value)| *value)
        .filter(|value| value.is_finite());
    let ends = range(values)?;
    let scale = if ends.0 > 0.0 && ends.1 > 50.0 * ends.0 { Scale::Log } else { Scale::Linear };
    let y = Axis::new(name, ends, scale);
    let last = trial.stages.last()?.to.max(1);
    let x = Axis::new("epochs", (0.0, last as f64), Scale::Linear).of_whole(true);
    let mut chart = Chart::new("", SMALL, &x, &y);
    let (_, top, _, bottom) = chart.edges();
    for stage in &trial.stages {
        let (x, _) = chart.at(stage.reached() as f64, 0.0);
        chart.line("var(--line)", (x, top), (x, bottom), Some("2 3"));
    }
    let is_alone = lines.len() == 1;
    for ((name, points), colour) in lines.iter().zip([LEVELS[1], LEVELS[3]]) {
        let colour = if is_alone { LEVELS[2] } else { colour };
        // what is not a number is a gap
        for part in points.split(|(_, value)| value.is_nan()).filter(|part| !part.is_empty()) {
            let mut part: Vec<_> =
                part.iter().map(|(epoch, value)| chart.at(*epoch as f64, *value)).collect();
            if let [(x, y)] = part[..] {
                part = vec![(x - 2.0, y), (x + 2.0, y)];
            }
            chart.lines(colour, 2.0, &part, None);
        }
        chart.legend(colour, name);
    }
    Some(chart.done(format!("metric-{number:02}.svg"), format!("{name} over {last} epochs")))
}

/// A metric after each epoch, counted from 1.
fn points(trial: &TrialOverview, name: &str) -> Vec<(u64, f64)> {
    let stages = trial.stages.iter().filter_map(|stage| Some((stage.from, stage.history.column(name)?)));
    stages.flat_map(|(from, values)| (from + 1..).zip(values)).collect()
}
