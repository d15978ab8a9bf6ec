//! Feeding a model: the batches of an epoch, from wherever they come.

use std::sync::mpsc;

use super::allowed::Judged;
use super::batch::Batch;
use super::dataset::{Dataset, Fold};
use super::generator::{Batches, Generators, Source, Start};
use super::join::{Joined, caught};
use super::kind::{Data, Kind};
use super::part::Part;
use super::samples::{Inputs, Samples};
use crate::error::{BoxError, Error, Result};
use crate::random::Key;
use crate::train::loss::Loss;

/// What a batch is handed to, with its number and how many there are, if that is known. It says whether to go
/// on.
type Take<'a> = &'a mut dyn FnMut(&Batch, usize, Option<usize>) -> Result<bool, BoxError>;

/// Samples that are validated at once.
pub(in crate::train) const VALIDATION_BATCH: usize = 512;

/// Purposes of keys below a trial's.
const SHUFFLE: u64 = 1;
const ROUND: u64 = 3;
const VALIDATION_ROUND: u64 = 4;
const GENERATOR: u64 = 5;
const VALIDATION_GENERATOR: u64 = 6;

/// The most batches that are made ahead: there is room for all from the beginning.
const PREFETCH: usize = 1024;

/// What the samples to train on are called.
const TRAINING: &str = "training";

/// How far a trial has come in its training data.
#[derive(Default)]
pub(in crate::train) struct Stream {
    /// The batches used up, of an iterator over the trial's whole life.
    pub(in crate::train) used: u64,
    batches: Option<Batches>,
}

impl Stream {
    /// Goes on after so many batches.
    pub(in crate::train) fn at(used: u64) -> Stream {
        Stream { used, batches: None }
    }
}

/// What the batches of one model depend on.
#[derive(Clone, Copy)]
pub(in crate::train) struct Feed {
    /// The key of the trial, or of one of its models.
    pub(in crate::train) key: Key,
    /// Which of the folds the model has.
    pub(in crate::train) fold: usize,
    pub(in crate::train) epoch: u64,
    pub(in crate::train) batch_size: usize,
    pub(in crate::train) loss: Loss,
    /// Of a sample, and of an output.
    pub(in crate::train) widths: (usize, usize),
    /// Whether the network gathers the inputs itself, of data in memory.
    pub(in crate::train) by_rows: bool,
    /// Whether it cannot be trained on one sample alone, so that such a batch joins the one before it.
    pub(in crate::train) joins: bool,
}

/// The batches of samples in memory, in their order.
pub(in crate::train) struct Tour<'a> {
    part: &'a Part,
    order: Vec<u32>,
    size: usize,
    steps: usize,
}

impl<'a> Tour<'a> {
    /// Batches of so many samples, the last of fewer; if they are to join, not of one.
    fn new(part: &'a Part, order: Vec<u32>, size: usize, joins: bool) -> Tour<'a> {
        let joins = joins && order.len() > size && order.len() % size == 1;
        let steps = if joins { order.len() / size } else { order.len().div_ceil(size) };
        Tour { part, order, size, steps }
    }

    /// How many there are.
    pub(in crate::train) fn steps(&self) -> usize {
        self.steps
    }

    /// Whether another one has batches of the same sizes.
    pub(in crate::train) fn is_like(&self, other: &Tour<'_>) -> bool {
        (self.order.len(), self.size, self.steps) == (other.order.len(), other.size, other.steps)
    }

    pub(in crate::train) fn gather(&self, step: usize, feed: &Feed, batch: &mut Batch) {
        let end = if step + 1 == self.steps { self.order.len() } else { (step + 1) * self.size };
        self.part.gather(&self.order[step * self.size..end], feed.loss, feed.by_rows, batch);
    }
}

impl Data {
    /// How many models a trial has to train for it.
    pub(in crate::train) fn folds(&self) -> usize {
        match &self.0 {
            Kind::Memory(dataset) => dataset.folds(),
            Kind::Generated(_) => 1,
        }
    }

    pub(in crate::train) fn check(&self, shape: &[usize], outputs: usize, loss: Loss) -> Result<()> {
        match &self.0 {
            Kind::Memory(dataset) => dataset.check(shape, outputs, loss),
            Kind::Generated(generators) => generators.check(shape, outputs, loss),
        }?;
        self.names().check(shape.iter().product(), outputs, loss)
    }

    /// Whether there are batches of several samples to train on, as far as that is known beforehand.
    ///
    /// # Errors
    /// There are none.
    pub(in crate::train) fn check_pairs(&self, batch_size: usize) -> Result<()> {
        let Kind::Memory(dataset) = &self.0 else { return Ok(()) };
        let why = if batch_size == 1 {
            "the batch size is 1"
        } else if dataset.folds.iter().any(|fold| fold.training.samples() == 1) {
            "there is only 1 training sample"
        } else {
            return Ok(());
        };
        Err(Error::data(why))
    }

