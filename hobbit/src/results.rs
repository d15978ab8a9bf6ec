//! What a sweep found: its trials, ranked.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use crate::error::{BoxError, Error, Result};
use crate::objective::{Objective, TrialContext};
use crate::observe::{Event, results_table, tell, trials_csv};
#[cfg(feature = "evcxr")]
use crate::observe::{print, results_notebook};
use crate::printable::printable;
use crate::random::Key;
use crate::repository::{
    RESULTS_FORMAT, ResultRecord, ResultsRecord, StageRecord, Status, StopReason, StudyRecord, TrialOverview,
    Weights, metrics_at, other_score, to_pretty,
};
use crate::runner::panics::catch;
use crate::runner::{Configurations, Finished, TrialState};
use crate::schedule::{Algorithm, Place};
use crate::space::SearchSpace;
use crate::trial::{Direction, TrialId};

/// The trials of a sweep, best first.
///
/// Trials are ranked by their scores. Ties are broken by the lower loss in the epoch of the score (`val_loss`
/// if the monitor is another validation metric, `loss` otherwise), then by fewer epochs, and then by the
/// smaller id. Promotion uses the same order. If several epochs of a trial have the best value, its score is
/// from the one with the lowest loss, and among these from the first. (Studies started before this rule
/// existed keep breaking ties by the smaller id and the first epoch.)
///
/// Its `Display` is the ranked table.
pub struct Results<O: Objective> {
    objective: Arc<O>,
    study: StudyRecord,
    trials: Vec<Trial<O::Hparams>>,
    stopped: Option<StopReason>,
    signal: Option<StopReason>,
    repository: Option<(PathBuf, Weights)>,
}

/// One trial of a sweep.
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
    /// Its score: the best (or last) value of the monitor; none if it failed.
    pub score: Option<f64>,
    /// The epoch (counted from 1) that the score is from.
    pub epoch: Option<u64>,
    /// The epochs it was trained in all.
    pub epochs: u64,
    /// The outcomes of its stages, with every epoch's metrics.
    pub stages: Vec<Arc<StageRecord>>,
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

    /// Not ranked yet.
    fn new(state: TrialState<H>) -> Trial<H> {
        let TrialState { id, hparams, records, unfinished, status, score, epochs, .. } = state;
        let mut stages = records;
        stages.extend(unfinished);
        let epoch = score.map(|(_, epoch)| epoch);
        let score = score.map(|(score, _)| score);
        Trial { rank: 0, id, hparams, status, score, epoch, epochs, stages }
    }
}

impl<O: Objective> Results<O> {
    /// Ranks what a sweep left, and writes `results.ron`.
    pub(crate) fn new(finished: Finished<O>) -> Result<Results<O>> {
        let Finished { objective, study, trials, stopped, signal, mut repository, mut observers } = finished;
        let complete = stopped.is_none();
        // in the memory where they are, since fresh memory takes longer; they are in the order of their ids, which equal ones keep
        let mut trials: Vec<Trial<_>> = trials.into_iter().flatten().map(Trial::new).collect();
        trials.sort_by_cached_key(|trial| study.direction.key(trial.score));
        for equal in trials.chunk_by_mut(|a, b| a.score == b.score).filter(|equal| equal.len() > 1) {
            equal.sort_by_cached_key(|trial| trial.place(&study));
        }
        (1..).zip(&mut trials).for_each(|(rank, trial)| trial.rank = rank);
        let repository_place = repository.as_ref().map(|r| (r.dir().to_owned(), r.weights().clone()));
        let results = Results { objective, study, trials, stopped, signal, repository: repository_place };
        let reason = results.stopped.as_ref().map(ToString::to_string);
        let written = repository.as_mut().map_or(Ok(()), |repository| {
            repository.write_results(&to_pretty(&results.record())?)?;
            repository.close(results.stopped.clone())
        });
        tell(&mut observers, &Event::Ended { stopped: reason });
        written?;
        match results.trials.first() {
            Some(Trial { score: Some(_), .. }) => Ok(results),
            Some(Trial {
                status: Status::Failed { reason, .. } | Status::Diverged { reason, .. },
                id,
                ..
            }) if complete => Err(Error::study(format!(
                "all {} trials failed; the first was trial {id}: {reason}",
                results.trials.len()
            ))),
            _ => Err(match results.stopped {
                Some(reason) => Error::study(format!("stopped before any trial was trained: {reason}"))
                    .with_source(results.signal.unwrap_or(reason)),
                None => Error::study("no trial was trained"),
            }),
        }
    }

