//! A stack of networks on a device of dfdx's, with their optimizers.

use dfdx::tensor::{Gradients, OwnedTape, Tensor, Trace};
use dfdx::tensor_ops::{Backward, SumTo, TryMul};

use super::layers::{Operation, Pass, Sheets, drops, likeness, operations};
use super::optimizer::{State, Stride};
use crate::error::BoxError;
use crate::objective::Checkpoint;
use crate::random::Key;
use crate::train::arrays::{Arrays, Of};
use crate::train::features::Given;
use crate::train::network::{Stack, StackCriterion, StackedPart, Step};
use crate::train::optimizer::Optimizer;
use crate::train::parameter::{ParameterSpec, Role};
use crate::train::tape::device::{Rows, TensorDevice, device_error, one_thread_a_trial};

/// A stack of networks on a device.
pub(in crate::train) struct StackedNetwork<D: TensorDevice> {
    device: D,
    operations: Vec<Operation>,
    arrays: Arrays,
    roles: Vec<Role>,
    /// Where each parameter begins in a network's row, and how many numbers it is.
    spans: Vec<(usize, usize)>,
    /// The numbers of a row.
    width: usize,
    optimizers: Vec<Optimizer>,
    /// How likely each dropout layer of each network drops a number.
    drops: Vec<Vec<f64>>,
    state: State<D>,
}

impl<D: TensorDevice> StackedNetwork<D> {
    /// A stack of these networks, as their checkpoints have them.
    ///
    /// # Errors
    /// There are none, they are not alike, or an array is not there.
    pub(in crate::train) fn new(device: D, parts: &[StackedPart<'_>]) -> Result<Self, BoxError> {
        one_thread_a_trial();
        let Some(first) = parts.first() else { return Err("there is nothing to stack".into()) };
        let alike = likeness(first.plan, first.optimizer);
        if alike.is_none() || parts.iter().any(|part| likeness(part.plan, part.optimizer) != alike) {
            return Err("the networks are not alike, and do not stack".into());
        }
        let specs = &first.plan.parameters;
        let mut width = 0;
        let mut span = |spec: &ParameterSpec| {
            width += spec.len();
            (width - spec.len(), spec.len())
        };
        let spans: Vec<(usize, usize)> = specs.iter().map(&mut span).collect();
        let arrays = Arrays::new(first.plan, first.optimizer);
        let mut values = vec![0.0; parts.len() * width];
        let mut slots = vec![values.clone(); first.optimizer.slots()];
        let mut steps = Vec::with_capacity(parts.len());
        for (place, part) in parts.iter().enumerate() {
            steps.push(arrays.load(part.state, |of, numbers| {
                let (rows, parameter) = match of {
                    Of::Parameter(parameter) => (&mut values, parameter),
                    Of::Slot { slot, parameter } => (&mut slots[slot], parameter),
                };
                let (start, length) = spans[parameter];
                rows[place * width + start..][..length].copy_from_slice(numbers);
                Ok(())
            })?);
        }
        let rows = |numbers: Vec<f32>| device.try_tensor_from_vec(numbers, (parts.len(), width));
        let values = rows(values).map_err(device_error)?;
        let slots = slots.into_iter().map(rows).collect::<Result<_, _>>().map_err(device_error)?;
        Ok(StackedNetwork {
            operations: operations(&first.plan.nodes, &mut 0),
            arrays,
            roles: specs.iter().map(|spec| spec.role).collect(),
            spans,
            width,
            optimizers: parts.iter().map(|part| part.optimizer).collect(),
            drops: parts.iter().map(|part| drops(&part.plan.nodes)).collect(),
            state: State { values, slots, steps },
            device,
        })
    }

    /// The batches of all networks on the device.
    fn upload(&self, inputs: &[Given<'_>], samples: usize) -> Result<Sheets<D>, BoxError> {
        let mut numbers = Vec::new();
        inputs.iter().for_each(|given| numbers.extend_from_slice(&given.numbers()));
        let networks = self.optimizers.len();
        let width = numbers.len() / (networks * samples).max(1);
        if inputs.len() != networks || numbers.len() != networks * samples * width {
            return Err("a stack of networks needs a batch for each, of as many samples".into());
        }
        self.device.try_tensor_from_vec(numbers, (networks, samples, width)).map_err(device_error)
    }

    fn pass<'a>(&'a self, keys: Option<&'a [(Key, &'a [f64])]>) -> Pass<'a, D> {
        Pass { values: &self.state.values, spans: &self.spans, keys }
    }

    /// All rows of numbers: those of the parameters, then those of each slot.
    fn rows(&self) -> Vec<Vec<f32>> {
        std::iter::once(&self.state.values).chain(&self.state.slots).map(Tensor::as_vec).collect()
    }

    /// Puts back the rows of those that took no step.
    fn undo(&mut self, before: &[Vec<f32>], stepped: &[bool]) {
        let width = self.width;
        let tensors = std::iter::once(&mut self.state.values).chain(&mut self.state.slots);
        for (tensor, before) in tensors.zip(before) {
            let mut rows = tensor.as_vec();
            for place in (0..stepped.len()).filter(|&place| !stepped[place]) {
                rows[place * width..][..width].copy_from_slice(&before[place * width..][..width]);
            }
            tensor.copy_from(&rows);
        }
        for (steps, _) in self.state.steps.iter_mut().zip(stepped).filter(|(_, stepped)| !**stepped) {
            *steps -= 1;
        }
    }

    fn checkpoint(&self, rows: &[Vec<f32>], place: usize) -> Checkpoint {
        let mut checkpoint = Checkpoint::new();
        self.arrays.save(&mut checkpoint, self.state.steps[place], |of| {
            let numbers = |rows: &[f32], parameter: usize| {
                let (start, length) = self.spans[parameter];
                rows[place * self.width + start..][..length].to_vec()
            };
            match of {
                Of::Parameter(parameter) => numbers(&rows[0], parameter),
                Of::Slot { slot, parameter } => {
                    // the sign of a zero means nothing, and is that of a network by itself
                    numbers(&rows[1 + slot], parameter).into_iter().map(|x| x + 0.0).collect()
                }
            }
        });
        checkpoint
    }
}

