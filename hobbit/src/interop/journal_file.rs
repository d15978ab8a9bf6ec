//! The file of Optuna's journal storage: a line of JSON for each operation, appended under a lock that all
//! writers share.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value as Json;

use crate::error::{Error, Result};

/// The numbers by which a line says what it does.
pub(super) mod op {
    pub(in super::super) const CREATE_STUDY: u64 = 0;
    pub(in super::super) const DELETE_STUDY: u64 = 1;
    pub(in super::super) const STUDY_USER_ATTR: u64 = 2;
    pub(in super::super) const STUDY_SYSTEM_ATTR: u64 = 3;
    pub(in super::super) const CREATE_TRIAL: u64 = 4;
    pub(in super::super) const TRIAL_PARAM: u64 = 5;
    pub(in super::super) const TRIAL_STATE: u64 = 6;
    pub(in super::super) const INTERMEDIATE_VALUE: u64 = 7;
    pub(in super::super) const TRIAL_USER_ATTR: u64 = 8;
}

/// The numbers of a trial's states.
pub(super) mod state {
    pub(in super::super) const RUNNING: u64 = 0;
    pub(in super::super) const COMPLETE: u64 = 1;
    pub(in super::super) const PRUNED: u64 = 2;
    pub(in super::super) const FAIL: u64 = 3;

    /// A trial in such a state takes no more lines.
    pub(in super::super) fn is_finished(state: u64) -> bool {
        (COMPLETE..=FAIL).contains(&state)
    }
}

/// The whole number that a line has under this name.
pub(super) fn whole(line: &Json, name: &str) -> Option<u64> {
    line.get(name).and_then(Json::as_u64)
}

/// A lock that has been there unchanged for so long belonged to a process that died.
const GRACE: Duration = Duration::from_secs(30);

/// How every line begins.
const BEGINNING: &[u8] = b"{\"";

/// A journal, and how far it was read.
pub(super) struct JournalFile {
    path: PathBuf,
    read: u64,
    lines: usize,
    /// Whether what processes that died left of their locks was removed.
    tidied: bool,
}

impl JournalFile {
    pub(super) fn new(path: &Path) -> JournalFile {
        JournalFile { path: path.to_owned(), read: 0, lines: 0, tidied: false }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The whole lines that were added since the last call; none if there is no file. Numbers that are not
    /// finite are null.
    ///
    /// # Errors
    /// The file cannot be read, was shortened, or has a line that is not JSON.
    pub(super) fn new_lines(&mut self) -> Result<Vec<Json>> {
        let mut bytes = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            if file.metadata()?.len() < self.read {
                return Err(io::Error::other("it became shorter while it was being written"));
            }
            file.seek(SeekFrom::Start(self.read))?;
            file.read_to_end(&mut bytes)
        });
        match read {
            Err(error) if error.kind() == ErrorKind::NotFound && self.read == 0 => return Ok(Vec::new()),
            read => read.map_err(|error| Error::io("read", &self.path, error))?,
        };
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        let mut lines = Vec::new();
        for line in bytes[..whole].split_inclusive(|&byte| byte == b'\n') {
            self.lines += 1;
            let json = std::str::from_utf8(line)
                .map_err(|error| error.to_string())
                .and_then(|line| serde_json::from_str(&only_finite(line)).map_err(|error| error.to_string()));
            lines.push(json.map_err(|why| {
                Error::repository(format!(
                    "{}:{}: this is not a line of an Optuna journal: {why}",
                    self.path.display(),
                    self.lines
                ))
            })?);
        }
        self.read += whole as u64;
        // what would be cut off has to be what a process that died left of a line
        let rest = &bytes[whole..];
        if !(rest.starts_with(BEGINNING) || BEGINNING.starts_with(rest)) {
            return Err(Error::repository(format!(
                "{}:{}: this is not a line of an Optuna journal",
                self.path.display(),
                self.lines + 1
            )));
        }
        Ok(lines)
    }

    /// Waits for the lock of all who write to this file.
    ///
    /// # Errors
    /// The file or its directory cannot be written to.
    pub(super) fn lock(&mut self) -> Result<Lock> {
        let file = OpenOptions::new().append(true).create(true).open(&self.path);
        let file = file.map_err(|error| Error::io("write", &self.path, error))?;
        let lock = Lock::acquire(&self.path, file).map_err(|error| Error::io("lock", &self.path, error))?;
        if !std::mem::replace(&mut self.tidied, true) {
            tidy(&self.path);
        }
        Ok(lock)
    }

    /// Adds whole lines, durably, where everything before has been read. What a process that died left of a
    /// line is cut off.
    pub(super) fn append(&mut self, _: &Lock, lines: &str) -> Result<()> {
        let write = || {
            let mut file = OpenOptions::new().append(true).open(&self.path)?;
            if file.metadata()?.len() != self.read {
                file.set_len(self.read)?;
            }
            file.write_all(lines.as_bytes())?;
            file.sync_data()
        };
        write().map_err(|error| Error::io("write", &self.path, error))?;
        self.read += lines.len() as u64;
        self.lines += lines.bytes().filter(|&byte| byte == b'\n').count();
        Ok(())
    }
}

/// The lock: a symbolic link beside the file, as Optuna makes it. Whoever creates it has it.
///
/// hobbit's processes lock the file itself first, with a lock that ends with its process. So whoever has that
/// and finds a link of hobbit's knows that its maker died, and need not wait.
pub(super) struct Lock {
    link: PathBuf,
    _file: File,
}

