//! Tunes a model of linfa, the follow-the-regularized-leader classifier, which learns batch by batch:
//! `cargo run --release` in this directory.
//!
//! linfa's model is the state of a trial: it can be serialized, so hobbit keeps it between stages, and in the
//! study's directory. `tune-linfa DIR [R]` keeps the study in DIR.

use std::process::ExitCode;

use hobbit::prelude::*;
use hobbit::{BoxError, KeyRng};
use linfa::Dataset;
use linfa::prelude::*;
use linfa_ftrl::{Ftrl, FtrlParams};
use ndarray::{Array1, Array2, Axis, Ix1};
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng;

#[search_space]
struct Hparams {
    /// How far a step goes.
    #[log_uniform(1e-3..=1.0)]
    alpha: f64,
    /// How much the first steps are held back.
    #[log_uniform(1e-2..=10.0)]
    beta: f64,
    /// How strongly weights are drawn to exactly zero.
    #[log_uniform(1e-4..=0.9)]
    l1_ratio: f64,
    /// How strongly weights are drawn towards zero.
    #[log_uniform(1e-4..=0.9)]
    l2_ratio: f64,
    /// The rows of a step.
    #[int(8..=64, step = 8)]
    batch: usize,
}

type Rows = Dataset<f64, bool, Ix1>;

/// 442 patients: whether their diabetes got worse than that of half of them within a year.
fn patients() -> Result<(Rows, Rows), BoxError> {
    let text = include_str!("../../data/diabetes.csv");
    let rows: Vec<Vec<f64>> = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(str::parse).collect())
        .collect::<Result<_, _>>()?;
    // a column of ones is the bias
    let features: Vec<f64> = rows.iter().flat_map(|row| row[..10].iter().copied().chain([1.0])).collect();
    let mut features = Array2::from_shape_vec((rows.len(), 11), features)?;
    let (mean, deviation) = (features.mean_axis(Axis(0)).ok_or("no rows")?, features.std_axis(Axis(0), 0.0));
    for mut row in features.rows_mut() {
        for column in 0..10 {
            row[column] = (row[column] - mean[column]) / deviation[column];
        }
    }
    let worse: Array1<bool> = rows.iter().map(|row| row[10] > 140.5).collect();
    Ok(Dataset::new(features, worse).split_with_ratio(0.75))
}

/// Some rows of a data set.
fn select(data: &Rows, rows: &[usize]) -> Rows {
    Dataset::new(data.records().select(Axis(0), rows), data.targets().select(Axis(0), rows))
}

/// linfa's settings; from the seed, the weights of a new model are drawn.
fn settings(hp: &Hparams, seed: u64) -> FtrlParams<f64, Xoshiro256Plus> {
    let settings = Ftrl::params_with_rng(Xoshiro256Plus::seed_from_u64(seed));
    settings.alpha(hp.alpha).beta(hp.beta).l1_ratio(hp.l1_ratio).l2_ratio(hp.l2_ratio)
}

/// All rows once, in batches.
fn epoch(model: Ftrl<f64>, hp: &Hparams, data: &Rows, mut rng: KeyRng) -> Result<Ftrl<f64>, BoxError> {
    let settings = settings(hp, 0);
    let mut order: Vec<usize> = (0..data.nsamples()).collect();
    rng.shuffle(&mut order);
    let mut model = model;
    for rows in order.chunks(hp.batch) {
        model = settings.fit_with(Some(model), &select(data, rows))?;
    }
    Ok(model)
}

/// The mean of -log of the probability of the right answer, and the share of right answers.
fn measure(model: &Ftrl<f64>, data: &Rows) -> (f64, f64) {
    let (mut loss, mut right) = (0.0, 0);
    for (probability, worse) in model.predict(data.records()).iter().zip(data.targets()) {
        let probability = f64::from(**probability);
        let given = if *worse { probability } else { 1.0 - probability };
        loss -= given.max(1e-7).ln();
        right += usize::from(given > 0.5);
    }
    (loss / data.nsamples() as f64, right as f64 / data.nsamples() as f64)
}

fn tune() -> Result<ExitCode, BoxError> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().unwrap_or_else(|| "./linfa_repo".to_owned());
    let max_epochs = arguments.next().map_or(Ok(27), |number| number.parse())?;
    let (training, validation) = patients()?;
    let features = training.nfeatures();

    let results = Hyperband::function(move |hp: &Hparams, trial| {
        let fresh = Ftrl::new(settings(hp, trial.seed()).check()?, features);
        let mut model = trial.state().unwrap_or(fresh);
        for _ in trial.epochs() {
            model = epoch(model, hp, &training, trial.rng())?;
            trial.save(&model)?;
            let (loss, accuracy) = measure(&model, &validation);
            trial.report("val_loss", loss)?;
            trial.report("val_accuracy", accuracy)?;
        }
        Ok(())
    })
    .repo_dir(dir)
    .stop_on_ctrl_c()
    .run(max_epochs, 3)?;

    // the best model, as it was at its best epoch
    let best = results.best_model()?.state::<Ftrl<f64>>().ok_or("the best trial has no state")?;
    println!("{} of 11 weights are zero", best.get_weights().iter().filter(|weight| **weight == 0.0).count());
    Ok(results.exit_code())
}

fn main() -> ExitCode {
    tune().unwrap_or_else(|error| {
        eprintln!("Error: {error}");
        ExitCode::FAILURE
    })
}
