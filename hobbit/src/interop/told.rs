//! What events told of each trial. Writers compare it with what their files hold.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::objective::Metrics;
use crate::observe::Event;
use crate::repository::{StageRecord, Status, Timestamp};
use crate::space::Value;
use crate::trial::TrialId;

/// All trials of which something was told that may not be written yet.
#[derive(Default)]
pub(super) struct Told {
    trials: HashMap<TrialId, Trial>,
    /// The trials to look at, in the order in which they were told of.
    news: Vec<TrialId>,
}

/// A trial so far.
pub(super) struct Trial {
    pub(super) id: TrialId,
    pub(super) hparams: Arc<[(String, Value)]>,
    pub(super) started: Timestamp,
    /// When its last stage ended, or now.
    pub(super) time: Timestamp,
    /// The stage it is in, counted from 0.
    pub(super) stage: u32,
    /// The metrics of each epoch, counted from 1, and when they were measured.
    pub(super) epochs: BTreeMap<u64, (Metrics, Timestamp)>,
    pub(super) score: Option<(f64, u64)>,
    pub(super) end: Option<Status>,
    news: bool,
}

impl Told {
    /// Takes an event into account.
    pub(super) fn take(&mut self, event: &Event) {
        match event {
            Event::StageStarted { trial, stage, hparams, .. } => {
                self.of(*trial, hparams, Timestamp::now()).stage = *stage;
            }
            Event::Epoch { trial, epoch, metrics, .. } => {
                if let Some(trial) = self.trials.get_mut(trial) {
                    // what comes later belongs to an earlier attempt
                    trial.epochs.split_off(epoch);
                    trial.time = Timestamp::now();
                    trial.epochs.insert(*epoch, (metrics.clone(), trial.time));
                    note(&mut self.news, trial);
                }
            }
            Event::StageEnded { record, hparams, .. } => {
                let start = Timestamp(record.time.0 - record.seconds);
                self.of(record.trial, hparams, start).enter(record);
            }
            Event::TrialEnded { trial, status } => {
                if let Some(trial) = self.trials.get_mut(trial) {
                    trial.end = Some(status.clone());
                    note(&mut self.news, trial);
                }
            }
            _ => {}
        }
    }

    /// The trial, with news.
    fn of(&mut self, id: TrialId, hparams: &Arc<[(String, Value)]>, start: Timestamp) -> &mut Trial {
        let trial = self.trials.entry(id).or_insert_with(|| Trial {
            id,
            hparams: hparams.clone(),
            started: start,
            time: start,
            stage: 0,
            epochs: BTreeMap::new(),
            score: None,
            end: None,
            news: false,
        });
        note(&mut self.news, trial);
        trial
    }

    /// Gives the trials with news, once; trials that ended are forgotten then.
    pub(super) fn take_news<E>(&mut self, mut to: impl FnMut(&Trial) -> Result<(), E>) -> Result<(), E> {
        for id in std::mem::take(&mut self.news) {
            let Some(trial) = self.trials.get_mut(&id) else { continue };
            trial.news = false;
            to(trial)?;
            if trial.end.is_some() {
                self.trials.remove(&id);
            }
        }
        Ok(())
    }

    pub(super) fn has_news(&self) -> bool {
        !self.news.is_empty()
    }
}

fn note(news: &mut Vec<TrialId>, trial: &mut Trial) {
    if !std::mem::replace(&mut trial.news, true) {
        news.push(trial.id);
    }
}

impl Trial {
    /// Takes the outcome of a stage. It has all epochs, whether or not they were told of one by one.
    fn enter(&mut self, record: &StageRecord) {
        self.stage = record.stage;
        self.time = record.time;
        self.score = record.score;
        let last = record.reached();
        let each = record.seconds / record.history.len().max(1) as f64;
        for (epoch, row) in (record.from + 1..).zip(record.history.rows()) {
            let mut metrics = Metrics::new();
            for (name, value) in record.history.metrics().iter().zip(row) {
                metrics.report(name.clone(), *value);
            }
            let time = Timestamp(record.time.0 - each * last.saturating_sub(epoch) as f64);
            self.epochs.entry(epoch).or_insert((metrics, time));
        }
    }
}
