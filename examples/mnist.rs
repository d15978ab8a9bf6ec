//! Tunes a network on MNIST:
//!
//! ```sh
//! scripts/get-mnist.sh mnist
//! cargo run --release --example mnist -- --data mnist --model conv
//! ```

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use hobbit::prelude::*;
use hobbit::train::{Engine, Mnist, split};

/// Tunes a network on MNIST, or on another data set of the same files.
#[derive(Parser)]
struct Options {
    /// Where the four idx files are, gzipped or not.
    #[arg(long)]
    data: PathBuf,
    /// The kind of network.
    #[arg(long, value_enum, default_value_t = Kind::Dense)]
    model: Kind,
    /// How many of the 60,000 training images are trained on; half as many others are for validation.
    #[arg(long, default_value_t = 10_000)]
    images: usize,
    /// The most epochs of a stage (R).
    #[arg(long, default_value_t = 9)]
    max_epochs: u32,
    /// The cut factor between stages.
    #[arg(long, default_value_t = 3)]
    eta: u32,
    /// The seed of everything random.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many trials are trained at once [default: the machine's cores, or one for each GPU].
    #[arg(long)]
    workers: Option<usize>,
    /// Where networks are trained: cpu, cuda, cuda:1 and so on, or auto.
    #[arg(long, default_value_t)]
    device: Device,
    /// What computes on the processor: native or dfdx.
    #[arg(long, default_value_t)]
    engine: Engine,
    /// The most trials that a worker trains together, where dfdx computes. Default: 32 on GPUs, otherwise 1.
    #[arg(long)]
    group: Option<usize>,
    /// Where the study is kept; a second run continues it [default: ./mnist_dense_repo, or after another kind].
    #[arg(long)]
    repo_dir: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Kind {
    /// 784-512-512-10.
    Dense,
    /// 784-128-128-10.
    Small,
    /// Two convolutions with pooling, and two dense layers (after LeCun et al., 1998).
    Conv,
}

#[search_space]
struct Hparams {
    /// How far a step goes.
    #[log_uniform(1e-4..=1e-2)]
    learning_rate: f64,
    /// The activation after each layer but the last.
    #[choice(Activation::Sigmoid, Activation::Tanh, Activation::Relu)]
    activation: Activation,
    /// The share of outputs that are dropped while training.
    #[uniform(0.0..=0.5)]
    dropout: f64,
}

fn dense<const WIDTH: usize>(hp: &Hparams) -> Sequential {
    Sequential::new([784])
        .dense(WIDTH)
        .activation(hp.activation)
        .dropout(hp.dropout)
        .dense(WIDTH)
        .activation(hp.activation)
        .dropout(hp.dropout)
        .dense(10)
}

fn conv(hp: &Hparams) -> Sequential {
    Sequential::new([1, 28, 28])
        .layer(Conv2d::new(8, 3).padding(1))
        .activation(hp.activation)
        .max_pool(2)
        .layer(Conv2d::new(16, 3).padding(1))
        .activation(hp.activation)
        .max_pool(2)
        .flatten()
        .dense(64)
        .activation(hp.activation)
        .dropout(hp.dropout)
        .dense(10)
}

/// Ends with the code of the signal, if one arrives meanwhile, so that the shell does not go on with what
/// follows.
fn main() -> ExitCode {
    hobbit::exit_code(tune())
}

fn tune() -> hobbit::Result<ExitCode> {
    let options = Options::parse();
    let mnist = Mnist::read(&options.data)?;
    let dataset = part(&mnist, options.images)?;
    let kind = options.model;
    let (network, name) = match kind {
        Kind::Dense => (dense::<512> as fn(&Hparams) -> Sequential, "dense"),
        Kind::Small => (dense::<128> as fn(&Hparams) -> Sequential, "small"),
        Kind::Conv => (conv as fn(&Hparams) -> Sequential, "conv"),
    };

    let start = Instant::now();
    let mut study = Hyperband::new(move |hp: &Hparams| {
        network(hp).compile(RmsProp::new(hp.learning_rate), Loss::CrossEntropy)
    })
    .dataset(dataset)
    .batch_size(32)
    .monitor("val_accuracy")
    .device(options.device)
    .engine(options.engine)
    .seed(options.seed)
    .repo_dir(options.repo_dir.unwrap_or_else(|| format!("./mnist_{name}_repo").into()))
    .stop_on_ctrl_c();
    if let Some(workers) = options.workers {
        study = study.workers(workers);
    }
    if let Some(group) = options.group {
        study = study.group(group);
    }
    let results = study.run(options.max_epochs, options.eta)?;
    let _ = writeln!(std::io::stdout(), "The sweep took {:.1} s.", start.elapsed().as_secs_f64());

    // the best model, as it was at its best epoch, on images that nothing was trained or chosen on
    let metrics = results.best_model()?.evaluate(&mnist.x_test, &mnist.y_test)?;
    // nobody may be listening any more
    let _ = writeln!(
        std::io::stdout(),
        "The best model, loaded from the repository, has an accuracy of {:.4} on {} test images.",
        metrics.get("accuracy").unwrap_or(f64::NAN),
        mnist.y_test.len()
    );
    Ok(results.exit_code())
}

/// Some of the training images, and half as many others for validation.
fn part(mnist: &Mnist, images: usize) -> hobbit::Result<Dataset> {
    let all = mnist.y_train.len();
    let images = images.min(all * 2 / 3);
    let (rest, training) = split(all, images, 0)?;
    let (_, validation) = split(rest.len(), (images / 2).max(1), 0)?;
    let validation: Vec<usize> = validation.into_iter().map(|i| rest[i]).collect();
    let pixels = mnist.shape.iter().product::<usize>();
    let select = |part: &[usize]| -> (Vec<f32>, Vec<u8>) {
        let image = |&i: &usize| mnist.x_train[i * pixels..(i + 1) * pixels].iter().copied();
        (part.iter().flat_map(image).collect(), part.iter().map(|&i| mnist.y_train[i]).collect())
    };
    Dataset::new(select(&training), select(&validation))
}
