//! Windows that move over images, which dfdx has on nightly compilers only: their numbers are gathered, and
//! then multiplied or reduced.

use dfdx::shapes::{Axes2, Axes3, Axis, HasShape};
use dfdx::tensor::{Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, GatherTo, PermuteTo, ReshapeTo, TryAdd, TryMul};

use super::device::{Flat, Rows, Sheets, TensorDevice};
use crate::train::layer::Geometry;

/// What windows are gathered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be multiplied by weights, channel by channel.
    Products,
    /// For the largest number of each.
    Largest,
    /// For the mean of each.
    Mean,
}

/// Where the numbers of a layer's windows are.
pub(super) struct Windows<D: TensorDevice> {
    pub(super) geometry: Geometry,
    /// For each place in the window (of each channel for convolutions) and each output place, the input's
    /// place.
    places: Tensor<(usize,), usize, D>,
    /// Where windows reach over the edge: what gathered numbers are multiplied by, and what is added to them.
    edges: Option<(Flat<D>, Flat<D>)>,
}

impl<D: TensorDevice> Windows<D> {
    pub(super) fn new(device: &D, geometry: Geometry, purpose: Purpose) -> Result<Windows<D>, D::Err> {
        let places = places(&geometry, purpose);
        let length = places.len();
        let edges = match factors(purpose, &places, geometry.channels * geometry.places()) {
            Some((factors, terms)) => Some((
                device.try_tensor_from_vec(factors, (length,))?,
                device.try_tensor_from_vec(terms, (length,))?,
            )),
            None => None,
        };
        let places = places.into_iter().map(|place| place.unwrap_or(0)).collect();
        let places = device.try_tensor_from_vec(places, (length,))?;
        Ok(Windows { geometry, places, edges })
    }

    /// The numbers of all windows: `(places, samples)`.
    pub(super) fn gather<T: Tape<f32, D>>(&self, x: Rows<D, T>) -> Result<Rows<D, T>, D::Err> {
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

    /// The numbers of all windows of each network: `(networks, places, samples)`.
    pub(super) fn gather_each<T: Tape<f32, D>>(&self, x: Sheets<D, T>) -> Result<Sheets<D, T>, D::Err> {
        let (networks, samples, width) = *x.shape();
        let x: Sheets<D, T> = x.try_permute::<_, Axes3<0, 2, 1>>()?;
        let x = x.try_reshape_like(&(networks, width, samples))?;
        let (length,) = *self.places.shape();
        // one list of places serves all networks
        let places = self.places.clone().try_broadcast_like::<_, Axis<0>>(&(networks, length))?;
        let found: Sheets<D, T> = x.try_gather(places)?;
        let Some((factors, terms)) = &self.edges else { return Ok(found) };
        let shape = *found.shape();
        let factors = factors.clone().try_broadcast_like::<_, Axes2<0, 2>>(&shape)?;
        let terms = terms.clone().try_broadcast_like::<_, Axes2<0, 2>>(&shape)?;
        found.try_mul(factors)?.try_add(terms)
    }
}

/// The input's place of each number of the windows, in the order in which they are used; nothing beyond the
/// edge.
fn places(g: &Geometry, purpose: Purpose) -> Vec<Option<usize>> {
    let ([height, width], [_, across]) = (g.input, g.output);
    let of_place = |channel: usize, offset: [usize; 2], place: usize| {
        let row = (place / across * g.stride[0] + offset[0]).checked_sub(g.padding[0])?;
        let column = (place % across * g.stride[1] + offset[1]).checked_sub(g.padding[1])?;
        (row < height && column < width).then_some((channel * height + row) * width + column)
    };
    let offsets: Vec<[usize; 2]> =
        (0..g.window[0]).flat_map(|row| (0..g.window[1]).map(move |column| [row, column])).collect();
    let mut places = Vec::new();
    match purpose {
        // channel, offset, place: as weights are ordered
        Purpose::Products => {
            for channel in 0..g.channels {
                for &offset in &offsets {
                    places.extend((0..g.places()).map(|place| of_place(channel, offset, place)));
                }
            }
        }
        // offset, channel, place: so that the first axis is reduced
        Purpose::Largest | Purpose::Mean => {
            for &offset in &offsets {
                for channel in 0..g.channels {
                    places.extend((0..g.places()).map(|place| of_place(channel, offset, place)));
                }
            }
        }
    }
    places
}

/// What gathered numbers are multiplied by, and what is added to them; nothing if that is 1 and 0.
fn factors(purpose: Purpose, places: &[Option<usize>], outputs: usize) -> Option<(Vec<f32>, Vec<f32>)> {
    let inside: Vec<f32> = places.iter().map(|place| f32::from(place.is_some())).collect();
    let whole = places.iter().all(Option::is_some);
    match purpose {
        Purpose::Mean => {
            let mut counts = vec![0.0f32; outputs];
            for (place, &inside) in inside.iter().enumerate() {
                counts[place % outputs] += inside;
            }
            let share = |(place, inside): (usize, &f32)| inside / counts[place % outputs].max(1.0);
            Some((inside.iter().enumerate().map(share).collect(), vec![0.0; inside.len()]))
        }
        Purpose::Largest | Purpose::Products if whole => None,
        // beyond the edge nothing is largest
        Purpose::Largest => {
            let terms = inside.iter().map(|&inside| if inside > 0.0 { 0.0 } else { -1e30 }).collect();
            Some((inside, terms))
        }
        Purpose::Products => {
            let zeros = vec![0.0; inside.len()];
            Some((inside, zeros))
        }
    }
}
