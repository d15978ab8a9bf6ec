//! Normalizations.

use dfdx::shapes::{Axes2, Axis, HasShape};
use dfdx::tensor::{NoneTape, Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, MeanTo, ReshapeTo, TryAdd, TryDiv, TryMul, TrySub};

use super::dense::add_columns;
use super::device::{Flat, Rows, TensorDevice};
use crate::train::layer;
use crate::train::plan::Node;

/// Batch normalization of so many channels.
pub(super) struct BatchNorm {
    settings: layer::BatchNorm,
    channels: usize,
    /// Where its parameters are: scale, shift, running mean, running variance.
    first: usize,
}

impl BatchNorm {
    pub(super) fn new(settings: &layer::BatchNorm, node: &Node) -> BatchNorm {
        BatchNorm { settings: *settings, channels: node.input[0], first: node.parameters.start }
    }

    pub(super) fn forward<D: TensorDevice, T: Tape<f32, D>>(
        &self,
        parameters: &mut [Flat<D>],
        x: Rows<D, T>,
        training: bool,
    ) -> Result<Rows<D, T>, D::Err> {
        let (samples, width) = *x.shape();
        let shape = (samples, self.channels, width / self.channels);
        let x = x.try_reshape_like(&shape)?;
        let y = if training {
            self.follow(x.retaped::<NoneTape>(), shape, &mut parameters[self.first + 2..])?;
            normalize_channels(x, shape, self.settings.epsilon)?
        } else {
            let (mean, variance) = (&parameters[self.first + 2], &parameters[self.first + 3]);
            let deviation = variance.clone().try_add(self.settings.epsilon as f32)?.try_sqrt()?;
            let mean = mean.clone().try_broadcast_like::<_, Axes2<0, 2>>(&shape)?;
            let inverse = deviation.try_recip()?.try_broadcast_like::<_, Axes2<0, 2>>(&shape)?;
            x.try_sub(mean)?.try_mul(inverse)?
        };
        let (scale, shift) = (&parameters[self.first], &parameters[self.first + 1]);
        let scale = scale.retaped::<T>().try_broadcast_like::<_, Axes2<0, 2>>(&shape)?;
        let shift = shift.retaped::<T>().try_broadcast_like::<_, Axes2<0, 2>>(&shape)?;
        y.try_mul(scale)?.try_add(shift)?.try_reshape_like(&(samples, width))
    }

    /// Takes a batch's mean and variance into the running ones, which come first among these.
    fn follow<D: TensorDevice>(
        &self,
        x: Planes<D, NoneTape>,
        shape: (usize, usize, usize),
        running: &mut [Flat<D>],
    ) -> Result<(), D::Err> {
        let count = shape.0 * shape.2;
        let (of_batch, spread) = statistics(x, shape)?;
        let (old, new) = (1.0 - self.settings.momentum, self.settings.momentum);
        // Bessel's correction
        let unbiased = new * count as f64 / (count.max(2) - 1) as f64;
        running[0] = blend(&running[0], old, of_batch, new)?;
        running[1] = blend(&running[1], old, spread, unbiased)?;
        Ok(())
    }
}

type Planes<D, T> = Tensor<(usize, usize, usize), f32, D, T>;

/// The mean of each channel, and its variance.
fn statistics<D: TensorDevice>(
    x: Planes<D, NoneTape>,
    shape: (usize, usize, usize),
) -> Result<(Flat<D>, Flat<D>), D::Err> {
    let mean = x.clone().try_mean::<(usize,), Axes2<0, 2>>()?;
    let centered = x.try_sub(mean.clone().try_broadcast_like::<_, Axes2<0, 2>>(&shape)?)?;
    Ok((mean, centered.try_square()?.try_mean::<(usize,), Axes2<0, 2>>()?))
}

fn blend<D: TensorDevice>(old: &Flat<D>, by: f64, new: Flat<D>, and: f64) -> Result<Flat<D>, D::Err> {
    old.clone().try_mul(by as f32)?.try_add(new.try_mul(and as f32)?)
}

/// Every channel with mean 0 and variance 1 over the batch.
fn normalize_channels<D: TensorDevice, T: Tape<f32, D>>(
    x: Planes<D, T>,
    shape: (usize, usize, usize),
    epsilon: f64,
) -> Result<Planes<D, T>, D::Err> {
    let mean = x.retaped::<T>().try_mean::<(usize,), Axes2<0, 2>>()?;
    let centered = x.try_sub(mean.try_broadcast_like::<_, Axes2<0, 2>>(&shape)?)?;
    let square = centered.retaped::<T>().try_square()?;
    let deviation = square.try_mean::<(usize,), Axes2<0, 2>>()?.try_add(epsilon as f32)?.try_sqrt()?;
    centered.try_mul(deviation.try_recip()?.try_broadcast_like::<_, Axes2<0, 2>>(&shape)?)
}

/// Normalization of raw samples by the statistics of so many channels.
pub(super) struct Normalize {
    channels: usize,
    /// Where the means are; the deviations are next.
    first: usize,
}

impl Normalize {
    pub(super) fn new(node: &Node) -> Normalize {
        Normalize { channels: node.input[0], first: node.parameters.start }
    }

    pub(super) fn forward<D: TensorDevice, T: Tape<f32, D>>(
        &self,
        parameters: &[Flat<D>],
        x: Rows<D, T>,
    ) -> Result<Rows<D, T>, D::Err> {
        let (samples, width) = *x.shape();
        let shape = (samples, self.channels, width / self.channels);
        let mean = parameters[self.first].clone().try_broadcast_like::<_, Axes2<0, 2>>(&shape)?;
        let deviation = parameters[self.first + 1].clone().try_broadcast_like::<_, Axes2<0, 2>>(&shape)?;
        x.try_reshape_like(&shape)?.try_sub(mean)?.try_div(deviation)?.try_reshape_like(&(samples, width))
    }
}

/// Layer normalization of rows of so many numbers.
pub(super) struct LayerNorm {
    epsilon: f64,
    row: usize,
    /// Where its scale is; its shift is next.
    first: usize,
}

impl LayerNorm {
    pub(super) fn new(settings: &layer::LayerNorm, node: &Node) -> LayerNorm {
        let row = node.input.last().copied().unwrap_or(1);
        LayerNorm { epsilon: settings.epsilon, row, first: node.parameters.start }
    }

    pub(super) fn forward<D: TensorDevice, T: Tape<f32, D>>(
        &self,
        parameters: &[Flat<D>],
        x: Rows<D, T>,
    ) -> Result<Rows<D, T>, D::Err> {
        let (samples, width) = *x.shape();
        let shape = (samples * width / self.row, self.row);
        let x = x.try_reshape_like(&shape)?;
        let mean = x.retaped::<T>().try_mean::<(usize,), Axis<1>>()?;
        let centered = x.try_sub(mean.try_broadcast_like::<_, Axis<1>>(&shape)?)?;
        let square = centered.retaped::<T>().try_square()?;
        let deviation = square.try_mean::<(usize,), Axis<1>>()?.try_add(self.epsilon as f32)?.try_sqrt()?;
        let inverse = deviation.try_recip()?.try_broadcast_like::<_, Axis<1>>(&shape)?;
        let scale = parameters[self.first].retaped::<T>().try_broadcast_like::<_, Axis<0>>(&shape)?;
        let y = centered.try_mul(inverse)?.try_mul(scale)?;
        add_columns(y, &parameters[self.first + 1])?.try_reshape_like(&(samples, width))
    }
}
