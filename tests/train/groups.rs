//! Trials whose networks are trained as one: the same bytes as one at a time.

use std::ops::ControlFlow;

use hobbit::prelude::*;
use hobbit::train::{BatchNorm, EarlyStopping, Layer, LayerNorm, Pool2d};

use super::hashes::digits;
use super::results_and_weights;

#[test]
fn digits_in_groups_give_the_bytes_of_one_at_a_time() {
    let run = |group: usize, workers: usize| {
        let dir = tempfile::tempdir().unwrap();
        let (training, validation) = digits::load();
        let dataset = Dataset::new((training.x, training.y), (validation.x, validation.y)).unwrap();
        let study = Hyperband::new(digits::network).dataset(dataset).batch_size(32).monitor("val_accuracy");
        let study = study.engine(Engine::Dfdx).group(group).workers(workers);
        study.quiet().repo_dir(dir.path()).run(9, 3).unwrap();
        results_and_weights(dir.path())
    };
    let alone = run(1, 1);
    for (group, workers) in [(2, 1), (7, 1), (7, 2)] {
        assert!(run(group, workers) == alone, "groups of {group} with {workers} workers");
    }
}

#[search_space]
#[derive(Debug)]
struct Hparams {
    #[log_uniform(1e-3..=1e6)]
    learning_rate: f64,
    #[uniform(0.0..=0.9)]
    dropout: f64,
    #[log_uniform(1e-6..=1e-2)]
    l2: f64,
    #[uniform(0.1..=2.0)]
    clip: f64,
    /// Trials with batches of another size are not trained together.
    #[choice(8, 16)]
    batch: usize,
    #[uniform(0.0..=1.0)]
    luck: f64,
}

