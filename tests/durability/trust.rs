//! A study is not continued with an objective that makes something else, unless that is wanted.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use hobbit::repository::{Reader, Record};
use hobbit::{Event, Hyperband, Results};

use crate::durability::damage::copy;
use crate::errors::files;
use crate::support::Curve;
use crate::support::journal::change_journal;

fn curve(says: Option<&'static str>) -> Curve {
    Curve { says, ..Curve::default() }
}

fn study(curve: &Curve, dir: &Path) -> Hyperband<Curve> {
    Hyperband::of(curve.clone()).quiet().seed(3).workers(2).repo_dir(dir)
}

/// Runs a study, and returns what it noted too.
fn run(study: Hyperband<Curve>) -> (hobbit::Result<Results<Curve>>, Vec<String>) {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let for_observer = notes.clone();
    let observer = move |event: &Event| {
        if let Event::Note(text) = event {
            for_observer.lock().unwrap().push(text.clone());
        }
    };
    let results = study.observe(observer).run(9, 3);
    let notes = notes.lock().unwrap().clone();
    (results, notes)
}

fn trained(curve: &Curve) -> u64 {
    curve.epochs.load(Ordering::Relaxed)
}

#[test]
fn another_description_of_a_trial_is_refused_and_the_same_is_not() {
    let dir = tempfile::tempdir().unwrap();
    study(&curve(Some("a")), dir.path()).epoch_budget(12).run(9, 3).unwrap();
    let before = files(dir.path());
    let begun = Reader::open(dir.path()).unwrap().overview().unwrap().trials.len();
    for (says, expected) in [(Some("b"), ", is `b, 0."), (None, ", is none (of trial 1-1)")] {
        let other = curve(says);
        let error = study(&other, dir.path()).run(9, 3).map(drop).unwrap_err().to_string();
        let named = format!("trials 1-1, 1-2, 1-3 and {} more: curve was `a, 0.", begun - 3);
        assert!(error.contains(&named) && error.contains(expected), "{error}");
        assert!(error.contains("accept_changes") && error.contains("overwrite"), "{error}");
        assert_eq!(trained(&other), 0);
        assert!(files(dir.path()) == before, "nothing is touched");
    }
    let (results, notes) = run(study(&curve(Some("a")), dir.path()));
    assert!(results.unwrap().stopped().is_none() && notes.is_empty(), "{notes:?}");
}

#[test]
fn only_the_trials_that_have_changed_are_named() {
    let dir = tempfile::tempdir().unwrap();
    study(&curve(Some("a")), dir.path()).run(9, 3).unwrap();
    // as if trial 1-2 had been made by something else
    let is_its_begin = |text: &str| text.contains("Started(") && text.contains("trial:\"1-2\",stage:0");
    change_journal(dir.path(), |texts| {
        let text = texts.iter_mut().find(|text| is_its_begin(text)).unwrap();
        *text = text.replace("\"a, ", "\"z, ");
    });
    let error = study(&curve(Some("a")), dir.path()).run(9, 3).map(drop).unwrap_err().to_string();
    assert!(error.contains("\n  - trial 1-2: curve was `z, 0."), "{error}");
    assert_eq!(error.matches("\n  - ").count(), 1, "{error}");
}

#[test]
fn accepted_changes_are_recorded_and_are_what_counts_from_then_on() {
    let dir = tempfile::tempdir().unwrap();
    study(&curve(Some("a")), dir.path()).epoch_budget(12).run(9, 3).unwrap();
    let (results, notes) = run(study(&curve(Some("b")), dir.path()).accept_changes().epoch_budget(12));
    results.unwrap();
    assert!(notes.iter().any(|note| note.starts_with("accepted: trials 1-1, 1-2, 1-3")), "{notes:?}");
    let accepted = |dir: &Path| {
        let overview = Reader::open(dir).unwrap().overview().unwrap();
        overview.processes.into_iter().map(|process| process.accepted.len()).collect::<Vec<_>>()
    };
    assert_eq!(accepted(dir.path()), [0, 1]);
    // trials of before, of then and of now
    let error = study(&curve(Some("a")), dir.path()).run(9, 3).map(drop).unwrap_err().to_string();
    assert!(error.contains("curve was `b, 0.") && error.contains(", is `a, 0."), "{error}");
    let (results, notes) = run(study(&curve(Some("b")), dir.path()));
    assert!(results.unwrap().stopped().is_none() && notes.is_empty(), "{notes:?}");
    // where nothing has changed there is nothing to accept
    let (results, notes) = run(study(&curve(Some("b")), dir.path()).accept_changes());
    assert!(results.is_ok() && notes.is_empty(), "{notes:?}");
    assert_eq!(accepted(dir.path()), [0, 1, 0, 0]);
}

#[test]
fn settings_cannot_be_accepted() {
    let dir = tempfile::tempdir().unwrap();
    study(&curve(Some("a")), dir.path()).epoch_budget(12).run(9, 3).unwrap();
    let other = study(&curve(Some("b")), dir.path()).accept_changes().seed(4);
    let error = other.run(9, 3).map(drop).unwrap_err().to_string();
    assert!(error.contains("the seed is 4, but 3 in the repository"), "{error}");
    let other = study(&curve(Some("b")), dir.path()).accept_changes().retries(1);
    let error = other.run(9, 3).map(drop).unwrap_err().to_string();
    assert!(error.contains("retries is 1, but 0") && error.contains("not of settings"), "{error}");
    let alone = Hyperband::of(Curve::default()).quiet();
    let error = alone.accept_changes().run(9, 3).map(drop).unwrap_err().to_string();
    assert!(error.contains("accept_changes") && error.contains("repo_dir"), "{error}");
    let both = study(&Curve::default(), dir.path()).overwrite().accept_changes();
    assert!(both.run(9, 3).map(drop).unwrap_err().to_string().contains("only one of them"));
}

/// A study of before trials were described is continued with a note, and described from then on.
#[test]
fn a_study_without_descriptions_gets_them() {
    let dir = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/repository_1"), dir.path());
    let results = std::fs::read(dir.path().join("results.ron")).unwrap();
    let first = curve(Some("a"));
    let (outcome, notes) = run(study(&first, dir.path()));
    outcome.unwrap();
    assert_eq!(trained(&first), 0);
    assert!(notes.len() == 1 && notes[0].contains("an older hobbit began the study"), "{notes:?}");
    let error = study(&curve(Some("b")), dir.path()).run(9, 3).map(drop).unwrap_err().to_string();
    assert!(error.contains("trials 1-1, 1-2, 1-3 and 14 more: curve was `a, 0."), "{error}");
    let (outcome, notes) = run(study(&curve(Some("a")), dir.path()));
    assert!(outcome.is_ok() && notes.is_empty(), "{notes:?}");
    assert!(std::fs::read(dir.path().join("results.ron")).unwrap() == results);
}

#[test]
fn a_description_is_written_once_for_each_trial() {
    let dir = tempfile::tempdir().unwrap();
    study(&curve(Some("a \"quoted\"\n\\")), dir.path()).run(9, 3).unwrap();
    let mut described = 0;
    for record in Reader::open(dir.path()).unwrap().journal().unwrap() {
        if let Record::Started { stage, model, .. } = record {
            assert_eq!(model.len(), usize::from(stage == 0));
            described += model.len();
        }
    }
    assert_eq!(described, 9 + 5 + 3);
    let (outcome, notes) = run(study(&curve(Some("a \"quoted\"\n\\")), dir.path()));
    assert!(outcome.is_ok() && notes.is_empty(), "{notes:?}");
}
