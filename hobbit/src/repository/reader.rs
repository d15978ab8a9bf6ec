//! Reading a repository without its lock, while others may write to it; and salvaging a damaged journal.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::checkpoint;
use super::records::{Record, ResultRecord, ResultsRecord};
use super::saved::SavedModel;
use super::storage::{Disk, Storage, replace};
use super::study::{FORMAT, StudyRecord};
use super::{format1, journal, names};
use crate::error::{Error, Result};
use crate::trial::TrialId;

/// Reads a repository. It never writes, takes no lock, and works while a sweep runs.
#[derive(Debug, Clone)]
pub struct Reader {
    dir: PathBuf,
    storage: Arc<dyn Storage>,
    pub(super) study: StudyRecord,
}

impl Reader {
    /// Opens the repository in `dir`.
    ///
    /// # Errors
    /// There is no `study.ron`, or it cannot be read.
    pub fn open(dir: impl AsRef<Path>) -> Result<Reader> {
        Reader::open_in(Arc::new(Disk), dir)
    }

    /// Opens the repository in a directory of this storage.
    ///
    /// # Errors
    /// As [`open`](Reader::open).
    pub fn open_in(storage: Arc<dyn Storage>, dir: impl AsRef<Path>) -> Result<Reader> {
        let dir = dir.as_ref();
        if dir.as_os_str().is_empty() {
            return Err(Error::repository(
                "the directory is an empty text; give it its name, \".\" for the one that the program runs in",
            ));
        }
        let path = dir.join(names::STUDY);
        match read_study(&*storage, &path)? {
            Some(study) => {
                let possible =
                    study.algorithm.outline().and_then(|_| study.promotion.unwrap_or_default().check());
                possible.map_err(|error| Error::repository(format!("{}: {error}", path.display())))?;
                Ok(Reader { dir: dir.to_owned(), storage, study })
            }
            None => {
                let why = if dir.is_dir() {
                    "it has no study.ron, as the `repo_dir` of a sweep has"
                } else {
                    "there is no such directory"
                };
                let source = std::io::Error::from(ErrorKind::NotFound);
                Err(Error::repository(format!("{} is not a repository: {why}", dir.display()))
                    .with_source(source))
            }
        }
    }

    /// The study as it was made.
    pub(crate) fn made(&self) -> &StudyRecord {
        &self.study
    }

    /// The study, with its size as it was extended to, and its objective with the changes that were accepted.
    pub fn study(&self) -> Result<StudyRecord> {
        let mut study = self.study.clone();
        for record in self.journal()? {
            study.take_over(&record);
        }
        Ok(study)
    }

    /// The records of the journal; a line that is being written is left out.
    ///
    /// # Errors
    /// A damaged line, with its number.
    pub fn journal(&self) -> Result<Vec<Record>> {
        let path = self.dir.join(names::JOURNAL);
        match self.storage.read(&path) {
            Ok(bytes) => Ok(journal::parse(&path, &bytes, Some(&self.study))?.records),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(Error::io("read", &path, error)),
        }
    }

    /// The ranked table of `results.ron`, with typed hyperparameters.
    ///
    /// # Errors
    /// There is none yet, or it cannot be read: the error has the line and column.
    pub fn results<H: DeserializeOwned>(&self) -> Result<ResultsRecord<H>> {
        let path = self.dir.join(names::RESULTS);
        let bytes = self.storage.read(&path).map_err(|error| Error::io("read", &path, error))?;
        let text = String::from_utf8_lossy(&bytes);
        from_ron(&path, &text)
    }

    /// The best trial of `results.ron`, with typed hyperparameters; `None` if no trial has a score.
    ///
    /// ```no_run
    /// # #[hobbit::search_space] struct Hparams { #[uniform(0.0..=1.0)] rate: f64 }
    /// let best = hobbit::repository::Reader::open("./my_study")?.best::<Hparams>()?;
    /// println!("{:?}", best.map(|trial| trial.hparams.rate));
    /// # Ok::<(), hobbit::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`results`](Reader::results).
    pub fn best<H: DeserializeOwned>(&self) -> Result<Option<ResultRecord<H>>> {
        let trials = self.results()?.trials.into_iter();
        Ok(trials.take(1).find(|trial| trial.score.is_some()))
    }

    /// A trial's hyperparameters as RON that reads back as the study's struct, if `results.ron` has them
    /// already.
    ///
    /// # Errors
    /// `results.ron` cannot be read.
    pub fn hparams_ron(&self, trial: TrialId) -> Result<Option<String>> {
        if !self.has(names::RESULTS) {
            return Ok(None);
        }
        let results: ResultsRecord<Box<ron::value::RawValue>> = self.results()?;
        let found = results.trials.iter().find(|record| record.trial == trial);
        Ok(found.map(|record| outdented(record.hparams.get_ron().trim())))
    }

    /// The saved model of a trial.
    ///
    /// # Errors
    /// There is none, or its file is damaged.
    pub fn model(&self, trial: TrialId) -> Result<SavedModel> {
        read_model(&*self.storage, &self.model_path(trial))
    }