/// Some diverge, some stop early, some fail, some panic, and each has its own schedule.
fn model(hp: &Hparams) -> Compiled {
    let luck = hp.luck;
    let network = Sequential::new([2]).dense(6).activation(Activation::Relu).dropout(hp.dropout);
    network
        .residual(|block| block.dense(6).activation(Activation::Gelu))
        .dense(2)
        .compile(Sgd::new(hp.learning_rate).momentum(0.9 * hp.luck), Loss::CrossEntropy)
        .batch_size(hp.batch)
        .l2(hp.l2)
        .clip_norm(hp.clip)
        .class_weights([1.0, 2.0])
        .schedule(Schedule::cosine_over_trial())
        .early_stopping(EarlyStopping::new("val_loss", 1))
        .on_epoch_end(move |epoch| {
            assert!(!(0.1..0.2).contains(&luck) || epoch.epochs < 2, "somebody panicked");
            if (0.2..0.3).contains(&luck) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
}

fn data(executions: usize) -> Dataset {
    let x: Vec<f32> = (0..160).map(|i| (i * 7919 % 1013) as f32 / 500.0 - 1.0).collect();
    let y: Vec<u8> = x.chunks(2).map(|x| u8::from(x[0] * x[0] + x[1] * x[1] < 0.6)).collect();
    match executions {
        1 => Dataset::new((&x, &y), (&x, &y)).unwrap(),
        _ => Dataset::k_fold(2, (&x, &y), 1).unwrap(),
    }
}

#[test]
fn whoever_leaves_a_group_changes_nothing_for_the_others() {
    for executions in [1, 2] {
        let run = |group: usize, retries: u32, budget: Option<u64>| {
            let dir = tempfile::tempdir().unwrap();
            let study = || {
                Hyperband::new(model).dataset(data(executions)).engine(Engine::Dfdx).executions(executions)
            };
            let study = || study().quiet().workers(1).group(group).retries(retries).repo_dir(dir.path());
            if let Some(epochs) = budget {
                assert!(study().epoch_budget(epochs).run(9, 3).unwrap().stopped().is_some());
            }
            study().run(9, 3).unwrap();
            results_and_weights(dir.path())
        };
        for retries in [0, 1] {
            let alone = run(1, retries, None);
            for (group, budget) in [(2, None), (32, None), (5, Some(20))] {
                assert!(run(group, retries, budget) == alone, "groups of {group}, {retries} retries");
            }
        }
    }
}

/// What every layer may differ in within a group.
#[search_space]
#[derive(Debug)]
struct Layered {
    #[log_uniform(1e-3..=1e-1)]
    learning_rate: f64,
    #[uniform(0.0..=0.5)]
    dropout: f64,
    #[uniform(0.05..=1.0)]
    momentum: f64,
    #[log_uniform(1e-6..=1e-2)]
    epsilon: f64,
}

impl Layered {
    fn batch_norm(&self) -> BatchNorm {
        BatchNorm::default().momentum(self.momentum).epsilon(self.epsilon)
    }

    fn layer_norm(&self) -> LayerNorm {
        LayerNorm::default().epsilon(self.epsilon)
    }
}

/// All layers but embeddings.
fn images(hp: &Layered) -> Compiled {
    Sequential::new([30])
        .normalize()
        .reshape([1, 6, 5])
        .layer(Conv2d::new(4, 3).padding(1).without_bias())
        .layer(hp.batch_norm())
        .activation(Activation::Relu)
        .max_pool(2)
        .residual(|b| b.layer(Conv2d::new(4, 3).padding(1)).layer(hp.batch_norm()).layer(hp.layer_norm()))
        .layer(Layer::AvgPool2d(Pool2d::new(2).stride(1)))
        .dropout(hp.dropout)
        .global_avg_pool()
        .dense(6)
        .layer(hp.batch_norm())
        .dense(2)
        .compile(Adam::new(hp.learning_rate), Loss::CrossEntropy)
}

fn words(hp: &Layered) -> Compiled {
    Sequential::new([6])
        .embedding(9, 3)
        .layer(hp.layer_norm())
        .dropout(hp.dropout)
        .flatten()
        .dense(5)
        .layer(hp.batch_norm())
        .activation(Activation::Gelu)
        .dense(2)
        .compile(Sgd::new(hp.learning_rate).momentum(0.9), Loss::CrossEntropy)
}

/// Samples of so many numbers. The last batch would be one sample, and joins the one before it.
fn samples(width: usize, number: fn(usize) -> f32) -> Dataset {
    let x: Vec<f32> = (0..65 * width).map(|i| number(i * 7919 % 1013)).collect();
    let y: Vec<u8> = x.chunks(width).map(|x| u8::from(x[0] < x[1] + x[2] - x[3])).collect();
    Dataset::new((&x, &y), (&x, &y)).unwrap()
}

#[test]
fn every_layer_in_groups_gives_the_bytes_of_one_at_a_time() {
    type Model = fn(&Layered) -> Compiled;
    let of_images: (Model, Dataset) = (images, samples(30, |i| i as f32 / 500.0 - 1.0));
    let of_words: (Model, Dataset) = (words, samples(6, |i| (i % 9) as f32));
    for (model, dataset) in [of_images, of_words] {
        let study = |dir: &std::path::Path, group: usize| {
            let study = Hyperband::new(model).dataset(dataset.clone()).batch_size(16).engine(Engine::Dfdx);
            study.quiet().workers(1).group(group).repo_dir(dir)
        };
        let run = |groups: [usize; 2], budget: Option<u64>| {
            let dir = tempfile::tempdir().unwrap();
            if let Some(epochs) = budget {
                let stopped = study(dir.path(), groups[0]).epoch_budget(epochs).run(9, 3).unwrap();
                assert!(stopped.stopped().is_some());
            }
            study(dir.path(), groups[1]).run(9, 3).unwrap();
            results_and_weights(dir.path())
        };
        let alone = run([1, 1], None);
        for group in [2, 7] {
            assert!(run([1, group], None) == alone, "groups of {group}");
        }
        for (groups, epochs) in [([7, 1], 20), ([1, 7], 20), ([2, 7], 31)] {
            assert!(
                run(groups, Some(epochs)) == alone,
                "groups of {groups:?}, stopped after {epochs} epochs"
            );
        }
    }
}
