//! Networks of a stack come to the bits that they come to by themselves.

mod queued;

use std::sync::Arc;

use dfdx::tensor::Cpu;

use super::StackedNetwork;
use super::network::{joined, numbers as numbers_of};
use crate::objective::{ArrayData, Checkpoint};
use crate::random::Key;
use crate::train::features::{Features, Given};
use crate::train::layer::{BatchNorm, Conv2d, Dense, Embedding, Layer, LayerNorm, Pool2d};
use crate::train::network::{Network, Stack, StackedPart, Step};
use crate::train::optimizer::Optimizer;
use crate::train::parameter::Role;
use crate::train::plan::Plan;
use crate::train::tape::TapeNetwork;
use crate::train::{Activation, Adam, AdamW, RmsProp, Sequential, Sgd};

/// Groups of all sizes that are asked for.
const SIZES: [usize; 4] = [1, 2, 7, 32];

fn numbers(length: usize, seed: u64) -> Vec<f32> {
    let mut rng = Key::new(seed).rng();
    (0..length).map(|_| (2.0 * rng.unit() - 1.0) as f32).collect()
}

/// A number between 0 and 1, another one for each network.
fn share(network: usize) -> f64 {
    Key::new(9).child(network as u64).rng().unit()
}

/// A network of a group, by its number: as it is described, and how it is trained.
struct Case {
    samples: usize,
    layers: fn(usize) -> Sequential,
    optimizer: fn(usize) -> Optimizer,
    step: fn(Step, usize) -> Step,
}

fn layers(network: usize) -> Sequential {
    Sequential::new([2, 3])
        .flatten()
        .dense(5)
        .activation(Activation::Tanh)
        .dropout(0.5 * share(network))
        .dense(3)
}

/// Of layers with statistics, with windows and of numbers of their own.
fn images(network: usize) -> Sequential {
    let norm = BatchNorm::default().momentum(0.1 + 0.9 * share(network));
    Sequential::new([1, 5, 4])
        .normalize()
        .layer(Conv2d::new(2, 3).padding(1).without_bias())
        .layer(norm.epsilon(1e-3 * share(network)))
        .activation(Activation::Relu)
        .max_pool(2)
        .layer(LayerNorm::default().epsilon(1e-3 * share(network)))
        .flatten()
        .dense(2)
}

fn plain(step: Step, _: usize) -> Step {
    step
}

/// One network, always trained by itself.
struct Alone {
    plan: Plan,
    optimizer: Optimizer,
    network: TapeNetwork<Cpu>,
    number: usize,
    steps: u64,
}

impl Alone {
    fn new(case: &Case, number: usize) -> Alone {
        let network = (case.layers)(number);
        let plan = Plan::new(&network.input, &network.layers).unwrap();
        let optimizer = (case.optimizer)(number);
        let network = fresh(&plan, optimizer, number);
        Alone { plan, optimizer, network, number, steps: 0 }
    }

    /// The inputs of so many samples: numbers, or words for an embedding.
    fn inputs(&self, samples: usize, seed: u64) -> Vec<f32> {
        let mut inputs = numbers(samples * self.plan.widths().0, seed);
        let words = self.plan.nodes.iter().find_map(|node| match node.layer {
            Layer::Embedding(Embedding { words, .. }) => Some(words as f32),
            _ => None,
        });
        if let Some(words) = words {
            inputs.iter_mut().for_each(|x| *x = ((*x + 1.0) * 0.5 * words).floor().min(words - 1.0));
        }
        inputs
    }

    /// The batch of its next step, the step, and what it is trained towards.
    fn next(&mut self, case: &Case) -> (Vec<f32>, Step, Vec<f32>) {
        let outputs = self.plan.widths().1;
        let key = Key::new(4).child(self.number as u64).child(self.steps);
        self.steps += 1;
        let learning_rate = self.optimizer.learning_rate() / self.steps as f64;
        let step = Step { key, learning_rate, clip_norm: None, clip_value: None, l1: 0.0, l2: 0.0 };
        let seed = key.seed();
        let step = (case.step)(step, self.number);
        (self.inputs(case.samples, seed), step, numbers(case.samples * outputs, seed + 1))
    }

    fn train(&mut self, case: &Case) {
        let (inputs, step, targets) = self.next(case);
        train(&mut self.network, case, &inputs, &step, &targets, true);
    }
}

