//! The objective that trains what a model function describes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Once;

use super::data::Dataset;
use super::loss::Tally;
use super::model::{Compiled, IntoModel};
use super::trained::Model;
use crate::error::BoxError;
use crate::objective::{Checkpoint, EpochContext, Metrics, Objective, TrialContext};
use crate::space::SearchSpace;

/// Where models are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    /// The processor; each trial on one core.
    #[default]
    Cpu,
    /// The NVIDIA GPU of this number. Needs the feature `cuda`.
    Cuda(usize),
    /// The processor. Reserved for choosing a GPU where there is one.
    Auto,
}

/// Samples that are validated at once.
pub(super) const VALIDATION_BATCH: usize = 512;

/// Purposes of keys below a trial's.
const WEIGHTS: u64 = 0;
const SHUFFLE: u64 = 1;
const DROPOUT: u64 = 2;

/// Trains the models that a function describes, on a data set. Made by [`Hyperband::new`](crate::Hyperband::new).
pub struct ModelObjective<H, F, C> {
    function: F,
    pub(crate) dataset: Option<Dataset>,
    pub(crate) batch_size: usize,
    pub(crate) device: Device,
    types: PhantomData<fn(&H) -> C>,
}

impl<H, F, C> ModelObjective<H, F, C>
where
    F: Fn(&H) -> C,
    C: IntoModel,
{
    pub(crate) fn new(function: F) -> Self {
        ModelObjective { function, dataset: None, batch_size: 32, device: Device::Cpu, types: PhantomData }
    }

    /// The model of a configuration, checked by itself and against the data.
    fn describe_model(&self, hparams: &H) -> Result<Compiled, BoxError> {
        let model = (self.function)(hparams).into_model()?;
        model.check()?;
        let (_, outputs) = model.widths()?;
        self.data()?.check(&model.input, outputs, model.loss)?;
        if self.batch_size == 0 {
            return Err("the batch size is 0; it has to be at least 1".into());
        }
        Ok(model)
    }

    fn data(&self) -> Result<&Dataset, BoxError> {
        self.dataset.as_ref().ok_or_else(|| "there are no data: give the sweep a `dataset`".into())
    }
}

/// dfdx multiplies matrices with as many threads as the current rayon pool has; one trial is to have one.
fn one_thread_a_trial() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| gemm_common::gemm::set_threading_threshold(usize::MAX));
}

impl<H, F, C> Objective for ModelObjective<H, F, C>
where
    H: SearchSpace + Send + Sync + 'static,
    F: Fn(&H) -> C + Send + Sync + 'static,
    C: IntoModel + 'static,
{
    type Hparams = H;
    type Model = Model;

    fn metrics(&self, hparams: &H) -> Result<Vec<Cow<'static, str>>, BoxError> {
        let model = self.describe_model(hparams)?;
        Ok(model.loss.metrics().iter().map(|&name| Cow::Borrowed(name)).collect())
    }

    fn describe(&self) -> BTreeMap<String, String> {
        let data = self.dataset.as_ref().map(|dataset| ("the data".to_owned(), dataset.fingerprint()));
        data.into_iter().chain([("the batch size".to_owned(), self.batch_size.to_string())]).collect()
    }

    fn build(&self, hparams: &H, trial: &TrialContext) -> Result<Model, BoxError> {
        one_thread_a_trial();
        Model::new(self.describe_model(hparams)?, self.device, trial.key.child(WEIGHTS))
    }

    fn train_epoch(
        &self,
        model: &mut Model,
        epoch: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        let data = &self.data()?.training;
        let order = data.shuffled(epoch.key(SHUFFLE));
        let batch_size = model.description.batch_size.unwrap_or(self.batch_size);
        let mut tally = Tally::default();
        for (step, batch) in order.chunks(batch_size).enumerate() {
            epoch.check()?;
            model.train(data, batch, epoch.key(DROPOUT).child(step as u64), &mut tally)?;
            if !tally.loss().is_finite() {
                // the rest of the epoch would change nothing
                break;
            }
        }
        report(model, &tally, false, metrics);
        Ok(())
    }

    fn validate(
        &self,
        model: &mut Model,
        epoch: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        let data = &self.data()?.validation;
        let mut tally = Tally::default();
        for batch in data.in_order().chunks(VALIDATION_BATCH) {
            epoch.check()?;
            model.validate(data, batch, &mut tally)?;
        }
        report(model, &tally, true, metrics);
        Ok(())
    }

    fn save(&self, model: &Model) -> Result<Checkpoint, BoxError> {
        model.save()
    }

    fn load(&self, model: &mut Model, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        model.load(checkpoint)
    }

    fn memory(&self, model: &Model) -> usize {
        let slots = model.description.optimizer.slots();
        model.description.parameters().map_or(0, |parameters| 4 * parameters * (1 + slots))
    }

    fn pause(&self, model: &mut Model) {
        // memory that cannot be given back is only memory
        let _ = model.pause();
    }
}

fn report(model: &Model, tally: &Tally, validation: bool, metrics: &mut Metrics) {
    let loss = model.description.loss;
    for (name, value) in loss.names(validation).zip(tally.values(loss)) {
        metrics.report(name, value);
    }
}
