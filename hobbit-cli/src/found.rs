//! Studies in directories.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Whether a directory is that of a study.
pub(crate) fn is_study(dir: &Path) -> bool {
    dir.join("study.ron").is_file()
}

/// The study that a directory is, or those in it, in the order of their names.
///
/// # Errors
/// The directory cannot be read.
pub(crate) fn studies_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    if is_study(dir) {
        return Ok(vec![dir.to_owned()]);
    }
    let entries = std::fs::read_dir(dir)?;
    let mut found: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_study(path)).collect();
    found.sort();
    Ok(found)
}

/// Why a directory of studies cannot be read.
pub(crate) fn unread(dir: &Path, error: &io::Error) -> Failure {
    let what = match error.kind() {
        ErrorKind::NotFound => "there is no such directory".to_owned(),
        ErrorKind::NotADirectory => "it is a file, and has to be a directory".to_owned(),
        _ => error.to_string(),
    };
    Failure::Output(format!("could not read {}: {what}", dir.display()))
}
