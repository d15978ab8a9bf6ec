//! Repositories of hobbit 0.1: read without being changed, and made repositories of today when they are
//! resumed, whatever goes wrong on the way.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hobbit::repository::{FileState, Reader, Status};
use hobbit::{Hyperband, StopReason};

use crate::durability::damage::copy;
use crate::errors::files;
use crate::support::Curve;
use crate::support::disk::{Fault, MemoryDisk, Survives};
use crate::support::journal::{make_older, texts};

fn study(curve: &Curve, dir: &Path) -> Hyperband<Curve> {
    Hyperband::of(curve.clone()).quiet().seed(3).workers(2).repo_dir(dir)
}

fn golden(dir: &Path) {
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/repository_1"), dir);
}

fn is_whole(dir: &Path) {
    let checks = Reader::open(dir).unwrap().verify().unwrap();
    assert!(checks.iter().all(|check| check.state.is_fine()), "{checks:?}");
}

fn formats(dir: &Path) -> (bool, bool) {
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    (read("study.ron").contains("format: 2,"), read("journal.ron").starts_with("(1, \""))
}

#[test]
fn it_is_read_without_being_changed_and_upgraded_when_it_is_resumed() {
    let dir = tempfile::tempdir().unwrap();
    golden(dir.path());
    let before = files(dir.path());
    let reader = Reader::open(dir.path()).unwrap();
    let overview = reader.overview().unwrap();
    is_whole(dir.path());
    assert!(files(dir.path()) == before && formats(dir.path()) == (false, false));
    // one that is refused is not changed either
    Hyperband::of(Curve::default()).quiet().seed(4).repo_dir(dir.path()).run(9, 3).map(drop).unwrap_err();
    let _ = std::fs::remove_file(dir.path().join("lock"));
    assert!(files(dir.path()) == before);

    let curve = Curve::default();
    study(&curve, dir.path()).run(9, 3).unwrap();
    assert_eq!(curve.epochs.load(Ordering::Relaxed), 0, "nothing is trained");
    assert_eq!(formats(dir.path()), (true, true));
    assert_eq!(
        std::fs::read(dir.path().join("results.ron")).unwrap(),
        before[&dir.path().join("results.ron")]
    );
    is_whole(dir.path());
    let again = Reader::open(dir.path()).unwrap().overview().unwrap();
    assert_eq!(again.trials, overview.trials);
    assert_eq!(again.stages, overview.stages);
    assert_eq!(again.processes[0], overview.processes[0]);
}

/// Every writing operation of the upgrade goes wrong once, in every way.
#[test]
fn no_fault_of_the_disk_harms_an_upgrade() {
    let dir = tempfile::tempdir().unwrap();
    study(&Curve::default(), dir.path()).run(9, 3).unwrap();
    let results = std::fs::read(dir.path().join("results.ron")).unwrap();
    let halfway = tempfile::tempdir().unwrap();
    study(&Curve::default(), halfway.path()).epoch_budget(35).run(9, 3).unwrap();
    make_older(halfway.path(), str::to_owned);
    let start = files(halfway.path());
    let disk = || {
        let disk = MemoryDisk::default();
        start.iter().for_each(|(path, bytes)| disk.put(path, Some(bytes)));
        disk
    };
    let run = |disk: &MemoryDisk| {
        study(&Curve::default(), halfway.path()).storage(Arc::new(disk.clone())).run(9, 3)
    };
    let journal = halfway.path().join("journal.ron");
    let stages = |disk: &MemoryDisk| {
        let journal = String::from_utf8(disk.file(&journal).unwrap()).unwrap();
        // the last line may be torn
        let whole = journal.rfind('\n').map_or(0, |end| end + 1);
        texts(&journal[..whole]).iter().filter(|text| text.starts_with("Stage(")).count()
    };
    let known = stages(&disk());
    assert!(known > 5);
    let mut between = 0;
    // the upgrade's own operations are the first ones
    for operation in 0..16 {
        for fault in [Fault::Io, Fault::Full, Fault::CrashBefore, Fault::CrashAfter] {
            for survives in [Survives::Everything, Survives::Synced] {
                let disk = disk();
                disk.fail_at(operation, fault);
                let first = run(&disk);
                assert!(first.is_err(), "operation {operation}");
                disk.restart(survives);
                let case = format!("operation {operation}, {fault:?}, {survives:?} survives");
                assert!(stages(&disk) >= known, "{case}: an outcome was lost");
                let is = |name: &str, text: &str| {
                    String::from_utf8(disk.file(halfway.path().join(name)).unwrap()).unwrap().contains(text)
                };
                between += usize::from(is("journal.ron", "(1, \"") && is("study.ron", "format: 1,"));
                run(&disk).unwrap_or_else(|error| panic!("{case}: {error}"));
                assert!(disk.file(halfway.path().join("results.ron")).unwrap() == results, "{case}");
                assert!(is("journal.ron", "(1, \"") && is("study.ron", "format: 2,"), "{case}");
            }
        }
    }
    assert!(between > 0, "the process ended between the two files as well");
}

