//! Whether the configurations in a journal are those that its sampler proposes.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::configurations::{decode, draw};
use super::keys::Keys;
use super::ledger::Ledger;
use super::proposals::{MakerOf, Proposals, Watched};
use super::settings::Keep;
use crate::error::{Error, Result};
use crate::repository::{Losses, Reader, Record, StageRecord, StudyRecord, observations};
use crate::schedule::{Ask, Assignment, Outline, Scheduler, VirtualTime};
use crate::search::{Point, Prior, Sampler};
use crate::space::{Root, SearchSpace, Value};
use crate::trial::TrialId;
use crate::work::Configuration;

/// Asks a sampler again for the configuration of every trial that the study in a directory has begun, after
/// the same outcomes as then, and compares. Returns the differences, in words; none if the study follows
/// from its seed, its settings and its outcomes.
///
/// This needs the search space's type and the sampler, so it is for programs: the command `hobbit verify` has
/// neither. Nothing is trained, and the directory is not changed. Configurations that were given to the study
/// are taken as they are.
///
/// ```no_run
/// use hobbit::search::Prior;
/// # #[hobbit::search_space]
/// # struct Hparams {
/// #     #[uniform(0.0..=1.0)]
/// #     rate: f64,
/// # }
///
/// let differences = hobbit::propose_again::<Hparams>("runs/digits", Prior)?;
/// assert!(differences.is_empty(), "{differences:#?}");
/// # Ok::<(), hobbit::Error>(())
/// ```
///
/// # Errors
/// The directory cannot be read, the study has another search space or sampler, or the sampler fails.
pub fn propose_again<H: SearchSpace + Send + Sync + 'static>(
    dir: impl AsRef<Path>,
    sampler: impl Sampler + 'static,
) -> Result<Vec<String>> {
    let reader = Reader::open(dir)?;
    let study = reader.study()?;
    let root = check::<H>(&study, &sampler)?;
    let outline = study.algorithm.outline()?;
    let journal = Journal::new(reader.journal()?);
    let keys = Keys::new(study.seed);
    let maker = MakerOf::<H> { given: Vec::new(), outline: outline.clone(), root: root.clone() };
    let learns = sampler.learns();
    let proposals = Arc::new(Proposals::new(Arc::new(sampler), study.direction, keys, maker));
    // their values are in the journal, and their points
    let given = study.enqueued.len() as u64;
    for (trial, begun) in journal.begun.iter().filter(|(trial, _)| outline.place(**trial) < given) {
        let point = begun.0.clone().unwrap_or_else(|| Point::new([]));
        proposals.recall(*trial, Configuration::Given, point);
    }
    proposals.start_from(observations(&study.warm_start));
    let mut scheduler = study.bare_scheduler()?;
    if learns {
        let watched = Watched::new(scheduler, proposals.clone());
        scheduler = Box::new(VirtualTime::new(Box::new(watched), study.lookahead.unwrap_or(1)));
    }
    let mut found = Vec::new();
    journal.replay(&study, &outline, &mut *scheduler, |trial, begun| {
        let configuration = proposals.configuration(trial)?;
        found.extend(difference::<H>(trial, begun, &configuration, (&root, keys))?);
        Ok(())
    })?;
    Ok(found)
}

/// The study's space.
fn check<H: SearchSpace>(study: &StudyRecord, sampler: &dyn Sampler) -> Result<Root> {
    let (id, theirs) = (sampler.id(), study.sampler.clone().unwrap_or_else(|| Prior.id()));
    if id != theirs {
        return Err(Error::setting(format!("the study's sampler is {theirs}, not {id}")));
    }
    let differences = H::space().differences(&study.space);
    Root::recorded::<H>(&study.space)?.ok_or_else(|| {
        Error::setting(format!("the study has another search space: {}", differences.join("; ")))
    })
}

/// What a trial was begun with: its point, and its values.
type Begun = (Option<Point>, Vec<(String, Value)>);

struct Journal {
    begun: HashMap<TrialId, Begun>,
    outcomes: HashMap<(TrialId, u32), Arc<StageRecord>>,
}

impl Journal {
    fn new(records: Vec<Record>) -> Journal {
        let mut journal = Journal { begun: HashMap::new(), outcomes: HashMap::new() };
        for record in records {
            match record {
                Record::Started { trial, stage: 0, hparams, point, .. } => {
                    // a later process begins it with the same
                    journal.begun.entry(trial).or_insert((point, hparams));
                }
                Record::Stage(record) => {
                    journal.outcomes.entry((record.trial, record.stage)).or_insert_with(|| Arc::new(record));
                }
                _ => {}
            }
        }
        journal
    }

    /// Tells the outcomes as they are asked for. `trial` is called for each trial that was begun.
    fn replay(
        &self,
        study: &StudyRecord,
        outline: &Outline,
        scheduler: &mut dyn Scheduler,
        mut trial: impl FnMut(TrialId, &Begun) -> Result<()>,
    ) -> Result<()> {
        let losses = Losses::new(study.ties, &study.monitor);
        let mut ledger = Ledger::new(losses, study.direction, Keep::None, 0);
        while let Ask::Run(assignment) = scheduler.ask() {
            let Assignment { trial: id, stage, .. } = assignment;
            if stage == 0
                && let Some(begun) = self.begun.get(&id)
            {
                trial(id, begun)?;
            }
            if let Some(record) = self.outcomes.get(&(id, stage)) {
                let score = ledger.enter(outline.place(id), record.clone(), false);
                scheduler.tell(&assignment, score);
            }
        }
        Ok(())
    }
}

/// What of a trial is not as it is proposed now.
fn difference<H: SearchSpace>(
    trial: TrialId,
    (_, recorded): &Begun,
    configuration: &Configuration,
    (root, keys): (&Root, Keys),
) -> Result<Option<String>> {
    let proposed = match configuration {
        Configuration::Given => return Ok(None),
        Configuration::Drawn => draw::<H>(root, keys.of(trial), trial)?,
        Configuration::Point(point) => decode::<H>(root, point, trial)?,
    };
    let values = proposed.values();
    if root.space::<H>().is_recorded_as(&values, recorded) {
        return Ok(None);
    }
    let mut pairs = values.iter().zip(recorded);
    let different = pairs.find(|(proposed, recorded)| proposed != recorded);
    Ok(Some(match different {
        Some(((name, proposed), (same, recorded))) if name == same => {
            format!("trial {trial}: `{name}` was {recorded}, and {proposed} is proposed now")
        }
        _ => format!("trial {trial}: a configuration with other parameters is proposed now"),
    }))
}
