//! What a model is: layers with their sizes, an optimizer and a loss, as plain data that can be checked and printed.

use serde::{Deserialize, Serialize};

use super::loss::Loss;
use super::optimizer::Optimizer;
use crate::error::{BoxError, Error, Result};

/// A function applied to each number of a layer's output.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Activation {
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// max(0, x)
    Relu,
    /// x · Φ(x), with the normal distribution's exact Φ (Hendrycks and Gimpel, 2016).
    Gelu,
    /// x where it is positive, x / 100 elsewhere.
    LeakyRelu,
    /// x
    Linear,
}

/// One layer of a [`Sequential`] network.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Layer {
    /// Every output is a weighted sum of all inputs, plus a bias.
    Dense(usize),
    /// A function of each number.
    Activation(Activation),
    /// While training, sets each number to zero with this probability, and makes the others larger by 1 / (1 - p).
    Dropout(f64),
    /// Makes a sample a flat row of numbers.
    Flatten,
}

impl Layer {
    /// The layer's name, for messages and tables.
    pub fn name(&self) -> &'static str {
        match self {
            Layer::Dense(_) => "dense",
            Layer::Activation(Activation::Sigmoid) => "sigmoid",
            Layer::Activation(Activation::Tanh) => "tanh",
            Layer::Activation(Activation::Relu) => "relu",
            Layer::Activation(Activation::Gelu) => "gelu",
            Layer::Activation(Activation::LeakyRelu) => "leaky relu",
            Layer::Activation(Activation::Linear) => "linear",
            Layer::Dropout(_) => "dropout",
            Layer::Flatten => "flatten",
        }
    }

    /// The shape of its output; an error says what does not fit.
    pub(super) fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        match self {
            Layer::Dense(0) => Err("it has no outputs; its width has to be at least 1".to_owned()),
            Layer::Dense(width) => match input {
                [_] => Ok(vec![*width]),
                _ => Err(format!(
                    "it takes flat samples of shape [n] and gives [{width}], but its input has shape {input:?}; put `.flatten()` before it"
                )),
            },
            Layer::Dropout(p) if !(0.0..=1.0).contains(p) => {
                Err(format!("its probability is {p}; it has to be from 0 to 1"))
            }
            Layer::Activation(_) | Layer::Dropout(_) => Ok(input.to_vec()),
            Layer::Flatten => Ok(vec![input.iter().product()]),
        }
    }

    /// The number of its parameters.
    pub(super) fn parameters(&self, input: &[usize]) -> usize {
        match self {
            Layer::Dense(width) => (input.iter().product::<usize>() + 1) * width,
            _ => 0,
        }
    }
}

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
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Sequential {
    input: Vec<usize>,
    layers: Vec<Layer>,
}

impl Sequential {
    /// A network that takes samples of this shape.
    pub fn new(sample_shape: impl Into<Vec<usize>>) -> Sequential {
        Sequential { input: sample_shape.into(), layers: Vec::new() }
    }

    /// Adds a layer.
    pub fn layer(mut self, layer: Layer) -> Sequential {
        self.layers.push(layer);
        self
    }

    /// Adds a dense layer with so many outputs.
    pub fn dense(self, width: usize) -> Sequential {
        self.layer(Layer::Dense(width))
    }

    /// Adds an activation.
    pub fn activation(self, activation: Activation) -> Sequential {
        self.layer(Layer::Activation(activation))
    }

    /// Adds dropout with this probability (Srivastava et al., JMLR 15, 2014).
    pub fn dropout(self, probability: f64) -> Sequential {
        self.layer(Layer::Dropout(probability))
    }

    /// Makes samples flat.
    pub fn flatten(self) -> Sequential {
        self.layer(Layer::Flatten)
    }

    /// The whole model: this network, trained by an optimizer to make a loss small.
    pub fn compile(self, optimizer: impl Into<Optimizer>, loss: Loss) -> Compiled {
        let Sequential { input, layers } = self;
        Compiled { input, layers, optimizer: optimizer.into(), loss, batch_size: None }
    }
}

/// A model, as a model function returns it: plain data that has not been checked.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Compiled {
    pub(super) input: Vec<usize>,
    pub(super) layers: Vec<Layer>,
    pub(super) optimizer: Optimizer,
    pub(super) loss: Loss,
    pub(super) batch_size: Option<usize>,
}

