//! What is known of every trial, and which of them rank best.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::settings::Keep;
use crate::repository::{Losses, StageRecord, Status, epochs};
use crate::schedule::{Ended, Place, Score};
use crate::trial::{Direction, TrialId};

/// One trial so far.
pub(crate) struct TrialState {
    pub(crate) id: TrialId,
    pub(crate) records: Vec<Arc<StageRecord>>,
    /// The stage it was in when the sweep stopped, as far as it was trained.
    pub(crate) unfinished: Option<Arc<StageRecord>>,
    pub(crate) status: Status,
    pub(crate) score: Option<(f64, u64)>,
    /// The loss that decides between equal scores.
    pub(crate) loss: f64,
    /// The epochs it had; of a failed one, until then.
    pub(crate) epochs: u64,
    /// How often it was begun anew.
    pub(crate) attempt: u32,
    /// How long its stages took.
    pub(crate) seconds: f64,
}

impl TrialState {
    /// The ends of its stages: as they were, and as they were planned.
    pub(super) fn ends(&self) -> Box<[(u64, u64)]> {
        self.records.iter().map(|record| (record.reached(), record.to)).collect()
    }
}

/// All trials, by their place among all.
pub(super) struct Ledger {
    trials: Vec<Option<TrialState>>,
    direction: Direction,
    losses: Losses,
    keep: Keep,
    /// The trials that ended and whose weights are kept, best first.
    kept: BTreeSet<(Place, TrialId)>,
}

impl Ledger {
    /// With room for so many trials.
    pub(super) fn new(losses: Losses, direction: Direction, keep: Keep, trials: usize) -> Self {
        let trials = Vec::with_capacity(trials);
        Ledger { trials, direction, losses, keep, kept: BTreeSet::new() }
    }

    pub(super) fn get(&self, ordinal: u64) -> Option<&TrialState> {
        self.trials.get(ordinal as usize)?.as_ref()
    }

    /// The trials in order of their ids, as far as they have been seen. None is known afterwards.
    pub(super) fn take_trials(&mut self) -> Vec<Option<TrialState>> {
        std::mem::take(&mut self.trials)
    }

    /// The score that a trial will have when this outcome is entered; none if it failed.
    pub(super) fn score_after(&mut self, ordinal: u64, record: &StageRecord) -> Option<Score> {
        let before = self.get(ordinal).map_or(f64::NAN, |trial| trial.loss);
        self.losses.score(record, before)
    }

    /// Enters the outcome of a stage, or of a part of one. Returns the trial's score; none if it failed.
    pub(super) fn enter(
        &mut self,
        ordinal: u64,
        record: Arc<StageRecord>,
        unfinished: bool,
    ) -> Option<Score> {
        let ordinal = ordinal as usize;
        if self.trials.len() == ordinal {
            // most come in order
            self.trials.push(None);
        } else if self.trials.len() < ordinal {
            self.trials.resize_with(ordinal + 1, || None);
        }
        let trial = self.trials[ordinal].get_or_insert_with(|| TrialState {
            id: record.trial,
            // of most trials one, of nearly all no more
            records: Vec::with_capacity(3),
            unfinished: None,
            status: Status::Unfinished,
            score: None,
            loss: f64::NAN,
            epochs: 0,
            attempt: 0,
            seconds: 0.0,
        });
        match record.end.status() {
            None => trial.score = record.score,
            Some(status) => (trial.score, trial.status) = (None, status),
        }
        let score = self.losses.score(&record, trial.loss);
        trial.loss = score.map_or(f64::NAN, |score| score.loss);
        trial.epochs = epochs(&trial.status, std::slice::from_ref(&record));
        if unfinished {
            trial.unfinished = Some(record);
        } else {
            trial.attempt = record.attempt;
            trial.seconds += record.seconds;
            trial.records.push(record);
        }
        score
    }

    /// Of trials that end now, with their scores, those whose weights are kept.
    pub(super) fn would_keep(&self, ending: Vec<(TrialId, Score)>) -> Vec<TrialId> {
        let ranked = ending.into_iter().map(|(id, score)| (score.place(self.direction), id));
        match self.keep {
            Keep::All => ranked.map(|(_, id)| id).collect(),
            Keep::None => Vec::new(),
            Keep::Best(n) => {
                let ranked: BTreeSet<_> = ranked.collect();
                // whoever is beaten by n others of either is not kept
                let beaten = |trial| self.kept.iter().take(n).filter(|kept| *kept < trial).count();
                let best = ranked.iter().take(n).enumerate();
                best.filter(|(place, trial)| place + beaten(*trial) < n).map(|(_, trial)| trial.1).collect()
            }
        }
    }

    /// Ends a trial's life. Returns its status, and the trial whose weights are to be removed: its own, another's or none.
    pub(super) fn end(&mut self, ordinal: u64, ended: Ended) -> (Status, Option<TrialId>) {
        let Some(Some(trial)) = self.trials.get_mut(ordinal as usize) else {
            return (Status::Unfinished, None);
        };
        if trial.status == Status::Unfinished {
            trial.status = Status::from(ended);
        }
        let (status, id) = (trial.status.clone(), trial.id);
        let score = trial.score.map(|(value, _)| self.losses.rank(value, trial.loss, trial.epochs));
        let removed = match (self.keep, score) {
            (Keep::All, Some(_)) => None,
            (Keep::Best(n), Some(score)) => {
                self.kept.insert((score.place(self.direction), id));
                if self.kept.len() > n { self.kept.pop_last().map(|(_, worst)| worst) } else { None }
            }
            _ => Some(id),
        };
        (status, removed)
    }
}
