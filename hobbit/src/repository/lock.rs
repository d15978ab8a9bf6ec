//! One process at a time: the lock of a repository.
//!
//! The file `lock` is locked by the operating system, which frees it when the process ends, however it ends; host and
//! process id are written into it for the message to the second process. Where the file system has no such locks, a file
//! `lock.owner` stands for it, and a process that is gone is recognized by its id, on the same host.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};

use super::names;
use super::records::Timestamp;
use crate::error::{Error, Result};

/// Held as long as a process works on a repository.
#[derive(Debug)]
pub(super) struct Lock {
    file: Option<File>,
    /// The file that stands for the lock where there are no locks; removed at the end.
    owner: Option<PathBuf>,
}

/// Who holds a lock.
pub(super) struct Owner {
    pub(super) host: String,
    pub(super) pid: u32,
}

impl Owner {
    /// This process.
    pub(super) fn this() -> Owner {
        Owner { host: System::host_name().unwrap_or_else(|_| "unknown".to_owned()), pid: std::process::id() }
    }

    fn to_text(&self) -> String {
        format!("{} {}\n", self.host, self.pid)
    }

    fn parse(text: &str) -> Option<Owner> {
        let (host, pid) = text.trim().rsplit_once(' ')?;
        Some(Owner { host: host.to_owned(), pid: pid.parse().ok()? })
    }

    /// Whether its process, which was there at `since`, still runs; of another host nothing is known.
    pub(super) fn is_running(&self, since: Option<Timestamp>) -> Option<bool> {
        /// What a clock may be set forward meanwhile, in seconds.
        const TOLERANCE: f64 = 60.0;
        if self.host != Owner::this().host {
            return None;
        }
        let pid = Pid::from_u32(self.pid);
        let mut system = System::new().ok()?;
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
    /// Another process holds it, with its host and process id.
    pub(super) fn acquire(dir: &Path) -> Result<Lock> {
        let path = dir.join(names::LOCK);
        let failed = |error| Error::io("lock", &path, error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0).map_err(failed)?;
                file.rewind().map_err(failed)?;
                file.write_all(Owner::this().to_text().as_bytes()).map_err(failed)?;
                Ok(Lock { file: Some(file), owner: None })
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.read_to_string(&mut text);
                Err(taken(dir, Owner::parse(&text).as_ref(), ""))
            }
            Err(TryLockError::Error(_)) => Lock::without_flock(dir),
        }
    }

    /// The lock for file systems that cannot lock: a file that only one process can create.
    fn without_flock(dir: &Path) -> Result<Lock> {
        let path = dir.join(names::LOCK_OWNER);
        let hint = format!(
            "; this file system has no locks of its own, so if that process is gone, remove {}",
            path.display()
        );
        for _ in 0..3 {
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(mut file) => {
                    file.write_all(Owner::this().to_text().as_bytes())
                        .and_then(|()| file.sync_all())
                        .map_err(|error| Error::io("write", &path, error))?;
                    return Ok(Lock { file: None, owner: Some(path) });
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    let owner = std::fs::read_to_string(&path).ok().and_then(|text| Owner::parse(&text));
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
}

impl Drop for Lock {
    fn drop(&mut self) {
        // closing the file is not enough: a child process that is just being started may have it open too
        if let Some(file) = &self.file {
            let _ = file.unlock();
        }
        if let Some(owner) = &self.owner {
            let _ = std::fs::remove_file(owner);
        }
    }
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
}
