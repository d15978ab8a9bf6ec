//! Models that are trained as one come to what they come to by themselves, and stay together.

mod queued;

use std::cell::RefCell;

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

type Train<'t> = &'t dyn Fn(&mut [Member<'_, OfFunction>]) -> Result<(), BoxError>;

/// Trials with their models.
fn trials(objective: &OfFunction) -> Vec<(TrialContext, Model)> {
    let hparams = |n: u32| Hparams { rate: 0.2 * f64::from(n) };
    let context = |n| TrialContext::detached(TrialId::new(1, n), Key::new(u64::from(n))).with_epochs(3);
    let trial = |n| {
        let context = context(n);
        let model = objective.build(&hparams(n), &context).unwrap();
        (context, model)
    };
    (1..=TRIALS).map(trial).collect()
}

/// Trains some trials for an epoch by this; returns what they measured.
fn epoch(
    trials: Vec<&mut (TrialContext, Model)>,
    epoch: u64,
    train: Train<'_>,
) -> Result<Vec<Metrics>, BoxError> {
    let mut metrics = vec![Metrics::new(); trials.len()];
    let member = |((trial, model), metrics)| {
        let (trial, model): (&TrialContext, &mut Model) = (trial, model);
        Member::new(model, EpochContext { trial, epoch, stage_end: 3 }, metrics)
    };
    let trials = trials.into_iter().map(|(trial, model)| (&*trial, model));
    let mut members: Vec<Member<'_, OfFunction>> = trials.zip(&mut metrics).map(member).collect();
    train(&mut members)?;
    members.into_iter().try_for_each(Member::into_result)?;
    Ok(metrics)
}

/// Trains all trials for two epochs by this; returns what they measured and what is saved of them.
fn trained(
    objective: &OfFunction,
    train: Train<'_>,
) -> Result<(Vec<Vec<Metrics>>, Vec<Checkpoint>), BoxError> {
    let mut trials = trials(objective);
    let measured =
        (0..2).map(|number| epoch(trials.iter_mut().collect(), number, train)).collect::<Result<_, _>>()?;
    let saved = trials.iter().map(|(_, model)| objective.save(model)).collect::<Result<_, _>>()?;
    Ok((measured, saved))
}

fn data() -> Dataset {
    Dataset::new(samples(22), samples(9)).unwrap()
}

/// The table at which all of these are.
fn table(trials: &mut [(TrialContext, Model)]) -> Option<Arc<Mutex<Table>>> {
    let networks: Vec<&mut Seated> = trials.iter_mut().map(|(_, model)| model.members[0].network()).collect();
    Seated::table(&networks).map(|(table, _)| table)
}

#[test]
fn between_epochs_networks_stay_together() {
    let objective = objective(data(), 1);
    let dataset = objective.data.as_ref().and_then(Data::in_memory).unwrap();
    let alone = |members: &mut [Member<'_, OfFunction>]| {
        members.iter_mut().for_each(|member| member.train_alone(&objective));
        Ok(())
    };
    let together = |members: &mut [Member<'_, OfFunction>]| try_epochs(&objective, members, dataset);
    let (mut apart, mut grouped) = (trials(&objective), trials(&objective));
    let same = |apart: &[(TrialContext, Model)], grouped: &[(TrialContext, Model)]| {
        for ((_, apart), (_, grouped)) in apart.iter().zip(grouped) {
            assert_eq!(objective.save(grouped).unwrap(), objective.save(apart).unwrap());
        }
    };
    assert!(table(&mut grouped).is_none());
    epoch(grouped.iter_mut().collect(), 0, &together).unwrap();
    epoch(apart.iter_mut().collect(), 0, &alone).unwrap();
    let first = table(&mut grouped).unwrap();
    // to save them changes nothing
    same(&apart, &grouped);
    // the second one has stopped
    let most = |trials: &mut Vec<(TrialContext, Model)>, number, train: Train<'_>| {
        let going = trials.iter_mut().enumerate().filter(|(place, _)| *place != 1);
        epoch(going.map(|(_, trial)| trial).collect(), number, train).unwrap()
    };
    assert_eq!(most(&mut grouped, 1, &together), most(&mut apart, 1, &alone));
    assert!(Arc::ptr_eq(&table(&mut grouped[2..]).unwrap(), &first));
    assert!(table(&mut grouped).is_none());
    same(&apart, &grouped);
    // another one goes on by itself, and then with the rest
    epoch(vec![&mut grouped[3]], 2, &alone).unwrap();
    epoch(vec![&mut apart[3]], 2, &alone).unwrap();
    assert!(table(&mut grouped[2..]).is_none());
    same(&apart, &grouped);
    let last = |trials: &mut Vec<(TrialContext, Model)>, train: Train<'_>| {
        epoch(trials.iter_mut().skip(2).collect(), 2, train).unwrap()
    };
    assert_eq!(last(&mut grouped, &together), last(&mut apart, &alone));
    assert!(!Arc::ptr_eq(&table(&mut grouped[2..]).unwrap(), &first));
    same(&apart, &grouped);
    // what waits is by itself, and can be loaded
    for (_, model) in &mut grouped {
        model.pause().unwrap();
    }
    assert!(table(&mut grouped[2..]).is_none());
    same(&apart, &grouped);
    let (first, other) = (&mut grouped[0].1, objective.save(&apart[4].1).unwrap());
    first.load(&other).unwrap();
    assert_eq!(objective.save(first).unwrap().arrays, other.arrays);
}

/// As where memory is short.
#[test]
fn as_many_as_fit_are_trained_as_one() {
    let objective = objective(data(), 1);
    let mut trials = trials(&objective);
    let parameters = trials[0].1.plan.trainable();
    let (sizes, room) = (RefCell::new(Vec::new()), Room::default());
    let mut go = |fit: usize| {
        sizes.borrow_mut().clear();
        epoch(trials.iter_mut().collect(), 0, &|members| {
            in_parts(
                members,
                &room,
                &mut |members| {
                    sizes.borrow_mut().push(members.len());
                    match members.len() {
                        size if size > fit => Err(OutOfMemory::new("it is full").into()),
                        _ => Ok(()),
                    }
                },
                &mut |_| sizes.borrow_mut().push(1),
            );
            Ok(())
        })
        .unwrap();
        sizes.borrow().clone()
    };
    assert_eq!(go(5), [5]);
    assert_eq!(go(2), [5, 2, 2, 1]);
    // it is not tried again
    assert_eq!(go(5), [2, 2, 1]);
    assert_eq!(go(1), [2, 1, 1, 1, 1, 1]);
    assert_eq!((room.networks(parameters), room.networks(2 * parameters)), (1, 1));
}

/// An epoch that goes wrong in its middle never was.
#[test]
fn a_group_that_comes_to_grief_is_as_it_was() {
    let objective = objective(data(), 1);
    let dataset = objective.data.as_ref().and_then(Data::in_memory).unwrap();
    let mut trials = trials(&objective);
    let saved = |trials: &[(TrialContext, Model)]| -> Vec<Checkpoint> {
        trials.iter().map(|(_, model)| objective.save(model).unwrap()).collect()
    };
    let together = |members: &mut [Member<'_, OfFunction>]| try_epochs(&objective, members, dataset);
    epoch(trials.iter_mut().collect(), 0, &together).unwrap();
    // one has left before
    epoch(trials.iter_mut().skip(1).collect(), 1, &together).unwrap();
    let before = saved(&trials);
    let half = |members: &mut [Member<'_, OfFunction>]| {
        let mut deck = Deck::new(members, 0)?;
        deck.train(members, dataset, &mut members.iter().map(|_| Vec::new()).collect::<Vec<_>>())?;
        deck.keep(|who| who != 2)?;
        assert_ne!(members[0].model.save()?, before[1]);
        deck.end(false)
    };
    epoch(trials.iter_mut().skip(1).collect(), 2, &half).unwrap();
    assert_eq!(saved(&trials), before);
    assert!(table(&mut trials[1..]).is_some());
}

#[test]
fn models_of_several_networks_are_trained_as_one() {
    let (whole, folds) = (Dataset::new(samples(22), samples(9)), Dataset::k_fold(3, samples(22), 0));
    let part = Dataset::new(samples(22), samples(9)).unwrap().steps_per_epoch(3).validation_share(0.4);
    for (data, executions) in [(whole.unwrap(), 1), (part, 2), (folds.unwrap(), 2)] {
        let objective = objective(data, executions);
        let alone = trained(&objective, &|members| {
            members.iter_mut().for_each(|member| member.train_alone(&objective));
            Ok(())
        });
        let dataset = objective.data.as_ref().and_then(Data::in_memory).unwrap();
        let together = trained(&objective, &|members| try_epochs(&objective, members, dataset));
        assert_eq!(together.unwrap(), alone.unwrap());
    }
}

/// As where a device has no memory for all of them.
#[test]
fn what_cannot_be_trained_as_one_is_trained_one_at_a_time() {
    let objective = objective(data(), 1);
    let alone = trained(&objective, &|members| {
        members.iter_mut().for_each(|member| member.train_alone(&objective));
        Ok(())
    });
    let other = data();
    let together = trained(&objective, &|members| {
        if members[0].epoch.epoch == 0 {
            // of another optimizer, which does not stack with the rest
            let own = members[2].model.description.optimizer;
            members[2].model.description.optimizer = crate::train::Adam::new(0.1).into();
            assert!(try_epochs(&objective, members, &other).is_err());
            members[2].model.description.optimizer = own;
        }
        train_epochs(&objective, members, &other, &Room::default());
        Ok(())
    });
    assert_eq!(together.unwrap(), alone.unwrap());
}
