//! Tunes a small network on real handwritten digits: `cargo run --release --example digits`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use hobbit::prelude::*;
use hobbit::train::stratified_split;

/// Tunes a small network on 1797 handwritten digits.
#[derive(Parser)]
struct Options {
    /// The kind of network.
    #[arg(long, value_enum, default_value_t = Kind::Dense)]
    model: Kind,
    /// The most epochs of a stage (R).
    #[arg(long, default_value_t = 27)]
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
    /// Leave Ctrl-C to the program's environment: emulators have a handler of their own.
    #[arg(long)]
    no_signals: bool,
    /// Where the study is kept; a second run continues it.
    #[arg(long, default_value = "./digits_repo")]
    repo_dir: PathBuf,
    /// An Optuna journal to write to while it runs: `optuna-dashboard FILE` shows it.
    #[cfg(feature = "interop")]
    #[arg(long, value_name = "FILE")]
    optuna: Option<PathBuf>,
    /// A directory for TensorBoard: `tensorboard --logdir DIR` shows it.
    #[cfg(feature = "interop")]
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Kind {
    /// 64-H-10.
    Dense,
    /// Two convolutions, with batch normalization and pooling, and two dense layers.
    Conv,
}

#[search_space]
struct Hparams {
    /// How far a step goes.
    #[log_uniform(1e-4..=1e-1)]
    learning_rate: f64,
    /// The hidden layer's activation.
    #[choice(Activation::Sigmoid, Activation::Tanh, Activation::Relu)]
    activation: Activation,
    /// The share of hidden outputs that are dropped while training.
    #[uniform(0.0..=0.9)]
    dropout: f64,
    /// The hidden layer's width.
    #[choice(16, 32, 64, 128)]
    hidden: usize,
}

fn model(hp: &Hparams) -> Compiled {
    Sequential::new([64])
        .dense(hp.hidden)
        .activation(hp.activation)
        .dropout(hp.dropout)
        .dense(10)
        .compile(RmsProp::new(hp.learning_rate), Loss::CrossEntropy)
}

fn conv(hp: &Hparams) -> Compiled {
    Sequential::new([1, 8, 8])
        .layer(Conv2d::new(8, 3).padding(1))
        .activation(hp.activation)
        .max_pool(2)
        .layer(Conv2d::new(16, 3).padding(1))
        .batch_norm()
        .activation(hp.activation)
        .flatten()
        .dropout(hp.dropout)
        .dense(hp.hidden)
        .activation(hp.activation)
        .dense(10)
        .compile(Adam::new(hp.learning_rate), Loss::CrossEntropy)
}

/// Ends with the code of the signal, if one arrives meanwhile, so that the shell does not go on with what
/// follows.
fn main() -> ExitCode {
    hobbit::exit_code(tune())
}

fn tune() -> hobbit::Result<ExitCode> {
    let options = Options::parse();
    let digits = Digits::load()?;
    let dataset = Dataset::new((&digits.x_train, &digits.y_train), (&digits.x_valid, &digits.y_valid))?;

    let kind = options.model;
    let mut study = Hyperband::new(move |hp: &Hparams| if kind == Kind::Conv { conv(hp) } else { model(hp) })
        .dataset(dataset)
        .batch_size(32)
        .monitor("val_accuracy")
        .device(options.device)
        .engine(options.engine)
        .seed(options.seed)
        .repo_dir(&options.repo_dir);
    if !options.no_signals {
        study = study.stop_on_ctrl_c();
    }
    if let Some(workers) = options.workers {
        study = study.workers(workers);
    }
    if let Some(group) = options.group {
        study = study.group(group);
    }
    // HOBBIT_NATS and HOBBIT_ROLE let other machines take part
    #[cfg(feature = "nats")]
    {
        study = study.nats(hobbit::remote::Nats::from_env()?);
    }
    #[cfg(feature = "interop")]
    {
        if let Some(file) = options.optuna {
            study = study.observe(hobbit::interop::OptunaJournal::new(file));
        }
        if let Some(dir) = options.tensorboard {
            study = study.observe(hobbit::interop::TensorBoard::new(dir));
        }
    }
    let results = study.run(options.max_epochs, options.eta)?;

    // the best model, as it was at its best epoch
    let best = results.best_model()?;
    let classes = best.predict(&digits.x_valid)?.classes();
    let correct =
        classes.iter().zip(&digits.y_valid).filter(|(class, label)| **class == usize::from(**label)).count();
    // nobody may be listening any more
    let _ = writeln!(
        std::io::stdout(),
        "The best model, loaded from the repository, reads {correct} of {} digits: accuracy {:.4}",
        classes.len(),
        correct as f64 / classes.len() as f64
    );
    Ok(results.exit_code())
}

/// The digits, with pixels from 0 to 1: 1437 for training and 360 for validation.
struct Digits {
    x_train: Vec<f32>,
    y_train: Vec<u8>,
    x_valid: Vec<f32>,
    y_valid: Vec<u8>,
}

impl Digits {
    fn load() -> hobbit::Result<Digits> {
        // a line for each digit: 64 pixels and the class
        let numbers: Vec<u8> = include_bytes!("data/digits.csv")
            .split(|byte| !byte.is_ascii_digit())
            .filter(|number| !number.is_empty())
            .map(|number| number.iter().fold(0, |value, digit| 10 * value + (digit - b'0')))
            .collect();
        let rows: Vec<&[u8]> = numbers.chunks_exact(65).collect();
        let labels: Vec<u8> = rows.iter().map(|row| row[64]).collect();
        let (training, validation) = stratified_split(&labels, 360, 5)?;
        let pixels = |part: &[usize]| {
            part.iter().flat_map(|&i| rows[i][..64].iter().map(|&p| f32::from(p) / 16.0)).collect()
        };
        let classes = |part: &[usize]| part.iter().map(|&i| labels[i]).collect();
        Ok(Digits {
            x_train: pixels(&training),
            y_train: classes(&training),
            x_valid: pixels(&validation),
            y_valid: classes(&validation),
        })
    }
}
