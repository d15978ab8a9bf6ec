//! Networks on the processor: every layer with its own forward and backward pass over buffers that are used again and again. Nothing
//! is recorded and, once all buffers have their size, nothing is allocated.

mod activations;
mod buffer;
mod conv;
mod dense;
mod gemm;
pub(super) mod math;
mod norm;
mod optimizer;
mod pool;
mod simple;
mod small;
#[cfg(test)]
mod tests;

use buffer::Buffer;
pub(super) use conv::Geometry;
use math::Real;
use optimizer::OptimizerState;
pub(super) use simple::place;

use super::activation::Activation;
use super::data::Given;
use super::layer::{Layer, Role};
use super::network::{Criterion, Network, Step, read, steps_of};
use super::optimizer::Optimizer;
use super::plan::{Node, Plan};
use crate::error::BoxError;
use crate::objective::Checkpoint;
use crate::random::Key;

/// All parameters and their gradients, each in its place of the plan.
struct Store<T> {
    values: Vec<Buffer<T>>,
    /// Empty for running statistics.
    gradients: Vec<Buffer<T>>,
    roles: Vec<Role>,
}

/// What a pass over the layers is for: so many samples, and the key of the step in training.
#[derive(Clone, Copy)]
struct Pass {
    samples: usize,
    key: Option<Key>,
}

/// A layer's two passes. Arrays hold the samples one after the other.
trait Kernel<T: Real>: Send {
    /// The outputs `y` for the inputs `x`.
    fn forward(&mut self, store: &mut Store<T>, pass: Pass, x: &[T], y: &mut [T]) -> Result<(), BoxError>;

    /// The gradients of its parameters, which are replaced, and for its inputs if they are wanted, of those for its outputs, which
    /// it may change. Comes after the forward pass with the same inputs and outputs.
    fn backward(
        &mut self,
        store: &mut Store<T>,
        pass: Pass,
        x: &[T],
        y: &[T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    ) -> Result<(), BoxError>;

    /// Whether it does nothing in such a pass.
    fn identity(&self, pass: Pass) -> bool {
        let _ = pass;
        false
    }

    /// Whether a block has parameters inside.
    fn has_parameters(&self) -> bool {
        false
    }

    /// Gives back buffers.
    fn free(&mut self) {}
}

struct Link<T> {
    kernel: Box<dyn Kernel<T>>,
    inputs: usize,
    outputs: usize,
    has_parameters: bool,
}

/// Layers one after the other, with what is between them.
struct Chain<T: Real> {
    links: Vec<Link<T>>,
    /// The outputs of each layer.
    values: Vec<Buffer<T>>,
    /// Where each layer's inputs are, and the last place the end's: 0 for the chain's input, otherwise one more than the place among
    /// the outputs.
    from: Vec<usize>,
    /// The gradient for the outputs of the layer at hand, and for its inputs.
    gradients: [Buffer<T>; 2],
}

impl<T: Real> Chain<T> {
    fn new(nodes: &[Node]) -> Chain<T> {
        let mut links = Vec::new();
        let mut position = 0;
        while let Some(node) = nodes.get(position) {
            position += 1;
            let follows = nodes.get(position).map(|next| &next.layer);
            let fuses = matches!(node.layer, Layer::Dense(_) | Layer::Conv2d(_));
            let mut activation = Activation::Linear;
            if let Some(&Layer::Activation(next)) = follows
                && fuses
                && next.derivative_from_value()
            {
                activation = next;
                position += 1;
            }
            if let Some(kernel) = kernel(node, activation) {
                let has_parameters = !node.parameters.is_empty() || kernel.has_parameters();
                links.push(Link { kernel, inputs: node.inputs(), outputs: node.outputs(), has_parameters });
            }
        }
        let count = links.len();
        Chain {
            links,
            values: (0..count).map(|_| Buffer::new()).collect(),
            from: vec![0; count + 1],
            gradients: [Buffer::new(), Buffer::new()],
        }
    }

    fn has_parameters(&self) -> bool {
        self.links.iter().any(|link| link.has_parameters)
    }

    fn forward(&mut self, store: &mut Store<T>, pass: Pass, x: &[T]) -> Result<(), BoxError> {
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
    fn output<'a>(&'a self, samples: usize, x: &'a [T]) -> &'a [T] {
        match self.from[self.links.len()] {
            0 => x,
            place => &self.values[place - 1][..samples * self.links[place - 1].outputs],
        }
    }

    /// The place for the gradient of the output, which a backward pass begins with.
    fn gradient(&mut self, length: usize) -> &mut [T] {
        self.gradients[0].grow(length)
    }

    /// The gradient for the inputs, if it is wanted.
    fn backward(
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
            link.kernel.backward(store, pass, x, &self.values[place][..outputs], &mut dy[..outputs], dx)?;
            self.gradients.swap(0, 1);
        }
        let length = if wanted { x.len() } else { 0 };
        Ok(&self.gradients[0][..length])
    }

