//! A trial in the hands of whoever asked for it.

use std::fmt;
use std::ops::{Deref, DerefMut, RangeInclusive};
use std::sync::{Arc, Weak};

use crate::error::BoxError;
use crate::function::Trial;
use crate::trial::TrialId;

/// Where trials come from, and come back to.
pub(super) trait Origin: Send + Sync {
    /// A trial was told, or dropped.
    fn back(&self, trial: TrialId, is_told: bool);
}

/// A trial in one of its stages, to be trained and [told](super::AskTell::tell).
///
/// It is a [`Trial`] too, whose [`epochs`](Trial::epochs) can be looped over as in a function; then the sweep
/// follows each epoch, and may end the loop.
pub struct Asked<H> {
    hparams: Arc<H>,
    trial: Trial,
    origin: Weak<dyn Origin>,
    is_told: bool,
}

impl<H> Asked<H> {
    pub(super) fn new(hparams: Arc<H>, trial: Trial, origin: Weak<dyn Origin>) -> Asked<H> {
        Asked { hparams, trial, origin, is_told: false }
    }

    /// The trial's hyperparameters.
    pub fn hparams(&self) -> &H {
        &self.hparams
    }

    /// The epochs of this stage that have not been trained, counted from 1: those whose metrics are to be
    /// told.
    ///
    /// The trial has had all earlier ones. A program that was restarted, and has lost them, trains those
    /// again first, with the same hyperparameters and [keys](Trial::key).
    pub fn open_epochs(&self) -> RangeInclusive<u64> {
        self.trial.open()
    }

    /// The trial is told.
    pub(super) fn finish(mut self, result: Result<(), BoxError>) {
        self.trial.finish(result);
        self.is_told = true;
    }

    /// The trial is not trained, because the sweep ends.
    pub(super) fn leave(mut self) {
        self.is_told = true;
    }
}

impl<H> Deref for Asked<H> {
    type Target = Trial;

    fn deref(&self) -> &Trial {
        &self.trial
    }
}

impl<H> DerefMut for Asked<H> {
    fn deref_mut(&mut self) -> &mut Trial {
        &mut self.trial
    }
}

impl<H> Drop for Asked<H> {
    fn drop(&mut self) {
        if let Some(origin) = self.origin.upgrade() {
            origin.back(self.trial.id(), self.is_told);
        }
    }
}

impl<H> fmt::Debug for Asked<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Asked").field(&self.trial).finish()
    }
}
