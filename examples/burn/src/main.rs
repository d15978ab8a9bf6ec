//! Tunes a network of burn on 1797 handwritten digits: `cargo run --release` in this directory.
//!
//! The network, its loss, its gradients, Adam and the records of both are burn's; hobbit gets these records as
//! the bytes of a trial's checkpoint. Weights are drawn from the trial's generator: burn's own is one for the
//! whole process, and trials that are trained at the same time would take turns with it. `tune-burn DIR [R]`
//! keeps the study in DIR.

use std::process::ExitCode;

use burn::backend::{Autodiff, NdArray};
use burn::module::{AutodiffModule, Param, ParamId};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{AdamConfig, GradientsParams, Optimizer};
use burn::prelude::*;
use burn::record::{BinBytesRecorder, FullPrecisionSettings, Record, Recorder};
use burn::tensor::activation::relu;
use burn::tensor::backend::AutodiffBackend;
use hobbit::prelude::*;
use hobbit::{BoxError, Checkpoint, KeyRng};

#[search_space]
struct Hparams {
    /// How far a step goes.
    #[log_uniform(1e-4..=0.05)]
    learning_rate: f64,
    /// How much of the gradient's mean is kept from step to step.
    #[uniform(0.5..=0.95)]
    beta: f32,
    /// The width of the hidden layer.
    #[choice(16, 32, 64, 128)]
    hidden: usize,
    /// The samples of a step.
    #[choice(16, 32, 64)]
    batch: usize,
}

const PIXELS: usize = 64;
const CLASSES: usize = 10;

type Training = Autodiff<NdArray>;
type Bytes = BinBytesRecorder<FullPrecisionSettings>;

/// Images with pixels from 0 to 1, and what they show.
struct Digits {
    pixels: Vec<f32>,
    classes: Vec<i64>,
}

impl Digits {
    /// Every fifth digit is for validation.
    fn load() -> (Digits, Digits) {
        let lines = include_str!("../../data/digits.csv").lines();
        let rows: Vec<Vec<u8>> = lines
            .map(|line| line.split(',').filter_map(|number| number.trim().parse().ok()).collect::<Vec<u8>>())
            .filter(|row| row.len() == PIXELS + 1)
            .collect();
        let part = |validation: bool| {
            let mut part = Digits { pixels: Vec::new(), classes: Vec::new() };
            for (_, row) in rows.iter().enumerate().filter(|(i, _)| (i % 5 == 4) == validation) {
                part.pixels.extend(row[..PIXELS].iter().map(|&pixel| f32::from(pixel) / 16.0));
                part.classes.push(i64::from(row[PIXELS]));
            }
            part
        };
        (part(false), part(true))
    }

    fn len(&self) -> usize {
        self.classes.len()
    }

    /// These rows as tensors.
    fn rows<B: Backend>(&self, rows: &[usize]) -> (Tensor<B, 2>, Tensor<B, 1, Int>) {
        let device = Default::default();
        let pixels: Vec<f32> =
            rows.iter().flat_map(|row| &self.pixels[row * PIXELS..(row + 1) * PIXELS]).copied().collect();
        let classes: Vec<i64> = rows.iter().map(|row| self.classes[*row]).collect();
        (
            Tensor::from_data(TensorData::new(pixels, [rows.len(), PIXELS]), &device),
            Tensor::from_data(TensorData::new(classes, [rows.len()]), &device),
        )
    }
}

/// Two layers.
#[derive(Module, Debug)]
struct Network<B: Backend> {
    hidden: Param<Tensor<B, 2>>,
    hidden_bias: Param<Tensor<B, 1>>,
    output: Param<Tensor<B, 2>>,
    output_bias: Param<Tensor<B, 1>>,
}

impl<B: Backend> Network<B> {
    fn new(hidden: usize, mut rng: KeyRng) -> Network<B> {
        let device = Default::default();
        // ids of our own, as new ones are drawn at random
        let mut drawn = |id: u64, inputs: usize, outputs: usize| {
            let limit = 1.0 / (inputs as f64).sqrt();
            let unit = std::iter::repeat_with(|| ((2.0 * rng.unit() - 1.0) * limit) as f32);
            let values: Vec<f32> = unit.take(inputs * outputs).collect();
            let values = TensorData::new(values, [inputs, outputs]);
            Param::initialized(ParamId::from(id), Tensor::from_data(values, &device).require_grad())
        };
        let zeros = |id: u64, outputs: usize| {
            Param::initialized(ParamId::from(id), Tensor::zeros([outputs], &device).require_grad())
        };
        Network {
            hidden: drawn(1, PIXELS, hidden),
            hidden_bias: zeros(2, hidden),
            output: drawn(3, hidden, CLASSES),
            output_bias: zeros(4, CLASSES),
        }
    }

