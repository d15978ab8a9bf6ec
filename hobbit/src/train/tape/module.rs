//! dfdx's modules, with shapes known at compile time, as layers.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;

use dfdx::nn::tensor_collection::{
    RecursiveWalker, TensorCollection, TensorOptions, TensorVisitor, ViewTensorMut, ViewTensorName,
};
use dfdx::nn::{BuildOnDevice, Module};
use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{Cpu, Tensor, ZerosTensor};

use super::adapter::{IntoRows, OnDevice, Trainable, batch_shape};
use super::custom::{Builds, Built, on_tape};
use super::device::device_error;
use crate::error::BoxError;
use crate::random::Key;
use crate::train::init::Init;
use crate::train::layer::{Custom, Opaque};
use crate::train::parameter::{ParameterSpec, Role};

/// A module that can be built and trained wherever networks are: on the processor and, with the feature
/// `cuda`, on GPUs.
#[cfg(not(feature = "cuda"))]
pub trait Buildable<In: Shape>: BuildOnDevice<Cpu, f32, Built: Trainable<In, Cpu> + Send> + 'static {}

#[cfg(not(feature = "cuda"))]
impl<B, In: Shape> Buildable<In> for B where
    B: BuildOnDevice<Cpu, f32, Built: Trainable<In, Cpu> + Send> + 'static
{
}

/// A module that can be built and trained wherever networks are: on the processor and on GPUs.
#[cfg(feature = "cuda")]
pub trait Buildable<In: Shape>:
    BuildOnDevice<Cpu, f32, Built: Trainable<In, Cpu> + Send>
    + BuildOnDevice<dfdx::tensor::Cuda, f32, Built: Trainable<In, dfdx::tensor::Cuda>>
    + 'static
{
}

#[cfg(feature = "cuda")]
impl<B, In: Shape> Buildable<In> for B where
    B: BuildOnDevice<Cpu, f32, Built: Trainable<In, Cpu> + Send>
        + BuildOnDevice<dfdx::tensor::Cuda, f32, Built: Trainable<In, dfdx::tensor::Cuda>>
        + 'static
{
}

/// A module of dfdx as a layer: a tuple, or a struct of yours with `TensorCollection`.
///
/// `In` is the shape of a batch, with `usize` for the samples. The module's parameters are drawn from the
/// trial's key by the module's own rules; the network is trained on dfdx's tape by hobbit's optimizers, and
/// its checkpoints have the module's names. Dropout in the module is exact when continued on the processor,
/// but not on a GPU, where dfdx has a generator of its own.
///
/// ```
/// use dfdx::nn::builders::{Linear, ReLU};
/// use dfdx::shapes::Const;
/// use hobbit::train::{Adam, Loss, Sequential, module};
///
/// type Network = (Linear<64, 32>, ReLU, Linear<32, 10>);
///
/// let model = Sequential::new([64])
///     .layer(module::<Network, (usize, Const<64>)>())
///     .compile(Adam::new(1e-3), Loss::CrossEntropy);
/// assert_eq!(model.parameters()?, 65 * 32 + 33 * 10);
/// # Ok::<(), hobbit::Error>(())
/// ```
pub fn module<B: Buildable<In>, In: Shape>() -> Custom {
    on_tape(OfDfdx::<B, In>(PhantomData))
}

/// A module as data: its type.
struct OfDfdx<B, In>(PhantomData<fn() -> (B, In)>);

impl<B, In> fmt::Debug for OfDfdx<B, In> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "module {} for {}", type_name::<B>(), type_name::<In>())
    }
}

impl<B: Buildable<In>, In: Shape> Opaque for OfDfdx<B, In> {
    fn name(&self) -> &str {
        "module"
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        output::<B, In>(input)
    }

    fn parameters(&self, _: &[usize]) -> Vec<ParameterSpec> {
        described::<B, In>(0).map_or_else(|_| Vec::new(), |found| found.0)
    }

    fn describe(&self) -> String {
        // where a type is defined does not matter, and takes most of its name
        without_paths(&format!("{self:?}"))
    }

    fn initial(&self, key: Key) -> Option<Vec<Vec<f32>>> {
        described::<B, In>(key.seed()).ok().map(|found| found.1)
    }
}

