//! Models that are taken away: what is loaded from a study's directory predicts the same bits as the sweep,
//! and what does not fit is refused.

use std::path::Path;

use dfdx::prelude::{BroadcastTo, HasShape, Tape, TryMul};
use dfdx::shapes::Axis;
use hobbit::prelude::*;
use hobbit::repository::{Reader, SavedModel};
use hobbit::train::{
    Answers, BatchNorm, CustomLayer, CustomLoss, Flat, Init, OutputKind, Outputs, Parameter, Rows,
    SampleLosses, Table, TensorDevice, custom, load, load_with,
};

#[search_space]
pub(crate) struct Hparams {
    #[log_uniform(1e-3..=1e-1)]
    learning_rate: f64,
    #[int(3..=9)]
    width: usize,
}

/// Samples of 16 numbers far from zero, of different sizes, and one number that is always the same.
pub(crate) fn samples(count: usize) -> Vec<f32> {
    let number = |i: usize| match i % 16 {
        7 => 3.5,
        column => ((i * 7919 % 101) as f32 - 30.0) * 10f32.powi(column as i32 % 5 - 2),
    };
    (0..count * 16).map(number).collect()
}

/// Which of three classes each sample is.
pub(crate) fn classes(count: usize) -> Vec<u8> {
    let x = samples(count);
    x.chunks(16).map(|row| if row[0] < -0.1 { 0 } else { 1 + u8::from(row[1] > 1.0) }).collect()
}

/// Trains a small study in a directory.
fn study<C: hobbit::train::IntoModel + 'static>(
    dir: &Path,
    model: impl Fn(&Hparams) -> C + Send + Sync + 'static,
    data: Dataset,
    executions: usize,
) -> Results<impl Objective<Hparams = Hparams, Model = Model>> {
    Hyperband::new(model).dataset(data).executions(executions).quiet().repo_dir(dir).run(3, 3).unwrap()
}

fn bits(model: &Model, x: &[f32]) -> Vec<u32> {
    model.predict(x).unwrap().values().iter().map(|value| value.to_bits()).collect()
}

/// Trains, loads and compares; returns what was loaded.
fn loads_the_same(
    model: impl Fn(&Hparams) -> Compiled + Send + Sync + 'static,
    data: Dataset,
    executions: usize,
    x: &[f32],
) -> Model {
    let dir = tempfile::tempdir().unwrap();
    let results = study(dir.path(), model, data, executions);
    let (trained, loaded) = (results.best_model().unwrap(), load(dir.path()).unwrap());
    assert_eq!(bits(&trained, x), bits(&loaded, x));
    assert_eq!(trained.predict(x).unwrap(), loaded.predict(x).unwrap());
    // the file of weights is enough
    let copy = dir.path().join("copy of the weights");
    std::fs::copy(results.best_weights().unwrap(), &copy).unwrap();
    assert_eq!(bits(&trained, x), bits(&load(copy).unwrap(), x));
    let reader = Reader::open(dir.path()).unwrap();
    let trial = results.best().id;
    assert_eq!(bits(&trained, x), bits(&reader.trained_model(trial).unwrap(), x));
    assert_eq!(trained.networks(), loaded.networks());
    loaded
}

type Function = fn(&Hparams) -> Compiled;

