//! A repository open for writing: what is durable, and in which order.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::checkpoint;
use super::compare::{Compared, Examined, Opening, compare};
use super::format1;
use super::incoming::{Incoming, Kept};
use super::journal::{self, Journal};
use super::lines::Contents;
use super::live::{LiveFile, Machine};
use super::lock::{Lock, Owner};
use super::names;
use super::overwrite;
use super::reader::{model_names, read_study};
use super::reason::StopReason;
use super::records::{Descriptions, Record, Status, Timestamp};
use super::resumed::{closed, ends, is_finished};
use super::saved::SavedModel;
use super::saving;
use super::storage::{Identity, Made, OpenFile, Storage, StorageFile, is_link, replace};
use super::study::{FORMAT, StudyRecord};
use crate::error::{Error, Result};
use crate::schedule::Algorithm;
use crate::trial::TrialId;

/// The saved models of a repository, to be read by every worker.
#[derive(Clone)]
pub(crate) struct Weights {
    dir: PathBuf,
    storage: Arc<dyn Storage>,
}

impl Weights {
    /// The checkpoint of a trial: `None` if there is none, and in words what is wrong with one that does not
    /// read.
    pub(crate) fn load(&self, trial: TrialId) -> Result<Option<SavedModel>, String> {
        let Some((mut file, length)) = self.open(trial)? else { return Ok(None) };
        let path = self.path(trial);
        let model = checkpoint::read(&mut *file, length, true).map_err(|error| unread(&path, &error))?;
        let model = model.map_err(|why| format!("{}: {why}", path.display()))?;
        if model.state.trial != trial {
            return Err(format!("{} is of trial {}", path.display(), model.state.trial));
        }
        Ok(Some(model))
    }

    /// The file of a trial's checkpoint and its length, whatever is in it: `None` if there is none.
    pub(crate) fn open(&self, trial: TrialId) -> Result<Option<OpenFile>, String> {
        let path = self.path(trial);
        match self.storage.open(&path) {
            Ok(opened) => Ok(Some(opened)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unread(&path, &error)),
        }
    }

    /// A place for a checkpoint of a trial that comes from elsewhere, of this length.
    pub(crate) fn incoming(&self, trial: TrialId, length: u64) -> Result<Incoming, String> {
        Incoming::new(&self.storage, &self.dir, trial, length)
    }

    /// Whether there is a checkpoint of a trial.
    pub(crate) fn has(&self, trial: TrialId) -> bool {
        self.storage.exists(&self.path(trial))
    }

    /// The file of a trial's checkpoint.
    pub(crate) fn path(&self, trial: TrialId) -> PathBuf {
        self.dir.join(names::model(trial))
    }
}

fn unread(path: &Path, error: &std::io::Error) -> String {
    format!("could not read {}: {error}", path.display())
}

/// A repository that this process works on.
pub(crate) struct Repository {
    dir: PathBuf,
    weights: Weights,
    storage: Arc<dyn Storage>,
    journal: Begins,
    /// The journal once more, to be made durable while workers write to it.
    durable: Box<dyn StorageFile>,
    /// What `study.ron` says, and which file it is.
    study: (Vec<u8>, Option<Identity>),
    /// The journal says that the study is finished, and so that `results.ron` was written.
    finished: bool,
    /// The ends of trials that are written with the next append.
    ends: Vec<Record>,
    lock: Lock,
}

/// A repository's files, looked at and ready to be written to.
struct Prepared {
    journal: Journal,
    study: (Vec<u8>, Option<Identity>),
    contents: Contents,
    compared: Compared,
}