fn fresh(plan: &Plan, optimizer: Optimizer, number: usize) -> TapeNetwork<Cpu> {
    let mut values = plan.initial(Key::new(3).child(number as u64));
    for (values, spec) in values.iter_mut().zip(&plan.parameters) {
        if spec.role == Role::Statistic {
            values.iter_mut().for_each(|value| *value += 0.1 + share(number) as f32);
        }
    }
    TapeNetwork::new(Cpu::seed_from_u64(0), plan, values, optimizer).unwrap()
}

fn train(
    network: &mut TapeNetwork<Cpu>,
    case: &Case,
    inputs: &[f32],
    step: &Step,
    targets: &[f32],
    goes_on: bool,
) {
    let inputs = Given::Numbers(inputs);
    network
        .train(inputs, case.samples, step, &mut |outputs, gradient| {
            slopes(outputs, targets, gradient);
            Ok(goes_on)
        })
        .unwrap();
}

fn slopes(outputs: &[f32], targets: &[f32], gradient: &mut [f32]) {
    for ((gradient, output), target) in gradient.iter_mut().zip(outputs).zip(targets) {
        *gradient = output - target;
    }
}

fn saved(network: &TapeNetwork<Cpu>) -> Checkpoint {
    let mut checkpoint = Checkpoint::new();
    network.save(&mut checkpoint).unwrap();
    checkpoint
}

fn bits(checkpoint: &Checkpoint) -> Vec<(&str, Vec<u32>)> {
    let of = |data: &ArrayData| match data {
        ArrayData::F32(numbers) => numbers.iter().map(|number| number.to_bits()).collect(),
        other => panic!("{other:?} is not of a network"),
    };
    checkpoint.arrays.iter().map(|(name, array)| (name.as_str(), of(&array.data))).collect()
}

#[track_caller]
fn same(found: &Checkpoint, alone: &Checkpoint, number: usize, size: usize) {
    assert_eq!(found.metadata, alone.metadata, "network {number} of {size}");
    for ((name, found), (_, alone)) in bits(found).iter().zip(bits(alone)) {
        assert_eq!(*found, alone, "{name} of network {number} of {size}");
    }
    assert_eq!(found.arrays.len(), alone.arrays.len());
}

/// Some have had steps before; then they are trained together, one leaves without a step, another one later,
/// and in the end each goes on by itself.
#[track_caller]
fn check(case: &Case, sizes: &[usize]) {
    for &size in sizes {
        let mut all: Vec<Alone> = (0..size).map(|number| Alone::new(case, number)).collect();
        for alone in &mut all {
            (0..alone.number % 3).for_each(|_| alone.train(case));
        }
        let states: Vec<Checkpoint> = all.iter().map(|alone| saved(&alone.network)).collect();
        let part = |(alone, state)| {
            let Alone { plan, optimizer, .. }: &Alone = alone;
            StackedPart { plan, optimizer: *optimizer, state }
        };
        let parts: Vec<_> = all.iter().zip(&states).map(part).collect();
        let mut stack = StackedNetwork::new(Cpu::seed_from_u64(0), &parts, false).unwrap();
        let mut places: Vec<usize> = (0..size).collect();
        for round in 0..4 {
            let diverges = |number: usize| round == 1 && number == 1;
            let mut batches: Vec<_> = Vec::new();
            for &number in &places {
                let (inputs, step, targets) = all[number].next(case);
                train(&mut all[number].network, case, &inputs, &step, &targets, !diverges(number));
                batches.push((inputs, step, targets));
            }
            let inputs: Vec<_> = batches.iter().map(|(inputs, ..)| Given::Numbers(inputs)).collect();
            let steps: Vec<Step> = batches.iter().map(|(_, step, _)| *step).collect();
            stack
                .train(&inputs, case.samples, &steps, &mut |place, outputs, gradient| {
                    slopes(outputs, &batches[place].2, gradient);
                    if diverges(places[place]) {
                        gradient.fill(f32::NAN);
                    }
                    !diverges(places[place])
                })
                .unwrap();
            for leaving in [(1, 1), (2, 4)].iter().filter(|(when, _)| *when == round).map(|(_, who)| *who) {
                if let Some(place) = places.iter().position(|&number| number == leaving) {
                    let state = stack.state(place);
                    same(&state, &saved(&all[leaving].network), leaving, size);
                    places.remove(place);
                    let stay: Vec<usize> = (0..=places.len()).filter(|&other| other != place).collect();
                    if !stay.is_empty() {
                        stack.keep(&stay).unwrap();
                    }
                }
            }
        }
        let inputs: Vec<_> = places.iter().map(|&number| all[number].inputs(5, number as u64)).collect();
        let given: Vec<_> = inputs.iter().map(|inputs| Given::Numbers(inputs)).collect();
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        stack.outputs(&given, 5, &mut together).unwrap();
        for (&number, &given) in places.iter().zip(&given) {
            all[number].network.outputs(given, 5, &mut alone).unwrap();
        }
        let bits = |numbers: &[f32]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&together), bits(&alone));
        for (place, &number) in places.iter().enumerate() {
            let state = stack.state(place);
            let alone = &mut all[number];
            same(&state, &saved(&alone.network), number, size);
            let mut other = fresh(&alone.plan, alone.optimizer, number + 100);
            other.load(&state).unwrap();
            let (inputs, step, targets) = alone.next(case);
            train(&mut alone.network, case, &inputs, &step, &targets, true);
            train(&mut other, case, &inputs, &step, &targets, true);
            same(&saved(&other), &saved(&alone.network), number, size);
        }
    }
}

