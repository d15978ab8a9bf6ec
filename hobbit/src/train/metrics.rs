//! What is measured: the metrics, their names and directions.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::loss::Loss;
use super::measured::Measured;
use crate::error::{Error, Result};
use crate::trial::Direction;

/// A metric of a model, beside its loss.
///
/// [`Auc`](Metric::Auc), [`F1`](Metric::F1) and [`R2`](Metric::R2) are of all samples of an epoch or of a
/// validation together, and not means over batches; in training they go by the outputs that each batch had
/// when it was its turn. All of them count samples alike, whatever their weights. With several networks
/// (folds, executions) a metric is the mean of theirs.
///
/// ```
/// use hobbit::train::{Adam, Loss, Metric, Sequential};
///
/// let network = Sequential::new([4]).dense(10);
/// let model = network.compile(Adam::new(1e-3), Loss::CrossEntropy);
/// let model = model.metrics([Metric::Accuracy, Metric::TopK(3), Metric::F1, Metric::Auc]);
/// model.check()?; // a sweep can have the monitor `val_f1`, `val_auc` or `val_top3_accuracy`
/// # Ok::<(), hobbit::Error>(())
/// ```
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
    /// `auc`: the area under the ROC curve, which is the probability that a sample of a class has a larger
    /// output for it than a sample of another; equal outputs count half (Hanley and McNeil, Radiology 143,
    /// 1982). For yes and no it is that of yes, and for two classes that of the second; for several questions
    /// of yes or no, the mean of theirs. For more classes it is the mean over all, each against all others, by
    /// their probabilities. What has only one answer in the data is left out of a mean; where nothing is left,
    /// the area is NaN.
    Auc,
    /// `f1`: the mean over all classes of 2·tp / (2·tp + fp + fn), with the true positives, false positives
    /// and false negatives of each (macro). Classes that no sample has and none is given are left out. For yes
    /// and no it is the mean over both; for several questions of yes or no, that over the F1 of the yes of
    /// each, which is 0 where there is none.
    F1,
    /// `top3_accuracy` for 3: the share of samples whose class is among those with the largest outputs, here
    /// three. Of equal outputs the first counts as the largest.
    TopK(usize),
    /// `r2`: the coefficient of determination, 1 - Σ(target - output)² / Σ(target - mean target)²; of several
    /// outputs, the mean of theirs. Where all targets are equal it is 1 if all outputs are right, and 0
    /// otherwise.
    R2,
    /// A function of your own: its mean over all samples, or of all samples together.
    Custom(CustomMetric),
}

/// A metric of your own: its name, and a function of a sample's outputs and its target.
///
/// Outputs are the network's, before any softmax or sigmoid; the target is as many numbers, or the class
/// alone as one number.
///
/// Everything that watches the metric (the sweep's monitor, early stopping, a schedule) has to know which way
/// it gets better: say [`maximize`](CustomMetric::maximize) or [`minimize`](CustomMetric::minimize), unless
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
    pub(super) function: Function,
    pub(super) direction: Option<Direction>,
}

/// What a metric of users' own is computed by.
#[derive(Debug, Clone, Copy)]
pub(super) enum Function {
    /// Of a sample's outputs and target.
    Each(fn(&[f32], &[f32]) -> f64),
    /// Of all samples.
    All(fn(&Measured<'_>) -> f64),
}

impl CustomMetric {
    /// With this name; validation reports it with `val_` before.
    pub fn new(name: &'static str, function: fn(&[f32], &[f32]) -> f64) -> CustomMetric {
        CustomMetric { name, function: Function::Each(function), direction: None }
    }

    /// With this name, of all samples together: what is no mean over samples, such as a correlation or a
    /// quantile.
    ///
    /// ```
    /// use hobbit::train::{CustomMetric, Measured, Metric};
    ///
    /// fn largest_error(all: &Measured<'_>) -> f64 {
    ///     all.rows().map(|(outputs, target)| f64::from((outputs[0] - target[0]).abs())).fold(0.0, f64::max)
    /// }
    ///
    /// let metric = Metric::Custom(CustomMetric::of_all("largest_error", largest_error));
    /// # assert_eq!(metric.direction(), Some(hobbit::Direction::Minimize));
    /// ```
    pub fn of_all(name: &'static str, function: fn(&Measured<'_>) -> f64) -> CustomMetric {
        CustomMetric { name, function: Function::All(function), direction: None }
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
            Metric::Auc => "auc",
            Metric::F1 => "f1",
            Metric::TopK(count) => top_name(*count),
            Metric::R2 => "r2",
            Metric::Custom(custom) => custom.name,
        }
    }

    /// Whether it is of all samples together.
    pub(super) fn is_of_all(&self) -> bool {
        match self {
            Metric::Auc | Metric::F1 | Metric::R2 => true,
            Metric::Accuracy | Metric::MeanSquaredError | Metric::MeanAbsoluteError | Metric::TopK(_) => {
                false
            }
            Metric::Custom(CustomMetric { function, .. }) => matches!(function, Function::All(_)),
        }
    }

    /// Which way it gets better; nothing for a metric of your own that does not say, unless
    /// [its name does](Direction::known).
    pub fn direction(&self) -> Option<Direction> {
        match self {
            Metric::Accuracy | Metric::Auc | Metric::F1 | Metric::TopK(_) | Metric::R2 => {
                Some(Direction::Maximize)
            }
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

/// The name of a top-k accuracy. Names live as long as the program, so each is made once.
fn top_name(count: usize) -> &'static str {
    static NAMES: Mutex<BTreeMap<usize, &'static str>> = Mutex::new(BTreeMap::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    names.entry(count).or_insert_with(|| format!("top{count}_accuracy").leak())
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
