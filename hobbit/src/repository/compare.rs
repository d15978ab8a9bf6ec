//! Whether a repository belongs to a study, and what has changed about it.

use std::collections::BTreeMap;
use std::path::Path;

use super::records::{Descriptions, Record};
use super::study::{StudyRecord, differences, differences_beside_sizes, is_larger, objective_differences};
use crate::error::{Error, Result};
use crate::schedule::Algorithm;
use crate::trial::TrialId;

/// How a repository is opened.
#[derive(Clone)]
pub(crate) struct Opening {
    /// The repository's study may be smaller than this one.
    pub(crate) extend: bool,
    /// A study that is there is moved away.
    pub(crate) overwrite: bool,
    /// What the objective makes may have changed.
    pub(crate) accept_changes: bool,
    pub(crate) workers: u32,
    /// What this process computes with.
    pub(crate) numerics: String,
}

/// How the trials of a journal differ from what the objective makes of them today.
#[derive(Default)]
pub(crate) struct Examined {
    /// In words, which trials and how.
    pub(crate) differences: Vec<String>,
    /// The descriptions of today, of the trials that differ or had none.
    pub(crate) models: BTreeMap<TrialId, BTreeMap<String, String>>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
}

/// How a study goes on in its repository.
#[derive(Default)]
pub(super) struct Compared {
    /// The algorithm with its new size, if the study has outgrown the repository's.
    pub(super) extended: Option<Algorithm>,
    /// What is new about what is trained.
    pub(super) descriptions: Descriptions,
    /// What the user should know.
    pub(super) notes: Vec<String>,
}

/// Compares a study with what its repository says. The trials are examined only if the settings are the same.
///
/// # Errors
/// The repository belongs to another study, or what is trained has changed and that is not accepted.
pub(super) fn compare(
    dir: &Path,
    study: &StudyRecord,
    mut known: StudyRecord,
    records: &[Record],
    opening: Opening,
    examine: impl FnOnce() -> Result<Examined>,
) -> Result<Compared> {
    records.iter().for_each(|record| known.take_over(record));
    let larger = is_larger(&study.algorithm, &known.algorithm);
    let settings = match larger && opening.extend {
        true => differences_beside_sizes(study, &known),
        false => differences(study, &known),
    };
    let mut changes = objective_differences(study, &known);
    if !settings.is_empty() {
        return Err(other_study(dir, &settings, &changes, larger && !opening.extend, opening.accept_changes));
    }
    let objective = (!changes.is_empty()).then(|| study.objective.clone());
    let Examined { differences, models, mut notes } = examine()?;
    changes.extend(differences);
    if !changes.is_empty() && !opening.accept_changes {
        return Err(Error::repository(format!(
            "what is trained has changed since the study in {} was begun:\n  - {}\nNothing was done. Undo the change or choose \
             another directory; `.accept_changes()` continues the study anyway, and `.overwrite()` starts it over",
            dir.display(),
            changes.join("\n  - ")
        )));
    }
    notes.extend(changes.iter().map(|change| format!("accepted: {change}")));
    let extended = (larger && opening.extend).then_some(study.algorithm);
    notes.extend(other_numerics(records, &opening.numerics));
    let descriptions = Descriptions { accepted: changes, objective, models, numerics: None };
    Ok(Compared { extended, descriptions, notes })
}

/// What the user should know if the last process on a study computed with something else.
fn other_numerics(records: &[Record], ours: &str) -> Option<String> {
    let theirs = records.iter().rev().find_map(|record| match record {
        Record::Opened { descriptions, .. } => Some(descriptions.as_ref()?.numerics.as_deref()),
        _ => None,
    });
    let theirs = theirs.flatten().filter(|theirs| *theirs != ours)?;
    Some(format!(
        "the study was trained with {theirs} until now, and continues with {ours}: results may differ in their last bits from those of \
         one kind of machine"
    ))
}

/// A study whose settings are not those of the repository.
fn other_study(dir: &Path, settings: &[String], changes: &[String], larger: bool, accepts: bool) -> Error {
    let found: Vec<&str> = settings.iter().chain(changes).map(String::as_str).collect();
    let mut hint = String::new();
    if larger && found.len() <= 2 {
        hint += "; to make the study larger, call `.extend()`";
    }
    if accepts {
        hint += "; `.accept_changes()` is for changes of the data and of what is trained, not of settings";
    }
    Error::repository(format!(
        "the repository {} belongs to another study:\n  - {}\nChoose another directory, or the same settings{hint}; `.overwrite()` \
         starts over and keeps the old study in a subdirectory",
        dir.display(),
        found.join("\n  - ")
    ))
}
