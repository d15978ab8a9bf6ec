//! Convolutions, with the activation that follows: sample by sample, each as a matrix product with the sample's patches, which stay in
//! the processor's nearest memory.

use super::activations::{activate, derive};
use super::gemm::{Matrix, gemm};
use super::math::{Real, Work, fold, simd};
use super::{Buffer, Kernel, Pass, Store};
use crate::error::BoxError;
use crate::train::activation::Activation;
use crate::train::layer;

/// Sizes of a convolution or a pooling.
#[derive(Clone, Copy)]
pub(in crate::train) struct Geometry {
    pub(in crate::train) channels: usize,
    pub(in crate::train) input: [usize; 2],
    pub(in crate::train) output: [usize; 2],
    pub(in crate::train) window: [usize; 2],
    pub(in crate::train) stride: [usize; 2],
    pub(in crate::train) padding: [usize; 2],
}

impl Geometry {
    pub(in crate::train) fn new(
        input: &[usize],
        output: &[usize],
        window: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
    ) -> Geometry {
        Geometry {
            channels: input[0],
            input: [input[1], input[2]],
            output: [output[1], output[2]],
            window,
            stride,
            padding,
        }
    }

    /// The numbers of a patch.
    pub(super) fn patch(&self) -> usize {
        self.channels * self.window[0] * self.window[1]
    }

    /// The patches of a sample.
    pub(super) fn places(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Whether patches are the input itself.
    fn is_plain(&self) -> bool {
        self.window == [1, 1] && self.stride == [1, 1] && self.padding == [0, 0]
    }

    /// Along one axis, the output places whose window, at this offset, is inside the input: from, to.
    pub(in crate::train) fn inside(&self, axis: usize, offset: usize) -> (usize, usize) {
        let (stride, padding) = (self.stride[axis], self.padding[axis]);
        let from = padding.saturating_sub(offset).div_ceil(stride);
        // the first place that is past the end
        let to = (self.input[axis] + padding).saturating_sub(offset).div_ceil(stride);
        let to = to.min(self.output[axis]);
        (from.min(to), to)
    }

    /// Calls with the input's and the patch matrix's starts and length of each run along a row: `(input, patches, length)`.
    #[inline(always)]
    fn runs(&self, mut each: impl FnMut(usize, usize, usize)) {
        let ([height, width], [down, across]) = (self.input, self.output);
        let mut row = 0;
        for channel in 0..self.channels {
            for dy in 0..self.window[0] {
                let (top, bottom) = self.inside(0, dy);
                for dx in 0..self.window[1] {
                    let (left, right) = self.inside(1, dx);
                    for y in top..bottom {
                        let line = channel * height + y * self.stride[0] + dy - self.padding[0];
                        let start = line * width + left * self.stride[1] + dx - self.padding[1];
                        each(start, row * down * across + y * across + left, right - left);
                    }
                    row += 1;
                }
            }
        }
    }
}

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
    pub(super) fn new(
        settings: &layer::Conv2d,
        (input, output): (&[usize], &[usize]),
        weight: usize,
        activation: Activation,
    ) -> Conv<T> {
        let geometry = Geometry::new(input, output, settings.kernel, settings.stride, settings.padding);
        Conv {
            geometry,
            filters: settings.filters,
            weight,
            bias: settings.bias.then_some(weight + 1),
            activation,
            patches: Buffer::new(),
            slopes: Buffer::new(),
        }
    }
}

impl<T: Real> Kernel<T> for Conv<T> {
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
            gemm([m, n, k], weight, Matrix::rows(patches, n), y, false);
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

    fn backward(
        &mut self,
        store: &mut Store<T>,
        _: Pass,
        x: &[T],
        y: &[T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    ) -> Result<(), BoxError> {
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
            gemm([m, k, n], slopes, Matrix::transposed(patches, n), gradient, sample > 0);
            if let Some(dx) = dx.as_mut().and_then(Iterator::next) {
                let weight = Matrix::transposed(&store.values[self.weight], k);
                if self.geometry.is_plain() {
                    gemm([k, n, m], weight, slopes, dx, false);
                } else {
                    self.slopes.grow(k * n);
                    gemm([k, n, m], weight, slopes, &mut self.slopes, false);
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
