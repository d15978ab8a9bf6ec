//! Tunes logistic regression, written by hand in one function, without dfdx.
//!
//! `cargo run --release --example function --no-default-features`

use std::process::ExitCode;

use hobbit::Key;
use hobbit::prelude::*;

#[search_space]
struct Hparams {
    /// How far a step goes.
    #[log_uniform(1e-3..=10.0)]
    learning_rate: f64,
    /// How strongly weights are drawn to zero.
    #[log_uniform(1e-6..=1e-1)]
    decay: f64,
}

/// Points in the plane with a 1 for the bias, and on which side of a noisy line they lie.
fn points(count: usize, key: Key) -> Vec<([f64; 3], f64)> {
    let mut rng = key.rng();
    let point = |_| {
        let (a, b) = (2.0 * rng.unit() - 1.0, 2.0 * rng.unit() - 1.0);
        let noise = 0.2 * (rng.unit() - 0.5);
        ([a, b, 1.0], if 0.7 * a - 0.4 * b + noise > 0.1 { 1.0 } else { 0.0 })
    };
    (0..count).map(point).collect()
}

/// The probability of a 1.
fn probability(weights: &[f64; 3], x: &[f64; 3]) -> f64 {
    1.0 / (1.0 + (-weights.iter().zip(x).map(|(w, x)| w * x).sum::<f64>()).exp())
}

/// A step towards the answer of one point.
fn step(weights: &mut [f64; 3], (x, y): &([f64; 3], f64), hp: &Hparams) {
    let error = probability(weights, x) - y;
    weights.iter_mut().zip(x).for_each(|(w, x)| *w -= hp.learning_rate * (error * x + hp.decay * *w));
}

fn tune() -> hobbit::Result<ExitCode> {
    let (training, validation) = (points(800, Key::new(1)), points(200, Key::new(2)));
    let study = Hyperband::function(move |hp: &Hparams, trial| {
        let mut weights = trial.state().unwrap_or([0.0; 3]);
        for _ in trial.epochs() {
            let mut order: Vec<usize> = (0..training.len()).collect();
            trial.rng().shuffle(&mut order);
            order.into_iter().for_each(|place| step(&mut weights, &training[place], hp));
            trial.save(&weights)?;
            let right = validation.iter().filter(|(x, y)| (probability(&weights, x) > 0.5) == (*y > 0.5));
            trial.report("val_accuracy", right.count() as f64 / validation.len() as f64)?;
        }
        Ok(())
    });
    Ok(study.monitor("val_accuracy").stop_on_ctrl_c().run(27, 3)?.exit_code())
}

fn main() -> ExitCode {
    hobbit::exit_code(tune())
}
