//! What is measured: names, and adding up over batches.

use std::borrow::Cow;
use std::slice::ChunksExact;

use super::data::Batch;
use super::loss::Loss;
use super::native::math::{Work, simd, with_width};
use crate::trial::Direction;

/// A metric of a model, beside its loss.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Metric {
    /// `accuracy`: the share of samples whose largest output is their class; for yes and no, of outputs on the right side of 0.
    Accuracy,
    /// `mse`: the mean squared error.
    MeanSquaredError,
    /// `mae`: the mean absolute error.
    MeanAbsoluteError,
    /// The mean of a function over all samples.
    Custom(CustomMetric),
}

/// A metric of your own: its name, and a function of a sample's outputs and its target.
///
/// Outputs are the network's, before any softmax or sigmoid; the target is as many numbers, or the class alone as one number.
///
/// Whoever watches the metric (the sweep's monitor, early stopping, a schedule) has to know which way it gets
/// better: say [`maximize`](CustomMetric::maximize) or [`minimize`](CustomMetric::minimize), unless
/// [its name says so](Direction::known).
///
/// ```
/// use hobbit::train::{Adam, CustomMetric, Loss, Metric, Sequential};
///
/// fn within_a_tenth(outputs: &[f32], target: &[f32]) -> f64 {
///     f64::from((outputs[0] - target[0]).abs() < 0.1)
/// }
///
/// let model = Sequential::new([4])
///     .dense(1)
///     .compile(Adam::new(1e-3), Loss::MeanSquaredError)
///     .metrics([Metric::Custom(CustomMetric::new("within_a_tenth", within_a_tenth).maximize())]);
/// # model.check().unwrap();
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CustomMetric {
    pub(super) name: &'static str,
    pub(super) function: fn(&[f32], &[f32]) -> f64,
    pub(super) direction: Option<Direction>,
}

impl CustomMetric {
    /// With this name; validation reports it with `val_` before.
    pub fn new(name: &'static str, function: fn(&[f32], &[f32]) -> f64) -> CustomMetric {
        CustomMetric { name, function, direction: None }
    }

    /// Larger values are better.
    pub fn maximize(self) -> CustomMetric {
        self.direction(Direction::Maximize)
    }

    /// Smaller values are better.
    pub fn minimize(self) -> CustomMetric {
        self.direction(Direction::Minimize)
    }

    /// Sets which way the metric gets better. Default: [what its name says](Direction::known), if that is
    /// clear.
    pub fn direction(self, direction: Direction) -> CustomMetric {
        CustomMetric { direction: Some(direction), ..self }
    }
}

impl PartialEq for Metric {
    fn eq(&self, other: &Metric) -> bool {
        self.name() == other.name()
    }
}

impl Metric {
    /// Its name in training.
    pub fn name(&self) -> &'static str {
        match self {
            Metric::Accuracy => "accuracy",
            Metric::MeanSquaredError => "mse",
            Metric::MeanAbsoluteError => "mae",
            Metric::Custom(custom) => custom.name,
        }
    }

    /// Which way it gets better; nothing for a metric of your own that does not say, unless
    /// [its name does](Direction::known).
    pub fn direction(&self) -> Option<Direction> {
        match self {
            Metric::Accuracy => Some(Direction::Maximize),
            Metric::MeanSquaredError | Metric::MeanAbsoluteError => Some(Direction::Minimize),
            Metric::Custom(custom) => custom.direction.or_else(|| Direction::known(custom.name)),
        }
    }

    /// What a model with this loss reports unless told otherwise.
    pub(super) fn of(loss: Loss) -> Vec<Metric> {
        if loss.is_classification() {
            vec![Metric::Accuracy]
        } else {
            vec![Metric::MeanSquaredError, Metric::MeanAbsoluteError]
        }
    }

    /// The sum over a batch, and over how many it is.
    fn sum(self, loss: Loss, outputs: &[f32], batch: &Batch) -> (f64, f64) {
        let width = outputs.len() / batch.samples;
        let errors = || outputs.iter().zip(&batch.values).map(|(&z, &t)| f64::from(z) - f64::from(t));
        match self {
            Metric::Accuracy if loss.has_classes() => {
                let rows = outputs.chunks_exact(width);
                let right = if batch.values.is_empty() {
                    simd(Right { rows, classes: &batch.classes, width })
                } else {
                    let targets = batch.values.chunks_exact(width);
                    rows.zip(targets).filter(|&(row, target)| argmax(row) == argmax(target)).count()
                };
                (right as f64, batch.samples as f64)
            }
            Metric::Accuracy => {
                let pairs = outputs.iter().zip(&batch.values);
                let right = pairs.filter(|&(&z, &t)| (z > 0.0) == (t > 0.5)).count();
                (right as f64, outputs.len() as f64)
            }
            Metric::MeanSquaredError => (errors().map(|e| e * e).sum(), outputs.len() as f64),
            Metric::MeanAbsoluteError => (errors().map(f64::abs).sum(), outputs.len() as f64),
            Metric::Custom(custom) => {
                let of =
                    |(sample, row): (usize, &[f32])| (custom.function)(row, batch.target(sample, &mut [0.0]));
                let sum = outputs.chunks_exact(width).enumerate().map(of).sum();
                (sum, batch.samples as f64)
            }
        }
    }
}

