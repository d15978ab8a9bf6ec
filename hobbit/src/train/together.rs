//! An epoch of several trials, whose networks are trained as one. What is of one model (its batches, loss,
//! metrics, schedule, callbacks) happens on the host, and what goes wrong with it there is its own failure.
//!
//! Between epochs they stay as they are, as one. If the device cannot train them as one, or not so many, all
//! are as they were before the epoch, and fewer are, or each by itself.

mod ahead;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::compiled::Compiled;
use super::data::{Batch, Dataset, Feed, Tour};
use super::device::{Device, Engine};
use super::engine;
use super::features::Given;
use super::model::Model;
use super::network::{Network, StackedPart, Step};
use super::seat::{self, Seated, Table};
use super::tally::Tally;
use super::trainer::{step, uncounted};
use crate::error::BoxError;
use crate::objective::{Checkpoint, Member, Objective, OutOfMemory};

/// What models have in common that can be trained together on any of these devices.
pub(super) fn likeness(model: &Compiled, devices: &[Device], engine: Engine) -> Option<u64> {
    let plan = model.plan().ok()?;
    let of = |device: &Device| engine::likeness(&plan, model.optimizer, (*device, engine));
    let alike = devices.iter().map(of).collect::<Option<Vec<String>>>()?;
    let Compiled { batch_size, clip_norm, clip_value, l1, l2, .. } = model;
    // what takes another way through the optimizer
    let ways = (clip_norm.is_some(), clip_value.map(f64::to_bits), *l1 > 0.0, *l2 > 0.0);
    let mut hasher = DefaultHasher::new();
    (alike.first()?, batch_size, ways).hash(&mut hasher);
    Some(hasher.finish())
}

/// How much can be trained as one where memory is short: numbers of parameters, of all networks together.
pub(super) struct Room(AtomicUsize);

impl Default for Room {
    fn default() -> Room {
        Room(AtomicUsize::new(usize::MAX))
    }
}

impl Room {
    /// How many networks of so many parameters fit.
    fn networks(&self, parameters: usize) -> usize {
        (self.0.load(Ordering::Relaxed) / parameters.max(1)).max(1)
    }

    /// So many do not.
    fn is_less_than(&self, networks: usize, parameters: usize) {
        self.0.fetch_min(networks / 2 * parameters, Ordering::Relaxed);
    }
}

