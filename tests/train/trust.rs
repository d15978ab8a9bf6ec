//! A study is not continued after any change of its model function or its data, and is after none.

use std::ops::ControlFlow;
use std::path::Path;

use hobbit::prelude::*;
use hobbit::train::{
    BatchNorm, Conv2d, CustomMetric, Data, Dense, EarlyStopping, Init, Layer, LayerNorm, ModelObjective,
};

use crate::errors::files;

#[search_space]
struct Hparams {
    #[log_uniform(1e-3..=1e-1)]
    rate: f64,
    #[uniform(0.1..=0.5)]
    dropout: f64,
}

type Function = fn(&Hparams) -> Compiled;
type Study = Hyperband<ModelObjective<Hparams, Function, Compiled>>;

fn optimizer(hp: &Hparams) -> Adam {
    Adam::new(hp.rate).weight_decay(1e-4)
}

fn network(hp: &Hparams, width: usize, bias: bool) -> Sequential {
    let dense = Dense::new(width);
    let dense = if bias { dense } else { dense.without_bias() };
    Sequential::new([2])
        .layer(dense)
        .layer(BatchNorm::default().momentum(0.2))
        .activation(Activation::Relu)
        .dropout(hp.dropout)
        .dense(2)
}

fn compiled(network: Sequential, hp: &Hparams) -> Compiled {
    network.compile(optimizer(hp), Loss::CrossEntropy)
}

fn model(hp: &Hparams) -> Compiled {
    model_of(network(hp, 8, false), hp)
}

fn model_of(network: Sequential, hp: &Hparams) -> Compiled {
    let rule = EarlyStopping::new("val_accuracy", 5);
    let model = compiled(network, hp);
    model.schedule(Schedule::cosine(9)).clip_norm(5.0).l2(1e-5).early_stopping(rule).class_weights([1.0, 2.0])
}

/// What is changed, how the change is named, and the model.
type ModelChange = (&'static str, &'static str, Function);

const NETWORK: &str = "network was `2 > dense 8 without bias > ";

