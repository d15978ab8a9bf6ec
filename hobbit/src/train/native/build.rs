//! Which kernel computes which layer: the one place on the processor that knows all of them.

use super::activations::Activate;
use super::chain::{Chain, Link};
use super::conv::Conv;
use super::dense::Dense;
use super::dropout::Dropout;
use super::embedding::Embedding;
use super::kernel::Kernel;
use super::norm::{BatchNorm, LayerNorm, Normalize};
use super::pool::{AvgPool, GlobalAvgPool, MaxPool};
use super::product::Element;
use super::residual::Residual;
use crate::train::activation::Activation;
use crate::train::layer::Layer;
use crate::train::plan::Node;

/// The kernels of layers one after the other. An activation whose derivative can be had from its value is the
/// business of the dense layer or convolution before it.
pub(super) fn chain<T: Element>(nodes: &[Node]) -> Chain<T> {
    let mut links = Vec::new();
    let mut position = 0;
    while let Some(node) = nodes.get(position) {
        position += 1;
        let follows = nodes.get(position).map(|next| &next.layer);
        let fuses = matches!(node.layer, Layer::Dense(_) | Layer::Conv2d(_));
        let mut activation = Activation::Linear;
        if let Some(&Layer::Activation(next)) = follows
            && fuses
            && next.derivative_from_value()
        {
            activation = next;
            position += 1;
        }
        if let Some(kernel) = kernel(node, activation) {
            // statistics that are fitted beforehand have no gradients
            let is_trained = !node.parameters.is_empty() && !matches!(node.layer, Layer::Normalize(_));
            let has_parameters = is_trained || kernel.has_parameters();
            links.push(Link { kernel, inputs: node.inputs(), outputs: node.outputs(), has_parameters });
        }
    }
    Chain::new(links)
}

/// The kernel of a layer; none if it only renames shapes.
fn kernel<T: Element>(node: &Node, activation: Activation) -> Option<Box<dyn Kernel<T>>> {
    Some(match &node.layer {
        Layer::Dense(settings) => Box::new(Dense::new(settings, node, activation)),
        Layer::Activation(Activation::Linear) | Layer::Flatten | Layer::Reshape(_) => return None,
        Layer::Activation(activation) => Box::new(Activate(*activation)),
        Layer::Dropout(probability) => Box::new(Dropout::new(*probability, node)),
        Layer::Conv2d(settings) => Box::new(Conv::new(settings, node, activation)),
        Layer::MaxPool2d(settings) => Box::new(MaxPool::new(settings, node)),
        Layer::AvgPool2d(settings) => Box::new(AvgPool::new(settings, node)),
        Layer::GlobalAvgPool => Box::new(GlobalAvgPool::new(node)),
        Layer::BatchNorm(settings) => Box::new(BatchNorm::new(settings, node)),
        Layer::Normalize(_) => Box::new(Normalize::new(node)),
        Layer::LayerNorm(settings) => Box::new(LayerNorm::new(settings, node)),
        Layer::Embedding(settings) => Box::new(Embedding::new(settings, node)),
        Layer::Residual(_) => Box::new(Residual::new(chain(&node.block))),
        // networks with such layers are on the tape
        Layer::Custom(_) => return None,
    })
}
