//! Convolutions and pools of a stack.

use dfdx::shapes::{Axes3, Axes4, Axis, HasShape};
use dfdx::tensor::{Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, MaxTo, MeanTo, PermuteTo, ReshapeTo, SumTo, TryAdd, TryMatMul};

use super::pass::Pass;
use crate::train::tape::conv::Conv;
use crate::train::tape::device::{Rows, Sheets, TensorDevice};
use crate::train::tape::pool::{GlobalAvgPool, Pool};

impl<D: TensorDevice> Conv<D> {
    /// The windows of all channels, multiplied by each network's weights.
    pub(super) fn forward_each<T: Tape<f32, D>>(
        &self,
        pass: &Pass<'_, D>,
        x: Sheets<D, T>,
    ) -> Result<Sheets<D, T>, D::Err> {
        let (networks, samples, _) = *x.shape();
        let (count, patch) = (self.windows.geometry.places(), self.windows.geometry.patch());
        let patches = self.windows.gather_each(x)?.try_reshape_like(&(networks, patch, count * samples))?;
        let weight = pass.parameter::<T>(self.weight)?.try_reshape_like(&(networks, self.filters, patch))?;
        let mut y: Sheets<D, T> = weight.try_matmul(patches)?;
        if let Some(bias) = self.bias {
            let shape = *y.shape();
            y = y.try_add(pass.parameter::<T>(bias)?.try_broadcast_like::<_, Axis<2>>(&shape)?)?;
        }
        let y = y.try_reshape_like(&(networks, self.filters, count, samples))?;
        let y: Tensor<(usize, usize, usize, usize), f32, D, T> = y.try_permute::<_, Axes4<0, 3, 1, 2>>()?;
        y.try_reshape_like(&(networks, samples, self.filters * count))
    }
}

impl<D: TensorDevice> Pool<D> {
    /// The largest number of each window of each network.
    pub(super) fn largest_each<T: Tape<f32, D>>(&self, x: Sheets<D, T>) -> Result<Sheets<D, T>, D::Err> {
        let samples = x.shape().1;
        let largest = self.below_each_other(x)?.try_max::<(usize, usize), Axis<1>>()?;
        self.back_each(largest, samples)
    }

    /// The mean of each window of each network; the shares of its numbers are in the windows.
    pub(super) fn mean_each<T: Tape<f32, D>>(&self, x: Sheets<D, T>) -> Result<Sheets<D, T>, D::Err> {
        let samples = x.shape().1;
        let sum = self.below_each_other(x)?.try_sum::<(usize, usize), Axis<1>>()?;
        self.back_each(sum, samples)
    }

    fn below_each_other<T: Tape<f32, D>>(&self, x: Sheets<D, T>) -> Result<Sheets<D, T>, D::Err> {
        let (networks, samples, _) = *x.shape();
        let [down, across] = self.0.geometry.window;
        self.0.gather_each(x)?.try_reshape_like(&(networks, down * across, self.outputs() * samples))
    }

    /// Windows that were reduced, as samples again.
    fn back_each<T: Tape<f32, D>>(
        &self,
        reduced: Rows<D, T>,
        samples: usize,
    ) -> Result<Sheets<D, T>, D::Err> {
        let (networks, outputs) = (reduced.shape().0, self.outputs());
        let y = reduced.try_reshape_like(&(networks, outputs, samples))?;
        let y: Sheets<D, T> = y.try_permute::<_, Axes3<0, 2, 1>>()?;
        y.try_reshape_like(&(networks, samples, outputs))
    }
}

impl GlobalAvgPool {
    pub(super) fn forward_each<D: TensorDevice, T: Tape<f32, D>>(
        &self,
        x: Sheets<D, T>,
    ) -> Result<Sheets<D, T>, D::Err> {
        let (networks, samples, width) = *x.shape();
        let planes = x.try_reshape_like(&(networks, samples, self.channels, width / self.channels))?;
        planes.try_mean::<_, Axis<3>>()
    }
}
