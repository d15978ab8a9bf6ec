//! Losses of batches: their values, and their gradients for a network's outputs. The same numbers on every
//! device.

use dfdx::tensor::{Cpu, TensorFromVec, Trace};
use dfdx::tensor_ops::{Backward, SumTo, TryMul};

use super::data::Batch;
use super::loss::{CustomLoss, Loss};
use super::math;
use crate::error::BoxError;

impl Loss {
    /// The sum of the samples' weighted losses.
    pub(super) fn value(
        self,
        outputs: &[f32],
        batch: &Batch,
        smoothing: f32,
        scratch: &mut Vec<f32>,
    ) -> Result<f64, BoxError> {
        scratch.resize(outputs.len(), 0.0);
        if self == Loss::CrossEntropy && batch.values.is_empty() {
            return Ok(math::simd(OfClasses { outputs, batch, smoothing, gradient: scratch, wanted: false }));
        }
        self.of(outputs, batch, smoothing, scratch)
    }

    /// The sum of the samples' weighted losses, and the gradient of their mean for the outputs.
    pub(super) fn of(
        self,
        outputs: &[f32],
        batch: &Batch,
        smoothing: f32,
        gradient: &mut [f32],
    ) -> Result<f64, BoxError> {
        let width = outputs.len() / batch.samples;
        let scale = 1.0 / batch.samples as f32;
        // of the mean over a sample's outputs
        let part = scale / width as f32;
        let sum = match self {
            Loss::CrossEntropy if batch.values.is_empty() => {
                math::simd(OfClasses { outputs, batch, smoothing, gradient, wanted: true })
            }
            Loss::CrossEntropy => cross_entropy(outputs, batch, smoothing, gradient),
            Loss::BinaryCrossEntropy => each(outputs, batch, gradient, part, |z, t| {
                let t = t * (1.0 - smoothing) + 0.5 * smoothing;
                // log(1 + e^z) - t z, without overflow
                let tail = math::exp_of(-z.abs());
                let sigmoid = if z >= 0.0 { 1.0 / (1.0 + tail) } else { tail / (1.0 + tail) };
                (z.max(0.0) - t * z + libm::log1pf(tail), sigmoid - t)
            }),
            Loss::MeanSquaredError => each(outputs, batch, gradient, part, |z, t| {
                let e = z - t;
                (e * e, 2.0 * e)
            }),
            Loss::MeanAbsoluteError => each(outputs, batch, gradient, part, |z, t| {
                let e = z - t;
                // at zero there is no slope
                (e.abs(), if e == 0.0 { 0.0 } else { e.signum() })
            }),
            Loss::Huber(delta) => {
                let delta = delta as f32;
                each(outputs, batch, gradient, part, |z, t| {
                    let e = z - t;
                    if e.abs() < delta {
                        (0.5 * e * e, e)
                    } else {
                        (delta * (e.abs() - 0.5 * delta), delta * e.signum())
                    }
                })
            }
            Loss::Custom(custom) => return custom.of(outputs, batch, width, gradient),
        };
        Ok(sum)
    }

    /// Appends what a device needs to find the [gradient](Loss::of) by itself, which is then w · s(p - t):
    /// the targets t, a weight w for each sample; p are the softmax, the sigmoid or the outputs themselves,
    /// and s is the slope of the loss. A custom loss has none of it.
    pub(super) fn aim(
        self,
        batch: &Batch,
        width: usize,
        smoothing: f32,
        targets: &mut Vec<f32>,
        weights: &mut Vec<f32>,
    ) {
        let scale = 1.0 / batch.samples as f32;
        let mut answers = batch.answers(width);
        for (sample, row) in answers.chunks_exact_mut(width).enumerate() {
            let weight = batch.weight(sample) * scale;
            weights.push(match self {
                Loss::CrossEntropy => {
                    // probabilities need not sum up to 1
                    let mass: f32 = row.iter().sum();
                    let by = if mass == 0.0 { 0.0 } else { (1.0 - smoothing) / mass };
                    row.iter_mut().for_each(|t| *t = by * *t + smoothing / width as f32);
                    weight * mass
                }
                Loss::BinaryCrossEntropy => {
                    row.iter_mut().for_each(|t| *t = *t * (1.0 - smoothing) + 0.5 * smoothing);
                    weight / width as f32
                }
                Loss::MeanSquaredError => 2.0 * weight / width as f32,
                Loss::MeanAbsoluteError | Loss::Huber(_) | Loss::Custom(_) => weight / width as f32,
            });
        }
        targets.append(&mut answers);
    }
}

