//! Dense layers, with the activation that follows.

use super::activations::{activate, add_bias_and_activate, derive, derive_and_add_columns};
use super::gemm::{Matrix, gemm};
use super::math::Real;
use super::{Kernel, Pass, Store};
use crate::error::BoxError;
use crate::train::activation::Activation;

/// y = f(x W + b).
pub(super) struct Dense {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) weight: usize,
    pub(super) bias: Option<usize>,
    pub(super) activation: Activation,
}

impl<T: Real> Kernel<T> for Dense {
    fn forward(&mut self, store: &mut Store<T>, pass: Pass, x: &[T], y: &mut [T]) -> Result<(), BoxError> {
        let weight = Matrix::rows(&store.values[self.weight], self.outputs);
        gemm([pass.samples, self.outputs, self.inputs], Matrix::rows(x, self.inputs), weight, y, false);
        match self.bias {
            Some(bias) => add_bias_and_activate(self.activation, &store.values[bias], y),
            None => activate(self.activation, y),
        }
        Ok(())
    }

    fn backward(
        &mut self,
        store: &mut Store<T>,
        pass: Pass,
        x: &[T],
        y: &[T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    ) -> Result<(), BoxError> {
        let (samples, n, m) = (pass.samples, self.inputs, self.outputs);
        match self.bias {
            Some(bias) => {
                let gradient = &mut store.gradients[bias];
                gradient.fill(T::ZERO);
                derive_and_add_columns(self.activation, y, dy, gradient);
            }
            None => derive(self.activation, y, dy),
        }
        let (x, slopes) = (Matrix::transposed(x, n), Matrix::rows(dy, m));
        gemm([n, m, samples], x, slopes, &mut store.gradients[self.weight], false);
        if let Some(dx) = dx {
            gemm([samples, n, m], slopes, Matrix::transposed(&store.values[self.weight], m), dx, false);
        }
        Ok(())
    }
}
