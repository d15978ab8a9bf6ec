//! Configurations and results of other tools, to start a study with.
//!
//! ```no_run
//! # use hobbit::prelude::*;
//! # #[search_space]
//! # struct Hparams { #[uniform(0.0..=1.0)] rate: f64 }
//! # fn example<O: hobbit::Objective<Hparams = Hparams>>(objective: O) -> hobbit::Result<()> {
//! use hobbit::interop::import;
//!
//! let fitted = import::optuna("old.journal", None)?.fit::<Hparams>();
//! for refused in &fitted.refused {
//!     eprintln!("{}: {}", refused.source, refused.reason);
//! }
//! let mut study = Hyperband::of(objective);
//! for trial in fitted.accepted.into_iter().take(10) {
//!     study = study.enqueue(trial.hparams);
//! }
//! study.run(27, 3)?;
//! # Ok(())
//! # }
//! ```
//!
//! An imported score tells which configurations to begin with, nothing more: every trial of a study is
//! trained by hobbit itself, so that its result depends on the study alone.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::journal_file::{JournalFile, op, state, whole};
use crate::error::{Error, Result};
use crate::objective::Objective;
use crate::runner::{Before, Foreign, ForeignTrial};
use crate::space::{Narrowing, SearchSpace, Space, Value, from_values};
use crate::study::Study;
use crate::trial::Direction;

/// What a file holds, before it is compared with a search space.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Imported {
    /// The file.
    pub path: PathBuf,
    /// The direction in which scores improve.
    pub direction: Direction,
    /// The trials, in the order of the file.
    pub rows: Vec<Row>,
}

/// One trial of another tool.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// Where it is from: `trial 12`, `line 5`.
    pub source: String,
    /// Its parameters.
    pub params: Vec<(String, Value)>,
    /// Other named values, used for parameters that are missing from `params`.
    pub attrs: Vec<(String, Value)>,
    /// What it reported while it was trained: epochs, which count from 1, in order, and values.
    pub curve: Vec<(u64, f64)>,
    /// Its result, if it has one.
    pub score: Option<f64>,
    /// Whether it failed there; failed trials are refused.
    pub failed: bool,
}

/// Trials of another tool as configurations of a search space.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Fitted<H> {
    /// Those that belong to the space, best first, without repetitions; those without a score come last.
    pub accepted: Vec<Accepted<H>>,
    /// All others, in the order of the file.
    pub refused: Vec<Refused>,
}

/// A trial that belongs to the space.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Accepted<H> {
    /// Its configuration.
    pub hparams: H,
    /// Its result, as the other tool measured it.
    pub score: Option<f64>,
    /// Where it is from.
    pub source: String,
}

/// A trial that was not imported.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Refused {
    /// Where it is from.
    pub source: String,
    /// Why.
    pub reason: String,
}

impl<H: SearchSpace> Fitted<H> {
    /// Also refuses those that a study [narrowed](crate::Hyperband::narrowed) by this would refuse.
    ///
    /// # Errors
    /// As [`Narrowing::space`].
    pub fn narrowed(self, narrowing: &Narrowing) -> Result<Fitted<H>> {
        narrowing.space::<H>()?;
        let (mut accepted, mut refused) = (Vec::new(), self.refused);
        for trial in self.accepted {
            match narrowing.check(&trial.hparams) {
                Ok(()) => accepted.push(trial),
                Err(error) => refused.push(Refused { source: trial.source, reason: error.to_string() }),
            }
        }
        Ok(Fitted { accepted, refused })
    }
}

impl Imported {
    /// Gives a parameter the name it has in the search space.
    pub fn rename(mut self, from: &str, to: &str) -> Imported {
        let names = self.rows.iter_mut().flat_map(|row| row.params.iter_mut().chain(&mut row.attrs));
        names.filter(|(name, _)| name == from).for_each(|(name, _)| to.clone_into(name));
        self
    }

