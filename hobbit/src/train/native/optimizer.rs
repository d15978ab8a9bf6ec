//! Optimizers: one pass over each parameter, with the formulas of PyTorch, which its values are compared to.

use super::buffer::Buffer;
use super::kernel::Store;
use crate::train::math::{Real, Work, fold, simd};
use crate::train::network::Step;
use crate::train::optimizer::{Adam, AdamW, Optimizer, RmsProp, Sgd};
use crate::train::parameter::Role;

/// An optimizer's state: an array for each parameter that is trained, in each slot.
pub(super) struct OptimizerState<T> {
    optimizer: Optimizer,
    /// The steps that were taken.
    pub(super) steps: u64,
    pub(super) slots: Vec<Vec<Buffer<T>>>,
}

impl<T: Real> OptimizerState<T> {
    pub(super) fn new(optimizer: Optimizer, store: &Store<T>) -> OptimizerState<T> {
        let zeros = || store.gradients.iter().map(|gradient| Buffer::zeros(gradient.len())).collect();
        let slots = (0..optimizer.slots()).map(|_| zeros()).collect();
        OptimizerState { optimizer, steps: 0, slots }
    }

    /// Moves all parameters along their gradients.
    pub(super) fn step(&mut self, store: &mut Store<T>, step: &Step) {
        self.steps = self.steps.saturating_add(1);
        prepare(store, step);
        for place in 0..store.values.len() {
            if store.roles[place] != Role::Statistic {
                let (values, gradients) = (&mut store.values[place], &store.gradients[place]);
                self.update(place, values, gradients, step.learning_rate);
            }
        }
    }

    fn update(&mut self, place: usize, values: &mut [T], gradients: &[T], rate: f64) {
        let moved = Moved { values, gradients, rate };
        match (self.optimizer, self.slots.as_mut_slice()) {
            (Optimizer::Sgd(sgd), [velocity]) => moved.by_momentum(&sgd, &mut velocity[place]),
            (Optimizer::Sgd(sgd), _) => moved.by_gradient(&sgd),
            (Optimizer::Adam(adam), [first, second]) => {
                moved.by_adam(&adam, false, self.steps, [&mut first[place], &mut second[place]]);
            }
            (Optimizer::AdamW(AdamW(adam)), [first, second]) => {
                moved.by_adam(&adam, true, self.steps, [&mut first[place], &mut second[place]]);
            }
            (Optimizer::RmsProp(rms), [square, velocity]) => {
                moved.by_rms_prop(&rms, &mut square[place], Some(&mut velocity[place]));
            }
            (Optimizer::RmsProp(rms), [square]) => moved.by_rms_prop(&rms, &mut square[place], None),
            // there are as many slots as the optimizer has
            _ => {}
        }
    }
}

/// A parameter, its gradient, and the learning rate of a step.
struct Moved<'a, T> {
    values: &'a mut [T],
    gradients: &'a [T],
    rate: f64,
}

