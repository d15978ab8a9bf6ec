//! Tunes a model of scikit-learn, in processes of Python: `train.py` beside this file.
//!
//! `cargo run --release --example process --features process`, with scikit-learn installed. Behind `--` may
//! stand another command: `python3 examples/process/plain.py` needs nothing but Python.

use hobbit::prelude::*;
use hobbit::process::ProcessObjective;

#[search_space]
struct Hparams {
    /// How strongly weights are drawn to zero.
    #[log_uniform(1e-6..=1e-1)]
    alpha: f64,
    /// How far a step goes.
    #[log_uniform(1e-4..=1.0)]
    eta0: f64,
}

fn main() -> hobbit::Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let command =
        if given.is_empty() { "python3 examples/process/train.py".to_owned() } else { given.join(" ") };
    Hyperband::of(ProcessObjective::<Hparams>::new(&command)).stop_on_ctrl_c().run(9, 3)?;
    Ok(())
}
