//! Optimizers as data: what a model function says of them.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How parameters follow their gradients.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Optimizer {
    /// Stochastic gradient descent.
    Sgd(Sgd),
    /// Adam.
    Adam(Adam),
    /// Adam with decoupled weight decay.
    AdamW(AdamW),
    /// RMSprop.
    RmsProp(RmsProp),
}

/// Stochastic gradient descent, with momentum if wanted: v = μ v + g, then w = w - lr v; Nesterov: w = w - lr
/// (g + μ v).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sgd {
    pub(super) learning_rate: f64,
    pub(super) momentum: f64,
    pub(super) nesterov: bool,
    pub(super) weight_decay: f64,
}

/// Adam (Kingma and Ba, ICLR 2015, algorithm 1). Weight decay is added to the gradient.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Adam {
    pub(super) learning_rate: f64,
    pub(super) betas: [f64; 2],
    pub(super) epsilon: f64,
    pub(super) weight_decay: f64,
}

/// Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdamW(pub(super) Adam);

/// RMSprop (Tieleman and Hinton, 2012): s = α s + (1 - α) g², then w = w - lr g / (√s + ε), with s zero at
/// first; with momentum, v = μ v + g / (√s + ε), then w = w - lr v. Weight decay is added to the gradient.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RmsProp {
    pub(super) learning_rate: f64,
    pub(super) alpha: f64,
    pub(super) epsilon: f64,
    pub(super) momentum: f64,
    pub(super) weight_decay: f64,
}

impl Sgd {
    /// Without momentum.
    pub fn new(learning_rate: f64) -> Sgd {
        Sgd { learning_rate, momentum: 0.0, nesterov: false, weight_decay: 0.0 }
    }

    /// The momentum μ. Default: 0.
    pub fn momentum(self, momentum: f64) -> Sgd {
        Sgd { momentum, ..self }
    }

    /// Nesterov's momentum μ.
    pub fn nesterov(self, momentum: f64) -> Sgd {
        Sgd { momentum, nesterov: true, ..self }
    }

    /// The weight decay, added to the gradient. Default: 0.
    pub fn weight_decay(self, weight_decay: f64) -> Sgd {
        Sgd { weight_decay, ..self }
    }
}

impl Adam {
    /// With betas 0.9 and 0.999, and epsilon 1e-8.
    pub fn new(learning_rate: f64) -> Adam {
        Adam { learning_rate, betas: [0.9, 0.999], epsilon: 1e-8, weight_decay: 0.0 }
    }

    /// The decay of both moments.
    pub fn betas(self, first: f64, second: f64) -> Adam {
        Adam { betas: [first, second], ..self }
    }

    /// Added to the denominator.
    pub fn epsilon(self, epsilon: f64) -> Adam {
        Adam { epsilon, ..self }
    }

    /// The weight decay, added to the gradient. Default: 0.
    pub fn weight_decay(self, weight_decay: f64) -> Adam {
        Adam { weight_decay, ..self }
    }
}

impl AdamW {
    /// With betas 0.9 and 0.999, epsilon 1e-8, and this decoupled weight decay: w = w - lr · decay · w at
    /// every step.
    pub fn new(learning_rate: f64, weight_decay: f64) -> AdamW {
        AdamW(Adam::new(learning_rate).weight_decay(weight_decay))
    }

    /// The decay of both moments.
    pub fn betas(self, first: f64, second: f64) -> AdamW {
        AdamW(self.0.betas(first, second))
    }

    /// Added to the denominator.
    pub fn epsilon(self, epsilon: f64) -> AdamW {
        AdamW(self.0.epsilon(epsilon))
    }
}

impl RmsProp {
    /// With alpha 0.9 and epsilon 1e-8.
    pub fn new(learning_rate: f64) -> RmsProp {
        RmsProp { learning_rate, alpha: 0.9, epsilon: 1e-8, momentum: 0.0, weight_decay: 0.0 }
    }

    /// The decay α of the mean square. Default: 0.9.
    pub fn alpha(self, alpha: f64) -> RmsProp {
        RmsProp { alpha, ..self }
    }

