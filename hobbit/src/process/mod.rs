//! An objective that is a process: any program that reads and writes lines of JSON, such as a Python script.
//!
//! # The protocol, version 1
//!
//! hobbit starts the program for each stage of a trial, and writes lines to its standard input. The first
//! one, here broken in two, says what to train:
//!
//! ```json
//! {"hobbit": 1, "trial": "1-3", "hparams": {"rate": 0.1}, "seed": 123, "directory": "/tmp/x",
//!  "resume": false, "last_epoch": 9}
//! ```
//!
//! `hparams` is the configuration as serde writes it. In `directory` the program saves its state; if `resume`
//! is true, it holds the files that were saved by the end of the last epoch; otherwise training begins
//! afresh. Then there is a line for each epoch to be trained, counted from 1:
//!
//! ```json
//! {"epoch": 4, "seed": 456}
//! ```
//!
//! The program answers each of these with one line on its standard output when it has trained the epoch, and
//! saved its state if it saves any:
//!
//! ```json
//! {"metrics": {"loss": 0.3, "val_loss": 0.4}}
//! ```
//!
//! With `"stop": true` beside the metrics, the stage ends with this epoch (early stopping). A metric that is
//! `null` or `NaN` is not a number. Lines on standard output that are not JSON objects are taken for
//! messages. When its standard input ends, the program should end.
//!
//! - All randomness should come from the seeds (whole numbers below 2³²): that of the first line is for the
//!   initial model, the others for their epochs. Then the study is the same on any number of workers, even
//!   when it is killed and continued.
//! - A program that saves nothing is asked for all epochs from the first in each stage.
//! - The files are part of the trial's checkpoint. The directory is a temporary one, and removed after the
//!   stage.

mod child;
mod files;
mod protocol;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self::child::Child;
use self::files::Directory;
use crate::error::BoxError;
use crate::function::{Function, Progress, Trial};
use crate::objective::{Checkpoint, EpochContext, Metrics, Objective, TrialContext};
use crate::space::SearchSpace;
use crate::trial::Direction;

type Train<H> = Box<dyn Fn(&H, &mut Trial) -> Result<(), BoxError> + Send + Sync>;

/// Trains trials in processes of a program of yours, which speaks the [protocol](self).
///
/// ```no_run
/// use hobbit::process::ProcessObjective;
/// use hobbit::{Hyperband, search_space};
///
/// #[search_space]
/// struct Hparams {
///     #[log_uniform(1e-4..=1e-1)]
///     alpha: f64,
/// }
///
/// let objective = ProcessObjective::<Hparams>::new("python3 train.py");
/// let results = Hyperband::of(objective).repo_dir("study").stop_on_ctrl_c().run(27, 3)?;
/// # Ok::<(), hobbit::Error>(())
/// ```
///
/// Each process is in a process group of its own, so that the terminal's Ctrl-C does not reach it: the epoch
/// under way is finished. It uses one thread for linear algebra (`OMP_NUM_THREADS` and the like are 1, unless
/// they are set), because there is a process for each worker. The end of what it writes to standard error is
/// part of the reason if it fails.
///
/// A process that has to stop ([`trial_time_limit`](crate::Hyperband::trial_time_limit)), or has not ended
/// some seconds after its input has, is killed with its group. If hobbit itself is killed (or left at once,
/// by a second Ctrl-C), the process finds that its input has ended after the epoch under way, and should
/// end then.
pub struct ProcessObjective<H> {
    function: Function<H, Train<H>>,
}

/// How processes are started and ended.
#[derive(Debug, Clone)]
struct Settings {
    command: Vec<OsString>,
    env: BTreeMap<OsString, OsString>,
    patience: Duration,
}

/// Builds a [`ProcessObjective`].
#[derive(Debug, Clone)]
pub struct Process {
    settings: Settings,
    description: BTreeMap<String, String>,
    workers: Option<usize>,
}

impl Process {
    /// A program and its arguments.
    pub fn new<P: Into<OsString>>(command: impl IntoIterator<Item = P>) -> Process {
        let command = command.into_iter().map(Into::into).collect();
        let settings = Settings { command, env: BTreeMap::new(), patience: Duration::from_secs(10) };
        Process { settings, description: BTreeMap::new(), workers: None }
    }

