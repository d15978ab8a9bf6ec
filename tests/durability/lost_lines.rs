//! Journals of hobbit 0.1 that lost whole lines, as by an editor, a log rotation or a copy of some of it:
//! each line that is left is right, and the sweep ends with the same results and the same weights. In those
//! of today such lines are refused: see `chain`.

use std::path::Path;
use std::sync::{Arc, Mutex};

use hobbit::repository::{Check, FileState, Reader};
use hobbit::{Event, Hyperband, Keep, Key, KeyRng, StopReason};

use crate::support::Curve;
use crate::support::disk::MemoryDisk;
use crate::support::journal::{make_older, older, older_study, texts};

fn study(disk: &MemoryDisk, dir: &Path, keep: Keep) -> Hyperband<Curve> {
    let study = Hyperband::of(Curve::default()).quiet().seed(3).workers(2).keep(keep);
    study.storage(Arc::new(disk.clone())).repo_dir(dir)
}

/// All files, so that a disk can be made of them again.
fn files(disk: &MemoryDisk) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let files = disk.files("").into_iter();
    files.map(|path| (path.clone(), disk.file(&path).unwrap())).collect()
}

fn below(rng: &mut KeyRng, end: usize) -> usize {
    rng.below(end as u64) as usize
}

/// Takes lines away, doubles them or lets them change places.
fn mutilate(journal: &str, rng: &mut KeyRng) -> String {
    let mut lines: Vec<&str> = journal.lines().collect();
    for _ in 0..=rng.below(2) {
        let (count, at) = (lines.len(), below(rng, lines.len()));
        match rng.below(7) {
            0 => drop(lines.remove(at)),
            1 => lines.retain(|_| rng.below(8) > 0),
            2 => lines.retain(|_| rng.below(2) > 0),
            3 => drop(lines.drain(at..count.min(at + 1 + below(rng, 20)))),
            4 => drop(lines.drain(..at)),
            5 => lines.insert(below(rng, count), lines[at]),
            _ => lines.swap(at, below(rng, count)),
        }
        if lines.is_empty() {
            break;
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn lines_taken_out_in_200_ways_change_no_result_and_no_weights() {
    let dir = tempfile::tempdir().unwrap();
    let mut stages_again = 0;
    for (round, keep) in [(0, Keep::Best(1)), (1, Keep::All)] {
        let whole = MemoryDisk::default();
        study(&whole, dir.path(), keep).run(9, 3).unwrap();
        let expected: Vec<_> =
            files(&whole).into_iter().filter(|(path, _)| !path.ends_with("journal.ron")).collect();
        // one that is finished, and one that was stopped on its way, with checkpoints of many trials
        let stopped = MemoryDisk::default();
        let half = study(&stopped, dir.path(), keep).epoch_budget(35).run(9, 3).unwrap();
        assert_eq!(half.stopped(), Some(&StopReason::EpochBudget));
        for seed in 0..50 {
            for (which, start) in [&whole, &stopped].into_iter().enumerate() {
                let mut rng = Key::new(seed).child(round).child(which as u64).rng();
                let disk = MemoryDisk::default();
                files(start).iter().for_each(|(path, bytes)| disk.put(path, Some(bytes)));
                let path = dir.path().join("journal.ron");
                let journal = older(texts(&String::from_utf8(disk.file(&path).unwrap()).unwrap()));
                disk.put(&path, Some(mutilate(&journal, &mut rng).as_bytes()));
                let path = dir.path().join("study.ron");
                let study = String::from_utf8(disk.file(&path).unwrap()).unwrap();
                disk.put(&path, Some(older_study(&study).as_bytes()));
                let curve = Curve::default();
                let again = Hyperband::of(curve.clone()).quiet().seed(3).workers(2).keep(keep);
                let again = again.storage(Arc::new(disk.clone())).repo_dir(dir.path()).run(9, 3);
                let case = format!("seed {seed}, {keep:?}, of a finished study: {}", which == 0);
                let results = again.unwrap_or_else(|error| panic!("{case}: {error}"));
                results.best_model().unwrap_or_else(|error| panic!("{case}: {error}"));
                let found: Vec<_> =
                    files(&disk).into_iter().filter(|(path, _)| !path.ends_with("journal.ron")).collect();
                let names = |files: &[(std::path::PathBuf, Vec<u8>)]| {
                    files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>()
                };
                assert_eq!(names(&found), names(&expected), "{case}");
                assert!(found == expected, "{case}");
                stages_again += curve.epochs.load(std::sync::atomic::Ordering::Relaxed);
            }
        }
    }
    assert!(stages_again > 1000, "something had to be trained again");
}

fn on_disk(dir: &Path) -> Hyperband<Curve> {
    Hyperband::of(Curve::default()).quiet().seed(3).workers(1).repo_dir(dir)
}

fn check(dir: &Path, file: &str) -> Check {
    let checks = Reader::open(dir).unwrap().verify().unwrap();
    checks.into_iter().find(|check| check.file == file).unwrap()
}

#[test]
fn lost_lines_are_seen_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let best = on_disk(dir.path()).run(9, 3).unwrap().best().id;
    let path = dir.path().join("journal.ron");
    make_older(dir.path(), str::to_owned);
    let journal = std::fs::read_to_string(&path).unwrap();
    let study = std::fs::read_to_string(dir.path().join("study.ron")).unwrap();
    assert_eq!(check(dir.path(), "journal.ron").state, FileState::Whole);
    let weights = format!("weights/{best}.safetensors");
    assert_eq!(check(dir.path(), &weights).state, FileState::Whole);
    let stage = |line: &str, number: u32| {
        line.contains("Stage((time") && line.contains(&format!("trial:\"{best}\",stage:{number},"))
    };
    let last = (0..3).rev().find(|&number| journal.lines().any(|line| stage(line, number))).unwrap();
    // a stage of the best trial, the last of them, everything, and everything but the end
    let without = |number| {
        journal.lines().filter(|line| !stage(line, number)).map(|line| format!("{line}\n")).collect()
    };
    let end = journal.lines().last().unwrap().to_owned() + "\n";
    let cases: [(String, bool); 4] =
        [(without(0), last > 0), (without(last), true), (String::new(), true), (end, true)];
    for (case, (text, is_seen)) in cases.into_iter().enumerate() {
        std::fs::write(&path, text).unwrap();
        std::fs::write(dir.path().join("study.ron"), &study).unwrap();
        let found = check(dir.path(), "journal.ron");
        assert!(
            !is_seen || found.state == FileState::Damaged && found.text.contains("lost lines"),
            "{case}: {found:?}"
        );
        let notes = Arc::new(Mutex::new(String::new()));
        let told = notes.clone();
        let note = move |event: &Event| {
            if let Event::Note(text) = event {
                *told.lock().unwrap() += text;
            }
        };
        on_disk(dir.path()).observe(note).run(9, 3).unwrap();
        let has_orphans = case == 0 && last > 0;
        assert_eq!(notes.lock().unwrap().contains("lost lines"), has_orphans, "{case}: {notes:?}");
        assert_eq!(check(dir.path(), "journal.ron").state, FileState::Whole, "{case}");
        assert_eq!(check(dir.path(), "results.ron").state, FileState::Whole, "{case}");
    }
}

/// Weights of another epoch or score than the journal says are never handed out as those of the table.
#[test]
fn weights_that_are_not_those_of_the_journal_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    on_disk(dir.path()).epoch_budget(20).run(9, 3).unwrap();
    let early = crate::errors::files(&dir.path().join("weights"));
    let best = on_disk(dir.path()).run(9, 3).unwrap().best().id;
    let path = Reader::open(dir.path()).unwrap().model_path(best);
    let whole = std::fs::read(&path).unwrap();
    let bytes = early.get(&path).expect("the best trial was begun early");
    assert!(*bytes != whole);
    std::fs::write(&path, bytes).unwrap();
    let found = check(dir.path(), &format!("weights/{best}.safetensors"));
    assert!(found.state == FileState::Damaged && found.text.contains("the journal says score"), "{found:?}");
    let error = on_disk(dir.path()).run(9, 3).unwrap().best_model().err().unwrap().to_string();
    assert!(error.contains("not the model that the table tells of") && error.contains("epoch"), "{error}");
    std::fs::write(&path, whole).unwrap();
    on_disk(dir.path()).run(9, 3).unwrap().best_model().unwrap();
}
