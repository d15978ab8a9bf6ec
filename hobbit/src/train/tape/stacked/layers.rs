//! Which operations compute which layer of a stack: those of a network by itself, with the networks as first
//! axis. So no sum has its terms in another order than it has there.

use dfdx::shapes::{Axis, HasShape};
use dfdx::tensor::Tape;
use dfdx::tensor_ops::{BroadcastTo, ReshapeTo, TryAdd, TryMatMul, TryMul};

use super::norm::{BatchNorm, LayerNorm, Normalize};
use super::pass::{Before, Pass};
use crate::error::BoxError;
use crate::train::activation::Activation;
use crate::train::layer::Layer;
use crate::train::math::dropout_mask;
use crate::train::plan::Node;
use crate::train::tape::activation::activate;
use crate::train::tape::conv::Conv;
use crate::train::tape::dense::Dense;
use crate::train::tape::device::{Sheets, TensorDevice, device_error};
use crate::train::tape::embedding::Embedding;
use crate::train::tape::pool::{GlobalAvgPool, Pool};
use crate::train::tape::windows::Purpose;

/// A layer.
pub(super) enum Operation<D: TensorDevice> {
    Dense(Dense),
    Activation(Activation),
    Dropout(Dropout),
    Conv(Conv<D>),
    MaxPool(Pool<D>),
    AvgPool(Pool<D>),
    GlobalAvgPool(GlobalAvgPool),
    BatchNorm(BatchNorm),
    Normalize(Normalize),
    LayerNorm(LayerNorm),
    Embedding(Embedding),
    Residual(Vec<Operation<D>>),
}

/// The operations of layers one after the other; shapes are but names.
pub(super) fn operations<D: TensorDevice>(
    device: &D,
    nodes: &[Node],
    before: &mut Before,
) -> Result<Vec<Operation<D>>, BoxError> {
    let mut operations = Vec::with_capacity(nodes.len());
    for node in nodes {
        let pool = |settings, purpose| Pool::new(device, settings, node, purpose).map_err(device_error);
        operations.push(match &node.layer {
            Layer::Dense(settings) => Operation::Dense(Dense::new(settings, node)),
            Layer::Activation(activation) => Operation::Activation(*activation),
            Layer::Dropout(_) => Operation::Dropout(Dropout { id: node.id, probability: before.settings(1) }),
            Layer::Flatten | Layer::Reshape(_) => continue,
            Layer::Conv2d(settings) => {
                Operation::Conv(Conv::new(device, settings, node).map_err(device_error)?)
            }
            Layer::MaxPool2d(settings) => Operation::MaxPool(pool(settings, Purpose::Largest)?),
            Layer::AvgPool2d(settings) => Operation::AvgPool(pool(settings, Purpose::Mean)?),
            Layer::GlobalAvgPool => Operation::GlobalAvgPool(GlobalAvgPool::new(node)),
            Layer::BatchNorm(_) => Operation::BatchNorm(BatchNorm::new(node, before)),
            Layer::Normalize(_) => Operation::Normalize(Normalize::new(node, before)),
            Layer::LayerNorm(_) => Operation::LayerNorm(LayerNorm::new(node, before)),
            Layer::Embedding(settings) => Operation::Embedding(Embedding::new(settings, node)),
            Layer::Residual(_) => Operation::Residual(self::operations(device, &node.block, before)?),
            Layer::Custom(_) => return Err(format!("{} does not stack", node.label).into()),
        });
    }
    Ok(operations)
}

/// All operations, one after the other.
pub(super) fn forward<D: TensorDevice, T: Tape<f32, D>>(
    operations: &[Operation<D>],
    pass: &mut Pass<'_, D>,
    x: Sheets<D, T>,
) -> Result<Sheets<D, T>, BoxError> {
    operations.iter().try_fold(x, |x, operation| operation.forward(pass, x))
}

impl<D: TensorDevice> Operation<D> {
    fn forward<T: Tape<f32, D>>(
        &self,
        pass: &mut Pass<'_, D>,
        x: Sheets<D, T>,
    ) -> Result<Sheets<D, T>, BoxError> {
        let inputs = pass.inputs.take();
        let y = match self {
            Operation::Dense(layer) => layer.forward_each(pass, x),
            Operation::Activation(activation) => activate(*activation, x),
            Operation::Dropout(layer) => layer.forward(pass, x),
            Operation::Conv(layer) => layer.forward_each(pass, x),
            Operation::MaxPool(pool) => pool.largest_each(x),
            Operation::AvgPool(pool) => pool.mean_each(x),
            Operation::GlobalAvgPool(layer) => layer.forward_each(x),
            Operation::BatchNorm(layer) => layer.forward(pass, x),
            Operation::Normalize(layer) => layer.forward(pass, x),
            Operation::LayerNorm(layer) => layer.forward(pass, x),
            Operation::Embedding(layer) => return layer.forward_each(pass, x, inputs),
            Operation::Residual(block) => {
                let inner = forward(block, pass, x.retaped::<T>())?;
                x.try_add(inner)
            }
        };
        y.map_err(device_error)
    }
}

impl Dense {
    fn forward_each<D: TensorDevice, T: Tape<f32, D>>(
        &self,
        pass: &Pass<'_, D>,
        x: Sheets<D, T>,
    ) -> Result<Sheets<D, T>, D::Err> {
        let (networks, samples, _) = *x.shape();
        let weight = pass.parameter::<T>(self.weight)?;
        let y = x.try_matmul(weight.try_reshape_like(&(networks, self.inputs, self.outputs))?)?;
        let Some(bias) = self.bias else { return Ok(y) };
        let bias = pass.parameter::<T>(bias)?;
        y.try_add(bias.try_broadcast_like::<_, Axis<1>>(&(networks, samples, self.outputs))?)
    }
}

/// Dropout, drawn from the key of each network's step.
pub(super) struct Dropout {
    id: u64,
    /// The number of its probability.
    probability: usize,
}

impl Dropout {
    fn forward<D: TensorDevice, T: Tape<f32, D>>(
        &self,
        pass: &Pass<'_, D>,
        x: Sheets<D, T>,
    ) -> Result<Sheets<D, T>, D::Err> {
        let drops = pass.settings.iter().map(|settings| settings[self.probability]);
        let drops_any = drops.clone().any(|drop| drop > 0.0);
        let Some(keys) = pass.keys.filter(|_| drops_any) else { return Ok(x) };
        let shape = *x.shape();
        let mut mask = vec![0.0; shape.0 * shape.1 * shape.2];
        for ((key, drop), mask) in keys.iter().zip(drops).zip(mask.chunks_exact_mut(shape.1 * shape.2)) {
            dropout_mask(drop, key.child(self.id), mask);
        }
        let mask: Sheets<D> = pass.device.try_tensor_from_vec(mask, shape)?;
        x.try_mul(mask)
    }
}
