//! Normalizations as data.

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use super::describe::{Describe, Over, flat_or_image};
use crate::train::parameter::{ParameterSpec, Role};
use crate::train::written::float;

/// A batch normalization's settings: [`Layer::BatchNorm`](super::Layer::BatchNorm).
///
/// As in PyTorch, training needs at least two numbers of each channel in a batch. Where a sample has one
/// (after a dense layer), a last batch of one sample joins the batch before it, and batches of one sample
/// throughout are an error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BatchNorm {
    pub(in crate::train) epsilon: f64,
    pub(in crate::train) momentum: f64,
}

impl Default for BatchNorm {
    /// With epsilon 1e-5, and a tenth of each batch's statistics taken into the running ones.
    fn default() -> BatchNorm {
        BatchNorm { epsilon: 1e-5, momentum: 0.1 }
    }
}

impl BatchNorm {
    /// Sets what is added to the variance. Default: 1e-5.
    pub fn epsilon(self, epsilon: f64) -> BatchNorm {
        BatchNorm { epsilon, ..self }
    }

    /// Sets the share of each batch's mean and variance in the running ones, which are used when not
    /// training. Default: 0.1.
    pub fn momentum(self, momentum: f64) -> BatchNorm {
        BatchNorm { momentum, ..self }
    }
}

impl Describe for BatchNorm {
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let BatchNorm { epsilon, momentum } = self;
        positive("epsilon", *epsilon)?;
        if !(*momentum > 0.0 && *momentum <= 1.0) {
            return Err(format!("its momentum is {momentum}; it has to be above 0 and at most 1"));
        }
        flat_or_image(input)
    }

    fn parameters(&self, input: &[usize], _: bool) -> Vec<ParameterSpec> {
        vec![
            ParameterSpec::constant("scale", input[0], Role::Other, 1.0),
            ParameterSpec::constant("shift", input[0], Role::Other, 0.0),
            ParameterSpec::constant("mean", input[0], Role::Statistic, 0.0),
            ParameterSpec::constant("variance", input[0], Role::Statistic, 1.0),
        ]
    }

    fn uses(&self, _: &[usize]) -> usize {
        1
    }

    fn normalizes(&self) -> Option<Over> {
        Some(Over::Batch)
    }

    fn write(&self, text: &mut String, name: &str, _: Option<&[usize]>) -> fmt::Result {
        let BatchNorm { epsilon, momentum } = self;
        write!(text, "{name} epsilon {} momentum {}", float(*epsilon), float(*momentum))
    }
}

/// A layer normalization's settings: [`Layer::LayerNorm`](super::Layer::LayerNorm).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LayerNorm {
    pub(in crate::train) epsilon: f64,
}

impl Default for LayerNorm {
    /// With epsilon 1e-5.
    fn default() -> LayerNorm {
        LayerNorm { epsilon: 1e-5 }
    }
}

impl LayerNorm {
    /// Sets what is added to the variance. Default: 1e-5.
    pub fn epsilon(self, epsilon: f64) -> LayerNorm {
        LayerNorm { epsilon }
    }
}

impl Describe for LayerNorm {
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        positive("epsilon", self.epsilon)?;
        Ok(input.to_vec())
    }

    fn parameters(&self, input: &[usize], _: bool) -> Vec<ParameterSpec> {
        let width = input.last().copied().unwrap_or(1);
        vec![
            ParameterSpec::constant("scale", width, Role::Other, 1.0),
            ParameterSpec::constant("shift", width, Role::Other, 0.0),
        ]
    }

    fn uses(&self, _: &[usize]) -> usize {
        1
    }

    fn normalizes(&self) -> Option<Over> {
        Some(Over::Sample)
    }

    fn write(&self, text: &mut String, name: &str, _: Option<&[usize]>) -> fmt::Result {
        let LayerNorm { epsilon } = self;
        write!(text, "{name} epsilon {}", float(*epsilon))
    }
}

fn positive(setting: &str, value: f64) -> Result<(), String> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(format!("its {setting} is {value}; it has to be above 0"))
    }
}
