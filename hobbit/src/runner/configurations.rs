//! Which configuration belongs to which trial.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::keys::Keys;
use super::panics::catch;
use crate::error::{Error, Result};
use crate::random::Key;
use crate::schedule::Outline;
use crate::search::{Known, Prior, Sampler, choose, drawn};
use crate::space::{SearchSpace, Space};
use crate::trial::{Direction, TrialId};

/// The configuration that is drawn under a trial's key.
pub(super) fn draw<H: SearchSpace>(key: Key, trial: TrialId) -> Result<Arc<H>> {
    // a space may hold expressions of the user's
    catch(|| drawn(key).map(Arc::new)).unwrap_or_else(|reason| {
        Err(Error::space(format!("drawing the configuration of trial {trial} {reason}")))
    })
}

/// The configuration of a point of the unit cube.
pub(super) fn decode<H: SearchSpace>(point: &[Option<f64>], trial: TrialId) -> Result<Arc<H>> {
    catch(|| H::decode(point).map(Arc::new)).unwrap_or_else(|reason| {
        Err(Error::space(format!(
            "the configuration of trial {trial} cannot be made of its point: it {reason}"
        )))
    })
}

/// The configurations that trials were begun with, by their places among all trials.
pub(crate) struct Made<H>(Mutex<Vec<Option<Arc<H>>>>);

impl<H> Made<H> {
    fn lock(&self) -> MutexGuard<'_, Vec<Option<Arc<H>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, ordinal: u64) -> Option<Arc<H>> {
        self.lock().get(usize::try_from(ordinal).ok()?)?.clone()
    }

    /// Keeps these, each with the place of its trial.
    pub(super) fn keep(&self, configurations: &mut Vec<(u64, Arc<H>)>) {
        if configurations.is_empty() {
            return;
        }
        let mut made = self.lock();
        for (ordinal, configuration) in configurations.drain(..) {
            let place = ordinal as usize;
            if made.len() <= place {
                made.resize_with(place + 1, || None);
            }
            made[place] = Some(configuration);
        }
    }
}

/// Draws configurations by trial; the first ones may be given.
pub(crate) struct Configurations<H> {
    keys: Keys,
    enqueued: Vec<Arc<H>>,
    sampler: Arc<dyn Sampler>,
    space: Space,
    direction: Direction,
    outline: Outline,
    made: Arc<Made<H>>,
}

impl<H: SearchSpace> Configurations<H> {
    pub(crate) fn new(seed: u64, outline: Outline, enqueued: Vec<Arc<H>>) -> Self {
        let made = Arc::new(Made(Mutex::new(Vec::new())));
        let (sampler, space, direction) = (Arc::new(Prior), H::space(), Direction::Minimize);
        Configurations { keys: Keys::new(seed), enqueued, sampler, space, direction, outline, made }
    }

    /// The trials there are.
    pub(crate) fn outline(&self) -> &Outline {
        &self.outline
    }

    /// Those that trials were begun with.
    pub(super) fn made(&self) -> &Arc<Made<H>> {
        &self.made
    }

    /// The epochs that a trial has had if it is promoted to its bracket's last stage.
    pub(crate) fn epochs(&self, trial: TrialId) -> u64 {
        self.outline.epochs(trial).unwrap_or(0)
    }

    /// The trial's configuration.
    pub(crate) fn get(&self, trial: TrialId) -> Result<Arc<H>> {
        let ordinal = self.outline.place(trial);
        if let Some(made) = self.made.get(ordinal) {
            return Ok(made);
        }
        match usize::try_from(ordinal).ok().and_then(|place| self.enqueued.get(place)) {
            Some(given) => Ok(given.clone()),
            None => self.choose(trial),
        }
    }

    /// What the sampler proposes.
    fn choose(&self, trial: TrialId) -> Result<Arc<H>> {
        // a space may hold expressions of the user's
        let Configurations { sampler, space, direction, .. } = self;
        let known = Known { space, direction: *direction, seen: &[], pending: &[] };
        let chosen = catch(|| choose(&**sampler, known, trial, self.keys.of(trial)));
        let chosen = chosen.map(|chosen| Ok(Arc::new(chosen?.hparams)));
        chosen.unwrap_or_else(|reason| {
            Err(Error::space(format!("drawing the configuration of trial {trial} {reason}")))
        })
    }

    /// The configurations of these trials, of each place either one or none. Those that trials were begun with are not kept any
    /// longer.
    pub(super) fn take(&self, trials: impl Iterator<Item = Option<TrialId>>) -> Result<Vec<Option<Arc<H>>>> {
        let mut made = std::mem::take(&mut *self.made.lock());
        for (place, trial) in trials.enumerate() {
            if made.len() <= place {
                made.push(None);
            }
            if let Some(trial) = trial
                && made[place].is_none()
            {
                made[place] = Some(self.get(trial)?);
            }
        }
        Ok(made)
    }
}
