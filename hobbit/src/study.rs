//! The builder that users call: the settings that all algorithms share.

#[cfg(feature = "dfdx")]
mod models;

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{BoxError, Result};
use crate::function::{Function, Trial};
use crate::objective::Objective;
use crate::observe::{Observer, Verbosity};
use crate::repository::{ScoreBy, StageRecord, Storage};
use crate::results::Results;
use crate::runner::{Keep, MaxFailures, Settings, sweep};
use crate::schedule::Algorithm;
use crate::space::SearchSpace;
use crate::trial::Direction;
use crate::work::Workplace;
#[cfg(doc)]
use crate::{Asha, Hyperband, Pasha, RandomSearch, SuccessiveHalving};

/// A sweep, to be set up and run by an algorithm: [`Hyperband`], [`SuccessiveHalving`], [`Asha`],
/// [`Pasha`] or [`RandomSearch`].
///
/// Setters check nothing; `run`, which every algorithm has with its own numbers, checks everything before it
/// trains anything.
#[must_use = "nothing is trained before `run` is called"]
pub struct Study<O: Objective, A> {
    objective: O,
    settings: Settings<O>,
    by: PhantomData<fn() -> A>,
}

impl<O: Objective, A> fmt::Debug for Study<O, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Study").field("repo_dir", &self.settings.repo_dir).finish_non_exhaustive()
    }
}

impl<H, F, A> Study<Function<H, F>, A>
where
    H: SearchSpace + Send + Sync + 'static,
    F: Fn(&H, &mut Trial) -> Result<(), BoxError> + Send + Sync + 'static,
{
    /// A sweep over anything that a function trains in a loop of its own.
    ///
    /// The function is called for every stage of a trial, and loops over the [epochs](Trial::epochs) of that
    /// stage. In each of them it reports the [`monitor`](Hyperband::monitor), and whatever else it measures.
    /// If it [saves](Trial::save) its state in each epoch (anything that serde can serialize), the next stage
    /// goes on from [there](Trial::state), also after the program was killed. Without a state, each stage
    /// trains the trial again from its first epoch, with the same result, which takes longer.
    ///
    /// ```
    /// use hobbit::prelude::*;
    ///
    /// #[search_space]
    /// struct Hparams {
    ///     #[log_uniform(1e-3..=1.0)]
    ///     rate: f64,
    /// }
    ///
    /// let results = Hyperband::function(|hp: &Hparams, trial| {
    ///     let mut x: f64 = trial.state().unwrap_or(1.0);
    ///     for _epoch in trial.epochs() {
    ///         x -= hp.rate * 2.0 * x;
    ///         trial.save(&x)?;
    ///         trial.report("loss", x * x)?;
    ///     }
    ///     Ok(())
    /// })
    /// .monitor("loss")
    /// .quiet()
    /// .run(9, 3)?;
    /// println!("rate {}: {:?}", results.best().hparams.rate, results.best().score);
    /// # Ok::<(), hobbit::Error>(())
    /// ```
    ///
    /// - Everything random has to come from the trial's [keys](Trial::key), drawn in the epoch in which it is
    ///   needed. Then the sweep has the same results with any number of workers, even when it is killed and
    ///   continued.
    /// - Load data before the closure, which cannot borrow anything: `move` them in, in an `Arc` if others
    ///   need them too.
    /// - An error or a panic ends the trial, not the sweep. So does an epoch that does not report the
    ///   monitor.
    /// - When the sweep stops (Ctrl-C, a budget, a target), the loop ends after the epoch under way. When the
    ///   trial has to stop at once, [`report`](Trial::report) and [`check`](Trial::check) return an error,
    ///   which does not count as a failure.
    /// - Each call has a thread of its own, and only one of the function and the worker is at work. `break`
    ///   or [`stop`](Trial::stop) end the stage early.
    ///
    /// [`Function`] has settings of the objective; [`Objective`] is the trait behind it.
    pub fn function(function: F) -> Self {
        Study::of(Function::new(function))
    }
}

impl<O: Objective, A> Study<O, A> {
    /// A sweep over anything that learns in steps.
    pub fn of(objective: O) -> Self {
        Study { objective, settings: Settings::default(), by: PhantomData }
    }

    pub(crate) fn set(mut self, change: impl FnOnce(&mut Settings<O>)) -> Self {
        change(&mut self.settings);
        self
    }

