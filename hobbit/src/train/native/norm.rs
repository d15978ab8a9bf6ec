//! Normalizations.

use super::kernel::{Back, Kernel, Pass, Store};
use crate::error::BoxError;
use crate::train::layer;
use crate::train::math::{Real, Work, fold, fold2, simd};
use crate::train::plan::Node;

/// Batch normalization of channels that have so many numbers each in a sample.
pub(super) struct BatchNorm<T> {
    channels: usize,
    plane: usize,
    epsilon: f64,
    momentum: f64,
    /// Where its parameters are: scale, shift, running mean, running variance.
    first: usize,
    /// Of the batch: the mean of each channel, and one over its standard deviation.
    mean: Vec<T>,
    inverse: Vec<T>,
    sums: [Vec<T>; 2],
}

impl<T: Real> BatchNorm<T> {
    pub(super) fn new(settings: &layer::BatchNorm, node: &Node) -> BatchNorm<T> {
        let layer::BatchNorm { epsilon, momentum } = *settings;
        let zeros = || vec![T::ZERO; node.input[0]];
        BatchNorm {
            channels: node.input[0],
            plane: node.input[1..].iter().product(),
            epsilon,
            momentum,
            first: node.parameters.start,
            mean: zeros(),
            inverse: zeros(),
            sums: [zeros(), zeros()],
        }
    }
}

/// For each channel, the sum of a function of two arrays' numbers and the channel, in `to`.
struct SumChannels<'a, T, F> {
    plane: usize,
    a: &'a [T],
    b: &'a [T],
    to: &'a mut [T],
    of: F,
}

impl<T: Real, F: Fn(usize, T, T) -> T> Work for SumChannels<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let SumChannels { plane, a, b, to, of } = self;
        let channels = to.len();
        to.fill(T::ZERO);
        if plane == 1 {
            for (a, b) in a.chunks_exact(channels).zip(b.chunks_exact(channels)) {
                for (channel, ((to, &a), &b)) in to.iter_mut().zip(a).zip(b).enumerate() {
                    *to += of(channel, a, b);
                }
            }
            return;
        }
        for (a, b) in a.chunks_exact(channels * plane).zip(b.chunks_exact(channels * plane)) {
            let planes = a.chunks_exact(plane).zip(b.chunks_exact(plane));
            for (channel, (to, (a, b))) in to.iter_mut().zip(planes).enumerate() {
                *to += fold2(a, b, |a, b| of(channel, a, b));
            }
        }
    }
}

/// Sets every number of an array by its channel and the numbers in two others' places.
struct MapChannels<'a, T, F> {
    plane: usize,
    channels: usize,
    a: &'a [T],
    b: &'a [T],
    to: &'a mut [T],
    of: F,
}

impl<T: Real, F: Fn(usize, T, T) -> T> Work for MapChannels<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let MapChannels { plane, channels, a, b, to, of } = self;
        if plane == 1 {
            let rows = a.chunks_exact(channels).zip(b.chunks_exact(channels));
            for (to, (a, b)) in to.chunks_exact_mut(channels).zip(rows) {
                for (channel, ((to, &a), &b)) in to.iter_mut().zip(a).zip(b).enumerate() {
                    *to = of(channel, a, b);
                }
            }
            return;
        }
        let inputs = a.chunks_exact(plane).zip(b.chunks_exact(plane));
        for (number, (to, (a, b))) in to.chunks_exact_mut(plane).zip(inputs).enumerate() {
            let channel = number % channels;
            to.iter_mut().zip(a).zip(b).for_each(|((to, &a), &b)| *to = of(channel, a, b));
        }
    }
}

