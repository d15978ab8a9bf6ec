//! A trial as a row of tables and CSV, whoever knows it: a repository's overview, or the results of a sweep.

use std::borrow::Cow;

use crate::repository::{Origin, StageRecord, Status, TrialOverview, metrics_at};
use crate::space::Value;
use crate::trial::TrialId;

/// What tables show of a trial. Its rank is its place among the rows.
pub(crate) struct Row<'a> {
    pub(crate) id: TrialId,
    pub(crate) hparams: Cow<'a, [(String, Value)]>,
    /// Where they are from, if that is known.
    pub(crate) origin: Option<Origin>,
    pub(crate) status: &'a Status,
    /// Whether a worker is training it.
    pub(crate) is_running: bool,
    /// Its score, and the epoch that it is from.
    pub(crate) score: Option<(f64, u64)>,
    /// The epochs it was trained in all.
    pub(crate) epochs: u64,
    pub(crate) stages: Vec<&'a StageRecord>,
}

impl Row<'_> {
    /// The metrics of the epoch that the score is from; of the last epoch if it failed.
    pub(super) fn score_metrics(&self) -> impl Iterator<Item = (&str, f64)> {
        metrics_at(&self.stages, self.score.map_or(self.epochs, |(_, epoch)| epoch))
    }
}

impl<'a> From<&'a TrialOverview> for Row<'a> {
    fn from(trial: &'a TrialOverview) -> Row<'a> {
        Row {
            id: trial.id,
            hparams: Cow::Borrowed(&trial.hparams),
            origin: trial.origin,
            status: &trial.status,
            is_running: trial.running.is_some(),
            score: trial.score,
            epochs: trial.epochs(),
            stages: trial.stages.iter().collect(),
        }
    }
}
