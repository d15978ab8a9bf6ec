//! Beginning a study anew where there is one: the old one is moved into a directory beside the new one's
//! files.
//!
//! `study.ron` goes first, because without it nothing that is left is taken for a study, and the journal
//! last, because with it no new study is begun. So whenever the process or the machine stops, there is the
//! old study, or none, or the new one: never a mixture.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::names;
use super::storage::{Storage, is_link};
use crate::error::{Error, Result};

/// Moves the study in `dir` away, if there is one, and nothing else: what is not hobbit's stays where it is.
/// Says what was moved where.
///
/// # Errors
/// A file cannot be moved.
pub(super) fn move_away(storage: &dyn Storage, dir: &Path) -> Result<Option<String>> {
    let weights = dir.join(names::WEIGHTS);
    let files = ours(storage, dir, names::is_whole)?;
    let models = ours(storage, &weights, |name| names::trial_of(name).is_some())?;
    if files.is_empty() && models.is_empty() {
        return Ok(None);
    }
    let old = place(storage, dir, &files, &models)?;
    let old_weights = old.join(names::WEIGHTS);
    storage.create_dir(&old_weights).map_err(|error| Error::io("make the directory", &old_weights, error))?;
    let mut dirs = vec![&*old_weights, &*old, dir];
    if !models.is_empty() {
        dirs.push(&weights);
    }
    let sync = || {
        let one = |dir: &&Path| storage.sync_dir(dir).map_err(|error| Error::io("sync", dir, error));
        dirs.iter().try_for_each(one)
    };
    sync()?;
    let move_file = |from: &Path, to: &Path, name: &str| {
        let path = from.join(name);
        storage.rename(&path, &to.join(name)).map_err(|error| Error::io("move away", &path, error))
    };
    let move_files = |which: &dyn Fn(&str) -> bool| {
        let moved = files.iter().filter(|name| which(name)).try_for_each(|name| move_file(dir, &old, name));
        moved.and_then(|()| sync())
    };
    move_files(&|name| name == names::STUDY)?;
    models.iter().try_for_each(|name| move_file(&weights, &old_weights, name))?;
    move_files(&|name| name != names::STUDY && name != names::JOURNAL)?;
    move_files(&|name| name == names::JOURNAL)?;
    let models = match models.len() {
        0 => String::new(),
        1 => ", and the weights of a trial".to_owned(),
        count => format!(", and the weights of {count} trials"),
    };
    Ok(Some(format!("the study that was there is in {} now: {}{models}", old.display(), files.join(", "))))
}

/// The names in a directory that are hobbit's, in order.
fn ours(storage: &dyn Storage, dir: &Path, is_ours: fn(&str) -> bool) -> Result<Vec<String>> {
    match storage.list(dir) {
        Ok(mut names) => {
            names.retain(|name| is_ours(name));
            names.sort_unstable();
            Ok(names)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::io("list", dir, error)),
    }
}

/// Where the old study is put: `old-1`, or the next number that is free. One that was being moved when a
/// process ended is moved on to where its beginning is.
fn place(storage: &dyn Storage, dir: &Path, files: &[String], models: &[String]) -> Result<PathBuf> {
    let there = storage.list(dir).map_err(|error| Error::io("list", dir, error))?;
    let path = |number: u64| dir.join(names::old(number));
    // not every storage lists directories
    let inside = |number: u64| storage.list(&path(number)).unwrap_or_default();
    let is_free = |number: u64| !there.contains(&names::old(number)) && inside(number).is_empty();
    let free = (1..u64::MAX).find(|&number| is_free(number)).unwrap_or(u64::MAX);
    let last = free - 1;
    let is_study = |name: &String| name == names::STUDY;
    // somebody else may have made the directory, and what is moved has to stay in it
    let is_begun = last > 0
        && !files.iter().any(is_study)
        && inside(last).iter().any(is_study)
        && !is_link(&path(last))
        && !is_link(&path(last).join(names::WEIGHTS));
    // the machine may have stopped when a file had both names
    let fits = |name: &String, from: &Path, to: PathBuf| match storage.read(&to.join(name)) {
        Ok(moved) => storage.read(&from.join(name)).is_ok_and(|bytes| bytes == moved),
        Err(error) => error.kind() == ErrorKind::NotFound,
    };
    let goes_on = is_begun
        && files.iter().all(|name| fits(name, dir, path(last)))
        && models.iter().all(|name| fits(name, &dir.join(names::WEIGHTS), path(last).join(names::WEIGHTS)));
    Ok(path(if goes_on { last } else { free }))
}
