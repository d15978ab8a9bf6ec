//! A study is begun anew: the one before is moved away whole, and what is not hobbit's stays.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hobbit::repository::Reader;
use hobbit::{Event, Hyperband};

use crate::errors::files;
use crate::support::Curve;
use crate::support::disk::{Fault, MemoryDisk, Survives};

fn study(dir: &Path, seed: u64) -> Hyperband<Curve> {
    Hyperband::of(Curve::default()).quiet().seed(seed).workers(1).repo_dir(dir)
}

/// The files of a study, by their names below its directory, without the lock.
fn of_study(dir: &Path) -> BTreeSet<(PathBuf, Vec<u8>)> {
    let below = |(path, bytes): (PathBuf, Vec<u8>)| (path.strip_prefix(dir).unwrap().to_owned(), bytes);
    files(dir).into_iter().map(below).filter(|(path, _)| !path.ends_with("lock")).collect()
}

#[test]
fn the_old_study_is_moved_and_what_is_not_hobbits_stays() {
    let dir = tempfile::tempdir().unwrap();
    study(dir.path(), 3).run(3, 3).unwrap();
    let old = of_study(dir.path());
    let mine =
        ["notes.txt", "config.ron", "cache.tmp", "weights/pretrained.safetensors", "weights/notes.tmp"];
    for name in mine {
        std::fs::write(dir.path().join(name), name).unwrap();
    }
    let notes = Arc::new(Mutex::new(Vec::new()));
    let for_observer = notes.clone();
    let observer = move |event: &Event| {
        if let Event::Note(text) = event {
            for_observer.lock().unwrap().push(text.clone());
        }
    };
    // another study: without the setting it is refused, and nothing is touched
    assert!(study(dir.path(), 4).run(3, 3).is_err());
    study(dir.path(), 4).overwrite().observe(observer).run(3, 3).unwrap();
    let notes = notes.lock().unwrap().join("\n");
    let place = dir.path().join("old-1");
    assert!(notes.contains(&*place.to_string_lossy()) && notes.contains("the weights of a trial"), "{notes}");
    assert!(of_study(&place) == old);
    for name in mine {
        assert_eq!(std::fs::read_to_string(dir.path().join(name)).unwrap(), name);
    }
    let fresh = tempfile::tempdir().unwrap();
    study(fresh.path(), 4).run(3, 3).unwrap();
    let results = |dir: &Path| std::fs::read(dir.join("results.ron")).unwrap();
    assert!(results(dir.path()) == results(fresh.path()));
    assert_eq!(Reader::open(&place).unwrap().study().unwrap().seed, 3);
    // the old one is a study of its own, and so is what comes next
    study(&place, 3).run(3, 3).unwrap();
    std::fs::write(dir.path().join("old-2"), "mine").unwrap();
    study(dir.path(), 5).overwrite().run(3, 3).unwrap();
    assert_eq!(Reader::open(dir.path().join("old-3")).unwrap().study().unwrap().seed, 4);
    let checks = Reader::open(dir.path()).unwrap().verify().unwrap();
    assert!(checks.iter().all(|check| check.state.is_fine()), "{checks:?}");
}

#[test]
fn where_there_is_no_study_nothing_is_moved() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    study(dir.path(), 3).overwrite().run(3, 3).unwrap();
    assert!(!dir.path().join("old-1").exists());
    let error = Hyperband::of(Curve::default()).quiet().overwrite().run(3, 3).map(drop).unwrap_err();
    assert!(error.to_string().contains("repo_dir"), "{error}");
}

#[test]
fn a_damaged_study_can_be_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    study(dir.path(), 3).run(3, 3).unwrap();
    std::fs::write(dir.path().join("study.ron"), "rubbish").unwrap();
    std::fs::write(dir.path().join("journal.ron"), "rubbish\n").unwrap();
    assert!(study(dir.path(), 3).run(3, 3).is_err());
    study(dir.path(), 3).overwrite().run(3, 3).unwrap();
    assert_eq!(std::fs::read(dir.path().join("old-1/study.ron")).unwrap(), b"rubbish");
}