/// What each network's settings are in groups: numbers of their own, and of the same kind.
const OPTIMIZERS: [fn(usize) -> Optimizer; 12] = [
    |n| Sgd::new(0.1 * share(n)).into(),
    |n| Sgd::new(0.1 * share(n)).weight_decay(0.1 * share(n)).into(),
    |n| Sgd::new(0.1).momentum(share(n)).into(),
    |n| Sgd::new(0.1 * share(n)).nesterov(share(n)).weight_decay(0.1).into(),
    |n| Adam::new(0.1 * share(n)).into(),
    |_| Adam::new(0.01).weight_decay(0.01).into(),
    |n| Adam::new(0.01).betas(share(n), 0.5 + 0.5 * share(n)).epsilon(1e-3 * share(n)).into(),
    |n| Adam::new(0.1 * share(n)).weight_decay(0.1 * share(n)).into(),
    |n| AdamW::new(0.1 * share(n), 0.1 * share(n)).into(),
    |n| RmsProp::new(0.1 * share(n)).alpha(share(n)).into(),
    |n| RmsProp::new(0.01).momentum(share(n)).epsilon(1e-3 * share(n)).into(),
    |n| RmsProp::new(0.01).momentum(0.9).weight_decay(0.1 * share(n)).into(),
];

#[test]
fn every_optimizer_takes_the_steps_of_each_network_alone() {
    for optimizer in OPTIMIZERS {
        check(&Case { samples: 6, layers, optimizer, step: plain }, &SIZES);
        check(&Case { samples: 3, layers: images, optimizer, step: plain }, &SIZES);
    }
}

#[test]
fn every_layer_that_stacks_is_each_networks_own() {
    let all: [fn(usize) -> Sequential; 8] = [
        |_| Sequential::new([4]).dense(5).activation(Activation::Sigmoid).dense(2),
        |_| Sequential::new([4]).dense(5).activation(Activation::Tanh).dense(2),
        |_| Sequential::new([4]).dense(5).activation(Activation::Relu).dense(1),
        |_| Sequential::new([4]).dense(5).activation(Activation::Gelu).dense(2),
        |_| Sequential::new([4]).dense(5).activation(Activation::LeakyRelu).dense(2),
        |n| {
            Sequential::new([4])
                .activation(Activation::Linear)
                .dropout(share(n))
                .layer(Dense::new(3).without_bias())
        },
        // some drop nothing
        |n| {
            let drops = if n % 2 == 0 { 0.0 } else { share(n) };
            Sequential::new([2, 2]).dropout(drops).layer(Layer::Reshape(vec![4])).dense(2).dropout(0.25)
        },
        |n| {
            let inner = vec![Dense::new(6).into(), Activation::Relu.into(), Layer::Dropout(0.9 * share(n))];
            let inner = Layer::Residual(vec![Layer::Residual(inner), Dense::new(6).into()]);
            Sequential::new([4]).dense(6).layer(inner).dense(3)
        },
    ];
    for layers in all {
        check(&Case { samples: 6, layers, optimizer: OPTIMIZERS[6], step: plain }, &SIZES);
    }
}

