//! Data sets in memory, checked when they are made.

use std::sync::Arc;

use super::loss::Loss;
use crate::error::{Error, Result};
use crate::random::Key;

/// Samples, one after the other, each a flat row of numbers.
#[derive(Debug, Clone)]
pub struct Inputs(Vec<f32>);

impl From<Vec<f32>> for Inputs {
    fn from(values: Vec<f32>) -> Inputs {
        Inputs(values)
    }
}

impl From<&[f32]> for Inputs {
    fn from(values: &[f32]) -> Inputs {
        Inputs(values.to_vec())
    }
}

impl From<&Vec<f32>> for Inputs {
    fn from(values: &Vec<f32>) -> Inputs {
        Inputs(values.clone())
    }
}

/// What belongs to each sample: a class, or numbers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Targets {
    /// A class for each sample, counted from 0. Made of slices and vectors of `u8`, `u32`, `usize` or `bool`.
    Classes(Vec<usize>),
    /// So many numbers for each sample, one sample after the other. Made of slices and vectors of `f32`, with one number a sample.
    Values {
        /// The numbers.
        values: Vec<f32>,
        /// How many there are for each sample.
        width: usize,
    },
}

macro_rules! classes {
    ($($ty:ty)*) => {
        $(
            impl From<Vec<$ty>> for Targets {
                fn from(classes: Vec<$ty>) -> Targets {
                    Targets::from(classes.as_slice())
                }
            }

            impl From<&Vec<$ty>> for Targets {
                fn from(classes: &Vec<$ty>) -> Targets {
                    Targets::from(classes.as_slice())
                }
            }

            impl From<&[$ty]> for Targets {
                fn from(classes: &[$ty]) -> Targets {
                    Targets::Classes(classes.iter().map(|&class| class as usize).collect())
                }
            }
        )*
    };
}

classes!(u8 u32 usize bool);

impl From<Vec<f32>> for Targets {
    fn from(values: Vec<f32>) -> Targets {
        Targets::Values { values, width: 1 }
    }
}

impl From<&Vec<f32>> for Targets {
    fn from(values: &Vec<f32>) -> Targets {
        Targets::from(values.clone())
    }
}

impl From<&[f32]> for Targets {
    fn from(values: &[f32]) -> Targets {
        Targets::from(values.to_vec())
    }
}

impl Targets {
    fn samples(&self) -> usize {
        match self {
            Targets::Classes(classes) => classes.len(),
            Targets::Values { values, width } => values.len() / (*width).max(1),
        }
    }
}

/// Samples for training and for validation.
///
/// ```
/// use hobbit::train::Dataset;
///
/// let x_train = vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]; // four samples of two numbers
/// let y_train = vec![0u8, 1, 1, 0]; // their classes
/// let dataset = Dataset::new((&x_train, &y_train), (&x_train, &y_train))?;
/// assert_eq!(dataset.training_samples(), 4);
/// # Ok::<(), hobbit::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Dataset {
    pub(super) training: Arc<Part>,
    pub(super) validation: Arc<Part>,
}

/// One part of a data set.
#[derive(Debug)]
pub(super) struct Part {
    name: &'static str,
    inputs: Vec<f32>,
    targets: Targets,
    samples: usize,
    /// The numbers of a sample.
    width: usize,
}

impl Dataset {
    /// Samples and their targets, for training and for validation.
    ///
    /// How many samples there are is how many targets there are; the inputs' numbers are shared out equally among them. Whether
    /// they fit a model is checked when a sweep begins.
    ///
    /// # Errors
    /// A part without samples, inputs that cannot be shared out, parts whose samples differ in length, or numbers that are not
    /// finite: with both sizes or the place.
    pub fn new(
        training: (impl Into<Inputs>, impl Into<Targets>),
        validation: (impl Into<Inputs>, impl Into<Targets>),
    ) -> Result<Dataset> {
        let training = Part::new("training", training.0.into(), training.1.into())?;
        let validation = Part::new("validation", validation.0.into(), validation.1.into())?;
        if training.width != validation.width {
            return Err(Error::data(format!(
                "a training sample has {} numbers, but a validation sample has {}",
                training.width, validation.width
            )));
        }
        Ok(Dataset { training: Arc::new(training), validation: Arc::new(validation) })
    }

