//! An objective in one function, with a loop of its own over the epochs of a trial.

mod course;
mod progress;
mod promise;
mod saved;
mod trial;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

pub(crate) use self::course::Course;
pub use self::progress::Progress;
pub(crate) use self::promise::Promise;
pub use self::trial::{Epochs, Trial};
use crate::error::BoxError;
use crate::objective::{Checkpoint, EpochContext, Metrics, Objective, TrialContext};
use crate::runner::aside;
use crate::runner::panics::catch;
use crate::space::SearchSpace;

/// A function as an objective: what [`Hyperband::function`](crate::Hyperband::function) makes.
///
/// ```
/// use hobbit::function::{Function, Trial};
/// use hobbit::{BoxError, Hyperband, search_space};
///
/// #[search_space]
/// struct Hparams {
///     #[log_uniform(1e-3..=1.0)]
///     rate: f64,
/// }
///
/// fn descend(hp: &Hparams, trial: &mut Trial) -> Result<(), BoxError> {
///     let mut x: f64 = trial.state().unwrap_or(1.0);
///     for _ in trial.epochs() {
///         x -= hp.rate * 2.0 * x;
///         trial.save(&x)?;
///         trial.report("loss", x * x)?;
///     }
///     Ok(())
/// }
///
/// let objective = Function::new(descend).depends_on("the data", "none").workers(2);
/// let results = Hyperband::of(objective).monitor("loss").quiet().run(9, 3)?;
/// assert!(results.best().score < Some(1e-3));
/// # Ok::<(), hobbit::Error>(())
/// ```
pub struct Function<H, F> {
    function: Arc<F>,
    promise: Promise,
    pub(crate) description: BTreeMap<String, String>,
    pub(crate) workers: Option<usize>,
    hparams: PhantomData<fn(&H)>,
}

impl<H, F> Function<H, F>
where
    H: SearchSpace + Send + Sync + 'static,
    F: Fn(&H, &mut Trial) -> Result<(), BoxError> + Send + Sync + 'static,
{
    /// The function is called for every stage of a trial: see
    /// [`Hyperband::function`](crate::Hyperband::function).
    pub fn new(function: F) -> Self {
        Function {
            function: Arc::new(function),
            promise: Promise::new(),
            description: BTreeMap::new(),
            workers: None,
            hparams: PhantomData,
        }
    }

    /// States what results depend on besides the hyperparameters: the data, or a version of the function. A
    /// repository that was begun with another text is not continued: see
    /// [`Objective::describe`].
    #[must_use]
    pub fn depends_on(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.description.insert(name.into(), text.into());
        self
    }

    /// The number of trials worth training at once. Default: one per core.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// Calls the function for a stage, on a thread of its own.
    fn begin(&self, hparams: Arc<H>, course: Course) -> Result<(), BoxError> {
        let function = self.function.clone();
        let name = format!("hobbit-trial-{}", course.context.id);
        let code = move || {
            let mut trial = Trial::new(course);
            let result = catch(|| function(&hparams, &mut trial));
            trial.finish(result.unwrap_or_else(|panic| Err(panic.into())));
        };
        aside(name, code).map_err(|error| format!("no thread could be started for the trial: {error}").into())
    }
}

impl<H, F> fmt::Debug for Function<H, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").field("description", &self.description).finish_non_exhaustive()
    }
}

impl<H, F> Objective for Function<H, F>
where
    H: SearchSpace + Send + Sync + 'static,
    F: Fn(&H, &mut Trial) -> Result<(), BoxError> + Send + Sync + 'static,
{
    type Hparams = H;
    type Model = Progress<H>;

    fn workers(&self) -> Option<usize> {
        self.workers
    }

    /// What a function reports is known when it does. It has to report the monitor.
    fn metrics(&self, _: &H) -> Result<Vec<Cow<'static, str>>, BoxError> {
        Ok(self.promise.metrics())
    }

    fn optimizes(&self, monitor: &str, _: Option<crate::Direction>) {
        self.promise.set(monitor);
    }

    fn describe(&self) -> BTreeMap<String, String> {
        self.description.clone()
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

    /// The function reports everything while it trains.
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
