//! The end of a sweep: its trials are ranked and written, the journal is closed, and observers are told.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::coordinator::Coordinator;
use super::ledger::TrialState;
use crate::error::{Error, Result};
use crate::objective::Objective;
use crate::observe::{Event, Observer, tell};
use crate::ranked::{Trial, rank, record};
use crate::repository::{Origin, Repository, StopReason, StudyRecord, Weights, to_pretty};
use crate::trial::TrialId;

/// What a sweep found. All of it is written.
pub(crate) struct Finished<O: Objective> {
    pub(crate) objective: Arc<O>,
    pub(crate) study: StudyRecord,
    /// Best first.
    pub(crate) trials: Vec<Trial<O::Hparams>>,
    /// Where the configurations are from that were not drawn at random.
    pub(crate) origins: HashMap<TrialId, Origin>,
    pub(crate) stopped: Option<StopReason>,
    /// The signal that arrived, even if everything was trained all the same.
    pub(crate) signal: Option<StopReason>,
    /// The directory of the repository, and its weights.
    pub(crate) repository: Option<(PathBuf, Weights)>,
}

/// Ends a sweep whose workers are gone.
///
/// # Errors
/// What ended the sweep before its time, or something cannot be written.
pub(super) fn finish<O: Objective>(
    coordinator: Coordinator<O::Hparams>,
    objective: Arc<O>,
    study: StudyRecord,
) -> Result<Finished<O>> {
    let Coordinator { desk, configurations, mut repository, mut observers, .. } = coordinator;
    let mut state = desk.lock();
    if let Some(repository) = &mut repository {
        repository.note_ends(&mut state.book.ends);
    }
    let is_done = state.book.is_done();
    // whatever stopped it, it is finished if nothing is left
    let stopped = state.stopped.take().filter(|_| !is_done);
    let (signal, mut fatal, states) = (state.signal.take(), state.fatal.take(), state.book.take_trials());
    drop(state);
    if !is_done && stopped.is_none() && fatal.is_none() {
        fatal = Some(Error::study("the workplace has ended before the sweep was over"));
    }
    let hparams = match fatal {
        Some(error) => Err(error),
        None => configurations.take(states.iter().map(|state| state.as_ref().map(|state| state.id))),
    };
    let hparams = match hparams {
        Ok(hparams) => hparams,
        Err(error) => {
            let reason = Some(StopReason::Error(error.to_string()));
            // the error that ended the sweep is the one to report, should this fail too
            let _ = close(&mut repository, &mut observers, reason, |_| Ok(()));
            return Err(error);
        }
    };
    // in the memory where they are, since fresh memory takes longer; they are in the order of their ids
    let made = |(state, hparams): (Option<TrialState>, Option<Arc<_>>)| Some(unranked(state?, hparams?));
    let mut trials: Vec<Trial<_>> = states.into_iter().zip(hparams).filter_map(made).collect();
    rank(&mut trials, &study);
    close(&mut repository, &mut observers, stopped.clone(), |repository| {
        repository.write_results(&to_pretty(&record(&study, &trials, stopped.clone()))?)
    })?;
    let repository = repository.map(|repository| (repository.dir().to_owned(), repository.weights().clone()));
    let origins = configurations.origins(trials.iter().map(|trial| trial.id));
    Ok(Finished { objective, study, trials, origins, stopped, signal, repository })
}

/// Writes what is left to write, closes the journal and tells observers, who learn of the end even if nothing
/// could be written.
fn close(
    repository: &mut Option<Repository>,
    observers: &mut Vec<Box<dyn Observer>>,
    reason: Option<StopReason>,
    write: impl FnOnce(&mut Repository) -> Result<()>,
) -> Result<()> {
    let written = repository.as_mut().map_or(Ok(()), |repository| {
        write(repository)?;
        repository.close(reason.clone())
    });
    tell(observers, &Event::Ended { stopped: reason.as_ref().map(ToString::to_string) });
    written
}

#[inline]
fn unranked<H>(state: TrialState, hparams: Arc<H>) -> Trial<H> {
    let TrialState { id, records, unfinished, status, score, epochs, .. } = state;
    let mut stages = records;
    stages.extend(unfinished);
    let epoch = score.map(|(_, epoch)| epoch);
    let score = score.map(|(score, _)| score);
    Trial { rank: 0, id, hparams, status, score, epoch, epochs, stages }
}