/// Models that differ from [`model`] in one thing each.
const MODELS: [ModelChange; 30] = [
    ("a layer's width", "is `2 > dense 9 without bias", |hp| model_of(network(hp, 9, false), hp)),
    ("a bias", "is `2 > dense 8 > batch norm", |hp| model_of(network(hp, 8, true), hp)),
    ("a layer", NETWORK, |hp| built(hp, |network| network.dense(2))),
    ("a layer of numbers", "linear", |hp| built(hp, |network| network.activation(Activation::Linear))),
    ("the shape", "layer norm epsilon 1e-5", |hp| built(hp, |network| network.layer(LayerNorm::default()))),
    ("first weights", "dense 2 He normal`", |hp| {
        built(hp, |network| network.layer(Dense::new(2).init(Init::HeNormal)))
    }),
    ("a block", "residual (dense 2)", |hp| built(hp, |network| network.residual(|block| block.dense(2)))),
    ("a convolution", "reshape 1x1x2 > conv2d 2 of 1x1 > flatten", |hp| {
        built(hp, |network| network.reshape([1, 1, 2]).layer(Conv2d::new(2, 1)).flatten().dense(2))
    }),
    ("a layer's setting", "dropout 0", |hp| built(hp, |network| network.layer(Layer::Dropout(1e-9)))),
    ("the optimizer", "optimizer was `Adam 0.0", |hp| with(hp, Sgd::new(hp.rate), Loss::CrossEntropy)),
    ("its learning rate", "optimizer was `Adam 0.0", |hp| {
        with(hp, Adam::new(hp.rate * 1.0000001).weight_decay(1e-4), Loss::CrossEntropy)
    }),
    ("its beta", "beta2 0.99,", |hp| with(hp, optimizer(hp).betas(0.9, 0.99), Loss::CrossEntropy)),
    ("its epsilon", "epsilon 1e-7", |hp| with(hp, optimizer(hp).epsilon(1e-7), Loss::CrossEntropy)),
    ("its decay", "weight decay 0.001`", |hp| with(hp, optimizer(hp).weight_decay(1e-3), Loss::CrossEntropy)),
    ("decoupled decay", "is `AdamW 0.0", |hp| with(hp, AdamW::new(hp.rate, 1e-4), Loss::CrossEntropy)),
    ("metrics", "metrics were `accuracy`, are `accuracy, own: half`", |hp| {
        model(hp).metrics([Metric::Accuracy, Metric::Custom(CustomMetric::new("half", |_, _| 0.5))])
    }),
    ("the batch size", "batch size was `16`, is `17`", |hp| model(hp).batch_size(17)),
    ("no schedule", "schedule was `cosine over 9 epochs to 0`, is none", |hp| {
        model(hp).schedule(Schedule::constant())
    }),
    ("the schedule's length", "is `cosine over 10 epochs to 0`", |hp| {
        model(hp).schedule(Schedule::cosine(10))
    }),
    ("over a trial's life", "is `cosine over 4 epochs to 0`", |hp| {
        model(hp).schedule(Schedule::cosine_over_trial())
    }),
    ("a warm-up", "is `cosine over 9 epochs to 0, warm-up 1`", |hp| {
        model(hp).schedule(Schedule::cosine(9).warm_up(1))
    }),
    ("clipping", "clipping by norm was `5`, is `4`", |hp| model(hp).clip_norm(4.0)),
    ("clipping added", "clipping by value was none, is `1`", |hp| model(hp).clip_value(1.0)),
    ("L1", "L1 was none, is `1e-5`", |hp| model(hp).l1(1e-5)),
    ("L2", "L2 was `1e-5`, is none", |hp| model(hp).l2(0.0)),
    ("smoothing", "label smoothing was none, is `0.1`", |hp| model(hp).label_smoothing(0.1)),
    ("class weights", "class weights were `1.0 2.0`, are `1.0 3.0`", |hp| {
        model(hp).class_weights([1.0, 3.0])
    }),
    ("patience", "early stopping was `val_accuracy, 5`, is `val_accuracy, 6`", |hp| {
        model(hp).early_stopping(EarlyStopping::new("val_accuracy", 6))
    }),
    (
        "its least change",
        "early stopping was `val_accuracy, 5`, is `val_accuracy, 5, least change 0.01`",
        |hp| model(hp).early_stopping(EarlyStopping::new("val_accuracy", 5).least_change(0.01)),
    ),
    ("a callback", "callbacks were none, are `1`", |hp| {
        model(hp).on_epoch_end(|_| ControlFlow::Continue(()))
    }),
];

/// The model with something behind its network.
fn built(hp: &Hparams, add: fn(Sequential) -> Sequential) -> Compiled {
    finished(compiled(add(network(hp, 8, false)), hp))
}

fn with(hp: &Hparams, optimizer: impl Into<Optimizer>, loss: Loss) -> Compiled {
    finished(network(hp, 8, false).compile(optimizer, loss))
}

/// The same settings as those of [`model`], in another order.
fn finished(model: Compiled) -> Compiled {
    let rule = EarlyStopping::new("val_accuracy", 5);
    model
        .class_weights(vec![1.0, 2.0])
        .early_stopping(rule)
        .l2(1e-5)
        .clip_norm(5.0)
        .schedule(Schedule::cosine(9))
}

/// Samples, their targets and weights: what there is to be changed.
#[derive(Clone)]
struct Parts {
    x: Vec<f32>,
    y: Vec<u8>,
    weights: Vec<f32>,
    x_validation: Vec<f32>,
    y_validation: Vec<u8>,
}

fn parts() -> Parts {
    let x: Vec<f32> = (0..96).map(|i| (i * 37 % 96) as f32 / 48.0 - 1.0).collect();
    let y: Vec<u8> = x.chunks(2).map(|p| u8::from(p[0] > p[1])).collect();
    let weights = (0..48).map(|i| 1.0 + (i % 3) as f32).collect();
    let (x_validation, y_validation) = (x[..40].to_vec(), y[..20].to_vec());
    Parts { x, y, weights, x_validation, y_validation }
}