impl Compiled {
    /// The samples of a training step, instead of the sweep's setting; so it can be tuned.
    pub fn batch_size(mut self, samples: usize) -> Compiled {
        self.batch_size = Some(samples);
        self
    }

    /// Checks that the layers fit together, and every setting.
    ///
    /// # Errors
    /// The first layer that does not fit, with both shapes; or the setting that is not allowed.
    pub fn check(&self) -> Result<()> {
        self.shapes()?;
        if self.batch_size == Some(0) {
            return Err(Error::model("the batch size is 0; it has to be at least 1"));
        }
        self.optimizer.check()
    }

    /// The shape of a sample before the first layer, and after each.
    pub(super) fn shapes(&self) -> Result<Vec<Vec<usize>>> {
        if self.input.is_empty() || self.input.contains(&0) {
            return Err(Error::model(format!(
                "the shape of a sample is {:?}; it needs at least one dimension, and none of length 0",
                self.input
            )));
        }
        let mut shapes = vec![self.input.clone()];
        for (position, layer) in self.layers.iter().enumerate() {
            let shape = layer.output(&shapes[position]).map_err(|why| {
                Error::model(format!("layer {} ({}) does not fit: {why}", position + 1, layer.name()))
            })?;
            shapes.push(shape);
        }
        let output = &shapes[shapes.len() - 1];
        if output.len() != 1 {
            return Err(Error::model(format!(
                "the network ends with samples of shape {output:?}; a loss needs a flat row: end it with `.flatten()` or `.dense(n)`"
            )));
        }
        if self.loss == Loss::CrossEntropy && output[0] < 2 {
            return Err(Error::model(
                "cross-entropy needs an output for each class, at least 2, and the network has 1; for one output use \
                 `Loss::BinaryCrossEntropy`",
            ));
        }
        if let Loss::Huber(delta) = self.loss
            && !(delta.is_finite() && delta > 0.0)
        {
            return Err(Error::model(format!("the Huber loss has delta {delta}; it has to be above 0")));
        }
        Ok(shapes)
    }

    /// The length of a flat sample, and of a flat output.
    pub(super) fn widths(&self) -> Result<(usize, usize)> {
        let shapes = self.shapes()?;
        Ok((self.input.iter().product(), shapes[shapes.len() - 1][0]))
    }
}

/// What a model function may return: a [`Compiled`] model, or a `Result` with one.
pub trait IntoModel {
    /// The model, or why there is none.
    fn into_model(self) -> Result<Compiled, BoxError>;
}

impl IntoModel for Compiled {
    fn into_model(self) -> Result<Compiled, BoxError> {
        Ok(self)
    }
}

impl<E: Into<BoxError>> IntoModel for Result<Compiled, E> {
    fn into_model(self) -> Result<Compiled, BoxError> {
        self.map_err(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::RmsProp;

    fn message(network: Sequential, loss: Loss) -> String {
        network.compile(RmsProp::new(0.01), loss).check().unwrap_err().to_string()
    }

    #[test]
    fn layers_that_do_not_fit_are_named_with_both_shapes() {
        let text = message(Sequential::new([8, 8]).dropout(0.1).dense(10), Loss::CrossEntropy);
        assert!(
            text.contains("layer 2 (dense)") && text.contains("[8, 8]") && text.contains("[10]"),
            "{text}"
        );
        assert!(message(Sequential::new([64]).dense(0), Loss::CrossEntropy).contains("layer 1 (dense)"));
        assert!(message(Sequential::new([64]).dropout(1.5).dense(2), Loss::CrossEntropy).contains("1.5"));
        assert!(
            message(Sequential::new([64]).dropout(f64::NAN).dense(2), Loss::CrossEntropy).contains("NaN")
        );
        assert!(message(Sequential::new([]).dense(2), Loss::CrossEntropy).contains("[]"));
        assert!(message(Sequential::new([64]).dense(1), Loss::CrossEntropy).contains("BinaryCrossEntropy"));
        assert!(message(Sequential::new([8, 8]), Loss::MeanSquaredError).contains("[8, 8]"));
        assert!(message(Sequential::new([8]).dense(1), Loss::Huber(-1.0)).contains("-1"));
        let fits =
            Sequential::new([8, 8]).flatten().dense(10).compile(RmsProp::new(0.01), Loss::CrossEntropy);
        fits.check().unwrap();
        assert!(fits.batch_size(0).check().is_err());
    }
}
