//! Activations.

use dfdx::shapes::Shape;
use dfdx::tensor::{NoneTape, Tape, Tensor};
use dfdx::tensor_ops::{TryAdd, TryMul, TryPReLU};

use super::device::TensorDevice;
use crate::train::activation::Activation;

pub(super) fn activate<S: Shape, D: TensorDevice, T: Tape<f32, D>>(
    activation: Activation,
    x: Tensor<S, f32, D, T>,
) -> Result<Tensor<S, f32, D, T>, D::Err> {
    match activation {
        Activation::Sigmoid => x.try_sigmoid(),
        Activation::Tanh => x.try_tanh(),
        Activation::Relu => x.try_relu(),
        Activation::Gelu => gelu(x),
        Activation::LeakyRelu => x.try_prelu(0.01),
        Activation::Linear => Ok(x),
    }
}

/// GELU, with its slope put right: dfdx 0.13 has Φ(x) + √2 x φ(x) for it, and not Φ(x) + x φ(x). The slope of
/// (√2 - 1) φ(x) is what is too much, so that is added, and its value taken away again.
fn gelu<S: Shape, D: TensorDevice, T: Tape<f32, D>>(
    x: Tensor<S, f32, D, T>,
) -> Result<Tensor<S, f32, D, T>, D::Err> {
    let by = (std::f64::consts::SQRT_2 - 1.0) / std::f64::consts::TAU.sqrt();
    let term = x.retaped::<T>().try_square()?.try_mul(-0.5)?.try_exp()?.try_mul(by as f32)?;
    let value = term.retaped::<NoneTape>().try_negate()?;
    x.try_accurate_gelu()?.try_add(term.try_add(value)?)
}
