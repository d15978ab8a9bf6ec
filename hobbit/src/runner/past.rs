//! What a repository holds of a study when a sweep begins: what was trained, and how earlier processes ended.

use std::collections::{HashMap, HashSet};
use std::error::Error as _;
use std::path::Path;

use super::configurations::Configurations;
use super::deaths::Deaths;
use super::descriptions::examine;
use super::settings::Settings;
use crate::error::{Error, Result};
use crate::objective::Objective;
use crate::repository::{
    Opened, Opening, Outcomes, Reader, Record, Repository, Rules, StageRecord, Status, StudyRecord,
    Timestamp, to_pretty,
};
use crate::schedule::Outline;
use crate::space::SearchSpace;
use crate::trial::TrialId;

/// What is known when a sweep begins; nothing without a repository.
#[derive(Default)]
pub(super) struct Past {
    pub(super) repository: Option<Repository>,
    /// The outcomes that count.
    pub(super) known: HashMap<(TrialId, u32), StageRecord>,
    /// The ends of trials that the journal has.
    pub(super) ends: HashMap<TrialId, Status>,
    /// The trials that have a checkpoint.
    pub(super) on_disk: HashSet<TrialId>,
    /// The trials that were begun and have no outcome.
    pub(super) begun: HashSet<TrialId>,
    /// How many stages follow from the outcomes without any training, and their epochs.
    pub(super) replayable: (u64, u64),
    pub(super) deaths: Deaths,
    /// What the user should know.
    pub(super) notes: Vec<String>,
}

impl Past {
    /// Opens the repository of a study, which takes over the rule for ties if the repository has another.
    ///
    /// # Errors
    /// It cannot be opened, or could not hold what is to be written into it.
    pub(super) fn open<O: Objective>(
        dir: &Path,
        settings: &Settings<O>,
        (workers, numerics): (usize, &str),
        objective: &O,
        configurations: &Configurations<O::Hparams>,
        study: &mut StudyRecord,
    ) -> Result<Past> {
        check_hparams(configurations)?;
        let Settings { extend, overwrite, accept_changes, max_deaths, .. } = *settings;
        // a study that was begun with another rule goes on with it
        if !overwrite && let Ok(reader) = Reader::open_in(settings.storage.clone(), dir) {
            study.ties = reader.made().ties;
        }
        let numerics = numerics.to_owned();
        let opening = Opening { extend, overwrite, accept_changes, workers: workers as u32, numerics };
        let examine = |records: &[Record]| examine(records, objective, configurations);
        let opened = Repository::open(dir, settings.storage.clone(), study, opening, examine)?;
        let Opened { repository, records, ends, mut notes } = opened;
        let mut deaths = judge(&records, max_deaths);
        notes.append(&mut deaths.notes);
        let begun = begun(&records);
        let outcomes = known_stages(records, configurations.outline());
        if let Some((lost, trial, stage)) = outcomes.lost {
            notes.push(format!(
                "the journal has lost lines: {lost} of the outcomes that it holds, the first of stage {} of trial {trial}, come after \
                 others that it does not hold; these trials are trained again, with the same results",
                u64::from(stage) + 1
            ));
        }
        let replayable = outcomes.replayable(&mut Rules::new(study)?)?;
        let on_disk = repository.models()?.into_iter().collect();
        let repository = Some(repository);
        let known = outcomes.into_known();
        Ok(Past { repository, known, ends, on_disk, begun, replayable, deaths, notes })
    }
}

/// Hyperparameters that results.ron cannot hold are found out at the beginning.
fn check_hparams<H: SearchSpace>(configurations: &Configurations<H>) -> Result<()> {
    match to_pretty(&*configurations.example(TrialId::new(1, 1))?) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::setting(format!(
            "the hyperparameters could not be written to results.ron: {}; see how they are serialized",
            error.source().map_or_else(|| error.to_string(), ToString::to_string)
        ))
        .with_source(error)),
    }
}

/// What the ends of earlier processes say of the trials they were training.
fn judge(records: &[Record], max_deaths: u32) -> Deaths {
    let boot = || {
        let (host, boot) = (sysinfo::System::host_name()?, sysinfo::System::boot_time());
        Some((host, Timestamp(boot as f64)))
    };
    let boot = boot();
    Deaths::new(records, max_deaths, boot.as_ref().map(|(host, boot)| (host.as_str(), *boot)))
}

/// The trials that were begun and have no outcome.
fn begun(records: &[Record]) -> HashSet<TrialId> {
    let mut begun = HashSet::new();
    for record in records {
        match record {
            Record::Started { trial, .. } => drop(begun.insert(*trial)),
            Record::Stage(record) => drop(begun.remove(&record.trial)),
            _ => {}
        }
    }
    begun
}

/// The journal's outcomes that count.
fn known_stages(records: Vec<Record>, outline: &Outline) -> Outcomes {
    let outcome = |record| match record {
        Record::Stage(record) => Some(((record.trial, record.stage), record)),
        _ => None,
    };
    Outcomes::new(records.into_iter().filter_map(outcome).collect(), outline)
}
