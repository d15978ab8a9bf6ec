//! Drawing, planning, and running with nothing to train: what hobbit itself costs.

use std::borrow::Cow;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput};
use hobbit::schedule::{Ask, HyperbandScheduler};
use hobbit::{
    BoxError, Checkpoint, Direction, EpochContext, Hyperband, Keep, Key, Metrics, Objective, Plan,
    SearchSpace, TrialContext,
};

use crate::noop::{Hparams, Noop};

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

/// The scheduler alone, asked and told; its rate is in stage evaluations a second.
pub(crate) fn ask_and_tell(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ask and tell");
    for max_epochs in [81, 729, 6561] {
        let plan = Plan::new(max_epochs, 3).expect("the values are allowed");
        group.throughput(Throughput::Elements(plan.total_evaluations()));
        group.bench_function(format!("R={max_epochs}"), |bencher| {
            bencher.iter(|| {
                let mut scheduler = HyperbandScheduler::new(plan.clone(), 1, Direction::Minimize);
                while let Ask::Run(assignment) = scheduler.ask() {
                    let score = assignment.trial.index.wrapping_mul(2_654_435_761);
                    scheduler.tell(assignment.trial, Some(f64::from(score)));
                }
            });
        });
    }
    group.finish();
}

/// A whole sweep with nothing to train; its rate is in stage evaluations a second. The groups of other sizes are what each is compared
/// with: the cost of an evaluation should not grow with R.
pub(crate) fn noop_sweep(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("no-op sweep");
    group.sample_size(20);
    for max_epochs in [81, 729, 6561] {
        let plan = Plan::new(max_epochs, 3).expect("the values are allowed");
        group.throughput(Throughput::Elements(plan.total_evaluations()));
        group.bench_function(format!("R={max_epochs}"), |bencher| {
            // the results are taken, and dropped outside of the time
            bencher.iter_batched(
                || Hyperband::of(Noop).quiet().keep(Keep::None),
                |study| study.run(max_epochs, 3),
                BatchSize::PerIteration,
            );
        });
    }
    // the same with a journal, and without checkpoints
    let plan = Plan::new(729, 3).expect("the values are allowed");
    group.throughput(Throughput::Elements(plan.total_evaluations()));
    group.bench_function("R=729, with a repository", |bencher| {
        bencher.iter_batched(
            || tempfile::tempdir().expect("there is room"),
            |dir| {
                let study = Hyperband::of(Noop).quiet().keep(Keep::None).checkpoints(false);
                study.repo_dir(dir.path()).run(729, 3).map(|results| (results, dir))
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// Trials that take a millisecond a stage, on sixteen workers: how much longer than without any waiting it takes is contention.
pub(crate) fn many_workers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stages of 1 ms");
    let plan = Plan::new(81, 3).expect("the values are allowed");
    group.sample_size(10).throughput(Throughput::Elements(plan.total_evaluations()));
    for workers in [1, 4, 16] {
        group.bench_function(format!("{workers} workers"), |bencher| {
            bencher.iter(|| Hyperband::of(Slow).quiet().workers(workers).keep(Keep::None).run(81, 3));
        });
    }
    group.finish();
}

/// As [`Noop`], but a stage takes a millisecond.
struct Slow;

impl Objective for Slow {
    type Hparams = Hparams;
    type Model = f64;

    fn metrics(&self, hparams: &Hparams) -> Result<Vec<Cow<'static, str>>, BoxError> {
        Noop.metrics(hparams)
    }

    fn build(&self, hparams: &Hparams, trial: &TrialContext) -> Result<f64, BoxError> {
        Noop.build(hparams, trial)
    }

    fn train_epoch(&self, _: &mut f64, epoch: &EpochContext<'_>, _: &mut Metrics) -> Result<(), BoxError> {
        if epoch.epoch + 1 == epoch.stage_end {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn validate(
        &self,
        model: &mut f64,
        epoch: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        Noop.validate(model, epoch, metrics)
    }

    fn save(&self, model: &f64) -> Result<Checkpoint, BoxError> {
        Noop.save(model)
    }

    fn load(&self, model: &mut f64, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        Noop.load(model, checkpoint)
    }
}
