//! What a sweep found: its trials, ranked.

#[cfg(feature = "report")]
mod plots;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use crate::error::{BoxError, Error, Result};
use crate::objective::{Objective, TrialContext};
#[cfg(feature = "evcxr")]
use crate::observe::{print, results_notebook};
use crate::observe::{results_summary, results_table, rows_csv, width};
use crate::printable::printable;
use crate::ranked::Trial;
use crate::repository::{Origin, Status, StopReason, StudyRecord, Weights, other_score};
use crate::runner::panics::catch;
use crate::runner::{Finished, Keys};
use crate::trial::{Direction, TrialId};

/// The trials of a sweep, best first.
///
/// Trials are ranked by their scores. Ties are broken by the lower loss in the epoch of the score (`val_loss`
/// if the monitor is another validation metric, `loss` otherwise), then by fewer epochs, and then by the
/// smaller id. Promotion uses the same order. If several epochs of a trial have the best value, its score is
/// from the one with the lowest loss, and among these from the first. (Studies started before this rule
/// existed keep breaking ties by the smaller id and the first epoch.)
///
/// Its `Display` is the ranked table, in blocks as wide as the terminal. Where the output goes elsewhere,
/// they are as wide as the environment variable `COLUMNS` says, or 100 columns. `{:60}` asks for 60 columns.
///
/// ```
/// # use hobbit::{Hyperband, search_space};
/// # #[search_space]
/// # struct Hparams {
/// #     #[uniform(-1.0..=1.0)]
/// #     x: f64,
/// # }
/// # let sweep = Hyperband::function(|hp: &Hparams, trial| {
/// #     for _ in trial.epochs() {
/// #         trial.report("val_loss", hp.x * hp.x)?;
/// #     }
/// #     Ok(())
/// # });
/// let results = sweep.quiet().run(9, 3)?;
/// println!("{results}");
/// let best = results.best();
/// println!("x = {} has {:?}, trial {} at epoch {:?}", best.hparams.x, best.score, best.id, best.epoch);
/// for trial in results.trials() {
///     assert!(trial.score >= best.score); // a loss: smaller is better
///     assert_eq!(trial.metric("val_loss"), trial.score);
/// }
/// # Ok::<(), hobbit::Error>(())
/// ```
pub struct Results<O: Objective> {
    objective: Arc<O>,
    study: StudyRecord,
    trials: Vec<Trial<O::Hparams>>,
    origins: HashMap<TrialId, Origin>,
    stopped: Option<StopReason>,
    signal: Option<StopReason>,
    repository: Option<(PathBuf, Weights)>,
}

impl<O: Objective> Results<O> {
    /// What a sweep found.
    ///
    /// # Errors
    /// No trial has a score.
    pub(crate) fn new(finished: Finished<O>) -> Result<Results<O>> {
        let Finished { objective, study, trials, origins, stopped, signal, repository } = finished;
        match trials.first() {
            Some(Trial { score: Some(_), .. }) => {
                Ok(Results { objective, study, trials, origins, stopped, signal, repository })
            }
            Some(Trial {
                status: Status::Failed { reason, .. } | Status::Diverged { reason, .. },
                id,
                ..
            }) if stopped.is_none() => Err(Error::study(format!(
                "all {} trials failed; the first was trial {id}: {reason}",
                trials.len()
            ))),
            _ => Err(match stopped {
                Some(reason) => Error::study(format!("stopped before any trial was trained: {reason}"))
                    .with_source(signal.unwrap_or(reason)),
                None => Error::study("no trial was trained"),
            }),
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

    /// Where the configuration of one of its trials is from.
    pub fn origin(&self, trial: TrialId) -> Origin {
        self.origins.get(&trial).copied().unwrap_or(Origin::Drawn)
    }

    /// All trials as CSV, best first, for data frames: what `hobbit export --csv` writes.
    ///
    /// The columns are rank, trial, status, dropped_after_stage, failed_in_epoch, reason, score, epoch,
    /// epochs, seconds, then `origin` if not all configurations were drawn at random, then `metrics.NAME` at
    /// the epoch of the score, then `hparams.NAME`; missing values are empty.
    pub fn to_csv(&self) -> String {
        let rows = self.trials.iter().map(|trial| trial.row(Some(self.origin(trial.id))));
        rows_csv(&rows.collect::<Vec<_>>())
    }

    /// Why the sweep stopped before the end of its plan; `None` if everything was trained.
    pub fn stopped(&self) -> Option<&StopReason> {
        self.stopped.as_ref()
    }

    /// The exit code for a program that ran this sweep: success, or the code of the signal that arrived
    /// while it ran (130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP), so that `tune && deploy` does not go
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

    /// What was optimized.
    #[cfg(feature = "dfdx")]
    pub(crate) fn objective(&self) -> &O {
        &self.objective
    }

    /// The seed of the study.
    #[cfg(feature = "dfdx")]
    pub(crate) fn seed(&self) -> u64 {
        self.study.seed
    }

    /// The metric that was optimized.
    pub fn monitor(&self) -> &str {
        &self.study.monitor
    }

    /// The direction in which it improves.
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
    /// There is no repository, or it did not keep this trial's weights (`keep` sets which are kept), or they
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
        let rows: Vec<_> = self.trials.iter().take(10).map(|trial| trial.row(None)).collect();
        let more = self.trials.len() - rows.len();
        let StudyRecord { monitor, space, .. } = &self.study;
        let mut text = results_summary(&rows, more, (monitor, space), width());
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
    let outline = study.algorithm.outline()?;
    let key = Keys::new(study.seed).training(trial, saved.state.attempt);
    let context = TrialContext::detached(trial, key).with_epochs(outline.epochs(trial).unwrap_or(0));
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
        let rows: Vec<_> = self.trials.iter().map(|trial| trial.row(None)).collect();
        let StudyRecord { monitor, space, .. } = &self.study;
        f.write_str(&results_table(&rows, (monitor, space), f.width().unwrap_or_else(width)))
    }
}

#[cfg(feature = "evcxr")]
impl<O: Objective> Results<O> {
    /// Shows the ranked table in a notebook of evcxr, which calls this for a value that ends a cell.
    pub fn evcxr_display(&self) {
        let rows: Vec<_> = self.trials.iter().map(|trial| trial.row(None)).collect();
        print(&results_notebook(&rows, (&self.study.monitor, &self.study.space)));
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