#[test]
fn a_study_that_is_worked_on_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let refused = Arc::new(Mutex::new(String::new()));
    let (for_observer, place) = (refused.clone(), dir.path().to_owned());
    let observer = move |event: &Event| {
        if let Event::StageEnded { .. } = event {
            let error = study(&place, 4).overwrite().run(3, 3).map(drop).unwrap_err();
            *for_observer.lock().unwrap() = error.to_string();
        }
    };
    study(dir.path(), 3).observe(observer).run(3, 3).unwrap();
    assert!(refused.lock().unwrap().contains("is in use by process"), "{refused:?}");
    assert!(!dir.path().join("old-1").exists());
}

#[test]
fn weights_without_a_study_are_not_taken_for_those_of_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    study(dir.path(), 3).run(3, 3).unwrap();
    for name in ["study.ron", "journal.ron", "results.ron"] {
        std::fs::remove_file(dir.path().join(name)).unwrap();
    }
    let error = study(dir.path(), 4).run(3, 3).map(drop).unwrap_err().to_string();
    let named = ["weights/", "no study.ron", "overwrite"];
    assert!(named.iter().all(|text| error.contains(text)), "{error}");
    study(dir.path(), 4).overwrite().run(3, 3).unwrap();
}

fn on(disk: &MemoryDisk, dir: &Path, seed: u64, overwrite: bool) -> hobbit::Result<()> {
    let study = study(dir, seed).storage(Arc::new(disk.clone()));
    let study = if overwrite { study.overwrite() } else { study };
    study.run(3, 3).map(drop)
}

/// The results and weights of the study in a directory.
fn outcome(disk: &MemoryDisk, dir: &Path) -> Vec<Option<Vec<u8>>> {
    let weights = disk.files(".safetensors");
    let weights = weights.iter().filter(|path| path.parent() == Some(&dir.join("weights")));
    std::iter::once(dir.join("results.ron")).chain(weights.cloned()).map(|path| disk.file(path)).collect()
}

#[test]
fn wherever_it_stops_there_is_the_old_study_or_the_new_one_or_none() {
    let dir = tempfile::tempdir().unwrap();
    let [old, new] = [3, 4].map(|seed| {
        let disk = MemoryDisk::default();
        on(&disk, dir.path(), seed, false).unwrap();
        outcome(&disk, dir.path())
    });
    let (mut states, mut errors) = ([0; 3], 0);
    // moving takes about twenty operations, and the new study begins behind them
    for operation in 0..40 {
        for fault in [Fault::Io, Fault::Full, Fault::CrashBefore, Fault::CrashAfter] {
            for survives in [Survives::Everything, Survives::Synced] {
                let case = format!("operation {operation}, {fault:?}, {survives:?} survives");
                let disk = MemoryDisk::default();
                on(&disk, dir.path(), 3, false).unwrap();
                let journal = disk.file(dir.path().join("journal.ron")).unwrap();
                disk.fail_at(operation, fault);
                errors += u32::from(on(&disk, dir.path(), 4, true).is_err());
                disk.restart(survives);
                // whoever continues either has all of it, or is told
                match (on(&disk, dir.path(), 3, false), on(&disk, dir.path(), 4, false)) {
                    (Ok(()), Err(_)) => {
                        // weights that were moved already would be the only loss, and they go second
                        assert!(outcome(&disk, dir.path()) == old, "{case}");
                        states[0] += 1;
                    }
                    (Err(_), Ok(())) => {
                        assert!(outcome(&disk, dir.path()) == new, "{case}");
                        states[1] += 1;
                    }
                    (Err(first), Err(second)) => {
                        for error in [first, second] {
                            let text = error.to_string();
                            assert!(text.contains("no study.ron"), "{case}: {text}");
                        }
                        states[2] += 1;
                    }
                    (Ok(()), Ok(())) => panic!("{case}: two studies"),
                }
                on(&disk, dir.path(), 4, true).unwrap_or_else(|error| panic!("{case}: {error}"));
                assert!(outcome(&disk, dir.path()) == new, "{case}");
                // the old study is whole, in one place
                let places: Vec<PathBuf> = disk
                    .files("journal.ron")
                    .into_iter()
                    .filter(|path| disk.file(path).unwrap().starts_with(&journal))
                    .collect();
                assert_eq!(places.len(), 1, "{case}: {places:?}");
                assert!(outcome(&disk, places[0].parent().unwrap()) == old, "{case}: {places:?}");
            }
        }
    }
    assert!(states.iter().all(|&count| count > 0) && errors > 100, "{states:?}, {errors} errors");
}