/// Which way something that is measured gets better, by its name in training or validation. Nothing for what
/// is not measured, or does not say.
pub(super) fn direction_of(metrics: &[Metric], name: &str) -> Option<Direction> {
    match name.strip_prefix("val_").unwrap_or(name) {
        "loss" => Some(Direction::Minimize),
        name => metrics.iter().find(|metric| metric.name() == name)?.direction(),
    }
}

/// The names of what is measured in training or, with `val_`, in validation: the loss, and then the metrics.
pub(super) fn names(metrics: &[Metric], validation: bool) -> impl Iterator<Item = Cow<'static, str>> {
    let all = std::iter::once("loss").chain(metrics.iter().map(Metric::name));
    all.map(move |name| if validation { Cow::Owned(format!("val_{name}")) } else { Cow::Borrowed(name) })
}

/// Adds up what is measured batch by batch.
#[derive(Debug, Default)]
pub(super) struct Tally {
    samples: usize,
    loss: f64,
    sums: Vec<(f64, f64)>,
}

impl Tally {
    /// Takes a batch: the sum of its losses, and its outputs row by row.
    pub(super) fn add(&mut self, metrics: &[Metric], kind: Loss, loss: f64, outputs: &[f32], batch: &Batch) {
        self.samples += batch.samples;
        self.loss += loss;
        self.sums.resize(metrics.len(), (0.0, 0.0));
        for (metric, total) in metrics.iter().zip(&mut self.sums) {
            let (sum, count) = metric.sum(kind, outputs, batch);
            total.0 += sum;
            total.1 += count;
        }
    }

    /// The mean loss.
    pub(super) fn loss(&self) -> f64 {
        self.loss / self.samples as f64
    }

    /// The values, in the order of [`names`].
    pub(super) fn values(&self) -> impl Iterator<Item = f64> {
        std::iter::once(self.loss()).chain(self.sums.iter().map(|(sum, count)| sum / count))
    }
}

/// How many rows are largest at their classes.
struct Right<'a> {
    rows: ChunksExact<'a, f32>,
    classes: &'a [u32],
    width: usize,
}

impl Work for Right<'_> {
    type Output = usize;

    #[inline(always)]
    fn call(self) -> usize {
        let Right { rows, classes, width } = self;
        let all = rows.zip(classes);
        with_width!(width => all.filter(|&(row, &class)| is_largest(&row[..width], class as usize)).count())
    }
}

/// Whether [`argmax`] is this place, in a row of numbers; without branches, which would be mispredicted.
#[inline(always)]
fn is_largest(row: &[f32], place: usize) -> bool {
    let value = row[place];
    let beaten = |(at, &other): (usize, &f32)| (other < value) | ((other == value) & (at >= place));
    row.iter().enumerate().fold(true, |all, other| all & beaten(other))
}

/// The place of the largest number; the first of equal ones.
pub(super) fn argmax(row: &[f32]) -> usize {
    let mut best = 0;
    for (position, &value) in row.iter().enumerate() {
        if value > row[best] {
            best = position;
        }
    }
    best
}