impl Prepared {
    /// Looks at everything first, and writes only if nothing is wrong.
    fn new(
        dir: &Path,
        storage: &Arc<dyn Storage>,
        study: &StudyRecord,
        opening: Opening,
        examine: impl FnOnce(&[Record]) -> Result<Examined>,
        made: &mut Made,
    ) -> Result<Prepared> {
        let (study_path, journal_path) = (dir.join(names::STUDY), dir.join(names::JOURNAL));
        let weights = dir.join(names::WEIGHTS);
        // whoever made the directory must not choose where weights are written and removed
        if is_link(&weights) {
            return Err(Error::repository(format!(
                "{} is a symbolic link, and a study's weights are written into its own directory only; to keep a study elsewhere, \
                 give that place as its directory, or make a link of the whole directory",
                weights.display()
            )));
        }
        let moved = if opening.overwrite { overwrite::move_away(&**storage, dir)? } else { None };
        let known = read_study(&**storage, &study_path)?;
        let mut contents = match storage.read(&journal_path) {
            Ok(bytes) => journal::parse(&journal_path, &bytes, known.as_ref())?,
            Err(error) if error.kind() == ErrorKind::NotFound => Contents::empty(),
            Err(error) => return Err(Error::io("read", &journal_path, error)),
        };
        let records = &contents.records;
        let numerics = opening.numerics.clone();
        let mut compared = match known.clone() {
            Some(known) => compare(dir, study, known, records, opening, || examine(records))?,
            None => refuse_others(dir, &**storage, records).map(|()| Compared::default())?,
        };
        compared.descriptions.numerics = Some(numerics);
        compared.notes.extend(moved);
        if known.is_some() && records.is_empty() {
            compared.notes.extend(lost_journal(dir, &**storage)?);
        }
        made.dir(&**storage, &weights).map_err(|error| Error::io("make the directory", &weights, error))?;
        if contents.torn {
            let text = "the journal's last line was cut off by the end of the process that wrote it, and was dropped";
            compared.notes.push(text.to_owned());
        }
        match &known {
            Some(known) if known.format < FORMAT => format1::upgrade(&**storage, dir, known, &mut contents)?,
            Some(_) => {}
            None => write(&**storage, dir, names::STUDY, &to_pretty(study)?)?,
        }
        if contents.torn {
            storage
                .truncate(&journal_path, contents.whole)
                .map_err(|error| Error::io("cut the torn last line of", &journal_path, error))?;
        }
        let read = |error| Error::io("read", &study_path, error);
        let study = (storage.read(&study_path).map_err(read)?, storage.identity(&study_path).map_err(read)?);
        let journal = Journal::open(storage.clone(), &journal_path, contents.chain)?;
        Ok(Prepared { journal, study, contents, compared })
    }
}

/// What to say of a study that has results or weights, but whose journal is gone.
fn lost_journal(dir: &Path, storage: &dyn Storage) -> Result<Option<String>> {
    let is_result = |name: &str| name == names::RESULTS;
    let Some(name) = left_file(dir, storage, is_result)? else { return Ok(None) };
    Ok(Some(format!(
        "{} has {name}, but {} is missing or empty, which has what was trained: everything is trained again",
        dir.display(),
        names::JOURNAL
    )))
}

/// Refuses a directory without `study.ron` that holds others of a study's files.
fn refuse_others(dir: &Path, storage: &dyn Storage, records: &[Record]) -> Result<()> {
    if !records.is_empty() {
        return Err(Error::repository(format!(
            "{} holds a journal but no study.ron, which says what it belongs to; put study.ron back (the same \
             program makes the same one in an empty directory), choose another directory, or call `.overwrite()` (again, if it was \
             interrupted)",
            dir.display()
        )));
    }
    match left_file(dir, storage, names::is_whole)? {
        None => Ok(()),
        Some(name) => Err(Error::repository(format!(
            "{} has a file {name}, but no study.ron: it is not a new repository; choose another directory, or call `.overwrite()` \
             to have it moved away",
            dir.display()
        ))),
    }
}

/// A file that a study left behind: one of its own, or weights of a trial.
fn left_file(dir: &Path, storage: &dyn Storage, is_own: fn(&str) -> bool) -> Result<Option<String>> {
    let list = |dir: &Path| match storage.list(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(|error| Error::io("list", dir, error)),
    };
    let own = list(dir)?.into_iter().find(|name| is_own(name));
    let model = list(&dir.join(names::WEIGHTS))?.into_iter().find(|name| names::trial_of(name).is_some());
    Ok(own.or(model.map(|name| format!("{}/{name}", names::WEIGHTS))))
}

/// The journal, to which each worker writes that it begins a stage before it does.
///
/// That is durable with the next durable [`append`](Repository::append); the end of the process alone takes
/// nothing of it away.
#[derive(Clone)]
pub(crate) struct Begins(Arc<Mutex<Journal>>, LiveFile);

impl Begins {
    /// Writes a record.
    pub(crate) fn write(&self, record: &Record) -> Result<()> {
        let mut journal = self.lock();
        journal.check()?;
        journal.push(record)?;
        journal.flush(false)
    }

    /// Writes beside the journal what machines elsewhere are at.
    pub(crate) fn show(&self, machines: &[Machine]) {
        self.1.write(machines);
    }

