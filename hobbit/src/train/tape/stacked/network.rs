//! A stack of networks on a device of dfdx's, with their optimizers.

#[cfg(any(test, feature = "cuda"))]
use std::sync::Arc;

use dfdx::shapes::HasShape;
use dfdx::tensor::{Cpu, Gradients, HasErr, OwnedTape, Tensor, Trace};
use dfdx::tensor_ops::{Backward, GatherTo, ReshapeTo, SumTo, TryMul};

use super::layers::{Operation, Pass, Sheets, drops, likeness, operations};
use super::optimizer::{State, Stride};
use crate::error::BoxError;
use crate::objective::Checkpoint;
use crate::random::Key;
use crate::train::arrays::{Arrays, Of};
#[cfg(any(test, feature = "cuda"))]
use crate::train::features::Features;
use crate::train::features::Given;
use crate::train::network::{Stack, StackCriterion, StackedPart, Step};
use crate::train::optimizer::Optimizer;
use crate::train::parameter::{ParameterSpec, Role};
use crate::train::tape::device::{Rows, TensorDevice, device_error, one_thread_a_trial, upload};

/// A stack of networks on a device.
#[derive(Clone)]
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
    /// The present rows, once they were asked for.
    on_host: Option<Vec<Vec<f32>>>,
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
            on_host: None,
            device,
        })
    }

    /// The batches of all networks, one after the other, as those of each.
    pub(in crate::train::tape) fn sheets(&self, x: Rows<D>) -> Result<Sheets<D>, BoxError> {
        let (samples, width) = *x.shape();
        let networks = self.optimizers.len();
        if !samples.is_multiple_of(networks) {
            return Err("a stack of networks needs a batch for each, of as many samples".into());
        }
        x.try_reshape_like(&(networks, samples / networks, width)).map_err(device_error)
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

impl<D: TensorDevice> StackedNetwork<D> {
    pub(in crate::train::tape) fn train_step(
        &mut self,
        x: Sheets<D>,
        steps: &[Step],
        criterion: &mut StackCriterion<'_>,
    ) -> Result<(), BoxError> {
        let (_, samples, _) = *x.shape();
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
        self.on_host = None;
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

    pub(in crate::train::tape) fn predict(&self, x: Sheets<D>, to: &mut Vec<f32>) -> Result<(), BoxError> {
        let outputs: Sheets<D> = self.pass(None).forward(&self.operations, x).map_err(device_error)?;
        to.extend(outputs.as_vec());
        Ok(())
    }

    /// What [`Network::save`](crate::train::network::Network::save) would add, of the network at this place.
    pub(in crate::train::tape) fn state(&mut self, place: usize) -> Checkpoint {
        let rows = self.on_host.take().unwrap_or_else(|| self.rows());
        let checkpoint = self.checkpoint(&rows, place);
        // others will ask for theirs
        self.on_host = Some(rows);
        checkpoint
    }

    /// Takes out all networks but those at these places.
    pub(in crate::train::tape) fn keep(&mut self, places: &[usize]) -> Result<(), BoxError> {
        if places.len() == self.optimizers.len() {
            return Ok(());
        }
        self.on_host = None;
        self.optimizers = places.iter().map(|&place| self.optimizers[place]).collect();
        self.drops = places.iter().map(|&place| self.drops[place].clone()).collect();
        self.state.steps = places.iter().map(|&place| self.state.steps[place]).collect();
        let rows: Tensor<(usize,), usize, D> =
            self.device.try_tensor_from_vec(places.to_vec(), (places.len(),)).map_err(device_error)?;
        for tensor in std::iter::once(&mut self.state.values).chain(&mut self.state.slots) {
            *tensor = tensor.clone().try_gather(rows.clone()).map_err(device_error)?;
        }
        Ok(())
    }
}

impl Stack for StackedNetwork<Cpu>
where
    <Cpu as HasErr>::Err: Send,
{
    fn train(
        &mut self,
        inputs: &[Given<'_>],
        samples: usize,
        steps: &[Step],
        criterion: &mut StackCriterion<'_>,
    ) -> Result<(), BoxError> {
        let x = upload(&self.device, numbers(inputs), inputs.len() * samples)?;
        self.train_step(self.sheets(x)?, steps, criterion)
    }

    fn outputs(&mut self, inputs: &[Given<'_>], samples: usize, to: &mut Vec<f32>) -> Result<(), BoxError> {
        let x = upload(&self.device, numbers(inputs), inputs.len() * samples)?;
        self.predict(self.sheets(x)?, to)
    }

    fn state(&mut self, place: usize) -> Result<Checkpoint, BoxError> {
        Ok(self.state(place))
    }

    fn keep(&mut self, places: &[usize]) -> Result<(), BoxError> {
        self.keep(places)
    }

    fn copy(&self) -> Result<Box<dyn Stack>, BoxError> {
        Ok(Box::new(self.clone()))
    }
}

/// The batches of all networks, one after the other.
pub(in crate::train::tape) fn numbers(inputs: &[Given<'_>]) -> Vec<f32> {
    let mut numbers = Vec::new();
    inputs.iter().for_each(|given| numbers.extend_from_slice(&given.numbers()));
    numbers
}

/// The batches of all networks, one after the other, as rows of samples in memory that they have in common;
/// none if they are not.
#[cfg(any(test, feature = "cuda"))]
pub(in crate::train::tape) fn joined<'a>(inputs: &[Given<'a>]) -> Option<(&'a Arc<Features>, Vec<u32>)> {
    let of = |given: &Given<'a>| match *given {
        Given::Rows(features, rows) => Some((features, rows)),
        Given::Numbers(_) => None,
    };
    let (first, _) = of(inputs.first()?)?;
    let mut joined = Vec::new();
    for given in inputs {
        let (features, rows) = of(given)?;
        if !Arc::ptr_eq(features, first) {
            return None;
        }
        joined.extend_from_slice(rows);
    }
    Some((first, joined))
}
