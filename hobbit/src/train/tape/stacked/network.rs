//! A stack of networks on a device of dfdx's, with their optimizers.

use std::sync::Arc;

use dfdx::shapes::HasShape;
use dfdx::tensor::{Cpu, Gradients, HasErr, OwnedTape, PutTape, SplitTape, Tape, Tensor, Trace};
use dfdx::tensor_ops::{Backward, GatherTo, ReshapeTo, SumTo, TryMul};

use super::layers::{Operation, forward, operations};
use super::likeness::likeness;
use super::optimizer::{State, Stride};
use super::pass::{Before, Pass, settings};
use super::slopes::slopes;
use crate::error::BoxError;
use crate::objective::Checkpoint;
use crate::random::Key;
use crate::train::arrays::{Arrays, Of};
#[cfg(any(test, feature = "cuda"))]
use crate::train::features::Features;
use crate::train::features::Given;
use crate::train::network::{Aims, Stack, StackCriterion, StackedPart, Step};
use crate::train::optimizer::Optimizer;
use crate::train::parameter::{ParameterSpec, Role};
use crate::train::tape::device::{Rows, Sheets, TensorDevice, device_error, one_thread_a_trial, upload};

/// A stack of networks on a device.
#[derive(Clone)]
pub(in crate::train) struct StackedNetwork<D: TensorDevice> {
    device: D,
    operations: Arc<[Operation<D>]>,
    arrays: Arrays,
    roles: Vec<Role>,
    /// Where each parameter begins in a network's row, and how many numbers it is. A statistic has rows of
    /// its own.
    spans: Vec<(usize, usize)>,
    optimizers: Vec<Optimizer>,
    /// The numbers among the settings of each network's layers.
    settings: Vec<Vec<f64>>,
    state: State<D>,
    /// Running statistics, with a row for each network.
    statistics: Vec<Rows<D>>,
    /// The present rows, once they were asked for.
    on_host: Option<Vec<Vec<f32>>>,
    /// Whether steps are queued: the device works by itself.
    queues: bool,
    /// The outputs of steps that were queued.
    queued: Vec<Sheets<D>>,
}

/// Which rows an array is in: first those of what is trained, then of each slot, then of each statistic.
fn rows_of(of: Of, slots: usize, roles: &[Role]) -> (usize, usize) {
    match of {
        Of::Slot { slot, parameter } => (1 + slot, parameter),
        Of::Parameter(parameter) if roles[parameter] == Role::Statistic => {
            let before = roles[..parameter].iter().filter(|role| **role == Role::Statistic).count();
            (1 + slots + before, parameter)
        }
        Of::Parameter(parameter) => (0, parameter),
    }
}

