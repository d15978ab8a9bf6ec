//! Tables with texts and missing values, all the way: into a data set, through a sweep, and out of a model
//! that was taken away.

use hobbit::prelude::*;
use hobbit::train::{Columns, CustomMetric, Measured, Missing, Parts, Split, Table, load};

use super::Hparams;

/// Pets that are heavy and dark, or neither; some fields are missing, and one colour is rare.
fn table(rows: usize) -> Table {
    let mut text = "id,weight,colour,age,species,price\n".to_owned();
    for row in 0..rows {
        let is_dog = row % 3 == 0;
        let weight = if row % 7 == 2 { String::new() } else { format!("{}", 3 + row % 5 + 20 * row % 3) };
        let weight = if is_dog && !weight.is_empty() { "30".to_owned() } else { weight };
        let colour = ["white", "black", "NA", "grey"][if is_dog { row % 4 } else { row % 3 }];
        let (species, price) = (if is_dog { "dog" } else { "cat" }, row % 9);
        text += &format!("{row},{weight},{colour},{},{species},{price}\n", row % 11);
    }
    Table::parse(&text).unwrap()
}

fn parts() -> Parts {
    table(120).split(&Split::new(0.25).test(0.15).stratified("species").seed(3)).unwrap()
}

fn columns() -> Columns {
    let columns = Columns::only(["colour", "weight", "age"]).texts(["colour"]).missing(Missing::Median);
    columns.mark_missing()
}

fn bits(model: &Model, table: &Table) -> Vec<u32> {
    model.predict_table(table).unwrap().values().iter().map(|value| value.to_bits()).collect()
}

fn classifier(width: usize) -> impl Fn(&Hparams) -> Compiled {
    move |hp| {
        let network = Sequential::new([width]).normalize().dense(6).activation(hp.activation).dense(2);
        let model = network.compile(Adam::new(hp.learning_rate), Loss::CrossEntropy);
        model.metrics([Metric::Accuracy, Metric::F1, Metric::Auc, Metric::TopK(1)])
    }
}

#[test]
fn a_model_that_was_taken_away_predicts_the_rows_of_the_table_as_they_are() {
    let (dir, parts) = (tempfile::tempdir().unwrap(), parts());
    let encoder = columns().fit(&parts.training).unwrap();
    assert_eq!(encoder.names()[..2], ["colour=black", "colour=grey"]);
    assert!(encoder.names().contains(&"weight (missing)".to_owned()), "{:?}", encoder.names());
    let data = Dataset::of_classes(&parts, "species", &encoder).unwrap().balanced().unwrap();
    let sweep = Hyperband::new(classifier(encoder.width())).dataset(data).quiet();
    let results = sweep.monitor("val_auc").repo_dir(dir.path()).run(9, 3).unwrap();
    assert_eq!(results.direction(), Direction::Maximize);
    let best = results.best();
    assert!(results.trials().iter().all(|trial| trial.score.is_none() || trial.score <= best.score));

    let (trained, loaded) = (results.best_model().unwrap(), load(dir.path()).unwrap());
    let test = &parts.test;
    assert_eq!(bits(&trained, test), bits(&loaded, test));
    assert_eq!(loaded.encoder(), Some(&encoder));
    let (before, after) =
        (trained.evaluate_table(test, "species").unwrap(), loaded.evaluate_table(test, "species").unwrap());
    for name in ["loss", "accuracy", "f1", "auc", "top1_accuracy"] {
        assert_eq!(before.get(name).unwrap().to_bits(), after.get(name).unwrap().to_bits(), "{name}");
    }
    assert_eq!(before.get("accuracy"), before.get("top1_accuracy"));
    assert!(before.get("auc").unwrap() > 0.8, "{before:?}");
    // in another order, without what is not needed, from another file
    let raw = Table::parse("age,colour,weight,z\n3,NA,,1\n1,grey,30,2\n").unwrap();
    let prepared = encoder.encode(&raw).unwrap();
    assert_eq!(loaded.predict_table(&raw).unwrap(), trained.predict(&prepared).unwrap());
    // all data once more, with the encoder
    let last = dir.path().join("last");
    results.refit(&last).unwrap();
    assert_eq!(load(last).unwrap().encoder(), Some(&encoder));
}

