//! Journals that were cut or changed: resumed correctly, or refused with the line; never a panic.

use std::path::Path;

use hobbit::{Hyperband, Status, salvage};

use crate::support::Curve;

fn run(dir: &Path) -> hobbit::Result<hobbit::Results<Curve>> {
    Hyperband::of(Curve::default()).quiet().seed(3).workers(1).repo_dir(dir).run(3, 3)
}

/// A finished repository: its results and its journal.
fn finished(dir: &Path) -> (Vec<u8>, Vec<u8>) {
    run(dir).unwrap();
    (std::fs::read(dir.join("results.ron")).unwrap(), std::fs::read(dir.join("journal.ron")).unwrap())
}

#[test]
fn a_journal_cut_anywhere_in_its_last_records_is_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let (results, journal) = finished(dir.path());
    let lines: Vec<usize> =
        journal.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1).collect();
    for cut in lines[lines.len() - 4]..=journal.len() {
        std::fs::write(dir.path().join("journal.ron"), &journal[..cut]).unwrap();
        run(dir.path()).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        assert_eq!(std::fs::read(dir.path().join("results.ron")).unwrap(), results, "cut at {cut}");
    }
}

#[test]
fn a_journal_changed_anywhere_in_a_record_is_refused_with_the_line() {
    let dir = tempfile::tempdir().unwrap();
    let (results, journal) = finished(dir.path());
    let path = dir.path().join("journal.ron");
    let lines: Vec<usize> =
        journal.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1).collect();
    for at in lines[2]..lines[3] {
        let mut damaged = journal.clone();
        damaged[at] ^= 0x10;
        std::fs::write(&path, &damaged).unwrap();
        let error = run(dir.path()).unwrap_err().to_string();
        assert!(error.contains("journal.ron:4: ") && error.contains("salvage"), "byte {at}: {error}");
        assert_eq!(std::fs::read(&path).unwrap(), damaged, "nothing is repaired silently");
    }
    // what is before the damage can be saved, and the rest is trained again
    assert_eq!(salvage(dir.path()).unwrap(), 3);
    assert!(std::fs::read(dir.path().join("journal.ron.damaged")).unwrap().len() == journal.len());
    run(dir.path()).unwrap();
    assert_eq!(std::fs::read(dir.path().join("results.ron")).unwrap(), results);
    assert!(salvage(dir.path()).unwrap() > 3, "there is nothing to salvage any more");
}

#[test]
fn a_damaged_or_missing_checkpoint_is_made_again() {
    let whole = tempfile::tempdir().unwrap();
    let study = |dir: &Path| Hyperband::of(Curve::default()).quiet().seed(3).workers(1).repo_dir(dir);
    study(whole.path()).run(9, 3).unwrap();
    let results = std::fs::read(whole.path().join("results.ron")).unwrap();
    for damage in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        study(dir.path()).epoch_budget(20).run(9, 3).unwrap();
        let weights: Vec<_> =
            std::fs::read_dir(dir.path().join("weights")).unwrap().map(|e| e.unwrap().path()).collect();
        assert!(weights.len() > 2);
        for path in weights {
            if damage {
                let mut bytes = std::fs::read(&path).unwrap();
                let last = bytes.len() - 1;
                bytes[last] ^= 1;
                std::fs::write(&path, bytes).unwrap();
            } else {
                std::fs::remove_file(&path).unwrap();
            }
        }
        study(dir.path()).run(9, 3).unwrap();
        assert_eq!(std::fs::read(dir.path().join("results.ron")).unwrap(), results);
    }
}

/// A repository written by version 0.1.0 stays readable.
#[test]
fn the_golden_repository_is_read() {
    let dir = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/repository_1"), dir.path());
    let before = std::fs::read(dir.path().join("results.ron")).unwrap();
    let curve = Curve::default();
    let results = Hyperband::of(curve.clone()).quiet().seed(3).repo_dir(dir.path()).run(9, 3).unwrap();
    assert_eq!(curve.epochs.load(std::sync::atomic::Ordering::Relaxed), 0, "nothing is trained");
    assert_eq!(std::fs::read(dir.path().join("results.ron")).unwrap(), before);
    assert_eq!(results.best().status, Status::Finished);
    results.best_model().unwrap();
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
