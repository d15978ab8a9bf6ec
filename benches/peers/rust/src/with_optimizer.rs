//! The crate `optimizer` with its Hyperband pruner, over dfdx, until 423 epochs are trained.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use hobbit::train::Activation;
use optimizer::prelude::*;

use crate::digits::{Hparams, load};
use crate::say;
use crate::with_dfdx::trial;

const EPOCHS: u64 = 423;

pub(crate) fn sweep(seed: u64, workers: usize) {
    let data = load();
    let study: Study<f64> = Study::builder()
        .maximize()
        .sampler(RandomSampler::with_seed(seed))
        .pruner(
            HyperbandPruner::new()
                .min_resource(1)
                .max_resource(27)
                .reduction_factor(3)
                .direction(Direction::Maximize),
        )
        .build();
    let rate = FloatParam::new(1e-4, 1e-1).log_scale().name("learning_rate");
    let dropout = FloatParam::new(0.0, 0.9).name("dropout");
    let activation = IntParam::new(0, 2).name("activation");
    let hidden = IntParam::new(0, 3).name("hidden");
    let (done, best) = (AtomicU64::new(0), Mutex::new(0.0f64));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while done.load(Ordering::Relaxed) < EPOCHS {
                    let mut asked = study.ask();
                    let hp = Hparams {
                        learning_rate: rate.suggest(&mut asked).expect("it can be drawn"),
                        dropout: dropout.suggest(&mut asked).expect("it can be drawn"),
                        activation: [Activation::Sigmoid, Activation::Tanh, Activation::Relu]
                            [activation.suggest(&mut asked).expect("it can be drawn") as usize],
                        hidden: [16, 32, 64, 128]
                            [hidden.suggest(&mut asked).expect("it can be drawn") as usize],
                    };
                    let mut model = trial(&hp, asked.id());
                    let (mut accuracy, mut pruned) = (0.0, false);
                    for epoch in 1..=27u64 {
                        if done
                            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| {
                                (n < EPOCHS).then_some(n + 1)
                            })
                            .is_err()
                        {
                            break;
                        }
                        accuracy = model.epoch(&data);
                        let mut best = best.lock().expect("nobody panicked");
                        *best = best.max(accuracy);
                        drop(best);
                        asked.report(epoch, accuracy);
                        if asked.should_prune() {
                            pruned = true;
                            break;
                        }
                    }
                    if pruned { study.prune_trial(asked) } else { study.complete_trial(asked, accuracy) }
                }
            });
        }
    });
    let best = *best.lock().expect("nobody panicked");
    say(&format!("optimizer + dfdx, {workers} threads"), done.load(Ordering::Relaxed), start, best);
}
