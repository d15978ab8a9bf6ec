//! What a sweep optimizes: something that is built from a configuration and learns epoch by epoch.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::error::BoxError;
use crate::random::Key;
use crate::space::SearchSpace;
use crate::trial::TrialId;

/// Something that learns in steps, driven by a sweep: built from a configuration, trained one epoch at a time, validated,
/// saved and loaded.
///
/// dfdx models have an implementation of their own (`Hyperband::new`); implement this trait to tune anything else, with or
/// without dfdx. Everything random has to come from the keys in the contexts: then equal seeds give equal results on any
/// number of workers and after any crash.
///
/// Errors and panics end the trial, not the sweep.
pub trait Objective: Send + Sync + 'static {
    /// The annotated struct whose values are tried.
    type Hparams: SearchSpace + Send + Sync + 'static;
    /// A trial's live state: parameters, optimizer state, whatever is needed to go on.
    type Model: Send + 'static;

    /// Whether everything is there that training needs, devices for example: asked once, before anything else.
    ///
    /// # Errors
    /// What is missing; the sweep does not begin.
    fn ready(&self) -> Result<(), BoxError> {
        Ok(())
    }

    /// How many trials are worth training at once, asked when everything is ready; none for as many as the machine has cores. The
    /// sweep's setting goes before it.
    fn workers(&self) -> Option<usize> {
        None
    }

    /// The names of the metrics that every epoch of a model with these hyperparameters reports.
    ///
    /// Asked before anything is trained, to check the monitor. Names of what `validate` measures begin with `val_` by convention.
    fn metrics(&self, hparams: &Self::Hparams) -> Result<Vec<Cow<'static, str>>, BoxError>;

    /// What an epoch with these hyperparameters costs, in a unit of your own; 0 where that is not known.
    ///
    /// No result depends on it. Of the trials of the last bracket, behind which no other work is left, the longest are begun first, so
    /// that all workers end at about the same time (longest processing time first: Graham, "Bounds on multiprocessing timing
    /// anomalies", SIAM Journal on Applied Mathematics 17, 1969).
    fn cost(&self, hparams: &Self::Hparams) -> f64 {
        let _ = hparams;
        0.0
    }

    /// Builds an untrained model.
    fn build(&self, hparams: &Self::Hparams, trial: &TrialContext) -> Result<Self::Model, BoxError>;

    /// Trains one epoch and adds what it measured to `metrics`.
    fn train_epoch(
        &self,
        model: &mut Self::Model,
        epoch: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError>;

    /// Measures the model on data it is not trained on, and adds the result to `metrics`.
    fn validate(
        &self,
        model: &mut Self::Model,
        epoch: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError>;

    /// Called on a worker's thread when there is no work left for it: to let go of what it keeps for itself, in thread locals for
    /// example, which might otherwise be dropped as late as while the program ends.
    fn worker_ends(&self) {}

    /// What the results depend on besides the hyperparameters: the data, the batch size, ... by name.
    ///
    /// A repository belongs to one such description, and refuses another.
    fn describe(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    /// All the state that [`load`](Objective::load) needs to go on exactly, bit for bit.
    fn save(&self, model: &Self::Model) -> Result<Checkpoint, BoxError>;

    /// Puts a freshly built model into the state that was saved.
    fn load(&self, model: &mut Self::Model, checkpoint: &Checkpoint) -> Result<(), BoxError>;

    /// How many bytes a paused model holds; the sweep keeps paused models in memory up to a budget.
    fn memory(&self, model: &Self::Model) -> usize {
        let _ = model;
        0
    }

    /// Called when a model's stage ends and it waits for its next: a chance to free caches.
    fn pause(&self, model: &mut Self::Model) {
        let _ = model;
    }
}

/// What a trial knows of itself.
#[derive(Debug, Clone)]
pub struct TrialContext {
    /// The trial's name.
    pub id: TrialId,
    /// The key under which everything of this trial is drawn.
    pub key: Key,
    /// The worker that trains it now, counted from 0: for objectives with several devices. Results should not depend on it.
    pub worker: u32,
    pub(crate) interrupt: Arc<Interrupt>,
}

impl TrialContext {
    /// A context outside of any sweep, without limits: for tests, and for using a model afterwards.
    pub fn detached(id: TrialId, key: Key) -> TrialContext {
        TrialContext { id, key, worker: 0, interrupt: Arc::new(Interrupt::default()) }
    }
}

/// What an epoch knows of itself.
#[derive(Debug, Clone, Copy)]
pub struct EpochContext<'a> {
    /// The trial that is trained.
    pub trial: &'a TrialContext,
    /// The epochs the trial had before this one.
    pub epoch: u64,
    /// The epochs the trial will have at the end of its present stage.
    pub stage_end: u64,
}

impl EpochContext<'_> {
    /// The key of this epoch for one purpose; any number will do, as long as different purposes have different ones.
    pub fn key(&self, purpose: u64) -> Key {
        self.trial.key.child(purpose).child(self.epoch)
    }

    /// An error when the trial has to stop (its time is up, or the sweep is being left at once): call it between batches and
    /// return it.
    pub fn check(&self) -> Result<(), Interrupted> {
        self.trial.interrupt.check()
    }
}

