//! Which operations compute which layer: the one place on the tape that knows all of them. Forward passes
//! only; dfdx makes the backward ones of them.

use dfdx::tensor_ops::TryAdd;

use super::activation::activate;
use super::conv::Conv;
use super::dense::Dense;
use super::device::{Flat, Rows, device_error};
use super::dropout::Dropout;
use super::embedding::Embedding;
use super::guest::Guest;
use super::norm::{BatchNorm, LayerNorm, Normalize};
use super::place::{Mode, Place};
use super::pool::{GlobalAvgPool, Pool};
use super::windows::Purpose;
use crate::error::BoxError;
use crate::random::Key;
use crate::train::activation::Activation;
use crate::train::layer::Layer;
use crate::train::plan::Node;

/// A layer with what it needs on the device.
pub(super) enum Operation<D: Place> {
    /// Only renames shapes.
    Nothing,
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
    Guest(Guest<D>),
}

/// The operations of layers one after the other.
pub(super) fn operations<D: Place>(device: &D, nodes: &[Node]) -> Result<Vec<Operation<D>>, BoxError> {
    nodes.iter().map(|node| operation(device, node)).collect()
}

fn operation<D: Place>(device: &D, node: &Node) -> Result<Operation<D>, BoxError> {
    let pool = |settings, purpose| Pool::new(device, settings, node, purpose).map_err(device_error);
    Ok(match &node.layer {
        Layer::Dense(settings) => Operation::Dense(Dense::new(settings, node)),
        Layer::Activation(activation) => Operation::Activation(*activation),
        Layer::Dropout(probability) => Operation::Dropout(Dropout::new(*probability, node)),
        Layer::Flatten | Layer::Reshape(_) => Operation::Nothing,
        Layer::Conv2d(settings) => Operation::Conv(Conv::new(device, settings, node).map_err(device_error)?),
        Layer::MaxPool2d(settings) => Operation::MaxPool(pool(settings, Purpose::Largest)?),
        Layer::AvgPool2d(settings) => Operation::AvgPool(pool(settings, Purpose::Mean)?),
        Layer::GlobalAvgPool => Operation::GlobalAvgPool(GlobalAvgPool::new(node)),
        Layer::BatchNorm(settings) => Operation::BatchNorm(BatchNorm::new(settings, node)),
        Layer::Normalize(_) => Operation::Normalize(Normalize::new(node)),
        Layer::LayerNorm(settings) => Operation::LayerNorm(LayerNorm::new(settings, node)),
        Layer::Embedding(settings) => Operation::Embedding(Embedding::new(settings, node)),
        Layer::Residual(_) => Operation::Residual(operations(device, &node.block)?),
        Layer::Custom(custom) => Operation::Guest(Guest::new(device, custom, node)?),
    })
}

/// All operations; with a key it is for training.
pub(super) fn forward<D: Place, T: Mode<D>>(
    operations: &mut [Operation<D>],
    parameters: &mut [Flat<D>],
    x: Rows<D, T>,
    key: Option<Key>,
) -> Result<Rows<D, T>, BoxError> {
    operations.iter_mut().try_fold(x, |x, operation| operation.forward(parameters, x, key))
}

impl<D: Place> Operation<D> {
    fn forward<T: Mode<D>>(
        &mut self,
        parameters: &mut [Flat<D>],
        x: Rows<D, T>,
        key: Option<Key>,
    ) -> Result<Rows<D, T>, BoxError> {
        let y = match self {
            Operation::Nothing => Ok(x),
            Operation::Dense(layer) => layer.forward(parameters, x),
            Operation::Activation(activation) => activate(*activation, x),
            Operation::Dropout(layer) => layer.forward(x, key),
            Operation::Conv(layer) => layer.forward(parameters, x),
            Operation::MaxPool(pool) => pool.largest(x),
            Operation::AvgPool(pool) => pool.mean(x),
            Operation::GlobalAvgPool(layer) => layer.forward(x),
            Operation::BatchNorm(layer) => layer.forward(parameters, x, key.is_some()),
            Operation::Normalize(layer) => layer.forward(parameters, x),
            Operation::LayerNorm(layer) => layer.forward(parameters, x),
            Operation::Embedding(layer) => return layer.forward(parameters, x),
            Operation::Residual(block) => {
                let inner = forward(block, parameters, x.retaped::<T>(), key)?;
                x.try_add(inner)
            }
            Operation::Guest(layer) => return layer.forward(parameters, x),
        };
        y.map_err(device_error)
    }
}
