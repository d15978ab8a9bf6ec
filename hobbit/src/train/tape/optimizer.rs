//! Optimizers on a device: dfdx's kernels, with state that can be saved.

use dfdx::optim::{AdamConfig, Momentum, SgdConfig, WeightDecay};
use dfdx::tensor::{Gradients, Tensor, Trace};
use dfdx::tensor_ops::{Backward, SumTo, TryAdd, TryDiv, TryMul};

use super::{Flat, Place, device_error};
use crate::error::BoxError;
use crate::train::layer::Role;
use crate::train::network::Step;
use crate::train::optimizer::{AdamW, Optimizer, RmsProp};

/// An optimizer's state. dfdx's own optimizers hide theirs; its kernels take it from outside.
pub(super) struct OptimizerState<D: Place> {
    optimizer: Optimizer,
    /// The steps that were taken.
    pub(super) steps: u64,
    slots: Slots<D>,
}

enum Slots<D: Place> {
    /// An array for each parameter in each slot, kept where gradients are kept, which is the one place where dfdx lends buffers out.
    Kernels(Vec<Gradients<f32, D>>),
    /// For RMSprop, whose kernel is another formula than PyTorch's and ours.
    Tensors(Vec<Vec<Flat<D>>>),
}

fn decay(weight_decay: f64, kind: fn(f64) -> WeightDecay) -> Option<WeightDecay> {
    (weight_decay != 0.0).then(|| kind(weight_decay))
}

/// These values as the gradient of a parameter.
fn as_gradient<D: Place>(parameter: &Flat<D>, values: Flat<D>) -> Result<Gradients<f32, D>, D::Err> {
    parameter.leaky_trace().try_mul(values)?.try_sum::<(), _>()?.try_backward()
}

impl<D: Place> OptimizerState<D> {
    pub(super) fn new(
        optimizer: Optimizer,
        device: &D,
        parameters: &[Flat<D>],
        roles: &[Role],
    ) -> Result<OptimizerState<D>, BoxError> {
        let slots = match optimizer {
            Optimizer::RmsProp(_) => {
                let zeros = || {
                    parameters
                        .iter()
                        .map(|p| device.try_zeros_like(p))
                        .collect::<Result<Vec<Flat<D>>, D::Err>>()
                };
                let slots = (0..optimizer.slots()).map(|_| zeros()).collect::<Result<_, D::Err>>();
                Slots::Tensors(slots.map_err(device_error)?)
            }
            _ => {
                let mut slots: Vec<Gradients<f32, D>> =
                    (0..optimizer.slots()).map(|_| Gradients::leaky()).collect();
                for slot in &mut slots {
                    for (parameter, role) in parameters.iter().zip(roles) {
                        if *role != Role::Statistic {
                            slot.try_alloc_for(parameter).map_err(device_error)?;
                        }
                    }
                }
                Slots::Kernels(slots)
            }
        };
        Ok(OptimizerState { optimizer, steps: 0, slots })
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
                    self.update(place, parameter, &mut own, step.learning_rate)?;
                }
                None => self.update(place, parameter, &mut gradients, step.learning_rate)?,
            }
        }
        Ok(())
    }

    fn update(
        &mut self,
        place: usize,
        parameter: &mut Flat<D>,
        gradients: &mut Gradients<f32, D>,
        lr: f64,
    ) -> Result<(), D::Err> {
        let id = parameter.clone();
        gradients.try_alloc_for(&id)?;
        match (&self.optimizer, &mut self.slots) {
            (Optimizer::Sgd(sgd), Slots::Kernels(slots)) => {
                let momentum = match (sgd.momentum, sgd.nesterov) {
                    (0.0, _) => None,
                    (momentum, true) => Some(Momentum::Nesterov(momentum)),
                    (momentum, false) => Some(Momentum::Classic(momentum)),
                };
                let weight_decay = decay(sgd.weight_decay, WeightDecay::L2);
                let config = SgdConfig { lr, momentum, weight_decay };
                let mut none = Gradients::leaky();
                let velocity = slots.first_mut().unwrap_or(&mut none).get_or_alloc_mut(&id)?;
                let gradient = gradients.get_or_alloc_mut(&id)?;
                drop(id);
                config.try_update(parameter, velocity, gradient)
            }
            (Optimizer::Adam(adam) | Optimizer::AdamW(AdamW(adam)), Slots::Kernels(slots)) => {
                let [first, second, ..] = slots.as_mut_slice() else { return Ok(()) };
                let kind = match self.optimizer {
                    Optimizer::AdamW(_) => WeightDecay::Decoupled,
                    _ => WeightDecay::L2,
                };
                let weight_decay = decay(adam.weight_decay, kind);
                let config = AdamConfig { lr, betas: adam.betas, eps: adam.epsilon, weight_decay };
                let (first, second) = (first.get_or_alloc_mut(&id)?, second.get_or_alloc_mut(&id)?);
                let gradient = gradients.get_or_alloc_mut(&id)?;
                drop(id);
                let steps = i32::try_from(self.steps).unwrap_or(i32::MAX);
                config.try_update(steps, parameter, first, second, gradient)
            }
            (Optimizer::RmsProp(rms), Slots::Tensors(slots)) => {
                let gradient = gradients.get(&id);
                drop(id);
                rms_prop(rms, slots, place, parameter, gradient, lr)
            }
            // slots were made for the optimizer
            _ => Ok(()),
        }
    }

    /// A parameter's state, slot by slot.
    pub(super) fn save(&self, place: usize, parameter: &Flat<D>) -> Vec<Vec<f32>> {
        match &self.slots {
            // the sign of a zero would not survive being loaded, and means nothing
            Slots::Kernels(slots) => slots
                .iter()
                .map(|slot| slot.get(parameter).as_vec().into_iter().map(|value| value + 0.0).collect())
                .collect(),
            Slots::Tensors(slots) => slots.iter().map(|slot| slot[place].as_vec()).collect(),
        }
    }

    /// Sets a parameter's state in one slot.
    ///
    /// dfdx lends buffers out, but not what is in them, on every device alike. Its SGD kernel writes one exactly: with no gradient,
    /// a weight decay of 1 and no memory, the velocity becomes the parameter it is given.
    pub(super) fn load(
        &mut self,
        slot: usize,
        place: usize,
        parameter: &Flat<D>,
        mut values: Flat<D>,
    ) -> Result<(), D::Err> {
        match &mut self.slots {
            Slots::Tensors(slots) => {
                slots[slot][place] = values;
                Ok(())
            }
            Slots::Kernels(slots) => {
                let copy = SgdConfig {
                    lr: 0.0,
                    momentum: Some(Momentum::Classic(0.0)),
                    weight_decay: Some(WeightDecay::L2(1.0)),
                };
                let mut nothing = Gradients::leaky();
                let nothing = nothing.get_or_alloc_mut(parameter)?;
                copy.try_update(&mut values, slots[slot].get_or_alloc_mut(parameter)?, nothing)
            }
        }
    }
}

