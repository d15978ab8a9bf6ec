//! Which operations compute which layer of a stack, and which networks are alike.

use std::fmt::Write;

use dfdx::shapes::{Axis, HasShape};
use dfdx::tensor::{NoneTape, Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, ReshapeTo, TryAdd, TryMatMul, TryMul};

use crate::random::Key;
use crate::train::activation::Activation;
use crate::train::layer::Layer;
use crate::train::math::dropout_mask;
use crate::train::optimizer::{Adam, AdamW, Optimizer, RmsProp, Sgd};
use crate::train::plan::{Node, Plan};
use crate::train::tape::activation::activate;
use crate::train::tape::device::{Rows, TensorDevice};

/// Samples of several networks: for each network, a row for each of its samples.
pub(super) type Sheets<D, T = NoneTape> = Tensor<(usize, usize, usize), f32, D, T>;

/// What networks have in common that can be stacked; nothing of one that cannot be.
pub(in crate::train) fn likeness(plan: &Plan, optimizer: Optimizer) -> Option<String> {
    let mut text = format!("{:?}", plan.input);
    liken(&plan.nodes, &mut text)?;
    // what is zero takes another way through the optimizer
    let kind = match optimizer {
        Optimizer::Sgd(Sgd { momentum, nesterov, weight_decay, .. }) => {
            (0, momentum == 0.0, nesterov, weight_decay == 0.0)
        }
        Optimizer::Adam(Adam { weight_decay, .. }) => (1, false, false, weight_decay == 0.0),
        Optimizer::AdamW(AdamW(Adam { weight_decay, .. })) => (2, false, false, weight_decay == 0.0),
        Optimizer::RmsProp(RmsProp { momentum, weight_decay, .. }) => {
            (3, momentum == 0.0, false, weight_decay == 0.0)
        }
    };
    (!plan.parameters.is_empty()).then(|| format!("{text} {kind:?}"))
}

fn liken(nodes: &[Node], text: &mut String) -> Option<()> {
    for node in nodes {
        let (inputs, outputs) = (node.inputs(), node.outputs());
        // a text takes what is written to it
        let _ = match &node.layer {
            Layer::Dense(_) => write!(text, " dense {inputs} {outputs} {}", node.parameters.len()),
            Layer::Activation(activation) => write!(text, " {}", activation.name()),
            Layer::Dropout(_) => write!(text, " dropout"),
            Layer::Flatten | Layer::Reshape(_) => Ok(()),
            Layer::Residual(_) => {
                text.push_str(" (");
                liken(&node.block, text)?;
                text.push(')');
                Ok(())
            }
            _ => return None,
        };
    }
    Some(())
}

/// How likely each dropout layer drops a number, in order.
pub(super) fn drops(nodes: &[Node]) -> Vec<f64> {
    let of = |node: &Node| match node.layer {
        Layer::Dropout(probability) => vec![probability],
        _ => drops(&node.block),
    };
    nodes.iter().flat_map(of).collect()
}

/// A layer.
#[derive(Clone)]
pub(super) enum Operation {
    /// y = x W + b.
    Dense {
        inputs: usize,
        outputs: usize,
        weight: usize,
        bias: Option<usize>,
    },
    Activation(Activation),
    /// Dropout, with its number among all of them.
    Dropout {
        id: u64,
        number: usize,
    },
    Residual(Vec<Operation>),
}

/// The operations of layers one after the other; shapes are but names.
pub(super) fn operations(nodes: &[Node], dropouts: &mut usize) -> Vec<Operation> {
    let mut operation = |node: &Node| {
        Some(match &node.layer {
            Layer::Dense(settings) => {
                let weight = node.parameters.start;
                let bias = settings.bias.then_some(weight + 1);
                Operation::Dense { inputs: node.inputs(), outputs: node.outputs(), weight, bias }
            }
            Layer::Activation(activation) => Operation::Activation(*activation),
            Layer::Dropout(_) => {
                *dropouts += 1;
                Operation::Dropout { id: node.id, number: *dropouts - 1 }
            }
            Layer::Residual(_) => Operation::Residual(operations(&node.block, dropouts)),
            _ => return None,
        })
    };
    nodes.iter().filter_map(&mut operation).collect()
}

/// What the layers of a stack are run with.
pub(super) struct Pass<'a, D: TensorDevice> {
    /// A row for each network, with all its parameters.
    pub(super) values: &'a Rows<D>,
    /// Where each parameter begins in the rows, and how many numbers it is.
    pub(super) spans: &'a [(usize, usize)],
    /// In training, the key and the dropout of each network.
    pub(super) keys: Option<&'a [(Key, &'a [f64])]>,
}

impl<D: TensorDevice> Pass<'_, D> {
    /// A parameter of all networks. Its gradient is assigned to its place, so each is used once in a pass.
    fn parameter<T: Tape<f32, D>>(&self, place: usize) -> Result<Rows<D, T>, D::Err> {
        let (start, length) = self.spans[place];
        let (networks, _) = *self.values.shape();
        self.values.retaped::<T>().try_slice((0..networks, start..start + length))
    }

    pub(super) fn forward<T: Tape<f32, D>>(
        &self,
        operations: &[Operation],
        x: Sheets<D, T>,
    ) -> Result<Sheets<D, T>, D::Err> {
        operations.iter().try_fold(x, |x, operation| self.operate(operation, x))
    }

    fn operate<T: Tape<f32, D>>(
        &self,
        operation: &Operation,
        x: Sheets<D, T>,
    ) -> Result<Sheets<D, T>, D::Err> {
        let (networks, samples, width) = *x.shape();
        match operation {
            Operation::Dense { inputs, outputs, weight, bias } => {
                let weight = self.parameter::<T>(*weight)?;
                let y = x.try_matmul(weight.try_reshape_like(&(networks, *inputs, *outputs))?)?;
                let Some(bias) = bias else { return Ok(y) };
                let bias = self.parameter::<T>(*bias)?;
                y.try_add(bias.try_broadcast_like::<_, Axis<1>>(&(networks, samples, *outputs))?)
            }
            Operation::Activation(activation) => activate(*activation, x),
            Operation::Dropout { id, number } => match self.keys {
                Some(keys) if keys.iter().any(|(_, drops)| drops[*number] > 0.0) => {
                    let mask = |(key, drops): &(Key, &[f64])| {
                        dropout_mask(drops[*number], samples * width, key.child(*id))
                    };
                    let mask: Vec<f32> = keys.iter().flat_map(mask).collect();
                    let mask: Sheets<D> = x.device().try_tensor_from_vec(mask, (networks, samples, width))?;
                    x.try_mul(mask)
                }
                _ => Ok(x),
            },
            Operation::Residual(block) => {
                let inner = self.forward(block, x.retaped::<T>())?;
                x.try_add(inner)
            }
        }
    }
}
