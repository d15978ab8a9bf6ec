//! Tunes a network of burn on 1797 handwritten digits: `cargo run --release` in this directory.
//!
//! The network, its gradients and the optimizer are burn's, and the state of both goes into checkpoints as
//! burn's own records. `tune-burn DIR [R]` keeps the study in DIR.

use std::borrow::Cow;
use std::process::ExitCode;

use burn::module::{Param, ParamId};
use burn::nn::Linear;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{GradientsParams, ModuleOptimizer, OptimizerRecord, SgdConfig};
use burn::prelude::*;
use burn::store::ModuleRecord;
use burn::tensor::activation::{log_softmax, relu};
use burn::tensor::{Bytes, TensorData};
use hobbit::prelude::*;
use hobbit::{BoxError, Checkpoint, EpochContext, KeyRng, Metrics, TrialContext};

#[search_space]
struct Hparams {
    /// How far a step goes.
    #[log_uniform(1e-3..=0.5)]
    learning_rate: f64,
    /// The share of a step that the next one repeats.
    #[uniform(0.0..=0.95)]
    momentum: f64,
    /// The width of the hidden layer.
    #[choice(16, 32, 64, 128)]
    hidden: usize,
    /// The samples of a step.
    #[choice(16, 32, 64)]
    batch: usize,
}

const PIXELS: usize = 64;
const CLASSES: usize = 10;

/// Images with pixels from 0 to 1, and what they show.
struct Digits {
    pixels: Tensor<2>,
    classes: Tensor<1, Int>,
}

impl Digits {
    /// Every fifth digit is for validation.
    fn load(device: &Device) -> (Digits, Digits) {
        let lines = include_str!("../../data/digits.csv").lines();
        let rows: Vec<Vec<u8>> = lines
            .map(|line| line.split(',').filter_map(|number| number.trim().parse().ok()).collect::<Vec<u8>>())
            .filter(|row| row.len() == PIXELS + 1)
            .collect();
        let part = |validation: bool| {
            let rows = rows.iter().enumerate().filter(|(i, _)| (i % 5 == 4) == validation);
            let (mut pixels, mut classes) = (Vec::new(), Vec::new());
            for (_, row) in rows {
                pixels.extend(row[..PIXELS].iter().map(|&pixel| f32::from(pixel) / 16.0));
                classes.push(i32::from(row[PIXELS]));
            }
            let samples = classes.len();
            Digits {
                pixels: Tensor::from_data(TensorData::new(pixels, [samples, PIXELS]), device),
                classes: Tensor::from_data(TensorData::new(classes, [samples]), device),
            }
        };
        (part(false), part(true))
    }

    /// Some samples, by their numbers.
    fn select(&self, rows: &[i32]) -> Digits {
        let rows: Tensor<1, Int> = Tensor::from_data(rows, &self.pixels.device());
        Digits {
            pixels: self.pixels.clone().select(0, rows.clone()),
            classes: self.classes.clone().select(0, rows),
        }
    }

    fn samples(&self) -> usize {
        self.classes.dims()[0]
    }
}

#[derive(Module, Debug)]
struct Network {
    hidden: Linear,
    output: Linear,
}

impl Network {
    fn new(hidden: usize, rng: &mut KeyRng, device: &Device) -> Network {
        Network {
            hidden: layer([PIXELS, hidden], 0, rng, device),
            output: layer([hidden, CLASSES], 2, rng, device),
        }
    }

    /// The score of each class, before the softmax.
    fn forward(&self, pixels: Tensor<2>) -> Tensor<2> {
        self.output.forward(relu(self.hidden.forward(pixels)))
    }
}

/// A layer whose weights are drawn from the trial's generator and whose parameters are numbered from `first`.
///
/// burn would draw both from generators that all threads share, and then the same trial would differ from run
/// to run: its weights, and its records, in which a parameter goes by its number.
fn layer([inputs, outputs]: [usize; 2], first: u64, rng: &mut KeyRng, device: &Device) -> Linear {
    let limit = 1.0 / (inputs as f64).sqrt();
    let mut drawn = |count| -> Vec<f32> {
        std::iter::repeat_with(|| ((2.0 * rng.unit() - 1.0) * limit) as f32).take(count).collect()
    };
    let weight = Tensor::from_data(TensorData::new(drawn(inputs * outputs), [inputs, outputs]), device);
    let bias = Tensor::from_data(TensorData::new(drawn(outputs), [outputs]), device);
    Linear {
        weight: Param::initialized(ParamId::from(first), weight.require_grad()),
        bias: Some(Param::initialized(ParamId::from(first + 1), bias.require_grad())),
    }
}

/// The mean of -log of the probability of the right class.
fn cross_entropy(outputs: Tensor<2>, classes: Tensor<1, Int>) -> Tensor<1> {
    log_softmax(outputs, 1).gather(1, classes.unsqueeze_dim(1)).mean().neg()
}

/// A network that is trained, and the optimizer with its state.
struct Model {
    network: Network,
    optimizer: ModuleOptimizer,
    learning_rate: f64,
    batch: usize,
}