/// Trains and validates an epoch of models that are alike, with samples in memory.
pub(super) fn train_epochs<O: Objective<Model = Model>>(
    objective: &O,
    members: &mut [Member<'_, O>],
    dataset: &Dataset,
    room: &Room,
) {
    in_parts(members, room, &mut |members| try_epochs(objective, members, dataset), &mut |member| {
        member.train_alone(objective);
    });
}

/// Trains some as one.
type Together<'t, 'a, O> = dyn FnMut(&mut [Member<'a, O>]) -> Result<(), BoxError> + 't;

/// Trains as many as fit into memory as one, and one at a time where they cannot be.
fn in_parts<'a, O: Objective<Model = Model>>(
    members: &mut [Member<'a, O>],
    room: &Room,
    together: &mut Together<'_, 'a, O>,
    alone: &mut dyn FnMut(&mut Member<'a, O>),
) {
    let parameters = members.first().map_or(0, |member| member.model.plan.trainable());
    let fit = room.networks(parameters);
    if members.len() > fit {
        members.chunks_mut(fit).for_each(|part| in_parts(part, room, together, alone));
        return;
    }
    if members.len() == 1 {
        return members.iter_mut().for_each(alone);
    }
    let Err(error) = together(members) else { return };
    members.iter_mut().for_each(|member| member.metrics.clear());
    if error.is::<OutOfMemory>() {
        room.is_less_than(members.len(), parameters);
        in_parts(members, room, together, alone);
    } else {
        members.iter_mut().for_each(alone);
    }
}

/// # Errors
/// They could not be trained as one; all networks are as before.
fn try_epochs<O: Objective<Model = Model>>(
    objective: &O,
    members: &mut [Member<'_, O>],
    dataset: &Dataset,
) -> Result<(), BoxError> {
    let mut decks = Vec::new();
    let trained = try_decks(objective, members, dataset, &mut decks);
    decks.iter().try_for_each(|deck| deck.end(trained.is_ok()))?;
    trained
}

fn try_decks<O: Objective<Model = Model>>(
    objective: &O,
    members: &mut [Member<'_, O>],
    dataset: &Dataset,
    decks: &mut Vec<Deck>,
) -> Result<(), BoxError> {
    let networks = members.iter().map(|member| member.model.networks()).min().unwrap_or(0);
    for member in &mut *members {
        member.attempt(|member| member.model.begin_epoch(&member.epoch));
    }
    let mut tallies: Vec<Vec<Tally>> = members.iter().map(|_| Vec::new()).collect();
    for number in 0..networks {
        decks.push(Deck::new(members, number)?);
        decks[number].train(members, dataset, &mut tallies)?;
    }
    let mut is_validated = Vec::with_capacity(members.len());
    for (member, tallies) in members.iter_mut().zip(&mut tallies) {
        let tallies = std::mem::take(tallies);
        member.attempt(|member| {
            member.model.report(&tallies, false, member.metrics);
            Ok(())
        });
        is_validated.push(member.failure().is_none() && !member.has_diverged(objective));
    }
    for deck in decks {
        deck.keep(|who| is_validated[who])?;
        deck.validate(members, dataset, &mut tallies)?;
    }
    for ((member, tallies), _) in members.iter_mut().zip(tallies).zip(is_validated).filter(|(_, is)| *is) {
        member.attempt(|member| {
            member.model.end_epoch(&tallies, &member.epoch, member.metrics);
            Ok(())
        });
    }
    Ok(())
}

/// One network of each model, as one.
struct Deck {
    /// The number of the network in its model.
    number: usize,
    table: Arc<Mutex<Table>>,
    /// Whose network is at which place of the table.
    places: Vec<usize>,
}

impl Deck {
    /// Of the models that have not failed: at the table where they are already, or at a new one.
    fn new<O: Objective<Model = Model>>(
        members: &mut [Member<'_, O>],
        number: usize,
    ) -> Result<Deck, BoxError> {
        let (places, seated) = networks(members, number);
        if let Some((table, stay)) = Seated::table(&seated) {
            let mut known = seat::lock(&table)?;
            known.keep(&stay)?;
            known.mark()?;
            drop(known);
            return Ok(Deck { number, table, places });
        }
        let mut states = Vec::with_capacity(members.len());
        for (who, member) in members.iter_mut().enumerate() {
            let mut state = Checkpoint::new();
            member.attempt(|member| {
                let network = member.model.members[number].network();
                network.save(&mut state)?;
                network.make_room()
            });
            if member.failure().is_none() {
                states.push((who, state));
            }
        }
        let parts: Vec<StackedPart<'_>> = states
            .iter()
            .map(|(who, state)| {
                let Model { plan, description, .. } = &*members[*who].model;
                StackedPart { plan, optimizer: description.optimizer, state }
            })
            .collect();
        let Some(&(first, _)) = states.first() else { return Err("all have failed".into()) };
        let stack = engine::stack(members[first].model.device(), &parts)?;
        let (places, seated) = networks(members, number);
        let table = Seated::together(stack, seated);
        seat::lock(&table)?.mark()?;
        Ok(Deck { number, table, places })
    }

    /// Ends an epoch; one that went wrong never was.
    fn end(&self, went_well: bool) -> Result<(), BoxError> {
        let mut table = seat::lock(&self.table)?;
        match went_well {
            true => table.unmark(),
            false => table.rewind(),
        }
        Ok(())
    }

    /// Takes out all but these.
    fn keep(&mut self, stays: impl Fn(usize) -> bool) -> Result<(), BoxError> {
        let stay: Vec<usize> = (0..self.places.len()).filter(|&place| stays(self.places[place])).collect();
        seat::lock(&self.table)?.keep(&stay)?;
        self.places = stay.into_iter().map(|place| self.places[place]).collect();
        Ok(())
    }

    /// The batches of each, which are of the same sizes.
    fn lanes<'d, O: Objective<Model = Model>>(
        &self,
        members: &mut [Member<'_, O>],
        tour: impl Fn(&Feed) -> Tour<'d>,
    ) -> Result<Vec<Lane<'d>>, BoxError> {
        let lane = |(who, member): (usize, &mut Member<'_, O>)| {
            let feed = member.model.feed(self.number, member.epoch.epoch);
            let tour = tour(&feed);
            Lane { who, feed, tour, batch: Batch::default(), tally: Tally::default(), counts: false }
        };
        let lanes: Vec<Lane<'d>> = members.iter_mut().enumerate().map(lane).collect();
        match lanes.iter().all(|other| other.tour.is_like(&lanes[0].tour)) {
            true => Ok(lanes),
            false => Err("their batches are of different sizes".into()),
        }
    }

    fn train<O: Objective<Model = Model>>(
        &mut self,
        members: &mut [Member<'_, O>],
        dataset: &Dataset,
        tallies: &mut [Vec<Tally>],
    ) -> Result<(), BoxError> {
        let number = self.number;
        let mut lanes = self.lanes(members, |feed| feed.training(dataset))?;
        for lane in &mut lanes {
            lane.counts = members[lane.who].model.description.class_weights.is_none();
        }
        let mut ahead = self.ahead(members)?;
        let batches = lanes[0].tour.steps();
        for batch in 0..batches {
            let mut steps: Vec<Option<Step>> = vec![None; members.len()];
            for &who in &self.places {
                members[who].attempt(|member| {
                    member.epoch.check()?;
                    lanes[who].gather(batch);
                    let Model { description, members, plateau, learning_rate, .. } = &mut *member.model;
                    lanes[who].weigh(description);
                    let key = members[number].key;
                    let next = step(description, plateau, key, member.epoch.epoch, (batch, batches));
                    *learning_rate = next.learning_rate;
                    steps[who] = Some(next);
                    Ok(())
                });
            }
            if self.places.iter().any(|&who| members[who].failure().is_some()) {
                if let Some(ahead) = &mut ahead {
                    self.settle(ahead, members, &mut lanes)?;
                }
                self.keep(|who| members[who].failure().is_none())?;
            }
            let steps: Vec<Step> = self.places.iter().filter_map(|&who| steps[who]).collect();
            let Some(samples) = self.places.first().map(|&who| lanes[who].batch.samples) else { break };
            let inputs: Vec<Batch> =
                self.places.iter().map(|&who| std::mem::take(&mut lanes[who].batch)).collect();
            if let Some(ahead) = &mut ahead {
                self.queue(ahead, members, &mut lanes, (inputs, samples, &steps))?;
                continue;
            }
            let given: Vec<Given<'_>> = inputs.iter().map(Batch::given).collect();
            let mut goes_on = vec![true; members.len()];
            let places = &self.places;
            seat::lock(&self.table)?.stack().train(
                &given,
                samples,
                &steps,
                &mut |place, outputs, gradient| {
                    let who = places[place];
                    goes_on[who] = false;
                    members[who].attempt(|member| {
                        let description = &member.model.description;
                        goes_on[who] =
                            lanes[who].tally.learn(description, outputs, &inputs[place], gradient)?;
                        Ok(())
                    });
                    goes_on[who]
                },
            )?;
            for (who, batch) in self.places.iter().zip(inputs) {
                lanes[*who].batch = batch;
            }
            // the rest of the epoch would change nothing
            self.keep(|who| goes_on[who])?;
        }
        if let Some(ahead) = &mut ahead {
            self.settle(ahead, members, &mut lanes)?;
        }
        for Lane { who, counts, tally, .. } in lanes {
            if !counts {
                members[who].fail(uncounted(members[who].epoch.epoch));
            }
            tallies[who].push(tally);
        }
        Ok(())
    }

    fn validate<O: Objective<Model = Model>>(
        &mut self,
        members: &mut [Member<'_, O>],
        dataset: &Dataset,
        tallies: &mut [Vec<Tally>],
    ) -> Result<(), BoxError> {
        if self.places.is_empty() {
            return Ok(());
        }
        let mut lanes = self.lanes(members, |feed| feed.validation(dataset))?;
        let (mut outputs, mut scratch) = (Vec::new(), Vec::new());
        for batch in 0..lanes[0].tour.steps() {
            for &who in &self.places {
                members[who].attempt(|member| Ok(member.epoch.check()?));
                lanes[who].gather(batch);
            }
            let samples = lanes[self.places[0]].batch.samples;
            let given: Vec<Given<'_>> = self.places.iter().map(|&who| lanes[who].batch.given()).collect();
            outputs.clear();
            seat::lock(&self.table)?.stack().outputs(&given, samples, &mut outputs)?;
            let size = outputs.len() / self.places.len();
            for (&who, outputs) in self.places.iter().zip(outputs.chunks_exact(size)) {
                let Lane { batch, tally, counts, .. } = &mut lanes[who];
                *counts |= batch.counts();
                members[who].attempt(|member| {
                    tally.take(&member.model.description, outputs, batch, &mut scratch)?;
                    Ok(())
                });
            }
        }
        for lane in lanes.into_iter().filter(|lane| self.places.contains(&lane.who)) {
            if !lane.counts {
                members[lane.who].fail(lane.feed.weightless("validation"));
            }
            tallies[lane.who].push(lane.tally);
        }
        Ok(())
    }
}

/// A network of each model that has not failed, and whose it is.
fn networks<'m, O: Objective<Model = Model>>(
    members: &'m mut [Member<'_, O>],
    number: usize,
) -> (Vec<usize>, Vec<&'m mut Seated>) {
    let members = members.iter_mut().enumerate().filter(|(_, member)| member.failure().is_none());
    members.map(|(who, member)| (who, member.model.members[number].network())).unzip()
}

/// The batches of one model, and what is measured of them.
struct Lane<'d> {
    who: usize,
    feed: Feed,
    tour: Tour<'d>,
    batch: Batch,
    tally: Tally,
    counts: bool,
}

impl Lane<'_> {
    fn gather(&mut self, step: usize) {
        self.tour.gather(step, &self.feed, &mut self.batch);
    }

    /// Weights the batch's samples by their classes as well.
    fn weigh(&mut self, description: &Compiled) {
        if let Some(weights) = &description.class_weights {
            self.batch = self.batch.weighed(weights);
        }
        self.counts = self.counts || self.batch.counts();
    }
}

#[cfg(test)]
mod tests;
