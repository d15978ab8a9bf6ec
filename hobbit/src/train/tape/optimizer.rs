//! Optimizers on a device: dfdx's kernels, with state that can be saved.

use dfdx::optim::{AdamConfig, Momentum, SgdConfig, WeightDecay};
use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{Gradients, Tensor, Trace};
use dfdx::tensor_ops::{Backward, BroadcastTo, SumTo, TryAdd, TryDiv, TryMul};

use super::device::{Flat, TensorDevice, device_error};
use crate::error::BoxError;
use crate::train::network::Step;
use crate::train::optimizer::{Adam, AdamW, Optimizer, RmsProp, Sgd};
use crate::train::parameter::Role;

/// An optimizer's state. dfdx's own optimizers hide theirs; its kernels take it from outside.
pub(super) struct OptimizerState<D: TensorDevice> {
    optimizer: Optimizer,
    /// The steps that were taken.
    pub(super) steps: u64,
    /// An array for each parameter in each slot, kept where gradients are kept, which is the one place where
    /// dfdx lends buffers out.
    slots: Vec<Gradients<f32, D>>,
    /// What RMSprop leaves in place of Adam's first moment: the gradient, which nobody needs.
    unused: Gradients<f32, D>,
}

fn decay(weight_decay: f64, kind: fn(f64) -> WeightDecay) -> Option<WeightDecay> {
    (weight_decay != 0.0).then(|| kind(weight_decay))
}

/// These values as the gradient of a parameter.
fn as_gradient<D: TensorDevice>(parameter: &Flat<D>, values: Flat<D>) -> Result<Gradients<f32, D>, D::Err> {
    parameter.leaky_trace().try_mul(values)?.try_sum::<(), _>()?.try_backward()
}

impl<D: TensorDevice> OptimizerState<D> {
    pub(super) fn new(
        optimizer: Optimizer,
        parameters: &[Flat<D>],
        roles: &[Role],
    ) -> Result<OptimizerState<D>, BoxError> {
        let mut slots: Vec<Gradients<f32, D>> = (0..optimizer.slots()).map(|_| Gradients::leaky()).collect();
        for slot in &mut slots {
            for (parameter, role) in parameters.iter().zip(roles) {
                if *role != Role::Statistic {
                    slot.try_alloc_for(parameter).map_err(device_error)?;
                }
            }
        }
        Ok(OptimizerState { optimizer, steps: 0, slots, unused: Gradients::leaky() })
    }

    /// Moves all parameters along their gradients.
    pub(super) fn step(
        &mut self,
        parameters: &mut [Flat<D>],
        roles: &[Role],
        mut gradients: Gradients<f32, D>,
        step: &Step,
    ) -> Result<(), D::Err> {
        self.steps = self.steps.saturating_add(1);
        let changes = step.l1 > 0.0 || step.l2 > 0.0 || step.clip_value.is_some() || step.clip_norm.is_some();
        let mut prepared =
            if changes { prepare(parameters, roles, &mut gradients, step)? } else { Vec::new() };
        for (place, parameter) in parameters.iter_mut().enumerate() {
            if roles[place] == Role::Statistic {
                continue;
            }
            match prepared.get_mut(place).and_then(Option::take) {
                Some(values) => {
                    let mut own = as_gradient(parameter, values)?;
                    self.update(parameter, &mut own, step.learning_rate)?;
                }
                None => self.update(parameter, &mut gradients, step.learning_rate)?,
            }
        }
        Ok(())
    }

    fn update(
        &mut self,
        parameter: &mut Flat<D>,
        gradients: &mut Gradients<f32, D>,
        lr: f64,
    ) -> Result<(), D::Err> {
        gradients.try_alloc_for(parameter)?;
        match self.optimizer {
            Optimizer::Sgd(sgd) => self.by_sgd(&sgd, parameter, gradients, lr),
            Optimizer::Adam(adam) => self.by_adam(&adam, WeightDecay::L2, parameter, gradients, lr),
            Optimizer::AdamW(AdamW(adam)) => {
                self.by_adam(&adam, WeightDecay::Decoupled, parameter, gradients, lr)
            }
            Optimizer::RmsProp(rms) => self.by_rms_prop(&rms, parameter, gradients, lr),
        }
    }