#[test]
fn what_the_model_cannot_take_is_said_with_its_line() {
    let (dir, parts) = (tempfile::tempdir().unwrap(), parts());
    let encoder = columns().missing_in("age", Missing::Refuse).fit(&parts.training).unwrap();
    let data = Dataset::of_classes(&parts, "species", &encoder).unwrap();
    let sweep = Hyperband::new(classifier(encoder.width())).dataset(data).quiet();
    sweep.monitor("val_f1").repo_dir(dir.path()).run(3, 3).unwrap();
    let model = load(dir.path()).unwrap();
    let message = |text: &str| model.predict_table(&Table::parse(text).unwrap()).unwrap_err().to_string();
    let says = |text: &str, parts: &[&str]| {
        let message = message(text);
        parts.iter().for_each(|part| assert!(message.contains(part), "{part:?} is not in {message}"));
    };
    says("age,colour,weight\n3,grey,1\n3,pink,1\n", &["line 3", "`pink`", "black, grey, white"]);
    says("age,colour,weight\n,grey,1\n", &["line 2", "`age`", "missing"]);
    says("age,colour,weight\n1,grey,heavy\n", &["line 2", "`heavy`", "not a number"]);
    says("age,colour\n1,grey\n", &["no column `weight`"]);
    let other = Table::parse("age,colour,weight,species\n1,grey,1,eel\n").unwrap();
    let text = model.evaluate_table(&other, "species").unwrap_err().to_string();
    assert!(text.contains("`eel`") && text.contains("cat, dog"), "{text}");
    // names and an encoder of other data
    let data = || Dataset::of_classes(&parts, "species", &encoder).unwrap();
    let run = |data: Dataset, width: usize| {
        Hyperband::new(classifier(width)).dataset(data).quiet().run(1, 3).map(drop).unwrap_err().to_string()
    };
    let names = (0..encoder.width()).map(|number| number.to_string());
    let text = run(data().feature_names(names), encoder.width());
    assert!(text.contains("feature names are not those of the encoder"), "{text}");
    let narrow = Columns::only(["age"]).fit(&parts.training).unwrap();
    let text = run(data().encoder(narrow), encoder.width());
    assert!(text.contains("makes 1 numbers of a row"), "{text}");
}

#[test]
fn numbers_are_predicted_with_r2_and_functions_of_all_samples() {
    fn largest(all: &Measured<'_>) -> f64 {
        all.rows().map(|(outputs, target)| f64::from((outputs[0] - target[0]).abs())).fold(0.0, f64::max)
    }
    let (dir, parts) = (tempfile::tempdir().unwrap(), parts());
    let encoder = columns().fit(&parts.training).unwrap();
    let data = Dataset::of_numbers(&parts, &["price"], &encoder).unwrap();
    let width = encoder.width();
    let model = move |hp: &Hparams| {
        let network = Sequential::new([width]).normalize().dense(4).activation(hp.activation).dense(1);
        let model = network.compile(Adam::new(hp.learning_rate), Loss::MeanSquaredError);
        let largest = Metric::Custom(CustomMetric::of_all("largest_error", largest));
        model.metrics([Metric::R2, largest, Metric::MeanSquaredError]).batch_size(7)
    };
    let sweep = Hyperband::new(model).dataset(data).quiet().repo_dir(dir.path());
    let results = sweep.monitor("val_r2").run(3, 3).unwrap();
    assert_eq!(results.direction(), Direction::Maximize);
    let model = results.best_model().unwrap();
    let found = model.evaluate_table(&parts.validation, "price").unwrap();
    // R² by its definition, from the mean squared error and the spread of all targets
    let y = parts.validation.numbers(&["price"]).unwrap();
    let mean = y.iter().map(|&y| f64::from(y)).sum::<f64>() / y.len() as f64;
    let spread = y.iter().map(|&y| (f64::from(y) - mean).powi(2)).sum::<f64>() / y.len() as f64;
    let expected = 1.0 - found.get("mse").unwrap() / spread;
    assert!((found.get("r2").unwrap() - expected).abs() < 1e-9, "{found:?}");
    assert!((results.best().score.unwrap() - expected).abs() < 1e-5);
    let predicted = model.predict_table(&parts.validation).unwrap();
    let errors = predicted.values().iter().zip(&y).map(|(a, b)| f64::from((a - b).abs()));
    assert_eq!(found.get("largest_error"), Some(errors.fold(0.0, f64::max)));
}

