//! Normalizations of a stack.

use dfdx::shapes::{Axes2, Axis, HasShape};
use dfdx::tensor::{NoneTape, Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, MeanTo, ReshapeTo, TryAdd, TryDiv, TryMul, TrySub};

use super::each::Each;
use super::pass::{Before, Pass};
use crate::train::plan::Node;
use crate::train::tape::device::{Rows, Sheets, TensorDevice};

/// The numbers of each channel of each sample of each network.
type Planes<D, T = NoneTape> = Tensor<(usize, usize, usize, usize), f32, D, T>;

/// Batch normalization of so many channels.
pub(super) struct BatchNorm {
    channels: usize,
    /// Where its scale is; its shift is next.
    first: usize,
    /// The number of its running mean; its running variance is next.
    mean: usize,
    /// The number of its epsilon; its momentum is next.
    epsilon: usize,
}

impl BatchNorm {
    pub(super) fn new(node: &Node, before: &mut Before) -> BatchNorm {
        let (mean, epsilon) = (before.statistics(), before.settings(2));
        BatchNorm { channels: node.input[0], first: node.parameters.start, mean, epsilon }
    }

    pub(super) fn forward<D: TensorDevice, T: Tape<f32, D>>(
        &self,
        pass: &mut Pass<'_, D>,
        x: Sheets<D, T>,
    ) -> Result<Sheets<D, T>, D::Err> {
        let (networks, samples, width) = *x.shape();
        let shape = (networks, samples, self.channels, width / self.channels);
        let x = x.try_reshape_like(&shape)?;
        let epsilon = pass.setting(self.epsilon, |epsilon| epsilon)?;
        let y = if pass.keys.is_some() {
            self.normalize(pass, x, shape, &epsilon)?
        } else {
            let [mean, variance] = [self.mean, self.mean + 1].map(|number| pass.statistics[number].clone());
            let deviation = epsilon.plus(variance)?.try_sqrt()?;
            let mean = mean.try_broadcast_like::<_, Axes2<1, 3>>(&shape)?;
            let inverse = deviation.try_recip()?.try_broadcast_like::<_, Axes2<1, 3>>(&shape)?;
            x.try_sub(mean)?.try_mul(inverse)?
        };
        let scale = pass.parameter::<T>(self.first)?.try_broadcast_like::<_, Axes2<1, 3>>(&shape)?;
        let shift = pass.parameter::<T>(self.first + 1)?.try_broadcast_like::<_, Axes2<1, 3>>(&shape)?;
        y.try_mul(scale)?.try_add(shift)?.try_reshape_like(&(networks, samples, width))
    }

    /// Every channel with mean 0 and variance 1 over its network's batch. The batches' means and variances
    /// are taken into the running ones.
    fn normalize<D: TensorDevice, T: Tape<f32, D>>(
        &self,
        pass: &mut Pass<'_, D>,
        x: Planes<D, T>,
        shape: (usize, usize, usize, usize),
        epsilon: &Each<D>,
    ) -> Result<Planes<D, T>, D::Err> {
        let mean = x.retaped::<T>().try_mean::<(usize, usize), Axes2<1, 3>>()?;
        let of_batch = mean.retaped::<NoneTape>();
        let centered = x.try_sub(mean.try_broadcast_like::<_, Axes2<1, 3>>(&shape)?)?;
        let square = centered.retaped::<T>().try_square()?;
        let variance = square.try_mean::<(usize, usize), Axes2<1, 3>>()?;
        self.follow(pass, shape.1 * shape.3, of_batch, variance.retaped::<NoneTape>())?;
        let deviation = epsilon.plus(variance)?.try_sqrt()?;
        centered.try_mul(deviation.try_recip()?.try_broadcast_like::<_, Axes2<1, 3>>(&shape)?)
    }

    /// Takes the mean and variance of so many numbers of each channel into the running ones.
    fn follow<D: TensorDevice>(
        &self,
        pass: &mut Pass<'_, D>,
        count: usize,
        mean: Rows<D>,
        variance: Rows<D>,
    ) -> Result<(), D::Err> {
        // Bessel's correction
        let unbiased = |momentum| momentum * count as f64 / (count.max(2) - 1) as f64;
        let old = pass.setting(self.epsilon + 1, |momentum| 1.0 - momentum)?;
        let new = [
            pass.setting(self.epsilon + 1, |momentum| momentum)?.times(mean)?,
            pass.setting(self.epsilon + 1, unbiased)?.times(variance)?,
        ];
        for (running, new) in pass.statistics[self.mean..].iter_mut().zip(new) {
            *running = old.times(running.clone())?.try_add(new)?;
        }
        Ok(())
    }
}

/// Normalization of raw samples by the statistics of so many channels.
pub(super) struct Normalize {
    channels: usize,
    /// The number of its means; its deviations are next.
    mean: usize,
}

impl Normalize {
    pub(super) fn new(node: &Node, before: &mut Before) -> Normalize {
        Normalize { channels: node.input[0], mean: before.statistics() }
    }

    pub(super) fn forward<D: TensorDevice, T: Tape<f32, D>>(
        &self,
        pass: &Pass<'_, D>,
        x: Sheets<D, T>,
    ) -> Result<Sheets<D, T>, D::Err> {
        let whole = *x.shape();
        let shape = (whole.0, whole.1, self.channels, whole.2 / self.channels);
        let mean = pass.statistics[self.mean].clone().try_broadcast_like::<_, Axes2<1, 3>>(&shape)?;
        let deviation = pass.statistics[self.mean + 1].clone();
        let deviation = deviation.try_broadcast_like::<_, Axes2<1, 3>>(&shape)?;
        x.try_reshape_like(&shape)?.try_sub(mean)?.try_div(deviation)?.try_reshape_like(&whole)
    }
}

/// Layer normalization of rows of so many numbers.
pub(super) struct LayerNorm {
    row: usize,
    /// Where its scale is; its shift is next.
    first: usize,
    /// The number of its epsilon.
    epsilon: usize,
}

impl LayerNorm {
    pub(super) fn new(node: &Node, before: &mut Before) -> LayerNorm {
        let row = node.input.last().copied().unwrap_or(1);
        LayerNorm { row, first: node.parameters.start, epsilon: before.settings(1) }
    }

    pub(super) fn forward<D: TensorDevice, T: Tape<f32, D>>(
        &self,
        pass: &Pass<'_, D>,
        x: Sheets<D, T>,
    ) -> Result<Sheets<D, T>, D::Err> {
        let whole = *x.shape();
        let shape = (whole.0, whole.1 * whole.2 / self.row, self.row);
        let x = x.try_reshape_like(&shape)?;
        let mean = x.retaped::<T>().try_mean::<(usize, usize), Axis<2>>()?;
        let centered = x.try_sub(mean.try_broadcast_like::<_, Axis<2>>(&shape)?)?;
        let square = centered.retaped::<T>().try_square()?;
        let variance = square.try_mean::<(usize, usize), Axis<2>>()?;
        let deviation = pass.setting(self.epsilon, |epsilon| epsilon)?.plus(variance)?.try_sqrt()?;
        let inverse = deviation.try_recip()?.try_broadcast_like::<_, Axis<2>>(&shape)?;
        let scale = pass.parameter::<T>(self.first)?.try_broadcast_like::<_, Axis<1>>(&shape)?;
        let shift = pass.parameter::<T>(self.first + 1)?.try_broadcast_like::<_, Axis<1>>(&shape)?;
        centered.try_mul(inverse)?.try_mul(scale)?.try_add(shift)?.try_reshape_like(&whole)
    }
}