    /// The number of samples for training.
    pub fn training_samples(&self) -> usize {
        self.training.samples
    }

    /// The number of samples for validation.
    pub fn validation_samples(&self) -> usize {
        self.validation.samples
    }

    /// Whether the data fit a model that takes samples of `width` numbers and has so many outputs.
    pub(super) fn check(&self, shape: &[usize], outputs: usize, loss: Loss) -> Result<()> {
        let width: usize = shape.iter().product();
        if width != self.training.width {
            return Err(Error::data(format!(
                "the model takes samples of shape {shape:?}, which is {width} numbers, but a sample of the data has {}",
                self.training.width
            )));
        }
        self.training.check(outputs, loss)?;
        self.validation.check(outputs, loss)
    }

    /// A short text that is another for other data.
    pub(super) fn fingerprint(&self) -> String {
        let mut hasher = crc32fast::Hasher::new();
        for part in [&self.training, &self.validation] {
            part.inputs.iter().for_each(|value| hasher.update(&value.to_le_bytes()));
            match &part.targets {
                Targets::Classes(classes) => {
                    classes.iter().for_each(|&class| hasher.update(&(class as u64).to_le_bytes()))
                }
                Targets::Values { values, .. } => {
                    values.iter().for_each(|value| hasher.update(&value.to_le_bytes()))
                }
            }
        }
        let (training, validation) = (self.training.samples, self.validation.samples);
        format!(
            "{training} + {validation} samples of {} numbers, {:08x}",
            self.training.width,
            hasher.finalize()
        )
    }
}

