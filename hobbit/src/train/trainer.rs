//! How a model is trained: an epoch of all its networks, step by step, and what is measured after it.

use std::sync::PoisonError;

use super::callback::EpochEnd;
use super::compiled::Compiled;
use super::data::{Data, Feed};
use super::model::{Member, Model};
use super::network::{Network, Step};
use super::schedule::Plateau;
use super::tally::{Tally, measure};
use crate::error::BoxError;
use crate::objective::{EpochContext, Metrics};
use crate::random::Key;

/// The purpose of a key below a trial's.
const DROPOUT: u64 = 2;

impl Model {
    pub(super) fn feed(&mut self, member: usize, epoch: u64) -> Feed {
        Feed {
            key: self.members[member].key,
            fold: member,
            epoch,
            batch_size: self.description.batch_size.unwrap_or(32),
            loss: self.description.loss,
            widths: self.plan.widths(),
            by_rows: self.members[member].network().gathers(),
            joins: self.pairs.is_some(),
        }
    }

    pub(super) fn train_epoch(
        &mut self,
        data: &Data,
        context: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        self.begin_epoch(context)?;
        let mut tallies = Vec::with_capacity(self.members.len());
        for member in 0..self.members.len() {
            tallies.push(self.train_member(member, data, context)?);
        }
        self.report(&tallies, false, metrics);
        Ok(())
    }

    pub(super) fn begin_epoch(&mut self, context: &EpochContext<'_>) -> Result<(), BoxError> {
        if self.description.schedule.is_open() {
            return Err("the learning rate's schedule goes over the trial's whole life, and it is not known how many epochs \
                        that has: say so with `TrialContext::with_epochs`"
                .into());
        }
        self.stopper.begin_epoch(context.stage_end);
        Ok(())
    }

    fn train_member(
        &mut self,
        number: usize,
        data: &Data,
        context: &EpochContext<'_>,
    ) -> Result<Tally, BoxError> {
        let feed = self.feed(number, context.epoch);
        let Model { description, pairs, members, plateau, learning_rate, batch, .. } = self;
        let Member { network, key, stream } = &mut members[number];
        let network = network.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut tally = Tally::default();
        let mut counts = description.class_weights.is_none();
        data.train(&feed, stream, batch, &mut |batch, number, steps| {
            context.check()?;
            if let Some(layer) = pairs
                && batch.samples == 1
            {
                return Err(lonely(layer, number, context.epoch));
            }
            let steps = steps.unwrap_or(number + 1);
            let step = step(description, plateau, *key, context.epoch, (number, steps));
            *learning_rate = step.learning_rate;
            let weighted = description.class_weights.as_ref().map(|weights| batch.weighed(weights));
            let batch = weighted.as_ref().unwrap_or(batch);
            counts = counts || batch.counts();
            let mut finite = true;
            network.train(batch.given(), batch.samples, &step, &mut |outputs, gradient| {
                finite = tally.learn(description, outputs, batch, gradient)?;
                Ok(finite)
            })?;
            // the rest of the epoch would change nothing
            Ok(finite)
        })?;
        if counts { Ok(tally) } else { Err(uncounted(context.epoch)) }
    }

    pub(super) fn validate(
        &mut self,
        data: &Data,
        context: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        let mut tallies = Vec::with_capacity(self.members.len());
        for member in 0..self.members.len() {
            let feed = self.feed(member, context.epoch);
            let mut tally = Tally::default();
            let Model { description, members, batch, outputs, gradient, .. } = self;
            let network = members[member].network();
            data.validate(&feed, batch, &mut |batch, _, _| {
                context.check()?;
                measure(description, network, batch, (&mut *outputs, &mut *gradient), &mut tally)?;
                Ok(true)
            })?;
            tallies.push(tally);
        }
        self.end_epoch(&tallies, context, metrics);
        Ok(())
    }

    /// Reports what was measured after an epoch, and what follows from it.
    pub(super) fn end_epoch(&mut self, tallies: &[Tally], context: &EpochContext<'_>, metrics: &mut Metrics) {
        self.report(tallies, true, metrics);
        self.plateau.end_epoch(&self.description.schedule, self.directions.plateau, metrics);
        let end = EpochEnd {
            trial: context.trial.id,
            epochs: context.epoch + 1,
            metrics,
            learning_rate: self.learning_rate,
        };
        let mut stop = false;
        for callback in &self.description.callbacks {
            stop |= (callback.0)(&end).is_break();
        }
        let rule = self.description.early_stopping.as_ref();
        stop |= self.stopper.end_epoch(rule, self.directions.stopping, metrics);
        if stop {
            metrics.stop();
        }
    }
}

/// What a step of an epoch, of so many, is to do with the network of this key.
pub(super) fn step(
    description: &Compiled,
    plateau: &Plateau,
    key: Key,
    epoch: u64,
    (number, steps): (usize, usize),
) -> Step {
    let Compiled { clip_norm, clip_value, l1, l2, .. } = *description;
    let factor = description.schedule.factor(epoch, number, steps, plateau);
    let learning_rate = description.optimizer.learning_rate() * factor;
    let key = key.child(DROPOUT).child(epoch).child(number as u64);
    Step { key, learning_rate, clip_norm, clip_value, l1, l2 }
}

/// Class weights let no sample of an epoch count.
pub(super) fn uncounted(epoch: u64) -> BoxError {
    format!(
        "no training sample of epoch {} counts: the classes that they have are of class weight 0",
        epoch + 1
    )
    .into()
}

/// A batch of one sample, for a layer that needs more.
fn lonely(layer: &str, batch: usize, epoch: u64) -> BoxError {
    format!(
        "batch {} of epoch {} is of 1 sample, but {layer} normalizes over the samples of a batch and needs at least 2",
        batch + 1,
        epoch + 1
    )
    .into()
}