#[test]
fn regularization_and_clipping_are_each_networks_own() {
    let all: [fn(Step, usize) -> Step; 6] = [
        |step, n| Step { l1: 0.1 * share(n), ..step },
        |step, n| Step { l2: 0.1 * share(n), ..step },
        |step, _| Step { clip_value: Some(0.1), ..step },
        // of some, nothing is clipped
        |step, n| Step { clip_norm: Some(if n % 2 == 0 { 1e3 } else { share(n) }), ..step },
        |step, _| Step { clip_norm: Some(0.5), ..step },
        |step, n| Step {
            l1: 0.01,
            l2: 0.1 * share(n),
            clip_value: Some(0.5),
            clip_norm: Some(share(n)),
            ..step
        },
    ];
    for step in all {
        for optimizer in [OPTIMIZERS[3], OPTIMIZERS[4], OPTIMIZERS[11]] {
            check(&Case { samples: 6, layers, optimizer, step }, &SIZES);
            check(&Case { samples: 3, layers: images, optimizer, step }, &[2, 7]);
        }
    }
}

#[test]
fn every_normalization_is_each_networks_own() {
    let all: [fn(usize) -> Sequential; 8] = [
        |_| Sequential::new([4]).dense(5).layer_norm().activation(Activation::Tanh).dense(2),
        |n| {
            let norm = LayerNorm::default().epsilon(1e-2 * share(n));
            Sequential::new([2, 3, 4]).layer(norm).flatten().dense(2).layer(norm)
        },
        |_| Sequential::new([4]).dense(5).batch_norm().activation(Activation::Relu).dense(2),
        |n| {
            let norm = BatchNorm::default().epsilon(1e-2 * share(n)).momentum(1.0 - 0.9 * share(n));
            Sequential::new([3]).layer(norm).dense(4).layer(norm)
        },
        |n| Sequential::new([2, 3, 2]).layer(BatchNorm::default().momentum(share(n))).flatten().dense(2),
        |n| {
            let block = |b: Sequential| b.dense(4).batch_norm().activation(Activation::Gelu).layer_norm();
            Sequential::new([4]).residual(block).dropout(0.5 * share(n)).dense(2).batch_norm()
        },
        |_| Sequential::new([4]).normalize().dense(3),
        |_| Sequential::new([3, 2, 2]).normalize().batch_norm().flatten().dense(2),
    ];
    for layers in all {
        for samples in [2, 6] {
            check(&Case { samples, layers, optimizer: OPTIMIZERS[6], step: plain }, &SIZES);
        }
    }
    // of one sample, the numbers of a channel are normalized, or nothing is
    for layers in [all[1], all[4], all[7], all[2]] {
        check(&Case { samples: 1, layers, optimizer: OPTIMIZERS[2], step: plain }, &[1, 3]);
    }
}

#[test]
fn every_layer_of_windows_is_each_networks_own() {
    let all: [fn(usize) -> Sequential; 9] = [
        |_| Sequential::new([2, 6, 5]).conv2d(3, 3).activation(Activation::Tanh).flatten().dense(2),
        |_| {
            let conv = Conv2d::new(3, [3, 2]).stride([2, 1]).padding([1, 2]).without_bias();
            Sequential::new([2, 6, 5]).layer(conv).flatten()
        },
        |_| Sequential::new([3, 2, 2]).conv2d(4, 1).conv2d(2, 2).flatten(),
        |_| Sequential::new([2, 6, 5]).conv2d(3, 2).max_pool(2).flatten().dense(2),
        |_| {
            let pool = Layer::MaxPool2d(Pool2d::new(3).stride(2).padding(1));
            Sequential::new([2, 6, 5]).conv2d(2, 1).activation(Activation::Relu).layer(pool).flatten()
        },
        |_| {
            let pool = Layer::AvgPool2d(Pool2d::new(3).stride(2).padding(1));
            Sequential::new([2, 6, 5]).conv2d(2, 2).layer(pool).flatten().dense(2)
        },
        |n| {
            let drop = Layer::Dropout(0.5 * share(n));
            Sequential::new([2, 6, 5]).conv2d(4, 2).layer(drop).global_avg_pool().dense(2)
        },
        |n| {
            let norm = BatchNorm::default().momentum(share(n));
            let conv = Conv2d::new(2, 3).padding(1);
            let block = |b: Sequential| b.layer(conv).layer(norm).activation(Activation::Relu).layer(conv);
            Sequential::new([2, 6, 5]).residual(block).avg_pool(2).residual(|b| b.layer(conv)).flatten()
        },
        |_| Sequential::new([12]).dense(8).layer(Layer::Reshape(vec![2, 2, 2])).max_pool(2).flatten(),
    ];
    for layers in all {
        for samples in [1, 4] {
            check(&Case { samples, layers, optimizer: OPTIMIZERS[6], step: plain }, &SIZES);
        }
    }
}