impl<T: Real> Moved<'_, T> {
    fn by_gradient(self, sgd: &Sgd) {
        let (lr, decay) = (T::of(self.rate), T::of(sgd.weight_decay));
        let both = self.values.iter_mut().zip(self.gradients);
        simd(|| both.for_each(|(w, &g)| *w -= lr * (g + decay * *w)));
    }

    fn by_momentum(self, sgd: &Sgd, velocity: &mut [T]) {
        let (lr, decay, mu) = (T::of(self.rate), T::of(sgd.weight_decay), T::of(sgd.momentum));
        let nesterov = sgd.nesterov;
        let all = self.values.iter_mut().zip(self.gradients).zip(velocity);
        simd(|| {
            for ((w, &g), v) in all {
                let g = g + decay * *w;
                *v = mu * *v + g;
                let along = if nesterov { g + mu * *v } else { *v };
                *w -= lr * along;
            }
        });
    }

    /// With `decoupled`, weights shrink by themselves and not by their gradients.
    fn by_adam(self, adam: &Adam, decoupled: bool, steps: u64, [first, second]: [&mut [T]; 2]) {
        let (rate, t) = (self.rate, steps as f64);
        let [b1, b2] = adam.betas;
        let size = T::of(rate / (1.0 - libm::pow(b1, t)));
        let root = T::of((1.0 - libm::pow(b2, t)).sqrt().recip());
        let (rest1, b2, rest2) = (T::of(1.0 - b1), T::of(b2), T::of(1.0 - b2));
        let epsilon = T::of(adam.epsilon);
        let (decay, shrink) = if decoupled {
            (T::ZERO, T::of(1.0 - rate * adam.weight_decay))
        } else {
            (T::of(adam.weight_decay), T::ONE)
        };
        let all = self.values.iter_mut().zip(self.gradients).zip(first.iter_mut().zip(second));
        simd(|| {
            for ((w, &g), (m, v)) in all {
                *w *= shrink;
                let g = g + decay * *w;
                *m += (g - *m) * rest1;
                *v = *v * b2 + g * g * rest2;
                *w -= size * *m / (v.sqrt() * root + epsilon);
            }
        });
    }

    fn by_rms_prop(self, rms: &RmsProp, square: &mut [T], velocity: Option<&mut [T]>) {
        let lr = T::of(self.rate);
        let (alpha, rest) = (T::of(rms.alpha), T::of(1.0 - rms.alpha));
        let (epsilon, mu, decay) = (T::of(rms.epsilon), T::of(rms.momentum), T::of(rms.weight_decay));
        let along = |w: T, g: T, s: &mut T| {
            let g = g + decay * w;
            *s = alpha * *s + rest * g * g;
            g / (s.sqrt() + epsilon)
        };
        let both = self.values.iter_mut().zip(self.gradients);
        match velocity {
            Some(velocity) => {
                let all = both.zip(square.iter_mut().zip(velocity));
                simd(|| {
                    for ((w, &g), (s, v)) in all {
                        *v = mu * *v + along(*w, g, s);
                        *w -= lr * *v;
                    }
                });
            }
            None => {
                let all = both.zip(square);
                simd(|| all.for_each(|((w, &g), s)| *w -= lr * along(*w, g, s)));
            }
        }
    }
}

struct SumOfSquares<'a, T>(&'a [T]);

impl<T: Real> Work for SumOfSquares<'_, T> {
    type Output = T;

    #[inline(always)]
    fn call(self) -> T {
        fold(self.0, |x| x * x)
    }
}

/// Regularization, then clipping.
fn prepare<T: Real>(store: &mut Store<T>, step: &Step) {
    if step.l1 > 0.0 || step.l2 > 0.0 {
        regularize(store, T::of(step.l1), T::of(2.0 * step.l2));
    }
    if let Some(limit) = step.clip_value {
        clip_values(store, T::of(limit));
    }
    if let Some(limit) = step.clip_norm {
        let square: f64 = store.gradients.iter().map(|g| simd(SumOfSquares(g)).to_f64()).sum();
        let norm = square.sqrt();
        if norm > limit {
            let by = T::of(limit / norm);
            store.gradients.iter_mut().for_each(|g| simd(|| g.iter_mut().for_each(|g| *g *= by)));
        }
    }
}

fn regularize<T: Real>(store: &mut Store<T>, l1: T, l2: T) {
    for place in 0..store.values.len() {
        if store.roles[place] == Role::Weight {
            let both = store.gradients[place].iter_mut().zip(store.values[place].iter());
            simd(|| {
                for (g, &w) in both {
                    let sign = if w > T::ZERO {
                        l1
                    } else if w < T::ZERO {
                        -l1
                    } else {
                        T::ZERO
                    };
                    *g += sign + l2 * w;
                }
            });
        }
    }
}

fn clip_values<T: Real>(store: &mut Store<T>, limit: T) {
    for gradient in &mut store.gradients {
        simd(|| {
            for g in gradient.iter_mut() {
                *g = if *g > limit {
                    limit
                } else if *g < -limit {
                    -limit
                } else {
                    *g
                };
            }
        });
    }
}
