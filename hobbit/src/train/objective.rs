//! The objective that trains what a model function describes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::compiled::{Compiled, IntoModel};
use super::data::{Data, Dataset, Moments};
use super::device::{Device, Engine};
use super::directions::Goal;
use super::engine;
use super::fingerprint;
use super::layer::Layer;
use super::metrics::{direction_of, names};
use super::model::{Build, Model};
use super::together::{self, Room};
use crate::error::BoxError;
use crate::numerics::widest_vectors;
use crate::objective::{
    Checkpoint, EpochContext, Member, MetricDirections, Metrics, Objective, TrialContext,
};
use crate::space::SearchSpace;
use crate::trial::Direction;

/// The trials that are trained as one on a GPU. More hardly take more time, but the card's memory.
const GROUP: usize = 32;

/// Trains the models that a function describes, on a data set. Made by
/// [`Hyperband::new`](crate::Hyperband::new).
pub struct ModelObjective<H, F, C> {
    function: Arc<F>,
    pub(crate) data: Option<Data>,
    pub(crate) batch_size: usize,
    pub(crate) executions: usize,
    /// As they were asked for: one for each worker, or fewer.
    pub(crate) devices: Vec<Device>,
    pub(crate) engine: Engine,
    /// Whether a stage may end before its last epoch.
    stops_early: bool,
    /// As they are there.
    resolved: OnceLock<Vec<Device>>,
    /// What descriptions of trials say of the data.
    described: OnceLock<Vec<(&'static str, String)>>,
    /// What layers are fitted to, once a model has such a layer: of each fold.
    moments: OnceLock<Vec<Moments>>,
    /// How much of the devices' memory groups may take.
    room: Room,
    goal: RwLock<Goal>,
    types: PhantomData<fn(&H) -> C>,
}

impl<H, F, C> fmt::Debug for ModelObjective<H, F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelObjective")
            .field("batch_size", &self.batch_size)
            .field("executions", &self.executions)
            .field("devices", &self.devices)
            .finish_non_exhaustive()
    }
}

