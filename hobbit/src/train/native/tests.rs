//! Every layer's gradients against central differences, in 64 bits.

use super::*;
use crate::random::Key;
use crate::train::activation::Activation;
use crate::train::layer::{BatchNorm, Conv2d, Dense, Embedding, Layer, LayerNorm, Pool2d};
use crate::train::{Init, Sequential, Sgd};

/// So many numbers between -1 and 1.
fn numbers(length: usize, seed: u64) -> Vec<f64> {
    let mut rng = Key::new(seed).rng();
    (0..length).map(|_| 2.0 * rng.unit() - 1.0).collect()
}

pub(in crate::train) const SAMPLES: usize = 3;

/// Compares the gradients of all parameters, and of the first layer's input by way of a dense layer before
/// it, with differences.
pub(in crate::train) fn check(network: Sequential) {
    check_on(network, None);
}

pub(in crate::train) fn check_on(network: Sequential, inputs: Option<Vec<f64>>) {
    let plan = Plan::new(&network.input, &network.layers).unwrap();
    let (width, outputs) = plan.widths();
    let inputs = inputs.unwrap_or_else(|| numbers(SAMPLES * width, 1));
    let coefficients = numbers(SAMPLES * outputs, 2);
    let mut native = Native::<f64>::new(&plan, plan.initial(Key::new(3)), Sgd::new(0.1).into());
    // so that scales and shifts are not where everything is simple
    for (place, values) in native.store.values.iter_mut().enumerate() {
        if native.store.roles[place] != Role::Statistic {
            values.iter_mut().zip(numbers(1000, place as u64)).for_each(|(v, x)| *v += 0.3 * x);
        }
    }
    let pass = Pass { samples: SAMPLES, key: Some(Key::new(4)) };
    // the loss is a sum of squares and products, so that slopes differ everywhere
    let loss = |native: &mut Native<f64>| {
        let mut sum = 0.0;
        native
            .differentiate(&inputs, pass, &mut |outputs, gradient| {
                for ((y, c), g) in outputs.iter().zip(&coefficients).zip(gradient) {
                    sum += c * y + 0.5 * y * y;
                    *g = c + y;
                }
                Ok(true)
            })
            .unwrap();
        sum
    };
    loss(&mut native);
    let gradients = native.store.gradients.iter().map(|gradient| gradient.to_vec()).collect::<Vec<_>>();
    let mut checked = 0;
    for (place, gradients) in gradients.iter().enumerate() {
        for (i, &found) in gradients.iter().enumerate() {
            let at = native.store.values[place][i];
            let step = 1e-5;
            native.store.values[place][i] = at + step;
            let above = loss(&mut native);
            native.store.values[place][i] = at - step;
            let below = loss(&mut native);
            native.store.values[place][i] = at;
            let right = (above - below) / (2.0 * step);
            let error = (found - right).abs() / right.abs().max(1.0);
            assert!(error < 1e-6, "{}[{i}]: {found} and not {right}\n{network:?}", native.arrays.name(place));
            checked += 1;
        }
    }
    assert!(checked > 0);
}

/// A network that makes an image with parameters before it, so that gradients for inputs are checked as well.
fn image(channels: usize, height: usize, width: usize) -> Sequential {
    Sequential::new([4]).dense(channels * height * width).reshape([channels, height, width])
}

#[test]
fn dense_layers_and_activations() {
    use Activation::*;
    for activation in [Sigmoid, Tanh, Relu, Gelu, LeakyRelu, Linear] {
        check(Sequential::new([5]).dense(4).activation(activation).dense(3).activation(activation));
        // on their own
        check(Sequential::new([5]).dense(4).layer_norm().activation(activation).dense(2));
    }
    check(Sequential::new([5]).layer(Dense::new(4).without_bias()).dense(3));
}

#[test]
fn dropout() {
    check(Sequential::new([5]).dropout(0.5).dense(8).dropout(0.3).dense(3));
    check(Sequential::new([5]).dense(8).dropout(0.0).dropout(1.0).dense(3));
}