    pub(in crate::train) fn fingerprint(&self) -> String {
        match &self.0 {
            Kind::Memory(dataset) => dataset.fingerprint(),
            Kind::Generated(generators) => generators.fingerprint(),
        }
    }

    /// The training batches of an epoch.
    pub(in crate::train) fn train(
        &self,
        feed: &Feed,
        stream: &mut Stream,
        batch: &mut Batch,
        take: Take<'_>,
    ) -> Result<(), BoxError> {
        match &self.0 {
            Kind::Memory(dataset) => feed.gather(&feed.training(dataset), batch, take),
            Kind::Generated(generators) => {
                feed.counting(TRAINING, take, |take| feed.train_generated(generators, stream, batch, take))
            }
        }
    }

    /// The validation batches after an epoch.
    pub(in crate::train) fn validate(
        &self,
        feed: &Feed,
        batch: &mut Batch,
        take: Take<'_>,
    ) -> Result<(), BoxError> {
        feed.counting("validation", take, |take| self.validate_all(feed, batch, take))
    }

    fn validate_all(&self, feed: &Feed, batch: &mut Batch, take: Take<'_>) -> Result<(), BoxError> {
        match &self.0 {
            Kind::Memory(dataset) => feed.gather(&feed.validation(dataset), batch, take),
            Kind::Generated(generators) => match &generators.validation {
                Source::Memory(Ok(part)) => {
                    let tour = Tour::new(part, part.in_order(), VALIDATION_BATCH, false);
                    feed.gather(&tour, batch, take)
                }
                Source::Function(function) => {
                    let key = feed.key.child(VALIDATION_GENERATOR);
                    let mut batches = function(&Start { key, batch_size: feed.batch_size });
                    let steps = generators.validation_steps;
                    let taken =
                        feed.pump("validation", &mut batches, steps, generators.prefetch, batch, take)?;
                    if taken == Some(0) {
                        return Err(format!("the validation generator gave nothing in {feed}").into());
                    }
                    Ok(())
                }
                _ => Err("there are no validation data".into()),
            },
        }
    }
}

impl std::fmt::Display for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "epoch {}", self.epoch + 1)
    }
}

