//! Saved models on their way to the disk, which makes several of them durable in the time that one takes.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;

use super::checkpoint::{self, SavedModel};
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
    models: &[SavedModel],
) -> Result<()> {
    let mut trials = HashSet::new();
    let mut models: Vec<&SavedModel> =
        models.iter().rev().filter(|model| trials.insert(model.state.trial)).collect();
    models.reverse();
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for model in models {
        if batch.len() == AT_ONCE || bytes + model.bytes() > LARGE {
            save_together(storage, &path, &std::mem::take(&mut batch))?;
            bytes = 0;
        }
        batch.push(model);
        bytes += model.bytes();
    }
    save_together(storage, &path, &batch)
}

fn save_together(
    storage: &dyn Storage,
    path: &impl Fn(TrialId) -> PathBuf,
    models: &[&SavedModel],
) -> Result<()> {
    let mut files = Vec::with_capacity(models.len());
    for model in models {
        let path = path(model.state.trial);
        let bytes = checkpoint::encode(model)
            .map_err(|error| Error::repository(format!("could not write {}: {error}", path.display())))?;
        match Replacement::write(storage, &path, &bytes) {
            Ok(file) => files.push((path, file)),
            Err(error) => {
                files.into_iter().for_each(|(_, file)| file.discard(storage));
                return Err(Error::io("write", &path, error));
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

fn panicked() -> io::Error {
    io::Error::other("the storage panicked")
}
