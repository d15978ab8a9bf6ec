//! Dense layers.

use dfdx::shapes::{Axis, HasShape};
use dfdx::tensor::Tape;
use dfdx::tensor_ops::{BroadcastTo, ReshapeTo, TryAdd, TryMatMul};

use super::device::{Flat, Rows, TensorDevice};
use crate::train::layer;
use crate::train::plan::Node;

/// y = x W + b.
pub(super) struct Dense {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) weight: usize,
    pub(super) bias: Option<usize>,
}

impl Dense {
    pub(super) fn new(settings: &layer::Dense, node: &Node) -> Dense {
        let weight = node.parameters.start;
        let bias = settings.bias.then_some(weight + 1);
        Dense { inputs: node.inputs(), outputs: node.outputs(), weight, bias }
    }

    pub(super) fn forward<D: TensorDevice, T: Tape<f32, D>>(
        &self,
        parameters: &[Flat<D>],
        x: Rows<D, T>,
    ) -> Result<Rows<D, T>, D::Err> {
        let weight = parameters[self.weight].clone().try_reshape_like(&(self.inputs, self.outputs))?;
        let y = x.try_matmul(weight)?;
        match self.bias {
            Some(bias) => add_columns(y, &parameters[bias]),
            None => Ok(y),
        }
    }
}

/// Adds a row to every row.
pub(super) fn add_columns<D: TensorDevice, T: Tape<f32, D>>(
    x: Rows<D, T>,
    row: &Flat<D>,
) -> Result<Rows<D, T>, D::Err> {
    let shape = *x.shape();
    x.try_add(row.retaped::<T>().try_broadcast_like::<_, Axis<0>>(&shape)?)
}
