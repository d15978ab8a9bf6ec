//! What a model makes of samples: predictions, and how good they are.

use super::data::{Batch, Inputs, Part, Targets};
use super::features::Given;
use super::loss::Loss;
use super::math::{self, argmax};
use super::model::Model;
use super::tally::{Tally, measure};
use crate::error::{Error, Result};
use crate::objective::Metrics;

/// Samples that are predicted at once.
const BATCH: usize = 512;

impl Model {
    /// Predictions for samples that come one after the other, each flat.
    ///
    /// # Errors
    /// Numbers that are no whole number of samples.
    pub fn predict(&self, inputs: &[f32]) -> Result<Predictions> {
        let (width, outputs) = self.plan.widths();
        if !inputs.len().is_multiple_of(width) {
            return Err(Error::data(format!(
                "{} numbers are no whole number of samples: the model takes samples of {width}",
                inputs.len()
            )));
        }
        let loss = self.description.loss;
        let mut means: Vec<f32> = Vec::new();
        for member in &self.members {
            let mut network = member.lock();
            let mut values = Vec::with_capacity(inputs.len() / width * outputs);
            for batch in inputs.chunks(width * BATCH) {
                network.outputs(Given::Numbers(batch), batch.len() / width, &mut values).map_err(
                    |error| Error::model(format!("prediction failed: {error}")).with_source(error),
                )?;
            }
            if loss.has_classes() {
                values.chunks_exact_mut(outputs).for_each(softmax);
            } else if loss == Loss::BinaryCrossEntropy {
                values.iter_mut().for_each(|value| *value = 1.0 / (1.0 + math::exp_of(-*value)));
            }
            if means.is_empty() {
                means = values;
            } else {
                means.iter_mut().zip(values).for_each(|(mean, value)| *mean += value);
            }
        }
        if self.members.len() > 1 {
            means.iter_mut().for_each(|mean| *mean /= self.members.len() as f32);
        }
        Ok(Predictions { values: means, width: outputs, binary: loss == Loss::BinaryCrossEntropy })
    }

    /// The loss and metrics on samples with known targets: `loss`, and `accuracy` or `mse` and `mae`. With
    /// several networks, the means of theirs.
    ///
    /// # Errors
    /// Data that do not fit the model.
    pub fn evaluate(&self, inputs: impl Into<Inputs>, targets: impl Into<Targets>) -> Result<Metrics> {
        let part = Part::new("test", inputs.into(), targets.into())?;
        let (width, outputs) = self.plan.widths();
        if part.width() != width {
            return Err(Error::data(format!(
                "the model takes samples of {width} numbers, but a test sample has {}",
                part.width()
            )));
        }
        part.check(outputs, self.description.loss)?;
        let mut batch = Batch::default();
        let mut tallies = Vec::with_capacity(self.members.len());
        for member in &self.members {
            let mut network = member.lock();
            let mut tally = Tally::default();
            for order in part.in_order().chunks(BATCH) {
                // data that are looked at once are not kept on a device
                part.gather(order, self.description.loss, false, &mut batch);
                let buffers = (&mut Vec::new(), &mut Vec::new());
                measure(&self.description, network.as_mut(), &batch, buffers, &mut tally).map_err(
                    |error| Error::model(format!("evaluation failed: {error}")).with_source(error),
                )?;
            }
            tallies.push(tally);
        }
        let mut metrics = Metrics::new();
        self.report(&tallies, false, &mut metrics);
        Ok(metrics)
    }
}

fn softmax(row: &mut [f32]) {
    let largest = row[argmax(row)];
    row.iter_mut().for_each(|value| *value = math::exp_of(*value - largest));
    let sum: f32 = row.iter().sum();
    row.iter_mut().for_each(|value| *value /= sum);
}

/// What a model says of samples: probabilities for classes, numbers otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    values: Vec<f32>,
    width: usize,
    binary: bool,
}

impl Predictions {
    /// A row for each sample.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.width)
    }

    /// All numbers, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The most probable class of each sample.
    pub fn classes(&self) -> Vec<usize> {
        let binary = self.binary && self.width == 1;
        self.rows().map(|row| if binary { usize::from(row[0] > 0.5) } else { argmax(row) }).collect()
    }
}
