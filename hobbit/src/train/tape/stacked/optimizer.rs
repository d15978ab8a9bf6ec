//! One step of an optimizer for all networks of a stack: the formulas of dfdx's kernels, number by number, in
//! which every setting is a number for each network.

use dfdx::shapes::{Axis, HasShape};
use dfdx::tensor::Tensor;
use dfdx::tensor_ops::{ReshapeTo, SumTo, TryAdd, TryConcatAlong, TryDiv, TrySub};

use super::each::Each;
use crate::train::network::Step;
use crate::train::optimizer::{Adam, AdamW, Optimizer, RmsProp, Sgd};
use crate::train::parameter::Role;
use crate::train::tape::device::{Flat, Rows, TensorDevice};
use crate::train::tape::optimizer::within;

/// The parameters of all networks and what their optimizers keep, a row for each network.
#[derive(Clone)]
pub(super) struct State<D: TensorDevice> {
    pub(super) values: Rows<D>,
    pub(super) slots: Vec<Rows<D>>,
    /// The steps that each has taken.
    pub(super) steps: Vec<u64>,
}

/// What a step is taken with.
pub(super) struct Stride<'a, D: TensorDevice> {
    pub(super) device: &'a D,
    pub(super) optimizers: &'a [Optimizer],
    pub(super) steps: &'a [Step],
    /// Where each parameter begins in the rows, how many numbers it is, and what it is.
    pub(super) spans: &'a [(usize, usize)],
    pub(super) roles: &'a [Role],
}

