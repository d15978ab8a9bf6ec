//! The tape and the processor's own kernels train alike.

use dfdx::nn::builders::{BatchNorm1D, DropoutOneIn, Linear, ReLU};
use dfdx::prelude::{Axis, BroadcastTo, Const, Cpu, HasShape, Tape, TryMul};

use super::*;
use crate::objective::Checkpoint;
use crate::random::Key;
use crate::train::features::Given;
use crate::train::layer::{Conv2d, Embedding, Layer, Pool2d};
use crate::train::native::Native;
use crate::train::network::{Network, Step};
use crate::train::optimizer::Optimizer;
use crate::train::plan::Plan;
use crate::train::{Activation, Adam, AdamW, Init, Parameter, RmsProp, Sequential, Sgd};

const SAMPLES: usize = 6;

fn numbers(length: usize, seed: u64) -> Vec<f32> {
    let mut rng = Key::new(seed).rng();
    (0..length).map(|_| (2.0 * rng.unit() - 1.0) as f32).collect()
}

pub(in crate::train) fn step(number: u64) -> Step {
    Step { key: Key::new(number), learning_rate: 0.01, clip_norm: None, clip_value: None, l1: 0.0, l2: 0.0 }
}

/// Trains towards the same numbers by squared errors, and gives what it makes of the inputs before and after.
fn train(network: &mut dyn Network, inputs: &[f32], width: usize, steps: &[Step]) -> Vec<f32> {
    let targets = numbers(SAMPLES * width, 5);
    let mut outputs = Vec::new();
    for step in steps {
        network
            .train(Given::Numbers(inputs), SAMPLES, step, &mut |outputs, gradient| {
                let pairs = gradient.iter_mut().zip(outputs.iter().zip(&targets));
                pairs.for_each(|(g, (y, t))| *g = (y - t) / SAMPLES as f32);
                Ok(true)
            })
            .unwrap();
    }
    network.outputs(Given::Numbers(inputs), SAMPLES, &mut outputs).unwrap();
    outputs
}

fn saved(network: &dyn Network) -> Checkpoint {
    let mut checkpoint = Checkpoint::new();
    network.save(&mut checkpoint).unwrap();
    checkpoint
}

pub(in crate::train) fn compare(network: &Sequential, optimizer: impl Into<Optimizer>, steps: &[Step]) {
    let plan = Plan::new(&network.input, &network.layers).unwrap();
    let (width, outputs) = plan.widths();
    let mut inputs = numbers(SAMPLES * width, 1);
    if let Some(Layer::Embedding(Embedding { words, .. })) = network.layers.first() {
        inputs.iter_mut().for_each(|x| *x = ((*x + 1.0) * 0.5 * *words as f32).floor());
    }
    let (optimizer, values) = (optimizer.into(), plan.initial(Key::new(3)));
    let case = format!("{network:?}\n{optimizer:?}");
    let data = (inputs.as_slice(), outputs);
    let native = || Native::<f32>::new(&plan, values.clone(), optimizer);
    let tape = TapeNetwork::new(Cpu::seed_from_u64(0), &plan, values.clone(), optimizer).unwrap();
    train_alike(native(), tape, data, steps, 1e-5, &case);
    // this needs a GPU, as all tests with this feature
    #[cfg(feature = "cuda")]
    {
        let cuda = CudaNetwork::new(0, &plan, values.clone(), optimizer).unwrap();
        train_alike(native(), cuda, data, steps, 1e-4, &case);
    }
}

/// Both make the same of the same steps, and each goes on with what the other saved.
fn train_alike(
    mut native: Native<f32>,
    mut other: impl Network,
    (inputs, outputs): (&[f32], usize),
    steps: &[Step],
    tolerance: f32,
    case: &str,
) {
    let of_native = train(&mut native, inputs, outputs, steps);
    let of_other = train(&mut other, inputs, outputs, steps);
    for (a, b) in of_native.iter().zip(&of_other) {
        assert!((a - b).abs() <= tolerance * a.abs().max(1.0), "{a} and {b}\n{case}");
    }
    let (of_native, of_other) = (saved(&native), saved(&other));
    let names = |checkpoint: &Checkpoint| checkpoint.arrays.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&of_native), names(&of_other));
    other.load(&of_native).unwrap();
    assert_eq!(saved(&other), of_native);
    native.load(&of_other).unwrap();
    assert_eq!(saved(&native), of_other);
    native.load(&of_native).unwrap();
    let (a, b) = (train(&mut native, inputs, outputs, steps), train(&mut other, inputs, outputs, steps));
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 2.0 * tolerance * a.abs().max(1.0)), "{case}");
}

