//! Which targets a loss allows. Others would give losses without a lower bound, by which trials would be
//! ranked all the same.

use std::sync::OnceLock;

use super::samples::{NEGATIVE, Targets};
use crate::error::{Error, Result};
use crate::train::loss::Loss;

/// How far from 1 the sum of a sample's probabilities may be: they may come from 16-bit floats.
const ROUNDING: f64 = 1e-3;

/// What was found when the numbers of targets were looked through, so that it is done once and not for each
/// trial.
#[derive(Debug, Default)]
pub(super) struct Judged {
    binary: OnceLock<Option<Fault>>,
    distributions: OnceLock<Option<Fault>>,
}

/// The first sample that has what is not allowed, and what that is.
#[derive(Debug, Clone, PartialEq)]
struct Fault {
    sample: usize,
    what: String,
}

impl Targets {
    /// Whether they fit so many outputs and the loss.
    ///
    /// # Errors
    /// They do not: with the first sample at fault, and what is allowed.
    pub(super) fn fits(&self, name: &str, outputs: usize, loss: Loss, judged: &Judged) -> Result<()> {
        match (self, loss) {
            (Targets::Classes(classes), loss) if loss.has_classes() => too_large(name, classes, outputs),
            (Targets::Classes(classes), Loss::BinaryCrossEntropy) if outputs == 1 => {
                too_large(name, classes, 2)
            }
            (Targets::Classes(_), Loss::BinaryCrossEntropy) => Err(Error::data(format!(
                "binary cross-entropy with classes needs 1 output, and the model has {outputs}; for several give the targets as numbers"
            ))),
            (Targets::Classes(_), _) => Err(Error::data(format!(
                "the {name} targets are classes, but {} needs numbers: give them as `f32`",
                loss.name()
            ))),
            (Targets::Values { width: 1, .. }, loss) if loss.has_classes() => Err(Error::data(format!(
                "{} needs classes, but the {name} targets are numbers: give them as `u8`, `u32` or `usize`",
                loss.name()
            ))),
            (Targets::Values { width, .. }, _) if *width != outputs => Err(Error::data(format!(
                "the {name} targets have {width} numbers for each sample, but the model has {outputs} outputs"
            ))),
            (Targets::Values { values, width }, Loss::BinaryCrossEntropy) => {
                let fault = judged.binary.get_or_init(|| no_probability(values, *width));
                fault.as_ref().map_or(Ok(()), |fault| Err(fault.error(name, loss)))
            }
            (Targets::Values { values, width }, Loss::CrossEntropy) => {
                let fault = judged.distributions.get_or_init(|| no_distribution(values, *width));
                fault.as_ref().map_or(Ok(()), |fault| Err(fault.error(name, loss)))
            }
            (Targets::Values { .. }, _) => Ok(()),
        }
    }
}

impl Fault {
    fn error(&self, name: &str, loss: Loss) -> Error {
        let allowed = match loss {
            Loss::BinaryCrossEntropy => {
                "numbers from 0 to 1, which are probabilities: make 0 and 1 of -1 and 1, or divide by the largest"
            }
            _ => {
                "a probability for each class, not negative and with a sum of 1: divide each sample's numbers by their \
                 sum, or give classes"
            }
        };
        let Fault { sample, what } = self;
        Error::data(format!(
            "the targets of {name} sample {sample} {what}, but {} needs {allowed}",
            loss.name()
        ))
    }
}

fn no_probability(values: &[f32], width: usize) -> Option<Fault> {
    let place = values.iter().position(|value| !(0.0..=1.0).contains(value))?;
    Some(Fault { sample: place / width, what: has(values, width, place) })
}

fn has(values: &[f32], width: usize, place: usize) -> String {
    let output = if width == 1 { String::new() } else { format!(" for output {}", place % width) };
    format!("have {}{output}", values[place])
}

fn no_distribution(values: &[f32], width: usize) -> Option<Fault> {
    values.chunks_exact(width).enumerate().find_map(|(sample, row)| {
        if let Some(output) = row.iter().position(|value| value.is_nan() || *value < 0.0) {
            return Some(Fault { sample, what: has(values, width, sample * width + output) });
        }
        let sum: f64 = row.iter().map(|&value| f64::from(value)).sum();
        ((sum - 1.0).abs() > ROUNDING).then(|| Fault { sample, what: format!("have a sum of {sum}") })
    })
}

fn too_large(name: &str, classes: &[usize], outputs: usize) -> Result<()> {
    match classes.iter().position(|&class| class >= outputs) {
        None => Ok(()),
        Some(sample) if classes[sample] == NEGATIVE => Err(Error::data(format!(
            "{name} sample {sample} has a negative class; classes are counted from 0"
        ))),
        Some(sample) => Err(Error::data(format!(
            "{name} sample {sample} has class {}, but the model knows {outputs} classes, counted from 0",
            classes[sample]
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::data::says;

    fn check(values: &[f32], width: usize, loss: Loss) -> std::result::Result<(), String> {
        let (targets, judged) = (Targets::rows(values, width), Judged::default());
        let once = targets.fits("training", width, loss, &judged).map_err(|error| error.to_string());
        let again = targets.fits("training", width, loss, &judged).map_err(|error| error.to_string());
        assert_eq!(once, again);
        once
    }

    #[test]
    fn binary_cross_entropy_takes_probabilities() {
        let binary = Loss::BinaryCrossEntropy;
        check(&[0.0, 1.0, 0.3, -0.0], 1, binary).unwrap();
        check(&[0.0, 1.0, 0.3, 1.0], 2, binary).unwrap();
        says(check(&[1.0, -1.0], 1, binary), &["training sample 1 have -1,", "from 0 to 1"]);
        says(check(&[0.0, 0.0, 0.0, 255.0], 2, binary), &["sample 1 have 255 for output 1"]);
        says(check(&[f32::NAN], 1, binary), &["NaN"]);
    }

    #[test]
    fn cross_entropy_takes_distributions() {
        let cross = Loss::CrossEntropy;
        check(&[0.0, 1.0, 0.25, 0.75], 2, cross).unwrap();
        check(&[0.333, 0.333, 0.334, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0], 3, cross).unwrap();
        says(check(&[1.0, 0.0, 2.0, -1.0], 2, cross), &["sample 1 have -1 for output 1", "sum of 1"]);
        says(check(&[0.0, 1.0, 0.0, 0.0], 2, cross), &["sample 1 have a sum of 0,"]);
        says(check(&[3.0, 1.0], 2, cross), &["sample 0 have a sum of 4"]);
        says(check(&[f32::NAN, 1.0], 2, cross), &["NaN"]);
    }

    #[test]
    fn other_losses_take_any_number() {
        for loss in [Loss::MeanSquaredError, Loss::MeanAbsoluteError, Loss::Huber(1.0)] {
            check(&[-1.0, 255.0], 1, loss).unwrap();
        }
    }
}