fn rms_prop<D: Place>(
    rms: &RmsProp,
    slots: &mut [Vec<Flat<D>>],
    place: usize,
    parameter: &mut Flat<D>,
    gradient: Flat<D>,
    lr: f64,
) -> Result<(), D::Err> {
    let gradient = if rms.weight_decay == 0.0 {
        gradient
    } else {
        gradient.try_add(parameter.clone().try_mul(rms.weight_decay as f32)?)?
    };
    let Some((squares, rest)) = slots.split_first_mut() else { return Ok(()) };
    let square = squares[place].clone().try_mul(rms.alpha as f32)?;
    let square = square.try_add(gradient.clone().try_square()?.try_mul((1.0 - rms.alpha) as f32)?)?;
    squares[place] = square.clone();
    let mut along = gradient.try_div(square.try_sqrt()?.try_add(rms.epsilon as f32)?)?;
    if let Some(velocities) = rest.first_mut() {
        along = velocities[place].clone().try_mul(rms.momentum as f32)?.try_add(along)?;
        velocities[place] = along.clone();
    }
    // dfdx's SGD kernel moves the parameter in its place, so that gradients still find it
    let (mut along, mut none) = (as_gradient(parameter, along)?, Gradients::leaky());
    let id = parameter.clone();
    let (along, none) = (along.get_or_alloc_mut(&id)?, none.get_or_alloc_mut(&id)?);
    drop(id);
    SgdConfig { lr, momentum: None, weight_decay: None }.try_update(parameter, none, along)
}

/// Gradients after regularization and clipping.
fn prepare<D: Place>(
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
    if let Some(limit) = step.clip_norm {
        let mut square = 0.0;
        for gradient in prepared.iter().flatten() {
            let sum: Tensor<(), f32, D> = gradient.clone().try_square()?.try_sum()?;
            square += f64::from(sum.as_vec()[0]);
        }
        let norm = square.sqrt();
        if norm > limit {
            for gradient in prepared.iter_mut().flatten() {
                *gradient = gradient.clone().try_mul((limit / norm) as f32)?;
            }
        }
    }
    Ok(prepared)
}
