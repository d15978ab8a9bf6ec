//! Hyperband by hand in a plain rayon loop over dfdx as it is.

use std::time::Instant;

use dfdx::optim::{RMSprop, RMSpropConfig};
use dfdx::prelude::*;
use hobbit::SearchSpace;
use rayon::prelude::*;

use crate::digits::{Hparams, Part, load};
use crate::say;

/// A network on its device, whatever its width.
pub(crate) trait Trial: Send {
    /// Trains an epoch; returns the accuracy on the validation part.
    fn epoch(&mut self, data: &(Part, Part)) -> f64;
}

type Net<const H: usize> = (modules::Linear<64, H, f32, Cpu>, modules::Linear<H, 10, f32, Cpu>);

struct Sized<const H: usize> {
    device: Cpu,
    net: Net<H>,
    optimizer: RMSprop<Net<H>, f32, Cpu>,
    gradients: Option<Gradients<f32, Cpu>>,
    activation: hobbit::train::Activation,
    dropout: f64,
    order: Vec<usize>,
    random: rand::rngs::StdRng,
}

// SAFETY: dfdx's optimizers are not Send for a type-erased field that holds only what is Send itself; a trial is used by one thread at a
// time
unsafe impl<const H: usize> Send for Sized<H> {}

/// A new trial of this configuration.
pub(crate) fn trial(hp: &Hparams, seed: u64) -> Box<dyn Trial> {
    // one trial is one thread
    gemm_common::gemm::set_threading_threshold(usize::MAX);
    match hp.hidden {
        16 => Box::new(Sized::<16>::new(hp, seed)),
        32 => Box::new(Sized::<32>::new(hp, seed)),
        64 => Box::new(Sized::<64>::new(hp, seed)),
        _ => Box::new(Sized::<128>::new(hp, seed)),
    }
}

impl<const H: usize> Sized<H> {
    fn new(hp: &Hparams, seed: u64) -> Self {
        let device = Cpu::seed_from_u64(seed);
        let net = device.build_module::<(Linear<64, H>, Linear<H, 10>), f32>();
        let config =
            RMSpropConfig { lr: hp.learning_rate, alpha: 0.99, momentum: None::<f64>, ..Default::default() };
        let optimizer = RMSprop::new(&net, config);
        let gradients = Some(net.alloc_grads());
        let random = rand::SeedableRng::seed_from_u64(seed);
        Sized {
            device,
            net,
            optimizer,
            gradients,
            activation: hp.activation,
            dropout: hp.dropout,
            order: Vec::new(),
            random,
        }
    }

    fn activate<T: Tape<f32, Cpu>>(
        &self,
        x: Tensor<(usize, Const<H>), f32, Cpu, T>,
    ) -> Tensor<(usize, Const<H>), f32, Cpu, T> {
        use hobbit::train::Activation;
        match self.activation {
            Activation::Sigmoid => x.sigmoid(),
            Activation::Tanh => x.tanh(),
            _ => x.relu(),
        }
    }

    fn batch(&self, part: &Part, places: &[usize]) -> Tensor<(usize, Const<64>), f32, Cpu> {
        let values = places.iter().flat_map(|&i| part.x[i * 64..(i + 1) * 64].iter().copied()).collect();
        self.device.tensor_from_vec(values, (places.len(), Const))
    }
}

impl<const H: usize> Trial for Sized<H> {
    fn epoch(&mut self, (training, validation): &(Part, Part)) -> f64 {
        use rand::seq::SliceRandom;
        self.order = (0..training.y.len()).collect();
        self.order.shuffle(&mut self.random);
        let order = std::mem::take(&mut self.order);
        for places in order.chunks(32) {
            let x = self.batch(training, places);
            let mut targets = vec![0.0; places.len() * 10];
            places.iter().enumerate().for_each(|(row, &i)| targets[row * 10 + training.y[i] as usize] = 1.0);
            let targets = self.device.tensor_from_vec(targets, (places.len(), Const::<10>));
            let gradients = self.gradients.take().unwrap_or_else(|| self.net.alloc_grads());
            let hidden = self.activate(self.net.0.forward(x.traced(gradients))).dropout(self.dropout as f32);
            let loss = cross_entropy_with_logits_loss(self.net.1.forward(hidden), targets);
            let mut gradients = loss.backward();
            self.optimizer.update(&mut self.net, &gradients).expect("all parameters are used");
            self.net.zero_grads(&mut gradients);
            self.gradients = Some(gradients);
        }
        let places: Vec<usize> = (0..validation.y.len()).collect();
        let outputs = self.net.1.forward(self.activate(self.net.0.forward(self.batch(validation, &places))));
        let outputs = outputs.as_vec();
        let largest = |row: &[f32]| (0..10).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0);
        let right =
            outputs.chunks(10).zip(&validation.y).filter(|(row, y)| largest(row) == usize::from(**y)).count();
        right as f64 / places.len() as f64
    }
}

/// The brackets of R=27, eta=3.
const PLAN: [&[(usize, usize)]; 4] =
    [&[(27, 1), (9, 3), (3, 9), (1, 27)], &[(12, 3), (4, 9), (1, 27)], &[(6, 9), (2, 27)], &[(4, 27)]];

pub(crate) fn sweep(seed: u64, workers: usize) {
    let data = load();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build().expect("there are threads");
    let start = Instant::now();
    let (mut epochs, mut best, mut number) = (0, 0.0f64, 0);
    for bracket in PLAN {
        let mut trials: Vec<(Box<dyn Trial>, f64)> = (0..bracket[0].0)
            .map(|_| {
                number += 1;
                let hp = Hparams::draw(hobbit::Key::new(seed).child(number)).expect("it can be drawn");
                (trial(&hp, number), 0.0)
            })
            .collect();
        for &(count, more) in bracket {
            trials.truncate(count);
            pool.install(|| {
                trials.par_iter_mut().with_max_len(1).for_each(|(trial, score)| {
                    *score = (0..more).map(|_| trial.epoch(&data)).fold(0.0, f64::max);
                });
            });
            epochs += (count * more) as u64;
            trials.sort_by(|a, b| b.1.total_cmp(&a.1));
            best = best.max(trials[0].1);
        }
    }
    say(&format!("rayon loop over dfdx, {workers} threads"), epochs, start, best);
}
