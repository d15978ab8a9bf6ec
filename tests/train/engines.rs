//! dfdx on the processor by choice: it trains what hobbit's own passes train, a study knows which of the
//! two it was, and what is taken away predicts with it.

use std::path::Path;

use hobbit::prelude::*;
use hobbit::repository::Reader;
use hobbit::train::{BatchNorm, Conv2d, Layer, ModelObjective, Pool2d, load};

use super::results_and_weights;
use crate::errors::files;

#[search_space]
struct Hparams {
    #[log_uniform(1e-3..=1e-2)]
    learning_rate: f64,
    #[int(4..=8)]
    width: usize,
}

/// A network with a layer of nearly every kind, for images of 1 x 6 x 6.
fn model(hp: &Hparams) -> Compiled {
    Sequential::new([1, 6, 6])
        .normalize()
        .layer(Conv2d::new(hp.width, 3).padding(1))
        .layer(BatchNorm::default())
        .activation(Activation::Relu)
        .residual(|b| b.layer(Conv2d::new(hp.width, 3).padding(1)).activation(Activation::Tanh))
        .layer(Layer::MaxPool2d(Pool2d::new(2)))
        .flatten()
        .dropout(0.2)
        .dense(hp.width)
        .layer_norm()
        .activation(Activation::Gelu)
        .dense(3)
        .compile(Adam::new(hp.learning_rate), Loss::CrossEntropy)
}

fn images(count: usize) -> Vec<f32> {
    (0..count * 36).map(|i| (i * 7919 % 1013) as f32 / 100.0).collect()
}

fn data() -> Dataset {
    let x = images(96);
    let y: Vec<u8> = x.chunks(36).map(|image| (image[0] / 3.5) as u8).collect();
    Dataset::new((&x, &y), (&x, &y)).unwrap()
}

type Function = fn(&Hparams) -> Compiled;

fn study(engine: Engine) -> Hyperband<ModelObjective<Hparams, Function, Compiled>> {
    Hyperband::new(model as Function).dataset(data()).engine(engine).quiet()
}

/// What a study's files say of its engine.
fn says_dfdx(dir: &Path) -> bool {
    std::fs::read_to_string(dir.join("study.ron")).unwrap().contains("dfdx")
}

fn of_first_epoch<H>(trial: &hobbit::Trial<H>, name: &str) -> f64 {
    trial.stages[0].history.column(name).unwrap().next().unwrap()
}

#[test]
fn both_train_to_close_losses() {
    let losses = |engine: Engine| -> Vec<(f64, f64)> {
        let results = study(engine).run(9, 3).unwrap();
        let mut trials: Vec<_> = results.trials().iter().collect();
        trials.sort_by_key(|trial| trial.id);
        // after the first epoch: later ones are further apart, and other trials may be promoted
        trials
            .iter()
            .map(|trial| (of_first_epoch(trial, "loss"), of_first_epoch(trial, "val_loss")))
            .collect()
    };
    let (native, dfdx) = (losses(Engine::Native), losses(Engine::Dfdx));
    assert!(native.len() > 15 && native.len() == dfdx.len());
    for (trial, (a, b)) in native.iter().zip(&dfdx).enumerate() {
        let near = |a: f64, b: f64| (a - b).abs() < 0.01 * a.abs().max(1.0);
        assert!(near(a.0, b.0) && near(a.1, b.1), "trial {trial}: {a:?} and {b:?}");
    }
    assert!(native != dfdx, "the same engine trained both");
}

#[test]
fn neither_depends_on_the_number_of_workers() {
    for engine in [Engine::Native, Engine::Dfdx] {
        let (one, three) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        study(engine).repo_dir(one.path()).workers(1).run(3, 3).unwrap();
        study(engine).repo_dir(three.path()).workers(3).memory_budget(0).run(3, 3).unwrap();
        assert!(results_and_weights(one.path()) == results_and_weights(three.path()), "{engine}");
    }
}

#[test]
fn a_study_is_continued_by_its_own_engine() {
    for (begun, other) in [(Engine::Native, Engine::Dfdx), (Engine::Dfdx, Engine::Native)] {
        let dir = tempfile::tempdir().unwrap();
        study(begun).repo_dir(dir.path()).epoch_budget(3).run(3, 3).unwrap();
        assert_eq!(says_dfdx(dir.path()), begun == Engine::Dfdx);
        let before = files(dir.path());
        let error = study(other).repo_dir(dir.path()).run(3, 3).map(drop).unwrap_err().to_string();
        assert!(error.contains("the engine") && error.contains("dfdx"), "{error}");
        assert!(error.contains("accept_changes"), "{error}");
        assert!(files(dir.path()) == before, "nothing is touched");
        assert!(study(begun).repo_dir(dir.path()).run(3, 3).unwrap().stopped().is_none());
    }
    // the arrays are the same, so it can be continued all the same
    let dir = tempfile::tempdir().unwrap();
    study(Engine::Native).repo_dir(dir.path()).epoch_budget(3).run(3, 3).unwrap();
    let continued = study(Engine::Dfdx).repo_dir(dir.path()).accept_changes().run(3, 3).unwrap();
    assert!(continued.stopped().is_none());
}

#[test]
fn what_is_loaded_predicts_the_same_bits_as_the_sweep() {
    let bits = |model: &Model| -> Vec<u32> {
        model.predict(&images(20)).unwrap().values().iter().map(|value| value.to_bits()).collect()
    };
    for engine in [Engine::Native, Engine::Dfdx] {
        let dir = tempfile::tempdir().unwrap();
        let results = study(engine).repo_dir(dir.path()).run(3, 3).unwrap();
        let (of_sweep, loaded) = (results.best_model().unwrap(), load(dir.path()).unwrap());
        assert_eq!(bits(&of_sweep), bits(&loaded), "{engine}");
        let with = hobbit::train::load_with(dir.path(), model).unwrap();
        assert_eq!(bits(&of_sweep), bits(&with), "{engine}");
        // where there is no engine named, it is hobbit's own, as in all files of before there was a choice
        let best = Reader::open(dir.path()).unwrap().model_path(results.best().id);
        let text = String::from_utf8_lossy(&std::fs::read(best).unwrap()).into_owned();
        assert_eq!(text.contains("engine"), engine == Engine::Dfdx);
    }
}
