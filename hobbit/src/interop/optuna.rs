//! A study as an Optuna study, in a journal file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value as Json, json};

use super::distribution::parameters;
use super::held::{Held, TRIAL};
use super::journal_file::{JournalFile, op, state};
use super::live::{Live, Writer, export, observe};
use super::replay::replay;
use super::told::{Told, Trial};
use crate::error::{BoxError, Error, Result};
use crate::observe::{Event, Observer, StudyInfo};
use crate::repository::{Overview, Status, Timestamp};
use crate::schedule::Algorithm;
use crate::trial::{Direction, TrialId};

/// Writes a study to an Optuna journal file: the file that `optuna-dashboard FILE` opens, and whose study
/// Optuna can continue.
///
/// As an observer it writes while the sweep runs; [`export`](OptunaJournal::export) writes what a repository
/// holds. A file that holds the study already is continued. Other studies in the file stay as they are, and
/// others may write to it at the same time.
///
/// ```no_run
/// # use hobbit::prelude::*;
/// # fn example<O: hobbit::Objective>(objective: O) -> hobbit::Result<()> {
/// use hobbit::interop::OptunaJournal;
/// Hyperband::of(objective).repo_dir("./digits_repo").observe(OptunaJournal::new("digits.journal")).run(27, 3)?;
/// # Ok(())
/// # }
/// ```
///
/// - Each configuration is one Optuna trial. It is running until its life is over: then it is complete (it
///   reached the last stage of its bracket), pruned (it was not promoted) or failed (with the user attribute
///   `hobbit:reason`).
/// - The value is the trial's score. Intermediate values are the monitor after each epoch, all stages counted
///   together.
/// - User attributes hold the trial's name (`hobbit:trial`), its repetition and bracket, its stage (all
///   counted from 1), and the epoch of the score.
/// - A parameter is in a trial only if it exists there. Parameters for which Optuna has no distribution
///   (fields that are fixed or derived, or have a distribution of their own) are user attributes. Normal
///   distributions become intervals that hold nearly all of their values; steps of logarithmic parameters,
///   and weights, are left out.
/// - Trials that are finished in Optuna cannot be changed: where a study is extended, a trial that is
///   continued appears a second time.
pub struct OptunaJournal {
    path: PathBuf,
    study_name: String,
    live: Option<Live>,
}

impl fmt::Debug for OptunaJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OptunaJournal")
            .field("path", &self.path)
            .field("study_name", &self.study_name)
            .finish_non_exhaustive()
    }
}

impl OptunaJournal {
    /// A journal at this path. Its directory has to exist; the study is named after the file, without the
    /// extension.
    pub fn new(path: impl Into<PathBuf>) -> OptunaJournal {
        let path = path.into();
        let study_name =
            path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        OptunaJournal { path, study_name, live: None }
    }

    /// The name of the study in the journal.
    pub fn study_name(mut self, name: impl Into<String>) -> OptunaJournal {
        self.study_name = name.into();
        self
    }

    /// Writes everything about a stored study that is not in the file yet.
    ///
    /// # Errors
    /// The file cannot be written, is not an Optuna journal, or holds another study of this name.
    pub fn export(&self, overview: &Overview) -> Result<()> {
        export(Journal::new(&self.path, &self.study_name), &replay(overview))
    }
}

impl Observer for OptunaJournal {
    fn event(&mut self, event: &Event) -> Result<(), BoxError> {
        observe(&mut self.live, event, || Journal::new(&self.path, &self.study_name))
    }
}

/// The user attribute that names a study's algorithm, if it is not Hyperband.
const ALGORITHM: &str = "hobbit:algorithm";

/// The writer: what was told, and what the file holds.
struct Journal {
    file: JournalFile,
    name: String,
    study: Option<Arc<StudyInfo>>,
    told: Told,
    held: Held,
    worker: String,
}

/// Lines to be added. They count as held from the moment they are made.
struct Lines<'a> {
    held: &'a mut Held,
    name: &'a str,
    worker: &'a str,
    text: String,
}

