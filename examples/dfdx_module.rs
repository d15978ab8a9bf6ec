//! Tunes a module of dfdx, with shapes known at compile time: `cargo run --release --example dfdx_module`.
//!
//! Everything that `dfdx::nn` has, and what is made of it, is one layer for hobbit, with hobbit's optimizers, data and checkpoints. Sizes that
//! are tuned are chosen among a few for which the network is compiled.

use std::io::Write;
use std::process::ExitCode;

use dfdx::nn::builders::{BatchNorm1D, Linear, ReLU};
use dfdx::nn::modules::Residual;
use dfdx::shapes::Const;
use hobbit::prelude::*;
use hobbit::train::{by_size, module, stratified_split};

/// What is tuned: a network of dfdx's own, with a residual block.
type Network<const HIDDEN: usize> = (
    Linear<64, HIDDEN>,
    ReLU,
    Residual<(Linear<HIDDEN, HIDDEN>, BatchNorm1D<HIDDEN>, ReLU)>,
    Linear<HIDDEN, 10>,
);

#[search_space]
struct Hparams {
    #[log_uniform(1e-4..=3e-2)]
    learning_rate: f64,
    #[choice(16, 32, 64)]
    hidden: usize,
    #[log_uniform(1e-4..=1e-1)]
    weight_decay: f64,
}

fn model(hp: &Hparams) -> hobbit::Result<Compiled> {
    let network =
        by_size!(hp.hidden, [16, 32, 64], HIDDEN => module::<Network<HIDDEN>, (usize, Const<64>)>())?;
    Ok(Sequential::new([64])
        .layer(network)
        .compile(AdamW::new(hp.learning_rate, hp.weight_decay), Loss::CrossEntropy))
}

/// Ends with the code of the signal, if one arrives meanwhile, so that the shell does not go on with what
/// follows.
fn main() -> ExitCode {
    hobbit::exit_code(tune())
}

fn tune() -> hobbit::Result<ExitCode> {
    let results = Hyperband::new(model)
        .dataset(digits()?)
        .monitor("val_accuracy")
        .repo_dir("./dfdx_module_repo")
        .stop_on_ctrl_c()
        .run(9, 3)?;
    let best = results.best();
    let _ = writeln!(std::io::stdout(), "The best hidden layer has {} outputs.", best.hparams.hidden);
    Ok(results.exit_code())
}

/// 1797 handwritten digits, 360 of them for validation.
fn digits() -> hobbit::Result<Dataset> {
    let rows: Vec<Vec<u8>> = include_str!("data/digits.csv")
        .lines()
        .map(|line| line.split(',').map(|n| n.parse().expect("the embedded file is whole")).collect())
        .collect();
    let labels: Vec<u8> = rows.iter().map(|row| row[64]).collect();
    let (training, validation) = stratified_split(&labels, 360, 5)?;
    let select = |part: &[usize]| -> (Vec<f32>, Vec<u8>) {
        let pixels = part.iter().flat_map(|&i| rows[i][..64].iter().map(|&p| f32::from(p) / 16.0));
        (pixels.collect(), part.iter().map(|&i| labels[i]).collect())
    };
    Dataset::new(select(&training), select(&validation))
}