    fn by_sgd(
        &mut self,
        sgd: &Sgd,
        parameter: &mut Flat<D>,
        gradients: &mut Gradients<f32, D>,
        lr: f64,
    ) -> Result<(), D::Err> {
        let momentum = match (sgd.momentum, sgd.nesterov) {
            (0.0, _) => None,
            (momentum, true) => Some(Momentum::Nesterov(momentum)),
            (momentum, false) => Some(Momentum::Classic(momentum)),
        };
        let weight_decay = decay(sgd.weight_decay, WeightDecay::L2);
        let config = SgdConfig { lr, momentum, weight_decay };
        let mut none = Gradients::leaky();
        let velocity = self.slots.first_mut().unwrap_or(&mut none).get_or_alloc_mut(parameter)?;
        let gradient = gradients.get_or_alloc_mut(parameter)?;
        config.try_update(parameter, velocity, gradient)
    }

    fn by_adam(
        &mut self,
        adam: &Adam,
        kind: fn(f64) -> WeightDecay,
        parameter: &mut Flat<D>,
        gradients: &mut Gradients<f32, D>,
        lr: f64,
    ) -> Result<(), D::Err> {
        let [first, second, ..] = self.slots.as_mut_slice() else { return Ok(()) };
        let weight_decay = decay(adam.weight_decay, kind);
        let config = AdamConfig { lr, betas: adam.betas, eps: adam.epsilon, weight_decay };
        let (first, second) = (first.get_or_alloc_mut(parameter)?, second.get_or_alloc_mut(parameter)?);
        let gradient = gradients.get_or_alloc_mut(parameter)?;
        let steps = i32::try_from(self.steps).unwrap_or(i32::MAX);
        config.try_update(steps, parameter, first, second, gradient)
    }

    fn by_rms_prop(
        &mut self,
        rms: &RmsProp,
        parameter: &mut Flat<D>,
        gradients: &mut Gradients<f32, D>,
        lr: f64,
    ) -> Result<(), D::Err> {
        let Some((squares, rest)) = self.slots.split_first_mut() else { return Ok(()) };
        let squares = squares.get_or_alloc_mut(parameter)?;
        let unused = self.unused.get_or_alloc_mut(parameter)?;
        let Some(velocity) = rest.first_mut() else {
            let gradient = gradients.get_or_alloc_mut(parameter)?;
            let config = rms_prop(rms, lr, decay(rms.weight_decay, WeightDecay::L2));
            return config.try_update(i32::MAX, parameter, unused, squares, gradient);
        };
        let mut decayed = None;
        if rms.weight_decay != 0.0 {
            let values = parameter.clone();
            let sum = gradients.get(parameter).try_add(values.try_mul(rms.weight_decay as f32)?)?;
            decayed = Some(as_gradient(parameter, sum)?);
        }
        let gradient = decayed.as_mut().unwrap_or(gradients).get_or_alloc_mut(parameter)?;
        // away from nothing, at a learning rate of -1, is how far the parameter would go
        let mut along = parameter.device().try_zeros_like(parameter)?;
        rms_prop(rms, -1.0, None).try_update(i32::MAX, &mut along, unused, squares, gradient)?;
        let (velocity, mut along) = (velocity.get_or_alloc_mut(parameter)?, as_gradient(parameter, along)?);
        let along = along.get_or_alloc_mut(parameter)?;
        let momentum = Some(Momentum::Classic(rms.momentum));
        SgdConfig { lr, momentum, weight_decay: None }.try_update(parameter, velocity, along)
    }

