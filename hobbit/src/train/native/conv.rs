//! Convolutions, with the activation that follows: sample by sample, each as a matrix product with the
//! sample's patches, which stay in the processor's nearest memory.

use super::activations::{activate, derive};
use super::buffer::Buffer;
use super::gemm::Matrix;
use super::kernel::{Back, Kernel, Pass, Store};
use super::product::{Element, product};
use crate::error::BoxError;
use crate::train::activation::Activation;
use crate::train::layer::{self, Geometry};
use crate::train::math::{Real, Work, fold, simd};
use crate::train::plan::Node;

/// Patches as columns: for each channel and place in the window a row of all output places.
struct Gather<'a, T> {
    geometry: Geometry,
    x: &'a [T],
    patches: &'a mut [T],
}

impl<T: Real> Work for Gather<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Gather { geometry, x, patches } = self;
        if geometry.padding != [0, 0] {
            patches.fill(T::ZERO);
        }
        let stride = geometry.stride[1];
        geometry.runs(|from, to, length| {
            let to = &mut patches[to..to + length];
            if stride == 1 {
                let from = &x[from..from + length];
                to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
            } else if length > 0 {
                let from = x[from..].iter().step_by(stride);
                to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
            }
        });
    }
}

/// Adds patches back to where they came from.
struct Scatter<'a, T> {
    geometry: Geometry,
    patches: &'a [T],
    dx: &'a mut [T],
}

impl<T: Real> Work for Scatter<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Scatter { geometry, patches, dx } = self;
        dx.fill(T::ZERO);
        let stride = geometry.stride[1];
        geometry.runs(|to, from, length| {
            let from = &patches[from..from + length];
            if stride == 1 {
                let to = &mut dx[to..to + length];
                to.iter_mut().zip(from).for_each(|(to, &from)| *to += from);
            } else if length > 0 {
                let to = dx[to..].iter_mut().step_by(stride);
                to.zip(from).for_each(|(to, &from)| *to += from);
            }
        });
    }
}

/// y = f(W ∗ x + b).
pub(super) struct Conv<T> {
    geometry: Geometry,
    filters: usize,
    weight: usize,
    bias: Option<usize>,
    activation: Activation,
    patches: Buffer<T>,
    slopes: Buffer<T>,
}

impl<T: Real> Conv<T> {
    pub(super) fn new(settings: &layer::Conv2d, node: &Node, activation: Activation) -> Conv<T> {
        let layer::Conv2d { filters, kernel, stride, padding, bias, init: _ } = *settings;
        let weight = node.parameters.start;
        Conv {
            geometry: Geometry::new(&node.input, &node.output, kernel, stride, padding),
            filters,
            weight,
            bias: bias.then_some(weight + 1),
            activation,
            patches: Buffer::new(),
            slopes: Buffer::new(),
        }
    }
}

impl<T: Element> Kernel<T> for Conv<T> {
    fn forward(&mut self, store: &mut Store<T>, _: Pass, x: &[T], y: &mut [T]) -> Result<(), BoxError> {
        let (k, n, m) = (self.geometry.patch(), self.geometry.places(), self.filters);
        let inputs = self.geometry.channels * self.geometry.input[0] * self.geometry.input[1];
        let weight = Matrix::rows(&store.values[self.weight], k);
        self.patches.grow(k * n);
        for (x, y) in x.chunks_exact(inputs).zip(y.chunks_exact_mut(m * n)) {
            let patches = if self.geometry.is_plain() {
                x
            } else {
                simd(Gather { geometry: self.geometry, x, patches: &mut self.patches });
                &self.patches
            };
            product([m, n, k], weight, Matrix::rows(patches, n), y, false);
            if let Some(bias) = self.bias {
                let bias = &store.values[bias];
                simd(|| {
                    for (plane, &bias) in y.chunks_exact_mut(n).zip(bias.iter()) {
                        plane.iter_mut().for_each(|y| *y += bias);
                    }
                });
            }
            activate(self.activation, y);
        }
        Ok(())
    }

    fn backward(&mut self, store: &mut Store<T>, back: Back<'_, T>) -> Result<(), BoxError> {
        let Back { x, y, dy, dx, .. } = back;
        let (k, n, m) = (self.geometry.patch(), self.geometry.places(), self.filters);
        let inputs = self.geometry.channels * self.geometry.input[0] * self.geometry.input[1];
        self.patches.grow(k * n);
        if let Some(bias) = self.bias {
            store.gradients[bias].fill(T::ZERO);
        }
        let mut dx = dx.map(|dx| dx.chunks_exact_mut(inputs));
        let samples = x.chunks_exact(inputs).zip(y.chunks_exact(m * n)).zip(dy.chunks_exact_mut(m * n));
        for (sample, ((x, y), dy)) in samples.enumerate() {
            derive(self.activation, y, dy);
            if let Some(bias) = self.bias {
                let gradients = &mut store.gradients[bias];
                simd(|| {
                    for (plane, gradient) in dy.chunks_exact(n).zip(gradients.iter_mut()) {
                        *gradient += fold(plane, |slope| slope);
                    }
                });
            }
            let patches = if self.geometry.is_plain() {
                x
            } else {
                simd(Gather { geometry: self.geometry, x, patches: &mut self.patches });
                &self.patches
            };
            let slopes = Matrix::rows(dy, n);
            let gradient = &mut store.gradients[self.weight];
            product([m, k, n], slopes, Matrix::transposed(patches, n), gradient, sample > 0);
            if let Some(dx) = dx.as_mut().and_then(Iterator::next) {
                let weight = Matrix::transposed(&store.values[self.weight], k);
                if self.geometry.is_plain() {
                    product([k, n, m], weight, slopes, dx, false);
                } else {
                    self.slopes.grow(k * n);
                    product([k, n, m], weight, slopes, &mut self.slopes, false);
                    simd(Scatter { geometry: self.geometry, patches: &self.slopes, dx });
                }
            }
        }
        Ok(())
    }

    fn free(&mut self) {
        self.patches = Buffer::new();
        self.slopes = Buffer::new();
    }
}
