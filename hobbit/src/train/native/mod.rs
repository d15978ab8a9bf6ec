//! Networks on the processor: every layer with its own forward and backward pass over buffers that are used
//! again and again. Nothing is recorded and, once all buffers have their size, nothing is allocated.

mod activations;
mod buffer;
mod build;
mod chain;
mod conv;
mod dense;
mod dots;
mod dropout;
mod embedding;
mod gemm;
mod kernel;
mod norm;
mod optimizer;
mod pool;
mod product;
mod residual;
mod small;
#[cfg(test)]
pub(super) mod tests;
#[cfg(test)]
mod twin;

use buffer::Buffer;
use chain::Chain;
use kernel::{Pass, Store};
use optimizer::OptimizerState;
use product::Element;

use super::arrays::{Arrays, Of};
use super::features::Given;
use super::network::{Criterion, Network, Step};
use super::optimizer::Optimizer;
use super::parameter::Role;
use super::plan::Plan;
use crate::error::BoxError;
use crate::objective::Checkpoint;

/// A network on the processor, with its optimizer.
pub(super) struct Native<T: Element> {
    arrays: Arrays,
    chain: Chain<T>,
    store: Store<T>,
    optimizer: OptimizerState<T>,
}

impl<T: Element> Native<T> {
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
            arrays: Arrays::new(plan, optimizer),
            chain: build::chain(&plan.nodes),
            optimizer: OptimizerState::new(optimizer, &store),
            store,
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
        self.arrays.save(checkpoint, self.optimizer.steps, |of| match of {
            Of::Parameter(place) => self.store.values[place].to_vec(),
            Of::Slot { slot, parameter } => self.optimizer.slots[slot][parameter].to_vec(),
        });
        Ok(())
    }

    fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        let (values, slots) = (&mut self.store.values, &mut self.optimizer.slots);
        self.optimizer.steps = self.arrays.load(checkpoint, |of, numbers| {
            match of {
                Of::Parameter(place) => values[place].copy_from_slice(numbers),
                Of::Slot { slot, parameter } => slots[slot][parameter].copy_from_slice(numbers),
            }
            Ok(())
        })?;
        Ok(())
    }

    fn pause(&mut self) -> Result<(), BoxError> {
        self.chain.free();
        Ok(())
    }
}