/// Why a trial was told to stop in the middle of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupted {
    /// The trial used up its time limit.
    TimeLimit,
    /// The sweep is being left at once; the trial will be continued from its last checkpoint.
    Stopped,
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Interrupted::TimeLimit => "the time limit of the trial has passed",
            Interrupted::Stopped => "the sweep was stopped",
        })
    }
}

impl std::error::Error for Interrupted {}

/// An error that says that a device's memory is full.
///
/// A trial that fails with it, alone or as the source of another error, is tried once more with no other trial running: it is built
/// anew, or loaded from its checkpoint. If it does not fit then either, it has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutOfMemory(String);

impl OutOfMemory {
    /// With what did not fit, in words.
    pub fn new(what: impl Into<String>) -> OutOfMemory {
        OutOfMemory(what.into())
    }
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "out of memory: {}", self.0)
    }
}

impl std::error::Error for OutOfMemory {}

/// The flags and the deadline that a running trial looks at between batches.
#[derive(Debug, Default)]
pub(crate) struct Interrupt {
    pub(crate) stopped: AtomicBool,
    pub(crate) deadline: Option<Instant>,
}

impl Interrupt {
    #[inline]
    pub(crate) fn check(&self) -> Result<(), Interrupted> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(Interrupted::Stopped);
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Interrupted::TimeLimit),
            _ => Ok(()),
        }
    }
}

/// What one epoch measured: names and values, in the order in which they were reported.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Those of this epoch first; behind them what is left of the epoch before, so that names need not be written again.
    names: Vec<Cow<'static, str>>,
    /// As many as were reported.
    values: Vec<f64>,
    /// Another number after every change of the names, which no other metrics have for other names.
    version: u64,
    /// The names, to be shared by many histories.
    shared: Option<Arc<[String]>>,
}

impl Metrics {
    /// No metrics yet.
    pub fn new() -> Metrics {
        Metrics::default()
    }

    /// Adds a value; a second value of the same name replaces the first.
    #[inline]
    pub fn report(&mut self, name: impl Into<Cow<'static, str>>, value: f64) {
        let name = name.into();
        // epoch after epoch the same names come in the same order
        if self.names.get(self.values.len()).is_some_and(|known| same(known, &name)) {
            self.values.push(value);
        } else {
            self.report_out_of_turn(name, value);
        }
    }

    #[cold]
    fn report_out_of_turn(&mut self, name: Cow<'static, str>, value: f64) {
        if let Some(position) = self.position(&name) {
            self.values[position] = value;
        } else {
            self.names.truncate(self.values.len());
            self.names.push(name);
            self.values.push(value);
            static VERSIONS: AtomicU64 = AtomicU64::new(1);
            self.version = VERSIONS.fetch_add(1, Ordering::Relaxed);
            self.shared = None;
        }
    }

    /// The value of a metric.
    #[inline]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.iter().find(|&(known, _)| known == name).map(|(_, value)| value)
    }

    /// All names and values.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, f64)> {
        self.names.iter().zip(&self.values).map(|(name, value)| (name.as_ref(), *value))
    }

    /// Forgets all values, and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.values.clear();
    }

    /// The values in their order.
    #[inline]
    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    /// The place of a metric among those reported.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.iter().position(|(known, _)| known == name)
    }

    /// The names in their order.
    pub(crate) fn names(&mut self) -> Arc<[String]> {
        match &self.shared {
            Some(names) if names.len() == self.values.len() => names.clone(),
            _ => self.shared.insert(self.iter().map(|(name, _)| name.to_owned()).collect()).clone(),
        }
    }

    /// Equal layouts mean equal names in equal order.
    #[inline]
    pub(crate) fn layout(&self) -> (u64, usize) {
        (self.version, self.values.len())
    }
}

impl PartialEq for Metrics {
    fn eq(&self, other: &Metrics) -> bool {
        self.iter().eq(other.iter())
    }
}

/// Equality of names, which are the same text in memory most of the time.
#[inline]
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && (a.as_ptr() == b.as_ptr() || a == b)
}

/// The metrics of several epochs: a row for each.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct History {
    metrics: Arc<[String]>,
    /// Row by row.
    values: Vec<f64>,
}

impl History {
    /// The names of the metrics.
    pub fn metrics(&self) -> &[String] {
        &self.metrics
    }

