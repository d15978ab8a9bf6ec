//! Steps whose outputs are looked at later, as on a device that works by itself.

use dfdx::tensor::Cpu;

use super::*;
use crate::objective::ArrayData;
use crate::train::math::dropout_mask;
use crate::train::tape::{StackedNetwork, joined};
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

/// Figures for scripts/gpu-check.sh: what the host does in a step of 32 trials of 64-128-10, in batches of
/// 32.
#[test]
fn the_time_of_the_hosts_work_in_a_step() {
    const GROUP: u32 = 32;
    fn wide(hparams: &Hparams) -> Compiled {
        let model = Sequential::new([64]).dense(128).activation(Activation::Relu).dropout(0.3).dense(10);
        model.compile(Sgd::new(hparams.rate), Loss::CrossEntropy).batch_size(32)
    }
    let digits: Vec<f32> = (0..1440 * 64).map(|place| (place % 17) as f32).collect();
    let labels: Vec<u8> = (0..1440).map(|place| (place % 10) as u8).collect();
    let data = Dataset::new((&digits, &labels), (&digits[..64], &labels[..1])).unwrap();
    let study = Hyperband::new(wide as Function).dataset(data).engine(Engine::Dfdx);
    let objective = study.into_objective();
    let dataset = objective.data.as_ref().and_then(Data::in_memory).unwrap();
    let mut trials: Vec<(TrialContext, Model)> = (1..=GROUP)
        .map(|n| {
            let context = TrialContext::detached(TrialId::new(1, n), Key::new(u64::from(n)));
            let model = objective.build(&Hparams { rate: 0.1 }, &context).unwrap();
            (context, model)
        })
        .collect();
    let place = |(place, (trial, model)): (usize, &mut (TrialContext, Model))| {
        let feed = Feed { by_rows: true, ..model.feed(0, 0) };
        let tour = feed.training(dataset);
        let key = trial.key;
        (key, Lane { who: place, feed, tour, batch: Batch::default(), tally: Tally::default(), counts: true })
    };
    let (keys, mut lanes): (Vec<Key>, Vec<Lane<'_>>) = trials.iter_mut().enumerate().map(place).unzip();
    let model = &trials[0].1;
    let steps = lanes[0].tour.steps();
    let mut time = |what: &str, work: &mut dyn FnMut(&mut [Lane<'_>], usize)| {
        let start = std::time::Instant::now();
        (0..steps).for_each(|step| work(&mut lanes, step));
        println!("host: {what} {:.1} us", start.elapsed().as_secs_f64() * 1e6 / steps as f64);
    };
    let mut rows = 0;
    time("row numbers and targets", &mut |lanes, step| {
        lanes.iter_mut().for_each(|lane| lane.gather(step));
        let given: Vec<Given<'_>> = lanes.iter().map(|lane| lane.batch.given()).collect();
        rows += joined(&given).unwrap().1.len();
    });
    assert_eq!(rows, 1440 * GROUP as usize);
    let mut masks = vec![0.0; GROUP as usize * 32 * 128];
    time("dropout masks", &mut |_, step| {
        for (key, mask) in keys.iter().zip(masks.chunks_exact_mut(32 * 128)) {
            dropout_mask(0.3, key.child(step as u64), mask);
        }
    });
    let mut targets = 0;
    time("what losses are trained towards", &mut |lanes, _| {
        let (mut aims, mut weights) = (Vec::new(), Vec::new());
        for lane in lanes {
            Loss::CrossEntropy.aim(&lane.batch, 10, 0.0, &mut aims, &mut weights);
        }
        targets += aims.len();
    });
    assert_eq!(targets, steps * GROUP as usize * 32 * 10);
    let (outputs, mut scratch) = (&masks[..320], Vec::new());
    time("losses and metrics", &mut |lanes, _| {
        for lane in lanes {
            lane.tally.take(&model.description, outputs, &lane.batch, &mut scratch).unwrap();
        }
    });
    assert!(lanes.iter().all(|lane| lane.tally.loss().is_finite()));
}
