//! Optimizers: what a model function says of them, and their state on a device.

use dfdx::optim::{AdamConfig, Momentum, RMSpropConfig, SgdConfig, WeightDecay};
use dfdx::tensor::Gradients;
use dfdx::tensor_ops::Device;

use super::network::Parameter;
use crate::error::{Error, Result};

/// How parameters follow their gradients.
#[derive(Debug, Clone, Copy, PartialEq)]
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

/// Stochastic gradient descent, with momentum if wanted: v = μ v + g, then w = w - lr v; Nesterov: w = w - lr (g + μ v).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    learning_rate: f64,
    momentum: f64,
    nesterov: bool,
    weight_decay: f64,
}

/// Adam (Kingma and Ba, ICLR 2015, algorithm 1). Weight decay is added to the gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    learning_rate: f64,
    betas: [f64; 2],
    epsilon: f64,
    weight_decay: f64,
}

/// Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW(Adam);

/// RMSprop (Tieleman and Hinton, 2012): s = α s + (1 - α) g², then w = w - lr g / √(s + ε). Weight decay is added to the gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmsProp {
    learning_rate: f64,
    alpha: f64,
    epsilon: f64,
    momentum: f64,
    weight_decay: f64,
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
    /// With betas 0.9 and 0.999, epsilon 1e-8, and this decoupled weight decay: w = w - lr · decay · w at every step.
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

    /// Added to the mean square. Default: 1e-8.
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

    /// The arrays of state that each parameter has, by their names in checkpoints.
    pub(super) fn slot_names(&self) -> &'static [&'static str] {
        match self {
            Optimizer::Sgd(_) => &["velocity"],
            Optimizer::Adam(_) | Optimizer::AdamW(_) => &["moment1", "moment2"],
            Optimizer::RmsProp(_) => &["velocity", "mean_square", "mean"],
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

/// An optimizer's state on a device. dfdx's own optimizers hide theirs; its kernels take it from outside.
#[derive(Debug)]
pub(super) struct OptimizerState<D: Device<f32>> {
    optimizer: Optimizer,
    /// The steps that were taken.
    steps: i32,
    /// An array for each parameter, in each slot; kept where gradients are kept, which is the one place where dfdx lends
    /// buffers out.
    slots: Vec<Gradients<f32, D>>,
}

fn decay(weight_decay: f64, kind: fn(f64) -> WeightDecay) -> Option<WeightDecay> {
    (weight_decay != 0.0).then(|| kind(weight_decay))
}

impl<D: Device<f32>> OptimizerState<D> {
    pub(super) fn new(optimizer: Optimizer) -> Self {
        let slots = (0..optimizer.slots()).map(|_| Gradients::leaky()).collect();
        OptimizerState { optimizer, steps: 0, slots }
    }

    pub(super) fn steps(&self) -> i32 {
        self.steps
    }

    pub(super) fn set_steps(&mut self, steps: i32) {
        self.steps = steps;
    }

    /// Begins a step, before each parameter is updated once.
    pub(super) fn begin_step(&mut self) {
        self.steps = self.steps.saturating_add(1);
    }

    /// Moves a parameter along its gradient.
    pub(super) fn update(
        &mut self,
        param: &mut Parameter<D>,
        gradients: &mut Gradients<f32, D>,
    ) -> Result<(), D::Err> {
        let id = param.clone();
        let gradient = gradients.get_or_alloc_mut(&id)?;
        match (&self.optimizer, self.slots.as_mut_slice()) {
            (Optimizer::Sgd(sgd), [velocity, ..]) => {
                let momentum = match (sgd.momentum, sgd.nesterov) {
                    (0.0, _) => None,
                    (momentum, true) => Some(Momentum::Nesterov(momentum)),
                    (momentum, false) => Some(Momentum::Classic(momentum)),
                };
                let weight_decay = decay(sgd.weight_decay, WeightDecay::L2);
                let config = SgdConfig { lr: sgd.learning_rate, momentum, weight_decay };
                let velocity = velocity.get_or_alloc_mut(&id)?;
                drop(id);
                config.try_update(param, velocity, gradient)
            }
            (Optimizer::Adam(adam) | Optimizer::AdamW(AdamW(adam)), [first, second, ..]) => {
                let kind = match self.optimizer {
                    Optimizer::AdamW(_) => WeightDecay::Decoupled,
                    _ => WeightDecay::L2,
                };
                let config = AdamConfig {
                    lr: adam.learning_rate,
                    betas: adam.betas,
                    eps: adam.epsilon,
                    weight_decay: decay(adam.weight_decay, kind),
                };
                let (first, second) = (first.get_or_alloc_mut(&id)?, second.get_or_alloc_mut(&id)?);
                drop(id);
                config.try_update(self.steps, param, first, second, gradient)
            }
            (Optimizer::RmsProp(rms), [velocity, square, mean]) => {
                let config = RMSpropConfig {
                    lr: rms.learning_rate,
                    alpha: rms.alpha,
                    eps: rms.epsilon,
                    momentum: (rms.momentum != 0.0).then_some(rms.momentum),
                    centered: false,
                    weight_decay: decay(rms.weight_decay, WeightDecay::L2),
                };
                let velocity = velocity.get_or_alloc_mut(&id)?;
                let (square, mean) = (square.get_or_alloc_mut(&id)?, mean.get_or_alloc_mut(&id)?);
                drop(id);
                config.try_update(param, velocity, square, mean, gradient)
            }
            // there are as many slots as the optimizer has
            _ => Ok(()),
        }
    }

    /// A parameter's state, slot by slot. Before the first step it is zero.
    pub(super) fn save(&self, param: &Parameter<D>) -> Vec<Vec<f32>> {
        let values = |slot: &Gradients<f32, D>| {
            if self.steps == 0 {
                let (rows, columns) = *dfdx::shapes::HasShape::shape(param);
                return vec![0.0; rows * columns];
            }
            // the sign of a zero would not survive being loaded, and means nothing
            slot.get(param).as_vec().into_iter().map(|value| value + 0.0).collect()
        };
        self.slots.iter().map(values).collect()
    }

    /// Sets a parameter's state in one slot.
    ///
    /// dfdx lends buffers out, but not what is in them, on every device alike. Its SGD kernel writes one exactly: with no gradient,
    /// a weight decay of 1 and no memory, the velocity becomes the parameter it is given.
    pub(super) fn load(
        &mut self,
        slot: usize,
        param: &Parameter<D>,
        mut values: Parameter<D>,
    ) -> Result<(), D::Err> {
        let copy = SgdConfig {
            lr: 0.0,
            momentum: Some(Momentum::Classic(0.0)),
            weight_decay: Some(WeightDecay::L2(1.0)),
        };
        let mut nothing = Gradients::leaky();
        let nothing = nothing.get_or_alloc_mut(param)?;
        copy.try_update(&mut values, self.slots[slot].get_or_alloc_mut(param)?, nothing)
    }
}