impl Lines<'_> {
    fn push(&mut self, op: u64, fields: Json) {
        let mut line = json!({ "op_code": op, "worker_id": self.worker });
        if let (Json::Object(line), Json::Object(fields)) = (&mut line, fields) {
            line.extend(fields);
        }
        self.held.apply(&line, self.name);
        self.text += &line.to_string();
        self.text.push('\n');
    }

    /// Says a user attribute of a trial, unless it is held already.
    fn attr(&mut self, id: TrialId, number: u64, name: &str, value: Json) {
        let held = self.held.ours.get(&id).and_then(|held| held.attrs.get(name));
        if held != Some(&value) {
            self.push(op::TRIAL_USER_ATTR, json!({ "trial_id": number, "user_attr": { name: value } }));
        }
    }

    /// Adds the lines that are missing of a trial. `false` if the file holds another one under its name.
    fn trial(&mut self, study: &StudyInfo, trial: &Trial) -> bool {
        let (params, distributions, attrs) = parameters(&study.space, &trial.hparams);
        let held = self.held.ours.get(&trial.id);
        if held.is_some_and(|held| held.params != Json::Object(params.clone())) {
            return false;
        }
        let is_held = |(epoch, value): &(u64, f64)| {
            held.is_some_and(|held| held.values.get(epoch).is_some_and(|held| held == value))
        };
        let missing: Vec<_> = monitored(study, trial).filter(|value| !is_held(value)).collect();
        let (number, missing) = match held {
            Some(held) if held.finished && missing.is_empty() => return true,
            Some(held) if !held.finished => (held.number, missing),
            _ => {
                let begun = json!({ "params": params, "distributions": distributions, "user_attrs": attrs });
                (self.begin(trial, begun), monitored(study, trial).collect())
            }
        };
        self.attr(trial.id, number, "hobbit:stage", json!(trial.stage + 1));
        for (step, value) in missing {
            self.push(
                op::INTERMEDIATE_VALUE,
                json!({ "trial_id": number, "step": step, "intermediate_value": value }),
            );
        }
        self.end(trial, number);
        true
    }

    /// Creates a trial. Returns its number in the file.
    fn begin(&mut self, trial: &Trial, mut fields: Json) -> u64 {
        let number = self.held.trials;
        let TrialId { iteration, bracket, .. } = trial.id;
        let attrs = &mut fields["user_attrs"];
        attrs[TRIAL] = json!(trial.id);
        for (name, value) in [("iteration", iteration), ("bracket", bracket), ("stage", trial.stage + 1)] {
            attrs[format!("hobbit:{name}")] = json!(value);
        }
        fields["study_id"] = json!(self.held.study);
        fields["datetime_start"] = json!(date(trial.started));
        fields["state"] = json!(state::RUNNING);
        self.push(op::CREATE_TRIAL, fields);
        number
    }

    /// Says how a trial ended, if it did.
    fn end(&mut self, trial: &Trial, number: u64) {
        let state = match &trial.end {
            None | Some(Status::Unfinished) => return,
            Some(Status::Finished) => state::COMPLETE,
            Some(Status::Dropped(_)) => state::PRUNED,
            Some(Status::Diverged { reason, .. } | Status::Failed { reason, .. }) => {
                self.attr(trial.id, number, "hobbit:reason", json!(reason));
                state::FAIL
            }
        };
        let score = trial.score.filter(|_| state != state::FAIL);
        if let Some((_, epoch)) = score {
            self.attr(trial.id, number, "hobbit:score_epoch", json!(epoch));
        }
        // news of a beginning may have come after the end
        let started = self.held.ours.get(&trial.id).map_or("", |held| &held.started).to_owned();
        self.push(
            op::TRIAL_STATE,
            json!({
                "trial_id": number,
                "state": state,
                "values": score.map(|(score, _)| [score]),
                "datetime_complete": date(trial.time).max(started),
            }),
        );
    }
}

/// The monitor after each epoch of a trial, where it is finite.
fn monitored<'a>(study: &'a StudyInfo, trial: &'a Trial) -> impl Iterator<Item = (u64, f64)> + 'a {
    let epochs = trial.epochs.iter();
    epochs.filter_map(|(&epoch, (metrics, _))| {
        Some((epoch, metrics.get(&study.monitor).filter(|value| value.is_finite())?))
    })
}

impl Journal {
    fn new(path: &Path, name: &str) -> Journal {
        let start = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Journal {
            file: JournalFile::new(path),
            name: name.to_owned(),
            study: None,
            told: Told::default(),
            held: Held::default(),
            worker: format!("hobbit-{}-{}", std::process::id(), start.as_micros()),
        }
    }