    /// What each class is given, before the softmax.
    fn forward(&self, pixels: Tensor<B, 2>) -> Tensor<B, 2> {
        let hidden = relu(pixels.matmul(self.hidden.val()) + self.hidden_bias.val().unsqueeze());
        hidden.matmul(self.output.val()) + self.output_bias.val().unsqueeze()
    }

    /// The loss, and the share of digits that are read right.
    fn measure(&self, data: &Digits) -> (f64, f64) {
        let rows: Vec<usize> = (0..data.len()).collect();
        let (pixels, classes) = data.rows::<B>(&rows);
        let outputs = self.forward(pixels);
        let read = outputs.clone().argmax(1).squeeze_dim::<1>(1);
        let right = read.equal(classes.clone()).int().sum().into_scalar().elem::<i64>();
        let loss = CrossEntropyLossConfig::new().init(&Default::default()).forward(outputs, classes);
        (loss.into_scalar().elem::<f64>(), right as f64 / data.len() as f64)
    }
}

/// All samples once, in batches.
fn epoch<B: AutodiffBackend, O: Optimizer<Network<B>, B>>(
    mut network: Network<B>,
    optimizer: &mut O,
    data: &Digits,
    hp: &Hparams,
    mut rng: KeyRng,
) -> Network<B> {
    let loss = CrossEntropyLossConfig::new().init(&Default::default());
    let mut order: Vec<usize> = (0..data.len()).collect();
    rng.shuffle(&mut order);
    for rows in order.chunks(hp.batch) {
        let (pixels, classes) = data.rows::<B>(rows);
        let gradients = loss.forward(network.forward(pixels), classes).backward();
        let gradients = GradientsParams::from_grads(gradients, &network);
        network = optimizer.step(hp.learning_rate, network, gradients);
    }
    network
}

/// A record of burn's as bytes.
fn bytes<B: Backend, R: Record<B>>(record: R) -> Result<Vec<u8>, BoxError> {
    Ok(Recorder::<B>::record(&Bytes::default(), record, ())?)
}

/// The record that these are the bytes of.
fn record<B: Backend, R: Record<B>>(saved: &Checkpoint, name: &str) -> Result<R, BoxError> {
    Ok(Recorder::<B>::load(&Bytes::default(), saved.get_bytes(name)?.to_vec(), &Default::default())?)
}

fn tune() -> Result<ExitCode, BoxError> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().unwrap_or_else(|| "./burn_repo".to_owned());
    let max_epochs = arguments.next().map_or(Ok(27), |number| number.parse())?;
    let (training, validation) = Digits::load();
    let (_, check) = Digits::load();

    let results = Hyperband::function(move |hp: &Hparams, trial| {
        let mut network = Network::<Training>::new(hp.hidden, trial.rng());
        let mut optimizer = AdamConfig::new().with_beta_1(hp.beta).init();
        if let Some(saved) = trial.arrays() {
            network = network.load_record(record(&saved, "network")?);
            optimizer = optimizer.load_record(record::<Training, _>(&saved, "optimizer")?);
        }
        for _ in trial.epochs() {
            network = epoch(network, &mut optimizer, &training, hp, trial.rng());
            let mut saved = Checkpoint::new();
            saved.insert_bytes("network", bytes::<Training, _>(network.clone().into_record())?);
            saved.insert_bytes("optimizer", bytes::<Training, _>(optimizer.to_record())?);
            trial.save_arrays(saved)?;
            let (loss, accuracy) = network.valid().measure(&validation);
            trial.report("val_loss", loss)?;
            trial.report("val_accuracy", accuracy)?;
        }
        Ok(())
    })
    .monitor("val_accuracy")
    .repo_dir(dir)
    .stop_on_ctrl_c()
    .run(max_epochs, 3)?;

    // the best network, as it was at its best epoch
    let best = results.best_model()?;
    let saved = best.arrays().ok_or("the best trial has no arrays")?;
    let network = Network::<NdArray>::new(results.best().hparams.hidden, hobbit::Key::new(0).rng());
    let network = network.load_record(record(saved, "network")?);
    println!("The best network, loaded from the repository, has accuracy {:.4}", network.measure(&check).1);
    Ok(results.exit_code())
}

fn main() -> ExitCode {
    tune().unwrap_or_else(|error| {
        eprintln!("Error: {error}");
        ExitCode::FAILURE
    })
}
