//! The floor of the sweep: the matrix products of the same stages of the same trials, by the crate gemm, and nothing else. No activations,
//! dropout, loss, optimizer or gathering; nothing is learned, so that there is no score.

use std::time::Instant;

use rayon::prelude::*;

use crate::digits::study;
use crate::product::multiply;
use crate::say;

const BATCH: usize = 32;
const TRAINING: usize = 1437;
const VALIDATION: usize = 360;

/// A network's numbers, whichever they are.
struct Net {
    hidden: usize,
    x: Vec<f32>,
    weights: [Vec<f32>; 2],
    gradients: [Vec<f32>; 2],
    /// Of the hidden layer and of the outputs, and their gradients.
    values: [Vec<f32>; 2],
    slopes: [Vec<f32>; 2],
}

impl Net {
    fn new(hidden: usize) -> Net {
        let numbers = |length: usize| (0..length).map(|i| (i % 17) as f32 / 17.0).collect::<Vec<f32>>();
        let weights = || [numbers(64 * hidden), numbers(hidden * 10)];
        let layers = || [numbers(VALIDATION * hidden), numbers(VALIDATION * 10)];
        Net {
            hidden,
            x: numbers(VALIDATION * 64),
            weights: weights(),
            gradients: weights(),
            values: layers(),
            slopes: layers(),
        }
    }

    fn forward(&mut self, samples: usize) {
        let [hidden, outputs] = &mut self.values;
        multiply([samples, self.hidden, 64], (&self.x, false), (&self.weights[0], false), hidden);
        multiply([samples, 10, self.hidden], (hidden, false), (&self.weights[1], false), outputs);
    }

    fn backward(&mut self, samples: usize) {
        let ([first, second], [hidden, outputs]) = (&mut self.gradients, &mut self.slopes);
        multiply([self.hidden, 10, samples], (&self.values[0], true), (outputs, false), second);
        multiply([samples, self.hidden, 10], (outputs, false), (&self.weights[1], true), hidden);
        multiply([64, self.hidden, samples], (&self.x, true), (hidden, false), first);
    }

    fn epoch(&mut self) {
        for start in (0..TRAINING).step_by(BATCH) {
            let samples = BATCH.min(TRAINING - start);
            self.forward(samples);
            self.backward(samples);
        }
        self.forward(VALIDATION);
        std::hint::black_box(self);
    }
}

pub(crate) fn sweep(seed: u64, threads: usize) {
    // which trials there are, and how long each was trained: found out before the clock starts
    let found = study().quiet().seed(seed).run(27, 3).expect("the sweep works");
    let mut trials: Vec<(usize, u64)> = found.trials().iter().map(|t| (t.hparams.hidden, t.epochs)).collect();
    // the longest first, so that no thread waits long for the other
    trials.sort_by_key(|&(hidden, epochs)| std::cmp::Reverse(hidden as u64 * epochs));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("there are threads");
    let start = Instant::now();
    let epochs = pool.install(|| {
        let trained = trials.par_iter().with_max_len(1).map(|&(hidden, epochs)| {
            let mut net = Net::new(hidden);
            (0..epochs).for_each(|_| net.epoch());
            epochs
        });
        trained.sum::<u64>()
    });
    say(&format!("its matrix products alone by gemm, {threads} threads"), epochs, start, f64::NAN);
}
