//! Samples: what users make inputs and targets of, alone and as the batches of generators.

use crate::error::{BoxError, Error, Result};

/// Samples, one after the other, each a flat row of numbers.
#[derive(Debug, Clone)]
pub struct Inputs(pub(super) Vec<f32>);

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
    /// A class for each sample, counted from 0. Made of slices and vectors of integers or `bool`.
    Classes(Vec<usize>),
    /// `width` numbers for each sample, one sample after the other. Made of slices and vectors of `f32`, with
    /// one number a sample.
    Values {
        /// The numbers.
        values: Vec<f32>,
        /// The number of them for each sample.
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
                    Targets::Classes(classes.iter().map(|&class| usize::try_from(class).unwrap_or(NEGATIVE)).collect())
                }
            }
        )*
    };
}

classes!(u8 u16 u32 u64 usize i8 i16 i32 i64 bool);

/// Stands for classes below 0, which no model has.
pub(super) const NEGATIVE: usize = usize::MAX;

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
    /// Creates targets of `width` numbers for each sample, one sample after the other.
    pub fn rows(values: impl Into<Vec<f32>>, width: usize) -> Targets {
        Targets::Values { values: values.into(), width }
    }

    /// How many samples there are targets for, if they can be shared out.
    pub(super) fn count(&self) -> usize {
        match self {
            Targets::Classes(classes) => classes.len(),
            Targets::Values { values, width } => values.len().checked_div(*width).unwrap_or(0),
        }
    }

    /// How many samples there are targets for.
    ///
    /// # Errors
    /// Numbers that cannot be shared out, or that are not finite.
    pub(super) fn check(&self, name: &str) -> Result<usize> {
        match self {
            Targets::Classes(classes) => Ok(classes.len()),
            Targets::Values { values, width } => {
                if *width == 0 || !values.len().is_multiple_of(*width) {
                    return Err(Error::data(format!(
                        "the {name} targets are {} numbers, which cannot be shared out as {width} for each sample",
                        values.len()
                    )));
                }
                if let Some(position) = values.iter().position(|value| !value.is_finite()) {
                    return Err(Error::data(format!(
                        "the {name} targets have {} at sample {}",
                        values[position],
                        position / width
                    )));
                }
                Ok(values.len() / width)
            }
        }
    }
}

/// A batch that a generator yields: samples and their targets.
#[derive(Debug, Clone)]
pub struct Samples {
    pub(super) inputs: Inputs,
    pub(super) targets: Targets,
    pub(super) weights: Vec<f32>,
}

impl Samples {
    /// Samples one after the other, each flat, and their targets.
    pub fn new(inputs: impl Into<Inputs>, targets: impl Into<Targets>) -> Samples {
        Samples { inputs: inputs.into(), targets: targets.into(), weights: Vec::new() }
    }

    /// How much each sample counts in the loss. They cannot be 0 for all samples of an epoch.
    pub fn weights(mut self, weights: impl Into<Vec<f32>>) -> Samples {
        self.weights = weights.into();
        self
    }
}

/// What generators may yield: [`Samples`], a pair of inputs and targets, or a `Result` with either.
pub trait IntoSamples {
    /// The samples, or why there are none.
    ///
    /// # Errors
    /// Whatever the generator failed with.
    fn into_samples(self) -> Result<Samples, BoxError>;
}

impl IntoSamples for Samples {
    fn into_samples(self) -> Result<Samples, BoxError> {
        Ok(self)
    }
}

impl<I: Into<Inputs>, T: Into<Targets>> IntoSamples for (I, T) {
    fn into_samples(self) -> Result<Samples, BoxError> {
        Ok(Samples::new(self.0, self.1))
    }
}

impl<S: IntoSamples, E: Into<BoxError>> IntoSamples for Result<S, E> {
    fn into_samples(self) -> Result<Samples, BoxError> {
        self.map_err(Into::into)?.into_samples()
    }
}
