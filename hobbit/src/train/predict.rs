//! What a model makes of samples: predictions, and how good they are.

use std::sync::Arc;

use super::data::{Batch, Inputs, Part, Table, Targets};
use super::features::Given;
use super::math::{self, argmax};
use super::model::Model;
use super::names::OutputKind;
use super::network::Network;
use super::tally::{Tally, measure};
use crate::error::{Error, Result};
use crate::objective::Metrics;

/// Samples that are predicted at once.
const BATCH: usize = 512;

impl Model {
    /// Predictions for samples that come one after the other, each flat: raw, if the network normalizes them
    /// itself ([`Normalize`](super::Normalize)), or else prepared as those that it was trained on.
    ///
    /// # Errors
    /// Numbers that do not make whole samples.
    pub fn predict(&self, inputs: &[f32]) -> Result<Predictions> {
        let (width, outputs) = self.plan.widths();
        if !inputs.len().is_multiple_of(width) {
            return Err(Error::data(format!(
                "{} numbers are not a whole number of samples: the model takes samples of {width}",
                inputs.len()
            )));
        }
        let output = self.output();
        let mut means: Vec<f32> = Vec::new();
        for member in &self.members {
            let mut network = member.lock();
            let mut values = Vec::with_capacity(inputs.len() / width * outputs);
            for batch in inputs.chunks(width * BATCH) {
                network.outputs(Given::Numbers(batch), batch.len() / width, &mut values).map_err(
                    |error| Error::model(format!("prediction failed: {error}")).with_source(error),
                )?;
            }
            if output == OutputKind::Classes {
                values.chunks_exact_mut(outputs).for_each(softmax);
            } else if output == OutputKind::Binary {
                values.iter_mut().for_each(|value| *value = 1.0 / (1.0 + math::exp_of(-*value)));
            }
            if means.is_empty() {
                means = values;
            } else {
                means.iter_mut().zip(values).for_each(|(mean, value)| *mean += value);
            }
        }
        if self.members.len() > 1 {
            means.iter_mut().for_each(|mean| *mean /= self.members.len() as f32);
        }
        Ok(Predictions { values: means, width: outputs, output, labels: self.labels.clone() })
    }

    /// Predictions for the rows of a table. Its columns are found by the names that the data had
    /// ([`feature_names`](super::Dataset::feature_names)), in whatever order they are; others are left alone.
    /// With an [`Encoder`](super::Encoder), which is kept with the model, texts and missing values become
    /// what they became in training.
    ///
    /// # Errors
    /// The data had no names; a column is not there; or a field of it is missing, not a number, or an unknown
    /// text, where no rule covers that: with its line.
    pub fn predict_table(&self, table: &Table) -> Result<Predictions> {
        self.predict(&self.numbers_of(table)?)
    }

    /// The numbers that the rows of a table are.
    fn numbers_of(&self, table: &Table) -> Result<Vec<f32>> {
        if let Some(encoder) = self.encoder() {
            return encoder.encode(table);
        }
        if self.feature_names().is_empty() {
            return Err(Error::data(
                "the model does not know which columns it takes: give its data an `encoder` or `feature_names`, or pick the \
                 columns with `Table::numbers` and call `predict`",
            ));
        }
        let columns: Vec<&str> = self.feature_names().iter().map(String::as_str).collect();
        table.numbers(&columns)
    }

    /// The loss and metrics on the rows of a table, of which this column has what is to be predicted: classes
    /// by their names, or numbers. Otherwise as [`predict_table`](Model::predict_table) and
    /// [`evaluate`](Model::evaluate).
    ///
    /// # Errors
    /// As for these; or the column is not there, or has a class that the model does not know: with its line.
    pub fn evaluate_table(&self, table: &Table, target: &str) -> Result<Metrics> {
        let inputs = self.numbers_of(table)?;
        let (_, outputs) = self.plan.widths();
        match self.output() {
            OutputKind::Numbers if outputs == 1 => self.evaluate(inputs, table.numbers(&[target])?),
            OutputKind::Numbers => Err(Error::data(format!(
                "the model predicts {outputs} numbers of each row, and `{target}` is one: take `evaluate`"
            ))),
            OutputKind::Binary if outputs > 1 => Err(Error::data(format!(
                "the model answers {outputs} questions of yes or no for each row, and `{target}` is one: take `evaluate`"
            ))),
            _ => self.evaluate(inputs, table.classes_with(target, &self.labels)?),
        }
    }