/// Models of every kind of layer, for classes.
const MODELS: [(&str, Function); 5] = [
    ("dense", |hp| {
        let network =
            Sequential::new([16]).dense(hp.width).activation(Activation::Gelu).dropout(0.2).dense(3);
        network.compile(Adam::new(hp.learning_rate), Loss::CrossEntropy)
    }),
    ("conv", |hp| {
        Sequential::new([1, 4, 4])
            .layer(Conv2d::new(hp.width, 3).padding(1).without_bias())
            .batch_norm()
            .activation(Activation::Relu)
            .residual(|block| {
                block.layer(Conv2d::new(hp.width, [1, 3]).padding([0, 1]).init(Init::Normal(0.1)))
            })
            .max_pool(2)
            .flatten()
            .dense(3)
            .compile(RmsProp::new(hp.learning_rate).momentum(0.5), Loss::CrossEntropy)
    }),
    ("batch norm", |hp| {
        let norm = BatchNorm::default().momentum(0.3);
        let network = Sequential::new([16]).layer(norm).dense(hp.width).layer_norm().batch_norm().dense(3);
        network.compile(Sgd::new(hp.learning_rate).nesterov(0.9), Loss::CrossEntropy)
    }),
    ("normalized", |hp| {
        let network = Sequential::new([16]).normalize().dense(hp.width).activation(Activation::Tanh).dense(3);
        network.compile(AdamW::new(hp.learning_rate, 0.01), Loss::CrossEntropy)
    }),
    ("normalized image", |hp| {
        let network = Sequential::new([4, 2, 2]).normalize().conv2d(hp.width, 2).global_avg_pool().dense(3);
        network.compile(Adam::new(hp.learning_rate), Loss::CrossEntropy)
    }),
];

#[test]
fn a_loaded_model_predicts_the_same_bits() {
    let (x, y) = (samples(60), classes(60));
    for (name, model) in MODELS {
        for (folds, executions) in [(1, 1), (3, 2)] {
            let data = match folds {
                1 => Dataset::new((&x, &y), (&x, &y)).unwrap(),
                folds => Dataset::k_fold(folds, (&x, &y), 7).unwrap(),
            };
            let loaded = loads_the_same(model, data, executions, &x);
            assert_eq!(loaded.networks(), folds * executions, "{name}");
            assert_eq!(loaded.output(), OutputKind::Classes, "{name}");
        }
    }
}

#[test]
fn embeddings_numbers_and_answers_of_yes_or_no_are_loaded_too() {
    let words: Vec<f32> = (0..80).map(|i| (i * 5 % 7) as f32).collect();
    let numbers: Vec<f32> = (0..40).map(|i| (i % 13) as f32 / 3.0).collect();
    let network = |hp: &Hparams| Sequential::new([2]).embedding(7, hp.width).flatten().dense(1);
    let huber = move |hp: &Hparams| network(hp).compile(Adam::new(hp.learning_rate), Loss::Huber(0.5));
    let data = Dataset::new((&words, &numbers), (&words, &numbers)).unwrap();
    let loaded = loads_the_same(huber, data, 1, &words);
    assert_eq!(loaded.output(), OutputKind::Numbers);
    let predictions = loaded.predict(&words).unwrap();
    assert!(predictions.labels().unwrap_err().to_string().contains("numbers"));
    assert!(predictions.class_names().is_empty() && predictions.probabilities().is_empty());

    let large: Vec<bool> = numbers.iter().map(|&number| number > 2.0).collect();
    let binary =
        move |hp: &Hparams| network(hp).compile(Adam::new(hp.learning_rate), Loss::BinaryCrossEntropy);
    let data = Dataset::new((&words, &large), (&words, &large)).unwrap().class_names(["small", "large"]);
    let loaded = loads_the_same(binary, data, 1, &words);
    let predictions = loaded.predict(&words).unwrap();
    let labels = predictions.labels().unwrap();
    for ((row, both), label) in predictions.rows().zip(predictions.probabilities()).zip(labels) {
        assert_eq!(both, [1.0 - row[0], row[0]]);
        assert_eq!(label, if row[0] > 0.5 { "large" } else { "small" });
    }
}