impl<T: Real> Kernel<T> for BatchNorm<T> {
    fn forward(&mut self, store: &mut Store<T>, pass: Pass, x: &[T], y: &mut [T]) -> Result<(), BoxError> {
        let (channels, plane, first) = (self.channels, self.plane, self.first);
        let epsilon = T::of(self.epsilon);
        if pass.key.is_some() {
            let count = pass.samples * plane;
            let share = T::of(1.0 / count as f64);
            simd(SumChannels { plane, a: x, b: x, to: &mut self.mean, of: |_, x, _| x });
            self.mean.iter_mut().for_each(|mean| *mean *= share);
            let mean = &self.mean;
            let of = |channel: usize, x, _| {
                let from = x - mean[channel];
                from * from
            };
            simd(SumChannels { plane, a: x, b: x, to: &mut self.inverse, of });
            // running variances estimate that of all data, so they are not divided by the whole count
            // (Bessel's correction)
            let (old, new) = (T::of(1.0 - self.momentum), T::of(self.momentum));
            let unbiased = T::of(1.0 / (count.max(2) - 1) as f64);
            for channel in 0..channels {
                let sum = self.inverse[channel];
                let running = &mut store.values[first + 2][channel];
                *running = old * *running + new * self.mean[channel];
                let running = &mut store.values[first + 3][channel];
                *running = old * *running + new * sum * unbiased;
                self.inverse[channel] = T::ONE / (sum * share + epsilon).sqrt();
            }
        } else {
            self.mean.clear();
            self.mean.extend_from_slice(&store.values[first + 2]);
            self.inverse.clear();
            self.inverse.extend(store.values[first + 3].iter().map(|&v| T::ONE / (v + epsilon).sqrt()));
        }
        let (scale, shift) = (&store.values[first], &store.values[first + 1]);
        let (mean, inverse) = (&self.mean, &self.inverse);
        let of =
            |channel: usize, x, _| (x - mean[channel]) * (inverse[channel] * scale[channel]) + shift[channel];
        simd(MapChannels { plane, channels, a: x, b: x, to: y, of });
        Ok(())
    }

    fn backward(&mut self, store: &mut Store<T>, back: Back<'_, T>) -> Result<(), BoxError> {
        let Back { pass, x, dy, dx, .. } = back;
        let (channels, plane, first) = (self.channels, self.plane, self.first);
        let share = T::of(1.0 / (pass.samples * plane) as f64);
        let (mean, inverse) = (&self.mean, &self.inverse);
        let [sums, products] = &mut self.sums;
        simd(SumChannels { plane, a: dy, b: x, to: sums, of: |_, dy, _| dy });
        let of = |channel: usize, dy, x| dy * (x - mean[channel]) * inverse[channel];
        simd(SumChannels { plane, a: dy, b: x, to: products, of });
        store.gradients[first].copy_from_slice(products);
        store.gradients[first + 1].copy_from_slice(sums);
        if let Some(dx) = dx {
            let scale = &store.values[first];
            let of = |c: usize, dy, x| {
                let normal = (x - mean[c]) * inverse[c];
                scale[c] * inverse[c] * (dy - share * (sums[c] + normal * products[c]))
            };
            simd(MapChannels { plane, channels, a: dy, b: x, to: dx, of });
        }
        Ok(())
    }
}

/// Normalization of raw samples by the statistics of their channels.
pub(super) struct Normalize {
    channels: usize,
    plane: usize,
    /// Where the means are; the deviations are next.
    first: usize,
}

impl Normalize {
    pub(super) fn new(node: &Node) -> Normalize {
        let plane = node.input[1..].iter().product();
        Normalize { channels: node.input[0], plane, first: node.parameters.start }
    }
}

impl<T: Real> Kernel<T> for Normalize {
    fn forward(&mut self, store: &mut Store<T>, _: Pass, x: &[T], y: &mut [T]) -> Result<(), BoxError> {
        let Normalize { channels, plane, first } = *self;
        let (mean, deviation) = (&store.values[first], &store.values[first + 1]);
        let of = |channel: usize, x, _| (x - mean[channel]) / deviation[channel];
        simd(MapChannels { plane, channels, a: x, b: x, to: y, of });
        Ok(())
    }

    fn backward(&mut self, store: &mut Store<T>, back: Back<'_, T>) -> Result<(), BoxError> {
        let Normalize { channels, plane, first } = *self;
        if let Back { dy, dx: Some(dx), .. } = back {
            let deviation = &store.values[first + 1];
            let of = |channel: usize, dy, _| dy / deviation[channel];
            simd(MapChannels { plane, channels, a: dy, b: dy, to: dx, of });
        }
        Ok(())
    }
}

/// Layer normalization of rows of so many numbers.
pub(super) struct LayerNorm<T> {
    width: usize,
    epsilon: T,
    /// Where its scale is; its shift is next.
    first: usize,
    /// Of each row: its mean, and one over its standard deviation.
    rows: Vec<(T, T)>,
}