/// A loss that is the mean over a sample's outputs, each with its own loss and slope.
fn each(
    outputs: &[f32],
    batch: &Batch,
    gradient: &mut [f32],
    scale: f32,
    of: impl Fn(f32, f32) -> (f32, f32),
) -> f64 {
    let width = outputs.len() / batch.samples;
    let rows = outputs.chunks_exact(width).zip(batch.values.chunks_exact(width));
    let mut sum = 0.0;
    for (sample, ((row, targets), gradient)) in rows.zip(gradient.chunks_exact_mut(width)).enumerate() {
        let weight = batch.weight(sample);
        let mut losses = 0.0;
        for ((&z, &t), gradient) in row.iter().zip(targets).zip(gradient) {
            let (loss, slope) = of(z, t);
            losses += f64::from(loss);
            *gradient = slope * weight * scale;
        }
        sum += f64::from(weight) * losses / width as f64;
    }
    sum
}

/// Softmax of every row, and the logarithm of what each row was divided by, less its maximum.
fn softmax_rows(outputs: &[f32], width: usize, to: &mut [f32]) {
    for (row, to) in outputs.chunks_exact(width).zip(to.chunks_exact_mut(width)) {
        let largest = row.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        to.iter_mut().zip(row).for_each(|(to, &z)| *to = z - largest);
    }
    math::exp(to);
}

/// Samples that are worked on at once.
const ROWS: usize = 16;

/// The usual case: a class for each sample. Without a wish for the gradient, its place is scratch.
struct OfClasses<'a> {
    outputs: &'a [f32],
    batch: &'a Batch,
    smoothing: f32,
    gradient: &'a mut [f32],
    wanted: bool,
}

impl math::Work for OfClasses<'_> {
    /// The sum of the samples' weighted losses.
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        let width = self.outputs.len() / self.batch.samples;
        math::with_width!(width => self.sum(width))
    }
}

impl OfClasses<'_> {
    #[inline(always)]
    fn sum(self, width: usize) -> f64 {
        let OfClasses { outputs, batch, smoothing, gradient, wanted } = self;
        let scale = 1.0 / batch.samples as f32;
        let share = smoothing / width as f32;
        let mut sum = 0.0;
        let parts = outputs.chunks(ROWS * width).zip(gradient.chunks_mut(ROWS * width));
        for ((outputs, slopes), number) in parts.zip(0..) {
            let first: usize = number * ROWS;
            let rows = outputs.len() / width;
            let classes = &batch.classes[first..first + rows];
            let (mut largest, mut total) = ([0.0f32; ROWS], [1.0f32; ROWS]);
            let (mut chosen, mut weights) = ([0.0f32; ROWS], [0.0f32; ROWS]);
            for (row, z) in outputs.chunks_exact(width).enumerate() {
                let most = z.iter().fold(f32::NEG_INFINITY, |most, &z| if z > most { z } else { most });
                slopes[row * width..][..width].iter_mut().zip(z).for_each(|(e, &z)| *e = z - most);
                (largest[row], chosen[row]) = (most, z[classes[row] as usize]);
                weights[row] = batch.weight(first + row);
            }
            slopes.iter_mut().for_each(|e| *e = math::exp_of(*e));
            for (total, e) in total.iter_mut().zip(slopes.chunks_exact(width)) {
                *total = if width < ROWS { e.iter().sum() } else { math::fold(e, |e| e) };
            }
            let mut losses = [0.0f32; ROWS];
            for row in 0..ROWS {
                losses[row] = largest[row] + math::ln_of(total[row]);
            }
            for (row, z) in outputs.chunks_exact(width).enumerate() {
                let log = losses[row];
                let mut loss = (1.0 - smoothing) * (log - chosen[row]);
                if smoothing > 0.0 {
                    loss += share * (width as f32 * log - z.iter().sum::<f32>());
                }
                sum += f64::from(weights[row]) * f64::from(loss);
            }
            if !wanted {
                continue;
            }
            for (row, slopes) in slopes.chunks_exact_mut(width).enumerate() {
                let weight = weights[row] * scale;
                let (by, off) = (weight / total[row], share * weight);
                slopes.iter_mut().for_each(|slope| *slope = *slope * by - off);
                slopes[classes[row] as usize] -= (1.0 - smoothing) * weight;
            }
        }
        sum
    }
}

