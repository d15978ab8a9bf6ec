//! A study's directory of weights as machines see it that all have it mounted: they leave checkpoints in it,
//! and messages only say which.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::checkpoint::pour;
use super::claims::Claims;
use super::decoder::Decoder;
use super::encoded::Encoded;
use super::incoming::Arrived;
use super::names;
use super::saved::{PIECE, SavedModel};
use super::storage::{Disk, Storage, replace};
use crate::error::{Error, Result};
use crate::trial::TrialId;

/// How often it is looked for a file, and how long it is waited before it is looked again: what one machine
/// has written, others may see a while later.
const LOOKS: usize = 25;
const LOOK: Duration = Duration::from_millis(200);

/// A directory of weights that several machines see.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    weights: PathBuf,
    storage: Arc<dyn Storage>,
    /// What was taken.
    claims: Claims,
}

/// A checkpoint in it, as messages name it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SharedFile {
    name: String,
    pub(crate) bytes: u64,
    /// The checksum in the file's header, over everything in it.
    sum: String,
}

impl Shared {
    /// That of the study in this directory.
    pub(crate) fn of(repository: &Path) -> Shared {
        let weights = repository.join(names::WEIGHTS);
        Shared { weights, storage: Arc::new(Disk), claims: Claims::default() }
    }

    fn incoming(&self) -> PathBuf {
        self.weights.join(names::INCOMING)
    }

    /// Whoever sees this `beacon` sees the directory.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn announce(&self, beacon: &str) -> Result<()> {
        let (dir, storage) = (self.incoming(), &*self.storage);
        let path = dir.join(names::BEACON);
        let made = storage.create_dir(&dir).and_then(|()| replace(storage, &path, beacon.as_bytes()));
        made.and_then(|()| storage.sync_dir(&dir)).map_err(|error| Error::io("write", &path, error))
    }

    /// Removes what machines had begun to write when they died. One that still writes finds that out, and has
    /// its checkpoint go by way of the server.
    pub(crate) fn tidy(&self) {
        let dir = self.incoming();
        for name in self.storage.list(&dir).unwrap_or_default() {
            if name.ends_with(names::TEMPORARY) {
                let _ = self.storage.remove(&dir.join(name));
            }
        }
    }

    /// The directory of this name on another machine, if this one sees it.
    pub(crate) fn find(repository: &Path, beacon: &str) -> Option<Shared> {
        let shared = Shared::of(repository);
        let path = shared.incoming().join(names::BEACON);
        let is_there = || match shared.storage.read(&path) {
            Ok(bytes) if bytes == beacon.as_bytes() => Some(()),
            _ => None,
        };
        // a directory that is not there at all will not come
        let looks = if shared.weights.is_dir() { LOOKS } else { 1 };
        patiently(looks, is_there).map(|()| shared)
    }

    /// Writes a checkpoint, durably, under a name that is used once.
    ///
    /// # Errors
    /// In words, why it could not be written.
    pub(crate) fn put(&self, name: &str, model: &Encoded<Box<SavedModel>>) -> Result<SharedFile, String> {
        let path = self.incoming().join(name);
        let temporary = self.incoming().join(format!("{name}{}", names::TEMPORARY));
        let written = self.storage.create(&temporary).and_then(|mut file| {
            let mut piece = Vec::with_capacity(PIECE);
            for start in (0..model.len()).step_by(PIECE) {
                piece.clear();
                model.copy(start, PIECE, &mut piece);
                file.write(&piece)?;
            }
            file.sync()
        });
        match written.and_then(|()| self.storage.rename(&temporary, &path)) {
            Ok(()) => Ok(SharedFile {
                name: name.to_owned(),
                bytes: model.len() as u64,
                sum: model.sum().to_owned(),
            }),
            Err(error) => {
                let _ = self.storage.remove(&temporary);
                Err(format!("could not write {}: {error}", path.display()))
            }
        }
    }

    /// A checkpoint that another machine has left, once it has been looked at. It stays where it is until it
    /// gets another name, or is [removed](Shared::remove). Nothing if somebody has it, or had it when it got
    /// another name.
    ///
    /// # Errors
    /// In words, why it is not to be had.
    pub(crate) fn take(&self, file: &SharedFile) -> Result<Option<Arrived>, String> {
        let path = self.place(file)?;
        let Some(claim) = self.claims.claim(&file.name) else { return Ok(None) };
        let model = self.decode(&path, file, false)?;
        Ok(Some(Arrived::found(self.storage.clone(), path, (model.state, file.bytes), claim)))
    }

    /// Removes a checkpoint that another machine has left, unless somebody has it.
    pub(crate) fn remove(&self, file: &SharedFile) {
        if let (Ok(path), Some(_claim)) = (self.place(file), self.claims.claim(&file.name)) {
            let _ = self.storage.remove(&path);
        }
    }

    /// Where another machine has left a checkpoint.
    fn place(&self, file: &SharedFile) -> Result<PathBuf, String> {
        match names::is_plain(&file.name) {
            true => Ok(self.incoming().join(&file.name)),
            false => Err(format!("`{}` is not the name of a checkpoint", file.name)),
        }
    }

    /// The checkpoint of a trial as messages name it; nothing if there is none.
    ///
    /// # Errors
    /// In words, why it cannot be read.
    pub(crate) fn stored(&self, trial: TrialId) -> Result<Option<SharedFile>, String> {
        let name = names::model(trial);
        let path = self.weights.join(&name);
        let failed = |error: io::Error| format!("could not read {}: {error}", path.display());
        let (mut file, bytes) = match self.storage.open(&path) {
            Ok(opened) => opened,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut decoder = Decoder::new(bytes, false);
        let mut piece = vec![0; 4096];
        while decoder.sum().is_none() {
            let count = file.read(&mut piece).map_err(failed)?;
            if count == 0 {
                return Err(format!("{}: it was cut off", path.display()));
            }
            decoder.feed(&piece[..count]).map_err(|why| format!("{}: {why}", path.display()))?;
        }
        let sum = decoder.sum().unwrap_or_default().to_owned();
        Ok(Some(SharedFile { name, bytes, sum }))
    }

    /// Reads the checkpoint of a trial that a message names.
    ///
    /// # Errors
    /// In words, why it is not to be had.
    pub(crate) fn load(&self, trial: TrialId, file: &SharedFile) -> Result<SavedModel, String> {
        if file.name != names::model(trial) {
            return Err(format!("`{}` is not a checkpoint of trial {trial}", file.name));
        }
        self.decode(&self.weights.join(&file.name), file, true)
    }

    fn decode(&self, path: &Path, file: &SharedFile, keeps: bool) -> Result<SavedModel, String> {
        let found = patiently(LOOKS, || {
            let (opened, bytes) = self.storage.open(path).ok()?;
            (bytes == file.bytes).then_some(opened)
        });
        let Some(mut found) = found else {
            return Err(format!(
                "there is no file {} of {} bytes on this machine",
                path.display(),
                file.bytes
            ));
        };
        let mut decoder = Decoder::new(file.bytes, keeps);
        pour(&mut *found, &mut decoder)
            .map_err(|error| format!("could not read {}: {error}", path.display()))?
            .map_err(|why| format!("{}: {why}", path.display()))?;
        if decoder.sum() != Some(&*file.sum) {
            return Err(format!("{} is another checkpoint than was said", path.display()));
        }
        decoder.finish().map_err(|why| format!("{}: {why}", path.display()))
    }

    /// Removes what machines have left and nobody has taken, once the study is over.
    pub(crate) fn clear(&self) {
        let dir = self.incoming();
        for name in self.storage.list(&dir).unwrap_or_default() {
            let _ = self.storage.remove(&dir.join(name));
        }
        let _ = std::fs::remove_dir(&dir);
    }
}

