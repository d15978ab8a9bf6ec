//! Training with dfdx: that it learns, that it is exact, and that mistakes are found before anything is trained.

mod checks;
mod engines;
pub(crate) mod feeding;
mod groups;
mod hashes;
mod loading;
mod options;
mod preludes;
mod stopping;
mod tables;
mod torch;
mod trust;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hobbit::prelude::*;
use hobbit::space::Value;
use hobbit::train::ModelObjective;
use hobbit::{Checkpoint, EpochContext, Event, Key, Metrics, Objective, TrialContext, TrialId};

#[search_space]
pub(crate) struct Hparams {
    #[log_uniform(1e-3..=1e-1)]
    learning_rate: f64,
    #[choice(
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Relu,
        Activation::Gelu,
        Activation::LeakyRelu
    )]
    activation: Activation,
    #[uniform(0.0..=0.5)]
    dropout: f64,
}

fn model(hp: &Hparams) -> Compiled {
    Sequential::new([2])
        .dense(16)
        .activation(hp.activation)
        .dropout(hp.dropout)
        .dense(2)
        .compile(Adam::new(hp.learning_rate), Loss::CrossEntropy)
}

/// Points in a square, and whether they lie in a circle.
fn circle() -> Dataset {
    let x: Vec<f32> =
        (0..256).flat_map(|i| [(i % 16) as f32 / 8.0 - 1.0, (i / 16) as f32 / 8.0 - 1.0]).collect();
    let y: Vec<bool> = x.chunks(2).map(|p| p[0] * p[0] + p[1] * p[1] < 0.5).collect();
    Dataset::new((&x, &y), (&x, &y)).unwrap()
}

type Function = fn(&Hparams) -> Compiled;

fn study() -> Hyperband<ModelObjective<Hparams, Function, Compiled>> {
    Hyperband::new(model as Function).dataset(circle()).quiet()
}

/// The objective of the study, for its suite.
pub(crate) fn circles() -> impl Objective<Hparams = Hparams> {
    study().into_objective()
}

/// The same with dfdx on the processor, whose networks can be trained together.
pub(crate) fn circles_by_dfdx() -> impl Objective<Hparams = Hparams> {
    study().engine(Engine::Dfdx).into_objective()
}

#[test]
fn it_learns() {
    let results = study().monitor("val_accuracy").run(27, 3).unwrap();
    assert!(results.best().score > Some(0.9), "{results}");
}

/// The results and the weights of a repository, by their names.
pub(crate) fn results_and_weights(dir: &std::path::Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let mut found = crate::errors::files(dir);
    found.retain(|path, _| {
        path.ends_with("results.ron") || path.extension().is_some_and(|e| e == "safetensors")
    });
    found.into_iter().map(|(path, bytes)| (path.file_name().unwrap().to_owned(), bytes)).collect()
}

#[test]
fn workers_and_interruptions_do_not_change_a_byte() {
    let dirs: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    study().repo_dir(dirs[0].path()).workers(1).run(9, 3).unwrap();
    study().repo_dir(dirs[1].path()).workers(3).memory_budget(0).run(9, 3).unwrap();
    let mut workers = 0;
    loop {
        workers = workers % 2 + 1;
        match study().repo_dir(dirs[2].path()).workers(workers).epoch_budget(7).run(9, 3) {
            Ok(results) if results.stopped().is_none() => break,
            result => drop(result.unwrap()),
        }
    }
    let first = results_and_weights(dirs[0].path());
    assert_eq!(first.len(), 2);
    assert!(first == results_and_weights(dirs[1].path()), "three workers, nothing kept in memory");
    assert!(first == results_and_weights(dirs[2].path()), "interrupted again and again");
}

