//! Embeddings.

use super::kernel::{Back, Kernel, Pass, Store};
use crate::error::BoxError;
use crate::train::layer::{self, place};
use crate::train::math::Real;
use crate::train::plan::Node;

/// Vectors looked up by their places.
pub(super) struct Embedding {
    words: usize,
    width: usize,
    weight: usize,
}

impl Embedding {
    pub(super) fn new(settings: &layer::Embedding, node: &Node) -> Embedding {
        let layer::Embedding { words, width, .. } = *settings;
        Embedding { words, width, weight: node.parameters.start }
    }
}

impl<T: Real> Kernel<T> for Embedding {
    fn forward(&mut self, store: &mut Store<T>, _: Pass, x: &[T], y: &mut [T]) -> Result<(), BoxError> {
        let weight = &store.values[self.weight];
        for (x, y) in x.iter().zip(y.chunks_exact_mut(self.width)) {
            let start = place(x.to_f64(), self.words)? * self.width;
            y.copy_from_slice(&weight[start..start + self.width]);
        }
        Ok(())
    }

    fn backward(&mut self, store: &mut Store<T>, back: Back<'_, T>) -> Result<(), BoxError> {
        let Back { x, dy, dx, .. } = back;
        let gradient = &mut store.gradients[self.weight];
        gradient.fill(T::ZERO);
        for (x, dy) in x.iter().zip(dy.chunks_exact(self.width)) {
            let start = place(x.to_f64(), self.words)? * self.width;
            gradient[start..start + self.width].iter_mut().zip(dy).for_each(|(to, &dy)| *to += dy);
        }
        // places have no slope
        if let Some(dx) = dx {
            dx.fill(T::ZERO);
        }
        Ok(())
    }
}
