//! An objective that is made of functions.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::error::BoxError;
use crate::numerics::widest_vectors;
use crate::objective::{Checkpoint, EpochContext, Metrics, Objective, TrialContext};
use crate::space::SearchSpace;

type Build<H, M> = Box<dyn Fn(&H, &TrialContext) -> Result<M, BoxError> + Send + Sync>;
type Epoch<M> = Box<dyn Fn(&mut M, &EpochContext<'_>, &mut Metrics) -> Result<(), BoxError> + Send + Sync>;
type Save<M> = Box<dyn Fn(&M) -> Result<Checkpoint, BoxError> + Send + Sync>;
type Load<M> = Box<dyn Fn(&mut M, &Checkpoint) -> Result<(), BoxError> + Send + Sync>;
type Fuses<H> = Box<dyn Fn(&H) -> Option<u64> + Send + Sync>;
type Describe<H> = Box<dyn Fn(&H, u64) -> BTreeMap<String, String> + Send + Sync>;

/// An objective that is made of functions, for tests of what drives objectives or looks at what they do:
/// observers, reports, stopping, whole programs. What it trains, how long that takes, and how it fails is
/// what the functions say.
///
/// `M` is the model's state. Unless [`state`](Fake::state) or [`saving`](Fake::saving) says how it is saved,
/// checkpoints are empty, which is right where the state does not change.
///
/// ```
/// use hobbit::testing::Fake;
/// use hobbit::{EpochContext, Hyperband, Metrics, search_space};
///
/// #[search_space]
/// struct Hparams {
///     #[uniform(0.0..=1.0)]
///     rate: f64,
/// }
///
/// // every epoch of a trial reports its rate, and large rates fail in their third epoch
/// let fake = Fake::new(
///     |hparams: &Hparams, _| Ok(hparams.rate),
///     |rate: &mut f64, epoch: &EpochContext<'_>, metrics: &mut Metrics| {
///         if *rate > 0.9 && epoch.epoch == 2 {
///             return Err("too fast".into());
///         }
///         metrics.report("val_loss", *rate);
///         Ok(())
///     },
/// );
/// let results = Hyperband::of(fake).quiet().run(9, 3)?;
/// assert_eq!(results.best().score, Some(results.best().hparams.rate));
/// # Ok::<(), hobbit::Error>(())
/// ```
pub struct Fake<H, M> {
    metrics: Vec<Cow<'static, str>>,
    training_loss: Option<&'static str>,
    build: Build<H, M>,
    train: Option<Epoch<M>>,
    validate: Epoch<M>,
    save: Option<Save<M>>,
    load: Option<Load<M>>,
    describe: BTreeMap<String, String>,
    numerics: Option<String>,
    describe_trial: Option<Describe<H>>,
    fuses: Option<Fuses<H>>,
    pace: Duration,
    memory: usize,
    workers: Option<usize>,
}

impl<H: SearchSpace + Send + Sync + 'static, M: Send + 'static> Fake<H, M> {
    /// Builds models by one function, and lets another one report what each of their epochs measures:
    /// `val_loss`, unless [`metrics`](Fake::metrics) says otherwise.
    pub fn new(
        build: impl Fn(&H, &TrialContext) -> Result<M, BoxError> + Send + Sync + 'static,
        epoch: impl Fn(&mut M, &EpochContext<'_>, &mut Metrics) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Self {
        Fake {
            metrics: vec!["val_loss".into()],
            training_loss: None,
            build: Box::new(build),
            train: None,
            validate: Box::new(epoch),
            save: None,
            load: None,
            describe: BTreeMap::new(),
            numerics: None,
            describe_trial: None,
            fuses: None,
            pace: Duration::ZERO,
            memory: 0,
            workers: None,
        }
    }

    /// The names of the metrics that every epoch reports.
    #[must_use]
    pub fn metrics<N: Into<Cow<'static, str>>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.metrics = names.into_iter().map(Into::into).collect();
        self
    }

    /// What is done before the function of [`new`](Fake::new), in [`train_epoch`](Objective::train_epoch).
    #[must_use]
    pub fn training(
        mut self,
        train: impl Fn(&mut M, &EpochContext<'_>, &mut Metrics) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Self {
        self.train = Some(Box::new(train));
        self
    }

    /// The metric of [`training`](Fake::training) that ends a trial as diverged.
    #[must_use]
    pub fn training_loss(mut self, name: &'static str) -> Self {
        self.training_loss = Some(name);
        self
    }

    /// How the state is saved, as numbers, and how a fresh model is put into it.
    #[must_use]
    pub fn state(
        self,
        save: impl Fn(&M) -> Vec<f64> + Send + Sync + 'static,
        load: impl Fn(&mut M, &[f64]) + Send + Sync + 'static,
    ) -> Self {
        let save = move |model: &M| {
            let (state, mut checkpoint) = (save(model), Checkpoint::new());
            checkpoint.insert_f64("state", &[state.len()], state);
            Ok(checkpoint)
        };
        let load = move |model: &mut M, checkpoint: &Checkpoint| {
            let length = checkpoint.arrays.get("state").and_then(|array| array.shape.first().copied());
            load(model, checkpoint.f64("state", &[length.unwrap_or(0)])?);
            Ok(())
        };
        self.saving(save, load)
    }

    /// How checkpoints are made and loaded.
    #[must_use]
    pub fn saving(
        mut self,
        save: impl Fn(&M) -> Result<Checkpoint, BoxError> + Send + Sync + 'static,
        load: impl Fn(&mut M, &Checkpoint) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Self {
        self.save = Some(Box::new(save));
        self.load = Some(Box::new(load));
        self
    }

    /// What the results are said to depend on.
    #[must_use]
    pub fn describing(mut self, description: BTreeMap<String, String>) -> Self {
        self.describe = description;
        self
    }

    /// What the last bits of results are said to depend on. Default: this processor.
    #[must_use]
    pub fn computing_with(mut self, numerics: impl Into<String>) -> Self {
        self.numerics = Some(numerics.into());
        self
    }

    /// What is said of a trial.
    #[must_use]
    pub fn describing_trials(
        mut self,
        describe: impl Fn(&H, u64) -> BTreeMap<String, String> + Send + Sync + 'static,
    ) -> Self {
        self.describe_trial = Some(Box::new(describe));
        self
    }

    /// Which trials can be trained together: [`Objective::fuses`]. Default: none.
    #[must_use]
    pub fn fusing(mut self, fuses: impl Fn(&H) -> Option<u64> + Send + Sync + 'static) -> Self {
        self.fuses = Some(Box::new(fuses));
        self
    }

    /// How long an epoch takes at least. Default: no time.
    #[must_use]
    pub fn pace(mut self, pace: Duration) -> Self {
        self.pace = pace;
        self
    }

    /// The bytes that a paused model is said to hold.
    #[must_use]
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// The number of trials worth training at once.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }
}

impl<H: SearchSpace + Send + Sync + 'static> Fake<H, f64> {
    /// Every epoch of a trial reports the same `val_loss`, which follows from its configuration.
    pub fn constant(value: impl Fn(&H) -> f64 + Send + Sync + 'static) -> Self {
        Fake::new(
            move |hparams: &H, _: &TrialContext| Ok(value(hparams)),
            |value: &mut f64, _: &EpochContext<'_>, metrics: &mut Metrics| {
                metrics.report("val_loss", *value);
                Ok(())
            },
        )
    }
}

/// The state of a trial that follows a script: its configuration, and the epochs it has had.
#[derive(Debug, Clone, PartialEq)]
pub struct Script<H> {
    /// The configuration.
    pub hparams: H,
    /// The epochs it has been trained.
    pub epochs: u64,
}

impl<H: SearchSpace + Clone + Send + Sync + 'static> Fake<H, Script<H>> {
    /// Every epoch does what a function says that is given the configuration. The state that is saved is the
    /// number of epochs, and a panic tells of an epoch that is not the one after the last.
    pub fn scripted(
        script: impl Fn(&H, &EpochContext<'_>, &mut Metrics) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Self {
        let build = |hparams: &H, _: &TrialContext| Ok(Script { hparams: hparams.clone(), epochs: 0 });
        let epoch = move |model: &mut Script<H>, epoch: &EpochContext<'_>, metrics: &mut Metrics| {
            assert_eq!(model.epochs, epoch.epoch, "the context counts the epochs that the model has had");
            model.epochs += 1;
            script(&model.hparams, epoch, metrics)
        };
        Fake::new(build, epoch)
            .state(|model| vec![model.epochs as f64], |model, state| model.epochs = state[0] as u64)
    }
}