    /// Compares the trials with a search space: every parameter has to be there under its name, dotted where
    /// it is nested, with a value in its domain, and no others may be there.
    pub fn fit<H: SearchSpace>(self) -> Fitted<H> {
        let (mut accepted, mut refused) = (Vec::new(), Vec::new());
        let mut known: HashMap<String, String> = HashMap::new();
        let space = H::space();
        for row in self.rows {
            let params = row.values(&space);
            let Row { source, score, failed, .. } = row;
            let hparams = match from_values::<H>(&params) {
                _ if failed => Err("it failed".to_owned()),
                Ok(hparams) => match known.entry(format!("{:?}", hparams.values())) {
                    std::collections::hash_map::Entry::Vacant(place) => {
                        place.insert(source.clone());
                        Ok(hparams)
                    }
                    std::collections::hash_map::Entry::Occupied(first) => {
                        Err(format!("it is the same configuration as {}", first.get()))
                    }
                },
                Err(error) => Err(error.to_string()),
            };
            match hparams {
                Ok(hparams) => accepted.push(Accepted { hparams, score, source }),
                Err(reason) => refused.push(Refused { source, reason }),
            }
        }
        // a stable sort: equal scores stay in the order of the file
        accepted.sort_by(|a, b| match (a.score, b.score) {
            (Some(a), Some(b)) if self.direction.better(a, b) => std::cmp::Ordering::Less,
            (Some(a), Some(b)) if self.direction.better(b, a) => std::cmp::Ordering::Greater,
            (a, b) => a.is_none().cmp(&b.is_none()),
        });
        Fitted { accepted, refused }
    }
}

impl Row {
    /// Its parameters, those that are missing from other values of their names.
    fn values(&self, space: &Space) -> Vec<(String, Value)> {
        let mut values = self.params.clone();
        for (name, value) in &self.attrs {
            let is_wanted = space.parameters().iter().any(|parameter| parameter.name() == name);
            if is_wanted && self.params.iter().all(|(known, _)| known != name) {
                values.push((name.clone(), value.clone()));
            }
        }
        values
    }
}

impl<O: Objective, A> Study<O, A> {
    /// Gives the sampler the outcomes of a study of another tool before the first trial, as
    /// [`warm_start`](crate::Hyperband::warm_start) does with one of hobbit's.
    ///
    /// Its values have to be those of this study's monitor, which no file says. Of the values that a trial
    /// reported while it was trained (`trial.report(value, step)` in Optuna), those count that came after
    /// no more epochs than the last stages of this study have, and the latest of them has to come after no
    /// fewer than the first stages have; the score is the best or the last of them, as in this study.
    /// Results without reports, and tables, count as results after the last stages. Failed trials count as
    /// such; configurations that are not in the search space, or break a constraint, do not count.
    ///
    /// ```no_run
    /// # fn sweep<O: hobbit::Objective>(objective: O) -> hobbit::Result<hobbit::Results<O>> {
    /// use hobbit::Asha;
    /// use hobbit::interop::import;
    /// use hobbit::search::Kde;
    ///
    /// let before = import::optuna("old.journal", None)?.rename("lr", "learning_rate");
    /// Asha::of(objective).sampler(Kde::new()).warm_start_from(before).repo_dir("runs/today").run(100, 27, 3)
    /// # }
    /// ```
    ///
    /// It belongs to the study: a repository is continued with the copy in `study.ron`.
    ///
    /// # Errors
    /// `run` returns one if the direction differs, if none of the trials counts, or if there is no sampler
    /// that learns.
    pub fn warm_start_from(self, imported: Imported) -> Self {
        let space = O::Hparams::space();
        let trials = imported.rows.into_iter().map(|row| ForeignTrial {
            values: row.values(&space),
            source: row.source,
            curve: row.curve,
            score: row.score,
            failed: row.failed,
        });
        let trials = trials.collect();
        let name = imported.path.display().to_string();
        self.set(|s| {
            s.warm_start.push(Before::Foreign(Foreign { name, direction: imported.direction, trials }))
        })
    }
}

