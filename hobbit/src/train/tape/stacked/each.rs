//! A number of each network of a stack.

use dfdx::shapes::{Axis, HasShape};
use dfdx::tensor::Tape;
use dfdx::tensor_ops::{BroadcastTo, TryAdd, TryMul};

use crate::train::tape::device::{Flat, Rows, TensorDevice};

/// A number of each network.
pub(super) enum Each<D: TensorDevice> {
    /// All have the same.
    Same(f32),
    Own(Flat<D>),
}

impl<D: TensorDevice> Each<D> {
    pub(super) fn of(device: &D, numbers: Vec<f32>) -> Result<Each<D>, D::Err> {
        let first = numbers[0];
        if numbers.iter().all(|number| number.to_bits() == first.to_bits()) {
            return Ok(Each::Same(first));
        }
        let length = numbers.len();
        device.try_tensor_from_vec(numbers, (length,)).map(Each::Own)
    }

    pub(super) fn times(&self, x: Rows<D>) -> Result<Rows<D>, D::Err> {
        match self {
            Each::Same(number) => x.try_mul(*number),
            Each::Own(numbers) => {
                let numbers = along(numbers, &x)?;
                x.try_mul(numbers)
            }
        }
    }

    pub(super) fn plus<T: Tape<f32, D>>(&self, x: Rows<D, T>) -> Result<Rows<D, T>, D::Err> {
        match self {
            Each::Same(number) => x.try_add(*number),
            Each::Own(numbers) => {
                let numbers = along(numbers, &x)?;
                x.try_add(numbers)
            }
        }
    }
}

/// A number of each network at all places of its row.
fn along<D: TensorDevice, T>(numbers: &Flat<D>, rows: &Rows<D, T>) -> Result<Rows<D>, D::Err> {
    numbers.clone().try_broadcast_like::<_, Axis<1>>(rows.shape())
}
