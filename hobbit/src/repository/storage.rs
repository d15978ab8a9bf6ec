//! The few file operations a repository is made of, so that tests can make each of them fail.

use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::names;

/// A file that is open for reading, from its beginning, and its length in bytes.
pub type OpenFile = (Box<dyn Read + Send>, u64);

/// Where a repository's files are kept.
///
/// [`Disk`] is the one to use; tests use others that fail on purpose.
pub trait Storage: fmt::Debug + Send + Sync + 'static {
    /// Reads a whole file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Opens a file for reading from its beginning, and returns its length, too. The reader sees the file as
    /// it was when it was opened, whatever replaces it.
    fn open(&self, path: &Path) -> io::Result<OpenFile> {
        let bytes = self.read(path)?;
        let length = bytes.len() as u64;
        Ok((Box::new(io::Cursor::new(bytes)), length))
    }
    /// Creates a file. An existing file of that name is removed first; if it is a link, its target stays as
    /// it is.
    fn create(&self, path: &Path) -> io::Result<Box<dyn StorageFile>>;
    /// Opens a file for appending.
    fn append(&self, path: &Path) -> io::Result<Box<dyn StorageFile>>;
    /// Cuts a file to `length` bytes, durably.
    fn truncate(&self, path: &Path, length: u64) -> io::Result<()>;
    /// Renames a file, replacing any file of that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Creates a directory and its parents.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// The names of the files in a directory.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Whether there is a file or a directory of this name.
    fn exists(&self, path: &Path) -> bool {
        match self.identity(path) {
            Ok(Some(_)) => true,
            Ok(None) => self.read(path).is_ok(),
            Err(_) => false,
        }
    }
    /// Which file has this name, to notice when it was removed, replaced or changed by somebody else; `None`
    /// where that cannot be told.
    fn identity(&self, path: &Path) -> io::Result<Option<Identity>> {
        let _ = path;
        Ok(None)
    }
}

/// Which file has a name, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// A different number for each existing file.
    pub file: u128,
    /// Its length in bytes.
    pub length: u64,
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

/// How files are opened that are written: not through a symbolic link of that name, and without waiting, as
/// for a pipe one would.
pub(super) fn careful() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "there are no such flags"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
    }
    options
}

/// Opens a file that is there, to be written to or read, if writing to it changes this file alone.
pub(super) fn open_own(options: &OpenOptions, path: &Path) -> io::Result<File> {
    // where a link is not refused as it is opened, and to say more than the system's "too many levels of
    // links"
    if is_link(path) {
        return Err(refused(
            "it is a symbolic link, and writing would change another file; put the file itself there",
        ));
    }
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() && !metadata.is_dir() {
        return Err(refused("it is not a regular file"));
    }
    if links(&metadata) > 1 {
        return Err(refused(
            "the same file has another name elsewhere (a hard link), and writing would change it there too; put a copy there",
        ));
    }
    Ok(file)
}

/// Opens a file to be read, if it is a regular one: nobody waits for a pipe, or reads a device that has no
/// end. Returns its length, too.
fn open_regular(path: &Path) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
    }
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    // that a directory cannot be read is said by the system
    if !metadata.is_file() && !metadata.is_dir() {
        return Err(refused("it is not a regular file"));
    }
    Ok((file, metadata.len()))
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// How many names a file has.
fn links(metadata: &Metadata) -> u64 {
    #[cfg(unix)]
    let links = std::os::unix::fs::MetadataExt::nlink(metadata);
    #[cfg(not(unix))]
    let links = u64::from(metadata.is_file());
    links
}

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Identity {
        #[cfg(unix)]
        let file = {
            use std::os::unix::fs::MetadataExt;
            u128::from(metadata.dev()) << 64 | u128::from(metadata.ino())
        };
        // the best that can be had there
        #[cfg(not(unix))]
        let file = metadata
            .created()
            .ok()
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
            .map_or(0, |time| time.as_nanos());
        Identity { file, length: metadata.len() }
    }
}

/// Whether what has this name is a symbolic link.
pub(super) fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

impl Storage for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let (mut file, length) = open_regular(path)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX))?;
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn open(&self, path: &Path) -> io::Result<OpenFile> {
        let (file, length) = open_regular(path)?;
        Ok((Box::new(file), length))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        let mut options = careful();
        options.write(true).create_new(true);
        match options.open(path) {
            // what is there was left by a process that was killed, or by somebody else: never is anything
            // written through it
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_file(path)?;
                Ok(Box::new(options.open(path)?))
            }
            file => Ok(Box::new(file?)),
        }
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        Ok(Box::new(open_own(careful().append(true).create(true), path)?))
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        let file = open_own(careful().write(true), path)?;
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
        // a directory can be opened as a file on Unix only; elsewhere the rename itself is as durable as it
        // gets
        if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn identity(&self, path: &Path) -> io::Result<Option<Identity>> {
        fs::symlink_metadata(path).map(|metadata| Some(Identity::of(&metadata)))
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
fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(names::TEMPORARY);
    path.with_file_name(name)
}

