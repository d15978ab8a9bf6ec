//! Convolutions and pools of a stack.

use dfdx::shapes::{Axes3, Axes4, Axis, HasShape};
use dfdx::tensor::{Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, MaxTo, PermuteTo, ReshapeTo, SumTo, TryAdd, TryMatMul};

use super::pass::Pass;
use crate::train::layer::{Conv2d, Geometry, Pool2d};
use crate::train::plan::Node;
use crate::train::tape::device::{Rows, Sheets, TensorDevice};
use crate::train::tape::windows::{Purpose, Windows};

/// The windows of all channels, multiplied by each network's weights.
pub(super) struct Conv<D: TensorDevice> {
    windows: Windows<D>,
    filters: usize,
    weight: usize,
    bias: Option<usize>,
}

impl<D: TensorDevice> Conv<D> {
    pub(super) fn new(device: &D, settings: &Conv2d, node: &Node) -> Result<Conv<D>, D::Err> {
        let Conv2d { filters, kernel, stride, padding, bias, init: _ } = *settings;
        let geometry = Geometry::new(&node.input, &node.output, kernel, stride, padding);
        let windows = Windows::new(device, geometry, Purpose::Products)?;
        let weight = node.parameters.start;
        Ok(Conv { windows, filters, weight, bias: bias.then_some(weight + 1) })
    }

    pub(super) fn forward<T: Tape<f32, D>>(
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

/// Windows, one below the other, reduced to a number each.
pub(super) struct Pool<D: TensorDevice>(Windows<D>);

impl<D: TensorDevice> Pool<D> {
    pub(super) fn new(
        device: &D,
        settings: &Pool2d,
        node: &Node,
        purpose: Purpose,
    ) -> Result<Pool<D>, D::Err> {
        let Pool2d { window, stride, padding } = *settings;
        let geometry = Geometry::new(&node.input, &node.output, window, stride, padding);
        Windows::new(device, geometry, purpose).map(Pool)
    }

    /// The largest number of each window.
    pub(super) fn largest<T: Tape<f32, D>>(&self, x: Sheets<D, T>) -> Result<Sheets<D, T>, D::Err> {
        let samples = x.shape().1;
        let largest = self.below_each_other(x)?.try_max::<(usize, usize), Axis<1>>()?;
        self.back(largest, samples)
    }

    /// The mean of each window; the shares of its numbers are in the windows.
    pub(super) fn mean<T: Tape<f32, D>>(&self, x: Sheets<D, T>) -> Result<Sheets<D, T>, D::Err> {
        let samples = x.shape().1;
        let sum = self.below_each_other(x)?.try_sum::<(usize, usize), Axis<1>>()?;
        self.back(sum, samples)
    }

    fn outputs(&self) -> usize {
        self.0.geometry.channels * self.0.geometry.places()
    }

    fn below_each_other<T: Tape<f32, D>>(&self, x: Sheets<D, T>) -> Result<Sheets<D, T>, D::Err> {
        let (networks, samples, _) = *x.shape();
        let [down, across] = self.0.geometry.window;
        self.0.gather_each(x)?.try_reshape_like(&(networks, down * across, self.outputs() * samples))
    }

    /// Windows that were reduced, as samples again.
    fn back<T: Tape<f32, D>>(&self, reduced: Rows<D, T>, samples: usize) -> Result<Sheets<D, T>, D::Err> {
        let (networks, outputs) = (reduced.shape().0, self.outputs());
        let y = reduced.try_reshape_like(&(networks, outputs, samples))?;
        let y: Sheets<D, T> = y.try_permute::<_, Axes3<0, 2, 1>>()?;
        y.try_reshape_like(&(networks, samples, outputs))
    }
}