impl<T: Real> LayerNorm<T> {
    pub(super) fn new(settings: &layer::LayerNorm, node: &Node) -> LayerNorm<T> {
        let width = node.input.last().copied().unwrap_or(1);
        let (epsilon, first) = (T::of(settings.epsilon), node.parameters.start);
        LayerNorm { width, epsilon, first, rows: Vec::new() }
    }
}

/// The forward pass of layer normalization.
struct NormalizeRows<'a, T> {
    width: usize,
    epsilon: T,
    scale: &'a [T],
    shift: &'a [T],
    x: &'a [T],
    y: &'a mut [T],
    /// Of each row: its mean, and one over its standard deviation.
    rows: &'a mut [(T, T)],
}

impl<T: Real> Work for NormalizeRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let width = self.width;
        let share = T::of(1.0 / width as f64);
        let all = self.x.chunks_exact(width).zip(self.y.chunks_exact_mut(width)).zip(self.rows);
        for ((x, y), row) in all {
            let mean = fold(x, |x| x) * share;
            let variance = fold(x, |x| (x - mean) * (x - mean)) * share;
            let inverse = T::ONE / (variance + self.epsilon).sqrt();
            for ((y, &x), (&scale, &shift)) in y.iter_mut().zip(x).zip(self.scale.iter().zip(self.shift)) {
                *y = (x - mean) * inverse * scale + shift;
            }
            *row = (mean, inverse);
        }
    }
}

/// Its backward pass. `dy` is changed.
struct DeriveRows<'a, T> {
    width: usize,
    scale: &'a [T],
    rows: &'a [(T, T)],
    x: &'a [T],
    dy: &'a mut [T],
    dx: Option<&'a mut [T]>,
    to_scale: &'a mut [T],
    to_shift: &'a mut [T],
}

impl<T: Real> Work for DeriveRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        let width = self.width;
        let share = T::of(1.0 / width as f64);
        let rows = self.x.chunks_exact(width).zip(self.dy.chunks_exact_mut(width)).zip(self.rows);
        for (row, ((x, dy), &(mean, inverse))) in rows.enumerate() {
            let sums = self.to_scale.iter_mut().zip(&mut *self.to_shift).zip(self.scale);
            for ((&x, dy), ((to_scale, to_shift), &scale)) in x.iter().zip(dy.iter_mut()).zip(sums) {
                *to_scale += *dy * (x - mean) * inverse;
                *to_shift += *dy;
                *dy *= scale;
            }
            if let Some(dx) = self.dx.as_deref_mut() {
                let sum = fold(dy, |dy| dy) * share;
                let product = fold2(dy, x, |dy, x| dy * (x - mean)) * inverse * share;
                let dx = &mut dx[row * width..(row + 1) * width];
                for ((dx, &dy), &x) in dx.iter_mut().zip(dy.iter()).zip(x) {
                    *dx = inverse * (dy - sum - (x - mean) * inverse * product);
                }
            }
        }
    }
}

impl<T: Real> Kernel<T> for LayerNorm<T> {
    fn forward(&mut self, store: &mut Store<T>, _: Pass, x: &[T], y: &mut [T]) -> Result<(), BoxError> {
        let (scale, shift) = (&store.values[self.first], &store.values[self.first + 1]);
        let (width, epsilon) = (self.width, self.epsilon);
        self.rows.resize(x.len() / width, (T::ZERO, T::ZERO));
        simd(NormalizeRows { width, epsilon, scale, shift, x, y, rows: &mut self.rows });
        Ok(())
    }

    fn backward(&mut self, store: &mut Store<T>, back: Back<'_, T>) -> Result<(), BoxError> {
        let Back { x, dy, dx, .. } = back;
        let (width, rows) = (self.width, &self.rows);
        let (scales, shifts) = store.gradients.split_at_mut(self.first + 1);
        let (to_scale, to_shift) = (&mut scales[self.first], &mut shifts[0]);
        to_scale.fill(T::ZERO);
        to_shift.fill(T::ZERO);
        let scale = &store.values[self.first];
        simd(DeriveRows { width, scale, rows, x, dy, dx, to_scale, to_shift });
        Ok(())
    }

    fn free(&mut self) {
        self.rows = Vec::new();
    }
}