/// The trials of a study in an Optuna journal file. Its name is needed only if there are several.
///
/// # Errors
/// There is no such file, it cannot be read, it has no such study or several of them, or the study has
/// several objectives.
pub fn optuna(path: impl AsRef<Path>, study_name: Option<&str>) -> Result<Imported> {
    let path = path.as_ref();
    // a journal that is written to need not be there yet
    path.metadata().map_err(|error| Error::io("read", path, error))?;
    let mut journal = Journal::default();
    for line in &JournalFile::new(path).new_lines()? {
        journal.take(line);
    }
    let (number, direction) = journal.study(path, study_name)?;
    let trials = journal.trials.into_iter().filter(|(study, _)| *study == number);
    let rows = trials.enumerate().map(|(i, (_, trial))| Row { source: format!("trial {i}"), ..trial.row() });
    let mut rows: Vec<Row> = rows.collect();
    // steps count from 0 or from 1, in the whole study alike
    if rows.iter().any(|row| row.curve.first().is_some_and(|(step, _)| *step == 0)) {
        let steps = rows.iter_mut().flat_map(|row| &mut row.curve);
        steps.for_each(|(step, _)| *step = step.saturating_add(1));
    }
    Ok(Imported { path: path.to_owned(), direction, rows })
}

/// What an Optuna journal holds.
#[derive(Default)]
struct Journal {
    /// The studies by their numbers, with the numbers of their directions; nothing where one was deleted.
    studies: Vec<Option<(String, Vec<u64>)>>,
    /// The trials by their numbers, with their studies'.
    trials: Vec<(usize, Trial)>,
}

impl Journal {
    /// Takes a line, as Optuna does.
    fn take(&mut self, line: &Json) {
        match whole(line, "op_code") {
            Some(op::CREATE_STUDY) => {
                let Some(name) = line.get("study_name").and_then(Json::as_str) else { return };
                if !self.studies.iter().flatten().any(|(known, _)| known == name) {
                    let directions = line.get("directions").and_then(Json::as_array);
                    let directions = directions.into_iter().flatten().filter_map(Json::as_u64).collect();
                    self.studies.push(Some((name.to_owned(), directions)));
                }
            }
            Some(op::DELETE_STUDY) => {
                let deleted = whole(line, "study_id");
                if let Some(study) = deleted.and_then(|id| self.studies.get_mut(id as usize)) {
                    *study = None;
                }
            }
            Some(op::CREATE_TRIAL) => {
                let study = whole(line, "study_id").unwrap_or(u64::MAX) as usize;
                if self.studies.get(study).is_some_and(Option::is_some) {
                    self.trials.push((study, Trial::created(line)));
                }
            }
            Some(op) => {
                let trial = whole(line, "trial_id").and_then(|id| self.trials.get_mut(id as usize));
                if let Some((_, trial)) = trial.filter(|(_, trial)| !state::is_finished(trial.state)) {
                    trial.take(op, line);
                }
            }
            None => {}
        }
    }

    /// The number and the direction of the study of this name, or of the only one there is.
    fn study(&self, path: &Path, name: Option<&str>) -> Result<(usize, Direction)> {
        let wrong = |what: &str| {
            let names: Vec<_> = self.studies.iter().flatten().map(|(name, _)| format!("`{name}`")).collect();
            let has = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            Error::repository(format!("{} {what}; the studies in it: {has}", path.display()))
        };
        let studies = (0..).zip(&self.studies).filter_map(|(number, study)| Some((number, study.as_ref()?)));
        let mut fitting = studies.filter(|(_, (known, _))| name.is_none_or(|name| name == known));
        let (number, (_, directions)) = match (fitting.next(), fitting.next(), name) {
            (Some(study), None, _) => study,
            (None, _, Some(name)) => return Err(wrong(&format!("has no such study: `{name}`"))),
            (None, _, None) => return Err(wrong("has no study")),
            _ => return Err(wrong("has several studies: say which")),
        };
        match directions.as_slice() {
            [1] => Ok((number, Direction::Minimize)),
            [2] => Ok((number, Direction::Maximize)),
            _ => Err(wrong("has a study with several objectives, or without a direction")),
        }
    }
}

