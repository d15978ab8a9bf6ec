//! What rank correlations say about early stopping, in words.

use super::correlation::{Correlation, FEWEST};
use crate::schedule::Outline;

/// A row of the table: bracket, stages, pairs, correlation, and what it means.
pub(super) fn row(correlation: &Correlation) -> [String; 5] {
    let Correlation { bracket, stage, epochs: (before, after), pairs, rho, .. } = correlation;
    let text = match (rho, correlation.interval()) {
        (Some(rho), Some((low, high))) => format!("{rho:.2} ({low:.2} to {high:.2})"),
        (Some(rho), None) => format!("{rho:.2}"),
        (None, _) => "–".to_owned(),
    };
    let meaning = match rho {
        None if *pairs < FEWEST => "too few pairs to tell",
        None => "all scores are equal",
        Some(rho) if *rho >= 0.7 => "the order mostly held",
        Some(rho) if *rho >= 0.3 => "the order held in part",
        Some(rho) if *rho > -0.3 => "the earlier scores said little of the later ones",
        Some(_) => "the order was turned round",
    };
    [
        bracket.to_string(),
        format!("{} to {} (epoch {before} to {after})", stage + 1, stage + 2),
        pairs.to_string(),
        text,
        meaning.to_owned(),
    ]
}

/// One plain sentence: the mean of what is known, each by its number of pairs.
pub(super) fn sentence(correlations: &[Correlation], outline: &Outline) -> String {
    let known = || correlations.iter().filter_map(|known| Some((known.rho?, known.pairs as f64)));
    let pairs: f64 = known().map(|(_, pairs)| pairs).sum();
    if outline.brackets().iter().all(|bracket| bracket.stages.len() == 1) {
        return "Every trial is trained to its end: none is stopped early.".to_owned();
    }
    if pairs == 0.0 {
        return "There are too few promoted trials to tell whether early scores can be trusted here."
            .to_owned();
    }
    let mean = known().map(|(rho, pairs)| rho * pairs).sum::<f64>() / pairs;
    let meaning = match (mean, outline.brackets().len()) {
        (mean, _) if mean >= 0.7 => {
            "Early stopping is trustworthy here: who was ahead early was mostly ahead later, too"
        }
        (mean, _) if mean >= 0.3 => {
            "Early stopping is partly trustworthy here: early scores tell something, but some good trials may have been dropped"
        }
        (_, 2..) => {
            "Early stopping is not trustworthy here: early scores say little of later ones. Give the first stages more epochs (a \
             larger R, or fewer brackets by a larger eta), or look at the brackets that begin with more epochs"
        }
        _ => {
            "Early stopping is not trustworthy here: early scores say little of later ones. Try fewer trials that are cut short less: \
             first stages with more epochs, or Hyperband, which weighs both"
        }
    };
    let few = if pairs < 20.0 { " These are few pairs: take it with care." } else { "" };
    format!("{meaning} (mean rank correlation {mean:.2} over {pairs:.0} pairs).{few}")
}
