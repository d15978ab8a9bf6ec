//! One process at a time: the lock of a repository.
//!
//! The file `lock` is locked by the operating system, which frees it when the process ends, however it ends;
//! host and process id are written into it for the message to the second process. Where the file system has
//! no such locks, a file `lock.owner` stands for it, and a process that is gone is recognized by its id, on
//! the same host.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};

use super::ending::{self, Watch};
use super::names;
use super::reason::StopReason;
use super::records::Timestamp;
use super::storage::{Identity, careful, open_own};
use crate::error::{Error, Result};

/// Held as long as a process works on a repository.
#[derive(Debug)]
pub(super) struct Lock {
    held: Held,
    /// The file that is locked, or stands for the lock.
    path: PathBuf,
    /// The file was not there before.
    is_new: bool,
    /// How the process before ended, if it left a trace.
    pub(super) ending: Option<StopReason>,
    watch: Option<Watch>,
}

#[derive(Debug)]
enum Held {
    /// Locked by the operating system.
    Locked(File),
    /// Where there are no locks; removed at the end.
    Owned,
}

/// Who holds a lock.
pub(super) struct Owner {
    pub(super) host: String,
    pub(super) pid: u32,
}

impl Owner {
    /// This process.
    pub(super) fn this() -> Owner {
        let host = System::host_name().unwrap_or_else(|| "unknown".to_owned());
        // one word, so that a line of the user's own is not taken for an owner
        Owner { host: host.split_whitespace().collect::<Vec<_>>().join("-"), pid: std::process::id() }
    }

    fn to_text(&self) -> String {
        format!("{} {}\n", self.host, self.pid)
    }

    fn parse(text: &str) -> Option<Owner> {
        let (owner, trace) = text.split_once('\n').unwrap_or((text, ""));
        let (host, pid) = owner.split_once(' ').filter(|_| ending::is_trace(trace))?;
        let is_word = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control());
        let pid = pid.parse().ok()?;
        is_word.then(|| Owner { host: host.to_owned(), pid })
    }

    /// Whether its process, which was there at `since`, still runs; of another host nothing is known.
    pub(super) fn is_running(&self, since: Option<Timestamp>) -> Option<bool> {
        /// What a clock may be set forward meanwhile, in seconds.
        const TOLERANCE: f64 = 60.0;
        if self.host != Owner::this().host {
            return None;
        }
        let pid = Pid::from_u32(self.pid);
        let mut system = System::new();
        system.refresh_processes_specifics(
            ProcessesToUpdate::Some(&[pid]),
            true,
            ProcessRefreshKind::nothing(),
        );
        Some(system.process(pid).is_some_and(|process| {
            let began_later =
                since.is_some_and(|Timestamp(since)| process.start_time() as f64 > since + TOLERANCE);
            !began_later && !matches!(process.status(), ProcessStatus::Zombie | ProcessStatus::Dead)
        }))
    }
}

impl Lock {
    /// Locks the repository in `dir`.
    ///
    /// # Errors
    /// Another process holds it, with its host and process id; or the file of this name is not hobbit's.
    pub(super) fn acquire(dir: &Path) -> Result<Lock> {
        /// Another process may remove the file between two of our steps, but not for ever.
        const TRIES: u32 = 20;
        let path = dir.join(names::LOCK);
        let failed = |error| Error::io("lock", &path, error);
        for _ in 0..TRIES {
            let Some((mut file, is_new)) = open(&path).map_err(failed)? else { continue };
            match file.try_lock() {
                // whoever made the file may have removed it before we had it locked
                Ok(()) if !is_at(&file, &path).unwrap_or(false) => {}
                Ok(()) => {
                    let text = read(&mut file).map_err(failed)?;
                    let is_empty = text.bytes().all(|byte| byte == 0);
                    if !is_empty && Owner::parse(&text).is_none() {
                        return Err(foreign(&path));
                    }
                    file.set_len(0).map_err(failed)?;
                    file.rewind().map_err(failed)?;
                    let trace = text.split_once('\n').map_or("", |(_, trace)| trace);
                    let ending = ending::read(trace);
                    // a trace stays in the file until the journal has it: this process may not get that far
                    let trace = if ending.is_some() { trace.to_owned() } else { ending::begin() };
                    file.write_all((Owner::this().to_text() + &trace).as_bytes()).map_err(failed)?;
                    let watch = Some(Watch::new(&file));
                    return Ok(Lock { held: Held::Locked(file), path, is_new, ending, watch });
                }
                Err(TryLockError::WouldBlock) => {
                    let text = read(&mut file).unwrap_or_default();
                    return Err(taken(dir, Owner::parse(&text).as_ref(), ""));
                }
                Err(TryLockError::Error(_)) => return Lock::without_flock(dir),
            }
        }
        Err(taken(dir, None, ""))
    }