fn data(change: impl FnOnce(&mut Parts)) -> Dataset {
    let mut parts = parts();
    change(&mut parts);
    let Parts { x, y, weights, x_validation, y_validation } = parts;
    Dataset::new((x, y), (x_validation, y_validation)).unwrap().training_weights(weights).unwrap()
}

/// What is changed, how the change is named, and the data.
type DataChange = (&'static str, &'static str, fn() -> Data);

const TRAINING: &str = "training data was `48 x 2 ";
const VALIDATION: &str = "validation data was `20 x 2 ";

/// Data that differ in one thing each.
const DATA: [DataChange; 14] = [
    ("a number", TRAINING, || data(|parts| parts.x[17] += 1e-6).into()),
    ("a target", TRAINING, || data(|parts| parts.y[11] ^= 1).into()),
    ("a weight", TRAINING, || data(|parts| parts.weights[5] = 1.5).into()),
    ("the order", TRAINING, || {
        let swap = |parts: &mut Parts| {
            parts.x.swap(0, 2);
            parts.x.swap(1, 3);
            parts.y.swap(0, 1);
            parts.weights.swap(0, 1);
        };
        data(swap).into()
    }),
    ("a sample less", "is `47 x 2 ", || {
        let shorten = |parts: &mut Parts| {
            parts.x.truncate(94);
            parts.y.truncate(47);
            parts.weights.truncate(47);
        };
        data(shorten).into()
    }),
    ("the sign of zero", TRAINING, || {
        data(|parts| {
            let zero = parts.x.iter().position(|x| *x == 0.0).unwrap();
            parts.x[zero] = -0.0;
        })
        .into()
    }),
    ("no weights", TRAINING, || {
        let Parts { x, y, x_validation, y_validation, .. } = parts();
        Dataset::new((x, y), (x_validation, y_validation)).unwrap().into()
    }),
    ("a number for validation", VALIDATION, || data(|parts| parts.x_validation[3] = 0.25).into()),
    ("a target for validation", VALIDATION, || data(|parts| parts.y_validation[3] ^= 1).into()),
    ("weights for validation", VALIDATION, || data(|_| ()).validation_weights([1.0; 20]).unwrap().into()),
    ("steps", "steps per epoch was none, is `2`", || data(|_| ()).steps_per_epoch(2).into()),
    ("a share", "validation share was none, is `0.5`", || data(|_| ()).validation_share(0.5).into()),
    ("folds", "2 folds ", || Dataset::k_fold(2, (parts().x, parts().y), 0).unwrap().into()),
    ("a generator", "is `generated: points`", || {
        Generators::new()
            .train_data(|_| [(parts().x, parts().y)])
            .validation_samples(parts().x_validation, parts().y_validation)
            .name("points")
            .into()
    }),
];

fn study(function: Function, data: Data) -> Study {
    Hyperband::new(function).dataset(data).batch_size(16).quiet()
}

fn unchanged() -> Study {
    study(model, data(|_| ()).into())
}

fn refusal(study: Study, dir: &Path) -> String {
    study.repo_dir(dir).run(3, 3).map(drop).unwrap_err().to_string()
}

