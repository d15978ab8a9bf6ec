//! The picture of how much each hyperparameter matters.

use super::{BEST, LEVELS};
use crate::observe::text::percent;
use crate::report::axis::Axis;
use crate::report::chart::{Chart, Picture};
use crate::report::columns::{Column, Scale};
use crate::report::importance::Importance;

/// The importance of the hyperparameters, as bars.
pub(in crate::report) fn importance(columns: &[Column], importance: &Importance) -> Picture {
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
    chart.line(BEST, (chance, top), (chance, bottom), Some("5 3"));
    chart.legend(LEVELS[2], "tells something");
    chart.legend(LEVELS[0], "no more than chance");
    chart.legend(BEST, "the most by chance");
    let listed: Vec<String> =
        shares.iter().take(5).map(|(name, share)| format!("{name} {}", percent(*share))).collect();
    chart.done("importance.svg", format!("Importance of the hyperparameters: {}", listed.join(", ")))
}