#[test]
fn convolutions() {
    let relu = Activation::Tanh;
    check(image(2, 5, 6).conv2d(3, 3).activation(relu).flatten());
    check(image(2, 5, 6).layer(Conv2d::new(3, [3, 2]).stride([2, 1]).padding([1, 2])).flatten());
    check(image(1, 7, 7).layer(Conv2d::new(2, 3).stride(2).padding(1).without_bias()).flatten());
    check(image(3, 4, 4).conv2d(2, 1).activation(relu).flatten());
    check(image(3, 4, 4).layer(Conv2d::new(2, 1).stride(2)).flatten());
    check(image(1, 2, 2).layer(Conv2d::new(2, 5).padding(3).stride(3)).flatten());
    // as the first layer, where nothing flows further back
    check(Sequential::new([2, 5, 5]).conv2d(2, 3).conv2d(2, 2).flatten());
}

#[test]
fn pooling() {
    check(image(2, 4, 6).max_pool(2).flatten());
    check(image(2, 5, 7).max_pool(2).flatten());
    check(
        image(2, 6, 5).layer(Layer::MaxPool2d(Pool2d::new([3, 2]).stride([2, 1]).padding([1, 1]))).flatten(),
    );
    check(image(2, 4, 6).avg_pool(2).flatten());
    check(image(2, 6, 5).layer(Layer::AvgPool2d(Pool2d::new(3).stride(2).padding(1))).flatten());
    check(image(3, 4, 5).global_avg_pool());
}

#[test]
fn normalization() {
    check(Sequential::new([4]).dense(5).batch_norm().dense(3));
    check(image(3, 4, 5).batch_norm().flatten());
    check(Sequential::new([4]).batch_norm().dense(3));
    check(image(3, 4, 5).layer(BatchNorm::default().epsilon(0.1)).activation(Activation::Relu).flatten());
    check(Sequential::new([4]).dense(5).layer_norm().dense(3));
    check(image(2, 3, 20).layer(LayerNorm::default().epsilon(1e-3)).flatten());
    check(Sequential::new([4]).layer_norm().dense(3));
}

#[test]
fn embeddings() {
    let places = vec![0.0, 3.0, 4.0, 4.0, 1.0, 0.0];
    let embedding = Embedding::new(5, 3).init(Init::Normal(0.5));
    check_on(Sequential::new([2]).layer(embedding).flatten().dense(2), Some(places));
    let plan = Plan::new(&[2], &[embedding.into()]).unwrap();
    let mut native = Native::<f32>::new(&plan, plan.initial(Key::new(3)), Sgd::new(0.1).into());
    for wrong in [5.0, -1.0, 0.5, f32::NAN] {
        let error =
            native.outputs(Given::Numbers(&[0.0, wrong]), 1, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("5 vectors"), "{error}");
    }
}

#[test]
fn residual_blocks() {
    check(image(2, 4, 4).residual(|b| b.layer(Conv2d::new(2, 3).padding(1)).batch_norm()).flatten());
    check(Sequential::new([4]).residual(|b| b.dense(3).activation(Activation::Tanh).dense(4)).dense(2));
    check(
        Sequential::new([4]).dense(3).residual(|b| b).residual(|b| b.dropout(0.5).residual(|b| b.dense(3))),
    );
    check(Sequential::new([4]).dense(3).residual(|b| b.activation(Activation::Gelu)).dense(2));
}

#[test]
fn running_statistics_follow_the_batches() {
    let plan = Plan::new(&[2, 1, 2], &[BatchNorm::default().momentum(0.5).into(), Layer::Flatten]).unwrap();
    let mut native = Native::<f64>::new(&plan, plan.initial(Key::new(3)), Sgd::new(0.1).into());
    let inputs = [1.0, 2.0, 0.0, 0.0, 3.0, 6.0, 4.0, 4.0];
    let pass = Pass { samples: 2, key: Some(Key::new(1)) };
    native.chain.forward(&mut native.store, pass, &inputs).unwrap();
    // channel 0 has 1, 2, 3, 6 with mean 3 and variance 14 / 3; channel 1 has 0, 0, 4, 4
    let near = |found: &[f64], right: [f64; 2]| found.iter().zip(right).all(|(f, r)| (f - r).abs() < 1e-12);
    assert!(near(&native.store.values[2], [1.5, 1.0]), "{:?}", native.store.values[2]);
    assert!(
        near(&native.store.values[3], [0.5 + 7.0 / 3.0, 0.5 + 8.0 / 3.0]),
        "{:?}",
        native.store.values[3]
    );
    native.chain.forward(&mut native.store, Pass { samples: 2, key: None }, &inputs).unwrap();
    let y = native.chain.output(2, &inputs)[0];
    assert!((y - (1.0 - 1.5) / (0.5 + 7.0 / 3.0 + 1e-5f64).sqrt()).abs() < 1e-12);
}