    /// The number of epochs.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.metrics.len()).unwrap_or(0)
    }

    /// Whether there is no epoch.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values of each epoch, in the order of [`metrics`](History::metrics).
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.metrics.len().max(1))
    }

    /// The values of one metric, by epoch.
    pub fn column(&self, metric: &str) -> Option<impl Iterator<Item = f64>> {
        let position = self.metrics.iter().position(|name| name == metric)?;
        Some(self.rows().map(move |row| row[position]))
    }

    /// No epochs yet of these metrics, with room for so many.
    pub(crate) fn new(metrics: Arc<[String]>, room: usize) -> History {
        let values = Vec::with_capacity(room * metrics.len());
        History { metrics, values }
    }

    /// Whether an epoch has the same names in the same order.
    pub(crate) fn has_layout_of(&self, epoch: &Metrics) -> bool {
        epoch.iter().map(|(name, _)| name).eq(self.metrics.iter().map(String::as_str))
    }

    /// Adds an epoch; what it has not is NaN.
    pub(crate) fn push(&mut self, epoch: &Metrics) {
        self.values.extend(self.metrics.iter().map(|name| epoch.get(name).unwrap_or(f64::NAN)));
    }

    /// Adds an epoch that is known to have the same names in the same order.
    #[inline]
    pub(crate) fn push_same(&mut self, epoch: &Metrics) {
        match epoch.values() {
            // sooner there than a copy is begun
            &[value] => self.values.push(value),
            values => self.values.extend_from_slice(values),
        }
    }

    /// A history of these metrics; `values` are row by row.
    pub(crate) fn from_parts(metrics: Arc<[String]>, values: Vec<f64>) -> History {
        History { metrics, values }
    }
}

/// A model's saved state: named arrays, and a few words of text.
///
/// In a repository it becomes a safetensors file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Checkpoint {
    /// The arrays by name.
    pub arrays: BTreeMap<String, Array>,
    /// Anything else, as text.
    pub metadata: BTreeMap<String, String>,
}

/// An array of a [`Checkpoint`], in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// The length of each dimension; empty for a scalar.
    pub shape: Vec<usize>,
    /// The values; as many as the product of the shape.
    pub data: ArrayData,
}

/// The values of an [`Array`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ArrayData {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit floats.
    F64(Vec<f64>),
    /// 64-bit integers.
    I64(Vec<i64>),
    /// Bytes.
    U8(Vec<u8>),
}

impl Checkpoint {
    /// Nothing saved yet.
    pub fn new() -> Checkpoint {
        Checkpoint::default()
    }

    /// Adds an array of 32-bit floats.
    pub fn insert_f32(&mut self, name: impl Into<String>, shape: &[usize], data: Vec<f32>) {
        self.arrays.insert(name.into(), Array { shape: shape.to_vec(), data: ArrayData::F32(data) });
    }

    /// Adds an array of 64-bit floats.
    pub fn insert_f64(&mut self, name: impl Into<String>, shape: &[usize], data: Vec<f64>) {
        self.arrays.insert(name.into(), Array { shape: shape.to_vec(), data: ArrayData::F64(data) });
    }

    /// The values of an array of 32-bit floats with this shape.
    pub fn f32(&self, name: &str, shape: &[usize]) -> Result<&[f32], BoxError> {
        match self.array(name, shape)? {
            ArrayData::F32(data) => Ok(data),
            _ => Err(format!("`{name}` in the checkpoint does not hold 32-bit floats").into()),
        }
    }

    /// The values of an array of 64-bit floats with this shape.
    pub fn f64(&self, name: &str, shape: &[usize]) -> Result<&[f64], BoxError> {
        match self.array(name, shape)? {
            ArrayData::F64(data) => Ok(data),
            _ => Err(format!("`{name}` in the checkpoint does not hold 64-bit floats").into()),
        }
    }

    /// The bytes of all arrays.
    pub fn bytes(&self) -> usize {
        let size = |array: &Array| match &array.data {
            ArrayData::F32(data) => 4 * data.len(),
            ArrayData::F64(data) => 8 * data.len(),
            ArrayData::I64(data) => 8 * data.len(),
            ArrayData::U8(data) => data.len(),
        };
        self.arrays.values().map(size).sum()
    }

    fn array(&self, name: &str, shape: &[usize]) -> Result<&ArrayData, BoxError> {
        let array = self.arrays.get(name).ok_or_else(|| format!("the checkpoint has no `{name}`"))?;
        if array.shape != shape {
            return Err(format!(
                "`{name}` has shape {:?} in the checkpoint and {shape:?} in the model",
                array.shape
            )
            .into());
        }
        Ok(&array.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_layouts_mean_equal_names_also_of_other_metrics() {
        let reported = |names: &[&'static str]| {
            let mut metrics = Metrics::new();
            names.iter().for_each(|&name| metrics.report(name, 0.5));
            metrics
        };
        let mut metrics = reported(&["loss", "accuracy"]);
        let layout = metrics.layout();
        assert_ne!(layout, reported(&["accuracy", "loss"]).layout());
        assert_eq!(layout, metrics.clone().layout());
        metrics.clear();
        metrics.report("loss", 0.25);
        assert_ne!(layout, metrics.layout());
        metrics.report("accuracy", 0.75);
        assert_eq!(layout, metrics.layout());
        metrics.clear();
        metrics.report("accuracy", 0.75);
        metrics.report("loss", 0.25);
        assert_ne!(layout, metrics.layout());
        assert_eq!(metrics.iter().collect::<Vec<_>>(), [("accuracy", 0.75), ("loss", 0.25)]);
    }
}