    fn lock(&self) -> MutexGuard<'_, Journal> {
        // what was written stays written
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was found in a repository.
pub(crate) struct Opened {
    pub(crate) repository: Repository,
    /// Everything the journal says; empty in a new repository.
    pub(crate) records: Vec<Record>,
    /// The ends of trials that the journal says and that still count.
    pub(crate) ends: HashMap<TrialId, Status>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
}

impl Repository {
    /// Opens the repository of this study, or makes it. `examine` compares the trials of the journal with
    /// what they are today.
    ///
    /// # Errors
    /// It cannot be written, is in use, is damaged, or belongs to another study. Then the study in it is as
    /// it was.
    pub(crate) fn open(
        dir: &Path,
        storage: Arc<dyn Storage>,
        study: &StudyRecord,
        opening: Opening,
        examine: impl FnOnce(&[Record]) -> Result<Examined>,
    ) -> Result<Opened> {
        if dir.as_os_str().is_empty() {
            return Err(Error::setting(
                "the `repo_dir` is an empty text; give it the name of a directory, \".\" for the one that the program runs in",
            ));
        }
        let mut made = Made::default();
        made.dir(&*storage, dir).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
                let text =
                    format!("could not make the directory {}: there is a file of this name", dir.display());
                Error::repository(text).with_source(error)
            }
            _ => Error::io("make the directory", dir, error),
        })?;
        let lock = Lock::acquire(dir)?;
        let workers = opening.workers;
        let prepared = match Prepared::new(dir, &storage, study, opening, examine, &mut made) {
            Ok(prepared) => prepared,
            Err(error) => {
                lock.abandon();
                return Err(error);
            }
        };
        made.keep();
        let Prepared { journal, study, mut contents, compared } = prepared;
        let Compared { extended, descriptions, notes } = compared;
        let weights = Weights { dir: dir.join(names::WEIGHTS), storage: storage.clone() };
        let finished = extended.is_none() && is_finished(&contents.records);
        let journal_path = dir.join(names::JOURNAL);
        let durable = storage.append(&journal_path).map_err(|e| Error::io("open", &journal_path, e))?;
        let live = LiveFile::new(dir, storage.clone());
        // of a process that was killed
        live.remove();
        let (dir, journal) = (dir.to_owned(), Begins(Arc::new(Mutex::new(journal)), live));
        let ends = if extended.is_none() { ends(&contents.records) } else { HashMap::new() };
        let mut repository =
            Repository { dir, weights, storage, journal, durable, study, finished, ends: Vec::new(), lock };
        let died = repository.lock.ending.clone().and_then(|ending| closed(&contents.records, ending));
        repository.begin(workers, descriptions, extended, died.as_ref())?;
        repository.lock.forget_ending()?;
        contents.records.extend(died);
        repository.remove_temporaries()?;
        Ok(Opened { repository, records: contents.records, ends, notes })
    }

    /// The file in which this process leaves a trace should it exit.
    pub(crate) fn trace(&self) -> Option<std::fs::File> {
        self.lock.trace()
    }

    /// Notes in the journal that this process begins to work, and with which size if the study has outgrown
    /// the one it had.
    fn begin(
        &mut self,
        workers: u32,
        descriptions: Descriptions,
        extended: Option<Algorithm>,
        died: Option<&Record>,
    ) -> Result<()> {
        let Owner { host, pid } = Owner::this();
        let time = Timestamp::now();
        let hobbit = env!("CARGO_PKG_VERSION").to_owned();
        let opened = Record::Opened { time, hobbit, host, pid, workers, descriptions: Some(descriptions) };
        let extended = extended.map(|algorithm| Record::Extended { time, algorithm });
        self.append(died.into_iter().chain([&opened]).chain(&extended), true)?;
        self.storage.sync_dir(&self.dir).map_err(|error| Error::io("sync", &self.dir, error))
    }

    /// Makes sure that the files are still those that were opened, before anything is written.
    fn check(&mut self) -> Result<()> {
        self.lock.check()?;
        self.journal.lock().check()?;
        let path = self.dir.join(names::STUDY);
        let what = match self.storage.identity(&path) {
            Ok(found) if found == self.study.1 => return Ok(()),
            Ok(found) => match self.storage.read(&path) {
                // put there again, as it was
                Ok(bytes) if bytes == self.study.0 => {
                    self.study.1 = found;
                    return Ok(());
                }
                Ok(_) => "was changed",
                Err(error) if error.kind() == ErrorKind::NotFound => "was removed",
                Err(error) => return Err(Error::io("read", &path, error)),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => "was removed",
            Err(error) => return Err(Error::io("look at", &path, error)),
        };
        Err(Error::repository(format!(
            "{} {what} while the sweep was running, so nothing more was written. Put the file back as it was, or choose another \
             directory, and run again",
            path.display()
        )))
    }

    /// Takes the ends of trials, to be written with the next [`append`](Repository::append): they follow from
    /// outcomes that are in the journal, and need no sync of their own.
    pub(crate) fn note_ends(&mut self, ends: &mut Vec<(TrialId, Status)>) {
        self.ends.extend(ends.drain(..).map(|(trial, status)| Record::Ended { trial, status }));
    }

    /// Adds records to the journal; with `durable`, returns only when they are on the disk.
    pub(crate) fn append<'a>(
        &mut self,
        records: impl Iterator<Item = &'a Record>,
        durable: bool,
    ) -> Result<()> {
        self.check()?;
        let mut journal = self.journal.lock();
        self.ends.drain(..).try_for_each(|end| journal.push(&end))?;
        for record in records {
            journal.push(record)?;
        }
        journal.flush(false)?;
        // the disk may take its time, and no worker should wait for it
        drop(journal);
        if durable {
            self.durable.sync().map_err(|error| self.journal.lock().fail("sync", error))?;
        }
        Ok(())
    }

    /// The journal, for workers that begin stages.
    pub(crate) fn begins(&self) -> Begins {
        self.journal.clone()
    }

    /// Writes the checkpoints of trials over their old ones. They are durable after
    /// [`sync_weights`](Repository::sync_weights).
    pub(crate) fn save_models(&self, models: Vec<Kept>) -> Result<()> {
        saving::save(&*self.storage, |trial| self.weights.path(trial), models)
    }

    /// Makes the checkpoints' names durable.
    pub(crate) fn sync_weights(&self) -> Result<()> {
        self.storage.sync_dir(&self.weights.dir).map_err(|error| Error::io("sync", &self.weights.dir, error))
    }

    /// The saved models.
    pub(crate) fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Removes the checkpoint of a trial, if there is one.
    pub(crate) fn remove_model(&self, trial: TrialId) -> Result<()> {
        let path = self.weights.path(trial);
        match self.storage.remove(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", &path, error)),
            _ => Ok(()),
        }
    }

    /// The trials that have a checkpoint.
    pub(crate) fn models(&self) -> Result<Vec<TrialId>> {
        let names = self
            .storage
            .list(&self.weights.dir)
            .map_err(|error| Error::io("list", &self.weights.dir, error))?;
        Ok(model_names(&names))
    }

    /// Writes `results.ron`.
    ///
    /// # Errors
    /// The study was finished before, and the file is not what its journal says.
    pub(crate) fn write_results(&mut self, text: &str) -> Result<()> {
        // the ends of trials, which are in the results too
        self.append(std::iter::empty(), false)?;
        let path = self.dir.join(names::RESULTS);
        match self.storage.read(&path) {
            Ok(bytes) if bytes == text.as_bytes() => return Ok(()),
            Ok(bytes) if self.finished => return Err(other_results(&path, &bytes, text)),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("read", &path, error)),
        }
        write(&*self.storage, &self.dir, names::RESULTS, text)
    }

    /// Notes in the journal that this process has ended its work, and why if it was before the end of the
    /// plan.
    pub(crate) fn close(&mut self, reason: Option<StopReason>) -> Result<()> {
        self.journal.1.remove();
        self.append(std::iter::once(&Record::Closed { time: Timestamp::now(), reason }), true)
    }

    /// The directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Removes what an earlier process had begun to write. Temporary files of others are left alone.
    fn remove_temporaries(&self) -> Result<()> {
        self.remove_from(&self.dir, names::is_temporary)?;
        self.remove_from(&self.weights.dir, names::is_temporary_model)
    }

    fn remove_from(&self, dir: &Path, is_temporary: fn(&str) -> bool) -> Result<()> {
        let names = self.storage.list(dir).map_err(|error| Error::io("list", dir, error))?;
        for name in names.iter().filter(|name| is_temporary(name)) {
            let path = dir.join(name);
            self.storage.remove(&path).map_err(|error| Error::io("remove", &path, error))?;
        }
        Ok(())
    }
}

