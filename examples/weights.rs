//! Trains a dense and a convolutional network on handwritten digits, keeps them, and writes what they predict, so that
//! `examples/python/load_weights.py` can compare: `cargo run --release --example weights -- DIR`.

#![expect(clippy::disallowed_methods, reason = "an example may write files")]

use std::path::PathBuf;

use hobbit::prelude::*;
use hobbit::train::stratified_split;

#[search_space]
struct Hparams {
    #[log_uniform(1e-3..=1e-2)]
    learning_rate: f64,
}

fn dense(hp: &Hparams) -> Compiled {
    Sequential::new([64])
        .dense(32)
        .activation(Activation::Relu)
        .dense(10)
        .compile(Adam::new(hp.learning_rate), Loss::CrossEntropy)
}

fn conv(hp: &Hparams) -> Compiled {
    Sequential::new([64])
        .reshape([1, 8, 8])
        .layer(Conv2d::new(8, 3).padding(1).without_bias())
        .batch_norm()
        .activation(Activation::Relu)
        .max_pool(2)
        .conv2d(12, 3)
        .activation(Activation::Tanh)
        .flatten()
        .dense(10)
        .compile(Adam::new(hp.learning_rate), Loss::CrossEntropy)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).ok_or("say where to: weights DIR")?);
    let rows: Vec<Vec<u8>> = include_str!("data/digits.csv")
        .lines()
        .map(|line| line.split(',').map(str::parse).collect::<Result<_, _>>())
        .collect::<Result<_, _>>()?;
    let labels: Vec<u8> = rows.iter().map(|row| row[64]).collect();
    let (training, validation) = stratified_split(&labels, 360, 5)?;
    let pixels = |part: &[usize]| -> Vec<f32> {
        part.iter().flat_map(|&i| rows[i][..64].iter().map(|&p| f32::from(p) / 16.0)).collect()
    };
    let classes = |part: &[usize]| -> Vec<u8> { part.iter().map(|&i| labels[i]).collect() };
    let (x, y) = (pixels(&training), classes(&training));
    let (x_valid, y_valid) = (pixels(&validation), classes(&validation));

    for (name, model) in [("dense", dense as fn(&Hparams) -> Compiled), ("conv", conv)] {
        let dataset = Dataset::new((&x, &y), (&x_valid, &y_valid))?;
        let study = Hyperband::new(model).dataset(dataset).monitor("val_accuracy");
        let results = study.repo_dir(dir.join(name)).run(3, 3)?;
        let predictions = results.best_model()?.predict(&x_valid)?;
        let text = |numbers: &[f32]| numbers.iter().map(f32::to_string).collect::<Vec<_>>().join(",");
        // a line for each sample: its 64 pixels, and the 10 probabilities
        let lines = x_valid.chunks(64).zip(predictions.rows());
        let table: String = lines.map(|(x, y)| format!("{},{}\n", text(x), text(y))).collect();
        std::fs::write(dir.join(format!("{name}.csv")), table)?;
        let best = results.best_weights().ok_or("a study with a repository keeps its best weights")?;
        std::fs::copy(best, dir.join(format!("{name}.safetensors")))?;
    }
    Ok(())
}