#[test]
fn the_best_model_scores_what_the_table_says() {
    let dir = tempfile::tempdir().unwrap();
    let results = study().monitor("val_accuracy").repo_dir(dir.path()).run(9, 3).unwrap();
    let x: Vec<f32> =
        (0..256).flat_map(|i| [(i % 16) as f32 / 8.0 - 1.0, (i / 16) as f32 / 8.0 - 1.0]).collect();
    let y: Vec<bool> = x.chunks(2).map(|p| p[0] * p[0] + p[1] * p[1] < 0.5).collect();
    let best = results.best_model().unwrap();
    assert_eq!(best.evaluate(&x, &y).unwrap().get("accuracy"), results.best().score);
    let classes = best.predict(&x).unwrap().classes();
    let correct = classes.iter().zip(&y).filter(|&(&class, &inside)| (class == 1) == inside).count();
    assert_eq!(Some(correct as f64 / 256.0), results.best().score);
    assert!(best.predict(&x[1..]).unwrap_err().to_string().contains("511 numbers"));
    // the others' weights were not kept
    let last = results.trials().last().unwrap();
    assert!(results.model(last).err().unwrap().to_string().contains("not kept"));
}

/// Every optimizer goes on from a checkpoint as if there had been none.
#[test]
fn saving_and_loading_is_exact_for_every_optimizer() {
    let optimizers: [Optimizer; 7] = [
        Sgd::new(0.05).into(),
        Sgd::new(0.05).momentum(0.9).weight_decay(1e-3).into(),
        Sgd::new(0.05).nesterov(0.9).into(),
        Adam::new(0.01).weight_decay(1e-3).into(),
        AdamW::new(0.01, 1e-2).into(),
        RmsProp::new(0.01).into(),
        RmsProp::new(0.01).momentum(0.5).weight_decay(1e-3).into(),
    ];
    for optimizer in optimizers {
        let objective = Hyperband::new(move |hp: &Hparams| {
            Sequential::new([2])
                .dense(8)
                .activation(Activation::Relu)
                .dropout(hp.dropout)
                .dense(2)
                .compile(optimizer, Loss::CrossEntropy)
        })
        .dataset(circle())
        .into_objective();
        let hp = Hparams { learning_rate: 0.01, activation: Activation::Relu, dropout: 0.3 };
        let trial = TrialContext::detached(TrialId::new(1, 1), Key::new(5));
        let train = |model: &mut Model, epochs: std::ops::Range<u64>| {
            for epoch in epochs {
                let context = EpochContext { trial: &trial, epoch, stage_end: 4 };
                objective.train_epoch(model, &context, &mut Metrics::new()).unwrap();
            }
        };
        let mut whole = objective.build(&hp, &trial).unwrap();
        train(&mut whole, 0..2);
        let saved: Checkpoint = objective.save(&whole).unwrap();
        train(&mut whole, 2..4);
        let mut resumed = objective.build(&hp, &trial).unwrap();
        objective.load(&mut resumed, &saved).unwrap();
        assert_eq!(objective.save(&resumed).unwrap(), saved, "{optimizer:?}");
        train(&mut resumed, 2..4);
        assert_eq!(objective.save(&resumed).unwrap(), objective.save(&whole).unwrap(), "{optimizer:?}");
    }
}

/// A line is found by every loss for numbers.
#[test]
fn regression_with_every_loss() {
    for loss in [Loss::MeanSquaredError, Loss::MeanAbsoluteError, Loss::Huber(0.5)] {
        let x: Vec<f32> = (0..128).map(|i| i as f32 / 64.0 - 1.0).collect();
        let y: Vec<f32> = x.iter().map(|x| 0.5 * x - 0.25).collect();
        let objective = Hyperband::new(move |_: &Hparams| {
            Sequential::new([1]).dense(1).compile(Sgd::new(0.1).momentum(0.5), loss)
        })
        .dataset(Dataset::new((&x, &y), (&x, &y)).unwrap())
        .into_objective();
        let hp = Hparams { learning_rate: 0.01, activation: Activation::Relu, dropout: 0.3 };
        let trial = TrialContext::detached(TrialId::new(1, 1), Key::new(5));
        let mut model = objective.build(&hp, &trial).unwrap();
        let mut metrics = Metrics::new();
        for epoch in 0..60 {
            let context = EpochContext { trial: &trial, epoch, stage_end: 60 };
            metrics.clear();
            objective.train_epoch(&mut model, &context, &mut metrics).unwrap();
            objective.validate(&mut model, &context, &mut metrics).unwrap();
        }
        let names: Vec<_> = metrics.iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["loss", "mse", "mae", "val_loss", "val_mse", "val_mae"]);
        assert!(metrics.get("val_mse").unwrap() < 1e-3, "{loss:?}: {metrics:?}");
    }
}

