//! Where networks of dfdx's can be built, and the two ways in which they are run there: with a tape, and
//! without.

use dfdx::tensor::{Cpu, NoneTape, OwnedTape, Tape};

use super::custom::{Builds, Built};
use super::device::{Flat, Rows, TensorDevice, Traced};
use crate::error::BoxError;
use crate::random::Key;

/// A device that a network can be built on.
pub(in crate::train) trait Place: TensorDevice {
    /// A layer that only dfdx knows. On the processor it can go from thread to thread.
    type Layer: Built<Self> + ?Sized;

    fn layer(&self, layer: &dyn Builds) -> Result<Box<Self::Layer>, BoxError>;

    /// The device for a step of this key, on which random numbers begin with it; none if that would cost too
    /// much.
    fn for_step(&self, key: Key) -> Option<Self>;
}

impl Place for Cpu {
    type Layer = dyn Built<Cpu> + Send;

    fn layer(&self, layer: &dyn Builds) -> Result<Box<Self::Layer>, BoxError> {
        layer.build_cpu()
    }

    fn for_step(&self, key: Key) -> Option<Cpu> {
        Some(Cpu::seed_from_u64(key.seed()))
    }
}

/// With a tape in training, without one otherwise.
pub(super) trait Mode<D: Place>: Tape<f32, D> {
    /// Runs a layer that only dfdx knows.
    fn run(
        layer: &mut D::Layer,
        x: Rows<D, Self>,
        sample: &[usize],
        parameters: &mut [Flat<D>],
    ) -> Result<Rows<D, Self>, BoxError>;
}

impl<D: Place> Mode<D> for OwnedTape<f32, D> {
    fn run(
        layer: &mut D::Layer,
        x: Traced<D>,
        sample: &[usize],
        parameters: &mut [Flat<D>],
    ) -> Result<Traced<D>, BoxError> {
        layer.train(x, sample, parameters)
    }
}

impl<D: Place> Mode<D> for NoneTape {
    fn run(
        layer: &mut D::Layer,
        x: Rows<D>,
        sample: &[usize],
        parameters: &mut [Flat<D>],
    ) -> Result<Rows<D>, BoxError> {
        layer.eval(x, sample, parameters)
    }
}