    /// The metric that is optimized. Default: `val_loss`.
    ///
    /// Its direction is known for hobbit's own metrics, for a `CustomMetric` that states it, and for
    /// [names that leave no doubt](Direction::known). Any other metric needs a
    /// [`direction`](Hyperband::direction); without one, [`run`](Hyperband::run) returns an error.
    pub fn monitor(self, metric: impl Into<String>) -> Self {
        self.set(|s| s.monitor = metric.into())
    }

    /// Whether larger or smaller values of the monitor are better. Default: the direction of the
    /// [`monitor`](Hyperband::monitor), where it is known.
    pub fn direction(self, direction: Direction) -> Self {
        self.set(|s| s.direction = Some(direction))
    }

    /// Which of a trial's values is its score. Default: the best so far.
    pub fn score(self, score: ScoreBy) -> Self {
        self.set(|s| s.score = score)
    }

    /// The seed of everything random. Default: 0.
    pub fn seed(self, seed: u64) -> Self {
        self.set(|s| s.seed = seed)
    }

    /// The number of trials trained at once. Default: one per core, or one per GPU where models are trained on
    /// GPUs. Results do not depend on it.
    pub fn workers(self, workers: usize) -> Self {
        self.set(|s| s.workers = Some(workers))
    }

    /// The most trials of one stage that a worker trains together, where
    /// [`Objective::fuses`](crate::Objective::fuses) says that they can be. Default:
    /// [`Objective::group_size`](crate::Objective::group_size), which for hobbit's models is 32 where all
    /// devices are GPUs, and 1 otherwise. Results do not depend on it, but on a GPU for rounding.
    ///
    /// Of hobbit's models, those that dfdx trains fuse if only numbers differ (rates, dropout, decay) and no
    /// layer is custom or a module of dfdx; on a processor that takes longer. A device holds the samples that
    /// flow through all of them at once, and convolutions need much more memory in groups: where that is short,
    /// fewer are trained together.
    ///
    /// Trials on other machines, with a [time limit](Hyperband::trial_time_limit), or of a study that is asked
    /// for them, are trained one at a time.
    pub fn group(self, trials: usize) -> Self {
        self.set(|s| s.group = Some(trials))
    }

    /// The directory of the study's files. Without one nothing is written, and no model can be loaded afterwards.
    ///
    /// A directory that holds this study already is continued: what was trained is not trained again. One that holds another
    /// study is an error, and is left as it is. It is another study if
    ///
    /// - a setting is not the same: the search space, R, eta, how epochs are counted, iterations, brackets,
    ///   the promotion, the seed, the sampler, what it was [started from](Hyperband::warm_start), the
    ///   monitor, its direction, the score, retries, or the enqueued configurations;
    /// - the data are not the same: every value, target and weight, and their order, count;
    /// - what is trained is not the same: of each trial the study has begun, the model function is asked for
    ///   its model, and every setting of it is compared. For objectives of your own, see
    ///   [`Objective::describe`](crate::Objective::describe) and
    ///   [`Objective::describe_trial`](crate::Objective::describe_trial).
    ///
    /// The error names both values: "trial 1-3: early stopping was \`val_loss, 3\`, is none". There are three
    /// ways to go on: [`accept_changes`](Hyperband::accept_changes) continues the study despite the change,
    /// [`overwrite`](Hyperband::overwrite) starts it over, and [`extend`](Hyperband::extend) makes it larger.
    /// Settings that do not affect results are not compared: workers, devices, memory, output, and how a
    /// model function is written. Neither is what hobbit cannot see: the code of callbacks, generators, and
    /// custom metrics and losses, which are identified by their names.
    ///
    /// Studies started by older versions do not record what their trials are made of. They are continued with
    /// a note, and compared from then on.
    ///
    /// The directory may contain other files. hobbit reads, writes and removes only files with its own names:
    /// `study.ron`, `journal.ron` (and `journal.ron.damaged`), `results.ron`, these with `.tmp` appended,
    /// `lock`, `lock.owner`, the trials' files in `weights`, and the directories `old-1`, `old-2`, ... of
    /// studies that were overwritten. It never follows a symbolic link to any of them; the directory itself
    /// may be one. Before each write to the journal the sweep checks that its files are still there and
    /// unchanged; a file that was removed, replaced or changed in the meantime is an error.
    pub fn repo_dir(self, dir: impl Into<PathBuf>) -> Self {
        self.set(|s| s.repo_dir = Some(dir.into()))
    }