impl<D: TensorDevice> StackedNetwork<D> {
    /// A stack of these networks, as their checkpoints have them. Steps can be queued where the device works
    /// by itself.
    ///
    /// # Errors
    /// There are none, they are not alike, or an array is not there.
    pub(in crate::train) fn new(
        device: D,
        parts: &[StackedPart<'_>],
        queues: bool,
    ) -> Result<Self, BoxError> {
        one_thread_a_trial();
        let Some(first) = parts.first() else { return Err("there is nothing to stack".into()) };
        let alike = likeness(first.plan, first.optimizer);
        if alike.is_none() || parts.iter().any(|part| likeness(part.plan, part.optimizer) != alike) {
            return Err("the networks are not alike, and do not stack".into());
        }
        let specs = &first.plan.parameters;
        let roles: Vec<Role> = specs.iter().map(|spec| spec.role).collect();
        let mut width = 0;
        let mut span = |spec: &ParameterSpec| {
            if spec.role == Role::Statistic {
                return (0, spec.len());
            }
            width += spec.len();
            (width - spec.len(), spec.len())
        };
        let spans: Vec<(usize, usize)> = specs.iter().map(&mut span).collect();
        let arrays = Arrays::new(first.plan, first.optimizer);
        let slots = first.optimizer.slots();
        let statistics = specs.iter().filter(|spec| spec.role == Role::Statistic).map(ParameterSpec::len);
        let widths: Vec<usize> = std::iter::repeat_n(width, 1 + slots).chain(statistics).collect();
        let mut rows: Vec<Vec<f32>> = widths.iter().map(|width| vec![0.0; parts.len() * width]).collect();
        let mut steps = Vec::with_capacity(parts.len());
        for (place, part) in parts.iter().enumerate() {
            steps.push(arrays.load(part.state, |of, numbers| {
                let (number, parameter) = rows_of(of, slots, &roles);
                let (start, length) = spans[parameter];
                rows[number][place * widths[number] + start..][..length].copy_from_slice(numbers);
                Ok(())
            })?);
        }
        let tensor = |(numbers, width)| device.try_tensor_from_vec(numbers, (parts.len(), width));
        let tensors: Result<Vec<Rows<D>>, D::Err> = rows.into_iter().zip(widths).map(tensor).collect();
        let mut values = tensors.map_err(device_error)?;
        let statistics = values.split_off(1 + slots);
        let slots = values.split_off(1);
        let values = values.swap_remove(0);
        Ok(StackedNetwork {
            operations: operations(&device, &first.plan.nodes, &mut Before::default())?.into(),
            arrays,
            roles,
            spans,
            optimizers: parts.iter().map(|part| part.optimizer).collect(),
            settings: parts.iter().map(|part| settings(&part.plan.nodes)).collect(),
            state: State { values, slots, steps },
            statistics,
            on_host: None,
            queues,
            queued: Vec::new(),
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

    /// The outputs of all networks; with their steps' keys it is for training.
    fn forward<T: Tape<f32, D>>(
        &mut self,
        inputs: &[Given<'_>],
        x: Sheets<D, T>,
        keys: Option<&[Key]>,
    ) -> Result<Sheets<D, T>, BoxError> {
        let StackedNetwork { device, operations, spans, settings, state, statistics, .. } = self;
        let values = &state.values;
        let mut pass = Pass { device, values, statistics, spans, settings, keys, inputs: Some(inputs) };
        forward(operations, &mut pass, x)
    }

    /// All rows of numbers: those of the parameters, of each slot, and of each statistic.
    fn rows(&self) -> Vec<Vec<f32>> {
        let tensors = std::iter::once(&self.state.values).chain(&self.state.slots).chain(&self.statistics);
        tensors.map(Tensor::as_vec).collect()
    }

    /// Puts back the rows of those that took no step. Statistics are of what was seen, and stay.
    fn undo(&mut self, before: &[Vec<f32>], stepped: &[bool]) {
        let (_, width) = *self.state.values.shape();
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
            let (number, parameter) = rows_of(of, self.state.slots.len(), &self.roles);
            let (rows, (start, length)) = (&rows[number], self.spans[parameter]);
            let width = rows.len() / self.optimizers.len();
            let numbers = rows[place * width + start..][..length].iter();
            match of {
                Of::Parameter(_) => numbers.copied().collect(),
                // the sign of a zero means nothing, and is that of a network by itself
                Of::Slot { .. } => numbers.map(|x| x + 0.0).collect(),
            }
        });
        checkpoint
    }
}

impl<D: TensorDevice> StackedNetwork<D> {
    pub(in crate::train::tape) fn train_step(
        &mut self,
        inputs: &[Given<'_>],
        x: Sheets<D>,
        steps: &[Step],
        criterion: &mut StackCriterion<'_>,
    ) -> Result<(), BoxError> {
        let outputs = self.traced(inputs, x, steps)?;
        let shape = *outputs.shape();
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
        let gradient: Sheets<D> = self.device.try_tensor_from_vec(gradient, shape).map_err(device_error)?;
        let before = stepped.contains(&false).then(|| self.rows());
        self.step(outputs, gradient, steps).map_err(device_error)?;
        if let Some(before) = before {
            self.undo(&before, &stepped);
        }
        Ok(())
    }

    /// The outputs of a step's batches.
    fn traced(
        &mut self,
        inputs: &[Given<'_>],
        x: Sheets<D>,
        steps: &[Step],
    ) -> Result<Sheets<D, OwnedTape<f32, D>>, BoxError> {
        self.on_host = None;
        let keys: Vec<Key> = steps.iter().map(|step| step.key).collect();
        self.forward(inputs, x.leaky_traced(), Some(&keys))
    }

    /// Moves all parameters along this gradient for the outputs.
    fn step(
        &mut self,
        outputs: Sheets<D, OwnedTape<f32, D>>,
        gradient: Sheets<D>,
        steps: &[Step],
    ) -> Result<(), D::Err> {
        let product = outputs.try_mul(gradient)?;
        let sum: Tensor<(), f32, D, OwnedTape<f32, D>> = product.try_sum()?;
        let gradients: Gradients<f32, D> = sum.try_backward()?;
        let gradient: Rows<D> = gradients.get(&self.state.values);
        let StackedNetwork { device, optimizers, spans, roles, state, .. } = self;
        Stride { device, optimizers, steps, spans, roles }.take(state, gradient)
    }

    pub(in crate::train::tape) fn queue_step(
        &mut self,
        inputs: &[Given<'_>],
        x: Sheets<D>,
        steps: &[Step],
        aims: Aims,
    ) -> Result<(), BoxError> {
        let outputs = self.traced(inputs, x, steps)?;
        let (values, tape) = outputs.split_tape();
        let gradient = slopes(&self.device, values.clone(), aims)?;
        self.queued.push(values.clone());
        self.step(values.put_tape(tape), gradient, steps).map_err(device_error)
    }

    pub(in crate::train::tape) fn queues(&self) -> bool {
        self.queues
    }

    /// The outputs of each step that was queued since they were last asked for.
    pub(in crate::train::tape) fn queued(&mut self) -> Vec<Vec<f32>> {
        self.queued.drain(..).map(|outputs| outputs.as_vec()).collect()
    }

    pub(in crate::train::tape) fn predict(
        &mut self,
        inputs: &[Given<'_>],
        x: Sheets<D>,
        to: &mut Vec<f32>,
    ) -> Result<(), BoxError> {
        let outputs: Sheets<D> = self.forward(inputs, x, None)?;
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
        self.on_host = None;
        self.optimizers = places.iter().map(|&place| self.optimizers[place]).collect();
        self.settings = places.iter().map(|&place| self.settings[place].clone()).collect();
        self.state.steps = places.iter().map(|&place| self.state.steps[place]).collect();
        let rows: Tensor<(usize,), usize, D> =
            self.device.try_tensor_from_vec(places.to_vec(), (places.len(),)).map_err(device_error)?;
        let State { values, slots, .. } = &mut self.state;
        for tensor in std::iter::once(values).chain(slots).chain(&mut self.statistics) {
            *tensor = tensor.clone().try_gather(rows.clone()).map_err(device_error)?;
        }
        Ok(())
    }
}

impl StackedNetwork<Cpu> {
    /// The batches of all networks on the device.
    fn upload(&self, inputs: &[Given<'_>], samples: usize) -> Result<Sheets<Cpu>, BoxError> {
        self.sheets(upload(&self.device, numbers(inputs), inputs.len() * samples)?)
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
        let x = self.upload(inputs, samples)?;
        self.train_step(inputs, x, steps, criterion)
    }

    fn queues(&self) -> bool {
        self.queues()
    }

    fn queue(
        &mut self,
        inputs: &[Given<'_>],
        samples: usize,
        steps: &[Step],
        aims: Aims,
    ) -> Result<(), BoxError> {
        let x = self.upload(inputs, samples)?;
        self.queue_step(inputs, x, steps, aims)
    }

    fn queued(&mut self) -> Result<Vec<Vec<f32>>, BoxError> {
        Ok(self.queued())
    }

    fn outputs(&mut self, inputs: &[Given<'_>], samples: usize, to: &mut Vec<f32>) -> Result<(), BoxError> {
        let x = self.upload(inputs, samples)?;
        self.predict(inputs, x, to)
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
pub(in crate::train) fn joined<'a>(inputs: &[Given<'a>]) -> Option<(&'a Arc<Features>, Vec<u32>)> {
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