/// Replaces one of a repository's files as a whole, durably.
pub(super) fn write(storage: &dyn Storage, dir: &Path, name: &str, text: &str) -> Result<()> {
    let path = dir.join(name);
    replace(storage, &path, text.as_bytes())
        .and_then(|()| storage.sync_dir(dir))
        .map_err(|error| Error::io("write", &path, error))
}

/// Readable RON.
pub(crate) fn to_pretty<T: serde::Serialize>(value: &T) -> Result<String> {
    let config = ron::ser::PrettyConfig::new().depth_limit(4).new_line("\n").indentor("    ");
    let text = ron::ser::to_string_pretty(value, config);
    let mut text =
        text.map_err(|e| Error::repository(format!("could not write as RON: {e}")).with_source(e))?;
    text.push('\n');
    Ok(text)
}

/// A `results.ron` that is not what the journal says: in which line, and what to do.
fn other_results(path: &Path, bytes: &[u8], text: &str) -> Error {
    let line = bytes
        .split(|&b| b == b'\n')
        .zip(text.as_bytes().split(|&b| b == b'\n'))
        .take_while(|(a, b)| a == b)
        .count()
        + 1;
    let what = if text.as_bytes().starts_with(bytes) { "is cut off" } else { "was changed" };
    Error::repository(format!(
        "{}:{line}: the file {what}: it is not what the journal says. Nothing was overwritten; the journal is intact, so \
         remove the file and run again, which writes it afresh",
        path.display()
    ))
}