    /// Starts the study over, whatever its [directory](Hyperband::repo_dir) contains. Default: an existing
    /// study is continued.
    ///
    /// An existing study is moved, weights included, into the subdirectory `old-1` (or the next free number),
    /// where it can still be inspected and continued. Files that are not hobbit's stay where they are. If
    /// another process is working on the study, `run` returns an error. Every run with this setting starts
    /// over, so remove it to continue the study.
    pub fn overwrite(self) -> Self {
        self.set(|s| s.overwrite = true)
    }

    /// Continues a study even if its data or models have changed since it was started. Default: a change is
    /// an error.
    ///
    /// Completed stages keep their results, and promoted trials continue with the new data or model; a trial
    /// whose checkpoint no longer fits is retrained from the beginning. Scores from before and after the
    /// change may not be comparable. The change is recorded in the journal, and later runs are compared with
    /// the new state. Settings such as the search space or the seed must stay the same.
    ///
    /// Remove this setting afterwards: while it is set, every further change is accepted too.
    pub fn accept_changes(self) -> Self {
        self.set(|s| s.accept_changes = true)
    }

    /// Replaces the storage that the study's files are written to, mainly for tests. Default:
    /// [`Disk`](crate::repository::Disk), the file system.
    pub fn storage(self, storage: Arc<dyn Storage>) -> Self {
        self.set(|s| s.storage = storage)
    }

    /// Allows the repository's study to be made larger: `R`, [`iterations`](Hyperband::iterations), and the
    /// number of trials of other algorithms, may be more than it has.
    ///
    /// What was trained is used wherever the larger plan contains it: a stage of a trial counts if the trial has the same place
    /// in the larger plan and the stage takes it from and to the same epochs. With `R` multiplied by `eta` that is every
    /// stage of the old plan whose trial gets to the same stage again; with more iterations, all. Where a trial goes on
    /// whose weights were not kept, it is trained again from its beginning, with the same result.
    pub fn extend(self) -> Self {
        self.set(|s| s.extend = true)
    }

    /// Which trials' weights are kept after their end. Default: the best one's.
    pub fn keep(self, keep: Keep) -> Self {
        self.set(|s| s.keep = keep)
    }

    /// Whether checkpoints are written to the repository. Default: yes. Without them a resumed trial is trained again from its
    /// beginning, with the same result, and no model can be loaded afterwards.
    pub fn checkpoints(self, write: bool) -> Self {
        self.set(|s| s.checkpoints = write)
    }

    /// Also writes a checkpoint every `epochs` epochs within a stage, so that a crash loses at most that many.
    pub fn checkpoint_every(self, epochs: u64) -> Self {
        self.set(|s| s.checkpoint_every = Some(epochs))
    }

    /// How many bytes paused trials may take in memory; beyond that, they are loaded from their checkpoints. Default: a
    /// quarter of the machine's memory. Without a repository all stay in memory.
    pub fn memory_budget(self, bytes: u64) -> Self {
        self.set(|s| s.memory_budget = Some(bytes))
    }

    /// How many trials may fail. Default: the sweep is given up if the first 5 all fail.
    pub fn max_failures(self, allowed: MaxFailures) -> Self {
        self.set(|s| s.max_failures = allowed)
    }

    /// The number of times a failed trial is restarted, with other randomness. Default: 0.
    pub fn retries(self, retries: u32) -> Self {
        self.set(|s| s.retries = retries)
    }

    /// The number of consecutive crashes of the process during a trial after which the trial counts as
    /// failed. Default: 2.
    ///
    /// Code that aborts, exits, overflows its stack or exhausts the memory ends the whole sweep. With a
    /// [`repo_dir`](Hyperband::repo_dir), the next run reads in the journal which trials were running. A trial
    /// that was running in this many consecutive crashes fails with that as its reason, and the study
    /// continues without it. If several trials were running, the culprit is unknown: the next run trains them
    /// one by one, and only a trial that ran alone in the last crash can fail this way. (More than two trials
    /// are trained one by one only after they were running in this many crashes, because that is slow.)
    ///
    /// A process that is killed from outside is not the trial's fault. If nothing shows that the process
    /// crashed by itself, it takes five times as many consecutive deaths, and a reboot of the machine does
    /// not count. `u32::MAX` never fails a trial for crashes.
    pub fn max_deaths(self, deaths: u32) -> Self {
        self.set(|s| s.max_deaths = deaths)
    }

    /// How long one trial may be trained, all stages together. One that takes longer fails. The time that an
    /// earlier process spent on a stage that it did not finish does not count.
    ///
    /// Objectives check it between batches; one that is stuck is abandoned together with its thread.
    pub fn trial_time_limit(self, limit: Duration) -> Self {
        self.set(|s| s.trial_time_limit = Some(limit))
    }

