//! Data from generators, epochs of a few steps, folds and executions.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hobbit::prelude::*;
use hobbit::train::{IntoModel, ModelObjective, Samples};
use hobbit::{BoxError, EpochContext, Key, Metrics, Objective, TrialContext, TrialId};

use crate::support::kill::kill;
use crate::train::results_and_weights;

#[search_space]
pub(crate) struct Hparams {
    #[log_uniform(1e-3..=1e-1)]
    learning_rate: f64,
    #[uniform(0.0..=0.5)]
    dropout: f64,
}

const HP: Hparams = Hparams { learning_rate: 0.01, dropout: 0.2 };

fn conv(hp: &Hparams) -> Compiled {
    Sequential::new([1, 6, 6])
        .layer(Conv2d::new(4, 3).padding(1).without_bias())
        .batch_norm()
        .activation(Activation::Relu)
        .max_pool(2)
        .flatten()
        .dropout(hp.dropout)
        .dense(2)
        .compile(Adam::new(hp.learning_rate), Loss::CrossEntropy)
}

/// Images with a bright row or a bright column, and which.
fn stripes(key: Key) -> impl Iterator<Item = (Vec<f32>, Vec<u8>)> {
    let mut rng = key.rng();
    std::iter::repeat_with(move || {
        let (mut images, mut classes) = (Vec::new(), Vec::new());
        for _ in 0..16 {
            let (column, at) = (rng.below(2) == 1, rng.below(6) as usize);
            let bright = |i: usize| if column { i % 6 == at } else { i / 6 == at };
            images.extend((0..36).map(|i| f32::from(bright(i)) + 0.5 * rng.unit() as f32));
            classes.push(u8::from(column));
        }
        (images, classes)
    })
}

fn generated(prefetch: usize) -> Generators {
    Generators::new()
        .train_data(|start| stripes(start.key))
        .steps_per_epoch(5)
        .validation_data(|_| stripes(Key::new(9)))
        .validation_steps(4)
        .prefetch(prefetch)
}

type Function = fn(&Hparams) -> Compiled;
type Study = Hyperband<ModelObjective<Hparams, Function, Compiled>>;

/// A small convolutional network with a batch normalization, and data from generators.
pub(crate) fn study(prefetch: usize) -> Study {
    Hyperband::new(conv as Function).dataset(generated(prefetch)).monitor("val_loss").quiet()
}

#[test]
fn prefetching_workers_and_interruptions_do_not_change_a_byte() {
    let dirs: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    let results = study(0).repo_dir(dirs[0].path()).workers(1).run(9, 3).unwrap();
    assert!(results.best().score < Some(0.3), "{results}");
    study(3).repo_dir(dirs[1].path()).workers(2).run(9, 3).unwrap();
    // nothing is kept in memory, so every promoted trial starts its generator again
    study(1).repo_dir(dirs[2].path()).workers(2).memory_budget(0).run(9, 3).unwrap();
    let mut rounds = 0;
    loop {
        rounds += 1;
        let study = study(rounds % 3).workers(rounds % 2 + 1).checkpoint_every(2);
        if study.repo_dir(dirs[3].path()).epoch_budget(8).run(9, 3).unwrap().stopped().is_none() {
            break;
        }
    }
    assert!(rounds > 3);
    let first = results_and_weights(dirs[0].path());
    for dir in &dirs[1..] {
        assert!(first == results_and_weights(dir.path()));
    }
}

/// A study whose generator takes its time, so that it can be killed.
fn slow(dir: &Path, workers: usize) -> hobbit::Result<hobbit::Results<impl Objective>> {
    let wait = |batch| {
        std::thread::sleep(std::time::Duration::from_millis(1));
        batch
    };
    let data = generated(2).train_data(move |start| stripes(start.key).map(wait));
    let study = Hyperband::new(conv).dataset(data).monitor("val_loss").quiet();
    study.workers(workers).checkpoint_every(2).repo_dir(dir).run(9, 3)
}

