//! Tells another program of everything that happens in a sweep, as lines of JSON: the beginning of a connection to MLflow, Weights &
//! Biases, or any other tracker.
//!
//! `cargo run --release --example json_lines --no-default-features` prints the lines. Instead of printing them, post each one to your
//! tracker, or write them to the standard input of a script that does.

use std::borrow::Cow;
use std::io::Write;

use hobbit::prelude::*;
use hobbit::space::Value;
use hobbit::{BoxError, Checkpoint, EpochContext, Event, Metrics, Observer, Status, TrialContext};
use serde_json::{Map, Value as Json, json};

/// Writes each event as a line of JSON.
struct JsonLines<W>(W);

impl<W: Write + Send + 'static> Observer for JsonLines<W> {
    fn event(&mut self, event: &Event) -> Result<(), BoxError> {
        let line = match event {
            Event::Started(study) => {
                json!({ "event": "started", "monitor": study.monitor, "seed": study.seed, "trials": study.plan.total_trials() })
            }
            Event::StageStarted { trial, stage, hparams, .. } => {
                json!({ "event": "stage_started", "run": trial, "stage": stage + 1, "params": params(hparams) })
            }
            Event::Epoch { trial, epoch, metrics, .. } => {
                let metrics: Map<String, Json> =
                    metrics.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
                json!({ "event": "metrics", "run": trial, "step": epoch, "metrics": metrics })
            }
            Event::StageEnded { record, replayed, hparams } => {
                // what an earlier process trained comes without its epochs: they are in `record.history`
                let score = record.score.map(|(score, _)| score);
                json!({ "event": "stage_ended", "run": record.trial, "stage": record.stage + 1, "score": score,
                    "replayed": replayed, "params": params(hparams) })
            }
            Event::TrialEnded { trial, status } => {
                let status = match status {
                    Status::Finished => "finished",
                    Status::Dropped(_) => "dropped",
                    _ => "failed",
                };
                json!({ "event": "ended", "run": trial, "status": status })
            }
            Event::Note(text) => json!({ "event": "note", "text": text }),
            Event::Ended { stopped } => json!({ "event": "done", "stopped": stopped }),
            // there may be more kinds of events one day
            _ => return Ok(()),
        };
        // an error ends the reports, not the sweep
        writeln!(self.0, "{line}")?;
        Ok(())
    }
}

fn params(hparams: &[(String, Value)]) -> Map<String, Json> {
    let json = |value: &Value| match value {
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Float(value) => json!(value),
        other => json!(other.to_string()),
    };
    hparams.iter().map(|(name, value)| (name.clone(), json(value))).collect()
}

#[search_space]
struct Hparams {
    /// How far a step goes.
    #[log_uniform(1e-3..=1.0)]
    learning_rate: f64,
}

/// Goes down a parabola.
struct Parabola;

impl Objective for Parabola {
    type Hparams = Hparams;
    /// Where it is, and its learning rate.
    type Model = (f64, f64);

    fn metrics(&self, _: &Hparams) -> Result<Vec<Cow<'static, str>>, BoxError> {
        Ok(vec!["val_loss".into()])
    }

    fn build(&self, hp: &Hparams, _: &TrialContext) -> Result<Self::Model, BoxError> {
        Ok((1.0, hp.learning_rate))
    }

    fn train_epoch(
        &self,
        (x, rate): &mut Self::Model,
        _: &EpochContext<'_>,
        _: &mut Metrics,
    ) -> Result<(), BoxError> {
        *x -= *rate * 2.0 * *x;
        Ok(())
    }

    fn validate(
        &self,
        (x, _): &mut Self::Model,
        _: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        metrics.report("val_loss", *x * *x);
        Ok(())
    }

    fn save(&self, (x, _): &Self::Model) -> Result<Checkpoint, BoxError> {
        let mut checkpoint = Checkpoint::new();
        checkpoint.insert_f64("x", &[], vec![*x]);
        Ok(checkpoint)
    }

    fn load(&self, (x, _): &mut Self::Model, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        *x = checkpoint.f64("x", &[])?[0];
        Ok(())
    }
}

fn main() -> hobbit::Result<()> {
    Hyperband::of(Parabola).quiet().observe(JsonLines(std::io::stdout())).run(9, 3)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use hobbit::Key;

    use super::*;

    /// Checkpoints, keys, names: whatever a sweep relies on. `cargo test --example json_lines` runs it.
    #[test]
    fn the_objective_keeps_its_promises() {
        let drawn = (0..3).map(|seed| Hparams::draw(Key::new(seed)).expect("the space is not empty"));
        hobbit::testing::objective(|| Parabola, drawn);
    }
}