/// Looks this often.
fn patiently<T>(looks: usize, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    (0..looks).find_map(|number| {
        if number > 0 {
            std::thread::sleep(LOOK);
        }
        look()
    })
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::tests::model;
    use super::*;

    #[test]
    fn checkpoints_that_others_leave_are_looked_at_before_they_are_taken() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Shared::find(dir.path(), "a").is_none());
        let here = Shared::of(dir.path());
        here.announce("a").unwrap();
        let there = Shared::find(dir.path(), "a").unwrap();
        let model = model();
        let encoded = Encoded::new(Box::new(model.clone())).unwrap();
        let file = there.put("1-2", &encoded).unwrap();
        let taken = here.take(&file).unwrap().unwrap();
        assert_eq!(taken.state(), &model.state);
        assert!(here.take(&file).unwrap().is_none(), "two have the same file");
        here.remove(&file);
        drop(taken);
        let mut taken = here.take(&file).unwrap().expect("it is there until it is known that it was taken");
        taken.own();
        drop(taken);
        assert!(here.take(&file).unwrap_err().contains("there is no file"));
        let file = there.put("1-4", &encoded).unwrap();
        here.remove(&file);
        assert!(here.take(&file).unwrap_err().contains("there is no file"));
        let file = there.put("1-3", &encoded).unwrap();
        let other = SharedFile { sum: "0".to_owned(), ..file.clone() };
        assert!(here.take(&other).unwrap_err().contains("another checkpoint"));
        for name in ["../study.ron", "a/b", "", "..", "a\\b"] {
            let other = SharedFile { name: name.to_owned(), ..file.clone() };
            assert!(here.take(&other).unwrap_err().contains("is not the name"), "{name}");
        }
        let trial = model.state.trial;
        assert_eq!(here.stored(trial).unwrap(), None);
        let path = dir.path().join("weights").join(names::model(trial));
        replace(&Disk, &path, &encoded.to_vec()).unwrap();
        let stored = here.stored(trial).unwrap().unwrap();
        assert_eq!(there.load(trial, &stored).unwrap(), model);
        assert!(there.load(TrialId::new(1, 1), &stored).unwrap_err().contains("not a checkpoint of trial"));
        here.tidy();
        assert!(here.take(&file).unwrap().is_some() && there.put("1-5", &encoded).is_ok());
        here.clear();
        assert!(!dir.path().join("weights").join(names::INCOMING).exists());
    }

    #[test]
    fn what_was_half_written_goes_and_what_was_taken_twice_is_one_file() {
        let dir = tempfile::tempdir().unwrap();
        let incoming = dir.path().join("weights").join(names::INCOMING);
        let here = Shared::of(dir.path());
        here.announce("a").unwrap();
        let encoded = Encoded::new(Box::new(model())).unwrap();
        let file = here.put("1-2", &encoded).unwrap();
        replace(&Disk, &incoming.join("1-3.tmp"), b"half").unwrap();
        Disk.rename(&incoming.join("1-3.tmp"), &incoming.join("1-4.tmp")).unwrap();
        here.tidy();
        let mut left = Disk.list(&incoming).unwrap();
        left.sort();
        assert_eq!(left, ["1-2", names::BEACON]);
        // a report comes twice, and the second one is over before the first one's checkpoint is kept
        let first = here.take(&file).unwrap().unwrap();
        drop(here.take(&file));
        here.remove(&file);
        let path = dir.path().join("weights/kept");
        let mut kept = first.into_replacement();
        let synced = kept.sync();
        kept.finish(&Disk, &path, synced).unwrap();
        assert!(here.take(&file).unwrap().is_none(), "nobody waits for one that got another name");
    }
}