impl Part {
    pub(super) fn new(name: &'static str, Inputs(inputs): Inputs, targets: Targets) -> Result<Part> {
        if let Targets::Values { values, width } = &targets
            && (*width == 0 || !values.len().is_multiple_of(*width))
        {
            return Err(Error::data(format!(
                "the {name} targets are {} numbers, which cannot be shared out as {width} for each sample",
                values.len()
            )));
        }
        let samples = targets.samples();
        if samples == 0 {
            return Err(Error::data(format!("there are no {name} samples")));
        }
        if inputs.is_empty() || !inputs.len().is_multiple_of(samples) {
            return Err(Error::data(format!(
                "the {name} inputs are {} numbers, which cannot be shared out equally among {samples} targets",
                inputs.len()
            )));
        }
        let width = inputs.len() / samples;
        if let Some(position) = inputs.iter().position(|value| !value.is_finite()) {
            return Err(Error::data(format!(
                "the {name} inputs have {} at place {} of sample {}",
                inputs[position],
                position % width,
                position / width
            )));
        }
        if let Targets::Values { values, width } = &targets
            && let Some(position) = values.iter().position(|value| !value.is_finite())
        {
            let sample = position / width;
            return Err(Error::data(format!(
                "the {name} targets have {} at sample {sample}",
                values[position]
            )));
        }
        Ok(Part { name, inputs, targets, samples, width })
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Whether the targets fit so many outputs.
    pub(super) fn check(&self, outputs: usize, loss: Loss) -> Result<()> {
        let name = self.name;
        match (&self.targets, loss) {
            (Targets::Classes(classes), Loss::CrossEntropy) => too_large(name, classes, outputs),
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
            (Targets::Values { width: 1, .. }, Loss::CrossEntropy) if outputs != 1 => {
                Err(Error::data(format!(
                    "cross-entropy needs classes, but the {name} targets are numbers: give them as `u8`, `u32` or `usize`"
                )))
            }
            (Targets::Values { width, .. }, _) if *width != outputs => Err(Error::data(format!(
                "the {name} targets have {width} numbers for each sample, but the model has {outputs} outputs"
            ))),
            (Targets::Values { .. }, _) => Ok(()),
        }
    }

    /// The inputs of these samples.
    pub(super) fn inputs(&self, samples: &[u32]) -> Vec<f32> {
        let mut values = Vec::with_capacity(samples.len() * self.width);
        for &sample in samples {
            let start = sample as usize * self.width;
            values.extend_from_slice(&self.inputs[start..start + self.width]);
        }
        values
    }

    /// The targets of these samples, as numbers for so many outputs: classes one-hot, or as 0 and 1 for a single output.
    pub(super) fn targets(&self, samples: &[u32], outputs: usize) -> Vec<f32> {
        match &self.targets {
            Targets::Classes(classes) if outputs == 1 => {
                samples.iter().map(|&sample| classes[sample as usize] as f32).collect()
            }
            Targets::Classes(classes) => {
                let mut values = vec![0.0; samples.len() * outputs];
                for (row, &sample) in samples.iter().enumerate() {
                    values[row * outputs + classes[sample as usize]] = 1.0;
                }
                values
            }
            Targets::Values { values, width } => {
                let row = |&sample: &u32| &values[sample as usize * width..(sample as usize + 1) * width];
                samples.iter().flat_map(row).copied().collect()
            }
        }
    }

    /// The order of the samples, shuffled by the key.
    pub(super) fn shuffled(&self, key: Key) -> Vec<u32> {
        let mut order = self.in_order();
        key.rng().shuffle(&mut order);
        order
    }

    /// The order of the samples as they were given.
    pub(super) fn in_order(&self) -> Vec<u32> {
        (0..self.samples as u32).collect()
    }
}

fn too_large(name: &str, classes: &[usize], outputs: usize) -> Result<()> {
    match classes.iter().position(|&class| class >= outputs) {
        None => Ok(()),
        Some(sample) => Err(Error::data(format!(
            "{name} sample {sample} has class {}, but the model knows {outputs} classes, counted from 0",
            classes[sample]
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(result: Result<Dataset>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn data_that_do_not_fit_are_errors_with_both_sizes() {
        let good = (vec![0.0f32; 8], vec![0u8, 1]);
        let text = message(Dataset::new((vec![0.0f32; 9], vec![0u8, 1]), good.clone()));
        assert!(text.contains("training") && text.contains('9') && text.contains("2 targets"), "{text}");
        let text = message(Dataset::new(good.clone(), (vec![0.0f32; 6], vec![0u8, 1])));
        assert!(text.contains("4 numbers") && text.contains("has 3"), "{text}");
        assert!(
            message(Dataset::new(good.clone(), (Vec::<f32>::new(), Vec::<u8>::new()))).contains("validation")
        );
        let text = message(Dataset::new((vec![0.0, f32::NAN, 1.0, 1.0], vec![0u8, 1]), good.clone()));
        assert!(text.contains("NaN at place 1 of sample 0"), "{text}");
        let text = message(Dataset::new((vec![0.0f32; 8], vec![0.0, f32::INFINITY]), good));
        assert!(text.contains("inf at sample 1"), "{text}");
    }

    #[test]
    fn data_that_do_not_fit_the_model_are_errors() {
        let classes = Dataset::new((vec![0.0f32; 8], vec![0u8, 2]), (vec![0.0f32; 4], vec![1u8])).unwrap();
        let check = |data: &Dataset, shape: &[usize], outputs, loss| {
            data.check(shape, outputs, loss).unwrap_err().to_string()
        };
        let text = check(&classes, &[5], 3, Loss::CrossEntropy);
        assert!(text.contains("[5]") && text.contains('4'), "{text}");
        let text = check(&classes, &[4], 2, Loss::CrossEntropy);
        assert!(text.contains("training sample 1 has class 2") && text.contains("2 classes"), "{text}");
        assert!(check(&classes, &[2, 2], 1, Loss::MeanSquaredError).contains("classes"));
        classes.check(&[2, 2], 3, Loss::CrossEntropy).unwrap();
        let values =
            Dataset::new((vec![0.0f32; 8], vec![0.5f32, 2.0]), (vec![0.0f32; 4], vec![1.0f32])).unwrap();
        assert!(check(&values, &[4], 3, Loss::MeanSquaredError).contains("3 outputs"));
        assert!(check(&values, &[4], 3, Loss::CrossEntropy).contains("needs classes"));
        values.check(&[4], 1, Loss::Huber(1.0)).unwrap();
    }
}