impl Lock {
    fn acquire(path: &Path, file: File) -> io::Result<Lock> {
        // elsewhere such a lock keeps its own process from writing through another handle
        let alone = cfg!(unix) && file.lock().is_ok();
        let path = std::path::absolute(path)?;
        let link = with_suffix(&path, ".lock");
        let mut pause = Duration::from_millis(1);
        let mut seen: Option<(SystemTime, Instant)> = None;
        loop {
            match create(&path, &link) {
                Ok(()) => return Ok(Lock { link, _file: file }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            // it may be gone by now
            if let Ok(made) = link.symlink_metadata().and_then(|link| link.modified()) {
                let since = match seen {
                    Some((known, since)) if known == made => since,
                    _ => seen.insert((made, Instant::now())).1,
                };
                if since.elapsed() > GRACE || (alone && is_ours(&path, &link)) {
                    remove(&link);
                    seen = None;
                    continue;
                }
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(250));
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        remove(&self.link);
    }
}

/// First renamed, so that of two who remove it only one succeeds.
fn remove(link: &Path) {
    let unique = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let aside = with_suffix(link, &format!("{}-{unique}.rename", std::process::id()));
    // where it cannot be removed, others wait until it is old
    if std::fs::rename(link, &aside).is_ok() {
        let _ = std::fs::remove_file(&aside);
    }
}

/// Removes the links of hobbit's that [`remove`] had renamed when its process was killed. Where that is not
/// possible they harm nobody.
fn tidy(path: &Path) {
    let Ok(path) = std::path::absolute(path) else { return };
    let Some(dir) = path.parent() else { return };
    let begins = with_suffix(&path, ".lock");
    let begins = begins.file_name().unwrap_or_default().as_encoded_bytes();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let middle = name.as_encoded_bytes().strip_prefix(begins);
        let middle = middle.and_then(|rest| rest.strip_suffix(b".rename")).unwrap_or_default();
        let is_renamed =
            !middle.is_empty() && middle.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-');
        if is_renamed && is_ours(&path, &entry.path()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Where a link of hobbit's points to: the file, so that others can tell its age, in a way that nobody else
/// writes it.
#[cfg(unix)]
fn target(path: &Path) -> PathBuf {
    Path::new(".").join(path.file_name().unwrap_or_default())
}

#[cfg(unix)]
fn create(path: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target(path), link)
}

#[cfg(unix)]
fn is_ours(path: &Path, link: &Path) -> bool {
    // as texts: as paths, `./a` and `a` may be the same
    link.read_link().is_ok_and(|to| to.as_os_str() == target(path).as_os_str())
}

/// What Optuna's `JournalFileOpenLock` does, which is the one to use where there are no symbolic links.
#[cfg(not(unix))]
fn create(_: &Path, lock: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(lock).map(drop)
}

#[cfg(not(unix))]
fn is_ours(_: &Path, _: &Path) -> bool {
    false
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Python writes numbers that are not finite as words that are no JSON: nulls instead of them.
fn only_finite(line: &str) -> Cow<'_, str> {
    const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];
    if !WORDS.iter().any(|word| line.contains(word)) {
        return Cow::Borrowed(line);
    }
    let mut out = String::with_capacity(line.len());
    let (mut rest, mut quoted) = (line, false);
    while let Some(next) = rest.chars().next() {
        let word = WORDS.iter().find(|word| !quoted && rest.starts_with(**word));
        let length = match (word, next) {
            (Some(word), _) => {
                out.push_str("null");
                word.len()
            }
            // with the character that is escaped
            (None, '\\') if quoted => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            (None, next) => {
                quoted ^= next == '"';
                next.len_utf8()
            }
        };
        if word.is_none() {
            out.push_str(&rest[..length]);
        }
        rest = &rest[length..];
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that is killed while it gives its lock back leaves a link of another name.
    #[cfg(unix)]
    #[test]
    fn what_killed_processes_left_is_removed_and_nothing_else() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("study.journal");
        let place = |name: &str| dir.path().join(name);
        symlink("./study.journal", place("study.journal.lock12-345.rename")).unwrap();
        symlink("./study.journal", place("study.journal.lock6-7.rename")).unwrap();
        // those of Optuna, of another file, and of a user
        symlink("study.journal", place("study.journal.lock9b1d.rename")).unwrap();
        symlink("study.journal", place("study.journal.lock8-9.rename")).unwrap();
        symlink("./other.journal", place("other.journal.lock1-2.rename")).unwrap();
        std::fs::write(place("study.journal.lock3-4.rename"), "mine").unwrap();
        let mut file = JournalFile::new(&path);
        drop(file.lock().unwrap());
        let mut names: Vec<String> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let left = [
            "other.journal.lock1-2.rename",
            "study.journal",
            "study.journal.lock3-4.rename",
            "study.journal.lock8-9.rename",
            "study.journal.lock9b1d.rename",
        ];
        assert_eq!(names, left);
    }

    #[test]
    fn words_in_texts_stay() {
        let line = r#"{"a":NaN,"b":[-Infinity,Infinity],"c \" NaN":"NaN \\","d":NaN}"#;
        assert_eq!(only_finite(line), r#"{"a":null,"b":[null,null],"c \" NaN":"NaN \\","d":null}"#);
        assert_eq!(only_finite(r#"{"é\é":NaN}"#), r#"{"é\é":null}"#);
    }
}
