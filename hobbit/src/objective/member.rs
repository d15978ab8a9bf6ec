//! One of several trials that are trained together.

use std::fmt;

use super::{EpochContext, Metrics, Objective};
use crate::error::BoxError;
use crate::runner::panics::catch;

/// A trial of several that are trained together: [`Objective::train_epochs`].
pub struct Member<'a, O: Objective + ?Sized> {
    /// The trial's live state.
    pub model: &'a mut O::Model,
    /// The epoch to be trained, and the trial.
    pub epoch: EpochContext<'a>,
    /// Where what is measured is put.
    pub metrics: &'a mut Metrics,
    failure: Option<BoxError>,
}

impl<O: Objective + ?Sized> fmt::Debug for Member<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("epoch", &self.epoch)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

impl<'a, O: Objective + ?Sized> Member<'a, O> {
    /// Creates a member that has not failed. A sweep does so for every epoch; tests can, too.
    pub fn new(model: &'a mut O::Model, epoch: EpochContext<'a>, metrics: &'a mut Metrics) -> Member<'a, O> {
        Member { model, epoch, metrics, failure: None }
    }

    /// Trains and validates this member by [`train_epoch`](Objective::train_epoch) and
    /// [`validate`](Objective::validate), unless it has failed.
    pub fn train_alone(&mut self, objective: &O) {
        self.attempt(|member| objective.train_epoch(member.model, &member.epoch, member.metrics));
        if !self.has_diverged(objective) {
            self.attempt(|member| objective.validate(member.model, &member.epoch, member.metrics));
        }
    }

    /// Runs code that concerns this member alone, unless it has failed. An error or a panic fails it, and no
    /// other member.
    pub fn attempt(&mut self, code: impl FnOnce(&mut Self) -> Result<(), BoxError>) {
        if self.failure.is_some() {
            return;
        }
        let result = catch(|| code(self)).unwrap_or_else(|panic| Err(panic.into()));
        self.failure = result.err();
    }

    /// Ends the trial with this error. Of several, the first counts.
    pub fn fail(&mut self, error: impl Into<BoxError>) {
        self.failure.get_or_insert_with(|| error.into());
    }

    /// Why the member has failed, if it has.
    pub fn failure(&self) -> Option<&BoxError> {
        self.failure.as_ref()
    }

    /// Whether the [`training_loss`](Objective::training_loss) was reported as NaN or infinite, so that the
    /// member need not be validated.
    pub fn has_diverged(&self, objective: &O) -> bool {
        let loss = objective.training_loss().and_then(|name| self.metrics.get(name));
        loss.is_some_and(|loss| !loss.is_finite())
    }

    /// How the epoch has ended.
    pub(crate) fn into_result(self) -> Result<(), BoxError> {
        self.failure.map_or(Ok(()), Err)
    }
}
