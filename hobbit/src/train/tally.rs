//! Metrics of batches, added up over an epoch.

use std::slice::ChunksExact;

use super::compiled::Compiled;
use super::data::Batch;
use super::loss::Loss;
use super::math::{Work, argmax, is_largest, simd, with_width};
use super::measured::Kept;
use super::metrics::{CustomMetric, Function, Metric};
use super::network::Network;
use super::whole;
use crate::error::BoxError;

/// Adds up what is measured batch by batch.
#[derive(Debug, Default)]
pub(super) struct Tally {
    samples: usize,
    loss: f64,
    sums: Vec<(f64, f64)>,
    /// All samples' outputs and targets, where a metric is of all of them.
    kept: Kept,
}

impl Tally {
    /// Takes a batch: the sum of its losses, and its outputs row by row.
    pub(super) fn add(&mut self, metrics: &[Metric], kind: Loss, loss: f64, outputs: &[f32], batch: &Batch) {
        self.samples += batch.samples;
        self.loss += loss;
        self.sums.resize(metrics.len(), (0.0, 0.0));
        for (metric, total) in metrics.iter().zip(&mut self.sums) {
            let (sum, count) = sum(*metric, kind, outputs, batch);
            total.0 += sum;
            total.1 += count;
        }
        if metrics.iter().any(Metric::is_of_all) {
            self.kept.add(outputs, batch);
        }
    }

    /// Takes the outputs of a batch in training, and writes the gradient of their loss; returns whether the
    /// loss is one to go on with.
    #[inline]
    pub(super) fn learn(
        &mut self,
        description: &Compiled,
        outputs: &[f32],
        batch: &Batch,
        gradient: &mut [f32],
    ) -> Result<bool, BoxError> {
        let loss = description.loss.of(outputs, batch, description.label_smoothing as f32, gradient)?;
        self.add(&description.metrics, description.loss, loss, outputs, batch);
        Ok(loss.is_finite())
    }

    /// Takes the outputs of a batch; returns whether the loss is one to go on with.
    pub(super) fn take(
        &mut self,
        description: &Compiled,
        outputs: &[f32],
        batch: &Batch,
        scratch: &mut Vec<f32>,
    ) -> Result<bool, BoxError> {
        let loss = description.loss.value(outputs, batch, description.label_smoothing as f32, scratch)?;
        self.add(&description.metrics, description.loss, loss, outputs, batch);
        Ok(loss.is_finite())
    }

    /// The mean loss.
    pub(super) fn loss(&self) -> f64 {
        self.loss / self.samples as f64
    }

    /// The values, in the order of their [`names`](super::metrics::names); none of a network that was given
    /// nothing.
    pub(super) fn values(&self, metrics: &[Metric], loss: Loss) -> Vec<f64> {
        let of = |(metric, (sum, count)): (&Metric, &(f64, f64))| match metric.is_of_all() {
            true => whole::value(*metric, loss, &self.kept.measured()),
            false => sum / count,
        };
        std::iter::once(self.loss()).chain(metrics.iter().zip(&self.sums).map(of)).collect()
    }
}

/// The sum of a metric over a batch, and over how many it is.
fn sum(metric: Metric, loss: Loss, outputs: &[f32], batch: &Batch) -> (f64, f64) {
    let width = outputs.len() / batch.samples;
    let errors = || outputs.iter().zip(&batch.values).map(|(&z, &t)| f64::from(z) - f64::from(t));
    match metric {
        Metric::Accuracy if loss.has_classes() => {
            let rows = outputs.chunks_exact(width);
            let right = if batch.values.is_empty() {
                simd(Right { rows, classes: &batch.classes, width })
            } else {
                let targets = batch.values.chunks_exact(width);
                rows.zip(targets).filter(|&(row, target)| argmax(row) == argmax(target)).count()
            };
            (right as f64, batch.samples as f64)
        }
        Metric::Accuracy => {
            let pairs = outputs.iter().zip(&batch.values);
            let right = pairs.filter(|&(&z, &t)| (z > 0.0) == (t > 0.5)).count();
            (right as f64, outputs.len() as f64)
        }
        Metric::MeanSquaredError => (errors().map(|e| e * e).sum(), outputs.len() as f64),
        Metric::MeanAbsoluteError => (errors().map(f64::abs).sum(), outputs.len() as f64),
        Metric::TopK(most) => (whole::top(most, outputs, width, batch) as f64, batch.samples as f64),
        // of what is kept of all batches
        Metric::Auc
        | Metric::F1
        | Metric::R2
        | Metric::Custom(CustomMetric { function: Function::All(_), .. }) => (0.0, 0.0),
        Metric::Custom(CustomMetric { function: Function::Each(function), .. }) => {
            let of = |(sample, row): (usize, &[f32])| function(row, batch.target(sample, &mut [0.0]));
            let sum = outputs.chunks_exact(width).enumerate().map(of).sum();
            (sum, batch.samples as f64)
        }
    }
}

/// How many rows are largest at their classes.
struct Right<'a> {
    rows: ChunksExact<'a, f32>,
    classes: &'a [u32],
    width: usize,
}

impl Work for Right<'_> {
    type Output = usize;

    #[inline(always)]
    fn call(self) -> usize {
        let Right { rows, classes, width } = self;
        let all = rows.zip(classes);
        with_width!(width => all.filter(|&(row, &class)| is_largest(&row[..width], class as usize)).count())
    }
}

/// The loss and metrics of a batch, without training.
pub(super) fn measure(
    description: &Compiled,
    network: &mut dyn Network,
    batch: &Batch,
    (outputs, scratch): (&mut Vec<f32>, &mut Vec<f32>),
    tally: &mut Tally,
) -> Result<(), BoxError> {
    outputs.clear();
    network.outputs(batch.given(), batch.samples, outputs)?;
    tally.take(description, outputs, batch, scratch)?;
    Ok(())
}