    /// Added to the root of the mean square. Default: 1e-8.
    pub fn epsilon(self, epsilon: f64) -> RmsProp {
        RmsProp { epsilon, ..self }
    }

    /// The momentum. Default: 0.
    pub fn momentum(self, momentum: f64) -> RmsProp {
        RmsProp { momentum, ..self }
    }

    /// The weight decay, added to the gradient. Default: 0.
    pub fn weight_decay(self, weight_decay: f64) -> RmsProp {
        RmsProp { weight_decay, ..self }
    }

    /// α as Adam's kernels take it, which divide by 1 - αᵗ.
    pub(super) fn kept_share(&self) -> f64 {
        self.alpha.min(1.0 - f64::from(f32::EPSILON))
    }
}

macro_rules! into_optimizer {
    ($($name:ident)*) => {
        $(impl From<$name> for Optimizer {
            fn from(optimizer: $name) -> Optimizer {
                Optimizer::$name(optimizer)
            }
        })*
    };
}

into_optimizer!(Sgd Adam AdamW RmsProp);

impl Optimizer {
    /// The optimizer's name.
    pub fn name(&self) -> &'static str {
        match self {
            Optimizer::Sgd(_) => "SGD",
            Optimizer::Adam(_) => "Adam",
            Optimizer::AdamW(_) => "AdamW",
            Optimizer::RmsProp(_) => "RMSprop",
        }
    }

    /// The learning rate, before any schedule.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Optimizer::Sgd(sgd) => sgd.learning_rate,
            Optimizer::Adam(adam) | Optimizer::AdamW(AdamW(adam)) => adam.learning_rate,
            Optimizer::RmsProp(rms) => rms.learning_rate,
        }
    }

    /// The arrays of state that each parameter has, by their names in checkpoints.
    pub(super) fn slot_names(&self) -> &'static [&'static str] {
        match self {
            Optimizer::Sgd(Sgd { momentum: 0.0, .. }) => &[],
            Optimizer::Sgd(_) => &["velocity"],
            Optimizer::Adam(_) | Optimizer::AdamW(_) => &["moment1", "moment2"],
            Optimizer::RmsProp(RmsProp { momentum: 0.0, .. }) => &["mean_square"],
            Optimizer::RmsProp(_) => &["mean_square", "velocity"],
        }
    }

    /// How many arrays of state each parameter has.
    pub(super) fn slots(&self) -> usize {
        self.slot_names().len()
    }

    /// # Errors
    /// The setting that is not allowed, and what is.
    pub(super) fn check(&self) -> Result<()> {
        let name = self.name();
        let not_negative = |setting: &str, value: f64| {
            if value.is_finite() && value >= 0.0 {
                Ok(())
            } else {
                Err(Error::model(format!(
                    "the {setting} of {name} is {value}; it has to be a number that is not negative"
                )))
            }
        };
        let share = |setting: &str, value: f64| {
            if (0.0..1.0).contains(&value) {
                Ok(())
            } else {
                Err(Error::model(format!(
                    "the {setting} of {name} is {value}; it has to be at least 0 and below 1"
                )))
            }
        };
        match self {
            Optimizer::Sgd(sgd) => {
                not_negative("learning rate", sgd.learning_rate)?;
                share("momentum", sgd.momentum)?;
                not_negative("weight decay", sgd.weight_decay)
            }
            Optimizer::Adam(adam) | Optimizer::AdamW(AdamW(adam)) => {
                not_negative("learning rate", adam.learning_rate)?;
                share("first beta", adam.betas[0])?;
                share("second beta", adam.betas[1])?;
                not_negative("epsilon", adam.epsilon)?;
                not_negative("weight decay", adam.weight_decay)
            }
            Optimizer::RmsProp(rms) => {
                not_negative("learning rate", rms.learning_rate)?;
                share("alpha", rms.alpha)?;
                not_negative("epsilon", rms.epsilon)?;
                share("momentum", rms.momentum)?;
                not_negative("weight decay", rms.weight_decay)
            }
        }
    }
}