/// An Optuna trial so far.
#[derive(Default)]
struct Trial {
    row: Row,
    state: u64,
    value: Option<f64>,
    /// What it reported, by its step.
    reported: BTreeMap<u64, f64>,
}

impl Trial {
    fn created(line: &Json) -> Trial {
        let mut trial = Trial {
            state: whole(line, "state").unwrap_or(state::RUNNING),
            value: line.get("value").or(line.pointer("/values/0")).and_then(Json::as_f64),
            ..Trial::default()
        };
        let distributions = line.get("distributions");
        for (name, value) in line.get("params").and_then(Json::as_object).into_iter().flatten() {
            trial.param(name, Some(value), distributions.and_then(|all| all.get(name)));
        }
        line.get("user_attrs").into_iter().for_each(|attrs| trial.attrs(attrs));
        trial
    }

    /// Takes a line about it.
    fn take(&mut self, op: u64, line: &Json) {
        match op {
            op::TRIAL_PARAM => {
                if let Some(name) = line.get("param_name").and_then(Json::as_str) {
                    self.param(name, line.get("param_value_internal"), line.get("distribution"));
                }
            }
            op::TRIAL_STATE => {
                self.state = whole(line, "state").unwrap_or(self.state);
                self.value = line.pointer("/values/0").and_then(Json::as_f64).or(self.value);
            }
            op::INTERMEDIATE_VALUE => {
                let value = line.get("intermediate_value").and_then(Json::as_f64);
                if let (Some(step), Some(value)) = (whole(line, "step"), value) {
                    self.reported.insert(step, value);
                }
            }
            op::TRIAL_USER_ATTR => line.get("user_attr").into_iter().for_each(|attr| self.attrs(attr)),
            _ => {}
        }
    }

    /// A parameter, from the number that stands for it.
    fn param(&mut self, name: &str, internal: Option<&Json>, distribution: Option<&Json>) {
        let distribution: Option<Json> =
            distribution.and_then(Json::as_str).and_then(|text| serde_json::from_str(text).ok());
        let place = internal.and_then(Json::as_f64);
        let option = place.filter(|place| *place >= 0.0 && place.fract() == 0.0);
        let at = |pointer: &str| distribution.as_ref().and_then(|it| it.pointer(pointer));
        let is_whole = at("/name").and_then(Json::as_str).is_some_and(|name| name.starts_with("Int"));
        let value = match at("/attributes/choices") {
            Some(choices) => option.and_then(|place| value(choices.get(place as usize)?)),
            // Optuna itself writes them as real numbers
            None if is_whole => internal.and_then(value).map(|value| match value {
                Value::Float(number) if number.fract() == 0.0 => Value::whole(number as i128),
                value => value,
            }),
            None => place.map(Value::Float),
        };
        // what does not read is missing, and the trial will be refused for it
        self.row.params.retain(|(known, _)| known != name);
        self.row.params.extend(value.map(|value| (name.to_owned(), value)));
    }

    fn attrs(&mut self, attrs: &Json) {
        let attrs = attrs.as_object().into_iter().flatten();
        self.row.attrs.extend(attrs.filter_map(|(name, json)| Some((name.clone(), value(json)?))));
    }

    fn row(self) -> Row {
        let ended = matches!(self.state, state::COMPLETE | state::PRUNED);
        let curve = self.reported.into_iter().collect();
        Row { score: self.value.filter(|_| ended), curve, failed: self.state == state::FAIL, ..self.row }
    }
}

fn value(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Int(number),
            (_, Some(number)) => Value::UInt(number),
            _ => Value::Float(number.as_f64()?),
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Null => Value::Text("None".to_owned()),
        _ => return None,
    })
}

