//! A model on its device: trained by a sweep, or rebuilt from a repository to be used.

use std::sync::{Mutex, PoisonError};

use dfdx::tensor::Cpu;

use super::compiled::{Compiled, EpochEnd};
use super::data::{Batch, Data, Feed, Given, Inputs, Part, Stream, Targets};
use super::device::Device;
use super::directions::{Directions, Goal};
use super::loss::Loss;
use super::metrics::{Tally, argmax, names};
use super::native::{Native, math};
use super::network::{Network, Step, check_arrays, prefix};
use super::plan::Plan;
use super::schedule::{self, Plateau, Stopper};
use super::tape::{TapeNetwork, needs_pairs};
use crate::error::{BoxError, Error, Result};
use crate::objective::{Checkpoint, EpochContext, Metrics};
use crate::random::Key;

/// Samples that are predicted at once.
const BATCH: usize = 512;

/// Purposes of keys below a trial's; those of data are with the data.
const WEIGHTS: u64 = 0;
const DROPOUT: u64 = 2;
const MEMBER: u64 = 7;

/// A model with its weights.
///
/// With k folds or several executions it has as many networks, and predicts the mean of what they predict.
pub struct Model {
    description: Compiled,
    plan: Plan,
    /// What of the network cannot be trained on a batch of one sample.
    pairs: Option<String>,
    device: Device,
    members: Vec<Member>,
    directions: Directions,
    plateau: Plateau,
    stopper: Stopper,
    /// That of the last step.
    learning_rate: f64,
    batch: Batch,
    outputs: Vec<f32>,
    gradient: Vec<f32>,
}

/// One network of a model.
struct Member {
    network: Mutex<Box<dyn Network>>,
    key: Key,
    stream: Stream,
}

impl Member {
    fn network(&mut self) -> &mut dyn Network {
        self.network.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut()
    }
}

impl Model {
    /// Builds an untrained model with weights drawn from the trial's key.
    pub(super) fn new(
        description: Compiled,
        device: Device,
        key: Key,
        members: usize,
        goal: &Goal,
    ) -> Result<Model> {
        let plan = description.plan()?;
        let directions = description.directions(goal)?;
        let member = |number: usize| {
            let key = if number == 0 { key } else { key.child(MEMBER).child(number as u64) };
            let network = build(&plan, &description, device, key.child(WEIGHTS))?;
            Ok(Member { network: Mutex::new(network), key, stream: Stream::default() })
        };
        let members = (0..members).map(member).collect::<Result<_>>()?;
        let learning_rate = description.optimizer.learning_rate();
        Ok(Model {
            description,
            pairs: needs_pairs(&plan),
            plan,
            device,
            members,
            directions,
            plateau: Plateau::default(),
            stopper: Stopper::default(),
            learning_rate,
            batch: Batch::default(),
            outputs: Vec::new(),
            gradient: Vec::new(),
        })
    }

    /// Takes the networks, with their optimizers' state, to another device.
    pub(super) fn move_to(&mut self, device: Device) -> Result<(), BoxError> {
        if self.device == device {
            return Ok(());
        }
        for member in &mut self.members {
            let mut state = Checkpoint::new();
            let key = member.key.child(WEIGHTS);
            let old = member.network();
            old.save(&mut state)?;
            old.pause()?;
            let mut network = build(&self.plan, &self.description, device, key)?;
            network.load(&state)?;
            member.network = Mutex::new(network);
        }
        self.device = device;
        Ok(())
    }

    fn feed(&mut self, member: usize, epoch: u64) -> Feed {
        Feed {
            key: self.members[member].key,
            fold: member,
            epoch,
            batch_size: self.description.batch_size.unwrap_or(32),
            loss: self.description.loss,
            widths: self.plan.widths(),
            by_rows: self.members[member].network().gathers(),
            joins: self.pairs.is_some(),
        }
    }

    pub(super) fn train_epoch(
        &mut self,
        data: &Data,
        context: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        if self.description.schedule.is_open() {
            return Err("the learning rate's schedule goes over the trial's whole life, and it is not known how many epochs \
                        that has: say so with `TrialContext::with_epochs`"
                .into());
        }
        self.stopper.begin_epoch(context.stage_end);
        let mut tallies = Vec::with_capacity(self.members.len());
        for member in 0..self.members.len() {
            tallies.push(self.train_member(member, data, context)?);
        }
        self.report(&tallies, false, metrics);
        Ok(())
    }

