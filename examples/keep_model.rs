//! Tunes a classifier on raw rows of a table, and keeps it for the example `load_model`:
//! `cargo run --release --example keep_model -- DIR`.

use hobbit::prelude::*;
use hobbit::train::{Table, split};

#[search_space]
struct Hparams {
    #[log_uniform(1e-3..=3e-2)]
    learning_rate: f64,
    #[choice(8, 16, 32)]
    hidden: usize,
    #[uniform(0.0..=0.5)]
    dropout: f64,
}

/// What brings the numbers to a common scale is a layer, so it is fitted for each trial and kept with it.
fn model(hp: &Hparams) -> Compiled {
    Sequential::new([10])
        .normalize()
        .dense(hp.hidden)
        .activation(Activation::Relu)
        .dropout(hp.dropout)
        .dense(1)
        .compile(Adam::new(hp.learning_rate), Loss::BinaryCrossEntropy)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "./kept_model".to_owned());
    let table = Table::parse(include_str!("data/diabetes.csv"))?;
    let (x, columns) = table.numbers_except(&["progression"])?;
    // whether a patient's diabetes gets worse faster than that of half of them
    let y: Vec<bool> = table.numbers(&["progression"])?.iter().map(|&value| value > 140.5).collect();

    let (training, validation) = split(table.rows(), 110, 0)?;
    let rows = |part: &[usize]| -> (Vec<f32>, Vec<bool>) {
        (
            part.iter().flat_map(|&i| x[i * 10..][..10].to_vec()).collect(),
            part.iter().map(|&i| y[i]).collect(),
        )
    };
    let (training, validation) = (rows(&training), rows(&validation));
    let data = Dataset::new((training.0, training.1), (&validation.0, &validation.1))?
        .class_names(["slow", "fast"])
        .feature_names(columns);
    let results = Hyperband::new(model)
        .dataset(data)
        .executions(3)
        .monitor("val_accuracy")
        .repo_dir(&dir)
        .run(27, 3)?;

    let model = results.best_model()?;
    let accuracy = model.evaluate(&validation.0, &validation.1)?.get("accuracy").unwrap_or(f64::NAN);
    println!(
        "{} networks, right about {:.1} % of the 110 patients that were kept apart",
        model.networks(),
        100.0 * accuracy
    );
    Ok(())
}