#[test]
fn names_are_kept_and_find_columns() {
    let (x, y) = (samples(60), classes(60));
    let columns: Vec<String> = (0..16).map(|column| format!("c{column}")).collect();
    let data = Dataset::new((&x, &y), (&x, &y)).unwrap();
    let data = data.class_names(["low", "middle", "high"]).feature_names(&columns);
    let loaded = loads_the_same(MODELS[3].1, data, 1, &x);
    assert_eq!(loaded.class_names(), ["low", "middle", "high"]);
    assert_eq!((loaded.feature_names(), loaded.sample_shape()), (columns.as_slice(), &[16][..]));
    let predictions = loaded.predict(&x).unwrap();
    let labels = predictions.labels().unwrap();
    assert!(
        predictions
            .classes()
            .iter()
            .zip(&labels)
            .all(|(&class, label)| ["low", "middle", "high"][class] == *label)
    );
    // a table with its columns the other way round, and one more
    let mut text: String = columns.iter().rev().map(|column| format!("{column},")).collect();
    text += "id\n";
    for (row, numbers) in x.chunks(16).enumerate() {
        numbers.iter().rev().for_each(|number| text += &format!("{number},"));
        text += &format!("row {row}\n");
    }
    let table = Table::parse(&text).unwrap();
    assert_eq!(loaded.predict_table(&table).unwrap(), predictions);
    let error = loaded.predict_table(&Table::parse("c1\n2\n").unwrap()).unwrap_err().to_string();
    assert!(error.contains("no column `c0`"), "{error}");
}

#[test]
fn what_data_are_called_has_to_fit_the_model() {
    let (x, y) = (samples(60), classes(60));
    let data = || Dataset::new((&x, &y), (&x, &y)).unwrap();
    let refused = |data: Dataset| {
        let study = Hyperband::new(MODELS[0].1).dataset(data).quiet();
        study.run(3, 3).unwrap_err().to_string()
    };
    assert!(refused(data().class_names(["a", "b"])).contains("3 classes"));
    assert!(refused(data().class_names(["a", "b", "a"])).contains("two class names are `a`"));
    assert!(refused(data().feature_names(["a"])).contains("samples of 16 numbers"));
}

/// A layer that is code.
#[derive(Debug)]
struct Scale;

impl CustomLayer for Scale {
    fn name(&self) -> &str {
        "scale"
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        Ok(input.to_vec())
    }

    fn parameters(&self, input: &[usize]) -> Vec<Parameter> {
        vec![Parameter::new("factors", input).init(Init::Constant(1.0))]
    }

    fn forward<D: TensorDevice, T: Tape<f32, D>>(
        &self,
        x: Rows<D, T>,
        parameters: &[Flat<D>],
    ) -> Result<Rows<D, T>, D::Err> {
        let shape = *x.shape();
        x.try_mul(parameters[0].retaped::<T>().try_broadcast_like::<_, Axis<0>>(&shape)?)
    }
}

fn squared(outputs: Outputs, targets: Answers) -> SampleLosses {
    use dfdx::tensor_ops::MeanTo;
    (outputs - targets).square().mean::<_, Axis<1>>()
}

#[test]
fn what_is_code_needs_the_model_function() {
    let (x, y) = (samples(60), classes(60));
    let model = |hp: &Hparams| {
        let block = |block: Sequential| block.dense(16).layer(custom(Scale));
        let network = Sequential::new([16]).normalize().residual(block).dense(hp.width).dense(3);
        network.compile(Adam::new(hp.learning_rate), Loss::CrossEntropy)
    };
    let dir = tempfile::tempdir().unwrap();
    let data = Dataset::k_fold(2, (&x, &y), 0).unwrap().class_names(["low", "middle", "high"]);
    let results = study(dir.path(), model, data, 1);
    let error = load(dir.path()).err().unwrap().to_string();
    assert!(error.contains("layer 2.2 (scale)") && error.contains("load_with(dir, model)"), "{error}");
    let loaded = load_with(dir.path(), model).unwrap();
    let trained = results.best_model().unwrap();
    assert_eq!((bits(&loaded, &x), loaded.networks()), (bits(&trained, &x), 2));
    assert_eq!(loaded.class_names(), ["low", "middle", "high"]);
    // another function than the one that it was trained with
    let error = load_with(dir.path(), MODELS[0].1).err().unwrap().to_string();
    assert!(error.contains("arrays"), "{error}");
    let panics = |_: &Hparams| -> Compiled { panic!("no such model") };
    assert!(load_with(dir.path(), panics).err().unwrap().to_string().contains("no such model"));
}

