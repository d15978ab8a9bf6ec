//! Convolutions.

use dfdx::shapes::{Axes3, Axis, HasShape};
use dfdx::tensor::{Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, PermuteTo, ReshapeTo, TryAdd, TryMatMul};

use super::device::{Flat, Rows, TensorDevice};
use super::windows::{Purpose, Windows};
use crate::train::layer::{Conv2d, Geometry};
use crate::train::plan::Node;

/// The windows of all channels, multiplied by weights.
pub(super) struct Conv<D: TensorDevice> {
    pub(super) windows: Windows<D>,
    pub(super) filters: usize,
    pub(super) weight: usize,
    pub(super) bias: Option<usize>,
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
        parameters: &[Flat<D>],
        x: Rows<D, T>,
    ) -> Result<Rows<D, T>, D::Err> {
        let samples = x.shape().0;
        let (count, patch) = (self.windows.geometry.places(), self.windows.geometry.patch());
        let patches = self.windows.gather(x)?.try_reshape_like(&(patch, count * samples))?;
        let weight = parameters[self.weight].retaped::<T>().try_reshape_like(&(self.filters, patch))?;
        let mut y: Rows<D, T> = weight.try_matmul(patches)?;
        if let Some(bias) = self.bias {
            let shape = *y.shape();
            y = y.try_add(parameters[bias].retaped::<T>().try_broadcast_like::<_, Axis<1>>(&shape)?)?;
        }
        let y = y.try_reshape_like(&(self.filters, count, samples))?;
        let y: Tensor<(usize, usize, usize), f32, D, T> = y.try_permute::<_, Axes3<2, 0, 1>>()?;
        y.try_reshape_like(&(samples, self.filters * count))
    }
}
