//! Losses, and the metrics that go with them.

use std::borrow::Cow;

use dfdx::shapes::Axis;
use dfdx::tensor::{HasErr, Tape, Tensor};
use dfdx::tensor_ops::{Device as TensorDevice, MeanTo, SumTo, TryMul};

/// What training makes small.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Loss {
    /// For classes: the mean of -log softmax(output)[class]. The network has an output for each class.
    CrossEntropy,
    /// For yes and no: the mean of -log of the probability, with probabilities sigmoid(output).
    BinaryCrossEntropy,
    /// The mean of squared errors.
    MeanSquaredError,
    /// The mean of absolute errors.
    MeanAbsoluteError,
    /// Squared for errors below this delta, linear beyond it (Huber, 1964): e² / 2, or delta · (|e| - delta / 2).
    Huber(f64),
}

impl Loss {
    /// The loss's name.
    pub fn name(self) -> &'static str {
        match self {
            Loss::CrossEntropy => "cross-entropy",
            Loss::BinaryCrossEntropy => "binary cross-entropy",
            Loss::MeanSquaredError => "the mean squared error",
            Loss::MeanAbsoluteError => "the mean absolute error",
            Loss::Huber(_) => "the Huber loss",
        }
    }

    /// Whether targets are classes or switches, and not numbers.
    pub(super) fn is_classification(self) -> bool {
        matches!(self, Loss::CrossEntropy | Loss::BinaryCrossEntropy)
    }

    /// The metrics that an epoch reports: `loss`, then `accuracy` or `mse` and `mae`, then the same with `val_`.
    pub(super) fn metrics(self) -> &'static [&'static str] {
        if self.is_classification() {
            &["loss", "accuracy", "val_loss", "val_accuracy"]
        } else {
            &["loss", "mse", "mae", "val_loss", "val_mse", "val_mae"]
        }
    }

    /// The names of what was measured in training or, with `val_`, in validation.
    pub(super) fn names(self, validation: bool) -> impl Iterator<Item = Cow<'static, str>> {
        self.metrics()
            .iter()
            .filter(move |name| name.starts_with("val_") == validation)
            .map(|&name| Cow::Borrowed(name))
    }

    /// The loss of a batch: outputs and targets of shape `(samples, outputs)`, targets of classes one-hot.
    pub(super) fn of<D: TensorDevice<f32>, T: Tape<f32, D>>(
        self,
        outputs: Tensor<(usize, usize), f32, D, T>,
        targets: Tensor<(usize, usize), f32, D>,
    ) -> Result<Tensor<(), f32, D, T>, <D as HasErr>::Err> {
        match self {
            Loss::CrossEntropy => {
                let samples = dfdx::shapes::HasShape::shape(&targets).0;
                let log = outputs.try_log_softmax::<Axis<1>>()?;
                let picked: Tensor<(), f32, D, T> = log.try_mul(targets)?.try_sum()?;
                picked.try_mul(-1.0 / samples as f32)
            }
            Loss::BinaryCrossEntropy => outputs.try_bce_with_logits(targets)?.try_mean(),
            Loss::MeanSquaredError => {
                dfdx::tensor_ops::TrySub::try_sub(outputs, targets)?.try_square()?.try_mean()
            }
            Loss::MeanAbsoluteError => {
                dfdx::tensor_ops::TrySub::try_sub(outputs, targets)?.try_abs()?.try_mean()
            }
            Loss::Huber(delta) => outputs.try_huber_error(targets, delta)?.try_mean(),
        }
    }
}

/// Adds up what is measured batch by batch.
#[derive(Debug, Default)]
pub(super) struct Tally {
    samples: usize,
    loss: f64,
    /// Correct samples or outputs, or squared errors.
    first: f64,
    /// Absolute errors.
    second: f64,
    outputs: usize,
}

impl Tally {
    /// Takes a batch: its mean loss, its outputs and targets, row by row.
    pub(super) fn add(&mut self, kind: Loss, loss: f64, outputs: &[f32], targets: &[f32], width: usize) {
        let samples = outputs.len() / width;
        self.samples += samples;
        self.loss += loss * samples as f64;
        match kind {
            Loss::CrossEntropy => {
                let rows = outputs.chunks_exact(width).zip(targets.chunks_exact(width));
                self.first += rows.filter(|(output, target)| argmax(output) == argmax(target)).count() as f64;
                self.outputs += samples;
            }
            Loss::BinaryCrossEntropy => {
                let pairs = outputs.iter().zip(targets);
                self.first +=
                    pairs.filter(|&(&output, &target)| (output > 0.0) == (target > 0.5)).count() as f64;
                self.outputs += outputs.len();
            }
            _ => {
                for (&output, &target) in outputs.iter().zip(targets) {
                    let error = f64::from(output) - f64::from(target);
                    self.first += error * error;
                    self.second += error.abs();
                }
                self.outputs += outputs.len();
            }
        }
    }

    /// The mean loss.
    pub(super) fn loss(&self) -> f64 {
        self.loss / self.samples as f64
    }

    /// The values, in the order of [`Loss::names`].
    pub(super) fn values(&self, kind: Loss) -> impl Iterator<Item = f64> {
        let outputs = self.outputs as f64;
        let second = (!kind.is_classification()).then_some(self.second / outputs);
        [self.loss(), self.first / outputs].into_iter().chain(second)
    }
}

/// The place of the largest number; the first of equal ones.
pub(super) fn argmax(row: &[f32]) -> usize {
    let mut best = 0;
    for (position, &value) in row.iter().enumerate() {
        if value > row[best] {
            best = position;
        }
    }
    best
}