impl<D: TensorDevice> Stride<'_, D> {
    /// Moves all parameters along their gradients.
    pub(super) fn take(&self, state: &mut State<D>, gradient: Rows<D>) -> Result<(), D::Err> {
        state.steps.iter_mut().for_each(|steps| *steps = steps.saturating_add(1));
        let gradient = self.prepare(&state.values, gradient)?;
        match self.optimizers[0] {
            Optimizer::Sgd(sgd) => self.by_sgd(sgd, state, gradient),
            Optimizer::Adam(_) | Optimizer::AdamW(_) => self.by_adam(state, gradient),
            Optimizer::RmsProp(rms) => self.by_rms_prop(rms, state, gradient),
        }
    }

    fn each<T>(
        &self,
        of: impl Fn(&Optimizer) -> Option<T>,
        number: impl Fn(T) -> f64,
    ) -> Result<Each<D>, D::Err> {
        let numbers = self.optimizers.iter().filter_map(of).map(|settings| number(settings) as f32);
        Each::of(self.device, numbers.collect())
    }

    fn learning_rates(&self) -> Result<Each<D>, D::Err> {
        Each::of(self.device, self.steps.iter().map(|step| step.learning_rate as f32).collect())
    }

    /// v = μ v + g, and the way along it.
    fn momentum(
        &self,
        velocity: &mut Rows<D>,
        gradient: &Rows<D>,
        momentum: &Each<D>,
    ) -> Result<Rows<D>, D::Err> {
        *velocity = gradient.clone().try_add(momentum.times(velocity.clone())?)?;
        Ok(velocity.clone())
    }

    fn by_sgd(&self, first: Sgd, state: &mut State<D>, mut gradient: Rows<D>) -> Result<(), D::Err> {
        if first.weight_decay != 0.0 {
            let decay = self.each(sgd, |sgd| sgd.weight_decay)?;
            gradient = gradient.try_add(decay.times(state.values.clone())?)?;
        }
        let mut way = gradient.clone();
        if let Some(velocity) = state.slots.first_mut() {
            let momentum = self.each(sgd, |sgd| sgd.momentum)?;
            way = self.momentum(velocity, &gradient, &momentum)?;
            if first.nesterov {
                way = gradient.try_add(momentum.times(way)?)?;
            }
        }
        let way = self.learning_rates()?.times(way)?;
        state.values = state.values.clone().try_sub(way)?;
        Ok(())
    }

    fn by_adam(&self, state: &mut State<D>, mut gradient: Rows<D>) -> Result<(), D::Err> {
        let [first, second, ..] = state.slots.as_mut_slice() else { return Ok(()) };
        let settings: Vec<Adam> = self.optimizers.iter().filter_map(adam).collect();
        let is_decoupled = matches!(self.optimizers[0], Optimizer::AdamW(_));
        let decays = settings[0].weight_decay != 0.0;
        if decays && !is_decoupled {
            let decay = self.each(adam, |adam| adam.weight_decay)?;
            gradient = gradient.try_add(decay.times(state.values.clone())?)?;
        }
        let betas = |place: usize| settings.iter().map(move |adam| adam.betas[place] as f32);
        let each = |numbers: Vec<f32>| Each::of(self.device, numbers);
        // what puts right that the moments begin with zeros
        let corrections = |place: usize| {
            let of = |(beta, &steps): (f32, &u64)| correction(beta, i32::try_from(steps).unwrap_or(i32::MAX));
            betas(place).zip(&state.steps).map(of).collect::<Vec<f32>>()
        };
        let [keep_first, keep_second] = [0, 1].map(|place| each(betas(place).collect()));
        let [take_first, take_second] =
            [0, 1].map(|place| each(betas(place).map(|beta| 1.0 - beta).collect()));
        let taken = take_first?.times(gradient.clone())?;
        *first = keep_first?.times(first.clone())?.try_add(taken)?;
        let taken = take_second?.times(gradient.try_square()?)?;
        *second = keep_second?.times(second.clone())?.try_add(taken)?;
        let first = each(corrections(0))?.times(first.clone())?;
        let second = each(corrections(1))?.times(second.clone())?;
        let below = self.each(adam, |adam| adam.epsilon)?.plus(second.try_sqrt()?)?;
        let mut way = self.learning_rates()?.times(first)?.try_div(below)?;
        if decays && is_decoupled {
            let decays = settings.iter().zip(self.steps);
            let decays = decays.map(|(adam, step)| (adam.weight_decay * step.learning_rate) as f32);
            way = way.try_add(each(decays.collect())?.times(state.values.clone())?)?;
        }
        state.values = state.values.clone().try_sub(way)?;
        Ok(())
    }

    /// As Adam that remembers nothing of its first moment, so late that nothing has to be put right.
    fn by_rms_prop(&self, first: RmsProp, state: &mut State<D>, mut gradient: Rows<D>) -> Result<(), D::Err> {
        let Some((squares, rest)) = state.slots.split_first_mut() else { return Ok(()) };
        if first.weight_decay != 0.0 {
            let decay = self.each(rms_prop, |rms| rms.weight_decay)?;
            gradient = gradient.try_add(decay.times(state.values.clone())?)?;
        }
        let alphas: Vec<f32> =
            self.optimizers.iter().filter_map(rms_prop).map(|rms| rms.kept_share() as f32).collect();
        let each =
            |of: fn(f32) -> f32| Each::of(self.device, alphas.iter().map(|&alpha| of(alpha)).collect());
        let taken = each(|alpha| 1.0 - alpha)?.times(gradient.clone().try_square()?)?;
        *squares = each(|alpha| alpha)?.times(squares.clone())?.try_add(taken)?;
        let square = each(|alpha| correction(alpha, i32::MAX))?.times(squares.clone())?;
        let below = self.each(rms_prop, |rms| rms.epsilon)?.plus(square.try_sqrt()?)?;
        let rates = self.learning_rates()?;
        let way = match rest.first_mut() {
            None => rates.times(gradient)?.try_div(below)?,
            Some(velocity) => {
                // no zero is negative there
                let along = gradient.try_div(below)?.try_add(0.0)?;
                let momentum = self.each(rms_prop, |rms| rms.momentum)?;
                rates.times(self.momentum(velocity, &along, &momentum)?)?
            }
        };
        state.values = state.values.clone().try_sub(way)?;
        Ok(())
    }

    /// Gradients after regularization and clipping. Whether there is any, and the limit of each number, is
    /// the same for all networks.
    fn prepare(&self, values: &Rows<D>, gradient: Rows<D>) -> Result<Rows<D>, D::Err> {
        let first = &self.steps[0];
        if !(first.l1 > 0.0 || first.l2 > 0.0 || first.clip_value.is_some() || first.clip_norm.is_some()) {
            return Ok(gradient);
        }
        let each = |of: fn(&Step) -> f64| {
            Each::of(self.device, self.steps.iter().map(|step| of(step) as f32).collect())
        };
        let (networks, _) = *values.shape();
        let mut prepared = Vec::with_capacity(self.spans.len());
        let parameters = self.spans.iter().zip(self.roles);
        for (&(start, length), role) in parameters.filter(|(_, role)| **role != Role::Statistic) {
            let part = (0..networks, start..start + length);
            let mut gradient = gradient.clone().try_slice(part.clone())?;
            if *role == Role::Weight {
                let weights = values.clone().try_slice(part)?;
                if first.l1 > 0.0 {
                    // w / |w|, and nothing at zero
                    let size = weights.clone().try_abs()?.try_add(f32::MIN_POSITIVE)?;
                    let sign = weights.clone().try_div(size)?;
                    gradient = gradient.try_add(each(|step| step.l1)?.times(sign)?)?;
                }
                if first.l2 > 0.0 {
                    let by = self.steps.iter().map(|step| 2.0 * step.l2 as f32).collect();
                    gradient = gradient.try_add(Each::of(self.device, by)?.times(weights)?)?;
                }
            }
            if let Some(limit) = first.clip_value {
                gradient = gradient.try_clamp(-limit, limit)?;
            }
            prepared.push(gradient);
        }
        if first.clip_norm.is_some() {
            let part = each(|step| step.clip_norm.map_or(0.0, f64::recip))?;
            let sum = |gradient: &Rows<D>| gradient.clone().try_square()?.try_sum::<(usize,), Axis<1>>();
            let mut squares: Flat<D> = self.device.try_zeros_like(&(networks,))?;
            for gradient in &prepared {
                squares = squares.try_add(sum(gradient)?)?;
            }
            let norms = squares.try_sqrt()?.try_reshape_like(&(networks, 1))?;
            let over = part.times(norms)?.try_reshape_like(&(networks,))?;
            let scales = Each::Own(within(over)?);
            for gradient in &mut prepared {
                *gradient = scales.times(gradient.clone())?;
            }
        }
        let mut parts = prepared.into_iter();
        let Some(first) = parts.next() else { return Ok(gradient) };
        let joined = |before: Rows<D>, part: Rows<D>| -> Result<Rows<D>, D::Err> {
            let joined: Tensor<(usize, usize), f32, D> = (before, part).try_concat_along(Axis::<1>)?;
            Ok(joined)
        };
        // no zero is negative there
        parts.try_fold(first, joined)?.try_add(0.0)
    }
}

/// 1 / (1 - βᵗ).
fn correction(beta: f32, steps: i32) -> f32 {
    (1.0 - beta.powi(steps)).recip()
}

fn sgd(optimizer: &Optimizer) -> Option<Sgd> {
    if let Optimizer::Sgd(sgd) = optimizer { Some(*sgd) } else { None }
}

fn adam(optimizer: &Optimizer) -> Option<Adam> {
    if let Optimizer::Adam(adam) | Optimizer::AdamW(AdamW(adam)) = optimizer { Some(*adam) } else { None }
}

fn rms_prop(optimizer: &Optimizer) -> Option<RmsProp> {
    if let Optimizer::RmsProp(rms) = optimizer { Some(*rms) } else { None }
}
