//! Pooling.

use super::kernel::{Back, Kernel, Pass, Store};
use crate::error::BoxError;
use crate::train::layer::{Geometry, Pool2d};
use crate::train::math::{Real, Work, fold, simd};
use crate::train::plan::Node;

fn geometry(settings: &Pool2d, node: &Node) -> Geometry {
    let Pool2d { window, stride, padding } = *settings;
    Geometry::new(&node.input, &node.output, window, stride, padding)
}

/// The largest number of each window.
pub(super) struct MaxPool {
    geometry: Geometry,
    /// Where in its plane each largest number was.
    places: Vec<u32>,
}

impl MaxPool {
    pub(super) fn new(settings: &Pool2d, node: &Node) -> MaxPool {
        MaxPool { geometry: geometry(settings, node), places: Vec::new() }
    }

    fn is_pairs(&self) -> bool {
        let g = &self.geometry;
        g.window == [2, 2] && g.stride == [2, 2] && g.padding == [0, 0]
    }
}

/// The common case, windows of 2 × 2 side by side, in a loop that becomes vectors.
struct Pairs<'a, T> {
    geometry: Geometry,
    x: &'a [T],
    y: &'a mut [T],
    places: &'a mut [u32],
}

impl<T: Real> Work for Pairs<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Pairs { geometry, x, y, places } = self;
        let ([_, width], [down, across]) = (geometry.input, geometry.output);
        let outputs = y.chunks_exact_mut(across).zip(places.chunks_exact_mut(across));
        for (row, (y, places)) in outputs.enumerate().take(down) {
            let start = 2 * row * width;
            let (upper, rest) = x[start..].split_at(width);
            let lower = &rest[..width];
            for ((y, a), b) in y.iter_mut().zip(upper.chunks_exact(2)).zip(lower.chunks_exact(2)) {
                *y = largest(largest(a[0], a[1]), largest(b[0], b[1]));
            }
            let (first, below) = (start as u32, width as u32);
            let inputs = upper.chunks_exact(2).zip(lower.chunks_exact(2));
            for ((place, &y), (a, b)) in places.iter_mut().zip(y.iter()).zip(inputs) {
                let lower = below + u32::from(b[0] != y);
                let upper = u32::from(a[0] != y);
                // a choice by its bits, since a branch would be mispredicted
                let up = u32::from((a[0] == y) | (a[1] == y)).wrapping_neg();
                *place = (upper & up) | (lower & !up);
            }
            for (column, place) in (0u32..).zip(places.iter_mut()) {
                *place += first + 2 * column;
            }
        }
    }
}

/// The larger number; not a number wins, so that it is seen.
#[inline(always)]
fn largest<T: Real>(a: T, b: T) -> T {
    if (a >= b) | a.is_nan() { a } else { b }
}

impl<T: Real> Kernel<T> for MaxPool {
    fn forward(&mut self, _: &mut Store<T>, _: Pass, x: &[T], y: &mut [T]) -> Result<(), BoxError> {
        let g = self.geometry;
        let y_length = y.len();
        let planes = x.chunks_exact(g.input[0] * g.input[1]).zip(y.chunks_exact_mut(g.places()));
        if self.is_pairs() {
            let mut places = std::mem::take(&mut self.places);
            places.resize(y_length, 0);
            for ((x, y), places) in planes.zip(places.chunks_exact_mut(g.places())) {
                simd(Pairs { geometry: g, x, y, places });
            }
            self.places = places;
            return Ok(());
        }
        self.places.clear();
        for (x, y) in planes {
            for (place, y) in y.iter_mut().enumerate() {
                let (rows, columns) = window(&g, place);
                let (mut best, mut at) = (T::LOWEST, rows.start * g.input[1] + columns.start);
                for row in rows {
                    for column in columns.clone() {
                        let value = x[row * g.input[1] + column];
                        // not a number is seen, and stays
                        if value > best || value.is_nan() {
                            (best, at) = (value, row * g.input[1] + column);
                        }
                    }
                }
                *y = best;
                self.places.push(at as u32);
            }
        }
        Ok(())
    }