    /// Sets an environment variable of the processes.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Process {
        self.settings.env.insert(name.into(), value.into());
        self
    }

    /// How long a process may take to end after its input has. Default: 10 seconds.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Process {
        self.settings.patience = patience;
        self
    }

    /// As [`Function::depends_on`].
    #[must_use]
    pub fn depends_on(mut self, name: impl Into<String>, text: impl Into<String>) -> Process {
        self.description.insert(name.into(), text.into());
        self
    }

    /// The number of processes worth running at once. Default: one per core.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Process {
        self.workers = Some(workers);
        self
    }

    /// The objective.
    pub fn objective<H: SearchSpace + Send + Sync + 'static>(self) -> ProcessObjective<H> {
        let settings = Arc::new(self.settings);
        let train: Train<H> =
            Box::new(move |hparams: &H, trial: &mut Trial| train(&settings, hparams, trial));
        let mut function = Function::new(train);
        (function.description, function.workers) = (self.description, self.workers);
        ProcessObjective { function }
    }
}

impl<H: SearchSpace + Send + Sync + 'static> ProcessObjective<H> {
    /// A command: a program and its arguments, with spaces between them. [`Process`] takes arguments that
    /// contain spaces, and has more settings.
    pub fn new(command: &str) -> ProcessObjective<H> {
        Process::new(command.split_whitespace()).objective()
    }
}

/// Trains a stage of a trial in a process.
fn train<H: SearchSpace>(settings: &Settings, hparams: &H, trial: &mut Trial) -> Result<(), BoxError> {
    let directory = Directory::new(trial.id())?;
    let saved = trial.arrays();
    if let Some(saved) = &saved {
        directory.restore(saved)?;
    }
    let mut child = Child::start(settings)?;
    child.tell(&protocol::begin(hparams, trial, directory.path(), saved.is_some())?);
    for epoch in trial.epochs() {
        child.tell(&protocol::epoch(epoch, trial));
        let answer = child.answer(epoch, || trial.check())?;
        for (name, value) in answer.metrics {
            trial.report(name, value)?;
        }
        if answer.stop {
            trial.stop();
        }
        if let Some(files) = directory.files()? {
            trial.save_arrays(files)?;
        }
    }
    child.end(settings.patience)
}

impl<H> fmt::Debug for ProcessObjective<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessObjective").finish_non_exhaustive()
    }
}

impl<H: SearchSpace + Send + Sync + 'static> Objective for ProcessObjective<H> {
    type Hparams = H;
    type Model = Progress<H>;

    fn workers(&self) -> Option<usize> {
        Objective::workers(&self.function)
    }

    fn metrics(&self, hparams: &H) -> Result<Vec<Cow<'static, str>>, BoxError> {
        self.function.metrics(hparams)
    }

    fn optimizes(&self, monitor: &str, direction: Option<Direction>) {
        self.function.optimizes(monitor, direction);
    }

    fn describe(&self) -> BTreeMap<String, String> {
        self.function.describe()
    }

    fn build(&self, hparams: &H, trial: &TrialContext) -> Result<Progress<H>, BoxError> {
        self.function.build(hparams, trial)
    }

    fn train_epoch(
        &self,
        model: &mut Progress<H>,
        epoch: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        self.function.train_epoch(model, epoch, metrics)
    }

    /// The process reports everything while it trains.
    fn validate(&self, _: &mut Progress<H>, _: &EpochContext<'_>, _: &mut Metrics) -> Result<(), BoxError> {
        Ok(())
    }

    fn save(&self, model: &Progress<H>) -> Result<Checkpoint, BoxError> {
        self.function.save(model)
    }

    fn load(&self, model: &mut Progress<H>, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        self.function.load(model, checkpoint)
    }

    fn memory(&self, model: &Progress<H>) -> usize {
        self.function.memory(model)
    }

    fn pause(&self, model: &mut Progress<H>) {
        self.function.pause(model);
    }
}
