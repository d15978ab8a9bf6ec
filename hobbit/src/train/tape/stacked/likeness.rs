//! Which networks are alike: what differs in nothing but numbers is stacked.

use std::fmt::Write;

use crate::train::layer::{Conv2d, Embedding, Layer, Pool2d};
use crate::train::optimizer::{Adam, AdamW, Optimizer, RmsProp, Sgd};
use crate::train::plan::{Node, Plan};

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
    (plan.trainable() > 0).then(|| format!("{text} {kind:?}"))
}

fn liken(nodes: &[Node], text: &mut String) -> Option<()> {
    for node in nodes {
        let (inputs, outputs, input) = (node.inputs(), node.outputs(), &node.input);
        // a text takes what is written to it
        let _ = match &node.layer {
            Layer::Dense(_) => write!(text, " dense {inputs} {outputs} {}", node.parameters.len()),
            Layer::Activation(activation) => write!(text, " {}", activation.name()),
            // its masks are drawn by its number
            Layer::Dropout(_) => write!(text, " dropout {}", node.id),
            Layer::Flatten | Layer::Reshape(_) => Ok(()),
            Layer::Conv2d(Conv2d { filters, kernel, stride, padding, bias, init: _ }) => {
                write!(text, " conv {input:?} {filters} {kernel:?} {stride:?} {padding:?} {bias}")
            }
            Layer::MaxPool2d(Pool2d { window, stride, padding })
            | Layer::AvgPool2d(Pool2d { window, stride, padding }) => {
                write!(text, " {} {input:?} {window:?} {stride:?} {padding:?}", node.layer.name())
            }
            Layer::GlobalAvgPool | Layer::BatchNorm(_) | Layer::Normalize(_) | Layer::LayerNorm(_) => {
                write!(text, " {} {input:?}", node.layer.name())
            }
            Layer::Embedding(Embedding { words, width, init: _ }) => {
                write!(text, " embedding {inputs} {words} {width}")
            }
            Layer::Residual(_) => {
                text.push_str(" (");
                liken(&node.block, text)?;
                text.push(')');
                Ok(())
            }
            Layer::Custom(_) => return None,
        };
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use dfdx::nn::builders::Linear;
    use dfdx::shapes::Const;

    use super::*;
    use crate::train::tape::module;
    use crate::train::{Activation, BatchNorm, Init, LayerNorm, Sequential};

    fn layers(dropout: f64) -> Sequential {
        Sequential::new([2, 3]).flatten().dense(5).activation(Activation::Tanh).dropout(dropout).dense(3)
    }

    fn norms(number: f64) -> Sequential {
        let batch = BatchNorm::default().momentum(number).epsilon(number);
        let image = Sequential::new([1, 5, 4]).normalize().conv2d(2, 3).layer(batch);
        image.residual(|b| b.layer(LayerNorm::default().epsilon(number)).dropout(number)).flatten()
    }

    #[test]
    fn only_what_is_alike_stacks() {
        let sgd = || Sgd::new(0.1);
        let alike = |network: Sequential, optimizer: Optimizer| {
            likeness(&Plan::new(&network.input, &network.layers).unwrap(), optimizer)
        };
        let first = alike(layers(0.1), sgd().into());
        assert!(first.is_some());
        assert_eq!(first, alike(layers(0.2), Sgd::new(0.2).into()));
        let narrow =
            Sequential::new([2, 3]).flatten().dense(4).activation(Activation::Tanh).dropout(0.1).dense(3);
        for (network, optimizer) in [
            (narrow, sgd().into()),
            (layers(0.1), sgd().momentum(0.9).into()),
            (layers(0.1), sgd().weight_decay(0.1).into()),
            (layers(0.1), Adam::new(0.1).into()),
        ] {
            assert_ne!(first, alike(network, optimizer));
        }
        assert_ne!(
            alike(layers(0.1), Adam::new(0.1).into()),
            alike(layers(0.1), AdamW::new(0.1, 0.0).into())
        );
        let image = || Sequential::new([2, 6, 6]);
        let conv = || Conv2d::new(3, 3);
        let pool = |pool: fn(Pool2d) -> Layer, settings: Pool2d| image().conv2d(2, 1).layer(pool(settings));
        let different = [
            layers(0.1),
            norms(0.1),
            image().layer(conv()),
            image().layer(conv().without_bias()),
            image().layer(conv().stride(2)),
            image().layer(conv().stride([2, 1])),
            image().layer(conv().padding(1)),
            image().layer(conv()).flatten().batch_norm(),
            image().layer(conv()).batch_norm(),
            image().layer(conv()).layer_norm(),
            image().layer(conv()).flatten().layer_norm(),
            image().layer(conv()).global_avg_pool(),
            image().layer(Conv2d::new(3, [1, 3])),
            image().layer(Conv2d::new(3, [3, 1])),
            image().layer(Conv2d::new(4, 3)),
            image().normalize().layer(conv()),
            image().flatten().layer(Layer::Reshape(vec![2, 4, 9])).layer(conv()),
            image().flatten().layer(Layer::Reshape(vec![2, 9, 4])).layer(conv()),
            pool(Layer::MaxPool2d, Pool2d::new(2)),
            pool(Layer::AvgPool2d, Pool2d::new(2)),
            pool(Layer::MaxPool2d, Pool2d::new(2).stride(1)),
            pool(Layer::MaxPool2d, Pool2d::new(2).padding(1)),
            Sequential::new([4]).embedding(3, 2),
            Sequential::new([4]).embedding(2, 3),
            Sequential::new([4]).embedding(3, 3),
            Sequential::new([4]).dense(2).dropout(0.5),
            // dropout is drawn by the layer's number
            Sequential::new([4]).flatten().dense(2).dropout(0.5),
        ];
        let texts: BTreeSet<String> =
            different.iter().map(|network| alike(network.clone(), sgd().into()).unwrap()).collect();
        assert_eq!(texts.len(), different.len(), "{texts:#?}");
        assert_eq!(alike(norms(0.1), sgd().into()), alike(norms(0.2), sgd().into()));
        let embedding = |init| Sequential::new([4]).layer(Embedding::new(3, 2).init(init));
        let inits = [Init::Normal(1.0), Init::Constant(0.5)].map(|init| alike(embedding(init), sgd().into()));
        assert_eq!(inits[0], inits[1]);
        let others = [
            Sequential::new([4]).dense(2).layer(module::<Linear<2, 2>, (usize, Const<2>)>()),
            // nothing to be trained
            Sequential::new([4]).activation(Activation::Relu),
            Sequential::new([4]).normalize(),
        ];
        for network in others {
            assert_eq!(alike(network, sgd().into()), None);
        }
    }
}