#[test]
fn every_layer_is_the_same_on_the_tape() {
    let steps: Vec<Step> = (0..3).map(step).collect();
    let image = || Sequential::new([2, 6, 5]);
    let mut networks = vec![
        Sequential::new([4]).dropout(0.3).dense(8).layer_norm().dropout(0.5).dense(3),
        image().conv2d(3, 3).max_pool(2).flatten().dense(2),
        image().layer(Conv2d::new(3, [3, 2]).stride([2, 1]).padding([1, 2]).without_bias()).flatten(),
        image().conv2d(2, 1).layer(Layer::MaxPool2d(Pool2d::new(3).stride(2).padding(1))).flatten().dense(2),
        image().conv2d(2, 2).layer(Layer::AvgPool2d(Pool2d::new(3).stride(2).padding(1))).flatten().dense(2),
        image().conv2d(4, 2).batch_norm().global_avg_pool().dense(2),
        image().layer_norm().residual(|b| b.layer(Conv2d::new(2, 3).padding(1)).batch_norm()).flatten(),
        Sequential::new([3]).embedding(7, 4).flatten().dense(2),
        image().normalize().conv2d(2, 2).flatten().dense(2),
        Sequential::new([4]).normalize().dense(3).dense(2),
        Sequential::new([4]).batch_norm().residual(|b| b.dense(3).dense(4)).dense(2),
    ];
    use Activation::*;
    for activation in [Sigmoid, Tanh, Relu, Gelu, LeakyRelu, Linear] {
        networks.push(Sequential::new([4]).dense(6).activation(activation).dense(2));
    }
    for network in &networks {
        compare(network, Sgd::new(0.01), &steps);
    }
}

/// Raw samples become the same bits, whoever normalizes them.
#[test]
fn normalization_is_the_same_to_the_last_bit() {
    for input in [vec![5], vec![3, 2, 2]] {
        let network = Sequential::new(input).normalize().flatten();
        let plan = Plan::new(&network.input, &network.layers).unwrap();
        let channels = network.input[0];
        let width = plan.widths().0;
        let mean = numbers(channels, 11).iter().map(|x| 1000.0 * x).collect();
        let deviation = numbers(channels, 12).iter().map(|x| 1.0 + x.abs()).collect();
        let values: Vec<Vec<f32>> = vec![mean, deviation];
        let inputs: Vec<f32> = numbers(SAMPLES * width, 13).iter().map(|x| 3000.0 * x).collect();
        let optimizer: Optimizer = Sgd::new(0.01).into();
        let mut native = Native::<f32>::new(&plan, values.clone(), optimizer);
        let mut tape = TapeNetwork::new(Cpu::seed_from_u64(0), &plan, values, optimizer).unwrap();
        let steps = [step(0)];
        let of_native = train(&mut native, &inputs, width, &steps);
        let of_tape = train(&mut tape, &inputs, width, &steps);
        let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(of_native), bits(of_tape));
    }
}

