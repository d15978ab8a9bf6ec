//! Tunes a classifier on a table as people have them, with missing values and texts, for `predict_table`:
//! `cargo run --release --example table`.

use hobbit::prelude::*;
use hobbit::train::{Columns, Missing, Split, Table};

#[search_space]
struct Hparams {
    #[log_uniform(1e-3..=3e-2)]
    learning_rate: f64,
    #[int(8..=64, log)]
    hidden: usize,
    #[uniform(0.0..=0.5)]
    dropout: f64,
}

/// Tunes in this directory, and says how good the best model is on rows that no model has seen.
pub(crate) fn tune(dir: &str) -> hobbit::Result<f64> {
    let table = Table::parse(include_str!("data/wine.csv"))?;
    let parts = table.split(&Split::new(0.2).test(0.2).stratified("cultivar"))?;
    let columns = Columns::except(["cultivar"]).texts(["colour"]).missing(Missing::Median);
    let encoder = columns.fit(&parts.training)?;
    let data = Dataset::of_classes(&parts, "cultivar", &encoder)?.balanced()?;
    let model = move |hp: &Hparams| {
        Sequential::new([encoder.width()])
            .normalize()
            .dense(hp.hidden)
            .activation(Activation::Relu)
            .dropout(hp.dropout)
            .dense(3)
            .compile(Adam::new(hp.learning_rate), Loss::CrossEntropy)
            .metrics([Metric::Accuracy, Metric::F1])
    };
    let results = Hyperband::new(model).dataset(data).monitor("val_f1").repo_dir(dir).run(27, 3)?;
    let test = results.best_model()?.evaluate_table(&parts.test, "cultivar")?;
    Ok(test.get("accuracy").unwrap_or(f64::NAN))
}

fn main() -> hobbit::Result<()> {
    println!("right about {:.1} % of the rows kept apart", 100.0 * tune("./wine_study")?);
    Ok(())
}
