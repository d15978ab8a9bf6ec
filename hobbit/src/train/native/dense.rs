//! Dense layers, with the activation that follows.

use super::activations::{activate, add_bias_and_activate, derive, derive_and_add_columns};
use super::gemm::Matrix;
use super::kernel::{Back, Kernel, Pass, Store};
use super::product::{Element, product};
use crate::error::BoxError;
use crate::train::activation::Activation;
use crate::train::layer;
use crate::train::plan::Node;

/// y = f(x W + b).
pub(super) struct Dense {
    inputs: usize,
    outputs: usize,
    weight: usize,
    bias: Option<usize>,
    activation: Activation,
}

impl Dense {
    pub(super) fn new(settings: &layer::Dense, node: &Node, activation: Activation) -> Dense {
        let weight = node.parameters.start;
        let bias = settings.bias.then_some(weight + 1);
        Dense { inputs: node.inputs(), outputs: node.outputs(), weight, bias, activation }
    }
}

impl<T: Element> Kernel<T> for Dense {
    fn forward(&mut self, store: &mut Store<T>, pass: Pass, x: &[T], y: &mut [T]) -> Result<(), BoxError> {
        let weight = Matrix::rows(&store.values[self.weight], self.outputs);
        product([pass.samples, self.outputs, self.inputs], Matrix::rows(x, self.inputs), weight, y, false);
        match self.bias {
            Some(bias) => add_bias_and_activate(self.activation, &store.values[bias], y),
            None => activate(self.activation, y),
        }
        Ok(())
    }

    fn backward(&mut self, store: &mut Store<T>, back: Back<'_, T>) -> Result<(), BoxError> {
        let Back { pass, x, y, dy, dx } = back;
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
        product([n, m, samples], x, slopes, &mut store.gradients[self.weight], false);
        if let Some(dx) = dx {
            product([samples, n, m], slopes, Matrix::transposed(&store.values[self.weight], m), dx, false);
        }
        Ok(())
    }
}
