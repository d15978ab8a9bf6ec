//! Layers of users' own, and what they have in common with dfdx's modules: only dfdx's tape can train them.

use std::fmt;
use std::sync::Arc;

use dfdx::tensor::{Cpu, HasErr, Tape};

use super::{Flat, Rows, TensorDevice, Traced, device_error};
use crate::error::BoxError;
use crate::random::Key;
use crate::train::init::Init;
use crate::train::layer::{ParameterSpec, Role};

/// A layer that only dfdx knows, as data.
pub(in crate::train) trait Opaque: fmt::Debug + Send + Sync {
    fn name(&self) -> &str;
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String>;
    fn parameters(&self, input: &[usize]) -> Vec<ParameterSpec>;
    /// What it is, as text that another layer does not have.
    fn describe(&self) -> String;
    /// First values of the parameters, if the layer knows them better than their descriptions.
    fn initial(&self, key: Key) -> Option<Vec<Vec<f32>>>;
    fn build_cpu(&self) -> Result<Box<dyn Built<Cpu> + Send>, BoxError>;
    #[cfg(feature = "cuda")]
    fn build_cuda(&self, device: &dfdx::tensor::Cuda)
    -> Result<Box<dyn Built<dfdx::tensor::Cuda>>, BoxError>;
}

/// A layer that only dfdx knows, on a device.
pub(in crate::train) trait Built<D: TensorDevice> {
    /// In training; statistics among the parameters may change.
    fn train(
        &mut self,
        x: Traced<D>,
        sample: &[usize],
        parameters: &mut [Flat<D>],
    ) -> Result<Traced<D>, BoxError>;
    fn eval(&mut self, x: Rows<D>, sample: &[usize], parameters: &mut [Flat<D>])
    -> Result<Rows<D>, BoxError>;
}

/// A [`CustomLayer`] or a `Module`, as [`Layer::Custom`](crate::train::Layer::Custom) holds it.
#[derive(Debug, Clone)]
pub struct Custom(Arc<dyn Opaque>);

impl Custom {
    pub(super) fn new(layer: impl Opaque + 'static) -> Custom {
        Custom(Arc::new(layer))
    }

    pub(in crate::train) fn opaque(&self) -> &dyn Opaque {
        &*self.0
    }
}

impl PartialEq for Custom {
    fn eq(&self, other: &Custom) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || format!("{:?}", self.0) == format!("{:?}", other.0)
    }
}

/// A parameter of a [`CustomLayer`].
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    name: String,
    shape: Vec<usize>,
    init: Init,
    weight: bool,
}

impl Parameter {
    /// With this name in checkpoints and this shape, zero at first. Regularization leaves it alone.
    pub fn new(name: impl Into<String>, shape: impl Into<Vec<usize>>) -> Parameter {
        Parameter { name: name.into(), shape: shape.into(), init: Init::Constant(0.0), weight: false }
    }

    /// How it begins. Inputs and outputs are counted by the shape's first and last dimension.
    pub fn init(self, init: Init) -> Parameter {
        Parameter { init, ..self }
    }

    /// Makes it a weight: regularization is applied to it.
    pub fn weight(self) -> Parameter {
        Parameter { weight: true, ..self }
    }

    fn spec(self) -> ParameterSpec {
        let fans =
            (self.shape.first().copied().unwrap_or(1) as f64, self.shape.last().copied().unwrap_or(1) as f64);
        let role = if self.weight { Role::Weight } else { Role::Other };
        ParameterSpec { name: self.name, shape: self.shape, role, init: self.init, fans }
    }
}

