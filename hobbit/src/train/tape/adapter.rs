//! dfdx's modules as this engine runs them: on rows, with parameters that are the network's.

use std::fmt;
use std::marker::PhantomData;

use dfdx::nn::tensor_collection::{
    RecursiveWalker, TensorCollection, TensorOptions, TensorVisitor, ViewTensorMut, ViewTensorRef,
};
use dfdx::nn::{Module, ModuleMut};
use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{NoneTape, OwnedTape, Tape, Tensor};
use dfdx::tensor_ops::ReshapeTo;

use super::custom::Built;
use super::device::{Flat, Rows, TensorDevice, Traced, device_error};
use crate::error::BoxError;

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

/// A module on a device that takes batches of shape `In` and can be trained. What `dfdx::nn` has, and what is
/// made of it, is.
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

/// The batch shape of so many samples.
pub(super) fn batch_shape<In: Shape>(samples: usize, sample: &[usize]) -> Option<In> {
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

/// A module on a device.
pub(super) struct OnDevice<M, In> {
    module: M,
    shape: PhantomData<fn() -> In>,
}

/// Makes the module's tensors those of the network. A reshaped tensor is the same tensor, so gradients find
/// it.
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
    pub(super) fn new(module: M) -> OnDevice<M, In> {
        OnDevice { module, shape: PhantomData }
    }

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