impl<B: Buildable<In>, In: Shape> Builds for OfDfdx<B, In> {
    fn build_cpu(&self) -> Result<Box<dyn Built<Cpu> + Send>, BoxError> {
        let module = <B as BuildOnDevice<Cpu, f32>>::try_build_on_device(&Cpu::seed_from_u64(0))
            .map_err(device_error)?;
        Ok(Box::new(OnDevice::<_, In>::new(module)))
    }

    #[cfg(feature = "cuda")]
    fn build_cuda(
        &self,
        device: &dfdx::tensor::Cuda,
    ) -> Result<Box<dyn Built<dfdx::tensor::Cuda>>, BoxError> {
        let module = <B as BuildOnDevice<dfdx::tensor::Cuda, f32>>::try_build_on_device(device)
            .map_err(device_error)?;
        Ok(Box::new(OnDevice::<_, In>::new(module)))
    }
}

/// Names of types without the modules that they are in.
fn without_paths(text: &str) -> String {
    let is_of_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let mut left = text;
    let mut short = String::new();
    while !left.is_empty() {
        let length = left.find(|c| !is_of_name(c)).unwrap_or(left.len());
        let (path, rest) = left.split_at(length);
        short.push_str(path.rsplit("::").next().unwrap_or(path));
        let length = rest.find(is_of_name).unwrap_or(rest.len());
        short.push_str(&rest[..length]);
        left = &rest[length..];
    }
    short
}

/// The shape of a sample after the module, which is found by trying.
fn output<B, In>(input: &[usize]) -> Result<Vec<usize>, String>
where
    In: Shape,
    B: BuildOnDevice<Cpu, f32, Built: Trainable<In, Cpu>>,
{
    let device = Cpu::seed_from_u64(0);
    let shape: In = batch_shape(2, input).ok_or_else(|| {
        format!(
            "the module takes batches of shape {}, but its input has samples of shape {input:?}",
            type_name::<In>()
        )
    })?;
    let failed = |error: &dyn fmt::Debug| format!("the module failed on zeros: {error:?}");
    let module = B::try_build_on_device(&device).map_err(|error| failed(&error))?;
    let zeros = device.try_zeros_like(&shape).map_err(|error| failed(&error))?;
    let sizes = module.try_forward(zeros).map_err(|error| failed(&error))?.sizes();
    match sizes.split_first() {
        Some((2, rest)) if !rest.is_empty() => Ok(rest.to_vec()),
        _ => Err(format!(
            "the module makes {sizes:?} of a batch of 2 samples; it has to keep the samples apart"
        )),
    }
}

/// The module's parameters and their first values.
fn described<B, In>(seed: u64) -> Result<(Vec<ParameterSpec>, Vec<Vec<f32>>), BoxError>
where
    In: Shape,
    B: BuildOnDevice<Cpu, f32, Built: Trainable<In, Cpu>>,
{
    let mut module = B::try_build_on_device(&Cpu::seed_from_u64(seed)).map_err(device_error)?;
    let mut all = Describe { specs: Vec::new(), values: Vec::new() };
    <B::Built as TensorCollection<f32, Cpu>>::iter_tensors(&mut RecursiveWalker {
        m: (&mut module, String::new()),
        f: &mut all,
    })
    .map_err(device_error)?;
    Ok((all.specs, all.values))
}

struct Describe {
    specs: Vec<ParameterSpec>,
    values: Vec<Vec<f32>>,
}

impl TensorVisitor<f32, Cpu> for Describe {
    type Viewer = (ViewTensorMut, ViewTensorName);
    type Err = <Cpu as dfdx::tensor::HasErr>::Err;
    type E2 = f32;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, f32, Cpu>,
        (tensor, name): (&mut Tensor<S, f32, Cpu>, String),
    ) -> Result<Option<Tensor<S, f32, Cpu>>, Self::Err> {
        let shape: Vec<usize> = tensor.shape().concrete().into();
        let role = match shape.len() {
            _ if !options.do_gradient_update => Role::Statistic,
            0 | 1 => Role::Other,
            _ => Role::Weight,
        };
        self.specs.push(ParameterSpec { name, shape, role, init: Init::Auto, fans: (1.0, 1.0) });
        self.values.push(tensor.as_vec());
        Ok(None)
    }
}
