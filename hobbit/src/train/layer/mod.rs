//! Layers as data, a file for each family: their settings, which inputs they take, which outputs they give
//! and which parameters they have. How they are computed is the engines' business.

mod activation;
mod conv;
mod custom;
mod dense;
mod describe;
mod dropout;
mod embedding;
mod geometry;
mod norm;
mod normalize;
mod pool;
mod residual;
mod shape;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use conv::Conv2d;
pub use custom::Custom;
pub(super) use custom::Opaque;
pub use dense::Dense;
pub(super) use describe::{Describe, Over};
use dropout::Dropout;
pub use embedding::Embedding;
pub(super) use embedding::place;
pub(super) use geometry::Geometry;
pub use geometry::Size;
pub use norm::{BatchNorm, LayerNorm};
pub use normalize::Normalize;
use pool::GlobalAvgPool;
pub use pool::Pool2d;
use residual::Residual;
use shape::{Flatten, Reshape};

use super::activation::Activation;
use super::parameter::ParameterSpec;

/// One layer of a [`Sequential`](super::Sequential) network.
///
/// Samples with several dimensions have the channels first: an image is `[channels, height, width]`, a
/// sequence of vectors `[length, width]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Layer {
    /// Every output is a weighted sum of all inputs, plus a bias: `[n]` to `[width]`.
    Dense(Dense),
    /// A function of each number.
    Activation(Activation),
    /// While training, sets each number to zero with this probability, and multiplies the others by 1 / (1 -
    /// p).
    Dropout(f64),
    /// Makes a sample a flat row of numbers.
    Flatten,
    /// Gives samples another shape with the same count of numbers.
    Reshape(Vec<usize>),
    /// A convolution: `[channels, height, width]` to `[filters, height', width']`.
    Conv2d(Conv2d),
    /// The largest number of each window.
    MaxPool2d(Pool2d),
    /// The mean of each window. Padding is not counted.
    AvgPool2d(Pool2d),
    /// The mean of each channel: `[channels, ...]` to `[channels]`.
    GlobalAvgPool,
    /// Batch normalization (Ioffe and Szegedy, ICML 2015), of each number of a flat sample or each channel of
    /// an image.
    BatchNorm(BatchNorm),
    /// Brings the numbers of raw samples to a common scale, by statistics of the training samples.
    Normalize(Normalize),
    /// Layer normalization (Ba et al., 2016) over the last dimension of a sample.
    LayerNorm(LayerNorm),
    /// Looks up a vector for each number, which is the vector's place: `[length]` to `[length, width]`.
    Embedding(Embedding),
    /// Adds what these layers make of the input to the input (He et al., CVPR 2016).
    Residual(Vec<Layer>),
    /// A layer of your own ([`custom`](super::custom)), or a module of dfdx ([`module`](super::module)). It
    /// is code, and so has no serialized form.
    #[serde(skip)]
    Custom(Custom),
}

macro_rules! into_layer {
    ($($name:ident)*) => {
        $(impl From<$name> for Layer {
            fn from(settings: $name) -> Layer {
                Layer::$name(settings)
            }
        })*
    };
}

into_layer!(Dense Activation Conv2d BatchNorm LayerNorm Normalize Embedding Custom);

impl Layer {
    /// The layer's name, for messages and tables.
    pub fn name(&self) -> &str {
        match self {
            Layer::Dense(_) => "dense",
            Layer::Activation(activation) => activation.name(),
            Layer::Dropout(_) => "dropout",
            Layer::Flatten => "flatten",
            Layer::Reshape(_) => "reshape",
            Layer::Conv2d(_) => "conv2d",
            Layer::MaxPool2d(_) => "max pool",
            Layer::AvgPool2d(_) => "average pool",
            Layer::GlobalAvgPool => "global average pool",
            Layer::BatchNorm(_) => "batch norm",
            Layer::Normalize(_) => "normalize",
            Layer::LayerNorm(_) => "layer norm",
            Layer::Embedding(_) => "embedding",
            Layer::Residual(_) => "residual",
            Layer::Custom(custom) => custom.opaque().name(),
        }
    }

    /// Asks the layer something.
    fn ask<R>(&self, question: impl FnOnce(&dyn Describe) -> R) -> R {
        match self {
            Layer::Dense(dense) => question(dense),
            Layer::Activation(activation) => question(activation),
            Layer::Dropout(probability) => question(&Dropout(*probability)),
            Layer::Flatten => question(&Flatten),
            Layer::Reshape(shape) => question(&Reshape(shape)),
            Layer::Conv2d(conv) => question(conv),
            Layer::MaxPool2d(pool) | Layer::AvgPool2d(pool) => question(pool),
            Layer::GlobalAvgPool => question(&GlobalAvgPool),
            Layer::BatchNorm(norm) => question(norm),
            Layer::Normalize(normalize) => question(normalize),
            Layer::LayerNorm(norm) => question(norm),
            Layer::Embedding(embedding) => question(embedding),
            Layer::Residual(layers) => question(&Residual(layers)),
            Layer::Custom(custom) => question(custom),
        }
    }

    /// The layers inside, of a block.
    pub(super) fn block(&self) -> &[Layer] {
        match self {
            Layer::Residual(layers) => layers,
            Layer::Dense(_)
            | Layer::Activation(_)
            | Layer::Dropout(_)
            | Layer::Flatten
            | Layer::Reshape(_)
            | Layer::Conv2d(_)
            | Layer::MaxPool2d(_)
            | Layer::AvgPool2d(_)
            | Layer::GlobalAvgPool
            | Layer::BatchNorm(_)
            | Layer::Normalize(_)
            | Layer::LayerNorm(_)
            | Layer::Embedding(_)
            | Layer::Custom(_) => &[],
        }
    }

    /// Whether a ReLU or the like comes first in these layers, past normalization.
    pub(super) fn are_rectified(layers: &[Layer]) -> bool {
        let next = layers.iter().find(|layer| layer.normalizes().is_none());
        matches!(next, Some(Layer::Activation(activation)) if activation.rectifies())
    }

    /// Whether there is a layer of users' own among these, or within their blocks.
    pub(super) fn have_custom(layers: &[Layer]) -> bool {
        layers.iter().any(|layer| matches!(layer, Layer::Custom(_)) || Layer::have_custom(layer.block()))
    }

    /// Writes these layers, each behind what stands between them; `first` is what stands before the first
    /// one.
    pub(super) fn write_all(
        layers: &[Layer],
        text: &mut String,
        input: Option<&[usize]>,
        first: &str,
    ) -> fmt::Result {
        let mut before = first;
        let mut shape = input.map(<[usize]>::to_vec);
        for layer in layers {
            text.push_str(before);
            before = " > ";
            layer.write(text, layer.name(), shape.as_deref())?;
            shape = shape.and_then(|shape| layer.output(&shape).ok());
        }
        Ok(())
    }
}

impl Describe for Layer {
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        self.ask(|layer| layer.output(input))
    }

    fn parameters(&self, input: &[usize], rectified: bool) -> Vec<ParameterSpec> {
        self.ask(|layer| layer.parameters(input, rectified))
    }

    fn uses(&self, output: &[usize]) -> usize {
        self.ask(|layer| layer.uses(output))
    }

    fn normalizes(&self) -> Option<Over> {
        self.ask(|layer| layer.normalizes())
    }

    fn write(&self, text: &mut String, name: &str, input: Option<&[usize]>) -> fmt::Result {
        self.ask(|layer| layer.write(text, name, input))
    }
}