#[test]
fn every_embedding_is_each_networks_own() {
    let all: [fn(usize) -> Sequential; 4] = [
        |_| Sequential::new([3]).embedding(7, 4).flatten().dense(2),
        |n| Sequential::new([5]).flatten().embedding(3, 2).layer_norm().dropout(share(n)).flatten(),
        // places that a layer has made
        |_| Sequential::new([3]).activation(Activation::Relu).embedding(4, 3).flatten().batch_norm().dense(2),
        |_| Sequential::new([2]).embedding(1, 6).layer(Layer::Reshape(vec![1, 3, 4])).conv2d(2, 2).flatten(),
    ];
    for layers in all {
        for optimizer in [OPTIMIZERS[1], OPTIMIZERS[6]] {
            check(&Case { samples: 4, layers, optimizer, step: plain }, &SIZES);
        }
    }
    let alone = Alone::new(&Case { samples: 1, layers: all[0], optimizer: OPTIMIZERS[0], step: plain }, 0);
    let state = saved(&alone.network);
    let part = StackedPart { plan: &alone.plan, optimizer: alone.optimizer, state: &state };
    let mut stack = StackedNetwork::new(Cpu::seed_from_u64(0), &[part], false).unwrap();
    for code in [7.0, -1.0, 0.5, f32::NAN] {
        let codes = [0.0, code, 6.0];
        let error = stack.outputs(&[Given::Numbers(&codes)], 1, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("an embedding of 7 vectors was asked for number"), "{error}");
    }
}

/// Of sizes at which products of matrices are made in several parts.
#[test]
fn wide_networks_come_to_the_same_bits_too() {
    let layers =
        |n| Sequential::new([64]).dense(128).activation(Activation::Relu).dropout(share(n)).dense(10);
    for samples in [1, 32, 33] {
        check(&Case { samples, layers, optimizer: OPTIMIZERS[4], step: plain }, &[1, 2, 7]);
    }
    let layers = |_| Sequential::new([600]).dense(1).dense(300).activation(Activation::Gelu).dense(2);
    check(&Case { samples: 70, layers, optimizer: OPTIMIZERS[9], step: plain }, &[3]);
    let layers = |_| {
        let conv = Conv2d::new(20, 3).padding(1);
        Sequential::new([3, 12, 12]).layer(conv).batch_norm().max_pool(2).layer(conv).flatten().dense(10)
    };
    check(&Case { samples: 17, layers, optimizer: OPTIMIZERS[4], step: plain }, &[3]);
}

#[test]
fn what_is_not_alike_does_not_become_a_stack() {
    let plan = |network: Sequential| Plan::new(&network.input, &network.layers).unwrap();
    let sgd = || Sgd::new(0.1);
    let (one, other) = (plan(layers(0)), plan(Sequential::new([4]).dense(2)));
    let state = |plan: &Plan| saved(&fresh(plan, sgd().into(), 0));
    let (first, second) = (state(&one), state(&other));
    let parts = [(&one, &first), (&other, &second)].map(|(plan, state)| StackedPart {
        plan,
        optimizer: sgd().into(),
        state,
    });
    assert!(StackedNetwork::new(Cpu::seed_from_u64(0), &parts, false).is_err());
    assert!(StackedNetwork::new(Cpu::seed_from_u64(0), &[], false).is_err());
}

#[test]
fn batches_of_the_same_data_are_gathered_at_once() {
    let [first, second] = [0, 1].map(|seed| Arc::new(Features::new(numbers(12, seed), 3)));
    let given = [Given::Rows(&first, &[2, 0]), Given::Rows(&first, &[3, 3])];
    let (features, rows) = joined(&given).unwrap();
    assert!(Arc::ptr_eq(features, &first));
    assert_eq!(rows, [2, 0, 3, 3]);
    assert_eq!(*Given::Rows(features, &rows).numbers(), numbers_of(&given));
    assert!(joined(&[given[0], Given::Rows(&second, &[1, 2])]).is_none());
    assert!(joined(&[given[0], Given::Numbers(&[0.0; 6])]).is_none());
    assert!(joined(&[]).is_none());
}