#[test]
fn folds_of_a_table_take_the_encoder_along() {
    let (dir, table) = (tempfile::tempdir().unwrap(), table(60));
    let encoder = columns().fit(&table).unwrap();
    let (classes, names) = table.classes("species").unwrap();
    let data = Dataset::k_fold(3, (encoder.encode(&table).unwrap(), classes), 0).unwrap();
    let data = data.class_names(names).encoder(encoder.clone()).balanced().unwrap();
    let sweep = Hyperband::new(classifier(encoder.width())).dataset(data).quiet().repo_dir(dir.path());
    let results = sweep.monitor("val_top1_accuracy").run(3, 3).unwrap();
    let (trained, loaded) = (results.best_model().unwrap(), load(dir.path()).unwrap());
    assert_eq!((loaded.networks(), bits(&trained, &table)), (3, bits(&loaded, &table)));
    assert_eq!(loaded.predict_table(&table).unwrap().labels().unwrap().len(), 60);
}

#[test]
fn codes_of_texts_go_through_an_embedding_and_are_taken_along() {
    let (dir, parts) = (tempfile::tempdir().unwrap(), parts());
    // every id is unknown, or missing, to the other parts
    let columns = Columns::only(["colour", "id"]).texts(["colour", "id"]).missing(Missing::Mean);
    let encoder = columns.other(2).codes().fit(&parts.training).unwrap();
    // three colours, others, missing ones; other ids, missing ones
    assert_eq!((encoder.width(), encoder.codes()), (2, 7));
    let (width, codes) = (encoder.width(), encoder.codes());
    let data = || Dataset::of_classes(&parts, "species", &encoder).unwrap();
    let model = move |codes: usize| {
        move |hp: &Hparams| {
            let network = Sequential::new([width]).embedding(codes, 3).flatten().dense(4);
            let network = network.activation(hp.activation).dense(2);
            network.compile(Adam::new(hp.learning_rate), Loss::CrossEntropy)
        }
    };
    let sweep = Hyperband::new(model(codes)).dataset(data()).quiet();
    let results = sweep.repo_dir(dir.path()).run(9, 3).unwrap();
    let (trained, loaded) = (results.best_model().unwrap(), load(dir.path()).unwrap());
    assert_eq!(
        (loaded.encoder(), loaded.feature_names()),
        (Some(&encoder), &["colour", "id"].map(str::to_owned)[..])
    );
    assert_eq!(bits(&trained, &parts.test), bits(&loaded, &parts.test));
    assert_eq!(
        trained.evaluate_table(&parts.test, "species").unwrap(),
        loaded.evaluate_table(&parts.test, "species").unwrap()
    );
    // texts of no training row
    let new = Table::parse("id,colour\nx,pink\n,mauve\n").unwrap();
    let prepared = encoder.encode(&new).unwrap();
    assert_eq!(prepared, [3.0, 5.0, 3.0, 6.0]);
    assert_eq!(loaded.predict_table(&new).unwrap(), trained.predict(&prepared).unwrap());
    // an embedding that is too small
    let sweep = Hyperband::new(model(codes - 4)).dataset(data()).quiet().run(1, 3);
    let text = sweep.map(drop).unwrap_err().to_string();
    assert!(text.contains("an embedding of 3 vectors was asked for number"), "{text}");
}