/// A layer of your own: what it is, as data, and its forward pass in dfdx's operations, on any device. dfdx finds the gradients.
///
/// A network with such a layer is trained on dfdx's tape, also on the processor. Its settings are known by
/// its `Debug` text, and so is whether a study that is continued has the same layer: the text should have all
/// settings, and nothing that changes from run to run.
///
/// ```
/// use dfdx::prelude::*;
/// use hobbit::train::{Adam, CustomLayer, Flat, Init, Loss, Parameter, Rows, Sequential, TensorDevice};
///
/// /// Multiplies every number by a factor that is learned.
/// #[derive(Debug)]
/// struct Scale;
///
/// impl CustomLayer for Scale {
///     fn name(&self) -> &str {
///         "scale"
///     }
///
///     fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
///         Ok(input.to_vec())
///     }
///
///     fn parameters(&self, input: &[usize]) -> Vec<Parameter> {
///         vec![Parameter::new("factors", [input.iter().product::<usize>()]).init(Init::Constant(1.0))]
///     }
///
///     fn forward<D: TensorDevice, T: Tape<f32, D>>(
///         &self,
///         x: Rows<D, T>,
///         parameters: &[Flat<D>],
///     ) -> Result<Rows<D, T>, D::Err> {
///         let shape = *x.shape();
///         x.try_mul(parameters[0].retaped::<T>().try_broadcast_like::<_, Axis<0>>(&shape)?)
///     }
/// }
///
/// let model = Sequential::new([4]).layer(hobbit::train::custom(Scale)).dense(1).compile(Adam::new(1e-3), Loss::MeanSquaredError);
/// assert_eq!(model.parameters()?, 4 + 5);
/// # Ok::<(), hobbit::Error>(())
/// ```
pub trait CustomLayer: fmt::Debug + Send + Sync + 'static {
    /// Its name, for messages, tables and checkpoints.
    fn name(&self) -> &str;

    /// The shape of a sample after it; an error says why it cannot take such samples.
    ///
    /// # Errors
    /// What does not fit.
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String>;

    /// What it learns.
    fn parameters(&self, input: &[usize]) -> Vec<Parameter> {
        let _ = input;
        Vec::new()
    }

    /// Its outputs, a row for each sample, for the samples in `x`, a row for each. The parameters are flat, in the order of
    /// [`parameters`](CustomLayer::parameters); bring them onto the tape with `retaped`.
    ///
    /// # Errors
    /// What the device failed with.
    fn forward<D: TensorDevice, T: Tape<f32, D>>(
        &self,
        x: Rows<D, T>,
        parameters: &[Flat<D>],
    ) -> Result<Rows<D, T>, <D as HasErr>::Err>;
}

/// A layer of your own, for [`Sequential::layer`](crate::train::Sequential::layer).
pub fn custom(layer: impl CustomLayer) -> Custom {
    Custom::new(OfUser(Arc::new(layer)))
}

#[derive(Debug)]
struct OfUser<L>(Arc<L>);

impl<L: CustomLayer> Opaque for OfUser<L> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        self.0.output(input)
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterSpec> {
        self.0.parameters(input).into_iter().map(Parameter::spec).collect()
    }

    fn describe(&self) -> String {
        format!("{} {:?}", self.0.name(), self.0)
    }

    fn initial(&self, _: Key) -> Option<Vec<Vec<f32>>> {
        None
    }

    fn build_cpu(&self) -> Result<Box<dyn Built<Cpu> + Send>, BoxError> {
        Ok(Box::new(OfUser(Arc::clone(&self.0))))
    }

    #[cfg(feature = "cuda")]
    fn build_cuda(&self, _: &dfdx::tensor::Cuda) -> Result<Box<dyn Built<dfdx::tensor::Cuda>>, BoxError> {
        Ok(Box::new(OfUser(Arc::clone(&self.0))))
    }
}

impl<L: CustomLayer, D: TensorDevice> Built<D> for OfUser<L> {
    fn train(
        &mut self,
        x: Traced<D>,
        _: &[usize],
        parameters: &mut [Flat<D>],
    ) -> Result<Traced<D>, BoxError> {
        self.0.forward(x, parameters).map_err(device_error)
    }

    fn eval(&mut self, x: Rows<D>, _: &[usize], parameters: &mut [Flat<D>]) -> Result<Rows<D>, BoxError> {
        self.0.forward(x, parameters).map_err(device_error)
    }
}