#[test]
fn every_change_is_refused_and_named_and_none_is_not() {
    let begun = tempfile::tempdir().unwrap();
    unchanged().repo_dir(begun.path()).epoch_budget(4).workers(1).run(3, 3).unwrap();
    let before = files(begun.path());
    let mut wrong = Vec::new();
    let changed =
        MODELS.iter().map(|(what, named, function)| (what, named, study(*function, data(|_| ()).into())));
    let other_data = DATA.iter().map(|(what, named, data)| (what, named, study(model, data())));
    for (what, named, study) in changed.chain(other_data) {
        let error = refusal(study, begun.path());
        let is_named =
            [named, "trials 1-1, 1-2, 1-3", "Nothing was done"].iter().all(|text| error.contains(*text));
        if !is_named || files(begun.path()) != before {
            wrong.push(format!("{what}, {named}: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // the same in other words, by more workers, is the same
    let same: Function =
        |hyperparameters| with(hyperparameters, optimizer(hyperparameters), Loss::CrossEntropy);
    let whole = tempfile::tempdir().unwrap();
    unchanged().repo_dir(whole.path()).run(3, 3).unwrap();
    let results = |dir: &Path| std::fs::read(dir.join("results.ron")).unwrap();
    study(same, data(|_| ()).into()).repo_dir(begun.path()).workers(3).run(3, 3).unwrap();
    assert!(results(begun.path()) == results(whole.path()));
}

#[test]
fn a_small_change_is_one_line() {
    let begun = tempfile::tempdir().unwrap();
    unchanged().repo_dir(begun.path()).run(3, 3).unwrap();
    let changed: Function = |hp| model(hp).early_stopping(EarlyStopping::new("val_loss", 5));
    let error = refusal(study(changed, data(|_| ()).into()), begun.path());
    let line =
        "\n  - trials 1-1, 1-2, 1-3 and 2 more: early stopping was `val_accuracy, 5`, is `val_loss, 5`\n";
    assert!(error.contains(line) && error.matches("\n  - ").count() == 1, "{error}");
}

#[test]
fn changed_data_can_be_accepted() {
    let dir = tempfile::tempdir().unwrap();
    unchanged().repo_dir(dir.path()).epoch_budget(4).workers(1).run(3, 3).unwrap();
    let changed = || study(model, data(|parts| parts.y[11] ^= 1).into());
    assert!(refusal(changed(), dir.path()).contains("the data is "));
    changed().repo_dir(dir.path()).accept_changes().epoch_budget(2).workers(1).run(3, 3).unwrap();
    assert!(refusal(unchanged(), dir.path()).contains("the data is "));
    assert!(changed().repo_dir(dir.path()).run(3, 3).unwrap().stopped().is_none());
    let overview = hobbit::repository::Reader::open(dir.path()).unwrap().overview().unwrap();
    let accepted: Vec<usize> = overview.processes.iter().map(|process| process.accepted.len()).collect();
    assert_eq!(accepted, [0, 2, 0], "the data, and those of the trials");
}

#[test]
fn a_larger_network_trains_its_trials_again() {
    let dir = tempfile::tempdir().unwrap();
    unchanged().repo_dir(dir.path()).epoch_budget(7).workers(1).run(3, 3).unwrap();
    let larger: Function = |hp| built(hp, |network| network.dense(2));
    let results = study(larger, data(|_| ()).into()).repo_dir(dir.path()).accept_changes().run(3, 3).unwrap();
    assert!(
        results.stopped().is_none() && results.trials().iter().all(|trial| trial.score.is_some()),
        "{results}"
    );
}

#[test]
fn a_model_function_that_fails_is_known_by_that() {
    let dir = tempfile::tempdir().unwrap();
    type Fails = fn(&Hparams) -> Result<Compiled, String>;
    let study = |function: Fails| {
        let study = Hyperband::new(function).dataset(data(|_| ())).batch_size(16).quiet();
        study.max_failures(hobbit::MaxFailures::Share(1.0)).repo_dir(dir.path())
    };
    let fails: Fails =
        |hp| if hp.dropout < 0.3 { Err(format!("too small: {}", hp.dropout)) } else { Ok(model(hp)) };
    let results = study(fails).run(3, 3).unwrap();
    let failed = results.trials().iter().filter(|trial| trial.score.is_none()).count();
    assert!(failed > 0 && failed < results.trials().len());
    study(fails).run(3, 3).unwrap();
    let mended: Fails = |hp| Ok(model(hp));
    let error = study(mended).run(3, 3).map(drop).unwrap_err().to_string();
    assert!(error.contains("network was `none: the model function fails`, is `2 > dense 8"), "{error}");
    // a panic is a difference too, and no crash
    let panics: Fails = |hp| if hp.dropout < 0.3 { panic!("no") } else { Ok(model(hp)) };
    let error = study(panics).run(3, 3).map(drop).unwrap_err().to_string();
    assert!(error.contains("the description was none, is `a panic`"), "{error}");
}