#[test]
fn a_loss_that_is_code_is_no_obstacle_to_predictions() {
    let x = samples(60);
    let y: Vec<f32> = x.chunks(16).map(|row| row[1]).collect();
    let model = |hp: &Hparams| {
        let network = Sequential::new([16]).normalize().dense(hp.width).dense(1);
        network.compile(Adam::new(hp.learning_rate), Loss::Custom(CustomLoss::new("squared", squared)))
    };
    let dir = tempfile::tempdir().unwrap();
    let results = study(dir.path(), model, Dataset::new((&x, &y), (&x, &y)).unwrap(), 1);
    let (trained, loaded) = (results.best_model().unwrap(), load(dir.path()).unwrap());
    assert_eq!(bits(&trained, &x), bits(&loaded, &x));
    let error = loaded.evaluate(&x, &y).unwrap_err().to_string();
    assert!(error.contains("`squared`") && error.contains("load_with"), "{error}");
    let whole = load_with(dir.path(), model).unwrap();
    assert_eq!(whole.evaluate(&x, &y).unwrap(), trained.evaluate(&x, &y).unwrap());
}

#[test]
fn what_does_not_fit_is_refused() {
    let (x, y) = (samples(60), classes(60));
    let dir = tempfile::tempdir().unwrap();
    let results = study(dir.path(), MODELS[3].1, Dataset::new((&x, &y), (&x, &y)).unwrap(), 1);
    let whole = SavedModel::read(results.best_weights().unwrap()).unwrap();
    let file = dir.path().join("changed.safetensors");
    let refused = |change: &dyn Fn(&mut SavedModel)| {
        let mut changed = whole.clone();
        change(&mut changed);
        std::fs::write(&file, changed.to_bytes().unwrap()).unwrap();
        load(&file).unwrap_err().to_string()
    };
    let array = whole.best.arrays["dense1.bias"].clone();
    let more = refused(&|saved| drop(saved.best.arrays.insert("dense9.bias".to_owned(), array.clone())));
    assert!(more.contains("arrays") && more.contains("changed.safetensors"), "{more}");
    let less = refused(&|saved| drop(saved.best.arrays.remove("dense1.bias")));
    assert!(less.contains("arrays"), "{less}");
    // a number of networks that no memory holds
    let many = "execution18446744073709551615.dense1.bias".to_owned();
    assert!(refused(&|saved| drop(saved.best.arrays.insert(many.clone(), array.clone()))).contains("arrays"));
    let other = refused(&|saved| {
        saved.best.arrays.remove("dense1.bias");
        saved.best.arrays.insert("dense9.bias".to_owned(), array.clone());
    });
    assert!(other.contains("`dense1.bias`"), "{other}");
    let describe = |from: &'static str, to: &'static str| {
        refused(&|saved| {
            let text = saved.best.metadata.get_mut("architecture").unwrap();
            assert!(text.contains(from), "{text}");
            *text = text.replace(from, to);
        })
    };
    assert!(describe("format:1", "format:2").contains("newer hobbit"));
    assert!(describe("Normalize", "Telepathy").contains("cannot be read"));
    // shapes that the weights do not have are not made room for
    assert!(describe("input:[16]", "input:[4000000000]").contains("has shape [16]"));
    let none = refused(&|saved| drop(saved.best.metadata.remove("architecture")));
    assert!(none.contains("load_with"), "{none}");

    std::fs::remove_file(results.best_weights().unwrap()).unwrap();
    let gone = load(dir.path()).err().unwrap().to_string();
    assert!(gone.contains(&results.best().id.to_string()) && gone.contains("`keep`"), "{gone}");
    assert!(load(dir.path().join("nowhere")).err().unwrap().to_string().contains("no such directory"));
}

/// The statistics of a network's normalization, in a checkpoint.
fn statistics(saved: &SavedModel, network: &str, samples: usize) -> Vec<f32> {
    let name = |of: &str| format!("{network}normalize1.{of}");
    let of = |of: &str| saved.best.f32(&name(of), &[samples]).unwrap().to_vec();
    [of("mean"), of("deviation")].concat()
}