    fn train_member(
        &mut self,
        number: usize,
        data: &Data,
        context: &EpochContext<'_>,
    ) -> Result<Tally, BoxError> {
        let feed = self.feed(number, context.epoch);
        let Model { description, pairs, members, plateau, learning_rate, batch, .. } = self;
        let Member { network, key, stream } = &mut members[number];
        let network = network.get_mut().unwrap_or_else(PoisonError::into_inner);
        let dropout = key.child(DROPOUT).child(context.epoch);
        let mut tally = Tally::default();
        let mut counts = description.class_weights.is_none();
        data.train(&feed, stream, batch, &mut |batch, number, steps| {
            context.check()?;
            if let Some(layer) = pairs
                && batch.samples == 1
            {
                return Err(format!(
                    "batch {} of epoch {} is of 1 sample, but {layer} normalizes over the samples of a batch and needs at \
                     least 2",
                    number + 1,
                    context.epoch + 1
                )
                .into());
            }
            let steps = steps.unwrap_or(number + 1);
            let factor = description.schedule.factor(context.epoch, number, steps, plateau);
            *learning_rate = description.optimizer.learning_rate() * factor;
            let step = Step {
                key: dropout.child(number as u64),
                learning_rate: *learning_rate,
                clip_norm: description.clip_norm,
                clip_value: description.clip_value,
                l1: description.l1,
                l2: description.l2,
            };
            let mut weighted = None;
            if let Some(weights) = &description.class_weights {
                weighted = Some(batch.weighed(weights));
            }
            let batch = weighted.as_ref().unwrap_or(batch);
            counts = counts || batch.counts();
            let mut finite = true;
            network.train(batch.given(), batch.samples, &step, &mut |outputs, gradient| {
                let loss =
                    description.loss.of(outputs, batch, description.label_smoothing as f32, gradient)?;
                tally.add(&description.metrics, description.loss, loss, outputs, batch);
                finite = loss.is_finite();
                Ok(finite)
            })?;
            // the rest of the epoch would change nothing
            Ok(finite)
        })?;
        if !counts {
            return Err(format!(
                "no training sample of epoch {} counts: the classes that they have are of class weight 0",
                context.epoch + 1
            )
            .into());
        }
        Ok(tally)
    }

    pub(super) fn validate(
        &mut self,
        data: &Data,
        context: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        let mut tallies = Vec::with_capacity(self.members.len());
        for member in 0..self.members.len() {
            let feed = self.feed(member, context.epoch);
            let mut tally = Tally::default();
            let Model { description, members, batch, outputs, gradient, .. } = self;
            let network = members[member].network();
            data.validate(&feed, batch, &mut |batch, _, _| {
                context.check()?;
                measure(description, network, batch, (&mut *outputs, &mut *gradient), &mut tally)?;
                Ok(true)
            })?;
            tallies.push(tally);
        }
        self.report(&tallies, true, metrics);
        self.plateau.end_epoch(&self.description.schedule, self.directions, metrics);
        let end = EpochEnd {
            trial: context.trial.id,
            epochs: context.epoch + 1,
            metrics,
            learning_rate: self.learning_rate,
        };
        let mut stop = false;
        for callback in &self.description.callbacks {
            stop |= (callback.0)(&end).is_break();
        }
        stop |= self.stopper.end_epoch(self.description.early_stopping.as_ref(), self.directions, metrics);
        if stop {
            metrics.stop();
        }
        Ok(())
    }

    /// The means over all networks.
    fn report(&self, tallies: &[Tally], validation: bool, metrics: &mut Metrics) {
        let values: Vec<Vec<f64>> = tallies.iter().map(|tally| tally.values().collect()).collect();
        for (place, name) in names(&self.description.metrics, validation).enumerate() {
            // a network that was given nothing has no metrics
            let of = |values: &Vec<f64>| values.get(place).copied().unwrap_or(f64::NAN);
            metrics.report(name, values.iter().map(of).sum::<f64>() / values.len() as f64);
        }
    }

