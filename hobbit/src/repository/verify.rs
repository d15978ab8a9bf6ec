//! Reads every file of a repository and says what is wrong with it, and whether saved models are those that
//! the journal tells of.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use serde::de::IgnoredAny;

use super::lines::Damage;
use super::overview::{Overview, TrialOverview};
use super::reader::Reader;
use super::records::{ResultsRecord, StageRecord, Status, other_score};
use super::saved::{SavedModel, SavedState};
use super::study::StudyRecord;
use super::{journal, names};
use crate::error::{Error, Result};
use crate::trial::TrialId;

/// What [`verify`](Reader::verify) found out about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// The file's name below the repository's directory.
    pub file: String,
    /// Its state.
    pub state: FileState,
    /// What it holds, or what is wrong with it and what to do.
    pub text: String,
}

/// The state of a file of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileState {
    /// It was read to its end, and is what it should be.
    Whole,
    /// Nothing is wrong, but there is something to know.
    Note,
    /// It should be there and is not.
    Missing,
    /// It could not be read.
    Unreadable,
    /// Its contents are invalid, or contradict the rest of the repository.
    Damaged,
}

impl FileState {
    /// Whether nothing has to be done.
    pub fn is_fine(self) -> bool {
        matches!(self, FileState::Whole | FileState::Note)
    }
}

/// To what a study was extended, where it was: `study.ron` says what it was made with.
fn extended(made: &StudyRecord, now: &StudyRecord) -> String {
    let times = |study: &StudyRecord| match study.iterations() {
        1 => String::new(),
        iterations => format!(", {iterations} times"),
    };
    if made.algorithm == now.algorithm {
        return String::new();
    }
    format!("{}; extended to {}{}", times(made), now.sizes(), times(now))
}