    /// The lock for file systems that cannot lock: a file that only one process can create.
    fn without_flock(dir: &Path) -> Result<Lock> {
        let path = dir.join(names::LOCK_OWNER);
        let hint = format!(
            "; this file system has no locks of its own, so if that process is gone, remove {}",
            path.display()
        );
        for _ in 0..3 {
            match careful().write(true).create_new(true).open(&path) {
                Ok(mut file) => {
                    file.write_all(Owner::this().to_text().as_bytes())
                        .and_then(|()| file.sync_all())
                        .map_err(|error| Error::io("write", &path, error))?;
                    return Ok(Lock { held: Held::Owned, path, is_new: true, ending: None, watch: None });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    let owner = owner_in(&path);
                    if owner.as_ref().is_none_or(|owner| owner.is_running(None) != Some(false)) {
                        return Err(taken(dir, owner.as_ref(), &hint));
                    }
                    // its process is gone: take it over, by a rename that only one process can win
                    let aside = dir.join(format!("{}.{}", names::LOCK_OWNER, std::process::id()));
                    if std::fs::rename(&path, &aside).is_ok() {
                        let _ = std::fs::remove_file(&aside);
                    }
                }
                Err(error) => return Err(Error::io("lock", &path, error)),
            }
        }
        Err(taken(dir, None, &hint))
    }

    /// Makes sure that the lock is still where others look for it.
    ///
    /// # Errors
    /// Its file was removed or replaced, so that another process may have begun to work on the repository.
    pub(super) fn check(&self) -> Result<()> {
        let is_there = match &self.held {
            Held::Locked(file) => is_at(file, &self.path),
            Held::Owned => Ok(owner_in(&self.path).is_some_and(|owner| owner.pid == std::process::id())),
        };
        match is_there {
            Ok(true) => Ok(()),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("look at", &self.path, error)),
            _ => Err(Error::repository(format!(
                "{} was removed or replaced while the sweep was running, so another process may work on the study too; nothing \
                 more was written. Run again to continue: what is in the journal is not trained again",
                self.path.display()
            ))),
        }
    }

    /// The journal says how the process before ended: its trace is not needed any more.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn forget_ending(&mut self) -> Result<()> {
        if self.ending.take().is_none() {
            return Ok(());
        }
        let Held::Locked(file) = &mut self.held else { return Ok(()) };
        let owner = Owner::this().to_text();
        let write = |file: &mut File| {
            file.set_len(owner.len() as u64)?;
            file.seek(SeekFrom::Start(owner.len() as u64))?;
            file.write_all(ending::begin().as_bytes())
        };
        write(file).map_err(|error| Error::io("write", &self.path, error))
    }

    /// The file in which a process that exits leaves its trace.
    pub(super) fn trace(&self) -> Option<File> {
        match &self.held {
            Held::Locked(file) => file.try_clone().ok(),
            Held::Owned => None,
        }
    }

    /// Gives the lock back, and removes its file if it was not there before.
    pub(super) fn abandon(self) {
        if self.is_new && self.check().is_ok() {
            // others that have it open see that it is gone once they have locked it
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // others write to the file from now on
        self.watch = None;
        match &self.held {
            // closing the file is not enough: a child process that is just being started may have it open too
            Held::Locked(file) => drop(file.unlock()),
            Held::Owned if self.check().is_ok() => drop(std::fs::remove_file(&self.path)),
            Held::Owned => {}
        }
    }
}

