//! Everything of hobbit that reads files, with any bytes as their contents. The tests use this too, on a
//! stable toolchain.
//!
//! A reader gets a directory of its own for the files. It may refuse them; it may not panic, hang, or take
//! memory out of proportion.

#[cfg(feature = "dfdx")]
mod arrays;
mod beside;
mod change;
#[cfg(feature = "interop")]
mod interop;
mod repository;
#[cfg(feature = "dfdx")]
mod tables;

use std::path::Path;

pub(crate) use change::changed;

/// Takes the bytes as the contents of files in a directory.
pub(crate) type Reader = fn(&Path, &[u8]);

/// The readers, by the names of their targets.
pub(crate) const TARGETS: &[(&str, Reader)] = &[
    ("study", repository::study),
    ("journal", repository::journal),
    ("records", repository::records),
    ("results", repository::results),
    ("checkpoint", repository::checkpoint),
    ("resume", repository::resume),
    ("live", beside::live),
    ("warm_start", beside::warm_start),
    #[cfg(feature = "nats")]
    ("message", beside::message),
    #[cfg(feature = "interop")]
    ("optuna_import", interop::optuna_import),
    #[cfg(feature = "interop")]
    ("optuna_export", interop::optuna_export),
    #[cfg(feature = "interop")]
    ("csv_import", interop::csv_import),
    #[cfg(feature = "interop")]
    ("events", interop::events),
    #[cfg(feature = "dfdx")]
    ("npy", arrays::npy),
    #[cfg(feature = "dfdx")]
    ("npz", arrays::npz),
    #[cfg(feature = "dfdx")]
    ("idx", arrays::idx),
    #[cfg(feature = "dfdx")]
    ("table", tables::table),
    #[cfg(feature = "dfdx")]
    ("encoder", tables::encoder),
];

/// Writes a file, over what was there.
fn write(dir: &Path, name: &str, bytes: &[u8]) {
    let path = dir.join(name);
    if std::fs::write(&path, bytes).is_err() {
        let dir = path.parent().expect("a file is in a directory");
        std::fs::create_dir_all(dir).expect("a directory can be made");
        std::fs::write(path, bytes).expect("a file can be written");
    }
}

/// Writes a file that nothing changes, unless an earlier input left it.
fn keep(dir: &Path, name: &str, text: &str) {
    if !dir.join(name).exists() {
        write(dir, name, text.as_bytes());
    }
}

/// Removes what an earlier input left.
fn clear(dir: &Path) {
    for entry in std::fs::read_dir(dir).expect("the directory can be read").flatten() {
        let path = entry.path();
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let removed = if is_dir { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        removed.expect("what is there can be removed");
    }
}
