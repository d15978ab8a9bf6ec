//! `journal.ron`: an append-only file, open for writing.

use std::io::ErrorKind;
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
    /// What went wrong when it was written to; nothing is written behind that.
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
        if let Some(failed) = &self.failed {
            return Err(Error::repository(failed.clone()));
        }
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
            "{} {what} while the sweep was running, so nothing more was written. Put the file back if it can be had; then run \
             again: what it does not hold is trained again",
            self.path.display()
        )))
    }

    /// Adds a record; it is written with the next [`flush`](Journal::flush).
    pub(super) fn push(&mut self, record: &Record) -> Result<()> {
        self.chain.write(&mut self.buffer, record)
    }

    /// Writes what was added; with `durable`, returns only when it is on the disk.
    pub(super) fn flush(&mut self, durable: bool) -> Result<()> {
        if !self.buffer.is_empty() {
            let written = self.file.write(self.buffer.as_bytes());
            let length = self.buffer.len() as u64;
            self.buffer.clear();
            written.map_err(|error| {
                let error = Error::io("write", &self.path, error);
                self.failed = Some(error.to_string());
                error
            })?;
            // after an error nobody knows how much of it was written, and nothing can be written behind it
            if let Some(expected) = &mut self.expected {
                expected.length += length;
            }
        }
        if durable {
            self.file.sync().map_err(|error| Error::io("sync", &self.path, error))?;
        }
        Ok(())
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