    fn backward(&mut self, _: &mut Store<T>, back: Back<'_, T>) -> Result<(), BoxError> {
        let Back { dy, dx, .. } = back;
        let Some(dx) = dx else { return Ok(()) };
        let g = self.geometry;
        let (plane, places) = (g.input[0] * g.input[1], g.places());
        dx.fill(T::ZERO);
        let outputs = self.places.chunks_exact(places).zip(dy.chunks_exact(places));
        for (dx, (at, dy)) in dx.chunks_exact_mut(plane).zip(outputs) {
            at.iter().zip(dy).for_each(|(&at, &dy)| dx[at as usize] += dy);
        }
        Ok(())
    }

    fn free(&mut self) {
        self.places = Vec::new();
    }
}

/// The rows and columns of an output place's window that are inside the input.
fn window(g: &Geometry, place: usize) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    let axis = |axis: usize, at: usize| {
        let start = at * g.stride[axis];
        let end = (start + g.window[axis]).saturating_sub(g.padding[axis]).min(g.input[axis]);
        start.saturating_sub(g.padding[axis]).min(end)..end
    };
    (axis(0, place / g.output[1]), axis(1, place % g.output[1]))
}

/// The mean of each window, of what is inside the input.
pub(super) struct AvgPool {
    geometry: Geometry,
}

impl AvgPool {
    pub(super) fn new(settings: &Pool2d, node: &Node) -> AvgPool {
        AvgPool { geometry: geometry(settings, node) }
    }
}

impl<T: Real> Kernel<T> for AvgPool {
    fn forward(&mut self, _: &mut Store<T>, _: Pass, x: &[T], y: &mut [T]) -> Result<(), BoxError> {
        let g = self.geometry;
        for (x, y) in x.chunks_exact(g.input[0] * g.input[1]).zip(y.chunks_exact_mut(g.places())) {
            for (place, y) in y.iter_mut().enumerate() {
                let (rows, columns) = window(&g, place);
                let count = (rows.len() * columns.len()).max(1);
                let mut sum = T::ZERO;
                for row in rows {
                    x[row * g.input[1]..][columns.clone()].iter().for_each(|&x| sum += x);
                }
                *y = sum / T::of(count as f64);
            }
        }
        Ok(())
    }

    fn backward(&mut self, _: &mut Store<T>, back: Back<'_, T>) -> Result<(), BoxError> {
        let Back { dy, dx, .. } = back;
        let Some(dx) = dx else { return Ok(()) };
        let g = self.geometry;
        dx.fill(T::ZERO);
        for (dx, dy) in dx.chunks_exact_mut(g.input[0] * g.input[1]).zip(dy.chunks_exact(g.places())) {
            for (place, &dy) in dy.iter().enumerate() {
                let (rows, columns) = window(&g, place);
                let share = dy / T::of((rows.len() * columns.len()).max(1) as f64);
                for row in rows {
                    dx[row * g.input[1]..][columns.clone()].iter_mut().for_each(|dx| *dx += share);
                }
            }
        }
        Ok(())
    }
}

/// The mean of each channel, which is so many numbers.
pub(super) struct GlobalAvgPool {
    plane: usize,
}

impl GlobalAvgPool {
    pub(super) fn new(node: &Node) -> GlobalAvgPool {
        GlobalAvgPool { plane: node.inputs() / node.outputs() }
    }
}

impl<T: Real> Kernel<T> for GlobalAvgPool {
    fn forward(&mut self, _: &mut Store<T>, _: Pass, x: &[T], y: &mut [T]) -> Result<(), BoxError> {
        let count = T::of(self.plane as f64);
        simd(|| {
            for (x, y) in x.chunks_exact(self.plane).zip(y) {
                *y = fold(x, |x| x) / count;
            }
        });
        Ok(())
    }

    fn backward(&mut self, _: &mut Store<T>, back: Back<'_, T>) -> Result<(), BoxError> {
        let Back { dy, dx, .. } = back;
        if let Some(dx) = dx {
            let count = T::of(self.plane as f64);
            dx.chunks_exact_mut(self.plane).zip(dy).for_each(|(dx, dy)| dx.fill(*dy / count));
        }
        Ok(())
    }
}