impl Feed {
    /// Goes through batches, of which at least one has to have a sample with a weight.
    fn counting(
        &self,
        kind: &str,
        take: Take<'_>,
        go: impl FnOnce(Take<'_>) -> Result<(), BoxError>,
    ) -> Result<(), BoxError> {
        let mut counts = false;
        go(&mut |batch, number, steps| {
            counts |= batch.counts();
            take(batch, number, steps)
        })?;
        if counts { Ok(()) } else { Err(self.weightless(kind)) }
    }

    /// Hands over the batches of an order.
    fn gather(&self, tour: &Tour<'_>, batch: &mut Batch, take: Take<'_>) -> Result<(), BoxError> {
        for step in 0..tour.steps {
            tour.gather(step, self, batch);
            if !take(batch, step, Some(tour.steps))? {
                break;
            }
        }
        // it holds on to the data no longer than it has to
        batch.clear();
        Ok(())
    }

    /// The training batches of an epoch, of data in memory.
    pub(in crate::train) fn training<'a>(&self, dataset: &'a Dataset) -> Tour<'a> {
        let Fold { training, .. } = &dataset.folds[self.fold % dataset.folds.len()];
        let shuffle = self.key.child(SHUFFLE).child(self.epoch);
        let order = match dataset.steps_per_epoch {
            Some(steps) => {
                let length = steps.saturating_mul(self.batch_size);
                let mut order = training.window(self.key.child(ROUND), self.epoch, length);
                shuffle.rng().shuffle(&mut order);
                order
            }
            None => training.shuffled(shuffle),
        };
        Tour::new(training, order, self.batch_size, self.joins)
    }

    /// The validation batches after an epoch, of data in memory.
    pub(in crate::train) fn validation<'a>(&self, dataset: &'a Dataset) -> Tour<'a> {
        let Dataset { folds, validation_share, .. } = dataset;
        let part = &folds[self.fold % folds.len()].validation;
        let order = match validation_share {
            Some(share) => {
                let length = (share * part.samples() as f64).ceil() as usize;
                part.window(self.key.child(VALIDATION_ROUND), self.epoch, length)
            }
            None => part.in_order(),
        };
        Tour::new(part, order, VALIDATION_BATCH, false)
    }

    /// The error of samples that count for nothing.
    pub(in crate::train) fn weightless(&self, kind: &str) -> BoxError {
        format!("all weights of the {kind} samples in {self} are 0").into()
    }

    fn train_generated(
        &self,
        generators: &Generators,
        stream: &mut Stream,
        batch: &mut Batch,
        take: Take<'_>,
    ) -> Result<(), BoxError> {
        let Source::Function(function) = &generators.training else {
            return Err("there are no training data".into());
        };
        let prefetch = generators.prefetch;
        let key = self.key.child(GENERATOR);
        let Some(steps) = generators.steps_per_epoch else {
            let mut batches = function(&Start { key: key.child(self.epoch), batch_size: self.batch_size });
            return match self.pump(TRAINING, &mut batches, None, prefetch, batch, take)? {
                Some(0) => Err(format!("the training generator gave nothing in {self}").into()),
                _ => Ok(()),
            };
        };
        let mut batches = match stream.batches.take() {
            Some(batches) => batches,
            None => {
                let mut batches = function(&Start { key, batch_size: self.batch_size });
                for used in 0..stream.used {
                    batches.next().ok_or_else(|| {
                        format!("the training generator ended after {used} batches, of which {} were used before", stream.used)
                    })?.map_err(|error| format!("the training generator failed at batch {}: {error}", used + 1))?;
                }
                batches
            }
        };
        match self.pump(TRAINING, &mut batches, Some(steps), prefetch, batch, take)? {
            Some(taken) if taken < steps => Err(format!(
                "the training generator ended at step {} of {steps} in {self}: it gave {} batches in all",
                taken + 1,
                stream.used + taken as u64
            )
            .into()),
            Some(_) => {
                stream.used += steps as u64;
                stream.batches = Some(batches);
                Ok(())
            }
            // left early: what was made ahead is lost, so it is not gone on with
            None => Ok(()),
        }
    }

    /// Hands over batches, at most so many. How many there were, or none if they were not wanted to the end.
    fn pump(
        &self,
        kind: &'static str,
        batches: &mut Batches,
        steps: Option<usize>,
        prefetch: usize,
        batch: &mut Batch,
        take: Take<'_>,
    ) -> Result<Option<usize>, BoxError> {
        let joins = self.joins && kind == TRAINING;
        let batches = Joined::new(caught(batches).take(steps.unwrap_or(usize::MAX)), joins);
        let (mut taken, mut number) = (0, 0);
        let hand = |(samples, of): Made| {
            let all = steps.map_or(String::new(), |steps| format!(" of {steps}"));
            let place = format!("step {}{all} of {self}", taken + 1);
            let samples =
                samples.map_err(|error| format!("the {kind} generator failed at {place}: {error}"))?;
            self.fill(kind, samples, batch).map_err(|error| {
                format!("the {kind} generator gave data at {place} that do not fit: {error}")
            })?;
            taken += of;
            number += 1;
            take(batch, number - 1, steps)
        };
        let whole = if prefetch == 0 { hand_all(batches, hand)? } else { ahead(batches, prefetch, hand)? };
        Ok(whole.then_some(taken))
    }

    /// Checks what a generator gave, and puts it into a batch.
    fn fill(&self, kind: &'static str, samples: Samples, batch: &mut Batch) -> Result<()> {
        let Samples { inputs: Inputs(inputs), targets, weights } = samples;
        let count = targets.check(kind)?;
        let (width, outputs) = self.widths;
        if count == 0 || inputs.len() != count * width {
            return Err(Error::data(format!(
                "it has {} numbers for {count} targets, and the model takes samples of {width}",
                inputs.len()
            )));
        }
        targets.fits(kind, outputs, self.loss, &Judged::default())?;
        if !weights.is_empty() && weights.len() != count {
            return Err(Error::data(format!("it has {} weights for {count} samples", weights.len())));
        }
        let part = Part::new(kind, Inputs(inputs), targets)?;
        let part = if weights.is_empty() { part } else { part.weighted(weights)? };
        part.gather(&part.in_order(), self.loss, false, batch);
        Ok(())
    }
}

/// What a generator gave, and of how many of its batches it is made.
type Made = (Result<Samples, BoxError>, usize);

/// Hands these over; returns whether they were wanted to the end.
fn hand_all(
    batches: impl Iterator<Item = Made>,
    mut hand: impl FnMut(Made) -> Result<bool, BoxError>,
) -> Result<bool, BoxError> {
    for samples in batches {
        if !hand(samples)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Hands these over while the next ones are made on another thread, so many ahead.
fn ahead(
    batches: impl Iterator<Item = Made> + Send,
    prefetch: usize,
    hand: impl FnMut(Made) -> Result<bool, BoxError>,
) -> Result<bool, BoxError> {
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(prefetch.min(PREFETCH) - 1);
        scope.spawn(move || {
            for samples in batches {
                // nobody listens any more when training was left early
                if sender.send(samples).is_err() {
                    break;
                }
            }
        });
        hand_all(receiver.into_iter(), hand)
    })
}
