//! What only sweeps over hobbit's own models have.

use std::sync::Arc;

use super::Study;
#[cfg(doc)]
use crate::Hyperband;
use crate::error::Result;
use crate::results::Results;
use crate::schedule::Algorithm;
use crate::space::SearchSpace;
use crate::train::{Data, Device, Engine, IntoModel, ModelObjective};

impl<H, F, C, A> Study<ModelObjective<H, F, C>, A>
where
    H: SearchSpace + Send + Sync + 'static,
    F: Fn(&H) -> C + Send + Sync + 'static,
    C: IntoModel + 'static,
{
    /// A sweep over dfdx models. The function takes a configuration and returns the model's description
    /// ([`Compiled`](crate::train::Compiled)), or a `Result` with one.
    pub fn new(model: F) -> Self {
        Study::of(ModelObjective::new(model))
    }

    /// The samples for training and validation: a [`Dataset`](crate::train::Dataset) in memory, or
    /// [`Generators`](crate::train::Generators).
    pub fn dataset(mut self, data: impl Into<Data>) -> Self {
        self.objective.data = Some(data.into());
        self
    }

    /// The number of models trained per trial, each with its own randomness; metrics are their means. With
    /// k-fold data, the number per fold. Default: 1.
    pub fn executions(mut self, executions: usize) -> Self {
        self.objective.executions = executions;
        self
    }

    /// The number of samples per training step, unless a model says otherwise. Default: 32.
    pub fn batch_size(mut self, samples: usize) -> Self {
        self.objective.batch_size = samples;
        self
    }

    /// Where models are trained. Default: on the processor. [`workers`](Hyperband::workers) trials share the device.
    pub fn device(mut self, device: Device) -> Self {
        self.objective.devices = vec![device];
        self
    }

    /// What computes on the processor. Default: [`Engine::Native`], hobbit's own passes.
    ///
    /// [`Engine::Dfdx`] trains the same models with dfdx's operations and gradients, as on GPUs; it takes
    /// longer, and its results differ in their last bits. A study is continued with the engine that it was
    /// begun with, and models that are loaded from it predict with that engine.
    ///
    /// ```
    /// use hobbit::prelude::*;
    ///
    /// # #[search_space] struct Hparams { #[int(4..=16)] width: usize }
    /// # fn main() -> hobbit::Result<()> {
    /// # let x: Vec<f32> = (0..40).map(|i| i as f32 / 40.0).collect();
    /// # let data = Dataset::new((&x, &x), (&x, &x))?;
    /// let model = |hp: &Hparams| {
    ///     Sequential::new([1]).dense(hp.width).dense(1).compile(Adam::new(0.1), Loss::MeanSquaredError)
    /// };
    /// let results = Hyperband::new(model).dataset(data).engine(Engine::Dfdx).quiet().run(3, 3)?;
    /// assert!(results.best().score.is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub fn engine(mut self, engine: Engine) -> Self {
        self.objective.engine = engine;
        self
    }

    /// Several devices with the number of workers of each: `[(Device::Cuda(0), 4), (Device::Cuda(1), 4),
    /// (Device::Cpu, 2)]`. Sets [`workers`](Hyperband::workers).
    ///
    /// A promoted trial may resume on any free device. On devices of one kind, results do not depend on where
    /// a trial is trained; between processor and GPU they differ by rounding.
    pub fn devices(mut self, devices: impl IntoIterator<Item = (Device, usize)>) -> Self {
        let each = devices.into_iter().flat_map(|(device, workers)| std::iter::repeat_n(device, workers));
        self.objective.devices = each.collect();
        let workers = self.objective.devices.len();
        self.workers(workers)
    }

    /// Trains this configuration alone for `epochs` epochs: without a search, on the data and with all other
    /// settings as they are. With a [`repo_dir`](Hyperband::repo_dir) the model is kept there, and
    /// [`load`](crate::train::load) loads it; what was enqueued before is left out. A study that is fitted
    /// has one trial, so a directory that holds a sweep is refused.
    ///
    /// See [`Results::refit`] for a last training of the best configuration on all data.
    ///
    /// ```
    /// use hobbit::prelude::*;
    ///
    /// #[search_space]
    /// struct Hparams {
    ///     #[int(4..=16)]
    ///     width: usize,
    /// }
    ///
    /// let (x, y) = (vec![0.0f32, 1.0, 2.0, 3.0], vec![0.0f32, 2.0, 4.0, 6.0]);
    /// let data = Dataset::new((&x, &y), (&x, &y))?;
    /// let model = |hp: &Hparams| {
    ///     let network = Sequential::new([1]).dense(hp.width).dense(1);
    ///     network.compile(Adam::new(0.05), Loss::MeanSquaredError)
    /// };
    /// let results = Hyperband::new(model).dataset(data).quiet().fit(Hparams { width: 8 }, 20)?;
    /// assert_eq!((results.trials().len(), results.best().epochs), (1, 20));
    /// # Ok::<(), hobbit::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Hyperband::run`](crate::Hyperband).
    pub fn fit(self, hparams: H, epochs: u32) -> Result<Results<ModelObjective<H, F, C>>> {
        self.fit_shared(Arc::new(hparams), u64::from(epochs))
    }

    pub(crate) fn fit_shared(self, hparams: Arc<H>, epochs: u64) -> Result<Results<ModelObjective<H, F, C>>> {
        let epochs = u32::try_from(epochs).unwrap_or(u32::MAX);
        let study = self.set(|s| {
            s.enqueued = vec![hparams];
            s.start_with_defaults = false;
            s.warm_start.clear();
        });
        study.run_by(Algorithm::Random { trials: 1, epochs })
    }
}
