//! Embeddings of a stack.

use dfdx::shapes::HasShape;
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::{GatherTo, ReshapeTo};

use super::pass::Pass;
use crate::error::BoxError;
use crate::train::features::Given;
use crate::train::layer::place;
use crate::train::tape::device::{Sheets, TensorDevice, device_error};
use crate::train::tape::embedding::Embedding;

impl Embedding {
    /// Vectors of each network, looked up by their places. Where this is the first layer, the places are those
    /// of the inputs, which are at hand.
    pub(super) fn forward_each<D: TensorDevice, T: Tape<f32, D>>(
        &self,
        pass: &Pass<'_, D>,
        x: Sheets<D, T>,
        inputs: Option<&[Given<'_>]>,
    ) -> Result<Sheets<D, T>, BoxError> {
        let (networks, samples, length) = *x.shape();
        let mut places = Vec::with_capacity(networks * samples * length);
        let mut look = |numbers: &[f32]| -> Result<(), BoxError> {
            for &number in numbers {
                places.push(place(f64::from(number), self.words)?);
            }
            Ok(())
        };
        match inputs {
            Some(inputs) => inputs.iter().try_for_each(|given| look(&given.numbers()))?,
            None => look(&x.as_vec())?,
        }
        self.look_up_each(pass, x, places).map_err(device_error)
    }

    fn look_up_each<D: TensorDevice, T: Tape<f32, D>>(
        &self,
        pass: &Pass<'_, D>,
        x: Sheets<D, T>,
        places: Vec<usize>,
    ) -> Result<Sheets<D, T>, D::Err> {
        let (networks, samples, length) = *x.shape();
        let places = pass.device.try_tensor_from_vec(places, (networks, samples * length))?;
        let places: Tensor<(usize, usize), usize, D> = places;
        let (_, before) = x.split_tape();
        let (weight, tape) = pass.parameter::<T>(self.weight)?.split_tape();
        let weight = weight.try_reshape_like(&(networks, self.words, self.width))?;
        let found: Sheets<D, T> = weight.put_tape(tape.merge(before)).try_gather(places)?;
        found.try_reshape_like(&(networks, samples, length * self.width))
    }
}
