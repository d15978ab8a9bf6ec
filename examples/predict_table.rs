//! Predicts the raw rows of a table with the model that the example `table` has kept in `wine_study`:
//! `cargo run --release --example predict_table`.

fn main() -> hobbit::Result<()> {
    let model = hobbit::train::load("wine_study")?;
    let table = hobbit::train::Table::read("examples/data/wine.csv")?;
    model.predict_table(&table)?.labels().map(|labels| println!("{}", labels.join("\n")))
}
