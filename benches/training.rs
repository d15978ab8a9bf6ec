//! One epoch of training, compared with the floor that gemm alone sets (see ARCHITECTURE.md).

use criterion::{Criterion, Throughput};
use hobbit::train::{Activation, Adam, Conv2d, Dataset, Loss, RmsProp, Sequential};
use hobbit::{EpochContext, Hyperband, Key, Metrics, Objective, TrialContext, TrialId, search_space};

#[search_space]
struct Hparams {
    #[choice(16, 128)]
    hidden: usize,
}

fn objective() -> impl Objective<Hparams = Hparams> {
    let mut rng = Key::new(1).rng();
    let samples = 1437 + 360;
    let x: Vec<f32> = (0..samples * 64).map(|_| rng.unit() as f32).collect();
    let y: Vec<u8> = (0..samples).map(|_| rng.below(10) as u8).collect();
    let (x_train, x_valid) = x.split_at(1437 * 64);
    let (y_train, y_valid) = y.split_at(1437);
    let dataset = Dataset::new((x_train, y_train), (x_valid, y_valid)).expect("the sizes fit");
    Hyperband::new(|hp: &Hparams| {
        Sequential::new([64])
            .dense(hp.hidden)
            .activation(Activation::Relu)
            .dropout(0.3)
            .dense(10)
            .compile(RmsProp::new(1e-3), Loss::CrossEntropy)
    })
    .dataset(dataset)
    .into_objective()
}

/// One epoch of the digits network, with validation.
pub(crate) fn epoch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("epoch of digits");
    group.sample_size(30).throughput(Throughput::Elements(1));
    let objective = objective();
    for hidden in [16, 128] {
        let trial = TrialContext::detached(TrialId::new(1, 1), Key::new(2));
        let mut model = objective.build(&Hparams { hidden }, &trial).expect("the model is sound");
        let mut metrics = Metrics::new();
        let mut number = 0;
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

/// A training step of the LeNet-like network on batches of 64, on one thread. `benches/peers/conv_step.py` is the same in PyTorch.
pub(crate) fn step(criterion: &mut Criterion) {
    const STEPS: usize = 20;
    let mut rng = Key::new(1).rng();
    let x: Vec<f32> = (0..64 * STEPS * 784).map(|_| rng.unit() as f32).collect();
    let y: Vec<u8> = (0..64 * STEPS).map(|_| rng.below(10) as u8).collect();
    let dataset = Dataset::new((&x, &y), (&x[..64 * 784], &y[..64])).expect("the sizes fit");
    let objective = Hyperband::new(|_: &Hparams| {
        Sequential::new([1, 28, 28])
            .layer(Conv2d::new(8, 3).padding(1))
            .activation(Activation::Relu)
            .max_pool(2)
            .layer(Conv2d::new(16, 3).padding(1))
            .activation(Activation::Relu)
            .max_pool(2)
            .flatten()
            .dense(64)
            .activation(Activation::Relu)
            .dense(10)
            .compile(Adam::new(1e-3), Loss::CrossEntropy)
    })
    .dataset(dataset)
    .batch_size(64)
    .into_objective();
    let trial = TrialContext::detached(TrialId::new(1, 1), Key::new(2));
    let mut model = objective.build(&Hparams { hidden: 16 }, &trial).expect("the model is sound");
    let mut group = criterion.benchmark_group("step");
    group.sample_size(10).throughput(Throughput::Elements(STEPS as u64));
    let (mut metrics, mut number) = (Metrics::new(), 0);
    group.bench_function(format!("lenet, {STEPS} steps"), |bencher| {
        bencher.iter(|| {
            let epoch = EpochContext { trial: &trial, epoch: number, stage_end: u64::MAX };
            number += 1;
            objective.train_epoch(&mut model, &epoch, &mut metrics).expect("training works");
        });
    });
    group.finish();
}
