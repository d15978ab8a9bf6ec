//! Trains small models of every kind of layer and writes them as ONNX files, with samples and what hobbit
//! predicts for them, so that `examples/python/onnx_predictions.py` can compare: `cargo run --release
//! --features onnx --example onnx -- DIR`.

#![expect(clippy::disallowed_methods, reason = "an example may write files")]

use std::path::PathBuf;

use hobbit::prelude::*;
use hobbit::train::Pool2d;

#[search_space]
struct Hparams {
    #[log_uniform(1e-3..=1e-2)]
    learning_rate: f64,
}

type Function = fn(&Hparams) -> Compiled;

/// Models that take 64 numbers from 0 to 16, and give 10 classes.
const CLASSIFIERS: [(&str, Function); 3] = [
    ("dense", |hp| {
        Sequential::new([64])
            .normalize()
            .dense(32)
            .activation(Activation::Gelu)
            .layer_norm()
            .dropout(0.1)
            .dense(24)
            .activation(Activation::LeakyRelu)
            .batch_norm()
            .residual(|block| block.dense(24).activation(Activation::Tanh))
            .dense(10)
            .compile(Adam::new(hp.learning_rate), Loss::CrossEntropy)
    }),
    ("conv", |hp| {
        Sequential::new([1, 8, 8])
            .normalize()
            .layer(Conv2d::new(8, 3).padding(1).without_bias())
            .batch_norm()
            .activation(Activation::Relu)
            .max_pool(2)
            .residual(|block| {
                block.layer(Conv2d::new(8, [3, 1]).padding([1, 0])).activation(Activation::Sigmoid)
            })
            .layer(hobbit::train::Layer::AvgPool2d(Pool2d::new(3).stride(1).padding(1)))
            .layer(Conv2d::new(12, 2).stride([1, 2]))
            .global_avg_pool()
            .dense(10)
            .compile(Adam::new(hp.learning_rate), Loss::CrossEntropy)
    }),
    ("embedding", |hp| {
        Sequential::new([64])
            .embedding(17, 3)
            .flatten()
            .reshape([3, 8, 8])
            .conv2d(4, 3)
            .flatten()
            .dense(10)
            .compile(Adam::new(hp.learning_rate), Loss::CrossEntropy)
    }),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).ok_or("say where to: onnx DIR")?);
    let rows: Vec<Vec<u8>> = include_str!("data/digits.csv")
        .lines()
        .map(|line| line.split(',').map(str::parse).collect::<Result<_, _>>())
        .collect::<Result<_, _>>()?;
    let x: Vec<f32> = rows.iter().flat_map(|row| &row[..64]).map(|&pixel| f32::from(pixel)).collect();
    let digits: Vec<u8> = rows.iter().map(|row| row[64]).collect();
    for (name, model) in CLASSIFIERS {
        let data =
            Dataset::k_fold(2, (&x, &digits), 0)?.class_names((0..10).map(|digit| format!("digit {digit}")));
        let results = Hyperband::new(model).dataset(data).repo_dir(dir.join(name)).run(3, 3)?;
        write(&dir, name, &results.best_model()?, &x)?;
    }
    // one number, and one answer of yes or no
    let ink: Vec<f32> = x.chunks(64).map(|row| row.iter().sum::<f32>() / 1024.0).collect();
    let is_odd: Vec<bool> = digits.iter().map(|digit| digit % 2 == 1).collect();
    let network = || Sequential::new([64]).normalize().dense(16).activation(Activation::Relu).dense(1);
    let regression = move |hp: &Hparams| network().compile(Sgd::new(hp.learning_rate), Loss::Huber(1.0));
    let data = Dataset::new((&x, &ink), (&x, &ink))?;
    let results = Hyperband::new(regression).dataset(data).repo_dir(dir.join("number")).run(3, 3)?;
    write(&dir, "number", &results.best_model()?, &x)?;
    let binary = move |hp: &Hparams| network().compile(Adam::new(hp.learning_rate), Loss::BinaryCrossEntropy);
    let data = Dataset::new((&x, &is_odd), (&x, &is_odd))?.class_names(["even", "odd"]);
    let results = Hyperband::new(binary).dataset(data).repo_dir(dir.join("binary")).run(3, 3)?;
    write(&dir, "binary", &results.best_model()?, &x)?;
    Ok(())
}

/// Writes a model, samples and predictions, all numbers as the bytes of 32-bit floats.
fn write(
    dir: &std::path::Path,
    name: &str,
    model: &Model,
    x: &[f32],
) -> Result<(), Box<dyn std::error::Error>> {
    let bytes = |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|value| value.to_le_bytes()).collect() };
    std::fs::write(dir.join(format!("{name}.onnx")), model.to_onnx()?)?;
    std::fs::write(dir.join(format!("{name}.samples")), bytes(x))?;
    std::fs::write(dir.join(format!("{name}.predictions")), bytes(model.predict(x)?.values()))?;
    Ok(())
}
