//! What a sweep optimizes: something that is built from a configuration and learns epoch by epoch.

mod member;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

pub use member::Member;

pub use crate::checkpoint::{Array, ArrayData, Checkpoint};
use crate::error::BoxError;
pub use crate::metrics::{History, Metrics};
use crate::numerics::widest_vectors;
use crate::random::Key;
use crate::space::SearchSpace;
use crate::trial::{Direction, TrialId};

/// Something that learns in steps, driven by a sweep: built from a configuration, trained one epoch at a time,
/// validated, saved and loaded.
///
/// Most programs need not implement this: `Hyperband::new` is for networks,
/// [`Hyperband::function`](crate::Hyperband::function) for any training loop. Implement it for models that stay
/// in memory between stages, and for what only the methods below can express.
///
/// Everything random has to come from the keys in the contexts: then equal seeds give equal results on any
/// number of workers and after any crash.
///
/// Errors and panics end the trial, not the sweep. An error while a sweep is being stopped is not counted as
/// a failure: the trial is trained again when the sweep is continued. Code that ends the whole process (an
/// abort, an exit, a stack overflow, running out of memory, or a panic with `panic = "abort"` in the profile)
/// ends the sweep; [`max_deaths`](crate::Hyperband::max_deaths) describes what happens to the trial then. So
/// does a trial that prints when nobody reads the output any more (`program | head`), which makes `println!`
/// panic: the sweep ends with an error, and the trial is trained again when it is continued.
///
/// # Threads
/// Each trial is trained on one thread, which does not belong to any rayon pool. Jobs that an objective
/// submits to rayon run on rayon's global pool, of which a sweep occupies no thread, or on a pool of its own.
/// Waiting for them is safe.
///
/// # Child processes
/// Ctrl-C reaches all processes of the terminal's foreground group, including those an objective has
/// started. So with [`stop_on_ctrl_c`](crate::Hyperband::stop_on_ctrl_c), which lets the current epoch finish,
/// that epoch's child process is interrupted nevertheless. Nothing but the epoch is lost: it is trained again.
/// To let the child finish too, start it in a process group of its own:
///
/// ```
/// # #[cfg(unix)] {
/// use std::os::unix::process::CommandExt;
/// use std::process::Command;
///
/// let mut child = Command::new("true").process_group(0).spawn()?;
/// child.wait()?;
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc = "\n# Example\n"]
#[doc = include_str!("guide/parabola.md")]
pub trait Objective: Send + Sync + 'static {
    /// The annotated struct whose values are tried.
    type Hparams: SearchSpace + Send + Sync + 'static;
    /// A trial's live state: parameters, optimizer state, everything needed to continue.
    type Model: Send + 'static;

    /// Checks that everything training needs, such as a device, is available. Called once, before any other
    /// method.
    ///
    /// # Errors
    /// What is missing; the sweep does not begin.
    fn ready(&self) -> Result<(), BoxError> {
        Ok(())
    }

    /// The number of trials worth training concurrently; `None` means one per core. Called once, after
    /// [`ready`](Objective::ready). [`Hyperband::workers`](crate::Hyperband::workers) takes precedence.
    fn workers(&self) -> Option<usize> {
        None
    }

    /// The names of the metrics that every epoch of a model with these hyperparameters reports.
    ///
    /// Called before anything is trained, to check the monitor. By convention, names of what `validate`
    /// measures begin with `val_`.
    fn metrics(&self, hparams: &Self::Hparams) -> Result<Vec<Cow<'static, str>>, BoxError>;

    /// The same metrics, each with its direction (whether smaller or larger values are better) where that is
    /// known. If the monitor's direction is not known, the sweep needs a
    /// [`direction`](crate::Hyperband::direction).
    ///
    /// By default, the direction is derived from the metric's [name](Direction::known).
    fn directions(&self, hparams: &Self::Hparams) -> Result<MetricDirections, BoxError> {
        let names = self.metrics(hparams)?.into_iter();
        Ok(names.map(|name| (name.clone(), Direction::known(&name))).collect())
    }

    /// Called before anything is built, with the metric that the sweep optimizes and its direction. It is
    /// called twice: before [`directions`](Objective::directions) with the direction that the user gave, if
    /// any, and after it with the direction that the sweep uses.
    fn optimizes(&self, monitor: &str, direction: Option<Direction>) {
        let _ = (monitor, direction);
    }

    /// What an epoch with these hyperparameters costs, in a unit of your own; 0 where that is not known.
    ///
    /// No result depends on it. The longest trials of the last bracket, after which no work is left, are
    /// started first, so that all workers end at about the same time (longest processing time first: Graham,
    /// "Bounds on multiprocessing timing anomalies", SIAM Journal on Applied Mathematics 17, 1969).
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

    /// What trials have in common that can be trained together: those with equal numbers can, and those with
    /// `None` cannot. Asked for where a study trains [groups](crate::Hyperband::group) of trials.
    ///
    /// Default: `None`. An objective that returns numbers implements
    /// [`train_epochs`](Objective::train_epochs) too, as one that does what all its trials need at once, such
    /// as kernels of a GPU over the parameters of all of them.
    fn fuses(&self, hparams: &Self::Hparams) -> Option<u64> {
        let _ = hparams;
        None
    }

    /// How many trials a worker trains together at most, unless [`group`](crate::Hyperband::group) says so.
    /// Asked for after [`ready`](Objective::ready).
    ///
    /// Default: 1.
    fn group_size(&self) -> usize {
        1
    }

    /// Trains an epoch of several trials whose [`fuses`](Objective::fuses) is the same, and validates them.
    ///
    /// What becomes of each must be what [`train_epoch`](Objective::train_epoch) and then
    /// [`validate`](Objective::validate) make of it alone, to the last bit: no result of a study depends on
    /// which trials were trained together. The members' epochs need not have the same number. A member that
    /// [fails](Member::fail), diverges, is stopped early or comes to the end of its stage is not there the
    /// next time. After a panic outside of [`Member::attempt`], all members are trained again, one at a time.
    ///
    /// Default: one after the other.
    ///
    /// ```
    /// # use std::borrow::Cow;
    /// use hobbit::{BoxError, Checkpoint, EpochContext, Hyperband, Member, Metrics, Objective};
    /// use hobbit::{TrialContext, search_space};
    ///
    /// #[search_space]
    /// struct Hparams {
    ///     #[log_uniform(1e-3..=1.0)]
    ///     rate: f64,
    /// }
    ///
    /// /// Walks down the parabola x².
    /// struct Parabola;
    ///
    /// impl Objective for Parabola {
    ///     type Hparams = Hparams;
    ///     type Model = (f64, f64); // x and the rate
    ///
    ///     fn fuses(&self, _: &Hparams) -> Option<u64> {
    ///         Some(0) // any two trials
    ///     }
    ///
    ///     fn train_epochs(&self, members: &mut [Member<'_, Self>]) {
    ///         // what would be one operation on a vector of them all
    ///         members.iter_mut().for_each(|member| step(member.model));
    ///         for member in members {
    ///             member.attempt(|member| self.validate(member.model, &member.epoch, member.metrics));
    ///         }
    ///     }
    ///
    ///     fn train_epoch(
    ///         &self,
    ///         model: &mut (f64, f64),
    ///         _: &EpochContext<'_>,
    ///         _: &mut Metrics,
    ///     ) -> Result<(), BoxError> {
    ///         step(model);
    ///         Ok(())
    ///     }
    /// #   fn metrics(&self, _: &Hparams) -> Result<Vec<Cow<'static, str>>, BoxError> {
    /// #       Ok(vec!["val_loss".into()])
    /// #   }
    /// #   fn build(&self, hp: &Hparams, trial: &TrialContext) -> Result<(f64, f64), BoxError> {
    /// #       Ok((1.0 + trial.key.rng().unit(), hp.rate))
    /// #   }
    /// #   fn validate(
    /// #       &self,
    /// #       (x, _): &mut (f64, f64),
    /// #       _: &EpochContext<'_>,
    /// #       metrics: &mut Metrics,
    /// #   ) -> Result<(), BoxError> {
    /// #       metrics.report("val_loss", *x * *x);
    /// #       Ok(())
    /// #   }
    /// #   fn save(&self, (x, _): &(f64, f64)) -> Result<Checkpoint, BoxError> {
    /// #       let mut checkpoint = Checkpoint::new();
    /// #       checkpoint.insert_f64("x", &[], vec![*x]);
    /// #       Ok(checkpoint)
    /// #   }
    /// #   fn load(&self, (x, _): &mut (f64, f64), checkpoint: &Checkpoint) -> Result<(), BoxError> {
    /// #       *x = checkpoint.f64("x", &[])?[0];
    /// #       Ok(())
    /// #   }
    ///     // and the other methods
    /// }
    ///
    /// fn step((x, rate): &mut (f64, f64)) {
    ///     *x -= *rate * 2.0 * *x;
    /// }
    ///
    /// let alone = Hyperband::of(Parabola).quiet().run(9, 3)?;
    /// let together = Hyperband::of(Parabola).group(8).quiet().run(9, 3)?;
    /// assert_eq!(alone.best().score, together.best().score);
    /// # Ok::<(), hobbit::Error>(())
    /// ```
    fn train_epochs(&self, members: &mut [Member<'_, Self>])
    where
        Self: Sized,
    {
        members.iter_mut().for_each(|member| member.train_alone(self));
    }

    /// A metric of [`train_epoch`](Objective::train_epoch) that ends the trial as diverged when it is NaN or
    /// infinite, before the model is validated.
    ///
    /// Default: none. Then only the monitored metric can end a trial as diverged; other metrics may have any
    /// value. hobbit's own models return `loss`.
    fn training_loss(&self) -> Option<&'static str> {
        None
    }

    /// Called on each worker thread before it exits. Release thread-local resources here, which might
    /// otherwise be dropped only when the program ends.
    fn worker_ends(&self) {}

    /// What the results depend on besides the hyperparameters: the data, the batch size, ... by name.
    ///
    /// A repository belongs to one such description, and refuses another unless
    /// [`accept_changes`](crate::Hyperband::accept_changes) is set.
    fn describe(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    /// What the last bits of results depend on besides what is described: the kind of processor, or the GPU.
    ///
    /// It is written to the journal, and a study that is continued on a machine with another text says so in
    /// a note. Where many machines work on one study, only those with the same text as the coordinator's take
    /// part, unless others are allowed. Results are the same to the last bit on all machines with the same
    /// text; an objective with no floats in it may return a text that is the same everywhere.
    ///
    /// Default: the processor's architecture and its widest vectors, as in `x86_64, AVX-512`, because most
    /// libraries choose the order of their additions by them.
    fn numerics(&self) -> String {
        widest_vectors()
    }

    /// Describes what is built from these hyperparameters (layers, the optimizer, ...) in short texts, by
    /// name. Default: nothing.
    ///
    /// The description is written to the journal when a trial begins. When the study is opened again, every
    /// trial it has begun is described once more, and a description that has changed is an error that shows
    /// both texts. So it should depend on the hyperparameters and the objective only, and take microseconds:
    /// if describing all trials takes longer than two seconds, the rest are not compared. Settings with their
    /// default values can be left out; then a setting that is added later does not count as a change.
    ///
    /// `epochs` is the number of epochs the trial can get ([`TrialContext::epochs`]), for objectives whose
    /// results depend on it: after a study is extended to a larger `R`, it is larger for the same trial.
    ///
    /// ```
    /// # use std::collections::BTreeMap;
    /// # struct Hparams { rate: f64 }
    /// fn describe_trial(hparams: &Hparams, _epochs: u64) -> BTreeMap<String, String> {
    ///     BTreeMap::from([("optimizer".to_owned(), format!("SGD {:?}, momentum 0.9", hparams.rate))])
    /// }
    /// ```
    fn describe_trial(&self, hparams: &Self::Hparams, epochs: u64) -> BTreeMap<String, String> {
        let _ = (hparams, epochs);
        BTreeMap::new()
    }

    /// All the state that [`load`](Objective::load) needs to go on exactly, bit for bit.
    fn save(&self, model: &Self::Model) -> Result<Checkpoint, BoxError>;

    /// Puts a freshly built model into a saved state.
    fn load(&self, model: &mut Self::Model, checkpoint: &Checkpoint) -> Result<(), BoxError>;

    /// How many bytes a paused model holds; the sweep keeps paused models in memory up to a budget.
    fn memory(&self, model: &Self::Model) -> usize {
        let _ = model;
        0
    }

    /// Called when a model's stage ends and it waits for its next: a chance to free caches. The state was
    /// [saved](Objective::save) before this call; [`memory`](Objective::memory) is asked after it.
    fn pause(&self, model: &mut Self::Model) {
        let _ = model;
    }
}

/// The names of metrics, and the direction in which each improves, if that is known.
pub type MetricDirections = Vec<(Cow<'static, str>, Option<Direction>)>;

/// A trial's context: its name, key and limits.
#[derive(Debug, Clone)]
pub struct TrialContext {
    /// The trial's name.
    pub id: TrialId,
    /// The key under which everything of this trial is drawn.
    pub key: Key,
    /// The worker that trains it now, counted from 0: for objectives with several devices. Results should not depend on it.
    pub worker: u32,
    /// The number of epochs the trial gets if it is promoted up to the last stage of its bracket; `None`
    /// outside of a sweep, where it is not known. It does not depend on what happens to the trial, so
    /// schedules may depend on it.
    pub epochs: Option<u64>,
    pub(crate) interrupt: Arc<Interrupt>,
}

impl TrialContext {
    /// A context outside of any sweep, without limits: for tests, and for using a model afterwards.
    pub fn detached(id: TrialId, key: Key) -> TrialContext {
        TrialContext { id, key, worker: 0, epochs: None, interrupt: Arc::new(Interrupt::default()) }
    }

    /// The same context for a trial that can get this many [epochs](TrialContext::epochs).
    #[must_use]
    pub fn with_epochs(self, epochs: u64) -> TrialContext {
        TrialContext { epochs: Some(epochs), ..self }
    }
}

/// An epoch's context: its trial, number and keys.
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
#[non_exhaustive]
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
/// A trial that fails with it, alone or as the source of another error, is tried once more with no other
/// trial running: it is rebuilt, or loaded from its checkpoint. If it does not fit then either, it fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutOfMemory(String);

impl OutOfMemory {
    /// Creates the error; `what` says what did not fit.
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
