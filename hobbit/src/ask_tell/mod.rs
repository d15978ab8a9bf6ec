//! Studies for programs with a loop of their own: they ask for trials, train them, and tell the outcomes.

mod asked;
mod counter;
mod place;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

pub use self::asked::Asked;
use self::counter::{Answer, Counter};
use self::place::Place;
use crate::by;
use crate::error::{BoxError, Error, Result};
use crate::function::{Course, Progress, Promise, Trial};
use crate::objective::{Checkpoint, EpochContext, Metrics, Objective, TrialContext};
use crate::observe::Verbosity;
use crate::results::Results;
use crate::runner::{Finished, LocalPool, Settings, sweep};
use crate::schedule::Algorithm;
use crate::space::SearchSpace;
use crate::study::Study;
use crate::trial::Direction;

/// The objective of a study whose trials your own code asks for: see [`asking`].
pub struct Asking<H> {
    counter: Arc<Counter<H>>,
    promise: Promise,
    /// Somebody will ask.
    is_asked: bool,
}

/// The objective of a study that is run by asking and telling. `H` is the search space.
///
/// ```
/// use hobbit::{Hyperband, Metrics, asking, search_space};
///
/// #[search_space]
/// struct Hparams {
///     #[log_uniform(1e-3..=1.0)]
///     rate: f64,
/// }
///
/// let mut study = Hyperband::of(asking::<Hparams>()).monitor("loss").quiet().ask_tell(9, 3)?;
/// while let Some(trial) = study.ask()? {
///     // whatever it is; here, what an epoch measures follows from its number
///     let loss = |epoch: u64| (1.0 - 2.0 * trial.hparams().rate).powi(epoch as i32).abs();
///     let epochs: Vec<Metrics> =
///         trial.open_epochs().map(|epoch| Metrics::from([("loss", loss(epoch))])).collect();
///     study.tell(trial, epochs)?;
/// }
/// let results = study.finish()?;
/// println!("{results}");
/// # assert_eq!(results.trials().len(), 17);
/// # Ok::<(), hobbit::Error>(())
/// ```
pub fn asking<H: SearchSpace + Send + Sync + 'static>() -> Asking<H> {
    Asking { counter: Arc::new(Counter::new()), promise: Promise::new(), is_asked: false }
}

/// A running study whose trials your own code asks for.
///
/// With a [`repo_dir`](crate::Hyperband::repo_dir), everything that was told is kept, and a program that was
/// killed continues where it stopped when it is started again: stages that were told before are not handed
/// out again. With several trials out at once, the order in which they are told does not matter: the study is
/// the one that [`run`](crate::Hyperband::run) makes of the same outcomes.
///
/// At most one trial is out at any time, unless [`workers`](crate::Hyperband::workers) allows for more.
pub struct AskTell<H: SearchSpace + Send + Sync + 'static> {
    counter: Arc<Counter<H>>,
    sweep: Option<JoinHandle<Result<Finished<Asking<H>>>>>,
    finished: Option<Finished<Asking<H>>>,
    is_quiet: bool,
}

