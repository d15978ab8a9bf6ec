//! A network on a device of dfdx's, with its optimizer.

use dfdx::shapes::HasShape;
use dfdx::tensor::{Cpu, Gradients, HasErr, OwnedTape, Tensor, Trace};
use dfdx::tensor_ops::{Backward, SumTo, TryMul};

use super::device::{Flat, Rows, Traced, device_error, one_thread_a_trial, upload};
use super::layers::{Operation, forward, operations};
use super::optimizer::OptimizerState;
use super::place::Place;
use crate::error::BoxError;
use crate::objective::Checkpoint;
use crate::random::Key;
use crate::runner::panics::catch;
use crate::train::arrays::{Arrays, Of};
use crate::train::features::Given;
use crate::train::layer::Layer;
use crate::train::network::{Criterion, Network, Step};
use crate::train::optimizer::{Optimizer, Sgd};
use crate::train::parameter::Role;
use crate::train::plan::{Node, Plan};

/// A network on a device, with its optimizer.
pub(in crate::train) struct TapeNetwork<D: Place> {
    device: D,
    operations: Vec<Operation<D>>,
    arrays: Arrays,
    roles: Vec<Role>,
    parameters: Vec<Flat<D>>,
    optimizer: OptimizerState<D>,
    has_opaque: bool,
}

impl<D: Place> TapeNetwork<D> {
    /// With these first values of the parameters.
    pub(in crate::train) fn new(
        device: D,
        plan: &Plan,
        values: Vec<Vec<f32>>,
        optimizer: Optimizer,
    ) -> Result<TapeNetwork<D>, BoxError> {
        one_thread_a_trial();
        let operations = operations(&device, &plan.nodes)?;
        let flat = |values: Vec<f32>| {
            let length = values.len();
            device.try_tensor_from_vec(values, (length,)).map_err(device_error)
        };
        let parameters = values.into_iter().map(flat).collect::<Result<Vec<Flat<D>>, BoxError>>()?;
        let roles: Vec<Role> = plan.parameters.iter().map(|spec| spec.role).collect();
        Ok(TapeNetwork {
            operations,
            arrays: Arrays::new(plan, optimizer),
            optimizer: OptimizerState::new(optimizer, &parameters, &roles)?,
            parameters,
            roles,
            has_opaque: plan.has_opaque(),
            device,
        })
    }
}

/// Whether a network has a layer that only dfdx knows and that cannot be trained on a batch of one sample.
pub(in crate::train) fn needs_pairs(plan: &Plan) -> bool {
    has_statistics(plan, &plan.nodes) && loses_statistics(plan)
}

/// Whether there are layers with running statistics that only dfdx knows.
fn has_statistics(plan: &Plan, nodes: &[Node]) -> bool {
    nodes.iter().any(|node| match node.layer {
        Layer::Custom(_) => {
            plan.parameters[node.parameters.clone()].iter().any(|spec| spec.role == Role::Statistic)
        }
        _ => has_statistics(plan, &node.block),
    })
}

/// Whether a step on one sample makes running statistics infinite: dfdx's batch normalization divides by the
/// count of what it normalizes over, less one.
fn loses_statistics(plan: &Plan) -> bool {
    let zeros = plan.parameters.iter().map(|spec| vec![0.0; spec.len()]).collect();
    let try_one = || -> Result<bool, BoxError> {
        let mut network = TapeNetwork::new(Cpu::seed_from_u64(0), plan, zeros, Sgd::new(0.0).into())?;
        let x = upload(&network.device, vec![0.0; plan.widths().0], 1)?.leaky_traced();
        forward(&mut network.operations, &mut network.parameters, x, Some(Key::new(0)))?;
        let mut statistics =
            network.parameters.iter().zip(&network.roles).filter(|(_, role)| **role == Role::Statistic);
        Ok(statistics.any(|(values, _)| values.as_vec().iter().any(|value| !value.is_finite())))
    };
    // a module that fails here is tried with real batches, and says there what is wrong
    catch(try_one).is_ok_and(|lost| lost.unwrap_or(false))
}

