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
        self.of_bracket(iteration, bracket).child(u64::from(index))
    }

    fn of_bracket(self, iteration: u32, bracket: u32) -> Key {
        self.0.child(u64::from(iteration)).child(u64::from(bracket))
    }

    /// The key under which the trial is trained, anew for each attempt.
    pub(crate) fn training(self, trial: TrialId, attempt: u32) -> Key {
        training_key(self.of(trial), attempt)
    }
}

/// The keys of trials that mostly come one bracket after the other: the bracket's part is made once.
pub(super) struct KeysInTurn {
    keys: Keys,
    bracket: (u32, u32),
    key: Key,
}

impl KeysInTurn {
    pub(super) fn new(seed: u64) -> KeysInTurn {
        let keys = Keys::new(seed);
        KeysInTurn { keys, bracket: (0, 0), key: keys.of_bracket(0, 0) }
    }

    /// The trial's own key.
    pub(super) fn of(&mut self, trial: TrialId) -> Key {
        let TrialId { iteration, bracket, index } = trial;
        if (iteration, bracket) != self.bracket {
            self.bracket = (iteration, bracket);
            self.key = self.keys.of_bracket(iteration, bracket);
        }
        self.key.child(u64::from(index))
    }
}

/// The key under which the trial with this key is trained, anew for each attempt.
pub(super) fn training_key(trial: Key, attempt: u32) -> Key {
    trial.child(TRAIN).child(u64::from(attempt))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_same_in_whatever_order_they_are_asked_for() {
        let keys = Keys::new(7);
        let mut in_turn = KeysInTurn::new(7);
        for (iteration, bracket, index) in [(0, 0, 0), (1, 1, 1), (1, 1, 2), (1, 2, 2), (2, 1, 2), (1, 1, 2)]
        {
            let trial = TrialId { iteration, bracket, index };
            assert_eq!(in_turn.of(trial), keys.of(trial));
        }
    }
}
