//! Which configuration belongs to which trial.

use std::sync::Arc;

use super::keys::Keys;
use super::panics::catch;
use crate::error::{Error, Result};
use crate::random::Key;
use crate::schedule::Outline;
use crate::search::{Known, Prior, Sampler, choose};
use crate::space::{SearchSpace, Space};
use crate::trial::{Direction, TrialId};

/// Draws configurations by trial; the first ones may be given.
pub(crate) struct Configurations<H> {
    keys: Keys,
    enqueued: Vec<Arc<H>>,
    sampler: Arc<dyn Sampler>,
    space: Space,
    direction: Direction,
    outline: Outline,
}

impl<H: SearchSpace> Configurations<H> {
    pub(crate) fn new(seed: u64, outline: Outline, enqueued: Vec<Arc<H>>) -> Self {
        let (sampler, space, direction) = (Arc::new(Prior), H::space(), Direction::Minimize);
        Configurations { keys: Keys::new(seed), enqueued, sampler, space, direction, outline }
    }

    /// The trials there are.
    pub(crate) fn outline(&self) -> &Outline {
        &self.outline
    }

    /// The epochs that a trial has had if it is promoted to its bracket's last stage.
    pub(crate) fn epochs(&self, trial: TrialId) -> u64 {
        self.outline.epochs(trial).unwrap_or(0)
    }

    /// The place of a trial among all trials, counted from 0.
    #[inline]
    pub(crate) fn ordinal(&self, trial: TrialId) -> u64 {
        self.outline.place(trial)
    }

    /// The trial's configuration.
    pub(crate) fn get(&self, trial: TrialId) -> Result<Arc<H>> {
        let ordinal = usize::try_from(self.ordinal(trial)).unwrap_or(usize::MAX);
        match self.enqueued.get(ordinal) {
            Some(given) => Ok(given.clone()),
            None => {
                // a space may hold expressions of the user's
                let Configurations { sampler, space, direction, .. } = self;
                let known = Known { space, direction: *direction, seen: &[], pending: &[] };
                let chosen = catch(|| choose(&**sampler, known, trial, self.keys.of(trial)));
                let drawn = chosen.map(|chosen| Ok(Arc::new(chosen?.hparams)));
                drawn.unwrap_or_else(|reason| {
                    Err(Error::space(format!("drawing the configuration of trial {trial} {reason}")))
                })
            }
        }
    }

    /// The key under which the trial is trained, anew for each attempt.
    pub(crate) fn training_key(&self, trial: TrialId, attempt: u32) -> Key {
        self.keys.training(trial, attempt)
    }
}
