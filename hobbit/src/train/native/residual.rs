//! Residual blocks.

use super::chain::Chain;
use super::kernel::{Back, Kernel, Pass, Store};
use crate::error::BoxError;
use crate::train::math::{Real, simd};

/// A block whose output is added to its input.
pub(super) struct Residual<T: Real> {
    chain: Chain<T>,
}

impl<T: Real> Residual<T> {
    pub(super) fn new(chain: Chain<T>) -> Residual<T> {
        Residual { chain }
    }
}

impl<T: Real> Kernel<T> for Residual<T> {
    fn forward(&mut self, store: &mut Store<T>, pass: Pass, x: &[T], y: &mut [T]) -> Result<(), BoxError> {
        self.chain.forward(store, pass, x)?;
        let inner = self.chain.output(pass.samples, x);
        simd(|| y.iter_mut().zip(x).zip(inner).for_each(|((y, &x), &inner)| *y = x + inner));
        Ok(())
    }

    fn backward(&mut self, store: &mut Store<T>, back: Back<'_, T>) -> Result<(), BoxError> {
        let Back { pass, x, dy, dx, .. } = back;
        self.chain.gradient(dy.len()).copy_from_slice(dy);
        let inner = self.chain.backward(store, pass, x, dx.is_some())?;
        if let Some(dx) = dx {
            simd(|| dx.iter_mut().zip(dy.iter()).zip(inner).for_each(|((dx, &dy), &inner)| *dx = dy + inner));
        }
        Ok(())
    }

    fn has_parameters(&self) -> bool {
        self.chain.has_parameters()
    }

    fn free(&mut self) {
        self.chain.free();
    }
}
