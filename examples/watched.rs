//! A sweep to look at while it runs: what it trains is made up, and takes as long as it is told to.
//!
//! `cargo run --example watched --no-default-features -- my_study --pace 100` in one terminal, and
//! `hobbit serve my_study --open` in another.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use hobbit::prelude::*;
use hobbit::testing::Fake;
use hobbit::{BoxError, EpochContext, Metrics, RandomSearch, TrialContext};

/// A sweep to look at while it runs.
#[derive(Parser)]
struct Options {
    /// The study's directory.
    dir: PathBuf,
    /// How long an epoch takes, in milliseconds.
    #[arg(long, default_value_t = 50)]
    pace: u64,
    /// The most epochs of a stage.
    #[arg(long, default_value_t = 27)]
    max_epochs: u32,
    /// This many trials by random search instead of Hyperband, of three epochs each.
    #[arg(long)]
    trials: Option<u32>,
    /// Stop after this many epochs; to go on, start it again.
    #[arg(long)]
    epoch_budget: Option<u64>,
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[derive(Debug, Clone)]
#[search_space]
struct Hparams {
    /// How far a step goes.
    #[log_uniform(1e-4..=1.0)]
    learning_rate: f64,
    #[choice(8, 16)]
    width: u32,
    #[int(1..=3)]
    blocks: u32,
    #[optional(0.5)]
    #[uniform(0.0..=0.6)]
    dropout: Option<f64>,
    #[choice("relu", "gelu", "tanh")]
    activation: String,
}

/// A loss that falls towards what the configuration can reach.
struct Model {
    loss: f64,
    reaches: f64,
}

fn build(hparams: &Hparams, _: &TrialContext) -> Result<Model, BoxError> {
    if hparams.blocks == 3 && hparams.width == 16 && hparams.learning_rate > 0.3 {
        return Err("out of memory: three blocks of 16 are too many".into());
    }
    let rate = (hparams.learning_rate.log10() + 2.0).powi(2);
    let dropout = hparams.dropout.map_or(0.05, |dropout| (dropout - 0.2).powi(2));
    let shape = if hparams.width == 16 { 0.0 } else { 0.04 } + 0.02 / f64::from(hparams.blocks);
    Ok(Model { loss: 2.3, reaches: 0.06 + 0.1 * rate + dropout + shape })
}

fn train(model: &mut Model, epoch: &EpochContext<'_>, metrics: &mut Metrics) -> Result<(), BoxError> {
    model.loss += 0.25 * (model.reaches - model.loss) + 0.02 * (epoch.key(0).rng().unit() - 0.5);
    metrics.report("loss", 0.9 * model.loss);
    Ok(())
}

fn validate(model: &mut Model, _: &EpochContext<'_>, metrics: &mut Metrics) -> Result<(), BoxError> {
    metrics.report("val_loss", model.loss);
    Ok(())
}

fn main() -> ExitCode {
    hobbit::exit_code(watched(&Options::parse()))
}

fn watched(options: &Options) -> hobbit::Result<ExitCode> {
    let objective = Fake::new(build, validate)
        .training(train)
        .metrics(["loss", "val_loss"])
        .pace(Duration::from_millis(options.pace))
        .state(|model| vec![model.loss], |model, state| model.loss = state[0]);
    let budget = options.epoch_budget.unwrap_or(u64::MAX);
    let results = match options.trials {
        Some(trials) => RandomSearch::of(objective)
            .seed(options.seed)
            .repo_dir(&options.dir)
            .stop_on_ctrl_c()
            .epoch_budget(budget)
            // those that fail fail at once, so many of them may be the first after a stop
            .max_failures(MaxFailures::Count(trials))
            .run(trials, 3)?,
        None => {
            let study = Hyperband::of(objective).seed(options.seed).repo_dir(&options.dir).stop_on_ctrl_c();
            study.epoch_budget(budget).run(options.max_epochs, 3)?
        }
    };
    Ok(results.exit_code())
}