    /// The loss and metrics on samples with known targets: `loss`, and `accuracy` or `mse` and `mae`. With
    /// several networks, the means of theirs.
    ///
    /// A model that was [loaded](super::load) reports hobbit's own metrics only.
    ///
    /// # Errors
    /// Data that do not fit the model; or a model that was loaded without its model function and has a loss
    /// of your own.
    pub fn evaluate(&self, inputs: impl Into<Inputs>, targets: impl Into<Targets>) -> Result<Metrics> {
        if let Some(loss) = &self.lost_loss {
            return Err(Error::model(format!(
                "the loss `{loss}` is code of the program that trained the model: load it with `load_with` to evaluate it"
            )));
        }
        let part = Part::new("test", inputs.into(), targets.into())?;
        let (width, outputs) = self.plan.widths();
        if part.width() != width {
            return Err(Error::data(format!(
                "the model takes samples of {width} numbers, but a test sample has {}",
                part.width()
            )));
        }
        part.check(outputs, self.description.loss)?;
        let mut batch = Batch::default();
        let mut tallies = Vec::with_capacity(self.members.len());
        for member in &self.members {
            let mut network = member.lock();
            let mut tally = Tally::default();
            for order in part.in_order().chunks(BATCH) {
                // data that are looked at once are not kept on a device
                part.gather(order, self.description.loss, false, &mut batch);
                let buffers = (&mut Vec::new(), &mut Vec::new());
                measure(&self.description, &mut *network, &batch, buffers, &mut tally).map_err(|error| {
                    Error::model(format!("evaluation failed: {error}")).with_source(error)
                })?;
            }
            tallies.push(tally);
        }
        let mut metrics = Metrics::new();
        self.report(&tallies, false, &mut metrics);
        Ok(metrics)
    }
}

fn softmax(row: &mut [f32]) {
    let largest = row[argmax(row)];
    row.iter_mut().for_each(|value| *value = math::exp_of(*value - largest));
    let sum: f32 = row.iter().sum();
    row.iter_mut().for_each(|value| *value /= sum);
}

/// What a model says of samples: probabilities for classes, numbers otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    values: Vec<f32>,
    width: usize,
    output: OutputKind,
    labels: Arc<[String]>,
}

impl Predictions {
    /// A row for each sample.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.width)
    }

    /// All numbers, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// How many numbers each row has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// What the numbers mean.
    pub fn output(&self) -> OutputKind {
        self.output
    }

    /// The most probable class of each sample.
    pub fn classes(&self) -> Vec<usize> {
        let binary = self.output == OutputKind::Binary && self.width == 1;
        self.rows().map(|row| if binary { usize::from(row[0] > 0.5) } else { argmax(row) }).collect()
    }

    /// The most probable class of each sample, by its name; by its number where the data had no
    /// [`class_names`](super::Dataset::class_names).
    ///
    /// # Errors
    /// The model predicts numbers, or several yes-or-no answers for each sample.
    pub fn labels(&self) -> Result<Vec<&str>> {
        let why = match self.output {
            OutputKind::Numbers => "the model predicts numbers, which have no classes: see `rows`",
            OutputKind::Binary if self.width > 1 => {
                "the model answers several questions of yes or no for each sample: see `rows` for their probabilities"
            }
            OutputKind::Classes | OutputKind::Binary => {
                return Ok(self.classes().into_iter().map(|class| self.labels[class].as_str()).collect());
            }
        };
        Err(Error::data(why))
    }

    /// The names of all classes, in the order of their numbers; their numbers where the data had no names.
    /// Empty for models that predict numbers.
    pub fn class_names(&self) -> &[String] {
        &self.labels
    }

    /// The probability of each class, a row for each sample in the order of
    /// [`class_names`](Predictions::class_names): for yes-or-no answers, of both. Empty for models that
    /// predict numbers.
    pub fn probabilities(&self) -> Vec<Vec<f32>> {
        let row = |row: &[f32]| match self.output {
            OutputKind::Binary if self.width == 1 => vec![1.0 - row[0], row[0]],
            _ => row.to_vec(),
        };
        match self.output {
            OutputKind::Numbers => Vec::new(),
            OutputKind::Classes | OutputKind::Binary => self.rows().map(row).collect(),
        }
    }
}
