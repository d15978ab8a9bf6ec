//! A study of 1,001 trials and 31 hyperparameters, many of them conditional, with a simulated objective.

use std::path::Path;

use hobbit::testing::Fake;
use hobbit::{BoxError, EpochContext, Hyperband, Metrics, TrialContext, search_space};

#[derive(Debug, Clone)]
#[search_space]
pub(crate) struct Large {
    /// How far a step goes.
    #[log_uniform(1e-5..=1.0)]
    learning_rate: f64,
    /// How strongly weights are drawn to zero.
    #[log_uniform(1e-12..=1e-2)]
    weight_decay: f64,
    #[int(8..=512, log)]
    batch_size: u32,
    #[nested]
    optimizer: Optimizer,
    #[nested]
    network: Network,
    /// Tried instead of the plain loss.
    #[optional(0.4)]
    #[uniform(0.0..=0.2)]
    label_smoothing: Option<f64>,
    #[optional(0.3)]
    #[log_uniform(0.1..=10.0)]
    clip: Option<f64>,
    #[choice("none", "flip", "flip and crop", "everything that there is")]
    augmentation: String,
    #[normal(0.0, 1.0)]
    bias: f64,
    #[uniform(0.0..=1.0, step = 0.125)]
    mix: f64,
    warm_up: bool,
    #[distribution(rand_distr::Gamma::new(2.0, 0.5)?)]
    temperature: f64,
    #[int(0..=10)]
    patience: u8,
    #[nested]
    schedule: Schedule,
}

#[derive(Debug, Clone)]
#[search_space]
enum Optimizer {
    Sgd {
        #[uniform(0.0..=0.99)]
        momentum: f64,
        nesterov: bool,
    },
    #[weight(2)]
    Adam {
        #[uniform(0.8..=0.99)]
        beta1: f64,
        #[uniform(0.9..=0.999)]
        beta2: f64,
        #[log_uniform(1e-10..=1e-4)]
        epsilon: f64,
    },
    Plain,
}

#[derive(Debug, Clone)]
#[search_space]
struct Network {
    #[choice("relu": 3, "gelu": 2, "tanh": 1)]
    activation: String,
    #[length(1..=4)]
    #[int(16..=256, step = 16)]
    widths: Vec<u32>,
    #[uniform(0.0..=0.6)]
    dropout: f64,
    #[choice(1, 2, 4, 8)]
    heads: u32,
    norm: bool,
}

#[derive(Debug, Clone)]
#[search_space]
enum Schedule {
    Constant,
    Step {
        #[int(1..=50)]
        every: u32,
        #[uniform(0.1..=0.9)]
        factor: f64,
    },
    Cosine {
        #[log_uniform(1e-4..=0.1)]
        end: f64,
    },
}

/// What a trial's loss is, what it falls to, and how fast.
pub(crate) struct Model {
    loss: f64,
    reaches: f64,
    speed: f64,
    hparams: Large,
}

/// A loss that falls towards what the configuration can reach; a few configurations fail, diverge, or
/// explode.
fn simulated() -> Fake<Large, Model> {
    let validate = |model: &mut Model, _: &EpochContext<'_>, metrics: &mut Metrics| {
        metrics.report("val_loss", model.loss);
        metrics.report("val_accuracy", 1.0 / (1.0 + model.loss.max(0.0)));
        Ok(())
    };
    Fake::new(build, validate)
        .training(train)
        .metrics(["loss", "val_loss", "val_accuracy"])
        .state(|model| vec![model.loss], |model, state| model.loss = state[0])
}

fn build(hparams: &Large, _: &TrialContext) -> Result<Model, BoxError> {
    if hparams.network.widths.iter().sum::<u32>() > 800 {
        return Err(format!("out of memory: {:?} is too wide", hparams.network.widths).into());
    }
    let rate = (hparams.learning_rate.log10() + 2.5).powi(2);
    let optimizer = match hparams.optimizer {
        Optimizer::Sgd { momentum, .. } => 0.25 * (momentum - 0.9).abs(),
        Optimizer::Adam { beta1, .. } => 0.5 * (0.95 - beta1).abs(),
        Optimizer::Plain => 0.3,
    };
    let reaches = 0.05 + 0.08 * rate + optimizer + 0.4 * (hparams.network.dropout - 0.2).powi(2);
    Ok(Model { loss: 2.3, reaches, speed: 0.1 + 0.3 / (1.0 + rate), hparams: hparams.clone() })
}

fn train(model: &mut Model, epoch: &EpochContext<'_>, metrics: &mut Metrics) -> Result<(), BoxError> {
    // a little work, so that the workers have something to show
    std::thread::sleep(std::time::Duration::from_micros(50));
    let noise = epoch.key(0).rng().unit();
    if model.hparams.learning_rate > 0.5 && model.hparams.clip.is_none() {
        model.loss *= 2.0 + noise;
        if noise > 0.8 {
            model.loss = f64::NAN;
        }
    } else {
        model.loss += model.speed * (model.reaches - model.loss) + 0.04 * (noise - 0.5);
    }
    if model.hparams.patience == 10 && noise < 0.02 {
        panic!("lost patience at loss {}", model.loss);
    }
    metrics.report("loss", 0.9 * model.loss);
    Ok(())
}

/// Runs the study into a directory; equal calls make the same trials.
pub(crate) fn run(dir: &Path) {
    Hyperband::of(simulated())
        .monitor("val_loss")
        .iterations(7)
        .seed(5)
        .workers(4)
        .repo_dir(dir)
        .checkpoints(false)
        .max_failures(hobbit::MaxFailures::Share(1.0))
        .quiet()
        .run(81, 3)
        .unwrap();
}
