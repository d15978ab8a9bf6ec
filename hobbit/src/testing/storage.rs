//! The laws of [`Storage`].

use std::io::{ErrorKind, Result};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::repository::Storage;

/// Checks that a storage keeps files as a repository relies on: what is written is read, by whole names;
/// files are created anew, appended to, cut, renamed and removed; a reader sees the old file or the new one
/// where one replaces another; what is not there is [`ErrorKind::NotFound`].
///
/// `dir` is a directory that may be used for this; it is created if it is not there, and should be empty.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// hobbit::testing::storage(&hobbit::repository::Disk, dir.path());
/// ```
///
/// # Panics
/// At the first law that is broken, with a message that says which.
pub fn storage(storage: &dyn Storage, dir: &Path) {
    works("create_dir", storage.create_dir(dir));
    works("create_dir of a directory that is there", storage.create_dir(dir));
    writing(storage, dir);
    creating(storage, dir);
    appending(storage, dir);
    truncating(storage, dir);
    renaming(storage, dir);
    removing_and_listing(storage, dir);
    what_is_not_there(storage, dir);
    replacing_while_somebody_reads(storage, dir);
}

/// Checks what is left when the machine stops at any moment, for storages whose `crash` can be simulated:
/// `crash` has to forget whatever was not synced, or any part of it.
///
/// What was written and synced, under a name that was synced with its directory, is there afterwards; a cut
/// is durable; a file that was to replace another is the old one or the new one.
///
/// # Panics
/// At the first law that is broken, with a message that says which.
pub fn crashes<S: Storage>(storage: &S, dir: &Path, crash: impl Fn(&S)) {
    works("create_dir", storage.create_dir(dir));
    let path = dir.join("durable");
    let mut file = works("create", storage.create(&path));
    works("write", file.write(b"synced"));
    works("sync", file.sync());
    works("sync_dir", storage.sync_dir(dir));
    works("write", file.write(b", and not"));
    drop(file);
    crash(storage);
    let found = works("read after a crash", storage.read(&path));
    assert!(
        found.starts_with(b"synced"),
        "what was written and synced is lost in a crash: {}",
        shown(&found)
    );
    assert!(
        b"synced, and not".starts_with(&found),
        "a crash leaves what was never written: {}",
        shown(&found)
    );

    let mut file = works("append", storage.append(&path));
    works("write", file.write(b", appended"));
    works("sync", file.sync());
    drop(file);
    let whole = works("read", storage.read(&path));
    crash(storage);
    let found = works("read after a crash", storage.read(&path));
    assert_eq!(shown(&found), shown(&whole), "what was appended and synced is lost in a crash");

    works("truncate", storage.truncate(&path, 3));
    crash(storage);
    let found = works("read after a crash", storage.read(&path));
    assert_eq!(shown(&found), "\"syn\"", "a cut is not durable");

    for is_synced in [false, true] {
        let (temporary, before) = (dir.join("durable.tmp"), works("read", storage.read(&path)));
        let after = if is_synced { "the newest" } else { "a newer one" };
        put(storage, &temporary, after.as_bytes(), true);
        works("rename", storage.rename(&temporary, &path));
        if is_synced {
            works("sync_dir", storage.sync_dir(dir));
        }
        crash(storage);
        let found = works("read of a file that was replaced before a crash", storage.read(&path));
        let is_new = found == after.as_bytes();
        assert!(
            is_new || found == before,
            "a crash leaves neither the old file nor the new one: {}",
            shown(&found)
        );
        assert!(is_new || !is_synced, "a new name is lost in a crash, though its directory was synced");
    }
}

fn works<T>(what: &str, result: Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{what} failed: {error}"))
}

fn shown(bytes: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(bytes))
}

fn put(storage: &dyn Storage, path: &Path, bytes: &[u8], is_synced: bool) {
    let mut file = works("create", storage.create(path));
    works("write", file.write(bytes));
    if is_synced {
        works("sync", file.sync());
    }
}

#[track_caller]
fn holds(storage: &dyn Storage, path: &Path, bytes: &[u8], law: &str) {
    let found = works("read", storage.read(path));
    assert!(found == bytes, "{law}: the file holds {} instead of {}", shown(&found), shown(bytes));
    if let Some(identity) = works("identity", storage.identity(path)) {
        assert_eq!(identity.length, bytes.len() as u64, "`identity` says another length than the file has");
    }
}

fn writing(storage: &dyn Storage, dir: &Path) {
    let path = dir.join("written");
    let mut file = works("create", storage.create(&path));
    holds(storage, &path, b"", "a new file is empty");
    works("write", file.write(b"one, "));
    works("write of nothing", file.write(b""));
    works("write", file.write(b"two"));
    holds(storage, &path, b"one, two", "what is written is after what was written before");
    works("sync", file.sync());
    holds(storage, &path, b"one, two", "syncing changes nothing");
    let large: Vec<u8> = (0..3_000_000u32).map(|place| (place % 251) as u8).collect();
    put(storage, &path, &large, true);
    assert!(works("read", storage.read(&path)) == large, "a file of 3 MB is not read as it was written");
}

