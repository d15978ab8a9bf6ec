//! A model on its device: its networks with their weights, and what is saved of them.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::architecture::{self, Architecture};
use super::arrays::{check_arrays, prefix};
use super::compiled::Compiled;
use super::data::{Batch, Encoder, Moments, Stream};
use super::device::{Device, Engine};
use super::directions::{Directions, Goal};
use super::engine;
use super::metrics::names;
use super::names::{Names, OutputKind};
use super::network::Network;
use super::plan::Plan;
use super::schedule::Plateau;
use super::seat::Seated;
use super::stopping::Stopper;
use super::tally::Tally;
use crate::error::{BoxError, Error, Result};
use crate::objective::{Checkpoint, Metrics};
use crate::random::Key;

/// Purposes of keys below a trial's; those of data are with the data.
const WEIGHTS: u64 = 0;
const MEMBER: u64 = 7;

/// A model with its weights.
///
/// With k folds or several executions it has as many networks, and predicts the mean of what they predict.
///
/// Models come from [`Results::best_model`](crate::Results::best_model), or from a study's directory:
///
/// ```no_run
/// let model = hobbit::train::load("my_study")?;
/// let rows = [5.1, 3.5, 1.4, 0.2, 6.7, 3.0, 5.2, 2.3]; // two samples of four numbers
/// let predicted = model.predict(&rows)?;
/// println!("{:?} {:?}", predicted.labels()?, predicted.probabilities());
/// // with known answers, the loss and the metrics
/// println!("{:?}", model.evaluate(&rows[..], vec![0u8, 2])?.get("accuracy"));
/// # Ok::<(), hobbit::Error>(())
/// ```
pub struct Model {
    pub(super) description: Compiled,
    pub(super) plan: Plan,
    /// What of the network cannot be trained on a batch of one sample.
    pub(super) pairs: Option<String>,
    device: Device,
    engine: Engine,
    names: Names,
    /// What predictions call classes.
    pub(super) labels: Arc<[String]>,
    /// What it is made of, as its checkpoints say it.
    architecture: String,
    /// The name of a loss that only the program knows that the model is of; then another one of the same
    /// outputs stands in its place.
    pub(super) lost_loss: Option<String>,
    pub(super) members: Vec<Member>,
    pub(super) directions: Directions,
    pub(super) plateau: Plateau,
    pub(super) stopper: Stopper,
    /// That of the last step.
    pub(super) learning_rate: f64,
    pub(super) batch: Batch,
    pub(super) outputs: Vec<f32>,
    pub(super) gradient: Vec<f32>,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("architecture", &self.architecture)
            .field("networks", &self.members.len())
            .finish_non_exhaustive()
    }
}

/// One network of a model.
pub(super) struct Member {
    pub(super) network: Mutex<Seated>,
    pub(super) key: Key,
    pub(super) stream: Stream,
}