#[test]
fn normalization_is_fitted_to_each_folds_training_part_and_stays() {
    let (x, y) = (samples(60), classes(60));
    let dir = tempfile::tempdir().unwrap();
    let folds = Dataset::k_fold(3, (&x, &y), 7).unwrap();
    let results = study(dir.path(), MODELS[3].1, folds.clone(), 1);
    let saved = SavedModel::read(results.best_weights().unwrap()).unwrap();
    let of = ["", "execution2.", "execution3."].map(|network| statistics(&saved, network, 16));
    assert!(of[0] != of[1] && of[1] != of[2] && of[0] != of[2]);
    // every sample is in the training parts of two folds of equal size, so the mean of means is that of all
    for column in 0..16 {
        let mean = x.iter().skip(column).step_by(16).sum::<f32>() / 60.0;
        let found = of.iter().map(|of| of[column]).sum::<f32>() / 3.0;
        assert!((mean - found).abs() <= 1e-5 * mean.abs().max(1.0), "{column}: {mean} and {found}");
        let is_same = column == 7;
        assert!(of.iter().all(|of| (of[16 + column] == 1.0) == is_same), "{column}");
    }
    // the same as a scaler's, but for rounding
    let whole = Dataset::new((&x, &y), (&x, &y)).unwrap();
    let one = tempfile::tempdir().unwrap();
    let results = study(one.path(), MODELS[3].1, whole, 1);
    let saved = SavedModel::read(results.best_weights().unwrap()).unwrap();
    let of = statistics(&saved, "", 16);
    let scaled = hobbit::train::Scaler::standardize(&x, 16).unwrap().apply(&x).unwrap();
    for (place, (raw, scaled)) in x.iter().zip(scaled).enumerate() {
        let found = (raw - of[place % 16]) / of[16 + place % 16];
        assert!((found - scaled).abs() < 1e-5, "{place}: {found} and {scaled}");
    }
}

#[test]
fn normalized_sweeps_are_the_same_on_any_number_of_workers() {
    let (x, y) = (samples(60), classes(60));
    let run = |workers: usize, memory: Option<u64>, epochs: u64| {
        let dir = tempfile::tempdir().unwrap();
        loop {
            let data = Dataset::k_fold(2, (&x, &y), 7).unwrap();
            let study = Hyperband::new(MODELS[3].1).dataset(data).quiet().repo_dir(dir.path());
            let study = study.workers(workers).epoch_budget(epochs);
            let study = memory.into_iter().fold(study, |study, bytes| study.memory_budget(bytes));
            if study.run(9, 3).unwrap().stopped().is_none() {
                return super::results_and_weights(dir.path());
            }
        }
    };
    let first = run(1, None, u64::MAX);
    assert!(first == run(3, Some(0), u64::MAX), "three workers, nothing kept in memory");
    assert!(first == run(2, None, 20), "interrupted again and again");
}

#[test]
fn normalization_comes_first_and_needs_data_in_memory() {
    let late = Sequential::new([16]).dense(4).normalize().dense(3);
    let error = late.compile(Adam::new(0.1), Loss::CrossEntropy).check().unwrap_err().to_string();
    assert!(error.contains("layer 2 (normalize)") && error.contains("first layer"), "{error}");
    let inside = Sequential::new([16]).residual(Sequential::normalize).dense(3);
    assert!(inside.compile(Adam::new(0.1), Loss::CrossEntropy).check().is_err());
    let (x, y) = (samples(60), classes(60));
    let (x_valid, y_valid) = (x.clone(), y.clone());
    let data = Generators::new()
        .train_data(move |_| [(x.clone(), y.clone())])
        .validation_data(move |_| [(x_valid.clone(), y_valid.clone())]);
    let error = Hyperband::new(MODELS[3].1).dataset(data).quiet().run(3, 3).unwrap_err().to_string();
    assert!(error.contains("layer 1 (normalize)") && error.contains("generator"), "{error}");
}