#[test]
fn every_optimizer_is_the_same_on_the_tape() {
    let network = Sequential::new([4]).dense(6).activation(Activation::Tanh).dense(2);
    let plain: Vec<Step> = (0..4).map(step).collect();
    let optimizers: [Optimizer; 8] = [
        Sgd::new(0.01).weight_decay(0.1).into(),
        Sgd::new(0.01).momentum(0.9).weight_decay(0.1).into(),
        Sgd::new(0.01).nesterov(0.9).into(),
        Adam::new(0.01).into(),
        Adam::new(0.01).weight_decay(0.1).into(),
        AdamW::new(0.01, 0.1).into(),
        RmsProp::new(0.01).weight_decay(0.1).into(),
        RmsProp::new(0.01).momentum(0.9).into(),
    ];
    for optimizer in optimizers {
        compare(&network, optimizer, &plain);
    }
    let changed: Vec<Step> = plain
        .iter()
        .map(|step| Step { clip_norm: Some(0.05), clip_value: Some(0.04), l1: 0.01, l2: 0.02, ..*step })
        .collect();
    compare(&network, Sgd::new(0.01), &changed);
    compare(&network, RmsProp::new(0.01), &changed);
}

#[derive(Debug)]
struct Scale;

impl CustomLayer for Scale {
    fn name(&self) -> &str {
        "scale"
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        Ok(input.to_vec())
    }

    fn parameters(&self, input: &[usize]) -> Vec<Parameter> {
        vec![Parameter::new("factors", input).init(Init::Constant(1.0))]
    }

    fn forward<D: TensorDevice, T: Tape<f32, D>>(
        &self,
        x: Rows<D, T>,
        parameters: &[Flat<D>],
    ) -> Result<Rows<D, T>, D::Err> {
        let shape = *x.shape();
        x.try_mul(parameters[0].retaped::<T>().try_broadcast_like::<_, Axis<0>>(&shape)?)
    }
}

/// A network of whatever layers learns, and goes on from a checkpoint as if there had been none.
fn learns_and_resumes(network: Sequential, names: &[&str]) {
    let plan = Plan::new(&network.input, &network.layers).unwrap();
    let (width, outputs) = plan.widths();
    let inputs = numbers(SAMPLES * width, 1);
    let new = || {
        let values = plan.initial(Key::new(3));
        TapeNetwork::new(Cpu::seed_from_u64(0), &plan, values, Adam::new(0.01).into()).unwrap()
    };
    let mut whole = new();
    let error = |y: &[f32]| {
        let targets = numbers(SAMPLES * outputs, 5);
        y.iter().zip(targets).map(|(y, t)| (y - t).powi(2)).sum::<f32>()
    };
    let steps: Vec<Step> = (0..200).map(step).collect();
    let before = error(&train(&mut whole, &inputs, outputs, &[]));
    train(&mut whole, &inputs, outputs, &steps[..7]);
    let checkpoint = saved(&whole);
    let found: Vec<&str> =
        checkpoint.arrays.keys().filter(|name| !name.starts_with("optimizer")).map(String::as_str).collect();
    assert_eq!(found, names);
    let after = error(&train(&mut whole, &inputs, outputs, &steps[7..]));
    assert!(after < 0.5 * before, "{after} and {before}");
    let mut resumed = new();
    resumed.load(&checkpoint).unwrap();
    train(&mut resumed, &inputs, outputs, &steps[7..]);
    assert_eq!(saved(&resumed), saved(&whole));
}

#[test]
fn layers_of_users_own_learn_and_resume() {
    let network = Sequential::new([4]).dense(8).layer(custom(Scale)).activation(Activation::Relu).dense(2);
    learns_and_resumes(
        network,
        &["dense1.bias", "dense1.weight", "dense2.bias", "dense2.weight", "scale1.factors"],
    );
}

#[test]
fn modules_of_dfdx_learn_and_resume() {
    type Network = (Linear<4, 32>, BatchNorm1D<32>, ReLU, DropoutOneIn<5>, Linear<32, 2>);
    let network = Sequential::new([4]).layer(module::<Network, (usize, Const<4>)>());
    let names = [
        "module1.0.bias",
        "module1.0.weight",
        "module1.1.bias",
        "module1.1.running_mean",
        "module1.1.running_var",
        "module1.1.scale",
        "module1.4.bias",
        "module1.4.weight",
    ];
    learns_and_resumes(network, &names);
    let wrong = Sequential::new([5]).layer(module::<Network, (usize, Const<4>)>());
    let error = Plan::new(&wrong.input, &wrong.layers).unwrap_err().to_string();
    assert!(error.contains("[5]") && error.contains("Const<4>"), "{error}");
}