impl Reader {
    /// Reads every file: checksums, the journal line by line, whether `results.ron` is what the journal says,
    /// and whether the best trial's weights are there.
    ///
    /// It may run while the study does: what appears or disappears at that moment is not damage.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn verify(&self) -> Result<Vec<Check>> {
        let mut checks = Checks(BTreeMap::new());
        let study = &self.study;
        let parameters = study.space.parameters().len();
        let sampler = study.sampler.as_ref().map_or_else(String::new, |sampler| {
            // that takes its code, and the type of the search space
            format!(", sampler {sampler}, which `hobbit::propose_again` asks again in a program")
        });
        let start = study.started_from().map_or_else(String::new, |known| format!(", started from {known}"));
        let overview = self.verify_journal(&mut checks);
        let extended =
            overview.as_ref().map_or_else(String::new, |overview| extended(study, &overview.study));
        checks.add(
            names::STUDY,
            FileState::Whole,
            format!(
                "{}{extended}, seed {}, {parameters} hyperparameters{sampler}{start}",
                study.sizes(),
                study.seed
            ),
        );
        if let Some(overview) = &overview {
            self.verify_results(overview, &mut checks);
        }
        let is_running = overview.as_ref().is_some_and(Overview::may_be_running);
        let weights = self.dir().join(names::WEIGHTS);
        match self.storage().list(&weights) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                checks.add("weights", FileState::Unreadable, error.to_string());
            }
            names => {
                for name in names.unwrap_or_default() {
                    self.verify_model(&name, is_running, overview.as_ref(), &mut checks);
                }
                self.verify_best(overview.as_ref(), &mut checks);
            }
        }
        let names = self.storage().list(self.dir()).map_err(|error| Error::io("list", self.dir(), error))?;
        for name in names {
            match name.as_str() {
                names::DAMAGED => {
                    checks.add(&name, FileState::Note, "a damaged journal that `salvage` put aside")
                }
                names::LIVE => {
                    if let Err(error) = self.live() {
                        let text = format!("{error}; it says only what machines were at, and can be removed");
                        checks.add(&name, FileState::Damaged, text);
                    }
                }
                _ if names::is_temporary(&name) => checks.temporary(&name, is_running),
                _ if names::is_own(&name) => {}
                _ if names::is_old(&name) && self.has(&format!("{name}/{}", names::STUDY)) => {
                    checks.add(&name, FileState::Note, "a study that was overwritten")
                }
                _ => checks.add(&name, FileState::Note, "not a file of hobbit's"),
            }
        }
        Ok(checks.0.into_values().collect())
    }

    /// In words, why the saved model of a trial is not the one that the journal tells of, at the epoch of its
    /// score: the journal has lost lines, or the file is of another study. `None` if it is that one, or is
    /// further than the journal, or cannot be read.
    pub fn disagreement(&self, trial: &TrialOverview) -> Option<String> {
        let model = self.model(trial.id).ok()?;
        let why = disagreement(&model.state, trial)?;
        Some(format!("{}: {why}", self.model_path(trial.id).display()))
    }

    /// The saved model of the best trial, if it is the one that the journal tells of.
    ///
    /// # Errors
    /// No trial has a score yet, or its weights were not kept, were removed, are damaged, or are of another
    /// model.
    pub fn best_saved(&self) -> Result<SavedModel> {
        let overview = self.overview()?;
        let Some(best) = overview.best() else {
            return Err(Error::repository(format!("no trial of {} has a score yet", self.dir().display())));
        };
        self.saved(best)
    }

    /// The saved model of a trial, if it is the one that the journal tells of.
    ///
    /// # Errors
    /// The journal does not know the trial, or its weights were not kept, were removed, are damaged, or are
    /// of another model.
    pub fn saved_of(&self, trial: TrialId) -> Result<SavedModel> {
        match self.overview()?.trial(trial) {
            Some(trial) => self.saved(trial),
            None => Err(Error::repository(format!("{} has no trial {trial}", self.dir().display()))),
        }
    }

    fn saved(&self, trial: &TrialOverview) -> Result<SavedModel> {
        if !self.has_model(trial.id) {
            return Err(Error::repository(format!(
                "the weights of trial {} are not there: {} was removed, or the study does not keep them (`keep` sets which \
                 trials' weights are kept)",
                trial.id,
                self.model_path(trial.id).display()
            )));
        }
        match self.disagreement(trial) {
            Some(why) => Err(Error::repository(format!("{why}; run the study's program again"))),
            None => self.model(trial.id),
        }
    }

    fn verify_journal(&self, checks: &mut Checks) -> Option<Overview> {
        const NAME: &str = names::JOURNAL;
        let bytes = match self.storage().read(&self.dir().join(NAME)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                checks.add(NAME, FileState::Note, "there is none yet: no process has worked on the study");
                Vec::new()
            }
            Err(error) => {
                checks.add(NAME, FileState::Unreadable, error.to_string());
                return None;
            }
        };
        let (contents, damage) = journal::parse_until_damage(&bytes, Some(&self.study));
        let records = contents.records.len();
        if let Some(Damage { line, what }) = damage {
            let hint = format!("`hobbit salvage` keeps the {records} records before it");
            checks.add(NAME, FileState::Damaged, format!("line {line} {what}; {hint}"));
            return None;
        }
        let overview = match Overview::new(self.study.clone(), contents.records) {
            Ok(overview) => overview,
            Err(error) => {
                checks.add(NAME, FileState::Damaged, error.to_string());
                return None;
            }
        };
        let lost = overview.lost_outcomes();
        if lost > 0 && !overview.may_be_running() {
            let text = format!(
                "it has lost lines: {lost} outcomes of stages come after others that are not there; the next run of the study's \
                 program trains these trials again"
            );
            checks.add(NAME, FileState::Damaged, text);
        } else if overview.is_finished() && !overview.is_whole() {
            let text = "it has lost lines: it says that the plan was carried out, but outcomes of it are missing; the next run of the \
                        study's program trains them again";
            checks.add(NAME, FileState::Damaged, text);
        } else if contents.torn && !overview.may_be_running() {
            let text = format!(
                "{records} records; after them a line that was not written to its end, which the next run drops"
            );
            checks.add(NAME, FileState::Note, text);
        } else if !bytes.is_empty() {
            checks.add(
                NAME,
                FileState::Whole,
                format!("{records} records, {} trials", overview.trials.len()),
            );
        }
        Some(overview)
    }

    fn verify_results(&self, overview: &Overview, checks: &mut Checks) {
        const NAME: &str = names::RESULTS;
        if !self.has(NAME) {
            if overview.is_finished() {
                let text =
                    "the journal says that the study is finished; run its program again to have it written";
                checks.add(NAME, FileState::Missing, text);
            }
            return;
        }
        let results: ResultsRecord<IgnoredAny> = match self.results() {
            Ok(results) => results,
            Err(error) if error.is_io() => {
                return checks.add(NAME, FileState::Unreadable, error.to_string());
            }
            Err(error) => {
                let text = error.to_string();
                let place = text.strip_prefix(&format!("{}:", self.dir().join(NAME).display()));
                let text = place.map_or(text.clone(), |place| format!("line {place}"));
                return checks.add(NAME, FileState::Damaged, text);
            }
        };
        let trials = results.trials.len();
        let (is_same, is_same_so_far) = compare(overview, &results);
        match (overview.is_finished(), is_same) {
            (true, false) => checks.add(
                NAME,
                FileState::Damaged,
                "it is not what the journal says; remove it and run the program again, which writes it afresh",
            ),
            (true, true) => {
                checks.add(NAME, FileState::Whole, format!("{trials} trials, as the journal says"))
            }
            (false, _) if !is_same_so_far && self.has_lost_the_end(&results, overview) => {
                let text = format!(
                    "{trials} trials, of the study's end, of which the journal does not tell; the next run of the study's program \
                     trains again what the journal lost"
                );
                checks.add(names::JOURNAL, FileState::Damaged, "it has lost lines: results.ron tells more than it does");
                checks.add(NAME, FileState::Note, text);
            }
            // of a process that stopped before the end, and perhaps others went on since
            (false, _) => {
                checks.add(NAME, FileState::Whole, format!("{trials} trials, of an earlier end"))
            }
        }
    }

    /// Whether results are those of the whole plan, as large as it is now, without a journal of it that a
    /// salvage may have cut off.
    fn has_lost_the_end<H>(&self, results: &ResultsRecord<H>, overview: &Overview) -> bool {
        let study = &overview.study;
        let is_as_large = match results.algorithm {
            Some(algorithm) => algorithm == study.algorithm,
            None => {
                (Some(results.max_epochs), results.iterations) == (study.max_epochs(), study.iterations())
            }
        };
        let is_salvaged = self.has(names::DAMAGED);
        is_as_large && results.stopped.is_none() && !is_salvaged && !overview.may_be_running()
    }

    fn verify_model(&self, name: &str, is_running: bool, overview: Option<&Overview>, checks: &mut Checks) {
        let file = format!("weights/{name}");
        if names::is_temporary_model(name) {
            return checks.temporary(&file, is_running);
        }
        if name == names::INCOMING {
            // it is there while machines leave models in it
            return;
        }
        let Some(trial) = names::trial_of(name) else {
            return checks.add(&file, FileState::Note, "not a file of hobbit's");
        };
        let path = self.model_path(trial);
        let model = match self.model(trial) {
            Ok(model) => model,
            // it was removed since the directory was listed
            Err(_) if !self.has_model(trial) => return,
            Err(error) if error.is_io() => {
                return checks.add(&file, FileState::Unreadable, error.to_string());
            }
            Err(error) => {
                let text = error.to_string();
                let why = text.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&text);
                let is_finished = overview.is_some_and(Overview::is_finished);
                let cure = if is_finished { "" } else { "; remove it, and the trial is trained again" };
                return checks.add(&file, FileState::Damaged, format!("{why}{cure}"));
            }
        };
        let state = model.state;
        if state.trial != trial {
            let text = format!("it is of trial {}, not of {trial}", state.trial);
            return checks.add(&file, FileState::Damaged, text);
        }
        if !is_running && let Some(overview) = overview {
            let Some(told) = overview.trial(trial) else {
                return checks.add(&file, FileState::Note, "the journal knows of no such trial");
            };
            let had = told.stages.last().map_or(0, StageRecord::reached);
            if state.score != told.score && state.epoch > had && !is_next(&state, told) {
                let text = format!(
                    "trained {} epochs, and the journal tells of {had}: it has lost lines at its end, and what they told is \
                     trained again",
                    state.epoch
                );
                return checks.add(&file, FileState::Note, text);
            }
            // a process that was killed has not removed what is needed no more
            let is_left = !is_best(overview, trial) && state.epoch < had;
            if let Some(why) = disagreement(&state, told).filter(|_| !is_left && told.score.is_some()) {
                let text = format!("{why}; run the study's program again");
                return checks.add(&file, FileState::Damaged, text);
            }
        }
        let arrays = model.best.arrays.len();
        checks.add(&file, FileState::Whole, format!("trained {} epochs, {arrays} arrays", state.epoch));
    }

    fn verify_best(&self, overview: Option<&Overview>, checks: &mut Checks) {
        let missing =
            |overview: &Overview| overview.best().map(|best| best.id).filter(|id| !self.has_model(*id));
        let Some(first) = overview.and_then(missing) else { return };
        // in a running study another trial may be the best one by now
        if let Ok(later) = self.overview()
            && missing(&later) == Some(first)
        {
            let file = format!("weights/{first}.safetensors");
            let text =
                "the weights of the best trial are not there: they were removed, or the study keeps none";
            checks.add(&file, FileState::Missing, text);
        }
    }
}