impl<H: SearchSpace + Send + Sync + 'static> AskTell<H> {
    /// The next trial to be trained. `None` if there is none: the study is over, or, if trials are out, one
    /// of them has to be told first.
    ///
    /// Waits while what was told is being written.
    ///
    /// # Errors
    /// Those of [`run`](crate::Hyperband::run): too many trials have failed, the repository cannot be
    /// written, or a trial was dropped instead of told.
    pub fn ask(&mut self) -> Result<Option<Asked<H>>> {
        match self.counter.ask() {
            Answer::Trial(trial) => Ok(Some(trial)),
            Answer::Wait => Ok(None),
            Answer::Over => {
                self.join()?;
                Ok(None)
            }
        }
    }

    /// Tells what was measured in the [open epochs](Asked::open_epochs) of a trial's stage, one after the
    /// other: none, if its own loop over [`epochs`](Trial::epochs) has [reported](Trial::report) everything.
    /// Fewer metrics than open epochs end the stage early.
    ///
    /// # Errors
    /// There are more epochs than the stage has, or none has been trained at all. Then nothing is recorded,
    /// and the study ends.
    pub fn tell(&mut self, mut trial: Asked<H>, epochs: impl IntoIterator<Item = Metrics>) -> Result<()> {
        let epochs: Vec<Metrics> = epochs.into_iter().collect();
        let (told, open) = (epochs.len(), trial.open_epochs());
        let left = (open.end() + 1).saturating_sub(*open.start());
        if told as u64 > left {
            return Err(Error::setting(format!(
                "trial {} was told {told} epochs, and {left} are open",
                trial.id()
            )));
        }
        if told == 0 && !trial.has_begun() {
            return Err(Error::setting(format!(
                "trial {} was told no epoch: each needs its metrics",
                trial.id()
            )));
        }
        trial.remember();
        let mut numbers = trial.epochs();
        for metrics in epochs {
            if numbers.next().is_none() {
                // the sweep has stopped; what is not told is trained when it is continued
                break;
            }
            for (name, value) in metrics.iter() {
                let _ = trial.report(name.to_owned(), value);
            }
        }
        trial.finish(Ok(()));
        Ok(())
    }

    /// Tells that a trial has failed, and why.
    pub fn fail(&mut self, trial: Asked<H>, why: impl Into<BoxError>) {
        trial.finish(Err(why.into()));
    }

    /// Ends the study, and returns what it found. A study that is not over is stopped, and can be continued.
    ///
    /// # Errors
    /// Those of [`run`](crate::Hyperband::run), or a trial is still out.
    pub fn finish(mut self) -> Result<Results<Asking<H>>> {
        if let Some(trial) = self.counter.out().first() {
            return Err(Error::setting(format!(
                "trial {trial} is still out: it has to be told before the end"
            )));
        }
        self.counter.settle();
        self.counter.stop();
        self.join()?;
        let finished =
            self.finished.take().ok_or_else(|| Error::study("the study has ended with an error before"))?;
        let results = Results::new(finished)?;
        if !self.is_quiet {
            crate::observe::print(&results.summary());
        }
        Ok(results)
    }

    /// Waits for the end of the sweep, which ends by itself.
    fn join(&mut self) -> Result<()> {
        if let Some(sweep) = self.sweep.take() {
            let ended = sweep.join().unwrap_or_else(|_| Err(Error::study("the sweep panicked")));
            self.finished = Some(ended?);
        }
        Ok(())
    }
}

impl<H: SearchSpace + Send + Sync + 'static> Drop for AskTell<H> {
    fn drop(&mut self) {
        self.counter.settle();
        self.counter.stop();
        // a trial that is out may be dropped later, and the sweep waits for that
        if self.counter.out().is_empty() {
            let _ = self.join();
        }
    }
}

impl<H: SearchSpace + Send + Sync + 'static> fmt::Debug for AskTell<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskTell").field("out", &self.counter.out()).finish_non_exhaustive()
    }
}

impl<H> fmt::Debug for Asking<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").finish_non_exhaustive()
    }
}

impl<H: SearchSpace + Send + Sync + 'static> Asking<H> {
    fn begin(&self, hparams: Arc<H>, course: Course) -> Result<(), BoxError> {
        let origin: Weak<Counter<H>> = Arc::downgrade(&self.counter);
        self.counter.offer(Asked::new(hparams, Trial::new(course), origin));
        Ok(())
    }
}

impl<H: SearchSpace + Send + Sync + 'static> Objective for Asking<H> {
    type Hparams = H;
    type Model = Progress<H>;

    fn ready(&self) -> Result<(), BoxError> {
        match self.is_asked {
            true => Ok(()),
            false => {
                Err("nobody would ask for the trials: a study of `asking` begins with `ask_tell`".into())
            }
        }
    }

    /// What is measured is known when it is told. It has to contain the monitor.
    fn metrics(&self, _: &H) -> Result<Vec<Cow<'static, str>>, BoxError> {
        Ok(self.promise.metrics())
    }

    fn optimizes(&self, monitor: &str, _: Option<Direction>) {
        self.promise.set(monitor);
    }

    fn build(&self, hparams: &H, _: &TrialContext) -> Result<Progress<H>, BoxError> {
        Progress::new(hparams)
    }

    fn train_epoch(
        &self,
        model: &mut Progress<H>,
        epoch: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        model.train_epoch(epoch, metrics, |hparams, course| self.begin(hparams, course))
    }

    /// Everything is told at once.
    fn validate(&self, _: &mut Progress<H>, _: &EpochContext<'_>, _: &mut Metrics) -> Result<(), BoxError> {
        Ok(())
    }

    fn save(&self, model: &Progress<H>) -> Result<Checkpoint, BoxError> {
        Ok(model.save())
    }

    fn load(&self, model: &mut Progress<H>, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        model.load(checkpoint)
    }

    fn memory(&self, model: &Progress<H>) -> usize {
        model.memory()
    }

    fn pause(&self, model: &mut Progress<H>) {
        model.pause();
    }
}