    fn read(&mut self) -> Result<()> {
        for line in self.file.new_lines()? {
            self.held.apply(&line, &self.name);
        }
        Ok(())
    }

    /// What the study's user attributes say of a study, so that it is not taken for another one.
    fn attributes(study: &StudyInfo) -> Vec<(&'static str, Json)> {
        let mut attributes =
            vec![("hobbit:monitor", json!(study.monitor)), ("hobbit:seed", json!(study.seed))];
        match study.algorithm {
            // as it always was
            Algorithm::Hyperband { eta, .. } => attributes.push(("hobbit:eta", json!(eta))),
            Algorithm::FirstBrackets { eta, brackets, .. } => {
                attributes.extend([("hobbit:eta", json!(eta)), ("hobbit:brackets", json!(brackets))]);
            }
            _ => attributes.push((ALGORITHM, json!(study.algorithm.name()))),
        }
        attributes
    }

    /// An error if the file's study of this name is not the one that is being written.
    fn check(&self, study: &StudyInfo) -> Result<()> {
        if self.held.study.is_none() {
            return Ok(());
        }
        let is = |(name, value): &(&str, Json)| match self.held.attrs.get(*name) {
            Some(held) => held == value,
            // the process that made the study died before it could say more
            None => !self.held.others && self.held.ours.is_empty(),
        };
        let attributes = Self::attributes(study);
        let is_by_another =
            self.held.attrs.contains_key(ALGORITHM) && attributes.iter().all(|(name, _)| *name != ALGORITHM);
        let is_same = self.held.direction == Some(direction(study.direction)) && attributes.iter().all(is);
        if is_same && !is_by_another {
            return Ok(());
        }
        Err(self.another("study"))
    }

    fn another(&self, what: &str) -> Error {
        Error::repository(format!(
            "{} holds another {what} under the study name `{}`; choose another file or another name",
            self.file.path().display(),
            self.name
        ))
    }
}

impl Writer for Journal {
    fn open(&mut self, study: &Arc<StudyInfo>) -> Result<()> {
        self.read()?;
        self.study = Some(study.clone());
        self.check(study)
    }

    fn take(&mut self, event: &Event) {
        self.told.take(event);
    }

    fn write(&mut self) -> Result<()> {
        let Some(study) = self.study.clone() else { return Ok(()) };
        if self.held.study.is_some() && !self.told.has_news() {
            return Ok(());
        }
        let lock = self.file.lock()?;
        self.read()?;
        self.check(&study)?;
        let mut lines =
            Lines { held: &mut self.held, name: &self.name, worker: &self.worker, text: String::new() };
        if lines.held.study.is_none() {
            let directions = [direction(study.direction)];
            lines.push(op::CREATE_STUDY, json!({ "study_name": self.name, "directions": directions }));
        }
        let id = lines.held.study;
        let missing = |(name, _): &(&str, Json)| !lines.held.attrs.contains_key(*name);
        let missing: Vec<_> = Self::attributes(&study).into_iter().filter(missing).collect();
        if !missing.is_empty() {
            let names = json!({ "study:metric_names": [study.monitor] });
            lines.push(op::STUDY_SYSTEM_ATTR, json!({ "study_id": id, "system_attr": names }));
        }
        for (name, value) in missing {
            lines.push(op::STUDY_USER_ATTR, json!({ "study_id": id, "user_attr": { name: value } }));
        }
        let other =
            self.told.take_news(|trial| if lines.trial(&study, trial) { Ok(()) } else { Err(trial.id) });
        let text = lines.text;
        if let Err(trial) = other {
            return Err(self.another(&format!("trial {trial}")));
        }
        if text.is_empty() { Ok(()) } else { self.file.append(&lock, &text) }
    }
}

fn direction(direction: Direction) -> u64 {
    match direction {
        Direction::Minimize => 1,
        Direction::Maximize => 2,
    }
}

/// A moment as Optuna writes it.
fn date(time: Timestamp) -> String {
    // up to the year 9999, as the format allows
    let since =
        Duration::try_from_secs_f64(time.0).unwrap_or_default().min(Duration::from_secs(253_402_300_799));
    let text = humantime::format_rfc3339_micros(SystemTime::UNIX_EPOCH + since).to_string();
    text.replace('Z', "+00:00")
}
