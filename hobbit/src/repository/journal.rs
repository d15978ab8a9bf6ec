//! `journal.ron`: an append-only file, open for writing.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::chain::Chain;
use super::format1::{self, Plain};
use super::lines::{self, Contents, Damage};
use super::records::Record;
use super::storage::{Identity, Storage, StorageFile};
use super::study::StudyRecord;
use crate::error::{Error, Result};

/// The journal, open for writing.
pub(super) struct Journal {
    path: PathBuf,
    storage: Arc<dyn Storage>,
    file: Box<dyn StorageFile>,
    /// Which file it is and how long, as it has to be when it is written to again; nothing where that cannot
    /// be told.
    expected: Option<Identity>,
    /// What the next line follows.
    chain: Chain,
    buffer: String,
    /// What went wrong when it was written to or synced; nothing is written behind that.
    failed: Option<String>,
}

impl Journal {
    /// Opens the journal for writing; it has to end with the line that `chain` is at.
    pub(super) fn open(storage: Arc<dyn Storage>, path: &Path, chain: Chain) -> Result<Journal> {
        let file = storage.append(path).map_err(|error| Error::io("open", path, error))?;
        let expected = storage.identity(path).map_err(|error| Error::io("look at", path, error))?;
        let (path, buffer) = (path.to_owned(), String::new());
        Ok(Journal { path, storage, file, expected, chain, buffer, failed: None })
    }

    /// Makes sure that the journal is still where it was, and as it was left.
    ///
    /// # Errors
    /// It was removed, replaced, cut off or written to by somebody else.
    pub(super) fn check(&self) -> Result<()> {
        self.check_written()?;
        let Some(expected) = self.expected else { return Ok(()) };
        let what = match self.storage.identity(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => "was removed",
            Err(error) => return Err(Error::io("look at", &self.path, error)),
            Ok(None) => return Ok(()),
            Ok(Some(found)) if found.file != expected.file => "was replaced by another file",
            Ok(Some(found)) if found.length < expected.length => "was cut off",
            Ok(Some(found)) if found.length > expected.length => "was written to by somebody else",
            Ok(Some(_)) => return Ok(()),
        };
        Err(Error::repository(format!(
            "{} {what} while the sweep was running, so nothing more was written. Put the file back if you have it; then run \
             again: what it does not hold is trained again",
            self.path.display()
        )))
    }

    /// Makes sure that everything was written so far: nothing can be written behind an error.
    fn check_written(&self) -> Result<()> {
        match &self.failed {
            Some(failed) => Err(Error::repository(failed.clone())),
            None => Ok(()),
        }
    }

    /// Adds a record; it is written with the next [`flush`](Journal::flush).
    pub(super) fn push(&mut self, record: &Record) -> Result<()> {
        self.chain.write(&mut self.buffer, record)
    }

    /// Writes what was added; with `durable`, returns only when it is on the disk.
    ///
    /// # Errors
    /// It cannot be written, or could not be before, which another thread may have met since the last
    /// [`check`](Journal::check).
    pub(super) fn flush(&mut self, durable: bool) -> Result<()> {
        if !self.buffer.is_empty() {
            self.check_written()?;
            let written = self.file.write(self.buffer.as_bytes());
            let length = self.buffer.len() as u64;
            self.buffer.clear();
            written.map_err(|error| self.fail("write", error))?;
            if let Some(expected) = &mut self.expected {
                expected.length += length;
            }
        }
        if durable {
            self.file.sync().map_err(|error| self.fail("sync", error))?;
        }
        Ok(())
    }

    /// Nothing is written any more, because this went wrong: of what was written before, nobody knows how
    /// much is on the disk.
    pub(super) fn fail(&mut self, action: &'static str, error: io::Error) -> Error {
        let error = Error::io(action, &self.path, error);
        self.failed = Some(error.to_string());
        error
    }
}

/// Reads the journal of a study; nothing is known of the study if its own file is gone.
///
/// # Errors
/// A damaged line, with its number.
pub(super) fn parse(path: &Path, bytes: &[u8], study: Option<&StudyRecord>) -> Result<Contents> {
    let (contents, damage) = parse_until_damage(bytes, study);
    match damage {
        None => Ok(contents),
        Some(Damage { line, what }) => Err(Error::repository(format!(
            "{}:{line}: the line {what}; nothing was changed. `hobbit salvage {}` (or `hobbit::salvage`) \
             keeps the {} records before it, and puts the damaged file aside",
            path.display(),
            path.parent().unwrap_or(path).display(),
            contents.records.len()
        ))),
    }
}

/// Reads as far as the first damaged line.
pub(super) fn parse_until_damage(bytes: &[u8], study: Option<&StudyRecord>) -> (Contents, Option<Damage>) {
    if !format1::is_journal(bytes, study.map_or(0, |study| study.format)) {
        return lines::read::<Chain>(bytes);
    }
    let (mut contents, damage) = lines::read::<Plain>(bytes);
    if let Some(study) = study {
        format1::fill_in(study, &mut contents.records);
    }
    (contents, damage)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::repository::reason::StopReason;
    use crate::repository::records::Timestamp;
    use crate::repository::storage::Disk;

    /// A file whose second write ends in the middle, with an error.
    struct Full(Arc<Mutex<Vec<Vec<u8>>>>);

    impl StorageFile for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
            let mut written = self.0.lock().unwrap();
            let whole = written.len() != 1;
            written.push(bytes[..if whole { bytes.len() } else { bytes.len() / 2 }].to_owned());
            if whole { Ok(()) } else { Err(ErrorKind::StorageFull.into()) }
        }

        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn journal(written: &Arc<Mutex<Vec<Vec<u8>>>>) -> Journal {
        Journal {
            path: PathBuf::from("study/journal.ron"),
            storage: Arc::new(Disk),
            file: Box::new(Full(Arc::clone(written))),
            expected: None,
            chain: Chain::default(),
            buffer: String::new(),
            failed: None,
        }
    }

    fn record(time: f64) -> Record {
        Record::Closed { time: Timestamp(time), reason: Some(StopReason::Terminated) }
    }

    #[test]
    fn nothing_is_written_behind_an_error() {
        let written = Arc::default();
        let mut journal = journal(&written);
        journal.push(&record(1.0)).unwrap();
        journal.flush(true).unwrap();
        journal.push(&record(2.0)).unwrap();
        let error = journal.flush(false).unwrap_err().to_string();
        assert!(error.contains("could not write study/journal.ron"), "{error}");
        // a thread that had looked at the journal before that error comes too late for its own record
        journal.push(&record(3.0)).unwrap();
        assert_eq!(journal.flush(false).unwrap_err().to_string(), error);
        assert_eq!(journal.check().unwrap_err().to_string(), error);
        let written = written.lock().unwrap();
        assert_eq!(written.len(), 2);
        let (contents, damage) = parse_until_damage(&written.concat(), None);
        assert!(damage.is_none() && contents.torn && contents.records.len() == 1);
    }

    #[test]
    fn nothing_is_written_behind_what_could_not_be_synced() {
        let written = Arc::default();
        let mut journal = journal(&written);
        journal.push(&record(1.0)).unwrap();
        journal.flush(false).unwrap();
        let error = journal.fail("sync", io::Error::other("input/output error")).to_string();
        assert_eq!(error, "could not sync study/journal.ron: input/output error");
        journal.push(&record(2.0)).unwrap();
        assert_eq!(journal.flush(false).unwrap_err().to_string(), error);
        assert_eq!(written.lock().unwrap().len(), 1);
    }
}
