//! Saved models on their way to the disk, which makes several of them durable in the time that one takes.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use super::encoded::Encoded;
use super::incoming::Kept;
use super::saved::{PIECE, SavedModel};
use super::storage::{Replacement, Storage};
use crate::error::{Error, Result};
use crate::trial::TrialId;

/// How many files are made durable at once.
const AT_ONCE: usize = 16;
/// The bytes of models above which each is written by itself: then the disk has enough to do.
const LARGE: usize = 16 << 20;

/// Writes the checkpoints of trials over their old ones, whose paths are given; of a trial, the last one
/// counts.
pub(super) fn save(
    storage: &dyn Storage,
    path: impl Fn(TrialId) -> PathBuf,
    mut models: Vec<Kept>,
) -> Result<()> {
    let mut trials = HashSet::new();
    models.reverse();
    models.retain(|model| trials.insert(model.trial()));
    models.reverse();
    let (mut batch, mut bytes) = (Vec::new(), 0_usize);
    for model in models {
        let more = model.bytes();
        if batch.len() == AT_ONCE || bytes.saturating_add(more) > LARGE {
            save_together(storage, &path, std::mem::take(&mut batch))?;
            bytes = 0;
        }
        batch.push(model);
        bytes = bytes.saturating_add(more);
    }
    save_together(storage, &path, batch)
}

fn save_together(storage: &dyn Storage, path: &impl Fn(TrialId) -> PathBuf, models: Vec<Kept>) -> Result<()> {
    let mut files = Vec::with_capacity(models.len());
    for model in models {
        let path = path(model.trial());
        let written = match model {
            Kept::Model(model) => write(storage, &path, &model),
            Kept::File(file) => Ok(file.into_replacement()),
        };
        match written {
            Ok(file) => files.push((path, file)),
            Err(error) => {
                files.into_iter().for_each(|(_, file): (PathBuf, Replacement)| file.discard(storage));
                return Err(error);
            }
        }
    }
    let synced: Vec<io::Result<()>> = match &mut files[..] {
        [(_, file)] => vec![file.sync()],
        files => std::thread::scope(|scope| {
            let syncs: Vec<_> = files.iter_mut().map(|(_, file)| scope.spawn(move || file.sync())).collect();
            syncs.into_iter().map(|sync| sync.join().unwrap_or_else(|_| Err(panicked()))).collect()
        }),
    };
    let finished = files.into_iter().zip(synced).map(|((path, file), synced)| {
        file.finish(storage, &path, synced).map_err(|error| Error::io("write", &path, error))
    });
    // all of them, whatever becomes of one
    finished.collect::<Vec<_>>().into_iter().collect()
}

/// Writes a model beside its place, without a copy of it in memory.
fn write(storage: &dyn Storage, path: &Path, model: &SavedModel) -> Result<Replacement> {
    let encoded = Encoded::new(model)
        .map_err(|error| Error::repository(format!("could not write {}: {error}", path.display())))?;
    let mut piece = Vec::with_capacity(PIECE.min(encoded.len()));
    let written = Replacement::write_parts(storage, path, |write| {
        for start in (0..encoded.len()).step_by(PIECE) {
            piece.clear();
            encoded.copy(start, PIECE, &mut piece);
            write(&piece)?;
        }
        Ok(())
    });
    written.map_err(|error| Error::io("write", path, error))
}

fn panicked() -> io::Error {
    io::Error::other("the storage panicked")
}
