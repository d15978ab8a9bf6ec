//! dfdx's modules, with shapes known at compile time, as layers.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;

use dfdx::nn::tensor_collection::{
    RecursiveWalker, TensorCollection, TensorOptions, TensorVisitor, ViewTensorMut, ViewTensorName,
    ViewTensorRef,
};
use dfdx::nn::{BuildOnDevice, Module, ModuleMut};
use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{Cpu, NoneTape, OwnedTape, Tape, Tensor, ZerosTensor};
use dfdx::tensor_ops::ReshapeTo;

use super::custom::{Built, Custom, Opaque};
use super::{Flat, Rows, TensorDevice, Traced, device_error};
use crate::error::BoxError;
use crate::random::Key;
use crate::train::init::Init;
use crate::train::layer::{ParameterSpec, Role};

/// A tensor that a module gave, of whatever shape.
pub trait IntoRows<D: TensorDevice, T: Tape<f32, D>>: Sized {
    /// The length of each dimension.
    #[doc(hidden)]
    fn sizes(&self) -> Vec<usize>;

    /// The same numbers, a row for each sample.
    #[doc(hidden)]
    fn into_rows(self) -> Result<Rows<D, T>, D::Err>;
}

impl<S: Shape, D: TensorDevice, T: Tape<f32, D>> IntoRows<D, T> for Tensor<S, f32, D, T> {
    fn sizes(&self) -> Vec<usize> {
        self.shape().concrete().into()
    }

    fn into_rows(self) -> Result<Rows<D, T>, D::Err> {
        let sizes = self.sizes();
        let samples = sizes.first().copied().unwrap_or(1);
        self.try_reshape_like(&(samples, sizes.iter().skip(1).product()))
    }
}

/// A module on a device that takes batches of shape `In` and can be trained. What `dfdx::nn` has, and what is made of it, is.
pub trait Trainable<In: Shape, D: TensorDevice>:
    TensorCollection<f32, D>
    + ModuleMut<
        Tensor<In, f32, D, OwnedTape<f32, D>>,
        Output: IntoRows<D, OwnedTape<f32, D>>,
        Error: fmt::Debug,
    > + Module<Tensor<In, f32, D, NoneTape>, Output: IntoRows<D, NoneTape>, Error: fmt::Debug>
    + 'static
{
}

impl<M, In: Shape, D: TensorDevice> Trainable<In, D> for M where
    M: TensorCollection<f32, D>
        + ModuleMut<
            Tensor<In, f32, D, OwnedTape<f32, D>>,
            Output: IntoRows<D, OwnedTape<f32, D>>,
            Error: fmt::Debug,
        > + Module<Tensor<In, f32, D, NoneTape>, Output: IntoRows<D, NoneTape>, Error: fmt::Debug>
        + 'static
{
}

macro_rules! module_function {
    ($(#[$attribute:meta])* [$($more:tt)*]) => {
        $(#[$attribute])*
        pub fn module<B, In>() -> Custom
        where
            In: Shape,
            B: BuildOnDevice<Cpu, f32, Built: Trainable<In, Cpu> + Send> $($more)* + 'static,
        {
            Custom::new(OfDfdx::<B, In>(PhantomData))
        }

        impl<B, In> Opaque for OfDfdx<B, In>
        where
            In: Shape,
            B: BuildOnDevice<Cpu, f32, Built: Trainable<In, Cpu> + Send> $($more)* + 'static,
        {
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

            fn build_cpu(&self) -> Result<Box<dyn Built<Cpu> + Send>, BoxError> {
                let module = B::try_build_on_device(&Cpu::seed_from_u64(0)).map_err(device_error)?;
                Ok(Box::new(OnDevice::<_, In> { module, shape: PhantomData }))
            }

            #[cfg(feature = "cuda")]
            fn build_cuda(
                &self,
                device: &dfdx::tensor::Cuda,
            ) -> Result<Box<dyn Built<dfdx::tensor::Cuda>>, BoxError> {
                let module =
                    <B as BuildOnDevice<dfdx::tensor::Cuda, f32>>::try_build_on_device(device).map_err(device_error)?;
                Ok(Box::new(OnDevice::<_, In> { module, shape: PhantomData }))
            }
        }
    };
}

#[cfg(not(feature = "cuda"))]
module_function! {
    /// A module of dfdx as a layer: a tuple, or a struct of yours with `TensorCollection`.
    ///
    /// `In` is the shape of a batch, with `usize` for the samples. The module's parameters are drawn from the trial's key by the
    /// module's own rules; the network is trained on dfdx's tape by hobbit's optimizers, and its checkpoints have the module's names.
    /// Dropout in the module is exact when continued on the processor, but not on a GPU, where dfdx has a generator of its own.
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
    []
}

#[cfg(feature = "cuda")]
module_function! {
    /// A module of dfdx as a layer: a tuple, or a struct of yours with `TensorCollection`. It has to be for both devices.
    [+ BuildOnDevice<dfdx::tensor::Cuda, f32, Built: Trainable<In, dfdx::tensor::Cuda>>]
}

/// A module as data: its type.
struct OfDfdx<B, In>(PhantomData<fn() -> (B, In)>);

impl<B, In> fmt::Debug for OfDfdx<B, In> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "module {} for {}", type_name::<B>(), type_name::<In>())
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

/// The batch shape of so many samples.
fn batch_shape<In: Shape>(samples: usize, sample: &[usize]) -> Option<In> {
    if In::NUM_DIMS != sample.len() + 1 {
        return None;
    }
    let mut sizes = In::Concrete::default();
    sizes[0] = samples;
    for (place, &size) in sample.iter().enumerate() {
        sizes[place + 1] = size;
    }
    In::from_concrete(&sizes)
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

/// A module on a device.
struct OnDevice<M, In> {
    module: M,
    shape: PhantomData<fn() -> In>,
}

/// Makes the module's tensors those of the network. A reshaped tensor is the same tensor, so gradients find it.
struct Assign<'a, D: TensorDevice>(std::slice::Iter<'a, Flat<D>>);

impl<D: TensorDevice> TensorVisitor<f32, D> for Assign<'_, D> {
    type Viewer = ViewTensorMut;
    type Err = D::Err;
    type E2 = f32;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, f32, D>,
        tensor: &mut Tensor<S, f32, D>,
    ) -> Result<Option<Tensor<S, f32, D>>, D::Err> {
        if let Some(flat) = self.0.next() {
            *tensor = flat.clone().try_reshape_like(tensor.shape())?;
        }
        Ok(None)
    }
}

