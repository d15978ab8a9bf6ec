//! The trials of a sweep, ranked: what `results.ron` holds and [`Results`](crate::Results) shows.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::observe::Row;
use crate::repository::{
    Origin, RESULTS_FORMAT, ResultRecord, ResultsRecord, StageRecord, Status, StopReason, StudyRecord,
    metrics_at,
};
use crate::schedule::{Algorithm, Place};
use crate::space::SearchSpace;
use crate::trial::TrialId;

/// One trial of a sweep.
// No larger than 128 bytes, since trials are moved a few times when they are ranked.
#[non_exhaustive]
pub struct Trial<H> {
    /// Its place, counted from 1.
    pub rank: u32,
    /// Its name.
    pub id: TrialId,
    /// Its hyperparameters.
    pub hparams: Arc<H>,
    /// What became of it.
    pub status: Status,
    /// Its score: the best (or last) value of the monitor; `None` if it failed.
    pub score: Option<f64>,
    /// The epoch (counted from 1) that the score is from.
    pub epoch: Option<u64>,
    /// The number of epochs it was trained for in all.
    pub epochs: u64,
    /// The outcomes of its stages, with every epoch's metrics.
    pub stages: Vec<Arc<StageRecord>>,
}

impl<H> fmt::Debug for Trial<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial")
            .field("rank", &self.rank)
            .field("id", &self.id)
            .field("status", &self.status)
            .field("score", &self.score)
            .field("epochs", &self.epochs)
            .finish_non_exhaustive()
    }
}

impl<H> Trial<H> {
    /// A metric at the epoch that the score is from.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The metrics of the epoch that the score is from; of the last epoch if it failed.
    pub fn metrics(&self) -> impl Iterator<Item = (&str, f64)> {
        metrics_at(&self.stages, self.epoch.unwrap_or(self.epochs))
    }

    /// By what it is ranked, besides its id.
    fn place(&self, study: &StudyRecord) -> Place {
        let Some(value) = self.score else { return Place::LAST };
        study.rank(value, |name| self.metric(name), self.epochs).place(study.direction)
    }
}

impl<H: SearchSpace> Trial<H> {
    /// As a row of tables.
    pub(crate) fn row(&self, origin: Option<Origin>) -> Row<'_> {
        Row {
            id: self.id,
            hparams: Cow::Owned(self.hparams.values()),
            origin,
            status: &self.status,
            is_running: false,
            score: self.score.zip(self.epoch),
            epochs: self.epochs,
            stages: self.stages.iter().map(|stage| &**stage).collect(),
        }
    }
}

/// Puts trials, which are in the order of their ids, into that of their ranks, and numbers them.
pub(crate) fn rank<H>(trials: &mut [Trial<H>], study: &StudyRecord) {
    trials.sort_by_cached_key(|trial| study.direction.key(trial.score));
    for equal in trials.chunk_by_mut(|a, b| a.score == b.score).filter(|equal| equal.len() > 1) {
        equal.sort_by_cached_key(|trial| trial.place(study));
    }
    (1..).zip(trials).for_each(|(rank, trial)| trial.rank = rank);
}

/// Ranked trials as `results.ron` has them.
pub(crate) fn record<'a, H>(
    study: &StudyRecord,
    trials: &'a [Trial<H>],
    stopped: Option<StopReason>,
) -> ResultsRecord<&'a H> {
    let trials = trials.iter().map(|trial| ResultRecord {
        rank: trial.rank,
        trial: trial.id,
        status: trial.status.clone(),
        score: trial.score,
        epoch: trial.epoch,
        epochs: trial.epochs,
        metrics: trial.metrics().map(|(name, value)| (name.to_owned(), value)).collect(),
        hparams: &*trial.hparams,
    });
    // a Hyperband is written as it always was
    let (max_epochs, eta, iterations, algorithm) = match study.algorithm {
        Algorithm::Hyperband { max_epochs, eta, iterations, .. } => (max_epochs, eta, iterations, None),
        other => (0, 0, 0, Some(other)),
    };
    ResultsRecord {
        format: RESULTS_FORMAT,
        max_epochs,
        eta,
        iterations,
        algorithm,
        seed: study.seed,
        monitor: study.monitor.clone(),
        direction: study.direction,
        stopped,
        trials: trials.collect(),
    }
}