fn creating(storage: &dyn Storage, dir: &Path) {
    let path = dir.join("created");
    let mut old = works("create", storage.create(&path));
    works("write", old.write(b"old"));
    let before = works("identity", storage.identity(&path));
    let mut new = works("create over a file that is there", storage.create(&path));
    holds(storage, &path, b"", "a file that is created is a new one, not the one that had the name");
    works("write", new.write(b"new"));
    // nobody may read any more what is written to a file without a name
    let _ = old.write(b", older");
    holds(
        storage,
        &path,
        b"new",
        "who has the old file open does not write to the one that has its name now",
    );
    let after = works("identity", storage.identity(&path));
    if let (Some(before), Some(after)) = (before, after) {
        assert_ne!(
            before.file, after.file,
            "`identity` says that a file created anew is the one that was there before"
        );
    }
}

fn appending(storage: &dyn Storage, dir: &Path) {
    let path = dir.join("appended");
    let append = |bytes: &[u8]| works("write", works("append", storage.append(&path)).write(bytes));
    append(b"one");
    holds(storage, &path, b"one", "appending to a file that is not there makes it");
    let mut open = works("append", storage.append(&path));
    works("write", open.write(b", two"));
    append(b", three");
    works("write", open.write(b", four"));
    holds(storage, &path, b"one, two, three, four", "what is appended is at the end, whoever wrote before");
}

fn truncating(storage: &dyn Storage, dir: &Path) {
    let path = dir.join("cut");
    put(storage, &path, b"one, two", true);
    let before = works("identity", storage.identity(&path)).map(|identity| identity.file);
    works("truncate", storage.truncate(&path, 3));
    holds(storage, &path, b"one", "a file is cut to the length that was asked for");
    works("write", works("append", storage.append(&path)).write(b"!"));
    holds(storage, &path, b"one!", "what is appended to a file that was cut is where it was cut");
    let after = works("identity", storage.identity(&path)).map(|identity| identity.file);
    assert_eq!(before, after, "`identity` says that a file is another one after it was cut and appended to");
    works("truncate", storage.truncate(&path, 0));
    holds(storage, &path, b"", "a file can be cut to nothing");
}

fn renaming(storage: &dyn Storage, dir: &Path) {
    let (from, to) = (dir.join("from"), dir.join("to"));
    put(storage, &to, b"old", true);
    put(storage, &from, b"new", true);
    let before = works("identity", storage.identity(&from)).map(|identity| identity.file);
    works("rename", storage.rename(&from, &to));
    holds(storage, &to, b"new", "a file that is renamed replaces what had its new name");
    missing("read of a name that was given up", storage.read(&from));
    let after = works("identity", storage.identity(&to)).map(|identity| identity.file);
    assert_eq!(before, after, "`identity` says that a file is another one after it was renamed");
    missing("rename of a file that is not there", storage.rename(&from, &to));
    holds(storage, &to, b"new", "a rename that failed changes nothing");
}

fn removing_and_listing(storage: &dyn Storage, dir: &Path) {
    let below = dir.join("below");
    works("create_dir", storage.create_dir(&below));
    for name in ["b", "a", "c.tmp"] {
        put(storage, &below.join(name), b"", false);
    }
    let list = || {
        let mut names = works("list", storage.list(&below));
        names.sort_unstable();
        names
    };
    assert_eq!(
        list(),
        ["a", "b", "c.tmp"],
        "`list` gives the names of the files in the directory, without it"
    );
    works("remove", storage.remove(&below.join("b")));
    assert_eq!(list(), ["a", "c.tmp"], "a file that was removed is listed, or another one is not");
    missing("read of a file that was removed", storage.read(&below.join("b")));
    let above = works("list", storage.list(dir));
    assert!(!above.iter().any(|name| name == "a"), "`list` gives files of a directory below");
    works("sync_dir", storage.sync_dir(&below));
}

fn what_is_not_there(storage: &dyn Storage, dir: &Path) {
    let path = dir.join("nothing");
    missing("read", storage.read(&path));
    missing("truncate", storage.truncate(&path, 0));
    missing("remove", storage.remove(&path));
    if let Ok(Some(_)) = storage.identity(&path) {
        panic!("`identity` knows a file that is not there");
    }
    assert!(!storage.exists(&path), "`exists` says that a file is there that is not");
    works("write", works("create", storage.create(&path)).write(b"there"));
    assert!(storage.exists(&path), "`exists` says that a file is not there that is");
    works("remove", storage.remove(&path));
    missing("read after all that", storage.read(&path));
}

/// Whatever is asked of a file that is not there.
fn missing<T>(what: &str, result: Result<T>) {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => {
            panic!("{what}: a file that is not there has to be `ErrorKind::NotFound`, and is {error}")
        }
        Ok(_) => panic!("{what} works though there is no such file"),
    }
}

fn replacing_while_somebody_reads(storage: &dyn Storage, dir: &Path) {
    let (path, temporary) = (dir.join("replaced"), dir.join("replaced.tmp"));
    let content = |version: u8| vec![version; 5000 + usize::from(version)];
    put(storage, &path, &content(0), true);
    let is_over = AtomicBool::new(false);
    /// Ends the reader's loop, also if the writer panics.
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            loop {
                let last = is_over.load(Ordering::Acquire);
                let found = works("read of a file that is being replaced", storage.read(&path));
                let is_whole = found.first().is_some_and(|&version| found == content(version));
                assert!(
                    is_whole,
                    "a reader sees neither the old file nor the new one while one replaces the other"
                );
                if last {
                    break found[0];
                }
            }
        });
        let writer = Over(&is_over);
        for version in 1..=200 {
            put(storage, &temporary, &content(version), false);
            works("rename", storage.rename(&temporary, &path));
        }
        drop(writer);
        let last = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        assert_eq!(last, 200, "a reader sees an old file after it was replaced");
    });
}
