//! A study that goes on where numbers are added up in another order says so, and goes on all the same.

use std::path::Path;
use std::sync::{Arc, Mutex};

use hobbit::prelude::*;
use hobbit::repository::{Reader, Record};
use hobbit::testing::Fake;
use hobbit::{Event, Metrics};

use crate::support::journal::change_journal;

#[search_space]
#[derive(Clone)]
struct Rate {
    #[uniform(0.0..=1.0)]
    rate: f64,
}

/// Goes on with a study as far as the budget of epochs, on a machine that computes with this; returns what it
/// was told.
fn notes(dir: &Path, numerics: &str, epochs: u64) -> Vec<String> {
    let fake = Fake::scripted(|rate: &Rate, _, metrics: &mut Metrics| {
        metrics.report("val_loss", rate.rate);
        Ok(())
    });
    let notes = Arc::new(Mutex::new(Vec::new()));
    let for_observer = notes.clone();
    let observer = move |event: &Event| {
        if let Event::Note(text) = event {
            for_observer.lock().unwrap().push(text.clone());
        }
    };
    let study = Hyperband::of(fake.computing_with(numerics)).quiet().repo_dir(dir).observe(observer);
    study.epoch_budget(epochs).run(9, 3).unwrap();
    notes.lock().unwrap().clone()
}

#[test]
fn a_study_that_goes_on_elsewhere_says_so_once() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(notes(dir.path(), "one kind", 5), [""; 0]);
    assert_eq!(notes(dir.path(), "one kind", 5), [""; 0]);
    let told = notes(dir.path(), "another kind", 5);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("was trained with one kind until now, and continues with another kind"),
        "{told:?}"
    );
    assert_eq!(notes(dir.path(), "another kind", 5), [""; 0]);
    assert_eq!(notes(dir.path(), "one kind", 5).len(), 1);
    let written = |record: &Record| match record {
        Record::Opened { descriptions, .. } => descriptions.clone()?.numerics,
        _ => None,
    };
    let found: Vec<String> =
        Reader::open(dir.path()).unwrap().journal().unwrap().iter().filter_map(written).collect();
    assert_eq!(found, ["one kind", "one kind", "another kind", "another kind", "one kind"]);
}

#[test]
fn a_study_of_before_there_were_such_names_says_nothing() {
    let dir = tempfile::tempdir().unwrap();
    notes(dir.path(), "one kind", 5);
    change_journal(dir.path(), |texts| {
        let opened = texts.iter_mut().find(|text| text.contains("Opened(")).unwrap();
        assert!(opened.contains("numerics:Some(\"one kind\")"), "{opened}");
        *opened =
            opened.replace(",numerics:Some(\"one kind\")", "").replace("numerics:Some(\"one kind\")", "");
    });
    assert_eq!(notes(dir.path(), "another kind", 5), [""; 0]);
}