/// A repository that hobbit wrote when format 2 was new stays readable.
#[test]
fn the_golden_repository_of_format_2_is_read_and_resumed() {
    let dir = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/repository_2"), dir.path());
    let before = files(dir.path());
    let reader = Reader::open(dir.path()).unwrap();
    is_whole(dir.path());
    let overview = reader.overview().unwrap();
    assert_eq!((overview.trials.len(), overview.processes.len()), (9 + 5 + 3, 2));
    assert_eq!(overview.processes[0].stopped, Some(StopReason::EpochBudget));
    assert_eq!(
        (overview.study.max_epochs(), overview.study.eta(), overview.study.iterations()),
        (Some(9), Some(3), 1)
    );
    assert_eq!(overview.trials.iter().filter(|trial| trial.status == Status::Finished).count(), 1 + 1 + 3);
    assert!(files(dir.path()) == before);
    let curve = Curve::default();
    let results = study(&curve, dir.path()).run(9, 3).unwrap();
    assert_eq!(curve.epochs.load(Ordering::Relaxed), 0, "nothing is trained");
    results.best_model().unwrap();
    let after = files(dir.path());
    for (path, bytes) in &before {
        let is_longer = path.ends_with("journal.ron") && after[path].starts_with(bytes);
        assert!(is_longer || after[path] == *bytes, "{}", path.display());
    }
    // the same study as that of format 1
    let older = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/repository_1/results.ron");
    assert!(std::fs::read(older).unwrap() == before[&dir.path().join("results.ron")]);
}

/// What a process leaves that ended between the two files.
#[test]
fn a_journal_of_today_beside_an_older_study_is_read() {
    let dir = tempfile::tempdir().unwrap();
    golden(dir.path());
    let study_ron = std::fs::read(dir.path().join("study.ron")).unwrap();
    study(&Curve::default(), dir.path()).run(9, 3).unwrap();
    let trials = Reader::open(dir.path()).unwrap().overview().unwrap().trials;
    std::fs::write(dir.path().join("study.ron"), study_ron).unwrap();
    assert_eq!(formats(dir.path()), (false, true));
    is_whole(dir.path());
    assert_eq!(Reader::open(dir.path()).unwrap().overview().unwrap().trials, trials);
    study(&Curve::default(), dir.path()).run(9, 3).unwrap();
    assert_eq!(formats(dir.path()), (true, true));
    is_whole(dir.path());
}

#[test]
fn a_damaged_journal_of_hobbit_0_1_is_salvaged_and_resumed() {
    let dir = tempfile::tempdir().unwrap();
    golden(dir.path());
    let results = std::fs::read(dir.path().join("results.ron")).unwrap();
    let path = dir.path().join("journal.ron");
    let journal = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, journal.replacen("trial:\"1-5\"", "trial:\"1-4\"", 1)).unwrap();
    let checks = Reader::open(dir.path()).unwrap().verify().unwrap();
    assert!(checks.iter().any(|check| check.file == "journal.ron" && check.state == FileState::Damaged));
    let error = study(&Curve::default(), dir.path()).run(9, 3).map(drop).unwrap_err().to_string();
    assert!(error.contains("the line is damaged (its checksum does not match)"), "{error}");
    let kept = hobbit::salvage(dir.path()).unwrap();
    assert!(kept > 3 && journal.starts_with(&std::fs::read_to_string(&path).unwrap()));
    study(&Curve::default(), dir.path()).run(9, 3).unwrap();
    assert_eq!(std::fs::read(dir.path().join("results.ron")).unwrap(), results);
    assert_eq!(formats(dir.path()), (true, true));
}
