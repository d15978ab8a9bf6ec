//! Convolutions and pooling, which dfdx has on nightly compilers only: windows are gathered, and then multiplied or reduced.

use dfdx::shapes::{Axes2, Axes3, Axis, HasShape};
use dfdx::tensor::{Tape, Tensor};
use dfdx::tensor_ops::{
    BroadcastTo, GatherTo, MaxTo, PermuteTo, ReshapeTo, SumTo, TryAdd, TryMatMul, TryMul,
};

use super::{Flat, Place, Rows};
use crate::train::layer::{Conv2d, Layer};
use crate::train::native::Geometry;
use crate::train::plan::Node;

/// Where the numbers of a layer's windows are.
pub(super) struct Windows<D: Place> {
    geometry: Geometry,
    /// For each place in the window (of each channel for convolutions) and each output place, the input's place.
    places: Tensor<(usize,), usize, D>,
    /// Where windows reach over the edge: what gathered numbers are multiplied by, and what is added to them.
    edges: Option<(Flat<D>, Flat<D>)>,
}

impl<D: Place> Windows<D> {
    /// The windows of a layer, if it has any.
    pub(super) fn of(device: &D, node: &Node) -> Result<Option<Windows<D>>, D::Err> {
        let (window, stride, padding) = match &node.layer {
            Layer::Conv2d(conv) => (conv.kernel, conv.stride, conv.padding),
            Layer::MaxPool2d(pool) | Layer::AvgPool2d(pool) => (pool.window, pool.stride, pool.padding),
            _ => return Ok(None),
        };
        let g = Geometry::new(&node.input, &node.output, window, stride, padding);
        let ([height, width], [down, across]) = (g.input, g.output);
        let of_place = |channel: usize, offset: [usize; 2], place: usize| {
            let row = (place / across * stride[0] + offset[0]).checked_sub(padding[0])?;
            let column = (place % across * stride[1] + offset[1]).checked_sub(padding[1])?;
            (row < height && column < width).then_some((channel * height + row) * width + column)
        };
        let offsets: Vec<[usize; 2]> =
            (0..window[0]).flat_map(|row| (0..window[1]).map(move |column| [row, column])).collect();
        let mut places = Vec::new();
        if matches!(node.layer, Layer::Conv2d(_)) {
            // channel, offset, place: as weights are ordered
            for channel in 0..g.channels {
                for &offset in &offsets {
                    places.extend((0..down * across).map(|place| of_place(channel, offset, place)));
                }
            }
        } else {
            // offset, channel, place: so that the first axis is reduced
            for &offset in &offsets {
                for channel in 0..g.channels {
                    places.extend((0..down * across).map(|place| of_place(channel, offset, place)));
                }
            }
        }
        let length = places.len();
        let factors = factors(&node.layer, &places, g.channels * down * across);
        let edges = match factors {
            Some((factors, terms)) => Some((
                device.try_tensor_from_vec(factors, (length,))?,
                device.try_tensor_from_vec(terms, (length,))?,
            )),
            None => None,
        };
        let places = places.into_iter().map(|place| place.unwrap_or(0)).collect();
        let places = device.try_tensor_from_vec(places, (length,))?;
        Ok(Some(Windows { geometry: g, places, edges }))
    }

    /// The numbers of all windows: `(places, samples)`.
    fn gather<T: Tape<f32, D>>(&self, x: Rows<D, T>) -> Result<Rows<D, T>, D::Err> {
        let (samples, width) = *x.shape();
        let x: Rows<D, T> = x.try_permute::<(usize, usize), Axes2<1, 0>>()?;
        let x = x.try_reshape_like(&(width, samples))?;
        let found: Rows<D, T> = x.try_gather(self.places.clone())?;
        let Some((factors, terms)) = &self.edges else { return Ok(found) };
        let shape = *found.shape();
        let factors = factors.clone().try_broadcast_like::<_, Axis<1>>(&shape)?;
        let terms = terms.clone().try_broadcast_like::<_, Axis<1>>(&shape)?;
        found.try_mul(factors)?.try_add(terms)
    }

