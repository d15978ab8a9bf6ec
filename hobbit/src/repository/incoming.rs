//! Checkpoints that come from elsewhere: written to files of their own as they come, and looked at, so that
//! none is ever in memory as a whole.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::checkpoint;
#[cfg(feature = "nats")]
use super::claims::Claim;
use super::decoder::Decoder;
use super::names;
use super::saved::{SavedModel, SavedState};
use super::storage::{Replacement, Storage, StorageFile};
use crate::trial::TrialId;

/// Tells files apart that are there at the same time.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// A file that is removed unless it is kept.
struct Temporary {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    file: Option<Box<dyn StorageFile>>,
    is_kept: bool,
}

impl Temporary {
    fn failed(&self, what: &str, error: &io::Error) -> String {
        format!("could not {what} {}: {error}", self.path.display())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_kept {
            self.file = None;
            let _ = self.storage.remove(&self.path);
        }
    }
}

/// A checkpoint on its way into a repository: the bytes of its file, from the first one on. The file is
/// removed when this is dropped.
pub struct Incoming {
    to: Temporary,
    decoder: Decoder,
    length: u64,
}

impl Incoming {
    pub(super) fn new(
        storage: &Arc<dyn Storage>,
        dir: &Path,
        trial: TrialId,
        length: u64,
    ) -> Result<Incoming, String> {
        let path = dir.join(names::incoming_model(trial, NUMBER.fetch_add(1, Ordering::Relaxed)));
        let file =
            storage.create(&path).map_err(|error| format!("could not make {}: {error}", path.display()))?;
        let to = Temporary { storage: storage.clone(), path, file: Some(file), is_kept: false };
        Ok(Incoming { to, decoder: Decoder::new(length, false), length })
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// They cannot be written, or, with [`InvalidData`](io::ErrorKind::InvalidData), they are not those of a
    /// checkpoint.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.decoder.feed(bytes).map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))?;
        let written = self.to.file.as_mut().map_or(Ok(()), |file| file.write(bytes));
        written.map_err(|error| io::Error::new(error.kind(), self.to.failed("write", &error)))
    }

    /// Call it when all bytes have been written.
    ///
    /// # Errors
    /// In words, what is wrong with the file.
    pub fn finish(self) -> Result<Arrived, String> {
        let Incoming { to, decoder, length } = self;
        let state = decoder.finish()?.state;
        Ok(Arrived {
            at: to,
            state,
            length,
            #[cfg(feature = "nats")]
            claim: None,
        })
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("path", &self.to.path).finish_non_exhaustive()
    }
}

/// A checkpoint that has come from elsewhere, whole and sound, in a file of its own. The file is removed when
/// this is dropped; a desk that keeps it gives it the name of its trial's checkpoint.
pub struct Arrived {
    at: Temporary,
    state: SavedState,
    length: u64,
    /// Behind the file, so that nobody claims it before it is removed.
    #[cfg(feature = "nats")]
    claim: Option<Claim>,
}

impl Arrived {
    /// One that was left in this file by another machine, durably, and has been looked at. The file stays
    /// when this is dropped, unless it is [owned](Arrived::own): whoever left it is not told yet that it has
    /// come.
    #[cfg(feature = "nats")]
    pub(super) fn found(
        storage: Arc<dyn Storage>,
        path: PathBuf,
        (state, length): (SavedState, u64),
        claim: Claim,
    ) -> Arrived {
        let at = Temporary { storage, path, file: None, is_kept: true };
        Arrived { at, state, length, claim: Some(claim) }
    }

    /// Nobody else will remove the file.
    #[cfg(feature = "nats")]
    pub(crate) fn own(&mut self) {
        self.at.is_kept = false;
    }

    /// What the checkpoint says of its trial.
    pub fn state(&self) -> &SavedState {
        &self.state
    }

    /// The size of the file, in bytes.
    pub fn bytes(&self) -> u64 {
        self.length
    }

    /// Reads the model into memory after all.
    ///
    /// # Errors
    /// In words, why it cannot be read any more.
    pub fn model(&self) -> Result<SavedModel, String> {
        let read = |error: io::Error| self.at.failed("read", &error);
        let (mut file, length) = self.at.storage.open(&self.at.path).map_err(read)?;
        checkpoint::read(&mut *file, length, true).map_err(read)?
    }

    /// The file, to take the place of another one.
    pub(super) fn into_replacement(mut self) -> Replacement {
        self.at.is_kept = true;
        #[cfg(feature = "nats")]
        if let Some(claim) = self.claim.take() {
            claim.stays();
        }
        Replacement::of(self.at.path.clone(), self.at.file.take())
    }
}

impl fmt::Debug for Arrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrived")
            .field("path", &self.at.path)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// A checkpoint that is to be kept.
pub(crate) enum Kept {
    Model(Box<SavedModel>),
    File(Box<Arrived>),
}

impl Kept {
    /// What it says of its trial.
    pub(crate) fn state(&self) -> &SavedState {
        match self {
            Kept::Model(model) => &model.state,
            Kept::File(file) => &file.state,
        }
    }

    /// Whose it is.
    pub(crate) fn trial(&self) -> TrialId {
        self.state().trial
    }

    /// The bytes that have to be written.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Kept::Model(model) => model.bytes(),
            Kept::File(file) => usize::try_from(file.length).unwrap_or(usize::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::tests::model;
    use super::super::storage::Disk;
    use super::*;

    #[test]
    fn what_does_not_arrive_or_is_not_kept_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let files = || std::fs::read_dir(dir.path()).unwrap().count();
        let storage: Arc<dyn Storage> = Arc::new(Disk);
        let model = model();
        let bytes = model.to_bytes().unwrap();
        let trial = model.state.trial;
        let begin = || Incoming::new(&storage, dir.path(), trial, bytes.len() as u64).unwrap();
        let (mut cut, mut damaged, mut whole) = (begin(), begin(), begin());
        assert_eq!(files(), 3, "each has a file of its own");
        cut.write(&bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(cut.finish().unwrap_err(), "it was cut off");
        let mut other = bytes.clone();
        *other.last_mut().unwrap() ^= 1;
        damaged.write(&other).unwrap();
        assert_eq!(damaged.finish().unwrap_err(), "its checksum does not match");
        bytes.chunks(100).for_each(|piece| whole.write(piece).unwrap());
        let whole = whole.finish().unwrap();
        assert_eq!((files(), whole.bytes()), (1, bytes.len() as u64));
        assert_eq!((whole.state(), whole.model().unwrap()), (&model.state, model.clone()));
        drop(whole);
        assert_eq!(files(), 0);
    }
}