/// Weights of before models were described in them.
#[test]
fn weights_of_older_hobbits_need_the_model_function() {
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/repository_2");
    let error = load(old).err().unwrap().to_string();
    assert!(error.contains("load_with"), "{error}");
}

#[test]
fn a_configuration_is_fitted_without_a_search() {
    let (x, y) = (samples(60), classes(60));
    let dir = tempfile::tempdir().unwrap();
    let fit = |width| {
        let data = Dataset::new((&x, &y), (&x, &y)).unwrap();
        let study = Hyperband::new(MODELS[3].1).dataset(data).quiet().repo_dir(dir.path());
        study
            .start_with_defaults()
            .enqueue(Hparams { learning_rate: 0.1, width: 9 })
            .fit(Hparams { learning_rate: 0.01, width }, 7)
    };
    let results = fit(5).unwrap();
    assert_eq!((results.trials().len(), results.best().epochs), (1, 7));
    assert_eq!((results.best().hparams.width, results.best().hparams.learning_rate), (5, 0.01));
    assert_eq!(bits(&load(dir.path()).unwrap(), &x), bits(&results.best_model().unwrap(), &x));
    // again it is known, and another configuration is another study
    assert_eq!(fit(5).unwrap().best().score, results.best().score);
    fit(6).unwrap_err();
}

#[test]
fn the_best_configuration_is_trained_on_all_data() {
    let (x, y) = (samples(60), classes(60));
    let stops =
        |hp: &Hparams| MODELS[3].1(hp).early_stopping(hobbit::train::EarlyStopping::new("val_loss", 1));
    for folds in [1, 3] {
        let (dir, last) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let data = match folds {
            1 => Dataset::new((&x[..640], &y[..40]), (&x[640..], &y[40..])).unwrap(),
            folds => Dataset::k_fold(folds, (&x, &y), 7).unwrap(),
        };
        let data = data.class_names(["low", "middle", "high"]);
        let study = Hyperband::new(stops).dataset(data).executions(2).quiet().repo_dir(dir.path());
        let results = study.run(3, 3).unwrap();
        let model = results.refit(last.path()).unwrap();
        assert_eq!(model.networks(), 2, "one for each execution, and no folds");
        assert_eq!(model.class_names(), ["low", "middle", "high"]);
        let loaded = load(last.path()).unwrap();
        assert_eq!(bits(&loaded, &x), bits(&model, &x));
        let reader = Reader::open(last.path()).unwrap();
        let trained = reader.best::<Hparams>().unwrap().unwrap();
        assert_eq!(Some(trained.epochs), results.best().epoch, "as many epochs as the score took");
        assert_eq!(trained.epoch, results.best().epoch, "the last one counts");
        assert_eq!(trained.hparams.width, results.best().hparams.width);
        assert_eq!(reader.study().unwrap().monitor, "loss");
        // the statistics are those of all samples
        let saved = reader.best_saved().unwrap();
        let mean = saved.best.f32("normalize1.mean", &[16]).unwrap()[0];
        let all = x.iter().step_by(16).map(|&x| f64::from(x)).sum::<f64>() / 60.0;
        assert!((f64::from(mean) - all).abs() < 1e-6, "{mean} and {all}");
        // once more it is only loaded
        assert_eq!(bits(&results.refit(last.path()).unwrap(), &x), bits(&model, &x));
    }
}

#[test]
fn generated_data_are_not_put_together() {
    let (x, y) = (samples(60), classes(60));
    let (x_valid, y_valid) = (x.clone(), y.clone());
    let data = Generators::new()
        .train_data(move |_| [(x.clone(), y.clone())])
        .validation_data(move |_| [(x_valid.clone(), y_valid.clone())]);
    let results = Hyperband::new(MODELS[0].1).dataset(data).quiet().run(3, 3).unwrap();
    let dir = tempfile::tempdir().unwrap();
    assert!(results.refit(dir.path()).err().unwrap().to_string().contains("fit(..)"));
}