#[test]
fn binary_classification() {
    let x: Vec<f32> = (0..128).map(|i| i as f32 / 64.0 - 1.0).collect();
    let y: Vec<bool> = x.iter().map(|&x| x > 0.1).collect();
    let results = Hyperband::new(|hp: &Hparams| {
        Sequential::new([1]).dense(1).compile(Adam::new(hp.learning_rate), Loss::BinaryCrossEntropy)
    })
    .dataset(Dataset::new((&x, &y), (&x, &y)).unwrap())
    .monitor("val_accuracy")
    .quiet()
    .run(27, 3)
    .unwrap();
    assert!(results.best().score > Some(0.95), "{results}");
}

#[test]
fn what_does_not_fit_is_found_before_training() {
    let run = |input: usize, outputs: usize, dataset: Option<Dataset>| {
        let study = Hyperband::new(move |_: &Hparams| {
            Sequential::new([input]).dense(outputs).compile(Sgd::new(0.1), Loss::CrossEntropy)
        })
        .quiet();
        let study = match dataset {
            Some(dataset) => study.dataset(dataset),
            None => study,
        };
        study.run(3, 3).unwrap_err().to_string()
    };
    let text = run(3, 2, Some(circle()));
    assert!(text.contains("[3]") && text.contains("has 2"), "{text}");
    let text = run(2, 1, Some(circle()));
    assert!(text.contains("at least 2"), "{text}");
    assert!(run(2, 2, None).contains("dataset"));
    let error = study().monitor("val_mse").run(3, 3).unwrap_err().to_string();
    assert!(error.contains("`val_mse`") && error.contains("`val_accuracy`"), "{error}");
    assert!(study().batch_size(0).run(3, 3).unwrap_err().to_string().contains("batch size"));
}

#[search_space]
struct Wide {
    #[int(8..=64)]
    width: usize,
}

#[test]
fn the_longest_trials_of_the_last_bracket_are_begun_first() {
    let (sender, started) = std::sync::mpsc::channel();
    let observe = move |event: &Event| {
        if let Event::StageStarted { trial, hparams, .. } = event
            && trial.bracket == 4
        {
            sender.send((trial.index, hparams[0].1.clone())).unwrap();
        }
    };
    let model =
        |hp: &Wide| Sequential::new([2]).dense(hp.width).dense(2).compile(Sgd::new(0.01), Loss::CrossEntropy);
    Hyperband::new(model).dataset(circle()).quiet().observe(observe).workers(1).run(27, 3).unwrap();
    let (indexes, widths): (Vec<u32>, Vec<i64>) = started
        .into_iter()
        .map(|(index, value)| match value {
            Value::Int(width) => (index, width),
            other => panic!("{other:?}"),
        })
        .unzip();
    assert_eq!(widths.len(), 4);
    assert!(widths.is_sorted_by(|a, b| a >= b), "{widths:?}");
    assert!(!indexes.is_sorted(), "they would have come in this order anyway");
}

#[test]
fn a_finished_repository_asks_for_no_more_models_than_need_be() {
    let dir = tempfile::tempdir().unwrap();
    let asked = Arc::new(AtomicU64::new(0));
    let run = || {
        let count = asked.clone();
        let model = move |hp: &Wide| {
            count.fetch_add(1, Ordering::Relaxed);
            Sequential::new([2]).dense(hp.width).dense(2).compile(Sgd::new(0.01), Loss::CrossEntropy)
        };
        Hyperband::new(model).dataset(circle()).quiet().repo_dir(dir.path()).run(3, 3).unwrap();
        asked.swap(0, Ordering::Relaxed)
    };
    assert!(run() > 5);
    // one for the monitor, and one for each of the five trials, to hold it against what the journal says of
    // it
    assert_eq!(run(), 6);
}
