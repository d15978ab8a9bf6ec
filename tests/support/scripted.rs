//! An objective whose epochs are what a function says.

use std::borrow::Cow;

use hobbit::{BoxError, Checkpoint, EpochContext, Hyperband, Metrics, Objective, TrialContext, search_space};

#[derive(Debug, Clone)]
#[search_space]
pub(crate) struct Rate {
    #[uniform(0.0..=1.0)]
    pub(crate) rate: f64,
}

/// What an epoch does.
pub(crate) type Script = fn(&Rate, &EpochContext<'_>, &mut Metrics);

/// Follows a script, and reports at least the metrics of these names.
#[derive(Debug, Clone)]
pub(crate) struct Scripted {
    script: Script,
    metrics: &'static [&'static str],
}

impl Scripted {
    /// A quiet sweep over the script, with one worker.
    pub(crate) fn study(metrics: &'static [&'static str], script: Script) -> Hyperband<Scripted> {
        Hyperband::of(Scripted { script, metrics }).quiet().workers(1).monitor(metrics[0])
    }
}

impl Objective for Scripted {
    type Hparams = Rate;
    /// The configuration, and the epochs that the model has had.
    type Model = (Rate, u64);

    fn metrics(&self, _: &Rate) -> Result<Vec<Cow<'static, str>>, BoxError> {
        Ok(self.metrics.iter().map(|&name| name.into()).collect())
    }

    fn build(&self, hparams: &Rate, _: &TrialContext) -> Result<Self::Model, BoxError> {
        Ok((hparams.clone(), 0))
    }

    fn train_epoch(
        &self,
        (_, epochs): &mut Self::Model,
        epoch: &EpochContext<'_>,
        _: &mut Metrics,
    ) -> Result<(), BoxError> {
        assert_eq!(*epochs, epoch.epoch, "the context counts the epochs that the model has had");
        *epochs += 1;
        Ok(())
    }

    fn validate(
        &self,
        (hparams, _): &mut Self::Model,
        epoch: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        (self.script)(hparams, epoch, metrics);
        Ok(())
    }

    fn save(&self, (_, epochs): &Self::Model) -> Result<Checkpoint, BoxError> {
        let mut checkpoint = Checkpoint::new();
        checkpoint.insert_f64("epochs", &[], vec![*epochs as f64]);
        Ok(checkpoint)
    }

    fn load(&self, (_, epochs): &mut Self::Model, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        *epochs = checkpoint.f64("epochs", &[])?[0] as u64;
        Ok(())
    }
}
