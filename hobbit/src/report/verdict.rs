//! What rank correlations say about dropping trials early, in words.

use super::correlation::{Correlation, FEWEST, interval};
use crate::schedule::Outline;

/// What an interval of correlations says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Mostly,
    InPart,
    Hardly,
    /// It is too wide.
    Unknown,
}

impl Holds {
    fn of((low, high): (f64, f64)) -> Holds {
        match (low, high) {
            (low, _) if low >= 0.5 => Holds::Mostly,
            (low, _) if low >= 0.1 => Holds::InPart,
            (_, high) if high < 0.4 => Holds::Hardly,
            _ => Holds::Unknown,
        }
    }
}

/// A row of the table: bracket, stages, pairs, correlation, and what it means.
pub(super) fn row(correlation: &Correlation) -> [String; 5] {
    let Correlation { bracket, stage, epochs: (before, after), pairs, rho, .. } = correlation;
    let text = match (rho, correlation.interval()) {
        (&Some(rho), Some((low, high))) => format!("{} ({} to {})", two(rho), two(low), two(high)),
        (&Some(rho), None) => two(rho),
        (None, _) => "–".to_owned(),
    };
    let meaning = match (rho, correlation.interval().map(Holds::of)) {
        (None, _) if *pairs < FEWEST => "too few pairs to tell",
        (None, _) => "all scores are equal",
        (_, Some(Holds::Mostly)) => "the order mostly held",
        (_, Some(Holds::InPart)) => "the order held in part",
        (_, Some(Holds::Hardly)) => "earlier scores said little of later ones",
        (_, Some(Holds::Unknown) | None) => "cannot be told from so few",
    };
    [
        bracket.to_string(),
        format!("{} to {} (epoch {before} to {after})", stage + 1, stage + 2),
        pairs.to_string(),
        text,
        meaning.to_owned(),
    ]
}

/// A correlation with two decimals; there is no zero below zero.
fn two(rho: f64) -> String {
    let text = format!("{rho:.2}");
    if text == "-0.00" { "0.00".to_owned() } else { text }
}

/// The answer, with how sure it is.
pub(super) fn sentence(correlations: &[Correlation], outline: &Outline) -> String {
    if outline.brackets().iter().all(|bracket| bracket.stages.len() == 1) {
        return "Every trial is trained to its end: none is dropped.".to_owned();
    }
    // each by what is free to vary, which is what its interval rests on
    let known = || correlations.iter().filter_map(|known| Some((known.rho?, known.free())));
    let free: f64 = known().map(|(_, free)| free).sum();
    let pairs: usize = correlations.iter().filter(|known| known.rho.is_some()).map(|known| known.pairs).sum();
    if free <= 0.0 {
        return "There are too few promoted trials to tell whether early scores can be trusted here."
            .to_owned();
    }
    let mean = known().map(|(rho, free)| rho * free).sum::<f64>() / free;
    let (low, high) = interval(mean, free);
    let meaning = match (Holds::of((low, high)), outline.brackets().len()) {
        (Holds::Mostly, _) => "Yes: who was ahead early was mostly ahead later, too",
        (Holds::InPart, _) => {
            "In part: early scores tell something, but some good trials may have been dropped"
        }
        (Holds::Hardly, 2..) => {
            "No: early scores say little of later ones. Give the first stages more epochs (a larger R, or fewer brackets by a larger \
             eta), or look at the brackets that begin with more epochs"
        }
        (Holds::Hardly, _) => {
            "No: early scores say little of later ones. Try fewer trials that are cut short less: first stages with more epochs, or \
             Hyperband, which weighs both"
        }
        (Holds::Unknown, _) => {
            "This study cannot tell: too few trials were promoted to know whether dropping the others was right"
        }
    };
    format!(
        "{meaning}. The mean rank correlation is {mean:.2} over {pairs} pairs; with 95 % confidence it lies between {low:.2} and {high:.2}."
    )
}
