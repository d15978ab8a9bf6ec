//! Tunes something that is not a network and needs no dfdx: logistic regression written by hand.
//!
//! `cargo run --release --example custom_objective --no-default-features`

use std::borrow::Cow;
use std::io::Write;
use std::process::ExitCode;

use hobbit::prelude::*;
use hobbit::{BoxError, Checkpoint, EpochContext, Key, Metrics, TrialContext};

#[search_space]
struct Hparams {
    /// How far a step goes.
    #[log_uniform(1e-3..=10.0)]
    learning_rate: f64,
    /// How strongly weights are drawn to zero.
    #[log_uniform(1e-6..=1e-1)]
    decay: f64,
}

/// Points in the plane, and on which side of a noisy line they lie.
struct Points {
    training: Vec<([f64; 2], f64)>,
    validation: Vec<([f64; 2], f64)>,
}

impl Points {
    fn new(key: Key) -> Points {
        let mut rng = key.rng();
        let mut points = || {
            let x = [2.0 * rng.unit() - 1.0, 2.0 * rng.unit() - 1.0];
            let noise = 0.2 * (rng.unit() - 0.5);
            (x, f64::from(u8::from(0.7 * x[0] - 0.4 * x[1] + noise > 0.1)))
        };
        Points {
            training: (0..800).map(|_| points()).collect(),
            validation: (0..200).map(|_| points()).collect(),
        }
    }
}

/// The weights of both coordinates, and the bias.
struct Line([f64; 3]);

impl Line {
    fn probability(&self, x: &[f64; 2]) -> f64 {
        let [a, b, c] = self.0;
        1.0 / (1.0 + (-(a * x[0] + b * x[1] + c)).exp())
    }
}

impl Objective for Points {
    type Hparams = Hparams;
    /// The line, and the learning rate and decay it is trained with.
    type Model = (Line, f64, f64);

    fn metrics(&self, _: &Hparams) -> Result<Vec<Cow<'static, str>>, BoxError> {
        Ok(vec!["loss".into(), "val_loss".into(), "val_accuracy".into()])
    }

    fn build(&self, hp: &Hparams, trial: &TrialContext) -> Result<Self::Model, BoxError> {
        let mut rng = trial.key.rng();
        Ok((Line([rng.unit() - 0.5, rng.unit() - 0.5, 0.0]), hp.learning_rate, hp.decay))
    }

    fn train_epoch(
        &self,
        (line, rate, decay): &mut Self::Model,
        epoch: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        // everything random comes from a key, so that results do not depend on who trains when
        let mut order: Vec<usize> = (0..self.training.len()).collect();
        epoch.key(0).rng().shuffle(&mut order);
        let mut loss = 0.0;
        for &i in &order {
            let (x, y) = &self.training[i];
            let p = line.probability(x);
            loss -= if *y > 0.5 { p.ln() } else { (1.0 - p).ln() };
            for (w, x) in line.0.iter_mut().zip([x[0], x[1], 1.0]) {
                *w -= *rate * ((p - y) * x + *decay * *w);
            }
        }
        metrics.report("loss", loss / order.len() as f64);
        Ok(())
    }

    fn validate(
        &self,
        (line, ..): &mut Self::Model,
        _: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        let (mut loss, mut correct) = (0.0, 0.0);
        for (x, y) in &self.validation {
            let p = line.probability(x);
            loss -= if *y > 0.5 { p.ln() } else { (1.0 - p).ln() };
            correct += f64::from(u8::from((p > 0.5) == (*y > 0.5)));
        }
        let n = self.validation.len() as f64;
        metrics.report("val_loss", loss / n);
        metrics.report("val_accuracy", correct / n);
        Ok(())
    }

    fn save(&self, (line, ..): &Self::Model) -> Result<Checkpoint, BoxError> {
        let mut checkpoint = Checkpoint::new();
        checkpoint.insert_f64("line", &[3], line.0.to_vec());
        Ok(checkpoint)
    }

    fn load(&self, (line, ..): &mut Self::Model, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        line.0.copy_from_slice(checkpoint.f64("line", &[3])?);
        Ok(())
    }
}

/// Ends with the code of the signal, if one arrives meanwhile, so that the shell does not go on with what
/// follows.
fn main() -> ExitCode {
    hobbit::exit_code(tune())
}

fn tune() -> hobbit::Result<ExitCode> {
    let results = Hyperband::of(Points::new(Key::new(1))).monitor("val_loss").stop_on_ctrl_c().run(27, 3)?;
    let best = results.best();
    // nobody may be listening any more
    let _ = writeln!(
        std::io::stdout(),
        "learning rate {:.4}, accuracy {:.3}",
        best.hparams.learning_rate,
        best.metric("val_accuracy").unwrap_or(0.0)
    );
    Ok(results.exit_code())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checkpoints, keys, names: whatever a sweep relies on. `cargo test --example custom_objective` runs it.
    #[test]
    fn the_objective_keeps_its_promises() {
        let drawn = (0..3).map(|seed| Hparams::draw(Key::new(seed)).expect("the space is not empty"));
        hobbit::testing::objective(|| Points::new(Key::new(1)), drawn);
    }
}