    /// A parameter's state in a slot.
    pub(super) fn state(&self, slot: usize, parameter: &Flat<D>) -> Vec<f32> {
        // the sign of a zero would not survive being loaded, and means nothing
        self.slots[slot].get(parameter).as_vec().into_iter().map(|x| x + 0.0).collect()
    }

    /// Sets a parameter's state in one slot.
    ///
    /// dfdx lends buffers out, but not what is in them, on every device alike. Its SGD kernel writes one
    /// exactly: with no gradient, a weight decay of 1 and no memory, the velocity becomes the parameter it is
    /// given.
    pub(super) fn load(
        &mut self,
        slot: usize,
        parameter: &Flat<D>,
        mut values: Flat<D>,
    ) -> Result<(), D::Err> {
        let copy = SgdConfig {
            lr: 0.0,
            momentum: Some(Momentum::Classic(0.0)),
            weight_decay: Some(WeightDecay::L2(1.0)),
        };
        let mut nothing = Gradients::leaky();
        let nothing = nothing.get_or_alloc_mut(parameter)?;
        copy.try_update(&mut values, self.slots[slot].get_or_alloc_mut(parameter)?, nothing)
    }
}

/// RMSprop as Adam's kernel, because dfdx's own has another formula than PyTorch's and ours: a first moment
/// that remembers nothing is the gradient, and so late a step that nothing has to be put right for the zeros
/// of the start is the last that there is.
fn rms_prop(rms: &RmsProp, lr: f64, weight_decay: Option<WeightDecay>) -> AdamConfig {
    AdamConfig { lr, betas: [0.0, rms.kept_share()], eps: rms.epsilon, weight_decay }
}

/// By what a gradient is scaled whose norm is so many times its limit.
pub(super) fn within<S: Shape, D: TensorDevice>(
    over: Tensor<S, f32, D>,
) -> Result<Tensor<S, f32, D>, D::Err> {
    over.try_clamp(1.0, f64::from(f32::MAX))?.try_recip()
}

/// Gradients after regularization and clipping.
fn prepare<D: TensorDevice>(
    parameters: &[Flat<D>],
    roles: &[Role],
    gradients: &mut Gradients<f32, D>,
    step: &Step,
) -> Result<Vec<Option<Flat<D>>>, D::Err> {
    let mut prepared = Vec::with_capacity(parameters.len());
    for (parameter, role) in parameters.iter().zip(roles) {
        if *role == Role::Statistic {
            prepared.push(None);
            continue;
        }
        gradients.try_alloc_for(parameter)?;
        let mut gradient = gradients.get(parameter);
        if *role == Role::Weight {
            if step.l1 > 0.0 {
                // w / |w|, and nothing at zero
                let size = parameter.clone().try_abs()?.try_add(f32::MIN_POSITIVE)?;
                let sign = parameter.clone().try_div(size)?;
                gradient = gradient.try_add(sign.try_mul(step.l1 as f32)?)?;
            }
            if step.l2 > 0.0 {
                gradient = gradient.try_add(parameter.clone().try_mul(2.0 * step.l2 as f32)?)?;
            }
        }
        if let Some(limit) = step.clip_value {
            gradient = gradient.try_clamp(-limit, limit)?;
        }
        prepared.push(Some(gradient));
    }
    if let (Some(limit), Some(first)) = (step.clip_norm, parameters.first()) {
        // found on the device, so that nobody waits for it
        let mut square: Tensor<(), f32, D> = first.device().try_zeros_like(&())?;
        for gradient in prepared.iter().flatten() {
            square = square.try_add(gradient.clone().try_square()?.try_sum::<(), _>()?)?;
        }
        let scale = within(square.try_sqrt()?.try_mul(limit.recip() as f32)?)?;
        for gradient in prepared.iter_mut().flatten() {
            let scale: Flat<D> = scale.clone().try_broadcast_like(gradient.shape())?;
            *gradient = gradient.clone().try_mul(scale)?;
        }
    }
    Ok(prepared)
}
