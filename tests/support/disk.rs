//! A disk in memory that forgets what was not synced, and fails at the operation it is told to.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use hobbit::repository::{Identity, Storage, StorageFile};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The operation fails with an I/O error and does nothing.
    Io,
    /// The disk is full: half of what is to be written is, and from then on nothing can be written or created.
    Full,
    /// The machine stops before the operation.
    CrashBefore,
    /// The machine stops right after the operation.
    CrashAfter,
}

/// What a machine finds on its disk after it stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Survives {
    /// Everything that was written: the process was killed.
    Everything,
    /// Only what was synced: the power failed.
    Synced,
}

#[derive(Debug, Clone, Default)]
struct Content {
    now: Vec<u8>,
    synced: Vec<u8>,
}

#[derive(Debug, Default)]
struct State {
    contents: Vec<Content>,
    names: BTreeMap<PathBuf, usize>,
    synced_names: BTreeMap<PathBuf, usize>,
    operations: usize,
    fault: Option<(usize, Fault)>,
    stopped: bool,
    full: bool,
}

/// The disk; clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryDisk(Arc<Mutex<State>>);

struct OpenFile {
    disk: MemoryDisk,
    content: usize,
}

fn stopped() -> Error {
    Error::other("the machine has stopped")
}

impl MemoryDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Lets the `operation`-th writing operation from now on (counted from 0) go wrong.
    pub(crate) fn fail_at(&self, operation: usize, fault: Fault) {
        let mut state = self.state();
        state.operations = 0;
        state.fault = Some((operation, fault));
    }

    /// How many writing operations there have been.
    pub(crate) fn operations(&self) -> usize {
        self.state().operations
    }

    /// The machine starts again, with free space on its disk.
    pub(crate) fn restart(&self, survives: Survives) {
        let mut state = self.state();
        (state.stopped, state.full, state.fault) = (false, false, None);
        if survives == Survives::Synced {
            state.names = state.synced_names.clone();
            for content in &mut state.contents {
                content.now = content.synced.clone();
            }
        }
    }

    /// A file's bytes.
    pub(crate) fn file(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        let state = self.state();
        state.names.get(path.as_ref()).map(|&content| state.contents[content].now.clone())
    }

    /// Puts a file there, as somebody else might; nothing removes it.
    pub(crate) fn put(&self, path: impl AsRef<Path>, bytes: Option<&[u8]>) {
        let mut state = self.state();
        let Some(bytes) = bytes else {
            state.names.remove(path.as_ref());
            return;
        };
        state.contents.push(Content { now: bytes.to_owned(), synced: bytes.to_owned() });
        let content = state.contents.len() - 1;
        state.names.insert(path.as_ref().to_owned(), content);
        state.synced_names.insert(path.as_ref().to_owned(), content);
    }

    /// The names of all files that end so.
    pub(crate) fn files(&self, ending: &str) -> Vec<PathBuf> {
        self.state().names.keys().filter(|path| path.to_string_lossy().ends_with(ending)).cloned().collect()
    }

    /// Runs a writing operation, or lets it go wrong.
    fn operate<T>(
        &self,
        partly: impl FnOnce(&mut State),
        whole: impl FnOnce(&mut State) -> Result<T>,
    ) -> Result<T> {
        let mut state = self.state();
        if state.stopped {
            return Err(stopped());
        }
        let fault = state.fault.filter(|&(at, _)| at == state.operations).map(|(_, fault)| fault);
        state.operations += 1;
        match fault {
            Some(Fault::Io) => Err(Error::other("input/output error")),
            Some(Fault::Full) => {
                state.full = true;
                partly(&mut state);
                Err(Error::from(ErrorKind::StorageFull))
            }
            Some(Fault::CrashBefore) => {
                state.stopped = true;
                Err(stopped())
            }
            Some(Fault::CrashAfter) => {
                let _ = whole(&mut state);
                state.stopped = true;
                Err(stopped())
            }
            None => whole(&mut state),
        }
    }
}

impl Storage for MemoryDisk {
    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        if self.state().stopped {
            return Err(stopped());
        }
        self.file(path).ok_or(Error::from(ErrorKind::NotFound))
    }

    fn create(&self, path: &Path) -> Result<Box<dyn StorageFile>> {
        let content = self.operate(
            |_| (),
            |state| {
                if state.full {
                    return Err(Error::from(ErrorKind::StorageFull));
                }
                state.contents.push(Content::default());
                let content = state.contents.len() - 1;
                state.names.insert(path.to_owned(), content);
                Ok(content)
            },
        )?;
        Ok(Box::new(OpenFile { disk: self.clone(), content }))
    }

    fn append(&self, path: &Path) -> Result<Box<dyn StorageFile>> {
        let known = self.state().names.get(path).copied();
        match known {
            Some(content) => Ok(Box::new(OpenFile { disk: self.clone(), content })),
            None => self.create(path),
        }
    }

    fn truncate(&self, path: &Path, length: u64) -> Result<()> {
        self.operate(
            |_| (),
            |state| {
                let content = *state.names.get(path).ok_or(Error::from(ErrorKind::NotFound))?;
                let content = &mut state.contents[content];
                content.now.truncate(length as usize);
                content.synced = content.now.clone();
                Ok(())
            },
        )
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.operate(
            |_| (),
            |state| {
                let content = state.names.remove(from).ok_or(Error::from(ErrorKind::NotFound))?;
                state.names.insert(to.to_owned(), content);
                Ok(())
            },
        )
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.operate(
            |_| (),
            |state| state.names.remove(path).map(|_| ()).ok_or(Error::from(ErrorKind::NotFound)),
        )
    }

    fn sync_dir(&self, path: &Path) -> Result<()> {
        self.operate(
            |_| (),
            |state| {
                let inside = |name: &PathBuf| name.parent() == Some(path);
                state.synced_names.retain(|name, _| !inside(name));
                let now: Vec<_> = state
                    .names
                    .iter()
                    .filter(|(name, _)| inside(name))
                    .map(|(n, &c)| (n.clone(), c))
                    .collect();
                state.synced_names.extend(now);
                Ok(())
            },
        )
    }

    fn create_dir(&self, path: &Path) -> Result<()> {
        // the lock needs a directory that is really there
        std::fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> Result<Vec<String>> {
        let state = self.state();
        let inside = state.names.keys().filter(|name| name.parent() == Some(path));
        Ok(inside.map(|name| name.file_name().unwrap().to_string_lossy().into_owned()).collect())
    }

    fn identity(&self, path: &Path) -> Result<Option<Identity>> {
        let state = self.state();
        if state.stopped {
            return Err(stopped());
        }
        let content = *state.names.get(path).ok_or(Error::from(ErrorKind::NotFound))?;
        Ok(Some(Identity { file: content as u128, length: state.contents[content].now.len() as u64 }))
    }
}

impl StorageFile for OpenFile {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let content = self.content;
        self.disk.operate(
            |state| state.contents[content].now.extend_from_slice(&bytes[..bytes.len() / 2]),
            |state| {
                if state.full {
                    return Err(Error::from(ErrorKind::StorageFull));
                }
                state.contents[content].now.extend_from_slice(bytes);
                Ok(())
            },
        )
    }

    fn sync(&mut self) -> Result<()> {
        let content = self.content;
        self.disk.operate(
            |_| (),
            |state| {
                let content = &mut state.contents[content];
                content.synced = content.now.clone();
                Ok(())
            },
        )
    }
}
