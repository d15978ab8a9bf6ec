//! An objective that learns nothing, for what hobbit itself costs.

use std::borrow::Cow;

use hobbit::{BoxError, Checkpoint, EpochContext, Metrics, Objective, TrialContext, search_space};

/// The digits example's space.
#[search_space]
pub(crate) struct Hparams {
    #[log_uniform(1e-4..=1e-1)]
    learning_rate: f64,
    #[choice(1, 2, 3)]
    activation: u8,
    #[uniform(0.0..=0.9)]
    dropout: f64,
    #[choice(16, 32, 64, 128)]
    hidden: usize,
}

/// Learns nothing, at once.
pub(crate) struct Noop;

impl Objective for Noop {
    type Hparams = Hparams;
    type Model = f64;

    fn metrics(&self, _: &Hparams) -> Result<Vec<Cow<'static, str>>, BoxError> {
        Ok(vec!["val_loss".into()])
    }

    fn build(&self, hparams: &Hparams, _: &TrialContext) -> Result<f64, BoxError> {
        Ok(hparams.dropout)
    }

    fn train_epoch(&self, _: &mut f64, _: &EpochContext<'_>, _: &mut Metrics) -> Result<(), BoxError> {
        Ok(())
    }

    fn validate(&self, model: &mut f64, _: &EpochContext<'_>, metrics: &mut Metrics) -> Result<(), BoxError> {
        metrics.report("val_loss", *model);
        Ok(())
    }

    fn save(&self, model: &f64) -> Result<Checkpoint, BoxError> {
        let mut checkpoint = Checkpoint::new();
        checkpoint.insert_f64("model", &[], vec![*model]);
        Ok(checkpoint)
    }

    fn load(&self, model: &mut f64, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        *model = checkpoint.f64("model", &[])?[0];
        Ok(())
    }
}