/// With a probability for each class.
fn cross_entropy(outputs: &[f32], batch: &Batch, smoothing: f32, gradient: &mut [f32]) -> f64 {
    let width = outputs.len() / batch.samples;
    let scale = 1.0 / batch.samples as f32;
    softmax_rows(outputs, width, gradient);
    let rows = outputs.chunks_exact(width).zip(batch.values.chunks_exact(width));
    let mut sum = 0.0;
    for (sample, ((row, targets), gradient)) in rows.zip(gradient.chunks_exact_mut(width)).enumerate() {
        let largest = row.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        let total: f32 = gradient.iter().sum();
        let log = largest + libm::logf(total);
        let weight = batch.weight(sample);
        let mass: f32 = targets.iter().sum();
        let mut loss = 0.0;
        for ((gradient, &z), &t) in gradient.iter_mut().zip(row).zip(targets) {
            let t = (1.0 - smoothing) * t + smoothing * mass / width as f32;
            loss += t * (log - z);
            *gradient = (*gradient / total * mass - t) * weight * scale;
        }
        sum += f64::from(weight) * f64::from(loss);
    }
    sum
}

impl CustomLoss {
    fn of(self, outputs: &[f32], batch: &Batch, width: usize, gradient: &mut [f32]) -> Result<f64, BoxError> {
        let error = |error| format!("the loss `{}` failed: {error:?}", self.name);
        let samples = batch.samples;
        let device = Cpu::seed_from_u64(0);
        let shape = (samples, width);
        let leaf = device.try_tensor_from_vec(outputs.to_vec(), shape).map_err(error)?;
        let answers = device.try_tensor_from_vec(batch.answers(width), shape).map_err(error)?;
        let losses = (self.function)(leaf.leaky_trace(), answers);
        let values = losses.as_vec();
        if values.len() != samples {
            return Err(format!(
                "the loss `{}` gave {} numbers for {samples} samples; it has to give one for each",
                self.name,
                values.len()
            )
            .into());
        }
        let weights: Vec<f32> = (0..samples).map(|sample| batch.weight(sample)).collect();
        let sum =
            values.iter().zip(&weights).map(|(&loss, &weight)| f64::from(loss) * f64::from(weight)).sum();
        let shares = weights.iter().map(|weight| weight / samples as f32).collect();
        let shares = device.try_tensor_from_vec(shares, (samples,)).map_err(error)?;
        let mean = losses.try_mul(shares).map_err(error)?.try_sum::<(), _>().map_err(error)?;
        let mut gradients = mean.try_backward().map_err(error)?;
        // a loss that does not look at the outputs has no gradient
        gradients.try_alloc_for(&leaf).map_err(error)?;
        gradient.copy_from_slice(&gradients.get(&leaf).as_vec());
        Ok(sum)
    }
}