    /// Stops the sweep after this process has run for this time; it can be continued.
    pub fn time_budget(self, budget: Duration) -> Self {
        self.set(|s| s.time_budget = Some(budget))
    }

    /// Stops the sweep after this process has trained `epochs` epochs; it can be continued.
    pub fn epoch_budget(self, epochs: u64) -> Self {
        self.set(|s| s.epoch_budget = Some(epochs))
    }

    /// Stops the sweep as soon as an epoch of this process makes a trial's score at least as good. It can be
    /// continued, and scores of earlier processes do not stop it again.
    pub fn target(self, score: f64) -> Self {
        self.set(|s| s.target = Some(score))
    }

    /// Stops the sweep when the callback returns `true`. It is called once for each stage of a trial that
    /// this process trained, and not for stages known from earlier processes.
    pub fn stop_when(self, callback: impl FnMut(&StageRecord) -> bool + Send + 'static) -> Self {
        self.set(|s| s.stop_when = Some(Box::new(callback)))
    }

    /// Stops the sweep on Ctrl-C, after the current epochs and with everything written; a second Ctrl-C exits
    /// immediately. SIGTERM, which schedulers send, and SIGHUP, sent when the terminal is closed (unless the
    /// program runs under `nohup`), do the same.
    ///
    /// The program should then exit with [`Results::exit_code`]. A signal stops all running sweeps that have
    /// this set.
    ///
    /// # Errors
    /// [`run`](Hyperband::run) returns an error if the program has its own handler for Ctrl-C.
    pub fn stop_on_ctrl_c(self) -> Self {
        self.set(|s| s.stop_on_ctrl_c = true)
    }

    /// Registers an observer. May be called several times.
    pub fn observe(self, observer: impl Observer) -> Self {
        self.set(|s| s.observers.push(Box::new(observer)))
    }

    /// Trains stages elsewhere than on threads of this process. The sweep then has as many workers as the
    /// workplace is [wide](Workplace::width), whatever else is set.
    pub fn workplace(self, workplace: impl Workplace + 'static) -> Self {
        self.set(|s| s.workplace = Some(Box::new(workplace)))
    }

    /// Lets other machines take part: the same program, started on each of them with another role. See
    /// [`remote`](crate::remote). Results do not depend on who takes part.
    ///
    /// A process that is a worker serves the sweep's coordinator when [`run`](Hyperband::run) is called, and
    /// then ends: with exit code 0 when the sweep is over, 143 when it was told to leave, 3 if the
    /// coordinator has another study or another program, and 4 if there is no server or no coordinator, or
    /// if they cannot be used.
    #[cfg(feature = "nats")]
    pub fn nats(self, nats: crate::remote::Nats) -> Self {
        self.set(|s| s.nats = Some(nats))
    }

    /// Prints nothing.
    pub fn quiet(self) -> Self {
        self.set(|s| s.verbosity = Verbosity::Quiet)
    }

    /// Prints a line for every stage of a trial too, and every failure with its reason.
    pub fn verbose(self) -> Self {
        self.set(|s| s.verbosity = Verbosity::Verbose)
    }

    /// The objective, without a sweep around it: to train a model by hand.
    pub fn into_objective(self) -> O {
        self.objective.optimizes(&self.settings.monitor, self.settings.direction);
        self.objective
    }

    /// What it is made of.
    pub(crate) fn into_parts(self) -> (O, Settings<O>) {
        (self.objective, self.settings)
    }

    /// A Hyperband with the settings that only it has.
    pub(crate) fn hyperband(&self, max_epochs: u32, eta: u32) -> Algorithm {
        let Settings { epoch_count, iterations, brackets, .. } = self.settings;
        match brackets {
            None => Algorithm::Hyperband { max_epochs, eta, epoch_count, iterations },
            Some(brackets) => Algorithm::FirstBrackets { brackets, max_epochs, eta, epoch_count, iterations },
        }
    }

    /// Runs the sweep.
    pub(crate) fn run_by(self, algorithm: Algorithm) -> Result<Results<O>> {
        let quiet = self.settings.verbosity == Verbosity::Quiet;
        let results = Results::new(sweep(Arc::new(self.objective), self.settings, algorithm)?)?;
        if !quiet {
            crate::observe::print(&results.summary());
        }
        Ok(results)
    }
}