    pub(super) fn save(&self) -> Result<Checkpoint, BoxError> {
        let mut all = Checkpoint::new();
        for (number, member) in self.members.iter().enumerate() {
            let mut checkpoint = Checkpoint::new();
            member.network.lock().unwrap_or_else(PoisonError::into_inner).save(&mut checkpoint)?;
            if member.stream.used > 0 {
                checkpoint.metadata.insert("batches".to_owned(), member.stream.used.to_string());
            }
            let prefix = prefix(number);
            all.arrays
                .extend(checkpoint.arrays.into_iter().map(|(name, array)| (prefix.clone() + &name, array)));
            all.metadata
                .extend(checkpoint.metadata.into_iter().map(|(name, text)| (prefix.clone() + &name, text)));
        }
        schedule::save(&self.plateau, &self.stopper, &mut all);
        Ok(all)
    }

    pub(super) fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        let state =
            schedule::load(checkpoint).ok_or("what the checkpoint says of the schedule cannot be read")?;
        (self.plateau, self.stopper) = state;
        check_arrays(checkpoint, self.members.len(), self.plan.arrays(self.description.optimizer))?;
        for (number, member) in self.members.iter_mut().enumerate() {
            let prefix = prefix(number);
            let mut part = None;
            if number > 0 {
                let own = |name: &String| name.strip_prefix(&prefix).map(str::to_owned);
                let arrays = checkpoint.arrays.iter();
                let metadata = checkpoint.metadata.iter();
                part = Some(Checkpoint {
                    arrays: arrays.filter_map(|(name, array)| Some((own(name)?, array.clone()))).collect(),
                    metadata: metadata.filter_map(|(name, text)| Some((own(name)?, text.clone()))).collect(),
                });
            }
            let checkpoint = part.as_ref().unwrap_or(checkpoint);
            member.network().load(checkpoint)?;
            let used = match checkpoint.metadata.get("batches") {
                Some(text) => {
                    text.parse().map_err(|_| "the number of batches in the checkpoint cannot be read")?
                }
                None => 0,
            };
            member.stream = Stream::at(used);
        }
        Ok(())
    }

    /// Frees what is not needed while the trial waits, and what ties it to this thread.
    pub(super) fn pause(&mut self) -> Result<(), BoxError> {
        self.batch = Batch::default();
        self.outputs = Vec::new();
        self.gradient = Vec::new();
        self.members.iter_mut().try_for_each(|member| member.network().pause())
    }

    pub(super) fn paused_memory(&self) -> usize {
        let slots = self.description.optimizer.slots();
        // values, gradients and state
        4 * self.plan.trainable() * (2 + slots) * self.members.len()
    }

    /// What it is made of.
    pub fn description(&self) -> &Compiled {
        &self.description
    }

    /// Predictions for samples that come one after the other, each flat.
    ///
    /// # Errors
    /// Numbers that are no whole number of samples.
    pub fn predict(&self, inputs: &[f32]) -> Result<Predictions> {
        let (width, outputs) = self.plan.widths();
        if !inputs.len().is_multiple_of(width) {
            return Err(Error::data(format!(
                "{} numbers are no whole number of samples: the model takes samples of {width}",
                inputs.len()
            )));
        }
        let loss = self.description.loss;
        let mut means: Vec<f32> = Vec::new();
        for member in &self.members {
            let mut network = member.network.lock().unwrap_or_else(PoisonError::into_inner);
            let mut values = Vec::with_capacity(inputs.len() / width * outputs);
            for batch in inputs.chunks(width * BATCH) {
                network.outputs(Given::Numbers(batch), batch.len() / width, &mut values).map_err(
                    |error| Error::model(format!("prediction failed: {error}")).with_source(error),
                )?;
            }
            if loss.has_classes() {
                values.chunks_exact_mut(outputs).for_each(softmax);
            } else if loss == Loss::BinaryCrossEntropy {
                values.iter_mut().for_each(|value| *value = 1.0 / (1.0 + math::exp_of(-*value)));
            }
            if means.is_empty() {
                means = values;
            } else {
                means.iter_mut().zip(values).for_each(|(mean, value)| *mean += value);
            }
        }
        if self.members.len() > 1 {
            means.iter_mut().for_each(|mean| *mean /= self.members.len() as f32);
        }
        Ok(Predictions { values: means, width: outputs, binary: loss == Loss::BinaryCrossEntropy })
    }

    /// The loss and metrics on samples with known targets: `loss`, and `accuracy` or `mse` and `mae`. With several networks, the
    /// means of theirs.
    ///
    /// # Errors
    /// Data that do not fit the model.
    pub fn evaluate(&self, inputs: impl Into<Inputs>, targets: impl Into<Targets>) -> Result<Metrics> {
        let part = Part::new("test", inputs.into(), targets.into())?;
        let (width, outputs) = self.plan.widths();
        if part.width() != width {
            return Err(Error::data(format!(
                "the model takes samples of {width} numbers, but a test sample has {}",
                part.width()
            )));
        }
        part.check(outputs, self.description.loss)?;
        let mut batch = Batch::default();
        let mut tallies = Vec::with_capacity(self.members.len());
        for member in &self.members {
            let mut network = member.network.lock().unwrap_or_else(PoisonError::into_inner);
            let mut tally = Tally::default();
            for order in part.in_order().chunks(BATCH) {
                // data that are looked at once are not kept on a device
                part.gather(order, self.description.loss, false, &mut batch);
                let buffers = (&mut Vec::new(), &mut Vec::new());
                measure(&self.description, network.as_mut(), &batch, buffers, &mut tally).map_err(
                    |error| Error::model(format!("evaluation failed: {error}")).with_source(error),
                )?;
            }
            tallies.push(tally);
        }
        let mut metrics = Metrics::new();
        self.report(&tallies, false, &mut metrics);
        Ok(metrics)
    }
}