    fn free(&mut self) {
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

/// The kernel of a layer; none if it only renames shapes.
fn kernel<T: Real>(node: &Node, activation: Activation) -> Option<Box<dyn Kernel<T>>> {
    let first = node.parameters.start;
    let shapes = (node.input.as_slice(), node.output.as_slice());
    let pool = |pool: &super::layer::Pool2d| {
        Geometry::new(shapes.0, shapes.1, pool.window, pool.stride, pool.padding)
    };
    Some(match &node.layer {
        Layer::Dense(dense) => Box::new(dense::Dense {
            inputs: node.inputs(),
            outputs: node.outputs(),
            weight: first,
            bias: dense.bias.then_some(first + 1),
            activation,
        }),
        Layer::Conv2d(conv) => Box::new(conv::Conv::new(conv, shapes, first, activation)),
        Layer::Activation(Activation::Linear) | Layer::Flatten | Layer::Reshape(_) => return None,
        // networks with such layers are on the tape
        Layer::Custom(_) => return None,
        Layer::Activation(activation) => Box::new(simple::Activate(*activation)),
        Layer::Dropout(probability) => {
            Box::new(simple::Dropout { probability: *probability, id: node.id, kept: Vec::new() })
        }
        Layer::MaxPool2d(settings) => {
            Box::new(pool::MaxPool { geometry: pool(settings), places: Vec::new() })
        }
        Layer::AvgPool2d(settings) => Box::new(pool::AvgPool { geometry: pool(settings) }),
        Layer::GlobalAvgPool => Box::new(pool::GlobalAvgPool { plane: node.inputs() / node.outputs() }),
        Layer::BatchNorm(norm) => {
            Box::new(norm::BatchNorm::new(&node.input, norm.epsilon, norm.momentum, first))
        }
        Layer::LayerNorm(norm) => Box::new(norm::LayerNorm::new(&node.input, norm.epsilon, first)),
        Layer::Embedding(embedding) => {
            Box::new(simple::Embedding { words: embedding.words, width: embedding.width, weight: first })
        }
        Layer::Residual(_) => Box::new(simple::Residual { chain: Chain::new(&node.block) }),
    })
}

/// A network on the processor, with its optimizer.
pub(super) struct Native<T: Real> {
    names: Vec<String>,
    shapes: Vec<Vec<usize>>,
    chain: Chain<T>,
    store: Store<T>,
    optimizer: OptimizerState<T>,
    slot_names: &'static [&'static str],
}

impl<T: Real> Native<T> {
    /// With these first values of the parameters.
    pub(super) fn new(plan: &Plan, values: Vec<Vec<f32>>, optimizer: Optimizer) -> Native<T> {
        let convert = |values: Vec<f32>| values.into_iter().map(T::from_f32).collect::<Buffer<T>>();
        let values: Vec<Buffer<T>> = values.into_iter().map(convert).collect();
        let gradient = |(values, role): (&Buffer<T>, &Role)| match role {
            Role::Statistic => Buffer::new(),
            _ => Buffer::zeros(values.len()),
        };
        let roles: Vec<Role> = plan.parameters.iter().map(|spec| spec.role).collect();
        let gradients = values.iter().zip(&roles).map(gradient).collect();
        let store = Store { values, gradients, roles };
        Native {
            names: plan.parameters.iter().map(|spec| spec.name.clone()).collect(),
            shapes: plan.parameters.iter().map(|spec| spec.shape.clone()).collect(),
            chain: Chain::new(&plan.nodes),
            optimizer: OptimizerState::new(optimizer, &store),
            store,
            slot_names: optimizer.slot_names(),
        }
    }

    /// The outputs, and then the gradients of all parameters: unless the criterion wants none.
    fn differentiate(
        &mut self,
        inputs: &[T],
        pass: Pass,
        criterion: &mut Criterion<'_, T>,
    ) -> Result<bool, BoxError> {
        self.chain.forward(&mut self.store, pass, inputs)?;
        let mut gradient = std::mem::take(&mut self.chain.gradients[0]);
        let outputs = self.chain.output(pass.samples, inputs);
        let wanted = criterion(outputs, gradient.grow(outputs.len()))?;
        self.chain.gradients[0] = gradient;
        if wanted {
            self.chain.backward(&mut self.store, pass, inputs, false)?;
        }
        Ok(wanted)
    }
}

impl Network for Native<f32> {
    fn train(
        &mut self,
        inputs: Given<'_>,
        samples: usize,
        step: &Step,
        criterion: &mut Criterion<'_>,
    ) -> Result<(), BoxError> {
        let inputs = inputs.numbers();
        let pass = Pass { samples, key: Some(step.key) };
        if self.differentiate(&inputs, pass, criterion)? {
            self.optimizer.step(&mut self.store, step);
        }
        Ok(())
    }

    fn outputs(&mut self, inputs: Given<'_>, samples: usize, to: &mut Vec<f32>) -> Result<(), BoxError> {
        let inputs = inputs.numbers();
        self.chain.forward(&mut self.store, Pass { samples, key: None }, &inputs)?;
        to.extend_from_slice(self.chain.output(samples, &inputs));
        Ok(())
    }

    fn save(&self, checkpoint: &mut Checkpoint) -> Result<(), BoxError> {
        for (place, (name, shape)) in self.names.iter().zip(&self.shapes).enumerate() {
            checkpoint.insert_f32(name.as_str(), shape, self.store.values[place].to_vec());
            if self.store.roles[place] != Role::Statistic {
                for (slot, values) in self.slot_names.iter().zip(&self.optimizer.slots) {
                    checkpoint.insert_f32(format!("optimizer.{slot}.{name}"), shape, values[place].to_vec());
                }
            }
        }
        checkpoint.metadata.insert("steps".to_owned(), self.optimizer.steps.to_string());
        Ok(())
    }

    fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        self.optimizer.steps = steps_of(checkpoint)?;
        for (place, (name, shape)) in self.names.iter().zip(&self.shapes).enumerate() {
            read(checkpoint, name, shape, &mut self.store.values[place])?;
            if self.store.roles[place] != Role::Statistic {
                for (slot, values) in self.slot_names.iter().zip(&mut self.optimizer.slots) {
                    read(checkpoint, &format!("optimizer.{slot}.{name}"), shape, &mut values[place])?;
                }
            }
        }
        Ok(())
    }

    fn pause(&mut self) -> Result<(), BoxError> {
        self.chain.free();
        Ok(())
    }
}
