//! The few file operations a repository is made of, so that tests can make each of them fail.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Where a repository's files are kept.
///
/// [`Disk`] is the one to use; tests use others that fail on purpose.
pub trait Storage: fmt::Debug + Send + Sync + 'static {
    /// Everything in a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// A new file, or an old one emptied.
    fn create(&self, path: &Path) -> io::Result<Box<dyn StorageFile>>;
    /// A file to which is written at its end.
    fn append(&self, path: &Path) -> io::Result<Box<dyn StorageFile>>;
    /// Cuts a file to `length` bytes, durably.
    fn truncate(&self, path: &Path, length: u64) -> io::Result<()>;
    /// Gives a file another name, replacing what had that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes a directory and those above it.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// The names of the files in a directory.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
}

/// An open file of a [`Storage`].
pub trait StorageFile: Send {
    /// Writes all of `bytes`; on an error any part of them may have been written.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was written durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// The machine's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Storage for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        Ok(Box::new(File::create(path)?))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        Ok(Box::new(OpenOptions::new().append(true).create(true).open(path)?))
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // a directory can be opened as a file on Unix only; elsewhere the rename itself is as durable as it gets
        if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }
}

impl StorageFile for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// The name under which a file is written before it gets its own.
pub(super) fn temporary(path: &Path) -> std::path::PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".tmp");
    path.with_file_name(name)
}

/// Replaces `path` by a file of these bytes: afterwards the file is the old one or the new one, never something between.
///
/// The new name is durable after `sync_dir` on its directory.
pub(super) fn replace(storage: &dyn Storage, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary(path);
    let write = || {
        let mut file = storage.create(&temporary)?;
        file.write(bytes)?;
        file.sync()
    };
    if let Err(error) = write() {
        // a full disk should not stay full of what could not be finished
        let _ = storage.remove(&temporary);
        return Err(error);
    }
    storage.rename(&temporary, path)
}
