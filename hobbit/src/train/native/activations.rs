//! Activations: as layers of their own, and over the rows of other layers with the biases that are added
//! before them.

use std::slice::ChunksExactMut;

use super::kernel::{Back, Kernel, Pass, Store};
use crate::error::BoxError;
use crate::train::activation::Activation;
use crate::train::math::{Real, Work, simd, with_width};

#[inline(always)]
fn sigmoid<T: Real>(x: T) -> T {
    T::ONE / (T::ONE + (-x).exp())
}

/// Φ(x), the normal distribution.
#[inline(always)]
fn normal<T: Real>(x: T) -> T {
    T::of(0.5) * (T::ONE + (x * T::of(std::f64::consts::FRAC_1_SQRT_2)).erf())
}

/// Does something that takes an activation, as a function that is known when the loop is compiled.
macro_rules! with_activation {
    ($activation:expr, $function:ident => $work:expr) => {{
        let slope = T::of(0.01);
        match $activation {
            Activation::Linear => {}
            Activation::Relu => {
                let $function = |v: T| if v < T::ZERO { T::ZERO } else { v };
                simd(|| $work)
            }
            Activation::LeakyRelu => {
                let $function = |v: T| if v < T::ZERO { v * slope } else { v };
                simd(|| $work)
            }
            Activation::Sigmoid => {
                let $function = |v: T| sigmoid(v);
                simd(|| $work)
            }
            Activation::Tanh => {
                let $function = |v: T| v.tanh();
                simd(|| $work)
            }
            Activation::Gelu => {
                let $function = |v: T| v * normal(v);
                simd(|| $work)
            }
        }
    }};
}

/// Does something that takes an activation's derivative: the gradient for its input, from that for its value
/// and the value. Not for GELU, whose value does not tell.
macro_rules! with_derivative {
    ($activation:expr, $function:ident => $work:expr) => {{
        let slope = T::of(0.01);
        match $activation {
            Activation::Linear | Activation::Gelu => {
                let $function = |g: T, _: T| g;
                $work
            }
            Activation::Relu => {
                // by a factor: of a choice, only the places that change would be written, which takes longer
                let $function = |g: T, y: T| g * if y > T::ZERO { T::ONE } else { T::ZERO };
                $work
            }
            Activation::LeakyRelu => {
                let $function = |g: T, y: T| g * if y > T::ZERO { T::ONE } else { slope };
                $work
            }
            Activation::Sigmoid => {
                let $function = |g: T, y: T| g * (y * (T::ONE - y));
                $work
            }
            Activation::Tanh => {
                let $function = |g: T, y: T| g * (T::ONE - y * y);
                $work
            }
        }
    }};
}

/// Applies an activation in place.
pub(super) fn activate<T: Real>(activation: Activation, values: &mut [T]) {
    with_activation!(activation, f => values.iter_mut().for_each(|v| *v = f(*v)));
}

/// Adds a bias to every row, and applies an activation.
pub(super) fn add_bias_and_activate<T: Real>(activation: Activation, bias: &[T], rows: &mut [T]) {
    let rows = rows.chunks_exact_mut(bias.len());
    if activation == Activation::Linear {
        simd(AddBias { bias, rows });
    } else {
        with_activation!(activation, f => {
            rows.for_each(|row| row.iter_mut().zip(bias).for_each(|(v, &b)| *v = f(*v + b)));
        });
    }
}

struct AddBias<'a, T> {
    bias: &'a [T],
    rows: ChunksExactMut<'a, T>,
}

impl<T: Real> Work for AddBias<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let width = self.bias.len();
        with_width!(width => {
            let bias = &self.bias[..width];
            for row in self.rows {
                row[..width].iter_mut().zip(bias).for_each(|(v, &b)| *v += b);
            }
        });
    }
}

/// Multiplies gradients by an activation's derivative, which is had from its values; not for GELU.
pub(super) fn derive<T: Real>(activation: Activation, values: &[T], gradients: &mut [T]) {
    if activation != Activation::Linear {
        with_derivative!(activation, f => {
            simd(|| gradients.iter_mut().zip(values).for_each(|(g, &y)| *g = f(*g, y)));
        });
    }
}

/// The same for rows, whose sum is added to `sum`.
pub(super) fn derive_and_add_columns<T: Real>(
    activation: Activation,
    values: &[T],
    gradients: &mut [T],
    sum: &mut [T],
) {
    let rows = gradients.chunks_exact_mut(sum.len());
    if activation == Activation::Linear {
        simd(AddRows { rows, sum });
    } else {
        let rows = rows.zip(values.chunks_exact(sum.len()));
        with_derivative!(activation, f => simd(|| {
            for (row, values) in rows {
                for ((g, &y), sum) in row.iter_mut().zip(values).zip(&mut *sum) {
                    let slope = f(*g, y);
                    *g = slope;
                    *sum += slope;
                }
            }
        }));
    }
}

struct AddRows<'a, T> {
    rows: ChunksExactMut<'a, T>,
    sum: &'a mut [T],
}

impl<T: Real> Work for AddRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let width = self.sum.len();
        with_width!(width => {
            let sum = &mut self.sum[..width];
            for row in self.rows {
                sum.iter_mut().zip(&row[..width]).for_each(|(sum, &slope)| *sum += slope);
            }
        });
    }
}

/// Multiplies gradients by GELU's derivative at its inputs: Φ(x) + x φ(x).
pub(super) fn derive_gelu<T: Real>(inputs: &[T], gradients: &mut [T]) {
    simd(DeriveGelu { inputs, gradients });
}

struct DeriveGelu<'a, T> {
    inputs: &'a [T],
    gradients: &'a mut [T],
}

impl<T: Real> Work for DeriveGelu<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let density = T::of((std::f64::consts::TAU).sqrt().recip());
        let half = T::of(-0.5);
        for (g, &x) in self.gradients.iter_mut().zip(self.inputs) {
            *g *= normal(x) + x * density * (half * x * x).exp();
        }
    }
}

/// An activation that no dense layer or convolution takes over.
pub(super) struct Activate(pub(super) Activation);

impl<T: Real> Kernel<T> for Activate {
    fn forward(&mut self, _: &mut Store<T>, _: Pass, x: &[T], y: &mut [T]) -> Result<(), BoxError> {
        y.copy_from_slice(x);
        activate(self.0, y);
        Ok(())
    }

    fn backward(&mut self, _: &mut Store<T>, back: Back<'_, T>) -> Result<(), BoxError> {
        let Back { x, y, dy, dx, .. } = back;
        if let Some(dx) = dx {
            dx.copy_from_slice(dy);
            if self.0.derivative_from_value() {
                derive(self.0, y, dx);
            } else {
                derive_gelu(x, dx);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_added_to_and_up() {
        let mut row = vec![1.0; 3];
        let (values, mut slopes) = ([1.0, 0.0, 3.0, 4.0, 5.0, 0.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        derive_and_add_columns(Activation::Relu, &values, &mut slopes, &mut row);
        assert_eq!((slopes, row), ([1.0, 0.0, 3.0, 4.0, 5.0, 0.0], vec![6.0, 6.0, 4.0]));
        let mut rows = [1.0, -2.0, 3.0, -4.0];
        add_bias_and_activate(Activation::Relu, &[1.0, 3.0], &mut rows);
        assert_eq!(rows, [2.0, 1.0, 4.0, 0.0]);
    }
}
