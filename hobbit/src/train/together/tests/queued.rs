//! Steps whose outputs are looked at later, as on a device that works by itself.

use dfdx::tensor::Cpu;

use super::*;
use crate::objective::ArrayData;
use crate::train::tape::StackedNetwork;
use crate::train::{Activation, Loss};

/// Those of a rate above 0.7 diverge within a few steps.
fn wild(hparams: &Hparams) -> Compiled {
    let rate = if hparams.rate > 0.7 { 1e30 } else { 0.1 * hparams.rate };
    let model = Sequential::new([3]).dense(4).dropout(0.2).activation(Activation::Tanh).dense(1);
    let compiled = model.compile(Sgd::new(rate).momentum(0.9), Loss::MeanSquaredError);
    compiled.batch_size(4).clip_value(1e6)
}

/// With settings of which some are a number of each trial's.
fn clipped(hparams: &Hparams) -> Compiled {
    model(hparams)
        .clip_norm(0.01 + 0.1 * hparams.rate)
        .label_smoothing(0.2 * hparams.rate)
        .class_weights([1.0, 3.0])
}

/// Seats the networks at a table whose steps are queued.
fn sit_down(trials: &mut [(TrialContext, Model)]) {
    let state = |(_, model): &mut (TrialContext, Model)| {
        let mut state = Checkpoint::new();
        model.members[0].network().save(&mut state).unwrap();
        state
    };
    let states: Vec<Checkpoint> = trials.iter_mut().map(state).collect();
    let mut parts = Vec::new();
    for ((_, Model { plan, description, .. }), state) in trials.iter().zip(&states) {
        parts.push(StackedPart { plan, optimizer: description.optimizer, state });
    }
    let stack = StackedNetwork::new(Cpu::seed_from_u64(0), &parts, true).unwrap();
    Seated::together(
        Box::new(stack),
        trials.iter_mut().map(|(_, model)| model.members[0].network()).collect(),
    );
}

/// Trains these trials for an epoch of steps that are queued.
fn queued(objective: &OfFunction, trials: &mut [(TrialContext, Model)], number: u64) -> Vec<Metrics> {
    let dataset = objective.data.as_ref().and_then(Data::in_memory).unwrap();
    let before = table(trials).unwrap();
    assert!(seat::lock(&before).unwrap().stack().queues());
    let together = |members: &mut [Member<'_, OfFunction>]| try_epochs(objective, members, dataset);
    epoch(trials.iter_mut().collect(), number, &together).unwrap()
}

#[test]
fn steps_that_are_queued_come_to_the_same_but_for_rounding() {
    let near = |found: f64, expected: f64| (found - expected).abs() < 1e-4 * expected.abs().max(1.0);
    // more steps than are queued at once, and fewer
    for (count, function) in [(150, model as Function), (22, model as Function), (150, clipped as Function)] {
        let study = Hyperband::new(function).dataset(Dataset::new(samples(count), samples(9)).unwrap());
        let objective = study.engine(Engine::Dfdx).into_objective();
        let (mut together, mut apart) = (trials(&objective), trials(&objective));
        sit_down(&mut together);
        for number in 0..2 {
            let found = queued(&objective, &mut together, number);
            let alone = |members: &mut [Member<'_, OfFunction>]| {
                members.iter_mut().for_each(|member| member.train_alone(&objective));
                Ok(())
            };
            let expected = epoch(apart.iter_mut().collect(), number, &alone).unwrap();
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found.iter().count(), expected.iter().count());
                for ((name, found), (other, expected)) in found.iter().zip(expected.iter()) {
                    assert_eq!(name, other);
                    assert!(near(found, expected), "{name} is {found}, and not {expected}");
                }
            }
        }
        for ((_, found), (_, expected)) in together.iter().zip(&apart) {
            let (found, expected) = (objective.save(found).unwrap(), objective.save(expected).unwrap());
            assert_eq!(found.metadata, expected.metadata);
            for ((name, found), (_, expected)) in found.arrays.iter().zip(&expected.arrays) {
                let (ArrayData::F32(found), ArrayData::F32(expected)) = (&found.data, &expected.data) else {
                    continue;
                };
                for (found, expected) in found.iter().zip(expected) {
                    assert!(
                        near(f64::from(*found), f64::from(*expected)),
                        "{name}: {found} is not {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn one_that_diverges_leaves_and_the_others_do_not_notice() {
    let (train, validate) = (samples(150), samples(9));
    let numbers = |(inputs, answers): (Vec<f32>, Vec<u8>)| {
        (inputs, answers.into_iter().map(f32::from).collect::<Vec<f32>>())
    };
    let data = Dataset::new(numbers(train), numbers(validate)).unwrap();
    let study = Hyperband::new(wild as Function).dataset(data);
    let objective = study.engine(Engine::Dfdx).into_objective();
    let (mut all, mut calm) = (trials(&objective), trials(&objective));
    // the last two
    calm.truncate(3);
    sit_down(&mut all);
    sit_down(&mut calm);
    let measured = queued(&objective, &mut all, 0);
    assert_eq!(measured[..3], queued(&objective, &mut calm, 0));
    for wild in &measured[3..] {
        assert!(!wild.get("loss").unwrap().is_finite());
        assert!(wild.iter().all(|(name, _)| !name.starts_with("val_")));
    }
    assert_eq!(queued(&objective, &mut all[..3], 1), queued(&objective, &mut calm, 1));
    for ((_, found), (_, expected)) in all.iter().zip(&calm) {
        assert_eq!(objective.save(found).unwrap(), objective.save(expected).unwrap());
    }
}