impl Member {
    pub(super) fn network(&mut self) -> &mut Seated {
        self.network.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// The network, for those who share the model.
    pub(super) fn lock(&self) -> MutexGuard<'_, Seated> {
        self.network.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a model is built with, beside its description.
pub(super) struct Build<'a> {
    pub(super) device: Device,
    pub(super) engine: Engine,
    pub(super) key: Key,
    pub(super) members: usize,
    pub(super) goal: &'a Goal,
    pub(super) names: Names,
    /// Those of the training samples, for each fold of the data; none for a model that is given all its
    /// values afterwards.
    pub(super) moments: &'a [Moments],
}

/// The values that the parameters of a network begin with: drawn, or fitted to the training samples.
fn initial(plan: &Plan, key: Key, moments: Option<&Moments>) -> Vec<Vec<f32>> {
    let mut values = plan.initial(key);
    if let (Some(node), Some(moments)) = (plan.fitted(), moments) {
        let (mean, deviation) = moments.of_channels(node.input[0]);
        let first = node.parameters.start;
        (values[first], values[first + 1]) = (mean, deviation);
    }
    values
}

impl Model {
    /// Builds an untrained model with weights drawn from the trial's key.
    pub(super) fn new(description: Compiled, build: Build<'_>) -> Result<Model> {
        let Build { device, engine, key, members, goal, names, moments } = build;
        let plan = description.plan()?;
        let architecture = Architecture::of(&description, &names, engine).to_text().map_err(Error::model)?;
        let labels = names.labels(OutputKind::of(description.loss), plan.widths().1).into();
        let directions = description.directions(goal)?;
        let member = |number: usize| {
            let key = if number == 0 { key } else { key.child(MEMBER).child(number as u64) };
            let weights = key.child(WEIGHTS);
            let values = initial(&plan, weights, moments.get(number % moments.len().max(1)));
            let network = engine::build(&plan, values, description.optimizer, (device, engine), weights)?;
            Ok(Member { network: Mutex::new(Seated::alone(network)), key, stream: Stream::default() })
        };
        let members = (0..members).map(member).collect::<Result<_>>()?;
        let learning_rate = description.optimizer.learning_rate();
        Ok(Model {
            description,
            pairs: engine::needs_pairs(&plan),
            plan,
            device,
            engine,
            names,
            labels,
            architecture,
            lost_loss: None,
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
            let values = initial(&self.plan, key, None);
            let place = (device, self.engine);
            let mut network = engine::build(&self.plan, values, self.description.optimizer, place, key)?;
            network.load(&state)?;
            member.network = Mutex::new(Seated::alone(network));
        }
        self.device = device;
        Ok(())
    }

    /// Where its networks are.
    pub(super) fn device(&self) -> Device {
        self.device
    }

    pub(super) fn save(&self) -> Result<Checkpoint, BoxError> {
        let mut all = Checkpoint::new();
        for (number, member) in self.members.iter().enumerate() {
            let mut checkpoint = Checkpoint::new();
            member.lock().save(&mut checkpoint)?;
            if member.stream.used > 0 {
                checkpoint.metadata.insert("batches".to_owned(), member.stream.used.to_string());
            }
            let prefix = prefix(number);
            all.arrays
                .extend(checkpoint.arrays.into_iter().map(|(name, array)| (prefix.clone() + &name, array)));
            all.metadata
                .extend(checkpoint.metadata.into_iter().map(|(name, text)| (prefix.clone() + &name, text)));
        }
        all.metadata.insert(architecture::KEY.to_owned(), self.architecture.clone());
        self.plateau.save(&mut all);
        self.stopper.save(&mut all);
        Ok(all)
    }

    pub(super) fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        let unreadable = "what the checkpoint says of the schedule cannot be read";
        let (plateau, stopper) = (Plateau::load(checkpoint), Stopper::load(checkpoint));
        (self.plateau, self.stopper) = (plateau.ok_or(unreadable)?, stopper.ok_or(unreadable)?);
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

    /// The number of its networks: one for each fold of its data and each execution.
    pub fn networks(&self) -> usize {
        self.members.len()
    }

    /// The shape of a sample that it takes.
    pub fn sample_shape(&self) -> &[usize] {
        &self.plan.input
    }

    /// What its outputs mean.
    pub fn output(&self) -> OutputKind {
        OutputKind::of(self.description.loss)
    }

    /// The names of its classes, as its data had them; empty if they had none.
    pub fn class_names(&self) -> &[String] {
        &self.names.classes
    }

    /// The names of a sample's numbers, as its data had them; empty if they had none.
    pub fn feature_names(&self) -> &[String] {
        &self.names.features
    }

    /// What makes its numbers of the rows of a table; nothing if its data had no
    /// [`encoder`](super::Dataset::encoder).
    pub fn encoder(&self) -> Option<&Encoder> {
        self.names.encoder.as_ref()
    }

    /// The model's description.
    pub fn description(&self) -> &Compiled {
        &self.description
    }

    /// The means over all networks.
    pub(super) fn report(&self, tallies: &[Tally], validation: bool, metrics: &mut Metrics) {
        let values: Vec<Vec<f64>> = tallies
            .iter()
            .map(|tally| tally.values(&self.description.metrics, self.description.loss))
            .collect();
        for (place, name) in names(&self.description.metrics, validation).enumerate() {
            // a network that was given nothing has no metrics
            let of = |values: &Vec<f64>| values.get(place).copied().unwrap_or(f64::NAN);
            metrics.report(name, values.iter().map(of).sum::<f64>() / values.len() as f64);
        }
    }
}
