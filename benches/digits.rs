//! The digits, the search space and the network of the digits example, for the benchmarks here and for `benches/peers/rust`.

use hobbit::Objective;
use hobbit::prelude::*;
use hobbit::train::{Model, stratified_split};

#[search_space]
#[derive(Clone)]
pub(crate) struct Hparams {
    #[log_uniform(1e-4..=1e-1)]
    pub(crate) learning_rate: f64,
    #[choice(Activation::Sigmoid, Activation::Tanh, Activation::Relu)]
    pub(crate) activation: Activation,
    #[uniform(0.0..=0.9)]
    pub(crate) dropout: f64,
    #[choice(16, 32, 64, 128)]
    pub(crate) hidden: usize,
}

pub(crate) struct Part {
    pub(crate) x: Vec<f32>,
    pub(crate) y: Vec<u8>,
}

/// Lines of 64 pixels and the label, and the labels.
pub(crate) fn rows() -> (Vec<Vec<u8>>, Vec<u8>) {
    let text = include_str!("../examples/data/digits.csv");
    let rows: Vec<Vec<u8>> =
        text.lines().map(|line| line.split(',').map(|n| n.parse().expect("a number")).collect()).collect();
    let labels = rows.iter().map(|row| row[64]).collect();
    (rows, labels)
}

/// The places of training and validation.
pub(crate) fn split(labels: &[u8]) -> (Vec<usize>, Vec<usize>) {
    stratified_split(labels, 360, 5).expect("there are enough")
}

/// Training and validation.
pub(crate) fn load() -> (Part, Part) {
    let (rows, labels) = rows();
    let (training, validation) = split(&labels);
    let part = |places: &[usize]| Part {
        x: places.iter().flat_map(|&i| rows[i][..64].iter().map(|&p| f32::from(p) / 16.0)).collect(),
        y: places.iter().map(|&i| labels[i]).collect(),
    };
    (part(&training), part(&validation))
}

pub(crate) fn study() -> Hyperband<impl Objective<Hparams = Hparams, Model = Model>> {
    let (training, validation) = load();
    let dataset = Dataset::new((training.x, training.y), (validation.x, validation.y)).expect("it fits");
    Hyperband::new(network).dataset(dataset).batch_size(32).monitor("val_accuracy")
}

pub(crate) fn network(hp: &Hparams) -> Compiled {
    Sequential::new([64])
        .dense(hp.hidden)
        .activation(hp.activation)
        .dropout(hp.dropout)
        .dense(10)
        .compile(RmsProp::new(hp.learning_rate), Loss::CrossEntropy)
}
