//! Studies whose files are kept elsewhere than on the machine's disk are written, read, checked, saved and
//! resumed there.

use std::path::Path;
use std::sync::Arc;

use hobbit::repository::{FileState, Reader, salvage_in};
use hobbit::{Hyperband, Results};

use crate::support::disk::MemoryDisk;
use crate::support::{Curve, Params};

fn run(disk: &MemoryDisk, dir: &Path, epochs: u64) -> hobbit::Result<Results<Curve>> {
    let study = Hyperband::of(Curve::default()).quiet().seed(3).workers(2).epoch_budget(epochs);
    study.storage(Arc::new(disk.clone())).repo_dir(dir).run(9, 3)
}

#[test]
fn everything_that_reads_a_study_reads_one_in_another_storage() {
    let dir = tempfile::tempdir().unwrap();
    let disk = MemoryDisk::default();
    let dir = dir.path();
    assert!(Reader::open_in(Arc::new(disk.clone()), dir).is_err(), "there is none yet");
    run(&disk, dir, 30).unwrap();
    assert!(Reader::open(dir).is_err(), "the machine's disk has nothing of it");
    let reader = Reader::open_in(Arc::new(disk.clone()), dir).unwrap();
    let begun = reader.overview().unwrap();
    assert!(!begun.is_finished() && begun.best().is_some());
    assert!(reader.verify().unwrap().iter().all(|check| check.state.is_fine()));

    // a line in the middle is lost, and what is before it is saved
    let path = dir.join("journal.ron");
    let journal = String::from_utf8(disk.file(&path).unwrap()).unwrap();
    let mut lines: Vec<&str> = journal.split_inclusive('\n').collect();
    lines.remove(9);
    disk.put(&path, Some(lines.concat().as_bytes()));
    assert!(reader.overview().unwrap_err().to_string().contains("journal.ron:10: "));
    assert_eq!(salvage_in(Arc::new(disk.clone()), dir).unwrap(), 9);
    assert_eq!(disk.file(dir.join("journal.ron.damaged")).unwrap(), lines.concat().as_bytes());

    let results = run(&disk, dir, u64::MAX).unwrap();
    assert!(reader.overview().unwrap().is_finished());
    assert_eq!(reader.best::<Params>().unwrap().unwrap().trial, results.best().id);
    assert!(reader.hparams_ron(results.best().id).unwrap().is_some());
    assert!(reader.has_model(results.best().id) && reader.model(results.best().id).is_ok());
    #[cfg(feature = "report")]
    assert!(!hobbit::report::Report::read(&reader).unwrap().html().is_empty());
    let checks = reader.verify().unwrap();
    assert!(checks.iter().all(|check| check.state.is_fine()), "{checks:?}");
    disk.put(reader.model_path(results.best().id), None);
    let checks = reader.verify().unwrap();
    assert!(checks.iter().any(|check| check.state == FileState::Missing), "{checks:?}");
}