impl<D: TensorDevice> Stack for StackedNetwork<D> {
    fn train(
        &mut self,
        inputs: &[Given<'_>],
        samples: usize,
        steps: &[Step],
        criterion: &mut StackCriterion<'_>,
    ) -> Result<(), BoxError> {
        let x = self.upload(inputs, samples)?;
        let keys: Vec<(Key, &[f64])> =
            steps.iter().zip(&self.drops).map(|(step, drops)| (step.key, drops.as_slice())).collect();
        let outputs = self.pass(Some(&keys)).forward(&self.operations, x.leaky_traced());
        let outputs: Sheets<D, OwnedTape<f32, D>> = outputs.map_err(device_error)?;
        let values = outputs.as_vec();
        let mut gradient = vec![0.0; values.len()];
        let size = values.len() / steps.len();
        let mut stepped = Vec::with_capacity(steps.len());
        for (place, slopes) in gradient.chunks_exact_mut(size).enumerate() {
            stepped.push(criterion(place, &values[place * size..][..size], slopes));
        }
        if !stepped.contains(&true) {
            return Ok(());
        }
        let shape = (steps.len(), samples, size / samples);
        let gradient: Sheets<D> = self.device.try_tensor_from_vec(gradient, shape).map_err(device_error)?;
        let product = outputs.try_mul(gradient).map_err(device_error)?;
        let sum: Tensor<(), f32, D, OwnedTape<f32, D>> = product.try_sum().map_err(device_error)?;
        let gradients: Gradients<f32, D> = sum.try_backward().map_err(device_error)?;
        let gradient: Rows<D> = gradients.get(&self.state.values);
        let before = stepped.contains(&false).then(|| self.rows());
        let StackedNetwork { device, optimizers, spans, roles, state, .. } = self;
        Stride { device, optimizers, steps, spans, roles }.take(state, gradient).map_err(device_error)?;
        if let Some(before) = before {
            self.undo(&before, &stepped);
        }
        Ok(())
    }

    fn outputs(&mut self, inputs: &[Given<'_>], samples: usize, to: &mut Vec<f32>) -> Result<(), BoxError> {
        let x = self.upload(inputs, samples)?;
        let outputs: Sheets<D> = self.pass(None).forward(&self.operations, x).map_err(device_error)?;
        to.extend(outputs.as_vec());
        Ok(())
    }

    fn save(&self) -> Vec<Checkpoint> {
        let rows = self.rows();
        (0..self.optimizers.len()).map(|place| self.checkpoint(&rows, place)).collect()
    }

    fn leave(&mut self, place: usize) -> Result<Checkpoint, BoxError> {
        let mut rows = self.rows();
        let checkpoint = self.checkpoint(&rows, place);
        self.optimizers.remove(place);
        self.drops.remove(place);
        self.state.steps.remove(place);
        for rows in &mut rows {
            rows.drain(place * self.width..(place + 1) * self.width);
        }
        let shape = (self.optimizers.len(), self.width);
        let tensors = std::iter::once(&mut self.state.values).chain(&mut self.state.slots);
        for (tensor, rows) in tensors.zip(rows) {
            *tensor = self.device.try_tensor_from_vec(rows, shape).map_err(device_error)?;
        }
        Ok(checkpoint)
    }
}