    /// The trials that have a saved model, in order of their names.
    ///
    /// # Errors
    /// The directory `weights` cannot be read. A missing one counts as empty.
    pub fn models(&self) -> Result<Vec<TrialId>> {
        let dir = self.dir.join(names::WEIGHTS);
        let names = match self.storage.list(&dir) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io("list", &dir, error)),
            names => names.unwrap_or_default(),
        };
        Ok(model_names(&names))
    }

    /// The file of a trial's saved model.
    pub fn model_path(&self, trial: TrialId) -> PathBuf {
        self.dir.join(names::WEIGHTS).join(names::model(trial))
    }

    /// Whether there is a saved model of a trial, whole or not.
    pub fn has_model(&self, trial: TrialId) -> bool {
        self.storage.exists(&self.model_path(trial))
    }

    /// Whether there is a file of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.storage.exists(&self.dir.join(name))
    }

    /// Where the files are kept.
    pub(super) fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl SavedModel {
    /// Reads a file of weights, wherever it is: `weights/<trial>.safetensors` of a repository, or a copy.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or is not hobbit's.
    pub fn read(path: impl AsRef<Path>) -> Result<SavedModel> {
        read_model(&Disk, path.as_ref())
    }
}

fn read_model(storage: &dyn Storage, path: &Path) -> Result<SavedModel> {
    let failed = |error| Error::io("read", path, error);
    let (mut file, length) = storage.open(path).map_err(failed)?;
    let model = checkpoint::read(&mut *file, length, true).map_err(failed)?;
    model.map_err(|why| Error::repository(format!("{}: {why}", path.display())))
}

/// The lines without the indentation that all but the first have.
fn outdented(text: &str) -> String {
    let indentation = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let all = text.lines().skip(1).map(indentation).min().unwrap_or(0);
    let lines = text.lines().enumerate().map(|(i, line)| if i == 0 { line } else { &line[all..] });
    lines.collect::<Vec<_>>().join("\n")
}

/// The trials whose saved models are among these files, in order.
pub(super) fn model_names(files: &[String]) -> Vec<TrialId> {
    let mut trials: Vec<TrialId> = files.iter().filter_map(|name| names::trial_of(name)).collect();
    trials.sort_unstable();
    trials
}

/// Parses RON; an error has the file's name, line and column.
fn from_ron<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T> {
    ron::from_str(text).map_err(|error| not_ron(path, error))
}

fn not_ron(path: &Path, error: ron::error::SpannedError) -> Error {
    let at = error.span.start;
    Error::repository(format!("{}:{}:{}: {}", path.display(), at.line, at.col, error.code)).with_source(error)
}

/// `study.ron`; `None` if there is none.
pub(super) fn read_study(storage: &dyn Storage, path: &Path) -> Result<Option<StudyRecord>> {
    /// Only the version, from a file of any version.
    #[derive(serde::Deserialize)]
    struct Version {
        format: u32,
    }
    /// A study of a hundred thousand enqueued configurations is smaller.
    const MOST: u64 = 64 << 20;
    if storage.identity(path).ok().flatten().is_some_and(|found| found.length > MOST) {
        return Err(Error::repository(format!(
            "{} is larger than {} MiB, which no study is",
            path.display(),
            MOST >> 20
        )));
    }
    let bytes = match storage.read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            let dir = path.parent().unwrap_or(path);
            return Err(Error::repository(format!(
                "{} is a file; a repository is a directory",
                dir.display()
            ))
            .with_source(error));
        }
        Err(error) => return Err(Error::io("read", path, error)),
    };
    let text = String::from_utf8_lossy(&bytes);
    let Version { format } = from_ron(path, &text)?;
    if format > FORMAT {
        return Err(Error::repository(format!(
            "{} has format version {format}, this hobbit reads up to {FORMAT}: use a newer hobbit",
            path.display()
        )));
    }
    let study = if format1::is_study(format) { format1::study(&text) } else { ron::from_str(&text) };
    study.map(Some).map_err(|error| not_ron(path, error))
}

/// Recovers what comes before the damage in a repository's journal: the records before the first damaged line
/// become the journal, and the damaged file is kept beside it as `journal.ron.damaged`. Returns how many
/// records were kept.
///
/// A journal without damage is left as it is. The study can be resumed afterwards; what is lost is trained
/// again. A salvage that was interrupted can be repeated.
///
/// # Errors
/// The files cannot be read or written, or there is a `journal.ron.damaged` already.
pub fn salvage(dir: impl AsRef<Path>) -> Result<usize> {
    salvage_in(Arc::new(Disk), dir)
}

/// The same for a directory of this storage.
///
/// # Errors
/// As [`salvage`].
pub fn salvage_in(storage: Arc<dyn Storage>, dir: impl AsRef<Path>) -> Result<usize> {
    let dir = dir.as_ref();
    let study = Reader::open_in(storage.clone(), dir)?.study;
    let _lock = super::lock::Lock::acquire(dir)?;
    let path = dir.join(names::JOURNAL);
    let bytes = storage.read(&path).map_err(|error| Error::io("read", &path, error))?;
    let (contents, damage) = journal::parse_until_damage(&bytes, Some(&study));
    if damage.is_none() {
        return Ok(contents.records.len());
    }
    let aside = dir.join(names::DAMAGED);
    match storage.read(&aside) {
        // of a salvage that was killed before its end
        Ok(before) if before == bytes => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            replace(&*storage, &aside, &bytes)
                .and_then(|()| storage.sync_dir(dir))
                .map_err(|error| Error::io("write", &aside, error))?;
        }
        _ => {
            return Err(Error::repository(format!(
                "{} is there from an earlier salvage; move it away first",
                aside.display()
            )));
        }
    }
    let kept = &bytes[..contents.whole as usize];
    replace(&*storage, &path, kept)
        .and_then(|()| storage.sync_dir(dir))
        .map_err(|error| Error::io("write", &path, error))?;
    Ok(contents.records.len())
}
