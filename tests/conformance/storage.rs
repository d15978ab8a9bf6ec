//! Storages: the machine's file system, the memory of the tests, and some that break a law each.

use std::io::Result;
use std::path::Path;

use hobbit::repository::{Disk, Identity, Storage, StorageFile};
use hobbit::testing;

use super::breaks;
use crate::support::disk::{MemoryDisk, Survives};

#[test]
fn the_file_system_keeps_the_laws() {
    let dir = tempfile::tempdir().unwrap();
    testing::storage(&Disk, &dir.path().join("made/on/the/way"));
}

#[test]
fn the_disk_in_memory_keeps_the_laws() {
    let dir = tempfile::tempdir().unwrap();
    let disk = MemoryDisk::default();
    testing::storage(&disk, dir.path());
    testing::crashes(&disk, dir.path(), |disk| disk.restart(Survives::Synced));
    testing::crashes(&MemoryDisk::default(), dir.path(), |disk| disk.restart(Survives::Everything));
}

/// What a storage does wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Flaw {
    /// Files are created over the old ones.
    CreatesInPlace,
    /// A new name is a copy of the old file.
    RenamesByCopying,
    /// A file is cut in memory only, and grows again.
    CutsNothing,
    /// Removing a file that is not there works.
    RemovesAnything,
    /// Names with the directory.
    ListsPaths,
    /// Syncing does nothing.
    SyncsNothing,
}

/// A disk in memory with a flaw.
#[derive(Debug, Clone)]
struct Flawed(MemoryDisk, Flaw);

/// A file whose syncing does nothing.
struct Unsynced(Box<dyn StorageFile>);

impl StorageFile for Unsynced {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write(bytes)
    }

    fn sync(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Flawed {
    fn file(&self, file: Box<dyn StorageFile>) -> Box<dyn StorageFile> {
        if self.1 == Flaw::SyncsNothing { Box::new(Unsynced(file)) } else { file }
    }
}

impl Storage for Flawed {
    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        self.0.read(path)
    }

    fn create(&self, path: &Path) -> Result<Box<dyn StorageFile>> {
        if self.1 == Flaw::CreatesInPlace && self.0.read(path).is_ok() {
            self.0.truncate(path, 0)?;
            return self.0.append(path);
        }
        Ok(self.file(self.0.create(path)?))
    }

    fn append(&self, path: &Path) -> Result<Box<dyn StorageFile>> {
        Ok(self.file(self.0.append(path)?))
    }

    fn truncate(&self, path: &Path, length: u64) -> Result<()> {
        if self.1 == Flaw::CutsNothing { self.0.read(path).map(drop) } else { self.0.truncate(path, length) }
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        if self.1 == Flaw::RenamesByCopying {
            let bytes = self.0.read(from)?;
            self.0.remove(from)?;
            let mut file = self.0.create(to)?;
            file.write(&bytes[..bytes.len() / 2])?;
            return file.write(&bytes[bytes.len() / 2..]);
        }
        self.0.rename(from, to)
    }

    fn remove(&self, path: &Path) -> Result<()> {
        let removed = self.0.remove(path);
        if self.1 == Flaw::RemovesAnything { Ok(()) } else { removed }
    }

    fn sync_dir(&self, path: &Path) -> Result<()> {
        self.0.sync_dir(path)
    }

    fn create_dir(&self, path: &Path) -> Result<()> {
        self.0.create_dir(path)
    }

    fn list(&self, path: &Path) -> Result<Vec<String>> {
        let names = self.0.list(path)?;
        let shown = |name: String| path.join(name).display().to_string();
        Ok(if self.1 == Flaw::ListsPaths { names.into_iter().map(shown).collect() } else { names })
    }

    fn identity(&self, path: &Path) -> Result<Option<Identity>> {
        self.0.identity(path)
    }
}

#[test]
fn what_a_storage_does_wrong_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    for (flaw, words) in [
        (Flaw::CreatesInPlace, "who has the old file open"),
        (Flaw::RenamesByCopying, "another one after it was renamed"),
        (Flaw::CutsNothing, "a file is cut to the length"),
        (Flaw::RemovesAnything, "works though there is no such file"),
        (Flaw::ListsPaths, "`list` gives the names of the files"),
    ] {
        breaks(|| testing::storage(&Flawed(MemoryDisk::default(), flaw), dir.path()), &[words]);
    }
    let crash = |disk: &Flawed| disk.0.restart(Survives::Synced);
    let crashes = |flaw| testing::crashes(&Flawed(MemoryDisk::default(), flaw), dir.path(), crash);
    breaks(|| crashes(Flaw::SyncsNothing), &["synced", "lost in a crash"]);
    breaks(|| crashes(Flaw::CutsNothing), &["a cut is not durable"]);
}
