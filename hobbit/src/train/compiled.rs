//! What a model function returns: network, optimizer, loss and everything else that is to be known for
//! training, as plain data.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::callback::{Callback, EpochEnd};
use super::layer::Layer;
use super::loss::Loss;
use super::metrics::Metric;
use super::optimizer::Optimizer;
use super::schedule::Schedule;
use super::stopping::EarlyStopping;
use crate::error::BoxError;

/// A model, as a model function returns it: plain data that has not been checked.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Compiled {
    pub(super) input: Vec<usize>,
    pub(super) layers: Vec<Layer>,
    pub(super) optimizer: Optimizer,
    pub(super) loss: Loss,
    pub(super) metrics: Vec<Metric>,
    pub(super) batch_size: Option<usize>,
    pub(super) schedule: Schedule,
    pub(super) clip_norm: Option<f64>,
    pub(super) clip_value: Option<f64>,
    pub(super) l1: f64,
    pub(super) l2: f64,
    pub(super) label_smoothing: f64,
    pub(super) class_weights: Option<Vec<f32>>,
    pub(super) early_stopping: Option<EarlyStopping>,
    pub(super) callbacks: Vec<Callback>,
}

impl Compiled {
    pub(super) fn new(input: Vec<usize>, layers: Vec<Layer>, optimizer: Optimizer, loss: Loss) -> Compiled {
        Compiled {
            input,
            layers,
            optimizer,
            loss,
            metrics: Metric::of(loss),
            batch_size: None,
            schedule: Schedule::constant(),
            clip_norm: None,
            clip_value: None,
            l1: 0.0,
            l2: 0.0,
            label_smoothing: 0.0,
            class_weights: None,
            early_stopping: None,
            callbacks: Vec::new(),
        }
    }

    /// Sets what is measured beside the loss. By default this depends on the loss: accuracy for classes and
    /// for yes and no, the mean squared and absolute errors otherwise. Each is reported for training, and
    /// with `val_` before its name for validation.
    pub fn metrics(mut self, metrics: impl IntoIterator<Item = Metric>) -> Compiled {
        self.metrics = metrics.into_iter().collect();
        self
    }

    /// Sets the number of samples per training step, in place of the sweep's setting, so that it can be
    /// tuned.
    pub fn batch_size(mut self, samples: usize) -> Compiled {
        self.batch_size = Some(samples);
        self
    }

    /// Sets how the learning rate changes during training. Default: it is constant.
    pub fn schedule(mut self, schedule: Schedule) -> Compiled {
        self.schedule = schedule;
        self
    }

    /// Scales a step's gradient down to this Euclidean norm, over all parameters, where it is longer (Pascanu
    /// et al., ICML 2013).
    pub fn clip_norm(mut self, norm: f64) -> Compiled {
        self.clip_norm = Some(norm);
        self
    }

    /// Clamps every gradient element to [-value, value], before [`clip_norm`](Compiled::clip_norm) if both
    /// are set.
    pub fn clip_value(mut self, value: f64) -> Compiled {
        self.clip_value = Some(value);
        self
    }

    /// Adds this times the sum of the weights' absolute values to what is minimized. Biases and
    /// normalizations are left out, and so is the sum in the `loss` that is reported: losses stay comparable
    /// between trials.
    pub fn l1(mut self, strength: f64) -> Compiled {
        self.l1 = strength;
        self
    }

    /// Adds this times the sum of the weights' squares to what is minimized, like [`l1`](Compiled::l1).
    pub fn l2(mut self, strength: f64) -> Compiled {
        self.l2 = strength;
        self
    }

    /// Takes this share of the probability from the right class and gives it to all classes equally (Szegedy
    /// et al., CVPR 2016). In validation as well.
    pub fn label_smoothing(mut self, share: f64) -> Compiled {
        self.label_smoothing = share;
        self
    }

    /// Sets the weight of each class in training. Validation is not weighted.
    ///
    /// A weighted loss is the sum of the samples' weighted losses over their number.
    pub fn class_weights(mut self, weights: impl Into<Vec<f32>>) -> Compiled {
        self.class_weights = Some(weights.into());
        self
    }

    /// Ends a stage's training when a metric has stopped improving. The stage then has fewer epochs.
    pub fn early_stopping(mut self, rule: EarlyStopping) -> Compiled {
        self.early_stopping = Some(rule);
        self
    }

    /// Calls a function after each epoch, with its metrics. `ControlFlow::Break` ends the stage's training,
    /// as [`early_stopping`](Compiled::early_stopping) does: the epoch is the stage's last.
    ///
    /// Trials run side by side, so the function may be called by several threads at once.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use hobbit::train::{Adam, Loss, Sequential};
    ///
    /// let model = Sequential::new([4]).dense(1).compile(Adam::new(1e-3), Loss::MeanSquaredError).on_epoch_end(|end| {
    ///     if end.metrics.get("val_mse").is_some_and(|mse| mse < 1e-4) {
    ///         return ControlFlow::Break(());
    ///     }
    ///     ControlFlow::Continue(())
    /// });
    /// ```
    pub fn on_epoch_end(
        mut self,
        callback: impl Fn(&EpochEnd<'_>) -> ControlFlow<()> + Send + Sync + 'static,
    ) -> Compiled {
        self.callbacks.push(Callback(Arc::new(callback)));
        self
    }
}

/// What a model function may return: a [`Compiled`] model, or a `Result` with one.
pub trait IntoModel {
    /// The model, or why there is none.
    fn into_model(self) -> Result<Compiled, BoxError>;
}

impl IntoModel for Compiled {
    fn into_model(self) -> Result<Compiled, BoxError> {
        Ok(self)
    }
}

impl<E: Into<BoxError>> IntoModel for Result<Compiled, E> {
    fn into_model(self) -> Result<Compiled, BoxError> {
        self.map_err(Into::into)
    }
}
