//! Tunes a network of candle on 1797 handwritten digits: `cargo run --release` in this directory.
//!
//! What candle computes with (its tensors, layers, loss and gradients) stays candle's; hobbit gets the arrays
//! of a trial's state as a checkpoint. candle's own optimizers do not show their state, so the step with
//! momentum is written here. `tune-candle DIR [R]` keeps the study in DIR.

use std::process::ExitCode;

use candle_core::{Device, Tensor, Var};
use candle_nn::{Linear, Module, loss, ops};
use hobbit::prelude::*;
use hobbit::{BoxError, Checkpoint, KeyRng};

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
const CPU: Device = Device::Cpu;

/// Images with pixels from 0 to 1, and what they show.
struct Digits {
    pixels: Tensor,
    classes: Tensor,
}

impl Digits {
    /// Every fifth digit is for validation.
    fn load() -> candle_core::Result<(Digits, Digits)> {
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
                classes.push(u32::from(row[PIXELS]));
            }
            let samples = classes.len();
            candle_core::Result::Ok(Digits {
                pixels: Tensor::from_vec(pixels, (samples, PIXELS), &CPU)?,
                classes: Tensor::from_vec(classes, samples, &CPU)?,
            })
        };
        Ok((part(false)?, part(true)?))
    }
}

/// Two layers, with the speed at which each parameter moves.
struct Network {
    parameters: Vec<Parameter>,
}

struct Parameter {
    name: &'static str,
    value: Var,
    speed: Tensor,
}

impl Network {
    /// Weights are drawn from the trial's generator, so that every trial is the same whenever it is trained.
    fn new(hidden: usize, mut rng: KeyRng) -> candle_core::Result<Network> {
        let mut drawn = |name, shape: &[usize], inputs: usize| {
            let limit = 1.0 / (inputs as f64).sqrt();
            let count = shape.iter().product();
            let values: Vec<f32> =
                std::iter::repeat_with(|| ((2.0 * rng.unit() - 1.0) * limit) as f32).take(count).collect();
            let value = Var::from_vec(values, shape, &CPU)?;
            candle_core::Result::Ok(Parameter { name, speed: value.zeros_like()?, value })
        };
        Ok(Network {
            parameters: vec![
                drawn("dense1.weight", &[hidden, PIXELS], PIXELS)?,
                drawn("dense1.bias", &[hidden], PIXELS)?,
                drawn("dense2.weight", &[CLASSES, hidden], hidden)?,
                drawn("dense2.bias", &[CLASSES], hidden)?,
            ],
        })
    }

    /// What each class is given, before the softmax.
    fn forward(&self, pixels: &Tensor) -> candle_core::Result<Tensor> {
        let layer = |first: usize| {
            let tensor = |place: usize| self.parameters[place].value.as_tensor().clone();
            Linear::new(tensor(first), Some(tensor(first + 1)))
        };
        layer(2).forward(&layer(0).forward(pixels)?.relu()?)
    }

    /// One step against the gradient.
    fn step(&mut self, batch: &Digits, hp: &Hparams) -> candle_core::Result<()> {
        let gradients = loss::cross_entropy(&self.forward(&batch.pixels)?, &batch.classes)?.backward()?;
        for Parameter { value, speed, .. } in &mut self.parameters {
            if let Some(gradient) = gradients.get(value) {
                *speed = (&*speed * hp.momentum)?.sub(&(gradient * hp.learning_rate)?)?.detach();
                value.set(&value.as_tensor().add(speed)?)?;
            }
        }
        Ok(())
    }

    /// All samples once, in batches.
    fn epoch(&mut self, data: &Digits, hp: &Hparams, mut rng: KeyRng) -> candle_core::Result<()> {
        let mut order: Vec<u32> = (0..data.classes.dim(0)? as u32).collect();
        rng.shuffle(&mut order);
        for rows in order.chunks(hp.batch) {
            let rows = Tensor::new(rows, &CPU)?;
            let batch = Digits {
                pixels: data.pixels.index_select(&rows, 0)?,
                classes: data.classes.index_select(&rows, 0)?,
            };
            self.step(&batch, hp)?;
        }
        Ok(())
    }

    /// The loss, and the share of digits that are read right.
    fn measure(&self, data: &Digits) -> candle_core::Result<(f64, f64)> {
        let outputs = self.forward(&data.pixels)?;
        let loss = loss::cross_entropy(&outputs, &data.classes)?.to_scalar::<f32>()?;
        let read = ops::softmax(&outputs, 1)?.argmax(1)?.to_vec1::<u32>()?;
        let right = read.iter().zip(data.classes.to_vec1::<u32>()?).filter(|(read, class)| **read == *class);
        Ok((f64::from(loss), right.count() as f64 / read.len() as f64))
    }

    /// Everything that later epochs depend on.
    fn save(&self) -> candle_core::Result<Checkpoint> {
        let mut checkpoint = Checkpoint::new();
        for Parameter { name, value, speed } in &self.parameters {
            let numbers = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
            checkpoint.insert_f32(*name, value.dims(), numbers(value)?);
            checkpoint.insert_f32(format!("{name}.speed"), value.dims(), numbers(speed)?);
        }
        Ok(checkpoint)
    }

    fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        for Parameter { name, value, speed } in &mut self.parameters {
            let shape = value.dims().to_vec();
            value.set(&Tensor::from_slice(checkpoint.f32(name, &shape)?, &*shape, &CPU)?)?;
            *speed = Tensor::from_slice(checkpoint.f32(&format!("{name}.speed"), &shape)?, &*shape, &CPU)?;
        }
        Ok(())
    }
}

fn tune() -> Result<ExitCode, BoxError> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().unwrap_or_else(|| "./candle_repo".to_owned());
    let max_epochs = arguments.next().map_or(Ok(27), |number| number.parse())?;
    let (training, validation) = Digits::load()?;
    let (_, check) = Digits::load()?;

    let results = Hyperband::function(move |hp: &Hparams, trial| {
        let mut network = Network::new(hp.hidden, trial.rng())?;
        if let Some(saved) = trial.arrays() {
            network.load(&saved)?;
        }
        for _ in trial.epochs() {
            network.epoch(&training, hp, trial.rng())?;
            trial.save_arrays(network.save()?)?;
            let (loss, accuracy) = network.measure(&validation)?;
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
    let mut network = Network::new(results.best().hparams.hidden, hobbit::Key::new(0).rng())?;
    network.load(best.arrays().ok_or("the best trial has no arrays")?)?;
    println!("The best network, loaded from the repository, has accuracy {:.4}", network.measure(&check)?.1);
    Ok(results.exit_code())
}

fn main() -> ExitCode {
    tune().unwrap_or_else(|error| {
        eprintln!("Error: {error}");
        ExitCode::FAILURE
    })
}
