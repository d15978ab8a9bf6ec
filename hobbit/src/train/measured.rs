//! All samples of a set with what the network answered: what is kept of batches for metrics of all of them.

use super::data::Batch;
use super::math::argmax;

/// The outputs for all samples of an epoch or of a validation, with their targets, for a metric of all of
/// them: [`CustomMetric::of_all`](super::CustomMetric::of_all).
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    samples: usize,
    outputs: &'a [f32],
    targets: &'a [f32],
    /// Whether a target is the number of a class.
    are_classes: bool,
}

impl Measured<'_> {
    /// The number of samples.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Of each sample the network's outputs, before any softmax or sigmoid, and the target: as many numbers,
    /// or the class alone as one number.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = (&[f32], &[f32])> {
        let width = |all: &[f32]| all.len() / self.samples.max(1);
        let (outputs, targets) = (width(self.outputs), width(self.targets));
        (0..self.samples).map(move |sample| {
            (&self.outputs[sample * outputs..][..outputs], &self.targets[sample * targets..][..targets])
        })
    }

    /// The number of outputs of a sample.
    pub(super) fn width(&self) -> usize {
        self.outputs.len() / self.samples.max(1)
    }

    /// Of each sample its outputs, and the class that it is.
    pub(super) fn classes(&self) -> impl Iterator<Item = (&[f32], usize)> {
        let class = |target: &[f32]| if self.are_classes { target[0] as usize } else { argmax(target) };
        self.rows().map(move |(outputs, target)| (outputs, class(target)))
    }

    /// Of each sample one of its outputs, and its target.
    pub(super) fn column(&self, output: usize) -> impl Iterator<Item = (f64, f64)> {
        self.rows().map(move |(outputs, target)| (f64::from(outputs[output]), f64::from(target[output])))
    }
}

/// The outputs and targets of batches, one after the other.
#[derive(Debug, Default)]
pub(super) struct Kept {
    samples: usize,
    outputs: Vec<f32>,
    targets: Vec<f32>,
    are_classes: bool,
}

impl Kept {
    pub(super) fn add(&mut self, outputs: &[f32], batch: &Batch) {
        self.samples += batch.samples;
        self.outputs.extend_from_slice(outputs);
        self.targets.extend_from_slice(&batch.values);
        self.targets.extend(batch.classes.iter().map(|&class| class as f32));
        self.are_classes |= !batch.classes.is_empty();
    }

    pub(super) fn measured(&self) -> Measured<'_> {
        let Kept { samples, outputs, targets, are_classes } = self;
        Measured { samples: *samples, outputs, targets, are_classes: *are_classes }
    }
}