/// Opens the file to lock, and says whether it was made for that; nothing if it came or went meanwhile.
fn open(path: &Path) -> std::io::Result<Option<(File, bool)>> {
    match open_own(careful().read(true).write(true), path) {
        Ok(file) => Ok(Some((file, false))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            match careful().read(true).write(true).create_new(true).open(path) {
                Ok(file) => Ok(Some((file, true))),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

/// What a lock's file says; nothing longer than it can be.
fn read(file: &mut impl Read) -> std::io::Result<String> {
    const MOST: u64 = 1024;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn owner_in(path: &Path) -> Option<Owner> {
    let mut file = open_own(careful().read(true), path).ok()?;
    Owner::parse(&read(&mut file).ok()?)
}

/// Whether the file of this name is the one that is open.
fn is_at(file: &File, path: &Path) -> std::io::Result<bool> {
    let there = Identity::of(&std::fs::symlink_metadata(path)?).file;
    Ok(there == Identity::of(&file.metadata()?).file)
}

fn foreign(path: &Path) -> Error {
    Error::repository(format!(
        "{} is not a file of hobbit's, and was left as it is; a study's directory needs that name: choose another directory, or \
         move the file away",
        path.display()
    ))
}

fn taken(dir: &Path, owner: Option<&Owner>, hint: &str) -> Error {
    let who = match owner {
        Some(Owner { host, pid }) => format!("process {pid} on host {host}"),
        None => "another process".to_owned(),
    };
    Error::repository(format!(
        "the repository {} is in use by {who}; wait for it to end, or choose another directory{hint}",
        dir.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_is_first() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::acquire(dir.path()).unwrap();
        let message = Lock::acquire(dir.path()).unwrap_err().to_string();
        assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
        assert!(message.contains(&Owner::this().host), "{message}");
        drop(first);
        Lock::acquire(dir.path()).unwrap();
    }

    #[test]
    fn without_flock_a_dead_process_is_taken_over_and_a_living_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::without_flock(dir.path()).unwrap();
        let message = Lock::without_flock(dir.path()).unwrap_err().to_string();
        assert!(message.contains("remove") && message.contains("lock.owner"), "{message}");
        drop(first);

        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = Owner { host: Owner::this().host, pid: child.id() };
        child.wait().unwrap();
        std::fs::write(dir.path().join(names::LOCK_OWNER), dead.to_text()).unwrap();
        let second = Lock::without_flock(dir.path()).unwrap();
        drop(second);

        std::fs::write(dir.path().join(names::LOCK_OWNER), "another-host 1\n").unwrap();
        let message = Lock::without_flock(dir.path()).unwrap_err().to_string();
        assert!(message.contains("process 1 on host another-host"), "{message}");
    }

    #[test]
    fn the_trace_of_a_death_stays_until_the_journal_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        std::fs::write(&path, format!("vm 26784\n{}X", ending::begin())).unwrap();
        // somebody looks, and goes again: another study's program, or `salvage`
        for _ in 0..2 {
            let lock = Lock::acquire(dir.path()).unwrap();
            assert!(lock.ending.is_some());
            assert_eq!(owner_in(&path).unwrap().pid, std::process::id());
            lock.abandon();
        }
        let mut lock = Lock::acquire(dir.path()).unwrap();
        lock.forget_ending().unwrap();
        let text = Owner::this().to_text() + &ending::begin();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        // where a process that ends from here on leaves its own
        lock.trace().unwrap().write_all(ending::EXIT).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), [text.as_bytes(), ending::EXIT].concat());
        drop(lock);
        assert!(Lock::acquire(dir.path()).unwrap().ending.is_some());
    }

    #[test]
    fn a_file_of_somebody_else_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        for text in ["precious", "my precious 12", "one 1\ntwo 2\n", "vm -1", "vm x", " 12"] {
            std::fs::write(&path, text).unwrap();
            let message = Lock::acquire(dir.path()).unwrap_err().to_string();
            assert!(message.contains("not a file of hobbit's") && message.contains("lock"), "{message}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        // what was there when the power failed
        for text in ["", "\0\0\0\0", "vm 26784\n", "vm 26784"] {
            std::fs::write(&path, text).unwrap();
            let lock = Lock::acquire(dir.path()).unwrap();
            assert_eq!(owner_in(&path).unwrap().pid, std::process::id());
            lock.abandon();
            assert!(path.exists(), "it was there before");
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(Lock::acquire(dir.path()).unwrap_err().to_string().contains("could not lock"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (mine, path) = (dir.path().join("mine"), dir.path().join("lock"));
        for is_there in [true, false] {
            if is_there {
                std::fs::write(&mine, "").unwrap();
            }
            std::os::unix::fs::symlink(&mine, &path).unwrap();
            let message = Lock::acquire(dir.path()).unwrap_err().to_string();
            assert!(message.contains("symbolic link"), "{message}");
            std::fs::remove_file(&path).unwrap();
            if is_there {
                assert_eq!(std::fs::read(&mine).unwrap(), b"");
                std::fs::remove_file(&mine).unwrap();
            }
            assert!(!mine.exists());
        }
    }

    #[test]
    fn a_lock_that_was_removed_or_replaced_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let lock = Lock::acquire(dir.path()).unwrap();
        lock.check().unwrap();
        std::fs::remove_file(&path).unwrap();
        let message = lock.check().unwrap_err().to_string();
        assert!(message.contains("lock was removed or replaced"), "{message}");
        let second = Lock::acquire(dir.path()).unwrap();
        assert!(lock.check().is_err());
        second.check().unwrap();
        // what is not ours any more is not removed
        lock.abandon();
        second.check().unwrap();
        second.abandon();
        assert!(!path.exists(), "it was not there before");

        let lock = Lock::without_flock(dir.path()).unwrap();
        lock.check().unwrap();
        std::fs::write(dir.path().join("lock.owner"), "another-host 1\n").unwrap();
        assert!(lock.check().is_err());
        drop(lock);
        assert!(dir.path().join("lock.owner").exists());
    }
}
