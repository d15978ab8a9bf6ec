//! A search space of many nested and conditional parameters, for everything that has to fit a terminal.

use std::time::Duration;

use hobbit::testing::Fake;
use hobbit::{EpochContext, Metrics, TrialContext, search_space};

#[search_space]
#[derive(Debug, Clone)]
pub(crate) struct Wide {
    #[log_uniform(1e-4..=1e-1)]
    pub(crate) learning_rate: f64,
    #[choice(16, 32, 64, 128)]
    pub(crate) batch_size: usize,
    #[length(1..=4)]
    #[int(8..=256, step = 8)]
    pub(crate) widths: Vec<usize>,
    #[optional(0.5)]
    #[uniform(0.1..=0.7)]
    pub(crate) dropout: Option<f64>,
    #[nested]
    pub(crate) optimizer: Optimizer,
    #[length(0..=3)]
    #[nested]
    pub(crate) blocks: Vec<Block>,
    #[optional(0.5)]
    #[nested]
    pub(crate) warmup: Option<Warmup>,
    #[nested]
    pub(crate) augment: Augment,
    #[choice("relu", "gelu", "a rather long name of an activation")]
    pub(crate) activation: String,
}

#[search_space]
#[derive(Debug, Clone)]
pub(crate) enum Optimizer {
    Sgd {
        #[uniform(0.0..=0.99)]
        momentum: f64,
        #[bool]
        nesterov: bool,
    },
    AdamW {
        #[log_uniform(1e-6..=1e-2)]
        decay: f64,
        #[uniform(0.8..=0.99)]
        beta: f64,
    },
    Lion,
}

#[search_space]
#[derive(Debug, Clone)]
pub(crate) struct Block {
    #[int(1..=4)]
    pub(crate) depth: usize,
    #[optional(0.5)]
    #[int(1..=9)]
    pub(crate) skip: Option<usize>,
}

#[search_space]
#[derive(Debug, Clone)]
pub(crate) struct Warmup {
    #[int(1..=9)]
    pub(crate) epochs: usize,
    #[log_uniform(1e-6..=1e-3)]
    pub(crate) start: f64,
}

#[search_space]
#[derive(Debug, Clone)]
pub(crate) struct Augment {
    #[bool]
    pub(crate) flip: bool,
    #[uniform(0.0..=0.5)]
    pub(crate) noise: f64,
    #[optional(0.3)]
    #[int(1..=4)]
    pub(crate) crop: Option<usize>,
}

/// A loss that falls from epoch to epoch; three trials in ten fail in their second one.
pub(crate) fn wide(pace: Duration) -> Fake<Wide, (f64, bool)> {
    let build = |wide: &Wide, _: &TrialContext| {
        let best = (wide.learning_rate.log10() + 2.0).abs() + wide.augment.noise;
        Ok((best, wide.augment.noise > 0.35))
    };
    let epoch = |(best, fails): &mut (f64, bool), epoch: &EpochContext<'_>, metrics: &mut Metrics| {
        if *fails && epoch.epoch == 1 {
            return Err("the loss is not a number any more".into());
        }
        metrics.report("val_loss", *best + 1.0 / (epoch.epoch as f64 + 1.0));
        metrics.report("val_accuracy", 1.0 / (1.0 + *best));
        Ok(())
    };
    Fake::new(build, epoch).pace(pace)
}
