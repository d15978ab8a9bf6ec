//! Pooling.

use dfdx::shapes::{Axes2, Axis, HasShape};
use dfdx::tensor::{Tape, Tensor};
use dfdx::tensor_ops::{MaxTo, MeanTo, PermuteTo, ReshapeTo, SumTo};

use super::device::{Rows, TensorDevice};
use super::windows::{Purpose, Windows};
use crate::train::layer::{Geometry, Pool2d};
use crate::train::plan::Node;

/// Windows, one below the other, reduced to a number each.
pub(super) struct Pool<D: TensorDevice>(pub(super) Windows<D>);

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
    pub(super) fn largest<T: Tape<f32, D>>(&self, x: Rows<D, T>) -> Result<Rows<D, T>, D::Err> {
        let samples = x.shape().0;
        let largest = self.stacked(x)?.try_max::<(usize,), Axis<0>>()?;
        self.back(largest, samples)
    }

    /// The mean of each window; the shares of its numbers are in the windows.
    pub(super) fn mean<T: Tape<f32, D>>(&self, x: Rows<D, T>) -> Result<Rows<D, T>, D::Err> {
        let samples = x.shape().0;
        let sum = self.stacked(x)?.try_sum::<(usize,), Axis<0>>()?;
        self.back(sum, samples)
    }

    /// How many windows there are, of all channels.
    pub(super) fn outputs(&self) -> usize {
        self.0.geometry.channels * self.0.geometry.places()
    }

    fn stacked<T: Tape<f32, D>>(&self, x: Rows<D, T>) -> Result<Rows<D, T>, D::Err> {
        let samples = x.shape().0;
        let [down, across] = self.0.geometry.window;
        self.0.gather(x)?.try_reshape_like(&(down * across, self.outputs() * samples))
    }

    /// Windows reduced along the first axis, as samples again.
    fn back<T: Tape<f32, D>>(
        &self,
        reduced: Tensor<(usize,), f32, D, T>,
        samples: usize,
    ) -> Result<Rows<D, T>, D::Err> {
        let outputs = self.outputs();
        let y = reduced.try_reshape_like(&(outputs, samples))?;
        let y: Rows<D, T> = y.try_permute::<(usize, usize), Axes2<1, 0>>()?;
        y.try_reshape_like(&(samples, outputs))
    }
}

/// The mean of each of so many channels.
pub(super) struct GlobalAvgPool {
    pub(super) channels: usize,
}

impl GlobalAvgPool {
    pub(super) fn new(node: &Node) -> GlobalAvgPool {
        GlobalAvgPool { channels: node.outputs() }
    }

    pub(super) fn forward<D: TensorDevice, T: Tape<f32, D>>(
        &self,
        x: Rows<D, T>,
    ) -> Result<Rows<D, T>, D::Err> {
        let (samples, width) = *x.shape();
        let planes = x.try_reshape_like(&(samples, self.channels, width / self.channels))?;
        planes.try_mean::<(usize, usize), Axis<2>>()
    }
}