    pub(super) fn convolve<T: Tape<f32, D>>(
        &self,
        x: Rows<D, T>,
        conv: &Conv2d,
        weight: &Flat<D>,
        bias: Option<&Flat<D>>,
    ) -> Result<Rows<D, T>, D::Err> {
        let samples = x.shape().0;
        let count = self.geometry.output[0] * self.geometry.output[1];
        let patch = self.geometry.channels * conv.kernel[0] * conv.kernel[1];
        let patches = self.gather(x)?.try_reshape_like(&(patch, count * samples))?;
        let weight = weight.retaped::<T>().try_reshape_like(&(conv.filters, patch))?;
        let mut y: Rows<D, T> = weight.try_matmul(patches)?;
        if let Some(bias) = bias {
            let shape = *y.shape();
            y = y.try_add(bias.retaped::<T>().try_broadcast_like::<_, Axis<1>>(&shape)?)?;
        }
        let y = y.try_reshape_like(&(conv.filters, count, samples))?;
        let y: Tensor<(usize, usize, usize), f32, D, T> = y.try_permute::<_, Axes3<2, 0, 1>>()?;
        y.try_reshape_like(&(samples, conv.filters * count))
    }

    /// Windows reduced along the first axis, as samples again.
    fn back<T: Tape<f32, D>>(
        &self,
        reduced: Tensor<(usize,), f32, D, T>,
        samples: usize,
    ) -> Result<Rows<D, T>, D::Err> {
        let outputs = self.geometry.channels * self.geometry.output[0] * self.geometry.output[1];
        let y = reduced.try_reshape_like(&(outputs, samples))?;
        let y: Rows<D, T> = y.try_permute::<(usize, usize), Axes2<1, 0>>()?;
        y.try_reshape_like(&(samples, outputs))
    }

    fn stacked<T: Tape<f32, D>>(&self, x: Rows<D, T>) -> Result<Rows<D, T>, D::Err> {
        let samples = x.shape().0;
        let outputs = self.geometry.channels * self.geometry.output[0] * self.geometry.output[1];
        let window = self.geometry.window[0] * self.geometry.window[1];
        self.gather(x)?.try_reshape_like(&(window, outputs * samples))
    }

    pub(super) fn largest<T: Tape<f32, D>>(&self, x: Rows<D, T>) -> Result<Rows<D, T>, D::Err> {
        let samples = x.shape().0;
        let largest = self.stacked(x)?.try_max::<(usize,), Axis<0>>()?;
        self.back(largest, samples)
    }

    pub(super) fn mean<T: Tape<f32, D>>(&self, x: Rows<D, T>) -> Result<Rows<D, T>, D::Err> {
        let samples = x.shape().0;
        let sum = self.stacked(x)?.try_sum::<(usize,), Axis<0>>()?;
        self.back(sum, samples)
    }
}

/// What gathered numbers are multiplied by, and what is added to them; nothing if that is 1 and 0.
fn factors(layer: &Layer, places: &[Option<usize>], outputs: usize) -> Option<(Vec<f32>, Vec<f32>)> {
    let inside: Vec<f32> = places.iter().map(|place| f32::from(place.is_some())).collect();
    match layer {
        Layer::AvgPool2d(_) => {
            let mut counts = vec![0.0f32; outputs];
            for (place, &inside) in inside.iter().enumerate() {
                counts[place % outputs] += inside;
            }
            let share = |(place, inside): (usize, &f32)| inside / counts[place % outputs].max(1.0);
            Some((inside.iter().enumerate().map(share).collect(), vec![0.0; inside.len()]))
        }
        _ if places.iter().all(Option::is_some) => None,
        // beyond the edge nothing is largest
        Layer::MaxPool2d(_) => {
            let terms = inside.iter().map(|&inside| if inside > 0.0 { 0.0 } else { -1e30 }).collect();
            Some((inside, terms))
        }
        _ => {
            let zeros = vec![0.0; inside.len()];
            Some((inside, zeros))
        }
    }
}