/// The rows of a CSV file with a header. `score` is the column with the results; `""` if there is none. A
/// column without a name, such as pandas' index, is left out.
///
/// If there are columns that begin with `params_`, as in the tables that Optuna writes, or with `hparams.`,
/// as in those of `hobbit export --csv`, these are the parameters. Otherwise every column is one, but for the
/// score and `state`. An empty field is a missing value, unless it belongs to a parameter that has to be
/// there and has an empty text as an option. So are, in the column of scores, the words for missing results
/// (`nan`, `NA`, `None`, `null`) and infinite ones. Rows whose `state` is `FAIL`, or whose status in hobbit's
/// table says that they failed or diverged, are refused.
///
/// # Errors
/// The file cannot be read, has rows of different lengths, two columns of the same name, or no column
/// `score`, or something in that column is not a number.
pub fn csv(path: impl AsRef<Path>, score: &str, direction: Direction) -> Result<Imported> {
    let path = path.as_ref();
    let failed = |error: ::csv::Error| {
        Error::repository(format!("could not read {}: {error}", path.display())).with_source(error)
    };
    let mut reader =
        ::csv::ReaderBuilder::new().trim(::csv::Trim::Headers).from_path(path).map_err(failed)?;
    let names = reader.headers().map_err(failed)?.clone();
    check_columns(path, &names, score)?;
    let parameter =
        |name: &str| name.strip_prefix("params_").or(name.strip_prefix("hparams.")).map(str::to_owned);
    let prefixed = names.iter().any(|name| parameter(name).is_some());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(failed)?;
        let line = record.position().map_or(0, |position| position.line());
        let mut row = Row { source: format!("line {line}"), ..Row::default() };
        for (name, text) in names.iter().zip(&record).filter(|(name, _)| !name.is_empty()) {
            // spaces may belong to an option
            let value = Value::Text(text.to_owned());
            let text = text.trim();
            if text.is_empty() {
                let name = if prefixed { parameter(name) } else { Some(name.to_owned()) };
                row.attrs.extend(name.map(|name| (name, value)));
                continue;
            }
            match name {
                "state" => row.failed = text == "FAIL",
                "status" if prefixed => row.failed = matches!(text, "failed" | "diverged"),
                name if name == score => row.score = result(path, line, name, text)?,
                name if !prefixed => row.params.push((name.to_owned(), value)),
                name => match parameter(name) {
                    Some(name) => row.params.push((name, value)),
                    None => {
                        let name = name.strip_prefix("user_attrs_").unwrap_or(name);
                        row.attrs.push((name.to_owned(), value));
                    }
                },
            }
        }
        rows.push(row);
    }
    Ok(Imported { path: path.to_owned(), direction, rows })
}

/// Refuses two columns of one name, and a score that is not there.
fn check_columns(path: &Path, names: &::csv::StringRecord, score: &str) -> Result<()> {
    let wrong = |what: String| {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        Error::repository(format!("{} {what}; its columns are {}", path.display(), names.join(", ")))
    };
    let mut known = HashSet::new();
    if let Some(twice) = names.iter().find(|name| !name.is_empty() && !known.insert(*name)) {
        return Err(wrong(format!("has two columns named `{twice}`")));
    }
    if score.is_empty() || known.contains(score) {
        return Ok(());
    }
    Err(wrong(format!("has no column `{score}` for the scores (`\"\"` if there are none)")))
}

/// A result, if it is one.
fn result(path: &Path, line: u64, name: &str, text: &str) -> Result<Option<f64>> {
    if ["na", "n/a", "none", "null"].contains(&text.to_ascii_lowercase().as_str()) {
        return Ok(None);
    }
    let score: f64 = text.parse().map_err(|_| {
        let (path, name) = (path.display(), name.escape_debug());
        Error::repository(format!(
            "{path}:{line}: the score is `{text}` in the column `{name}`; it has to be a number"
        ))
    })?;
    Ok(Some(score).filter(|score| score.is_finite()))
}