impl<D: Place> TapeNetwork<D> {
    /// The device that the inputs of a step have to be on: modules of dfdx draw dropout from the device of
    /// what flows through them.
    fn device_of(&self, step: &Step) -> D {
        let own = if self.has_opaque { self.device.for_step(step.key) } else { None };
        own.unwrap_or_else(|| self.device.clone())
    }

    pub(super) fn train_step(
        &mut self,
        inputs: Rows<D>,
        step: &Step,
        criterion: &mut Criterion<'_>,
    ) -> Result<(), BoxError> {
        let (samples, _) = *inputs.shape();
        let x: Traced<D> = inputs.leaky_traced();
        let outputs = forward(&mut self.operations, &mut self.parameters, x, Some(step.key))?;
        let values = outputs.as_vec();
        let mut gradient = vec![0.0; values.len()];
        if !criterion(&values, &mut gradient)? {
            return Ok(());
        }
        let gradient = upload(&self.device, gradient, samples)?;
        let product = outputs.try_mul(gradient).map_err(device_error)?;
        let sum: Tensor<(), f32, D, OwnedTape<f32, D>> = product.try_sum().map_err(device_error)?;
        let gradients: Gradients<f32, D> = sum.try_backward().map_err(device_error)?;
        self.optimizer.step(&mut self.parameters, &self.roles, gradients, step).map_err(device_error)
    }

    pub(super) fn predict(&mut self, inputs: Rows<D>, to: &mut Vec<f32>) -> Result<(), BoxError> {
        let outputs: Rows<D> = forward(&mut self.operations, &mut self.parameters, inputs, None)?;
        to.extend(outputs.as_vec());
        Ok(())
    }

    pub(super) fn store(&self, checkpoint: &mut Checkpoint) -> Result<(), BoxError> {
        self.arrays.save(checkpoint, self.optimizer.steps, |of| match of {
            Of::Parameter(place) => self.parameters[place].as_vec(),
            Of::Slot { slot, parameter } => self.optimizer.state(slot, &self.parameters[parameter]),
        });
        Ok(())
    }

    pub(super) fn restore(&mut self, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        let TapeNetwork { arrays, parameters, optimizer, device, .. } = self;
        let steps = arrays.load(checkpoint, |of, numbers| match of {
            Of::Parameter(place) => {
                parameters[place].copy_from(numbers);
                Ok(())
            }
            Of::Slot { slot, parameter } => {
                let saved = device.try_tensor_from_vec(numbers.to_vec(), (numbers.len(),));
                let saved = saved.map_err(device_error)?;
                optimizer.load(slot, &parameters[parameter], saved).map_err(device_error)
            }
        })?;
        optimizer.steps = steps;
        Ok(())
    }
}

impl Network for TapeNetwork<Cpu>
where
    <Cpu as HasErr>::Err: Send,
{
    fn train(
        &mut self,
        inputs: Given<'_>,
        samples: usize,
        step: &Step,
        criterion: &mut Criterion<'_>,
    ) -> Result<(), BoxError> {
        let inputs = upload(&self.device_of(step), inputs.numbers().into_owned(), samples)?;
        self.train_step(inputs, step, criterion)
    }

    fn outputs(&mut self, inputs: Given<'_>, samples: usize, to: &mut Vec<f32>) -> Result<(), BoxError> {
        let inputs = upload(&self.device, inputs.numbers().into_owned(), samples)?;
        self.predict(inputs, to)
    }

    fn save(&self, checkpoint: &mut Checkpoint) -> Result<(), BoxError> {
        self.store(checkpoint)
    }

    fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        self.restore(checkpoint)
    }

    fn pause(&mut self) -> Result<(), BoxError> {
        // what waits is as large as what is trained
        Ok(())
    }
}
