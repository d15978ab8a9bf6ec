//! Normalization by statistics of the training samples, as data.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::describe::{Describe, Over, flat_or_image};
use crate::train::parameter::{ParameterSpec, Role};

/// Brings every number of a sample to a mean of 0 and a standard deviation of 1 over the training samples:
/// [`Layer::Normalize`](super::Layer::Normalize).
///
/// It is fitted when a trial begins, to the training part of the data alone, and so with folds to that of
/// each fold; the statistics are kept in the weights, like those of Keras' `Normalization` layer after
/// `adapt`. So the model takes raw numbers, in training and wherever it is [loaded](crate::train::load).
/// Images (`[channels, height, width]`) have statistics for each channel, flat samples for each number. What
/// is the same in all samples becomes 0.
///
/// It has to be the first layer, and needs a [`Dataset`](crate::train::Dataset) in memory.
///
/// ```
/// use hobbit::train::{Activation, Adam, Loss, Normalize, Sequential};
///
/// let network = Sequential::new([4]).normalize().dense(8).activation(Activation::Relu).dense(1);
/// # let same = Sequential::new([4]).layer(Normalize::new());
/// # assert_eq!(network, same.dense(8).activation(Activation::Relu).dense(1));
/// network.compile(Adam::new(1e-3), Loss::MeanSquaredError).check()?;
/// # Ok::<(), hobbit::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Normalize {}

impl Normalize {
    /// Creates a normalization to a mean of 0 and a standard deviation of 1.
    pub fn new() -> Normalize {
        Normalize {}
    }
}

impl Describe for Normalize {
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        flat_or_image(input)
    }

    fn parameters(&self, input: &[usize], _: bool) -> Vec<ParameterSpec> {
        vec![
            ParameterSpec::constant("mean", input[0], Role::Statistic, 0.0),
            ParameterSpec::constant("deviation", input[0], Role::Statistic, 1.0),
        ]
    }

    fn uses(&self, _: &[usize]) -> usize {
        1
    }

    /// Its statistics are those of all training samples, and not of what it is given.
    fn normalizes(&self) -> Option<Over> {
        None
    }

    fn write(&self, text: &mut String, name: &str, _: Option<&[usize]>) -> fmt::Result {
        text.push_str(name);
        Ok(())
    }
}
