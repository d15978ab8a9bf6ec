//! The programs that newcomers write: that they are short, and do what they are for.

use std::path::Path;

use hobbit::train::{Split, Table, load};

#[expect(dead_code, reason = "it is a program with a main function")]
#[path = "../examples/table.rs"]
mod classifier;

/// The lines of a program that are neither empty nor comments.
fn code(file: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    text.lines().filter(is_code).map(str::to_owned).collect()
}

/// The lines from one that has a text to the next that begins with another.
fn part<'a>(code: &'a [String], from: &str, to: &str) -> &'a [String] {
    let first = code.iter().position(|line| line.contains(from)).unwrap();
    let last = code[first..].iter().position(|line| line.starts_with(to)).unwrap();
    &code[first..=first + last]
}

#[test]
fn programs_are_as_short_as_promised() {
    let lines = |file: &str| code(file).len();
    assert!(lines("table.rs") <= 45, "{}", lines("table.rs"));
    assert!(lines("predict_table.rs") <= 5, "{}", lines("predict_table.rs"));
    // an objective is a function
    let function = code("function.rs");
    let objective = part(&function, "Hyperband::function(", "    });");
    assert!(objective.len() > 3 && objective.len() <= 15, "{objective:#?}");
    // or a program of another language, beside a search space
    let process = code("process/main.rs");
    let space = part(&process, "#[search_space]", "}");
    assert!(space.len() > 3 && process.len() - space.len() <= 10, "{process:#?}");
    assert!(lines("process/train.py") <= 30, "{}", lines("process/train.py"));
}

#[test]
fn the_model_that_is_loaded_is_as_good_on_raw_rows() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    let accuracy = classifier::tune(dir).unwrap();
    assert!(accuracy > 0.9, "{accuracy}");
    let (model, table) =
        (load(dir).unwrap(), Table::parse(include_str!("../examples/data/wine.csv")).unwrap());
    // the whole table, with its missing values, at once and only the rows that were kept apart
    let labels = |table: &Table| -> Vec<String> {
        let predictions = model.predict_table(table).unwrap();
        predictions.labels().unwrap().into_iter().map(str::to_owned).collect()
    };
    let right = |table: &Table| {
        let (found, known) = (labels(table), table.texts("cultivar").unwrap());
        found.iter().zip(known).filter(|(found, known)| found == known).count()
    };
    let test = table.split(&Split::new(0.2).test(0.2).stratified("cultivar")).unwrap().test;
    assert_eq!(right(&test) as f64 / test.rows() as f64, accuracy);
    assert!(right(&table) > 160, "{}", right(&table));
    // an own column for what is predicted is not needed
    assert_eq!(labels(&table.without(&["cultivar"]).unwrap()), labels(&table));
}