impl<H, M> fmt::Debug for Fake<H, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fake").field("metrics", &self.metrics).finish_non_exhaustive()
    }
}

impl<H: SearchSpace + Send + Sync + 'static, M: Send + 'static> Objective for Fake<H, M> {
    type Hparams = H;
    type Model = M;

    fn workers(&self) -> Option<usize> {
        self.workers
    }

    fn metrics(&self, _: &H) -> Result<Vec<Cow<'static, str>>, BoxError> {
        Ok(self.metrics.clone())
    }

    fn training_loss(&self) -> Option<&'static str> {
        self.training_loss
    }

    fn describe(&self) -> BTreeMap<String, String> {
        self.describe.clone()
    }

    fn numerics(&self) -> String {
        self.numerics.clone().unwrap_or_else(widest_vectors)
    }

    fn describe_trial(&self, hparams: &H, epochs: u64) -> BTreeMap<String, String> {
        self.describe_trial.as_ref().map_or_else(BTreeMap::new, |describe| describe(hparams, epochs))
    }

    fn fuses(&self, hparams: &H) -> Option<u64> {
        self.fuses.as_ref().and_then(|fuses| fuses(hparams))
    }

    fn build(&self, hparams: &H, trial: &TrialContext) -> Result<M, BoxError> {
        (self.build)(hparams, trial)
    }

    fn train_epoch(
        &self,
        model: &mut M,
        epoch: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        if !self.pace.is_zero() {
            std::thread::sleep(self.pace);
        }
        self.train.as_ref().map_or(Ok(()), |train| train(model, epoch, metrics))
    }

    fn validate(
        &self,
        model: &mut M,
        epoch: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        (self.validate)(model, epoch, metrics)
    }

    fn save(&self, model: &M) -> Result<Checkpoint, BoxError> {
        self.save.as_ref().map_or_else(|| Ok(Checkpoint::new()), |save| save(model))
    }

    fn load(&self, model: &mut M, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        self.load.as_ref().map_or(Ok(()), |load| load(model, checkpoint))
    }

    fn memory(&self, _: &M) -> usize {
        self.memory
    }
}
