//! Embeddings.

use dfdx::shapes::HasShape;
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::{GatherTo, ReshapeTo};

use super::device::{Flat, Rows, TensorDevice, device_error};
use crate::error::BoxError;
use crate::train::layer::{self, place};
use crate::train::plan::Node;

/// Vectors looked up by their places.
pub(super) struct Embedding {
    pub(super) words: usize,
    pub(super) width: usize,
    pub(super) weight: usize,
}

impl Embedding {
    pub(super) fn new(settings: &layer::Embedding, node: &Node) -> Embedding {
        let layer::Embedding { words, width, init: _ } = *settings;
        Embedding { words, width, weight: node.parameters.start }
    }

    pub(super) fn forward<D: TensorDevice, T: Tape<f32, D>>(
        &self,
        parameters: &[Flat<D>],
        x: Rows<D, T>,
    ) -> Result<Rows<D, T>, BoxError> {
        let mut places = Vec::new();
        for value in x.as_vec() {
            places.push(place(f64::from(value), self.words)?);
        }
        let shape = *x.shape();
        let (_, tape) = x.split_tape();
        self.look_up(&parameters[self.weight], places, tape, shape).map_err(device_error)
    }

    fn look_up<D: TensorDevice, T: Tape<f32, D>>(
        &self,
        weight: &Flat<D>,
        places: Vec<usize>,
        tape: T,
        (samples, length): (usize, usize),
    ) -> Result<Rows<D, T>, D::Err> {
        let count = places.len();
        let places: Tensor<(usize,), usize, D> = weight.device().try_tensor_from_vec(places, (count,))?;
        let weight = weight.clone().try_reshape_like(&(self.words, self.width))?.put_tape(tape);
        let found: Rows<D, T> = weight.try_gather(places)?;
        found.try_reshape_like(&(samples, length * self.width))
    }
}
