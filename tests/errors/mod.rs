//! Bad input: each is an error that says what was wrong and what to do, and nothing is lost.

pub(crate) mod mistakes;

use std::path::Path;

use hobbit::{Hyperband, MaxFailures, search_space};

use crate::support::{Curve, OtherParams, flat};

fn study() -> Hyperband<Curve> {
    Hyperband::of(Curve::default()).quiet().workers(2)
}

fn message(study: Hyperband<Curve>, max_epochs: u32, eta: u32) -> String {
    study.run(max_epochs, eta).unwrap_err().to_string()
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[test]
fn settings_out_of_range() {
    says(&message(study(), 0, 3), &["R", "at least 1"]);
    says(&message(study(), 9, 1), &["eta", "is 1", "at least 2"]);
    says(&message(study().monitor("val_acc"), 9, 3), &["`val_acc`", "`val_loss`", "`val_accuracy`"]);
    says(&message(study().workers(0), 9, 3), &["workers", "at least 1"]);
    says(&message(study().iterations(0), 9, 3), &["iterations", "at least 1"]);
    says(&message(study().brackets(0), 9, 3), &["brackets", "at least 1"]);
    says(&message(study().brackets(4), 9, 3), &["brackets is 4", "R = 9 and eta = 3", "3 of them"]);
    says(&message(study().checkpoint_every(0), 9, 3), &["checkpoint_every"]);
    says(&message(study().max_failures(MaxFailures::Share(1.5)), 9, 3), &["1.5", "0 to 1"]);
    says(&message(study().extend(), 9, 3), &["extend", "repo_dir"]);
    says(&message(study().start_with_defaults(), 9, 3), &["Params", "no defaults"]);
}

#[test]
fn configurations_outside_the_space() {
    let mut hparams = <crate::support::Params as hobbit::SearchSpace>::draw(hobbit::Key::new(1)).unwrap();
    hparams.rate = 1.5;
    says(
        &message(study().enqueue(hparams), 9, 3),
        &["enqueued configuration 1", "`rate`", "1.5", "0.0 to 1.0"],
    );
}

#[test]
fn repositories_that_cannot_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    says(&message(study().repo_dir(&file), 9, 3), &["make the directory", "file"]);
    says(&message(study().repo_dir("/proc/hobbit"), 9, 3), &["/proc/hobbit"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}

/// A name that only a hand-written derive can give: found out before anything is trained, and not when all is to be written.
#[test]
fn hyperparameters_that_no_file_can_hold() {
    #[search_space]
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Named {
        #[serde(rename = "<rate>")]
        #[uniform(0.0..=1.0)]
        rate: f64,
    }
    let dir = tempfile::tempdir().unwrap();
    let error = flat::<Named>().quiet().repo_dir(dir.path()).run(9, 3).unwrap_err().to_string();
    says(&error, &["results.ron", "<rate>"]);
    assert!(!dir.path().join("study.ron").exists());
}

#[test]
fn a_repository_of_another_study_is_refused_and_says_what_differs() {
    let dir = tempfile::tempdir().unwrap();
    study().repo_dir(dir.path()).run(9, 3).unwrap();
    let before = files(dir.path());
    let other = |study: Hyperband<Curve>, r, eta| message(study.repo_dir(dir.path()), r, eta);
    says(&other(study(), 27, 3), &["R is 27, but 9", ".extend()"]);
    says(&other(study(), 9, 2), &["eta is 2, but 3"]);
    says(&other(study().seed(5), 9, 3), &["seed is 5, but 0"]);
    says(&other(study().monitor("val_accuracy"), 9, 3), &["`val_accuracy`, but `val_loss`", "direction"]);
    says(&other(study().extend(), 3, 3), &["R is 3, but 9"]);
    says(&other(study().extend(), 27, 2), &["eta is 2, but 3"]);
    says(&other(study().brackets(1), 9, 3), &["brackets is 1, but not set in the repository"]);
    says(&other(study().brackets(1).extend().iterations(2), 9, 3), &["brackets is 1, but not set"]);
    let mut other_space = flat::<OtherParams>().quiet();
    other_space = other_space.repo_dir(dir.path());
    says(
        &other_space.run(9, 3).unwrap_err().to_string(),
        &["`rate` is uniform 0.0 to 2.0, but uniform 0.0 to 1.0", "`luck` too"],
    );
    assert_eq!(files(dir.path()), before, "nothing was changed");
}

#[test]
fn a_study_of_some_brackets_is_continued_with_the_same() {
    let dir = tempfile::tempdir().unwrap();
    study().brackets(2).repo_dir(dir.path()).run(9, 3).unwrap();
    let before = files(dir.path());
    let other = |study: Hyperband<Curve>| message(study.repo_dir(dir.path()), 9, 3);
    says(&other(study()), &["brackets is not set, but 2 in the repository"]);
    says(&other(study().brackets(1)), &["brackets is 1, but 2 in the repository"]);
    says(&other(study().brackets(3).iterations(2).extend()), &["brackets is 3, but 2 in the repository"]);
    assert_eq!(files(dir.path()), before, "nothing was changed");
    study().brackets(2).repo_dir(dir.path()).run(9, 3).unwrap();
    let results = dir.path().join("results.ron");
    assert_eq!(files(dir.path())[&results], before[&results]);
}

#[test]
fn a_directory_of_other_files_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("results.ron"), "()").unwrap();
    says(&message(study().repo_dir(dir.path()), 9, 3), &["results.ron", "choose another directory"]);
}

#[test]
fn a_results_file_that_is_cut_is_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    study().repo_dir(dir.path()).run(9, 3).unwrap();
    let path = dir.path().join("results.ron");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    says(&message(study().repo_dir(dir.path()), 9, 3), &["results.ron:", "cut off", "remove the file"]);
    assert_eq!(std::fs::read(&path).unwrap().len(), whole.len() / 2);
    let reader = hobbit::repository::Reader::open(dir.path()).unwrap();
    let error = reader.results::<crate::support::Params>().unwrap_err();
    says(&error.to_string(), &["results.ron:"]);
    // and with the file gone, it is made again from the journal
    std::fs::remove_file(&path).unwrap();
    study().repo_dir(dir.path()).run(9, 3).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), whole);
    assert_eq!(reader.results::<crate::support::Params>().unwrap().trials.len(), 9 + 5 + 3);
}

#[test]
fn a_newer_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    study().repo_dir(dir.path()).run(3, 3).unwrap();
    let path = dir.path().join("study.ron");
    let text = std::fs::read_to_string(&path).unwrap().replace("format: 2", "format: 3");
    std::fs::write(&path, text).unwrap();
    says(&message(study().repo_dir(dir.path()), 3, 3), &["study.ron", "version 3", "newer hobbit"]);
}

#[test]
fn damaged_study_files_are_named_with_their_line() {
    let dir = tempfile::tempdir().unwrap();
    study().repo_dir(dir.path()).run(3, 3).unwrap();
    let path = dir.path().join("study.ron");
    let text = std::fs::read_to_string(&path).unwrap().replace("max_epochs: 3", "max_epochs: three");
    std::fs::write(&path, text).unwrap();
    says(&message(study().repo_dir(dir.path()), 3, 3), &["study.ron:5:"]);
}

/// Names and contents of everything below a directory.
pub(crate) fn files(dir: &Path) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut found = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.file_name().is_some_and(|name| name != "lock") {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}
