//! An epoch of several trials, whose networks are trained as one. What is of one model (its batches, loss,
//! metrics, schedule, callbacks) happens on the host, and what goes wrong with it there is its own failure.
//!
//! A model's own networks are as they were before the epoch until all is over. So if the device cannot train
//! them as one, they are trained one at a time.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::compiled::Compiled;
use super::data::{Batch, Dataset, Feed, Tour};
use super::device::{Device, Engine};
use super::engine;
use super::features::Given;
use super::model::Model;
use super::network::{Stack, StackedPart, Step};
use super::tally::Tally;
use super::trainer::{step, uncounted};
use crate::error::BoxError;
use crate::objective::{Checkpoint, Member, Objective};

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

/// Trains and validates an epoch of models that are alike, with samples in memory.
pub(super) fn train_epochs<O: Objective<Model = Model>>(
    objective: &O,
    members: &mut [Member<'_, O>],
    dataset: &Dataset,
) {
    if try_epochs(objective, members, dataset).is_err() {
        for member in members {
            member.metrics.clear();
            member.train_alone(objective);
        }
    }
}

/// # Errors
/// They could not be trained as one; all networks are as before.
fn try_epochs<O: Objective<Model = Model>>(
    objective: &O,
    members: &mut [Member<'_, O>],
    dataset: &Dataset,
) -> Result<(), BoxError> {
    let networks = members.iter().map(|member| member.model.networks()).min().unwrap_or(0);
    for member in &mut *members {
        member.attempt(|member| member.model.begin_epoch(&member.epoch));
    }
    let mut tallies: Vec<Vec<Tally>> = members.iter().map(|_| Vec::new()).collect();
    let mut decks = Vec::with_capacity(networks);
    for number in 0..networks {
        let mut deck = Deck::new(members, number)?;
        deck.train(members, dataset, &mut tallies)?;
        decks.push(deck);
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
    for deck in &mut decks {
        deck.keep(|who| is_validated[who])?;
        deck.validate(members, dataset, &mut tallies)?;
    }
    for (number, deck) in decks.into_iter().enumerate() {
        for (who, state) in deck.into_states() {
            members[who].attempt(|member| member.model.members[number].network().load(&state));
        }
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
    stack: Box<dyn Stack>,
    /// Whose network is at which place of the stack.
    places: Vec<usize>,
    /// Those that are done.
    left: Vec<(usize, Checkpoint)>,
}

impl Deck {
    /// Of the models that have not failed.
    fn new<O: Objective<Model = Model>>(
        members: &mut [Member<'_, O>],
        number: usize,
    ) -> Result<Deck, BoxError> {
        let mut states = Vec::with_capacity(members.len());
        for (who, member) in members.iter_mut().enumerate() {
            let mut state = Checkpoint::new();
            member.attempt(|member| member.model.members[number].network().save(&mut state));
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
        let places = states.iter().map(|(who, _)| *who).collect();
        Ok(Deck { number, stack, places, left: Vec::new() })
    }

    /// Takes out all but these.
    fn keep(&mut self, stays: impl Fn(usize) -> bool) -> Result<(), BoxError> {
        for place in (0..self.places.len()).rev() {
            if stays(self.places[place]) {
                continue;
            }
            let who = self.places.remove(place);
            let state = match self.places.is_empty() {
                true => self.stack.save().swap_remove(0),
                false => self.stack.leave(place)?,
            };
            self.left.push((who, state));
        }
        Ok(())
    }

    /// The state of each network at the end.
    fn into_states(self) -> Vec<(usize, Checkpoint)> {
        let mut states = self.left;
        if !self.places.is_empty() {
            states.extend(self.places.into_iter().zip(self.stack.save()));
        }
        states
    }

    /// The batches of each, which are of the same sizes.
    fn lanes<'d, O: Objective<Model = Model>>(
        &self,
        members: &mut [Member<'_, O>],
        tour: impl Fn(&Feed) -> Tour<'d>,
    ) -> Result<Vec<Lane<'d>>, BoxError> {
        let lane = |(who, member): (usize, &mut Member<'_, O>)| {
            let feed = Feed { by_rows: false, ..member.model.feed(self.number, member.epoch.epoch) };
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
        let batches = lanes[0].tour.steps();
        for batch in 0..batches {
            let mut steps: Vec<Option<Step>> = vec![None; members.len()];
            for &who in &self.places {
                members[who].attempt(|member| {
                    member.epoch.check()?;
                    lanes[who].gather(batch);
                    let Model { description, members, plateau, learning_rate, .. } = &mut *member.model;
                    let key = members[number].key;
                    let next = step(description, plateau, key, member.epoch.epoch, (batch, batches));
                    *learning_rate = next.learning_rate;
                    steps[who] = Some(next);
                    Ok(())
                });
            }
            self.keep(|who| members[who].failure().is_none())?;
            let steps: Vec<Step> = self.places.iter().filter_map(|&who| steps[who]).collect();
            let Some(samples) = self.places.first().map(|&who| lanes[who].batch.samples) else { break };
            let mut goes_on = vec![true; members.len()];
            let inputs: Vec<Batch> =
                self.places.iter().map(|&who| std::mem::take(&mut lanes[who].batch)).collect();
            let given: Vec<Given<'_>> = inputs.iter().map(Batch::given).collect();
            let places = &self.places;
            self.stack.train(&given, samples, &steps, &mut |place, outputs, gradient| {
                let who = places[place];
                goes_on[who] = false;
                members[who].attempt(|member| {
                    let description = &member.model.description;
                    goes_on[who] = lanes[who].judge(description, &inputs[place], outputs, gradient)?;
                    Ok(())
                });
                goes_on[who]
            })?;
            for (who, batch) in self.places.iter().zip(inputs) {
                lanes[*who].batch = batch;
            }
            // the rest of the epoch would change nothing
            self.keep(|who| goes_on[who])?;
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
            self.stack.outputs(&given, samples, &mut outputs)?;
            let size = outputs.len() / self.places.len();
            for (&who, outputs) in self.places.iter().zip(outputs.chunks_exact(size)) {
                let Lane { batch, tally, counts, .. } = &mut lanes[who];
                *counts |= batch.counts();
                members[who]
                    .attempt(|member| tally.take(&member.model.description, outputs, batch, &mut scratch));
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

    /// The loss of a batch, and its gradient; whether it is one to go on with.
    fn judge(
        &mut self,
        description: &Compiled,
        batch: &Batch,
        outputs: &[f32],
        gradient: &mut [f32],
    ) -> Result<bool, BoxError> {
        let weighted = description.class_weights.as_ref().map(|weights| batch.weighed(weights));
        let batch = weighted.as_ref().unwrap_or(batch);
        self.counts = self.counts || batch.counts();
        self.tally.learn(description, outputs, batch, gradient)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::{EpochContext, Metrics, TrialContext};
    use crate::train::data::Data;
    use crate::train::{Compiled, Dataset, ModelObjective, Sequential, Sgd};
    use crate::trial::TrialId;
    use crate::{Hyperband, Key, search_space};

    #[search_space]
    struct Hparams {
        #[uniform(0.0..=1.0)]
        rate: f64,
    }

    type Function = fn(&Hparams) -> Compiled;
    type OfFunction = ModelObjective<Hparams, Function, Compiled>;

    fn model(hparams: &Hparams) -> Compiled {
        Sequential::new([3])
            .dense(4)
            .dropout(0.5 * hparams.rate)
            .activation(crate::train::Activation::Tanh)
            .dense(2)
            .compile(Sgd::new(hparams.rate).momentum(0.9), crate::train::Loss::CrossEntropy)
            .batch_size(4)
    }

    fn samples(count: usize) -> (Vec<f32>, Vec<u8>) {
        let mut rng = Key::new(1).rng();
        ((0..count * 3).map(|_| rng.unit() as f32).collect(), (0..count).map(|n| (n % 2) as u8).collect())
    }

    fn objective(data: Dataset, executions: usize) -> OfFunction {
        let study = Hyperband::new(model as Function).dataset(data).executions(executions);
        study.engine(Engine::Dfdx).into_objective()
    }

    const TRIALS: u32 = 5;

    /// Trains some trials for two epochs by this; returns what they measured and what is saved of them.
    fn trained(
        objective: &OfFunction,
        train: impl Fn(&mut [Member<'_, OfFunction>]) -> Result<(), BoxError>,
    ) -> Result<Vec<(Vec<Metrics>, Checkpoint)>, BoxError> {
        let hparams = |n: u32| Hparams { rate: 0.2 * f64::from(n) };
        let context = |n| TrialContext::detached(TrialId::new(1, n), Key::new(u64::from(n))).with_epochs(2);
        let contexts: Vec<TrialContext> = (1..=TRIALS).map(context).collect();
        let build = |n: u32| objective.build(&hparams(n), &contexts[n as usize - 1]);
        let mut models = (1..=TRIALS).map(build).collect::<Result<Vec<Model>, _>>()?;
        let mut measured = vec![Vec::new(); models.len()];
        for epoch in 0..2 {
            let mut metrics = vec![Metrics::new(); models.len()];
            let parts = models.iter_mut().zip(&contexts).zip(&mut metrics);
            let member = |((model, trial), metrics)| {
                Member::new(model, EpochContext { trial, epoch, stage_end: 2 }, metrics)
            };
            let mut members: Vec<Member<'_, OfFunction>> = parts.map(member).collect();
            train(&mut members)?;
            members.into_iter().try_for_each(Member::into_result)?;
            measured.iter_mut().zip(metrics).for_each(|(all, metrics)| all.push(metrics));
        }
        measured
            .into_iter()
            .zip(&models)
            .map(|(metrics, model)| Ok((metrics, objective.save(model)?)))
            .collect()
    }

    #[test]
    fn models_of_several_networks_are_trained_as_one() {
        let (whole, folds) = (Dataset::new(samples(22), samples(9)), Dataset::k_fold(3, samples(22), 0));
        let part = Dataset::new(samples(22), samples(9)).unwrap().steps_per_epoch(3).validation_share(0.4);
        for (data, executions) in [(whole.unwrap(), 1), (part, 2), (folds.unwrap(), 2)] {
            let objective = objective(data, executions);
            let alone = trained(&objective, |members| {
                members.iter_mut().for_each(|member| member.train_alone(&objective));
                Ok(())
            });
            let dataset = objective.data.as_ref().and_then(Data::in_memory).unwrap();
            let together = trained(&objective, |members| try_epochs(&objective, members, dataset));
            assert_eq!(together.unwrap(), alone.unwrap());
        }
    }

    /// As where a device has no memory for all of them.
    #[test]
    fn what_cannot_be_trained_as_one_is_trained_one_at_a_time() {
        let objective = objective(Dataset::new(samples(22), samples(9)).unwrap(), 1);
        let alone = trained(&objective, |members| {
            members.iter_mut().for_each(|member| member.train_alone(&objective));
            Ok(())
        });
        let other = Dataset::new(samples(22), samples(9)).unwrap();
        let together = trained(&objective, |members| {
            // of another optimizer, which does not stack with the rest
            members[2].model.description.optimizer = crate::train::Adam::new(0.1).into();
            assert!(try_epochs(&objective, members, &other).is_err());
            members[2].model.description.optimizer = model(&Hparams { rate: 0.2 * 3.0 }).optimizer;
            train_epochs(&objective, members, &other);
            Ok(())
        });
        assert_eq!(together.unwrap(), alone.unwrap());
    }
}
