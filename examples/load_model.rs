//! Predicts with the model that the example `keep_model` has kept, from its directory alone:
//! `cargo run --release --example load_model -- DIR TABLE.csv`.

use hobbit::train::{Table, load};

fn main() -> hobbit::Result<()> {
    let argument = |place, default: &str| std::env::args().nth(place).unwrap_or_else(|| default.to_owned());
    let (dir, file) = (argument(1, "./kept_model"), argument(2, "examples/data/diabetes.csv"));

    let model = load(dir)?;
    let predictions = model.predict_table(&Table::read(file)?)?;
    for (label, of_each) in predictions.labels()?.iter().zip(predictions.probabilities()) {
        println!("{label} {of_each:?}");
    }
    Ok(())
}
