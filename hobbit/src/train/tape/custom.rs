//! Layers of users' own, and what they have in common with dfdx's modules: only dfdx's tape can train them.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use dfdx::tensor::{Cpu, HasErr, Tape};

use super::device::{Flat, Rows, TensorDevice, Traced, device_error};
use crate::error::BoxError;
use crate::random::Key;
use crate::train::layer::{Custom, Opaque};
use crate::train::parameter::{Parameter, ParameterSpec};

/// A layer that can be built on every device that this engine knows.
pub(in crate::train) trait Builds: Opaque {
    fn build_cpu(&self) -> Result<Box<dyn Built<Cpu> + Send>, BoxError>;
    #[cfg(feature = "cuda")]
    fn build_cuda(&self, device: &dfdx::tensor::Cuda)
    -> Result<Box<dyn Built<dfdx::tensor::Cuda>>, BoxError>;
}

/// A layer of this engine as descriptions hold it, and by which the engine knows it again.
struct OnTape(Box<dyn Builds>);

/// A layer of this engine, as data.
pub(super) fn on_tape(layer: impl Builds) -> Custom {
    Custom::new(OnTape(Box::new(layer)))
}

/// What builds a layer, which has to be one of this engine.
pub(super) fn builds(layer: &Custom) -> Result<&dyn Builds, BoxError> {
    let layer: &(dyn Any + 'static) = layer.opaque();
    match layer.downcast_ref::<OnTape>() {
        Some(OnTape(layer)) => Ok(&**layer),
        None => Err("dfdx does not know the layer".into()),
    }
}

impl fmt::Debug for OnTape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Opaque for OnTape {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        self.0.output(input)
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterSpec> {
        self.0.parameters(input)
    }

    fn describe(&self) -> String {
        self.0.describe()
    }

    fn initial(&self, key: Key) -> Option<Vec<Vec<f32>>> {
        self.0.initial(key)
    }
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

/// A layer of your own: what it is, as data, and its forward pass in dfdx's operations, on any device. dfdx
/// finds the gradients.
///
/// A network with such a layer is trained on dfdx's tape, also on the processor. Its settings are known by
/// its `Debug` text, and so is whether a study that is continued has the same layer: the text should have all
/// settings, and nothing that changes from one process to the next.
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

    /// Its outputs, a row for each sample, for the samples in `x`, a row for each. The parameters are flat,
    /// in the order of [`parameters`](CustomLayer::parameters); bring them onto the tape with `retaped`.
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
    on_tape(OfUser(Arc::new(layer)))
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
}

impl<L: CustomLayer> Builds for OfUser<L> {
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