    fn record(&self) -> ResultsRecord<&O::Hparams> {
        let study = &self.study;
        let trials = self.trials.iter().map(|trial| ResultRecord {
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
            #[allow(unreachable_patterns, reason = "for the algorithms to come")]
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
            stopped: self.stopped.clone(),
            trials: trials.collect(),
        }
    }

    /// The best trial.
    pub fn best(&self) -> &Trial<O::Hparams> {
        // there is a first trial: results without any are an error
        &self.trials[0]
    }

    /// All trials, best first; those that failed come last.
    pub fn trials(&self) -> &[Trial<O::Hparams>] {
        &self.trials
    }

    /// All trials as CSV, best first, for data frames: what `hobbit export --csv` writes.
    ///
    /// The columns are rank, trial, status, dropped_after_stage, failed_in_epoch, reason, score, epoch, epochs, seconds, then
    /// `metrics.NAME` at the epoch of the score, then `hparams.NAME`; what there is not is empty.
    pub fn to_csv(&self) -> String {
        let overview = |trial: &Trial<O::Hparams>| TrialOverview {
            id: trial.id,
            hparams: trial.hparams.values(),
            model: BTreeMap::new(),
            status: trial.status.clone(),
            score: trial.score.zip(trial.epoch),
            stages: trial.stages.iter().map(|stage| StageRecord::clone(stage)).collect(),
            running: None,
        };
        trials_csv(&self.trials.iter().map(overview).collect::<Vec<_>>())
    }

    /// Why the sweep stopped before the end of its plan; `None` if everything was trained.
    pub fn stopped(&self) -> Option<&StopReason> {
        self.stopped.as_ref()
    }

    /// The exit code for a program that ran this sweep: success, or the code of the signal that arrived in
    /// the meantime (130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP), so that `tune && deploy` does not go
    /// on to deploy.
    ///
    /// A sweep that was stopped by a budget or a target is a success.
    ///
    /// ```
    /// use std::process::ExitCode;
    ///
    /// # use hobbit::{Hyperband, Objective};
    /// /// `fn main() -> ExitCode { hobbit::exit_code(tune(study)) }` runs it.
    /// fn tune<O: Objective>(study: Hyperband<O>) -> hobbit::Result<ExitCode> {
    ///     let results = study.stop_on_ctrl_c().run(27, 3)?;
    ///     Ok(results.exit_code())
    /// }
    /// ```
    pub fn exit_code(&self) -> ExitCode {
        self.signal.as_ref().and_then(StopReason::exit_code).map_or(ExitCode::SUCCESS, ExitCode::from)
    }

    /// The metric that was optimized.
    pub fn monitor(&self) -> &str {
        &self.study.monitor
    }

    /// Which way it gets better.
    pub fn direction(&self) -> Direction {
        self.study.direction
    }

    /// The directory of the repository.
    pub fn repo_dir(&self) -> Option<&Path> {
        self.repository.as_ref().map(|(dir, _)| dir.as_path())
    }

    /// The file of the best trial's weights.
    pub fn best_weights(&self) -> Option<PathBuf> {
        self.repository.as_ref().map(|(_, weights)| weights.path(self.best().id))
    }

    /// The best trial's model, as it was at the epoch of its score, rebuilt from the repository.
    ///
    /// # Errors
    /// As [`model`](Results::model).
    pub fn best_model(&self) -> Result<O::Model> {
        self.model(self.best())
    }

    /// A trial's model, as it was at the epoch of its score, rebuilt from the repository.
    ///
    /// # Errors
    /// There is no repository, or it did not keep this trial's weights (`keep` sets which it does), or they
    /// are damaged, or of another score or epoch than the table says.
    pub fn model(&self, trial: &Trial<O::Hparams>) -> Result<O::Model> {
        let Some((_, weights)) = &self.repository else {
            return Err(Error::setting("weights are kept in a repository only: give the sweep a `repo_dir`"));
        };
        let saved = weights.load(trial.id).map_err(Error::repository)?.ok_or_else(|| {
            Error::repository(format!(
                "there is no {}: the weights of trial {} were not kept (`keep` sets which trials' are), or the file was removed",
                weights.path(trial.id).display(),
                trial.id
            ))
        })?;
        if saved.state.score != trial.score.zip(trial.epoch) {
            return Err(Error::repository(format!(
                "{} is not the model that the table tells of: {}. Remove the file and train the trial again, in another \
                 directory if the study is finished",
                weights.path(trial.id).display(),
                other_score(saved.state.score, trial.score.zip(trial.epoch)),
            )));
        }
        rebuild(&*self.objective, &self.study, trial.id, &trial.hparams, &saved)
    }

    /// Everything that was asked for; what a sweep prints at its end.
    pub(crate) fn summary(&self) -> String {
        let mut text = results_table(&self.trials, &self.study.monitor, 10);
        if self.trials.len() > 10 {
            text += &format!("... and {} more\n", self.trials.len() - 10);
        }
        if let Some((dir, weights)) = &self.repository {
            let shown = |path: PathBuf| printable(&path.to_string_lossy()).into_owned();
            text += &format!("Results: {}\n", shown(dir.join("results.ron")));
            if weights.has(self.best().id) {
                text += &format!("Best weights: {}\n", shown(weights.path(self.best().id)));
            }
            if self.stopped.is_some() {
                text += "To continue, run again with the same settings and the same directory.\n";
            }
        }
        text
    }
}

/// Builds a model and loads the state it had at the epoch of its score.
pub(crate) fn rebuild<O: Objective>(
    objective: &O,
    study: &StudyRecord,
    trial: TrialId,
    hparams: &O::Hparams,
    saved: &crate::repository::SavedModel,
) -> Result<O::Model> {
    let outline = study.algorithm().outline()?;
    let configurations = Configurations::<O::Hparams>::new(study.seed, outline, Vec::new());
    let key: Key = configurations.training_key(trial, saved.state.attempt);
    let context = TrialContext::detached(trial, key).with_epochs(configurations.epochs(trial));
    let failed = |error: BoxError| {
        Error::study(format!("the model of trial {trial} could not be rebuilt: {error}")).with_source(error)
    };
    let rebuilt = catch(|| {
        let mut model = objective.build(hparams, &context)?;
        objective.load(&mut model, &saved.best)?;
        Ok(model)
    });
    rebuilt.unwrap_or_else(|panic| Err(format!("it {panic}").into())).map_err(failed)
}

impl<'a, O: Objective> IntoIterator for &'a Results<O> {
    type Item = &'a Trial<O::Hparams>;
    type IntoIter = std::slice::Iter<'a, Trial<O::Hparams>>;

    /// The trials, best first.
    fn into_iter(self) -> Self::IntoIter {
        self.trials.iter()
    }
}

impl<O: Objective> fmt::Display for Results<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&results_table(&self.trials, &self.study.monitor, usize::MAX))
    }
}

#[cfg(feature = "evcxr")]
impl<O: Objective> Results<O> {
    /// Shows the ranked table in a notebook of evcxr, which calls this for a value that ends a cell.
    pub fn evcxr_display(&self) {
        print(&results_notebook(&self.trials, &self.study.monitor));
    }
}

impl<O: Objective> fmt::Debug for Results<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Results")
            .field("study", &self.study)
            .field("trials", &self.trials.len())
            .finish_non_exhaustive()
    }
}