impl<H: SearchSpace + Send + Sync + 'static> Study<Asking<H>, by::Hyperband> {
    /// Begins a Hyperband whose trials you ask for: [`run`](crate::Hyperband::run) with a loop of your own.
    ///
    /// # Errors
    /// As [`run`](crate::Hyperband::run), before anything is trained.
    pub fn ask_tell(self, max_epochs: u32, eta: u32) -> Result<AskTell<H>> {
        let algorithm = self.hyperband(max_epochs, eta);
        start(self, algorithm)
    }
}

impl<H: SearchSpace + Send + Sync + 'static> Study<Asking<H>, by::SuccessiveHalving> {
    /// Begins a successive halving whose trials you ask for: [`run`](crate::SuccessiveHalving::run) with a
    /// loop of your own.
    ///
    /// # Errors
    /// As [`run`](crate::SuccessiveHalving::run), before anything is trained.
    pub fn ask_tell(self, trials: u32, min_epochs: u32, max_epochs: u32, eta: u32) -> Result<AskTell<H>> {
        start(self, Algorithm::SuccessiveHalving { trials, min_epochs, max_epochs, eta })
    }
}

impl<H: SearchSpace + Send + Sync + 'static> Study<Asking<H>, by::RandomSearch> {
    /// Begins a random search whose trials you ask for: [`run`](crate::RandomSearch::run) with a loop of your
    /// own.
    ///
    /// # Errors
    /// As [`run`](crate::RandomSearch::run), before anything is trained.
    pub fn ask_tell(self, trials: u32, epochs: u32) -> Result<AskTell<H>> {
        start(self, Algorithm::Random { trials, epochs })
    }
}

impl<H: SearchSpace + Send + Sync + 'static> Study<Asking<H>, by::Asha> {
    /// Begins an ASHA whose trials you ask for: [`run`](crate::Asha::run) with a loop of your own.
    ///
    /// # Errors
    /// As [`run`](crate::Asha::run), before anything is trained.
    pub fn ask_tell(self, trials: u32, max_epochs: u32, eta: u32) -> Result<AskTell<H>> {
        start(self, Algorithm::Asha { trials, max_epochs, eta })
    }
}

impl<H: SearchSpace + Send + Sync + 'static> Study<Asking<H>, by::Pasha> {
    /// Begins a PASHA whose trials you ask for: [`run`](crate::Pasha::run) with a loop of your own.
    ///
    /// # Errors
    /// As [`run`](crate::Pasha::run), before anything is trained.
    pub fn ask_tell(self, trials: u32, max_epochs: u32, eta: u32) -> Result<AskTell<H>> {
        start(self, Algorithm::Pasha { trials, max_epochs, eta })
    }
}

/// Begins a sweep on a thread of its own.
fn start<H: SearchSpace + Send + Sync + 'static, A>(
    study: Study<Asking<H>, A>,
    algorithm: Algorithm,
) -> Result<AskTell<H>> {
    let (mut objective, mut settings) = study.into_parts();
    if settings.workplace.is_some() {
        return Err(Error::setting("a study that is asked for its trials has no other workplace"));
    }
    objective.is_asked = true;
    let (counter, is_quiet) = (objective.counter.clone(), settings.verbosity == Verbosity::Quiet);
    let objective = Arc::new(objective);
    let pool = LocalPool::new(objective.clone(), settings.workers.unwrap_or(1)).given(given(&settings)?);
    let pool = pool.narrowed(settings.narrowing.clone());
    let pool = match settings.memory_budget {
        Some(bytes) => pool.memory_budget(bytes),
        None => pool,
    };
    settings.workplace = Some(Box::new(Place { pool, counter: counter.clone() }));
    let closing = Closing(counter.clone());
    let run = move || {
        let _closing = closing;
        sweep(objective, settings, algorithm)
    };
    let thread = std::thread::Builder::new().name("hobbit-sweep".to_owned()).spawn(run);
    let sweep = thread.map_err(|e| Error::study(format!("could not begin: {e}")).with_source(e))?;
    let mut study = AskTell { counter, sweep: Some(sweep), finished: None, is_quiet };
    if study.counter.wait_for_begin() {
        study.join()?;
    }
    Ok(study)
}

/// Closes the counter with the sweep, however that ends.
struct Closing<H>(Arc<Counter<H>>);

impl<H> Drop for Closing<H> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The configurations that come first.
fn given<H: SearchSpace + Send + Sync + 'static>(settings: &Settings<Asking<H>>) -> Result<Vec<Arc<H>>> {
    let defaults = settings.start_with_defaults.then(H::defaults).transpose()?;
    Ok(defaults.map(Arc::new).into_iter().chain(settings.enqueued.iter().cloned()).collect())
}