/// Replaces `path` by a file of these bytes: afterwards the file is the old one or the new one, never
/// something between.
///
/// The new name is durable after `sync_dir` on its directory.
pub(super) fn replace(storage: &dyn Storage, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut replacement = Replacement::write(storage, path, bytes)?;
    let synced = replacement.sync();
    replacement.finish(storage, path, synced)
}

/// A file that is to replace another one.
pub(super) struct Replacement {
    temporary: PathBuf,
    /// Nothing if whoever wrote it has made it durable.
    file: Option<Box<dyn StorageFile>>,
}

impl Replacement {
    /// Writes the file, under a name of its own.
    pub(super) fn write(storage: &dyn Storage, path: &Path, bytes: &[u8]) -> io::Result<Replacement> {
        Replacement::write_parts(storage, path, |write| write(bytes))
    }

    /// Writes the file in several parts.
    pub(super) fn write_parts(
        storage: &dyn Storage,
        path: &Path,
        parts: impl FnOnce(&mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>,
    ) -> io::Result<Replacement> {
        let temporary = temporary(path);
        let mut file = storage.create(&temporary).map_err(|error| {
            io::Error::new(error.kind(), format!("could not make {}: {error}", temporary.display()))
        })?;
        if let Err(error) = parts(&mut |bytes| file.write(bytes)) {
            // a full disk should not stay full of what could not be finished
            let _ = storage.remove(&temporary);
            return Err(error);
        }
        Ok(Replacement { temporary, file: Some(file) })
    }

    /// One that is written already.
    pub(super) fn of(temporary: PathBuf, file: Option<Box<dyn StorageFile>>) -> Replacement {
        Replacement { temporary, file }
    }

    /// Makes what was written durable.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.sync())
    }

    /// Gives it the other one's name, if it is durable.
    pub(super) fn finish(self, storage: &dyn Storage, path: &Path, synced: io::Result<()>) -> io::Result<()> {
        if let Err(error) = synced {
            self.discard(storage);
            return Err(error);
        }
        storage.rename(&self.temporary, path)
    }

    /// Removes it. A full disk should not stay full of what could not be finished.
    pub(super) fn discard(self, storage: &dyn Storage) {
        let _ = storage.remove(&self.temporary);
    }
}

/// What was made for a repository that may turn out not to be one; what is not kept is removed again.
#[derive(Default)]
pub(super) struct Made(Vec<PathBuf>);

impl Made {
    /// Creates a directory and its parents.
    pub(super) fn dir(&mut self, storage: &dyn Storage, path: &Path) -> io::Result<()> {
        let missing = path.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists());
        let mut missing: Vec<PathBuf> = missing.map(Path::to_owned).collect();
        missing.reverse();
        storage.create_dir(path)?;
        self.0.append(&mut missing);
        Ok(())
    }

    /// Everything stays.
    pub(super) fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for dir in self.0.iter().rev() {
            // one that is not empty stays
            let _ = fs::remove_dir(dir);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_through_links() {
        let dir = tempfile::tempdir().unwrap();
        let (mine, link) = (dir.path().join("mine"), dir.path().join("link"));
        let made: [fn(&Path, &Path) -> io::Result<()>; 2] =
            [|mine, link| std::os::unix::fs::symlink(mine, link), |mine, link| fs::hard_link(mine, link)];
        for link_to in made {
            fs::write(&mine, "mine").unwrap();
            link_to(&mine, &link).unwrap();
            let refused = [Disk.append(&link).err(), Disk.truncate(&link, 0).err()];
            for error in refused {
                let text = error.unwrap().to_string();
                assert!(text.contains("link"), "{text}");
            }
            Disk.create(&link).unwrap().write(b"new").unwrap();
            assert_eq!(fs::read_to_string(&mine).unwrap(), "mine");
            assert_eq!(fs::read_to_string(&link).unwrap(), "new");
            fs::remove_file(&link).unwrap();
        }
        // nor where there is nothing yet
        std::os::unix::fs::symlink(dir.path().join("nothing"), &link).unwrap();
        assert!(Disk.append(&link).is_err());
        replace(&Disk, &link, b"new").unwrap();
        assert!(!dir.path().join("nothing").exists() && !is_link(&link));
    }

    #[test]
    fn nobody_waits_for_a_pipe_or_reads_a_device_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        for path in [&pipe, Path::new("/dev/zero")] {
            assert!(Disk.read(path).unwrap_err().to_string().contains("not a regular file"));
            assert!(Disk.append(path).is_err());
        }
        replace(&Disk, &pipe, b"new").unwrap();
        assert_eq!(Disk.read(&pipe).unwrap(), b"new");
    }
}
