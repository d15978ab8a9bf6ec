//! The directory in which a process saves its state, and its files in a checkpoint.
#![expect(clippy::disallowed_methods, reason = "these files are the process's, and none of a study's")]

use std::path::{Component, Path, PathBuf};

use crate::error::BoxError;
use crate::objective::Checkpoint;
use crate::trial::TrialId;

/// What the names of arrays begin with that are files.
const FILES: &str = "files/";

/// A temporary directory of one stage, removed when this is dropped.
pub(super) struct Directory(tempfile::TempDir);

impl Directory {
    pub(super) fn new(trial: TrialId) -> Result<Directory, BoxError> {
        let directory = tempfile::Builder::new().prefix(&format!("hobbit-{trial}-")).tempdir();
        let cannot = |error| format!("there is no temporary directory for the process: {error}");
        Ok(Directory(directory.map_err(cannot)?))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Puts the files of a checkpoint there.
    pub(super) fn restore(&self, saved: &Checkpoint) -> Result<(), BoxError> {
        for name in saved.arrays.keys() {
            let below = name
                .strip_prefix(FILES)
                .map(PathBuf::from)
                .filter(|path| path.components().all(|part| matches!(part, Component::Normal(_))));
            let below =
                below.ok_or_else(|| format!("`{name}` in the checkpoint is not a file of a process"))?;
            let path = self.path().join(below);
            let bytes = saved.get_bytes(name)?;
            let written = std::fs::create_dir_all(path.parent().unwrap_or(self.path()));
            let written = written.and_then(|()| std::fs::write(&path, bytes));
            written.map_err(|error| format!("could not write {}: {error}", path.display()))?;
        }
        Ok(())
    }

    /// The files that are there now; nothing if there are none.
    pub(super) fn files(&self) -> Result<Option<Checkpoint>, BoxError> {
        let mut checkpoint = Checkpoint::new();
        let mut open = vec![(self.path().to_owned(), FILES.to_owned())];
        while let Some((directory, name)) = open.pop() {
            let unreadable =
                |error: std::io::Error| format!("could not read {}: {error}", directory.display());
            for entry in std::fs::read_dir(&directory).map_err(unreadable)? {
                let entry = entry.map_err(unreadable)?;
                let path = entry.path();
                let own = entry.file_name();
                let own =
                    own.to_str().ok_or_else(|| format!("the name of {} is not text", path.display()))?;
                let kind = entry.file_type().map_err(unreadable)?;
                if kind.is_dir() {
                    open.push((path, format!("{name}{own}/")));
                } else if kind.is_file() {
                    let bytes = std::fs::read(&path).map_err(unreadable)?;
                    checkpoint.insert_bytes(format!("{name}{own}"), bytes);
                } else {
                    return Err(format!("{} is not a file, and cannot be kept", path.display()).into());
                }
            }
        }
        Ok(Some(checkpoint).filter(|checkpoint| !checkpoint.arrays.is_empty()))
    }
}