impl<H, F, C> ModelObjective<H, F, C>
where
    F: Fn(&H) -> C,
    C: IntoModel,
{
    pub(crate) fn new(function: F) -> Self {
        ModelObjective {
            function: Arc::new(function),
            data: None,
            batch_size: 32,
            executions: 1,
            devices: vec![Device::Cpu],
            engine: Engine::Native,
            stops_early: true,
            resolved: OnceLock::new(),
            described: OnceLock::new(),
            moments: OnceLock::new(),
            room: Room::default(),
            goal: RwLock::default(),
            types: PhantomData,
        }
    }

    /// The same models, to be trained on all data, to the last epoch.
    pub(super) fn on_all(&self, dataset: Dataset) -> Self {
        ModelObjective {
            function: Arc::clone(&self.function),
            data: Some(dataset.into()),
            batch_size: self.batch_size,
            executions: self.executions,
            devices: self.devices.clone(),
            engine: self.engine,
            stops_early: false,
            resolved: OnceLock::new(),
            described: OnceLock::new(),
            moments: OnceLock::new(),
            room: Room::default(),
            goal: RwLock::default(),
            types: PhantomData,
        }
    }

    /// What the function makes of a configuration.
    fn made(&self, hparams: &H) -> Result<Compiled, BoxError> {
        let mut model = (self.function)(hparams).into_model()?;
        if !self.stops_early {
            model.early_stopping = None;
        }
        Ok(model)
    }

    /// The model of a configuration, checked by itself and against the data.
    fn describe_model(&self, hparams: &H) -> Result<Compiled, BoxError> {
        let mut model = self.made(hparams)?;
        let plan = model.plan()?;
        let (_, outputs) = plan.widths();
        self.data()?.check(&model.input, outputs, model.loss)?;
        if self.batch_size == 0 {
            return Err("the batch size is 0; it has to be at least 1".into());
        }
        if self.executions == 0 {
            return Err("each trial is executed 0 times; it has to be at least once".into());
        }
        if let Some(node) = plan.fitted()
            && self.data()?.in_memory().is_none()
        {
            return Err(format!(
                "{} is fitted to training samples in memory, and generators make them only while models are trained: bring their \
                 numbers to a common scale in the generator, or give the sweep a `Dataset`",
                node.label
            )
            .into());
        }
        let batch_size = *model.batch_size.get_or_insert(self.batch_size);
        if let Err(why) = self.data()?.check_pairs(batch_size)
            && let Some(layer) = engine::needs_pairs(&plan)
        {
            return Err(format!(
                "{why}, but {layer} normalizes over the samples of a batch and needs at least 2: take larger batches, or a \
                 layer normalization"
            )
            .into());
        }
        let goal = self.goal();
        // the direction of what the sweep optimizes is known before anything is built
        let direction = goal.direction.or(Some(Direction::Minimize));
        model.directions(&Goal { direction, ..goal })?;
        Ok(model)
    }

    fn goal(&self) -> Goal {
        self.goal.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The devices that there are.
    fn devices(&self) -> Result<&[Device], BoxError> {
        Ok(match self.resolved.get() {
            Some(devices) => devices,
            None => {
                let devices = engine::resolve(&self.devices)?;
                self.resolved.get_or_init(|| devices)
            }
        })
    }

    /// The device of a worker.
    fn device(&self, worker: u32) -> Result<Device, BoxError> {
        let devices = self.devices()?;
        Ok(devices[worker as usize % devices.len()])
    }

    fn data(&self) -> Result<&Data, BoxError> {
        self.data.as_ref().ok_or_else(|| "there are no data: give the sweep a `dataset`".into())
    }
}

impl<H, F, C> Objective for ModelObjective<H, F, C>
where
    H: SearchSpace + Send + Sync + 'static,
    F: Fn(&H) -> C + Send + Sync + 'static,
    C: IntoModel + 'static,
{
    type Hparams = H;
    type Model = Model;

    fn ready(&self) -> Result<(), BoxError> {
        self.devices().map(drop)
    }

    fn worker_ends(&self) {
        engine::leave();
    }

    fn workers(&self) -> Option<usize> {
        let devices = self.devices().ok()?;
        // trials on one GPU wait for each other more than for themselves
        devices.iter().all(|device| *device != Device::Cpu).then_some(devices.len())
    }

    fn group_size(&self) -> usize {
        let is_gpu = |device: &Device| *device != Device::Cpu;
        if self.devices().is_ok_and(|devices| devices.iter().all(is_gpu)) { GROUP } else { 1 }
    }

    fn metrics(&self, hparams: &H) -> Result<Vec<Cow<'static, str>>, BoxError> {
        let model = self.describe_model(hparams)?;
        Ok(names(&model.metrics, false).chain(names(&model.metrics, true)).collect())
    }

    fn directions(&self, hparams: &H) -> Result<MetricDirections, BoxError> {
        let model = self.describe_model(hparams)?;
        let direction = |name: Cow<'static, str>| (name.clone(), direction_of(&model.metrics, &name));
        Ok(names(&model.metrics, false).chain(names(&model.metrics, true)).map(direction).collect())
    }

    fn optimizes(&self, monitor: &str, direction: Option<Direction>) {
        let goal = Goal { monitor: monitor.to_owned(), direction };
        *self.goal.write().unwrap_or_else(PoisonError::into_inner) = goal;
    }

    fn describe(&self) -> BTreeMap<String, String> {
        let data = self.data.as_ref().map(|data| ("the data".to_owned(), data.fingerprint()));
        let executions = (self.executions > 1)
            .then(|| ("the executions of a trial".to_owned(), self.executions.to_string()));
        let batch_size = ("the batch size".to_owned(), self.batch_size.to_string());
        // studies of before there was a choice say nothing
        let engine = (!self.engine.is_native()).then(|| ("the engine".to_owned(), self.engine.to_string()));
        data.into_iter().chain([batch_size]).chain(executions).chain(engine).collect()
    }

    fn numerics(&self) -> String {
        // without devices, nothing is trained
        self.devices().map_or_else(|_| widest_vectors(), |devices| engine::numerics(devices, self.engine))
    }

    fn describe_trial(&self, hparams: &H, epochs: u64) -> BTreeMap<String, String> {
        // a model that does not fit is known by its trial's failure
        let model = self.made(hparams).map(|mut model| {
            model.batch_size.get_or_insert(self.batch_size);
            model.schedule = model.schedule.over(epochs);
            fingerprint::of(&model)
        });
        // the error may name what changes from run to run
        let none = |_| BTreeMap::from([("network".to_owned(), "none: the model function fails".to_owned())]);
        let mut description = model.unwrap_or_else(none);
        let data = self.described.get_or_init(|| self.data.as_ref().map_or_else(Vec::new, Data::describe));
        description.extend(data.iter().map(|(name, text)| ((*name).to_owned(), text.clone())));
        description
    }

    fn cost(&self, hparams: &H) -> f64 {
        let plan = self.describe_model(hparams).and_then(|model| Ok(model.plan()?));
        plan.map_or(0.0, |plan| plan.cost())
    }

    fn build(&self, hparams: &H, trial: &TrialContext) -> Result<Model, BoxError> {
        let members = self.executions.saturating_mul(self.data()?.folds());
        let mut model = self.describe_model(hparams)?;
        if let Some(epochs) = trial.epochs {
            model.schedule = model.schedule.over(epochs);
        }
        let moments = match model.layers.first() {
            Some(Layer::Normalize(_)) => {
                let data = self.data()?;
                self.moments.get_or_init(|| data.moments().unwrap_or_default()).as_slice()
            }
            _ => &[],
        };
        let build = Build {
            device: self.device(trial.worker)?,
            engine: self.engine,
            key: trial.key,
            members,
            goal: &self.goal(),
            names: self.data()?.names().clone(),
            moments,
        };
        Ok(Model::new(model, build)?)
    }

    fn fuses(&self, hparams: &H) -> Option<u64> {
        let model = self.describe_model(hparams).ok()?;
        self.data().ok()?.in_memory()?;
        together::likeness(&model, self.devices().ok()?, self.engine)
    }

    fn train_epochs(&self, members: &mut [Member<'_, Self>]) {
        for member in &mut *members {
            member.attempt(|member| member.model.move_to(self.device(member.epoch.trial.worker)?));
        }
        match self.data.as_ref().and_then(Data::in_memory) {
            Some(dataset) if members.len() > 1 => together::train_epochs(self, members, dataset, &self.room),
            _ => members.iter_mut().for_each(|member| member.train_alone(self)),
        }
    }

    fn training_loss(&self) -> Option<&'static str> {
        Some("loss")
    }

    fn train_epoch(
        &self,
        model: &mut Model,
        epoch: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        model.move_to(self.device(epoch.trial.worker)?)?;
        model.train_epoch(self.data()?, epoch, metrics)
    }

    fn validate(
        &self,
        model: &mut Model,
        epoch: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        model.validate(self.data()?, epoch, metrics)
    }

    fn save(&self, model: &Model) -> Result<Checkpoint, BoxError> {
        model.save()
    }

    fn load(&self, model: &mut Model, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        model.load(checkpoint)
    }

    fn memory(&self, model: &Model) -> usize {
        model.paused_memory()
    }

    fn pause(&self, model: &mut Model) {
        // memory that cannot be given back is only memory
        let _ = model.pause();
    }
}
