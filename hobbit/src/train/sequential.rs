//! Networks as data: layers one after the other.

use super::activation::Activation;
use super::compiled::Compiled;
use super::layer::{BatchNorm, Conv2d, Dense, Embedding, Layer, LayerNorm, Normalize, Pool2d, Size};
use super::loss::Loss;
use super::optimizer::Optimizer;

/// A network of layers one after the other, with sizes that are known when the program runs.
///
/// ```
/// use hobbit::train::{Activation, Loss, RmsProp, Sequential};
///
/// let model = Sequential::new([64])
///     .dropout(0.2)
///     .dense(100)
///     .activation(Activation::Relu)
///     .dense(10)
///     .compile(RmsProp::new(1e-3), Loss::CrossEntropy);
/// println!("{}", model.summary()?);
/// # Ok::<(), hobbit::Error>(())
/// ```
///
/// Images have their channels first:
///
/// ```
/// use hobbit::train::{Activation, Adam, Conv2d, Loss, Sequential};
///
/// let model = Sequential::new([1, 28, 28])
///     .layer(Conv2d::new(8, 3).padding(1))
///     .batch_norm()
///     .activation(Activation::Relu)
///     .max_pool(2)
///     .residual(|block| block.layer(Conv2d::new(8, 3).padding(1)).activation(Activation::Relu))
///     .flatten()
///     .dense(10)
///     .compile(Adam::new(1e-3), Loss::CrossEntropy);
/// assert_eq!(model.parameters()?, (9 + 1) * 8 + 2 * 8 + (72 + 1) * 8 + (8 * 14 * 14 + 1) * 10);
/// # Ok::<(), hobbit::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Sequential {
    pub(super) input: Vec<usize>,
    pub(super) layers: Vec<Layer>,
}

impl Sequential {
    /// A network that takes samples of this shape.
    pub fn new(sample_shape: impl Into<Vec<usize>>) -> Sequential {
        Sequential { input: sample_shape.into(), layers: Vec::new() }
    }

    /// Adds a layer with all its settings.
    pub fn layer(mut self, layer: impl Into<Layer>) -> Sequential {
        self.layers.push(layer.into());
        self
    }

    /// Adds layers that are the same for every configuration, or as many as a hyperparameter says.
    pub fn layers<L: Into<Layer>>(mut self, layers: impl IntoIterator<Item = L>) -> Sequential {
        self.layers.extend(layers.into_iter().map(Into::into));
        self
    }

    /// Adds a dense layer with `width` outputs.
    pub fn dense(self, width: usize) -> Sequential {
        self.layer(Dense::new(width))
    }

    /// Adds an activation.
    pub fn activation(self, activation: Activation) -> Sequential {
        self.layer(activation)
    }

    /// Adds dropout with this probability (Srivastava et al., JMLR 15, 2014).
    pub fn dropout(self, probability: f64) -> Sequential {
        self.layer(Layer::Dropout(probability))
    }

    /// Adds a layer that makes samples flat.
    pub fn flatten(self) -> Sequential {
        self.layer(Layer::Flatten)
    }

    /// Adds a layer that gives samples another shape with the same count of numbers.
    pub fn reshape(self, sample_shape: impl Into<Vec<usize>>) -> Sequential {
        self.layer(Layer::Reshape(sample_shape.into()))
    }

    /// Adds a convolution with `filters` filters and a kernel of this size, with stride 1 and without
    /// padding.
    pub fn conv2d(self, filters: usize, kernel: impl Into<Size>) -> Sequential {
        self.layer(Conv2d::new(filters, kernel))
    }

    /// Adds max pooling: the largest number of each window of this size. Windows lie side by side.
    pub fn max_pool(self, window: impl Into<Size>) -> Sequential {
        self.layer(Layer::MaxPool2d(Pool2d::new(window)))
    }

    /// Adds average pooling: the mean of each window of this size. Windows lie side by side.
    pub fn avg_pool(self, window: impl Into<Size>) -> Sequential {
        self.layer(Layer::AvgPool2d(Pool2d::new(window)))
    }

    /// Adds global average pooling: the mean of each channel.
    pub fn global_avg_pool(self) -> Sequential {
        self.layer(Layer::GlobalAvgPool)
    }

    /// Adds batch normalization. See [`BatchNorm`](super::BatchNorm) for what it needs of batches.
    pub fn batch_norm(self) -> Sequential {
        self.layer(BatchNorm::default())
    }

    /// Adds a normalization of raw samples, fitted to the training part of the data and kept in the weights.
    /// It has to come first. See [`Normalize`](super::Normalize).
    pub fn normalize(self) -> Sequential {
        self.layer(Normalize::new())
    }

    /// Adds layer normalization over the last dimension.
    pub fn layer_norm(self) -> Sequential {
        self.layer(LayerNorm::default())
    }

    /// Adds an embedding: looks up one of `words` vectors of this width for each number of a sample.
    pub fn embedding(self, words: usize, width: usize) -> Sequential {
        self.layer(Embedding::new(words, width))
    }

    /// Adds a residual block: its output is its input plus what these layers make of it, so they have to keep
    /// the shape.
    pub fn residual(self, block: impl FnOnce(Sequential) -> Sequential) -> Sequential {
        let layers = block(Sequential::new([])).layers;
        self.layer(Layer::Residual(layers))
    }

    /// The whole model: this network, trained by an optimizer to make a loss small.
    pub fn compile(self, optimizer: impl Into<Optimizer>, loss: Loss) -> Compiled {
        Compiled::new(self.input, self.layers, optimizer.into(), loss)
    }
}
