//! Ten steps of training agree with PyTorch, whose values `scripts/torch_steps.py` made.

use hobbit::prelude::*;
use hobbit::train::{BatchNorm, Layer, Pool2d};
use hobbit::{Checkpoint, EpochContext, Key, Metrics, Objective, TrialContext, TrialId};
use safetensors::{Dtype, SafeTensors};

const STEPS: usize = 10;

#[search_space]
struct Nothing {
    unused: bool,
}

/// An array of 32-bit floats, and its shape.
fn floats(file: &SafeTensors<'_>, name: &str) -> (Vec<usize>, Vec<f32>) {
    let view = file.tensor(name).unwrap();
    assert_eq!(view.dtype(), Dtype::F32, "{name}");
    let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    (view.shape().to_vec(), values.collect())
}

/// How far apart two arrays are, relative to the length of the second.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let apart = norm(&mut a.iter().zip(b).map(|(&a, &b)| f64::from(a) - f64::from(b)));
    apart / norm(&mut b.iter().map(|&b| f64::from(b)))
}

fn network(name: &str) -> Sequential {
    let conv = |filters| Conv2d::new(filters, 3);
    match name {
        "dense" => Sequential::new([20])
            .dense(16)
            .activation(Activation::Relu)
            .dense(12)
            .activation(Activation::Tanh)
            .dense(5),
        "conv" => Sequential::new([1, 8, 8])
            .layer(conv(4).padding(1))
            .activation(Activation::Relu)
            .max_pool(2)
            .layer(conv(6).stride(2))
            .activation(Activation::Gelu)
            .flatten()
            .dense(5),
        _ => Sequential::new([2, 6, 6])
            .layer(conv(4).padding(1).without_bias())
            .layer(BatchNorm::default())
            .activation(Activation::Relu)
            .layer(Layer::AvgPool2d(Pool2d::new(2)))
            .flatten()
            .dense(8)
            .layer_norm()
            .activation(Activation::Sigmoid)
            .dense(5),
    }
}

fn check(name: &str) {
    let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/torch_steps.safetensors"));
    let bytes = bytes.unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let (shape, inputs) = floats(&file, &format!("{name}.inputs"));
    let classes = file.tensor(&format!("{name}.classes")).unwrap().data().to_vec();
    let (batch, width) = (shape[1], shape[2..].iter().product::<usize>());
    let optimizers: [(&str, Optimizer); 8] = [
        ("sgd", Sgd::new(0.05).into()),
        ("momentum", Sgd::new(0.02).momentum(0.9).weight_decay(0.01).into()),
        ("nesterov", Sgd::new(0.02).nesterov(0.9).into()),
        ("adam", Adam::new(0.003).into()),
        ("adam_decay", Adam::new(0.003).weight_decay(0.01).into()),
        ("adamw", AdamW::new(0.003, 0.1).into()),
        ("rmsprop", RmsProp::new(0.001).alpha(0.9).into()),
        ("rmsprop_momentum", RmsProp::new(0.001).alpha(0.99).momentum(0.5).weight_decay(0.01).into()),
    ];
    for (optimizer_name, optimizer) in optimizers {
        let (inputs, classes) = (inputs.clone(), classes.clone());
        let last = (inputs[(STEPS - 1) * batch * width..].to_vec(), classes[(STEPS - 1) * batch..].to_vec());
        let batches = move |_: &_| {
            let (inputs, classes) = (inputs.clone(), classes.clone());
            (0..STEPS).map(move |step| {
                let x = &inputs[step * batch * width..(step + 1) * batch * width];
                (x.to_vec(), classes[step * batch..(step + 1) * batch].to_vec())
            })
        };
        // an epoch of one step, so that every step's loss is seen
        let data =
            Generators::new().train_data(batches).steps_per_epoch(1).validation_samples(last.0, last.1);
        let network_name = name.to_owned();
        let objective =
            Hyperband::new(move |_: &Nothing| network(&network_name).compile(optimizer, Loss::CrossEntropy))
                .dataset(data)
                .into_objective();
        let trial = TrialContext::detached(TrialId::new(1, 1), Key::new(1));
        let mut model = objective.build(&Nothing { unused: false }, &trial).unwrap();
        let mut checkpoint: Checkpoint = objective.save(&model).unwrap();
        let names: Vec<String> =
            checkpoint.arrays.keys().filter(|name| !name.starts_with("optimizer.")).cloned().collect();
        for array in &names {
            let (shape, values) = floats(&file, &format!("{name}.first.{array}"));
            checkpoint.insert_f32(array.as_str(), &shape, values);
        }
        objective.load(&mut model, &checkpoint).unwrap();
        let mut losses = Vec::new();
        for epoch in 0..STEPS as u64 {
            let mut metrics = Metrics::new();
            let context = EpochContext { trial: &trial, epoch, stage_end: STEPS as u64 };
            objective.train_epoch(&mut model, &context, &mut metrics).unwrap();
            losses.push(metrics.get("loss").unwrap() as f32);
        }
        let (_, right) = floats(&file, &format!("{name}.{optimizer_name}.losses"));
        for (step, (found, right)) in losses.iter().zip(&right).enumerate() {
            let apart = (found - right).abs() / right.abs();
            assert!(
                apart <= 1e-5,
                "{name}, {optimizer_name}: the loss of step {step} is {found}, not {right}"
            );
        }
        let trained = objective.save(&model).unwrap();
        for array in &names {
            let (shape, right) = floats(&file, &format!("{name}.{optimizer_name}.{array}"));
            let apart = distance(trained.f32(array, &shape).unwrap(), &right);
            assert!(apart <= 1e-5, "{name}, {optimizer_name}: {array} is {apart:e} off");
        }
    }
}

#[test]
fn a_dense_network_trains_as_in_torch() {
    check("dense");
}

#[test]
fn a_convolutional_network_trains_as_in_torch() {
    check("conv");
}

#[test]
fn normalizations_train_as_in_torch() {
    check("norm");
}