/// The loss and metrics of a batch, without training.
fn measure(
    description: &Compiled,
    network: &mut dyn Network,
    batch: &Batch,
    (outputs, scratch): (&mut Vec<f32>, &mut Vec<f32>),
    tally: &mut Tally,
) -> Result<(), BoxError> {
    outputs.clear();
    network.outputs(batch.given(), batch.samples, outputs)?;
    let loss = description.loss.value(outputs, batch, description.label_smoothing as f32, scratch)?;
    tally.add(&description.metrics, description.loss, loss, outputs, batch);
    Ok(())
}

/// A network on its device.
fn build(plan: &Plan, description: &Compiled, device: Device, key: Key) -> Result<Box<dyn Network>> {
    match device {
        Device::Cpu if plan.has_opaque() => {
            let device = Cpu::seed_from_u64(key.seed());
            let network = TapeNetwork::new(device, plan, plan.initial(key), description.optimizer);
            Ok(Box::new(network.map_err(|error| {
                Error::model(format!("the network cannot be built: {error}")).with_source(error)
            })?))
        }
        Device::Cpu => Ok(Box::new(Native::<f32>::new(plan, plan.initial(key), description.optimizer))),
        #[cfg(feature = "cuda")]
        Device::Cuda(ordinal) => {
            let network =
                super::tape::CudaNetwork::new(ordinal, plan, plan.initial(key), description.optimizer);
            Ok(Box::new(network.map_err(|error| {
                Error::model(format!("the network cannot be built: {error}")).with_source(error)
            })?))
        }
        // devices are resolved before anything is built
        #[cfg(not(feature = "cuda"))]
        Device::Cuda(_) => Err(Error::model("this program was built without the feature `cuda`")),
        Device::Auto => Err(Error::model("the device `auto` is none by itself")),
    }
}

fn softmax(row: &mut [f32]) {
    let largest = row[argmax(row)];
    row.iter_mut().for_each(|value| *value = math::exp_of(*value - largest));
    let sum: f32 = row.iter().sum();
    row.iter_mut().for_each(|value| *value /= sum);
}

/// What a model says of samples: probabilities for classes, numbers otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    values: Vec<f32>,
    width: usize,
    binary: bool,
}

impl Predictions {
    /// A row for each sample.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.width)
    }

    /// All numbers, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The most probable class of each sample.
    pub fn classes(&self) -> Vec<usize> {
        let binary = self.binary && self.width == 1;
        self.rows().map(|row| if binary { usize::from(row[0] > 0.5) } else { argmax(row) }).collect()
    }
}
