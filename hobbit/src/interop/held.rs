//! What an Optuna journal holds of a study of hobbit's, read line by line as Optuna reads it.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value as Json};

use super::journal_file::{op, state, whole};
use crate::trial::TrialId;

/// The user attribute that tells which of hobbit's trials an Optuna trial is.
pub(super) const TRIAL: &str = "hobbit:trial";

/// What the file holds of our study.
#[derive(Default)]
pub(super) struct Held {
    /// All studies by their numbers; nothing where one was deleted.
    studies: Vec<Option<String>>,
    /// The trials of all studies.
    pub(super) trials: u64,
    /// Our study's number.
    pub(super) study: Option<u64>,
    pub(super) direction: Option<u64>,
    pub(super) attrs: Map<String, Json>,
    /// Somebody else's trials in our study.
    pub(super) others: bool,
    /// Our trials; of those that are there twice, the later one.
    pub(super) ours: HashMap<TrialId, HeldTrial>,
    by_number: HashMap<u64, TrialId>,
}

pub(super) struct HeldTrial {
    pub(super) number: u64,
    pub(super) started: String,
    pub(super) params: Json,
    pub(super) values: BTreeMap<u64, f64>,
    pub(super) attrs: Map<String, Json>,
    pub(super) finished: bool,
}

impl Held {
    /// Takes a line of the file, as Optuna does. `name` is our study's.
    pub(super) fn apply(&mut self, line: &Json, name: &str) {
        match whole(line, "op_code") {
            Some(op::CREATE_STUDY) => self.create_study(line, name),
            Some(op::DELETE_STUDY) => self.delete_study(line),
            Some(op::STUDY_USER_ATTR) if self.study.is_some() && whole(line, "study_id") == self.study => {
                if let Some(attr) = line.get("user_attr").and_then(Json::as_object) {
                    self.attrs.extend(attr.clone());
                }
            }
            Some(op::CREATE_TRIAL) => self.create_trial(line),
            Some(op) => {
                if let Some(trial) = self.unfinished(line) {
                    trial.apply(op, line);
                }
            }
            None => {}
        }
    }

    fn create_study(&mut self, line: &Json, name: &str) {
        let created = line.get("study_name").and_then(Json::as_str).map(str::to_owned);
        if created.is_none() || self.studies.contains(&created) {
            return;
        }
        if created.as_deref() == Some(name) {
            let trials = self.trials;
            let studies = std::mem::take(&mut self.studies);
            *self = Held { studies, trials, ..Held::default() };
            self.study = Some(self.studies.len() as u64);
            self.direction = line.pointer("/directions/0").and_then(Json::as_u64);
        }
        self.studies.push(created);
    }

    fn delete_study(&mut self, line: &Json) {
        let deleted = whole(line, "study_id");
        if let Some(study) = deleted.and_then(|id| self.studies.get_mut(id as usize)) {
            *study = None;
        }
        if deleted == self.study {
            self.study = None;
        }
    }

    fn create_trial(&mut self, line: &Json) {
        let study = whole(line, "study_id");
        if study.and_then(|id| self.studies.get(id as usize)).is_none_or(Option::is_none) {
            return;
        }
        let number = self.trials;
        self.trials += 1;
        if study != self.study {
            return;
        }
        let attrs = line.get("user_attrs").and_then(Json::as_object);
        let id = attrs.and_then(|attrs| attrs.get(TRIAL)).and_then(Json::as_str).map(str::parse);
        let Some(Ok(id)) = id else {
            self.others = true;
            return;
        };
        let trial = HeldTrial {
            number,
            started: line.get("datetime_start").and_then(Json::as_str).unwrap_or_default().to_owned(),
            params: line.get("params").cloned().unwrap_or_default(),
            values: BTreeMap::new(),
            attrs: attrs.cloned().unwrap_or_default(),
            finished: whole(line, "state").is_some_and(state::is_finished),
        };
        self.by_number.insert(number, id);
        self.ours.insert(id, trial);
    }

    /// The trial of ours that a line is about, if it takes lines.
    fn unfinished(&mut self, line: &Json) -> Option<&mut HeldTrial> {
        let number = whole(line, "trial_id")?;
        let trial = self.ours.get_mut(self.by_number.get(&number)?)?;
        (trial.number == number && !trial.finished).then_some(trial)
    }
}

impl HeldTrial {
    fn apply(&mut self, op: u64, line: &Json) {
        match op {
            op::TRIAL_STATE => self.finished = whole(line, "state").is_some_and(state::is_finished),
            op::INTERMEDIATE_VALUE => {
                if let Some(step) = whole(line, "step") {
                    let value = line.get("intermediate_value").and_then(Json::as_f64);
                    self.values.insert(step, value.unwrap_or(f64::NAN));
                }
            }
            op::TRIAL_USER_ATTR => {
                if let Some(attr) = line.get("user_attr").and_then(Json::as_object) {
                    self.attrs.extend(attr.clone());
                }
            }
            _ => {}
        }
    }
}
