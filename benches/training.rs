//! Training: steps, epochs, checkpoints, and whole sweeps of the digits. `benches/floor.rs` holds steps against their matrix products,
//! `benches/peers` against other tools.

use criterion::{BatchSize, Criterion, Throughput};
use hobbit::prelude::*;
use hobbit::repository::Reader;
use hobbit::train::Engine;
use hobbit::{EpochContext, Key, Member, Metrics, Objective, Plan, TrialContext, TrialId};

use crate::digits::{self, Hparams};
use crate::nets::{self, NETS, Nothing};

/// A training step, on one thread. Compared with PyTorch on one thread (`benches/peers/run.py steps`).
pub(crate) fn step(criterion: &mut Criterion) {
    const BATCHES: usize = 20;
    let mut group = criterion.benchmark_group(format!("{BATCHES} steps"));
    group.sample_size(10).throughput(Throughput::Elements(BATCHES as u64));
    for net in NETS {
        let mut train = net.training(BATCHES);
        group.bench_function(net.name, |bencher| bencher.iter(&mut train));
    }
    group.finish();
}

/// One epoch of a digits network, with validation. Compared with the jitted loop in JAX (`benches/peers/run.py sweeps`).
pub(crate) fn epoch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("epoch of digits");
    group.sample_size(30).throughput(Throughput::Elements(1));
    for hidden in [16, 128] {
        let objective = digits::study().into_objective();
        let trial = TrialContext::detached(TrialId::new(1, 1), Key::new(2));
        let hparams = Hparams { learning_rate: 1e-3, activation: Activation::Relu, dropout: 0.3, hidden };
        let mut model = objective.build(&hparams, &trial).expect("the model is sound");
        let (mut metrics, mut number) = (Metrics::new(), 0);
        group.bench_function(format!("64-{hidden}-10"), |bencher| {
            bencher.iter(|| {
                let epoch = EpochContext { trial: &trial, epoch: number, stage_end: u64::MAX };
                number += 1;
                metrics.clear();
                objective.train_epoch(&mut model, &epoch, &mut metrics).expect("training works");
                objective.validate(&mut model, &epoch, &mut metrics).expect("validation works");
            });
        });
    }
    group.finish();
}

/// An epoch of 20 batches of trials of one network that are trained together; its rate is in epochs a second.
/// On the processor, where dfdx computes then, nothing is gained. Compared with one trial.
pub(crate) fn together(criterion: &mut Criterion) {
    let (nets, sizes): (&[usize], &[u32]) = match nets::device() {
        Device::Cpu => (&[1], &[1, 4]),
        _ => (&[1, 3, 4], &[1, 4, 16, 32, 64]),
    };
    for net in nets.iter().map(|&net| NETS[net]) {
        let mut group = criterion.benchmark_group(format!("together: {}", net.name));
        group.sample_size(10);
        for &size in sizes {
            let objective = net.objective_of(20, Engine::Dfdx);
            let trial = |n| {
                let trial = TrialContext::detached(TrialId::new(1, n), Key::new(n.into()));
                let model = objective.build(&Nothing { nothing: 0 }, &trial).expect("the model is sound");
                (trial, model, Metrics::new())
            };
            let mut trials: Vec<_> = (1..=size).map(trial).collect();
            let mut number = 0;
            group.throughput(Throughput::Elements(size.into()));
            group.bench_function(format!("{size}"), |bencher| {
                bencher.iter(|| {
                    let mut members = Vec::with_capacity(trials.len());
                    for (trial, model, metrics) in &mut trials {
                        metrics.clear();
                        let epoch = EpochContext { trial, epoch: number, stage_end: u64::MAX };
                        members.push(Member::new(model, epoch, metrics));
                    }
                    objective.train_epochs(&mut members);
                    assert!(members.iter().all(|member| member.failure().is_none()));
                    number += 1;
                });
            });
        }
        group.finish();
    }
}

/// Copying a model into a checkpoint and back, and reading one from a repository. Compared with an epoch above: a stage needs one each.
pub(crate) fn checkpoint(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("checkpoint");
    let trial = TrialContext::detached(TrialId::new(1, 1), Key::new(2));
    for net in [NETS[1], NETS[3]] {
        let objective = net.objective(1);
        let mut model = objective.build(&Nothing { nothing: 0 }, &trial).expect("the model is sound");
        let saved = objective.save(&model).expect("it can be saved");
        group.bench_function(format!("save {}", net.name), |bencher| bencher.iter(|| objective.save(&model)));
        group.bench_function(format!("load {}", net.name), |bencher| {
            bencher.iter(|| objective.load(&mut model, &saved));
        });
    }
    let dir = tempfile::tempdir().expect("there is room");
    let results = digits::study().quiet().repo_dir(dir.path()).run(3, 3).expect("the sweep works");
    let (reader, best) = (Reader::open(dir.path()).expect("it was written"), results.best().id);
    group.bench_function("read from a repository", |bencher| bencher.iter(|| reader.model(best)));
    group.finish();
}

/// The digits example's sweep with 1 and 2 workers, without a repository and with one. Compared with each other: twice the workers
/// should take half the time.
pub(crate) fn sweep(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sweep of digits");
    group.sample_size(10).throughput(Throughput::Elements(423));
    for workers in [1, 2] {
        group.bench_function(format!("{workers} workers"), |bencher| {
            bencher.iter_batched(
                digits::study,
                |study| study.quiet().workers(workers).run(27, 3),
                BatchSize::PerIteration,
            );
        });
        // removed at the end: making files takes longer for some seconds after others were removed
        let (dir, mut number) = (tempfile::tempdir().expect("there is room"), 0);
        group.bench_function(format!("{workers} workers, with a repository"), |bencher| {
            bencher.iter_batched(
                || {
                    number += 1;
                    digits::study().quiet().workers(workers).repo_dir(dir.path().join(number.to_string()))
                },
                |study| study.run(27, 3),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
    // the larger network: 20 batches of 64 an epoch
    let mut group = criterion.benchmark_group("sweep of 784-128-128-10");
    group.sample_size(10).throughput(Throughput::Elements(Plan::new(27, 3).expect("allowed").total_epochs()));
    for workers in [1, 2] {
        group.bench_function(format!("{workers} workers"), |bencher| {
            bencher.iter_batched(
                || Hyperband::of(NETS[3].objective(20)),
                |study| study.quiet().workers(workers).run(27, 3),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}
