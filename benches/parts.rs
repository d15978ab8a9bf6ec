//! Drawing, planning, and running with nothing to train: what hobbit itself costs.

use std::borrow::Cow;
use std::hint::black_box;

use criterion::{Criterion, Throughput};
use hobbit::{
    BoxError, Checkpoint, EpochContext, Hyperband, Keep, Key, Metrics, Objective, Plan, SearchSpace,
    TrialContext, search_space,
};

/// The digits example's space.
#[search_space]
struct Hparams {
    #[log_uniform(1e-4..=1e-1)]
    learning_rate: f64,
    #[choice(1, 2, 3)]
    activation: u8,
    #[uniform(0.0..=0.9)]
    dropout: f64,
    #[choice(16, 32, 64, 128)]
    hidden: usize,
}

/// Drawing one configuration.
pub(crate) fn draw(criterion: &mut Criterion) {
    let mut count = 0;
    criterion.bench_function("draw/digits space", |bencher| {
        bencher.iter(|| {
            count += 1;
            Hparams::draw(Key::new(black_box(count)))
        });
    });
}

/// Making a plan.
pub(crate) fn plan(criterion: &mut Criterion) {
    for max_epochs in [81, 6561] {
        criterion.bench_function(&format!("plan/R={max_epochs}"), |bencher| {
            bencher.iter(|| Plan::new(black_box(max_epochs), 3));
        });
    }
}

/// Learns nothing, at once.
struct Noop;

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

/// A whole sweep with nothing to train; its rate is in stage evaluations a second.
pub(crate) fn noop_sweep(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("no-op sweep");
    group.sample_size(20);
    for max_epochs in [81, 729, 6561] {
        let plan = Plan::new(max_epochs, 3).expect("the values are allowed");
        group.throughput(Throughput::Elements(plan.total_evaluations()));
        group.bench_function(format!("R={max_epochs}"), |bencher| {
            bencher.iter(|| Hyperband::of(Noop).quiet().keep(Keep::None).run(max_epochs, 3));
        });
    }
    group.finish();
}
