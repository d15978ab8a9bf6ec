//! Steps that are queued come to what steps of networks by themselves come to, but for rounding. With a GPU,
//! groups there do so, too.

use super::*;
use crate::train::data::Batch;
use crate::train::loss::Loss;
use crate::train::network::Aims;
#[cfg(feature = "cuda")]
use crate::train::{Device, engine};

const SIZE: usize = 5;

fn stacks(parts: &[StackedPart<'_>]) -> Vec<(Box<dyn Stack>, f32)> {
    let here = StackedNetwork::new(Cpu::seed_from_u64(0), parts, true).unwrap();
    #[cfg_attr(not(feature = "cuda"), expect(unused_mut))]
    let mut stacks: Vec<(Box<dyn Stack>, f32)> = vec![(Box::new(here), 1e-4)];
    // this needs a GPU, as all tests with this feature
    #[cfg(feature = "cuda")]
    stacks.push((engine::stack(Device::Cuda(0), parts).unwrap(), 1e-3));
    stacks
}

fn near(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    for (found, expected) in found.iter().zip(expected) {
        let error = (found - expected).abs();
        assert!(error <= tolerance * expected.abs().max(1.0), "{what}: {found} is not {expected}");
    }
    assert_eq!(found.len(), expected.len());
}

fn batch(loss: Loss, case: &Case, targets: Vec<f32>) -> Batch {
    let mut batch = Batch::default();
    batch.samples = case.samples;
    batch.weights = (0..case.samples).map(|sample| 0.5 + sample as f32).collect();
    match loss {
        Loss::CrossEntropy => batch.classes = (0..case.samples as u32).map(|sample| sample % 2).collect(),
        Loss::BinaryCrossEntropy => batch.values = targets.iter().map(|t| t.abs()).collect(),
        _ => batch.values = targets,
    }
    batch
}

/// Some steps are queued, and some are waited for.
fn check_queued(case: &Case, loss: Loss) {
    let mut all: Vec<Alone> = (0..SIZE).map(|number| Alone::new(case, number)).collect();
    let states: Vec<Checkpoint> = all.iter().map(|alone| saved(&alone.network)).collect();
    let mut parts = Vec::new();
    for (Alone { plan, optimizer, .. }, state) in all.iter().zip(&states) {
        parts.push(StackedPart { plan, optimizer: *optimizer, state });
    }
    let mut stacks = stacks(&parts);
    drop(parts);
    let mut expected: Vec<Vec<f32>> = Vec::new();
    for round in 0..6 {
        let mut batches = Vec::new();
        let (mut targets, mut weights, mut outputs) = (Vec::new(), Vec::new(), Vec::new());
        for alone in &mut all {
            let (inputs, step, towards) = alone.next(case);
            let width = towards.len() / case.samples;
            let batch = batch(loss, case, towards);
            loss.aim(&batch, width, 0.0, &mut targets, &mut weights);
            let mut train = |found: &[f32], gradient: &mut [f32]| {
                outputs.extend_from_slice(found);
                loss.of(found, &batch, 0.0, gradient).unwrap();
                Ok(true)
            };
            alone.network.train(Given::Numbers(&inputs), case.samples, &step, &mut train).unwrap();
            batches.push((inputs, step, batch));
        }
        let inputs: Vec<_> = batches.iter().map(|(inputs, ..)| Given::Numbers(inputs)).collect();
        let steps: Vec<Step> = batches.iter().map(|(_, step, _)| *step).collect();
        for (stack, _) in &mut stacks {
            assert!(stack.queues());
            if round == 2 {
                let judge = &mut |place: usize, outputs: &[f32], gradient: &mut [f32]| {
                    loss.of(outputs, &batches[place].2, 0.0, gradient).unwrap();
                    true
                };
                stack.train(&inputs, case.samples, &steps, judge).unwrap();
                continue;
            }
            let aims = Aims { loss, targets: targets.clone(), weights: weights.clone() };
            stack.queue(&inputs, case.samples, &steps, aims).unwrap();
        }
        if round != 2 {
            expected.push(outputs);
        }
    }
    for (stack, tolerance) in &mut stacks {
        let found = stack.queued().unwrap();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            near(found, expected, *tolerance, "outputs");
        }
        assert!(stack.queued().unwrap().is_empty());
        for (place, alone) in all.iter().enumerate() {
            let (found, expected) = (stack.state(place).unwrap(), saved(&alone.network));
            assert_eq!(found.metadata, expected.metadata);
            for ((name, found), (_, expected)) in found.arrays.iter().zip(&expected.arrays) {
                let (ArrayData::F32(found), ArrayData::F32(expected)) = (&found.data, &expected.data) else {
                    panic!("{name} is not of a network")
                };
                near(found, expected, *tolerance, name);
            }
        }
    }
}

#[test]
fn steps_that_are_queued_are_those_of_each_network_alone() {
    let losses = [
        Loss::CrossEntropy,
        Loss::BinaryCrossEntropy,
        Loss::MeanSquaredError,
        Loss::MeanAbsoluteError,
        Loss::Huber(0.5),
    ];
    for loss in losses {
        check_queued(&Case { samples: 6, layers, optimizer: OPTIMIZERS[3], step: plain }, loss);
        check_queued(&Case { samples: 4, layers: images, optimizer: OPTIMIZERS[2], step: plain }, loss);
    }
    let clipped: fn(Step, usize) -> Step = |step, n| Step {
        clip_norm: Some(if n == 0 { 1e3 } else { 0.1 * share(n) }),
        l2: 0.1 * share(n),
        ..step
    };
    for optimizer in [OPTIMIZERS[3], OPTIMIZERS[5], OPTIMIZERS[8], OPTIMIZERS[10]] {
        let case = Case { samples: 6, layers, optimizer, step: clipped };
        check_queued(&case, Loss::CrossEntropy);
    }
}
