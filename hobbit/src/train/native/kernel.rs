//! What a layer does on the processor, and what it does it to.

use super::buffer::Buffer;
use crate::error::BoxError;
use crate::random::Key;
use crate::train::math::Real;
use crate::train::parameter::Role;

/// All parameters and their gradients, each in its place of the plan.
pub(super) struct Store<T> {
    pub(super) values: Vec<Buffer<T>>,
    /// Empty for running statistics.
    pub(super) gradients: Vec<Buffer<T>>,
    pub(super) roles: Vec<Role>,
}

/// What a pass over the layers is for: so many samples, and the key of the step in training.
#[derive(Clone, Copy)]
pub(super) struct Pass {
    pub(super) samples: usize,
    pub(super) key: Option<Key>,
}

/// What a backward pass has to do with.
pub(super) struct Back<'a, T> {
    pub(super) pass: Pass,
    /// The inputs and outputs of the forward pass.
    pub(super) x: &'a [T],
    pub(super) y: &'a [T],
    /// The gradients for the outputs, which may be changed.
    pub(super) dy: &'a mut [T],
    /// The place for the gradients for the inputs, if they are wanted.
    pub(super) dx: Option<&'a mut [T]>,
}

/// A layer's two passes. Arrays hold the samples one after the other.
pub(super) trait Kernel<T: Real>: Send {
    /// The outputs `y` for the inputs `x`.
    fn forward(&mut self, store: &mut Store<T>, pass: Pass, x: &[T], y: &mut [T]) -> Result<(), BoxError>;

    /// The gradients of its parameters, which are replaced, and for its inputs if they are wanted, of those
    /// for its outputs. Comes after the forward pass with the same inputs and outputs.
    fn backward(&mut self, store: &mut Store<T>, back: Back<'_, T>) -> Result<(), BoxError>;

    /// Whether it does nothing in such a pass.
    fn identity(&self, pass: Pass) -> bool {
        let _ = pass;
        false
    }

    /// Whether a block has parameters inside.
    fn has_parameters(&self) -> bool {
        false
    }

    /// Gives back buffers.
    fn free(&mut self) {}
}