pub(crate) fn victim(dir: &Path, workers: usize) {
    drop(slow(dir, workers).unwrap());
}

#[test]
fn a_killed_sweep_ends_with_the_same_bytes() {
    let whole = tempfile::tempdir().unwrap();
    slow(whole.path(), 1).unwrap();
    let dir = tempfile::tempdir().unwrap();
    kill("train::feeding::victim", dir.path());
    slow(dir.path(), 2).unwrap();
    assert!(results_and_weights(dir.path()) == results_and_weights(whole.path()));
}

fn trial() -> TrialContext {
    TrialContext::detached(TrialId::new(1, 1), Key::new(5))
}

fn epoch<F, C>(
    objective: &ModelObjective<Hparams, F, C>,
    model: &mut Model,
    epoch: u64,
) -> Result<Metrics, BoxError>
where
    F: Fn(&Hparams) -> C + Send + Sync + 'static,
    C: IntoModel + 'static,
{
    let trial = trial();
    let context = EpochContext { trial: &trial, epoch, stage_end: 100 };
    let mut metrics = Metrics::new();
    objective.train_epoch(model, &context, &mut metrics)?;
    objective.validate(model, &context, &mut metrics)?;
    Ok(metrics)
}

/// What the second epoch says of these data.
fn error_of(data: Generators) -> String {
    let objective = Hyperband::new(conv).dataset(data).into_objective();
    let mut model = match objective.build(&HP, &trial()) {
        Ok(model) => model,
        Err(error) => return error.to_string(),
    };
    match epoch(&objective, &mut model, 0) {
        Ok(_) => epoch(&objective, &mut model, 1).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_generators_do_wrong_is_said_with_the_step() {
    for prefetch in [0, 2] {
        let of = |data: Generators| error_of(data.prefetch(prefetch));
        let short = of(generated(0).train_data(|start| stripes(start.key).take(7)));
        assert!(short.contains("step 3 of 5 in epoch 2") && short.contains("7 batches"), "{short}");
        let failing = of(generated(0).train_data(|start| {
            let mut count = 0;
            stripes(start.key).map(move |batch| {
                count += 1;
                if count == 9 { Err("the disk is on fire") } else { Ok(batch) }
            })
        }));
        assert!(
            failing.contains("step 4 of 5 of epoch 2") && failing.contains("the disk is on fire"),
            "{failing}"
        );
        let wrong = of(generated(0).train_data(|_| std::iter::repeat((vec![0.0f32; 70], vec![0u8, 1]))));
        assert!(
            wrong.contains("step 1 of 5 of epoch 1") && wrong.contains("70") && wrong.contains("36"),
            "{wrong}"
        );
        let class = of(generated(0).validation_data(|_| [(vec![0.0f32; 36], vec![2u8])]));
        assert!(class.contains("validation") && class.contains("class 2"), "{class}");
        let none = of(generated(0).validation_data(|_| std::iter::empty::<Samples>()));
        assert!(none.contains("nothing"), "{none}");
    }
    assert!(error_of(generated(0).steps_per_epoch(0)).contains("0 steps"));
    assert!(error_of(Generators::new()).contains("train_data"));
    assert!(error_of(Generators::new().train_data(|s| stripes(s.key))).contains("validation_data"));
    let data = generated(0).validation_samples(vec![0.0f32; 35], vec![0u8]);
    assert!(error_of(data).contains("35"));
}

#[test]
fn a_generator_without_steps_is_made_anew_for_each_epoch() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let data = Generators::new()
        .train_data(move |start| {
            count.fetch_add(1, Ordering::Relaxed);
            stripes(start.key).take(3)
        })
        .validation_data(|_| stripes(Key::new(9)).take(2));
    let objective = Hyperband::new(conv).dataset(data).into_objective();
    let mut model = objective.build(&HP, &trial()).unwrap();
    for number in 0..4 {
        epoch(&objective, &mut model, number).unwrap();
    }
    assert_eq!(made.load(Ordering::Relaxed), 4);
}

/// Counts the samples of each kind by the metric of a network that repeats its input.
fn seen(dataset: Dataset, epochs: u64) -> (Vec<f64>, Vec<f64>) {
    fn value(_: &[f32], target: &[f32]) -> f64 {
        f64::from(target[0])
    }
    let model = |_: &Hparams| {
        Sequential::new([1])
            .dense(1)
            .compile(Sgd::new(0.0), Loss::MeanSquaredError)
            .metrics([Metric::Custom(hobbit::train::CustomMetric::new("value", value))])
    };
    let objective = Hyperband::new(model).dataset(dataset).batch_size(4).into_objective();
    let mut model = objective.build(&HP, &trial()).unwrap();
    let all: Vec<Metrics> =
        (0..epochs).map(|number| epoch(&objective, &mut model, number).unwrap()).collect();
    let of = |name: &str| all.iter().map(|metrics| metrics.get(name).unwrap()).collect();
    (of("value"), of("val_value"))
}

#[test]
fn short_epochs_go_round_until_all_is_seen() {
    // powers of two tell which samples a mean is of
    let x = vec![0.0f32; 12];
    let y: Vec<f32> = (0..12).map(|i| (1u32 << i) as f32).collect();
    let dataset = Dataset::new((&x, &y), (&x, &y)).unwrap().steps_per_epoch(2).validation_share(0.25);
    let (training, validation) = seen(dataset, 12);
    let sum = |means: &[f64], samples: f64| means.iter().map(|mean| mean * samples).sum::<f64>();
    // 12 samples, 8 an epoch: three epochs see everything twice
    assert_eq!(sum(&training[..3], 8.0), 2.0 * 4095.0);
    assert_eq!(sum(&training, 8.0), 8.0 * 4095.0);
    assert_eq!(sum(&validation[..4], 3.0), 4095.0);
    assert!(training[0] != training[1] && validation[0] != validation[1]);
    let whole = seen(Dataset::new((&x, &y), (&x, &y)).unwrap(), 1);
    assert_eq!(whole, (vec![4095.0 / 12.0], vec![4095.0 / 12.0]));
}

#[test]
fn folds_and_executions_are_averaged() {
    let x: Vec<f32> = (0..60).map(|i| i as f32 / 30.0 - 1.0).collect();
    let y: Vec<f32> = x.iter().map(|x| 2.0 * x).collect();
    let run = |folds: usize, executions: usize| {
        let objective = Hyperband::new(|_: &Hparams| {
            Sequential::new([1]).dense(4).dense(1).compile(Adam::new(0.03), Loss::MeanSquaredError)
        })
        .dataset(Dataset::k_fold(folds, (&x, &y), 1).unwrap())
        .executions(executions)
        .into_objective();
        let mut model = objective.build(&HP, &trial()).unwrap();
        let first = epoch(&objective, &mut model, 0).unwrap();
        let saved = objective.save(&model).unwrap();
        let second = epoch(&objective, &mut model, 1).unwrap();
        let mut resumed = objective.build(&HP, &trial()).unwrap();
        objective.load(&mut resumed, &saved).unwrap();
        assert_eq!(epoch(&objective, &mut resumed, 1).unwrap(), second);
        for number in 2..60 {
            epoch(&objective, &mut model, number).unwrap();
        }
        let error = model
            .predict(&x)
            .unwrap()
            .values()
            .iter()
            .zip(&y)
            .map(|(p, y)| (p - y).abs())
            .fold(0.0, f32::max);
        assert!(error < 0.05, "{error}");
        (first.get("val_loss").unwrap(), saved.arrays.len())
    };
    let (loss, arrays) = run(3, 1);
    assert_eq!(arrays, 3 * 3 * 4);
    let (twice, arrays) = run(3, 2);
    assert_eq!(arrays, 6 * 3 * 4);
    assert_ne!(loss, twice);
    assert!(Dataset::k_fold(1, (&x, &y), 0).is_err() && Dataset::k_fold(61, (&x, &y), 0).is_err());
}
