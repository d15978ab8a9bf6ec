//! What is measured: the metrics, their names and directions.

use std::borrow::Cow;

use super::loss::Loss;
use crate::error::{Error, Result};
use crate::trial::Direction;

/// A metric of a model, beside its loss.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Metric {
    /// `accuracy`: the share of samples whose largest output is their class; for yes and no, of outputs on
    /// the right side of 0.
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
/// Outputs are the network's, before any softmax or sigmoid; the target is as many numbers, or the class
/// alone as one number.
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

/// # Errors
/// The model does not report what a rule looks at.
pub(super) fn check_watched(what: &str, watched: &str, metrics: &[Metric]) -> Result<()> {
    let known = [false, true].into_iter().flat_map(|validation| names(metrics, validation));
    let known: Vec<_> = known.collect();
    if known.iter().any(|name| name == watched) {
        return Ok(());
    }
    Err(Error::model(format!("{what} looks at `{watched}`, but the model reports {}", known.join(", "))))
}
