//! Which key belongs to which trial, and for what.

use crate::random::Key;
use crate::trial::TrialId;

/// The purpose of a key below a trial's own; those of its configuration are 0 and 2. Objectives narrow the
/// training key further.
const TRAIN: u64 = 1;

/// The keys of a study's trials: they follow from its seed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keys(Key);

impl Keys {
    pub(crate) fn new(seed: u64) -> Keys {
        Keys(Key::new(seed))
    }

    /// The trial's own key, from which its configuration is drawn.
    pub(crate) fn of(self, trial: TrialId) -> Key {
        let TrialId { iteration, bracket, index } = trial;
        self.0.child(u64::from(iteration)).child(u64::from(bracket)).child(u64::from(index))
    }

    /// The key under which the trial is trained, anew for each attempt.
    pub(crate) fn training(self, trial: TrialId, attempt: u32) -> Key {
        training_key(self.of(trial), attempt)
    }
}

/// The key under which the trial with this key is trained, anew for each attempt.
pub(super) fn training_key(trial: Key, attempt: u32) -> Key {
    trial.child(TRAIN).child(u64::from(attempt))
}