/// Whether results are what the journal says; and whether they are as far as it goes: the ends of trials may
/// be missing in it, since results are written before these are on the disk.
fn compare<H>(overview: &Overview, results: &ResultsRecord<H>) -> (bool, bool) {
    let (mut is_same, mut is_same_so_far) = (true, overview.trials.len() == results.trials.len());
    for (told, written) in overview.trials.iter().zip(&results.trials) {
        let score = told.score.map(|(score, _)| score.to_bits());
        let is_trial = (told.id, score, told.epochs())
            == (written.trial, written.score.map(f64::to_bits), written.epochs);
        is_same &= is_trial && told.status == written.status;
        is_same_so_far &= is_trial && (told.status == written.status || told.status == Status::Unfinished);
    }
    (is_same && is_same_so_far, is_same_so_far)
}

/// Whether the weights are of the stage after those that the journal tells of: a process that is killed may
/// have saved more than it told.
fn is_next(state: &SavedState, told: &TrialOverview) -> bool {
    let had = told.stages.last().map_or(0, StageRecord::reached);
    state.from == had && state.epoch > had && told.status == Status::Unfinished
}

/// In words, why weights are not the model that the journal tells of; nothing if they are, or are further.
fn disagreement(state: &SavedState, told: &TrialOverview) -> Option<String> {
    let is_model = state.score == told.score || is_next(state, told);
    let why =
        || format!("it is not the model that the journal tells of: {}", other_score(state.score, told.score));
    (!is_model).then(why)
}

fn is_best(overview: &Overview, trial: TrialId) -> bool {
    overview.best().is_some_and(|best| best.id == trial)
}

impl Overview {
    /// Whether a process works on the study, as far as can be seen from here.
    pub fn may_be_running(&self) -> bool {
        self.processes.last().is_some_and(|process| process.is_running() != Some(false))
    }
}

/// What was found, by file.
struct Checks(BTreeMap<String, Check>);

impl Checks {
    fn add(&mut self, file: &str, state: FileState, text: impl Into<String>) {
        self.0.insert(file.to_owned(), Check { file: file.to_owned(), state, text: text.into() });
    }

    fn temporary(&mut self, file: &str, is_running: bool) {
        // while the study runs it is being written
        if !is_running {
            self.add(
                file,
                FileState::Note,
                "was being written when a process ended; the next run removes it",
            );
        }
    }
}