/// Reads statistics that the module changed while training.
struct Statistics<'a, D: TensorDevice>(std::slice::IterMut<'a, Flat<D>>);

impl<D: TensorDevice> TensorVisitor<f32, D> for Statistics<'_, D> {
    type Viewer = ViewTensorRef;
    type Err = D::Err;
    type E2 = f32;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, f32, D>,
        tensor: &Tensor<S, f32, D>,
    ) -> Result<Option<Tensor<S, f32, D>>, D::Err> {
        if let Some(flat) = self.0.next()
            && !options.do_gradient_update
        {
            let length = flat.shape().0;
            *flat = tensor.clone().try_reshape_like(&(length,))?;
        }
        Ok(None)
    }
}

impl<M, In: Shape> OnDevice<M, In> {
    fn assign<D: TensorDevice>(&mut self, parameters: &[Flat<D>]) -> Result<(), BoxError>
    where
        M: TensorCollection<f32, D>,
    {
        let mut assign = Assign(parameters.iter());
        M::iter_tensors(&mut RecursiveWalker { m: &mut self.module, f: &mut assign })
            .map_err(device_error)?;
        Ok(())
    }

    fn batch<D: TensorDevice, T: Tape<f32, D>>(
        x: Rows<D, T>,
        sample: &[usize],
    ) -> Result<Tensor<In, f32, D, T>, BoxError> {
        let shape: In =
            batch_shape(x.shape().0, sample).ok_or("the module takes samples of another shape")?;
        x.try_reshape_like(&shape).map_err(device_error)
    }
}

impl<M, In, D> Built<D> for OnDevice<M, In>
where
    In: Shape,
    D: TensorDevice,
    M: Trainable<In, D>,
{
    fn train(
        &mut self,
        x: Traced<D>,
        sample: &[usize],
        parameters: &mut [Flat<D>],
    ) -> Result<Traced<D>, BoxError> {
        self.assign(parameters)?;
        let y = self.module.try_forward_mut(Self::batch(x, sample)?).map_err(device_error)?;
        let mut statistics = Statistics(parameters.iter_mut());
        M::iter_tensors(&mut RecursiveWalker { m: &self.module, f: &mut statistics })
            .map_err(device_error)?;
        y.into_rows().map_err(device_error)
    }

    fn eval(
        &mut self,
        x: Rows<D>,
        sample: &[usize],
        parameters: &mut [Flat<D>],
    ) -> Result<Rows<D>, BoxError> {
        self.assign(parameters)?;
        let y = self.module.try_forward(Self::batch(x, sample)?).map_err(device_error)?;
        y.into_rows().map_err(device_error)
    }
}

/// Chooses among a few sizes that are known at compile time by a number that is known when the program runs: the expression is
/// compiled once for each, with the name as a constant. Any other number is an error.
///
/// ```
/// use dfdx::nn::builders::{Linear, ReLU};
/// use dfdx::shapes::Const;
/// use hobbit::train::{Adam, Compiled, Loss, Sequential, by_size, module};
///
/// fn model(hidden: usize) -> hobbit::Result<Compiled> {
///     let network = by_size!(hidden, [16, 32, 64], WIDTH => {
///         module::<(Linear<8, WIDTH>, ReLU, Linear<WIDTH, 1>), (usize, Const<8>)>()
///     })?;
///     Ok(Sequential::new([8]).layer(network).compile(Adam::new(1e-3), Loss::MeanSquaredError))
/// }
///
/// assert_eq!(model(32)?.parameters()?, 9 * 32 + 33);
/// assert!(model(33).is_err());
/// # Ok::<(), hobbit::Error>(())
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __by_size {
    ($number:expr, [$($size:literal),+ $(,)?], $name:ident => $make:expr) => {
        match $number {
            $($size => {
                const $name: usize = $size;
                ::core::result::Result::Ok($make)
            })+
            other => ::core::result::Result::Err($crate::train::no_such_size(other, &[$($size),+])),
        }
    };
}

/// The error of [`by_size!`](crate::train::by_size).
#[doc(hidden)]
pub fn no_such_size(size: usize, known: &[usize]) -> crate::Error {
    crate::Error::model(format!("there is no network of size {size}: the sizes are {known:?}"))
}
