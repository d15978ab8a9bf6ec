//! The digits example's study.

use hobbit::Objective;
use hobbit::prelude::*;
use hobbit::train::stratified_split;

/// The space of the digits example.
#[search_space]
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

/// The study of the digits example.
pub(crate) fn study() -> Hyperband<impl Objective<Hparams = Hparams>> {
    let rows: Vec<Vec<u8>> = include_str!("../examples/data/digits.csv")
        .lines()
        .map(|line| line.split(',').map(|number| number.parse().expect("the file is whole")).collect())
        .collect();
    let labels: Vec<u8> = rows.iter().map(|row| row[64]).collect();
    let (training, validation) = stratified_split(&labels, 360, 5).expect("there are enough");
    let part = |part: &[usize]| -> (Vec<f32>, Vec<u8>) {
        let pixels = part.iter().flat_map(|&i| rows[i][..64].iter().map(|&p| f32::from(p) / 16.0));
        (pixels.collect(), part.iter().map(|&i| labels[i]).collect())
    };
    let ((x, y), (x_valid, y_valid)) = (part(&training), part(&validation));
    Hyperband::new(|hp: &Hparams| {
        Sequential::new([64])
            .dense(hp.hidden)
            .activation(hp.activation)
            .dropout(hp.dropout)
            .dense(10)
            .compile(RmsProp::new(hp.learning_rate), Loss::CrossEntropy)
    })
    .dataset(Dataset::new((x, y), (x_valid, y_valid)).expect("the sizes fit"))
    .batch_size(32)
    .monitor("val_accuracy")
}
