//! Layers one after the other, on the processor.

use super::buffer::Buffer;
use super::kernel::{Back, Kernel, Pass, Store};
use crate::error::BoxError;
use crate::train::math::Real;

/// A kernel in its place.
pub(super) struct Link<T> {
    pub(super) kernel: Box<dyn Kernel<T>>,
    /// The numbers of a sample before and behind it.
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) has_parameters: bool,
}

/// Layers one after the other, with what is between them.
pub(super) struct Chain<T: Real> {
    links: Vec<Link<T>>,
    /// The outputs of each layer.
    values: Vec<Buffer<T>>,
    /// Where each layer's inputs are, and the last place the end's: 0 for the chain's input, otherwise one
    /// more than the place among the outputs.
    from: Vec<usize>,
    /// The gradient for the outputs of the layer at hand, and for its inputs.
    pub(super) gradients: [Buffer<T>; 2],
}

impl<T: Real> Chain<T> {
    pub(super) fn new(links: Vec<Link<T>>) -> Chain<T> {
        let count = links.len();
        Chain {
            links,
            values: (0..count).map(|_| Buffer::new()).collect(),
            from: vec![0; count + 1],
            gradients: [Buffer::new(), Buffer::new()],
        }
    }

    pub(super) fn has_parameters(&self) -> bool {
        self.links.iter().any(|link| link.has_parameters)
    }

    pub(super) fn forward(&mut self, store: &mut Store<T>, pass: Pass, x: &[T]) -> Result<(), BoxError> {
        for (place, link) in self.links.iter_mut().enumerate() {
            if link.kernel.identity(pass) {
                self.from[place + 1] = self.from[place];
                continue;
            }
            let (before, after) = self.values.split_at_mut(place);
            let inputs = source(before, self.from[place], x);
            let outputs = after[0].grow(pass.samples * link.outputs);
            link.kernel.forward(store, pass, &inputs[..pass.samples * link.inputs], outputs)?;
            self.from[place + 1] = place + 1;
        }
        Ok(())
    }

    /// What the last forward pass over `x` gave for so many samples.
    pub(super) fn output<'a>(&'a self, samples: usize, x: &'a [T]) -> &'a [T] {
        match self.from[self.links.len()] {
            0 => x,
            place => &self.values[place - 1][..samples * self.links[place - 1].outputs],
        }
    }

    /// The place for the gradient of the output, which a backward pass begins with.
    pub(super) fn gradient(&mut self, length: usize) -> &mut [T] {
        self.gradients[0].grow(length)
    }

    /// The gradient for the inputs, if it is wanted.
    pub(super) fn backward(
        &mut self,
        store: &mut Store<T>,
        pass: Pass,
        x: &[T],
        wanted: bool,
    ) -> Result<&[T], BoxError> {
        let first = if wanted {
            0
        } else {
            self.links.iter().position(|link| link.has_parameters).unwrap_or(usize::MAX)
        };
        for (place, link) in self.links.iter_mut().enumerate().rev() {
            if place < first {
                break;
            }
            if link.kernel.identity(pass) {
                continue;
            }
            let (inputs, outputs) = (pass.samples * link.inputs, pass.samples * link.outputs);
            let x = &source(&self.values, self.from[place], x)[..inputs];
            let [dy, dx] = &mut self.gradients;
            let wanted = place > first || wanted;
            let dx = wanted.then(|| dx.grow(inputs));
            let (y, dy) = (&self.values[place][..outputs], &mut dy[..outputs]);
            link.kernel.backward(store, Back { pass, x, y, dy, dx })?;
            self.gradients.swap(0, 1);
        }
        let length = if wanted { x.len() } else { 0 };
        Ok(&self.gradients[0][..length])
    }

    pub(super) fn free(&mut self) {
        self.values.iter_mut().for_each(|values| *values = Buffer::new());
        self.gradients = [Buffer::new(), Buffer::new()];
        self.links.iter_mut().for_each(|link| link.kernel.free());
    }
}

fn source<'a, T>(values: &'a [Buffer<T>], from: usize, x: &'a [T]) -> &'a [T] {
    match from {
        0 => x,
        place => &values[place - 1],
    }
}