/// Trains networks on some digits, and measures them on others.
struct Reading {
    training: Digits,
    validation: Digits,
    device: Device,
}

impl Reading {
    fn new() -> Reading {
        let device = Device::flex();
        let (training, validation) = Digits::load(&device);
        Reading { training, validation, device: device.autodiff() }
    }

    /// The loss, and the share of digits that are read right.
    fn measure(&self, network: &Network) -> Result<(f64, f64), BoxError> {
        let Digits { pixels, classes } = &self.validation;
        let outputs = network.valid().forward(pixels.clone());
        let right = outputs.clone().argmax(1).squeeze_dim::<1>(1).equal(classes.clone()).int().sum();
        let loss = cross_entropy(outputs, classes.clone()).try_into_scalar::<f32>()?;
        Ok((f64::from(loss), f64::from(right.try_into_scalar::<i32>()?) / self.validation.samples() as f64))
    }
}

impl Objective for Reading {
    type Hparams = Hparams;
    type Model = Model;

    fn metrics(&self, _: &Hparams) -> Result<Vec<Cow<'static, str>>, BoxError> {
        Ok(vec!["loss".into(), "val_loss".into(), "val_accuracy".into()])
    }

    fn training_loss(&self) -> Option<&'static str> {
        Some("loss")
    }

    fn build(&self, hp: &Hparams, trial: &TrialContext) -> Result<Model, BoxError> {
        let momentum = MomentumConfig::new().with_momentum(hp.momentum).with_dampening(0.0);
        Ok(Model {
            network: Network::new(hp.hidden, &mut trial.key.rng(), &self.device),
            optimizer: SgdConfig::new().with_momentum(Some(momentum)).init(),
            learning_rate: hp.learning_rate,
            batch: hp.batch,
        })
    }

    /// All samples once, in batches.
    fn train_epoch(
        &self,
        model: &mut Model,
        epoch: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        let mut order: Vec<i32> = (0..self.training.samples() as i32).collect();
        epoch.key(0).rng().shuffle(&mut order);
        let mut sum = 0.0;
        for rows in order.chunks(model.batch) {
            epoch.check()?;
            let batch = self.training.select(rows);
            let network = model.network.clone();
            let loss = cross_entropy(network.forward(batch.pixels), batch.classes);
            sum += f64::from(loss.clone().try_into_scalar::<f32>()?) * rows.len() as f64;
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            model.network = model.optimizer.step(model.learning_rate, network, gradients);
        }
        metrics.report("loss", sum / order.len() as f64);
        Ok(())
    }

    fn validate(
        &self,
        model: &mut Model,
        _: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        let (loss, accuracy) = self.measure(&model.network)?;
        metrics.report("val_loss", loss);
        metrics.report("val_accuracy", accuracy);
        Ok(())
    }

    fn save(&self, model: &Model) -> Result<Checkpoint, BoxError> {
        let mut checkpoint = Checkpoint::new();
        checkpoint.insert_bytes("network", model.network.clone().into_record().into_bytes()?.to_vec());
        // an optimizer lists its tensors in any order; a record that was read lists them by name
        let record = OptimizerRecord::from_bytes(model.optimizer.to_record().into_bytes()?)?;
        checkpoint.insert_bytes("optimizer", record.into_bytes()?.to_vec());
        Ok(checkpoint)
    }

    fn load(&self, model: &mut Model, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        let bytes = |name| checkpoint.get_bytes(name).map(|bytes| Bytes::from_bytes_vec(bytes.to_vec()));
        let network = ModuleRecord::from_bytes(bytes("network")?)?;
        let optimizer = OptimizerRecord::from_bytes(bytes("optimizer")?)?;
        model.network = model.network.clone().try_load_record(network)?;
        model.optimizer = model.optimizer.clone().load_record(optimizer);
        Ok(())
    }

    /// Two numbers of four bytes for each parameter: its value, and its momentum.
    fn memory(&self, model: &Model) -> usize {
        8 * model.network.num_params()
    }
}

fn tune() -> Result<ExitCode, BoxError> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().unwrap_or_else(|| "./burn_repo".to_owned());
    let max_epochs = arguments.next().map_or(Ok(27), |number| number.parse())?;

    let results = Hyperband::of(Reading::new())
        .monitor("val_accuracy")
        .repo_dir(dir)
        .stop_on_ctrl_c()
        .run(max_epochs, 3)?;

    // the best network, as it was at its best epoch
    let best = results.best_model()?;
    let (_, accuracy) = Reading::new().measure(&best.network)?;
    println!("The best network, loaded from the repository, has accuracy {accuracy:.4}");
    Ok(results.exit_code())
}

fn main() -> ExitCode {
    tune().unwrap_or_else(|error| {
        eprintln!("Error: {error}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use hobbit::Key;

    use super::*;

    /// A stage continued from a checkpoint gives the bits of one that was not interrupted, among others.
    #[test]
    fn the_objective_keeps_its_promises() {
        let drawn = (0..3).map(|seed| Hparams::draw(Key::new(seed)).expect("the space is not empty"));
        hobbit::testing::objective(Reading::new, drawn);
    }
}
