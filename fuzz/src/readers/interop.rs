//! The files of other tools.

use std::path::Path;
use std::sync::OnceLock;

use hobbit::Direction;
use hobbit::interop::{OptunaJournal, TensorBoard, import};
use hobbit::repository::{Overview, Reader};

use super::repository::Params;
use super::{clear, write};

/// A small study, to be written beside what is there.
fn study() -> &'static Overview {
    static STUDY: OnceLock<Overview> = OnceLock::new();
    STUDY.get_or_init(|| {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/repository_1");
        let mut overview =
            Reader::open(dir).and_then(|reader| reader.overview()).expect("the study is whole");
        overview.trials.truncate(2);
        overview
    })
}

/// An Optuna journal that is taken over.
pub(super) fn optuna_import(dir: &Path, bytes: &[u8]) {
    write(dir, "other.journal", bytes);
    for name in [None, Some("a")] {
        if let Ok(imported) = import::optuna(dir.join("other.journal"), name) {
            imported.rename("lr", "rate").fit::<Params>();
        }
    }
}

/// An Optuna journal that is continued.
pub(super) fn optuna_export(dir: &Path, bytes: &[u8]) {
    write(dir, "study.journal", bytes);
    let journal = OptunaJournal::new(dir.join("study.journal")).study_name("a");
    if journal.export(study()).is_ok() {
        let length = || std::fs::metadata(dir.join("study.journal")).map_or(0, |file| file.len());
        let once = length();
        journal.export(study()).expect("what was written can be continued");
        assert_eq!(length(), once, "the second time nothing is missing");
    }
}

/// A table of configurations.
pub(super) fn csv_import(dir: &Path, bytes: &[u8]) {
    write(dir, "table.csv", bytes);
    for score in ["value", "score", ""] {
        if let Ok(imported) = import::csv(dir.join("table.csv"), score, Direction::Maximize) {
            imported.fit::<Params>();
        }
    }
}

/// Event files of a run that is continued: the bytes behind a first zero as they are, otherwise pieces of a
/// byte's length as records with checksums made right.
pub(super) fn events(dir: &Path, bytes: &[u8]) {
    clear(dir);
    let file = match bytes.split_first() {
        Some((0, rest)) => rest.to_owned(),
        _ => {
            let (mut file, mut rest) = (Vec::new(), bytes);
            while let Some((&length, behind)) = rest.split_first() {
                let (data, behind) = behind.split_at(behind.len().min(length.into()));
                let size = (data.len() as u64).to_le_bytes();
                file.extend([&size[..], &masked(&size), data, &masked(data)].concat());
                rest = behind;
            }
            file
        }
    };
    let trial = study().trials[0].id.to_string();
    write(dir, &format!("{trial}/events.out.tfevents.1"), &file);
    let board = TensorBoard::new(dir);
    if board.export(study()).is_ok() {
        let files = || std::fs::read_dir(dir.join(&trial)).map_or(0, Iterator::count);
        let once = files();
        board.export(study()).expect("what was written can be continued");
        assert_eq!(files(), once, "the second time nothing is missing");
    }
}

fn masked(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}
