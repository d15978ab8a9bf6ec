//! A model on its device: trained by a sweep, or rebuilt from a repository to be used.

use dfdx::tensor::Cpu;

use super::data::{Inputs, Part, Targets};
use super::loss::{Loss, Tally, argmax};
use super::model::Compiled;
use super::network::{Network, Pass};
use super::objective::{Device, VALIDATION_BATCH};
use crate::error::{BoxError, Error, Result};
use crate::objective::{Checkpoint, Metrics};
use crate::random::Key;

/// A model with its weights.
pub struct Model {
    pub(super) network: AnyNetwork,
    pub(super) description: Compiled,
    pub(super) outputs: usize,
}

/// A network on the device that was chosen when the program ran.
pub(super) enum AnyNetwork {
    Cpu(Network<Cpu>),
    #[cfg(feature = "cuda")]
    Cuda(super::cuda::CudaNetwork),
}

/// Does the same on every device; the body is a `Result`.
macro_rules! on_device {
    ($network:expr, $inner:ident => $body:expr) => {
        match $network {
            AnyNetwork::Cpu($inner) => $body,
            #[cfg(feature = "cuda")]
            AnyNetwork::Cuda(network) => network.with(|$inner| $body),
        }
    };
}

impl Model {
    /// Builds an untrained model with weights drawn from the key.
    pub(super) fn new(description: Compiled, device: Device, key: Key) -> Result<Model, BoxError> {
        description.check()?;
        let (_, outputs) = description.widths()?;
        let network = match device {
            Device::Cpu | Device::Auto => {
                AnyNetwork::Cpu(Network::new(Cpu::seed_from_u64(key.seed()), &description, key)?)
            }
            #[cfg(feature = "cuda")]
            Device::Cuda(ordinal) => {
                AnyNetwork::Cuda(super::cuda::CudaNetwork::new(ordinal, &description, key)?)
            }
            #[cfg(not(feature = "cuda"))]
            Device::Cuda(_) => return Err("this program was built without the feature `cuda`".into()),
        };
        Ok(Model { network, description, outputs })
    }

    pub(super) fn train(
        &mut self,
        part: &Part,
        samples: &[u32],
        key: Key,
        tally: &mut Tally,
    ) -> Result<(), BoxError> {
        let (inputs, targets) = (part.inputs(samples), part.targets(samples, self.outputs));
        let Pass { loss, outputs } = on_device!(&mut self.network, network => network.train(inputs, targets.clone(), samples.len(), key))?;
        tally.add(self.description.loss, loss, &outputs, &targets, self.outputs);
        Ok(())
    }

    pub(super) fn validate(&self, part: &Part, samples: &[u32], tally: &mut Tally) -> Result<(), BoxError> {
        let (inputs, targets) = (part.inputs(samples), part.targets(samples, self.outputs));
        let Pass { loss, outputs } =
            on_device!(&self.network, network => network.validate(inputs, targets.clone(), samples.len()))?;
        tally.add(self.description.loss, loss, &outputs, &targets, self.outputs);
        Ok(())
    }

    pub(super) fn save(&self) -> Result<Checkpoint, BoxError> {
        on_device!(&self.network, network => network.save())
    }

    pub(super) fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        on_device!(&mut self.network, network => network.load(checkpoint))
    }

    /// Frees what is not needed while the trial waits, and what ties it to this thread.
    pub(super) fn pause(&mut self) -> Result<(), BoxError> {
        match &mut self.network {
            AnyNetwork::Cpu(network) => network.empty_cache(),
            #[cfg(feature = "cuda")]
            AnyNetwork::Cuda(network) => network.pause(),
        }
    }

    /// What it is made of.
    pub fn description(&self) -> &Compiled {
        &self.description
    }

    /// Predictions for samples that come one after the other, each flat.
    ///
    /// # Errors
    /// Numbers that are no whole number of samples.
    pub fn predict(&self, inputs: &[f32]) -> Result<Predictions> {
        let (width, outputs) = self.description.widths()?;
        if !inputs.len().is_multiple_of(width) {
            return Err(Error::data(format!(
                "{} numbers are no whole number of samples: the model takes samples of {width}",
                inputs.len()
            )));
        }
        let mut values = Vec::with_capacity(inputs.len() / width * outputs);
        for batch in inputs.chunks(width * VALIDATION_BATCH) {
            let samples = batch.len() / width;
            let part = on_device!(&self.network, network => network.outputs(batch.to_vec(), samples));
            values.extend(
                part.map_err(|error| Error::model(format!("prediction failed: {error}")).with_source(error))?,
            );
        }
        match self.description.loss {
            Loss::CrossEntropy => values.chunks_exact_mut(outputs).for_each(softmax),
            Loss::BinaryCrossEntropy => {
                values.iter_mut().for_each(|value| *value = 1.0 / (1.0 + (-*value).exp()))
            }
            _ => {}
        }
        Ok(Predictions { values, width: outputs, binary: self.description.loss == Loss::BinaryCrossEntropy })
    }

    /// The loss and metrics on samples with known targets: `loss`, and `accuracy` or `mse` and `mae`.
    ///
    /// # Errors
    /// Data that do not fit the model.
    pub fn evaluate(&self, inputs: impl Into<Inputs>, targets: impl Into<Targets>) -> Result<Metrics> {
        let part = Part::new("test", inputs.into(), targets.into())?;
        let (width, outputs) = self.description.widths()?;
        let loss = self.description.loss;
        if part.width() != width {
            return Err(Error::data(format!(
                "the model takes samples of {width} numbers, but a test sample has {}",
                part.width()
            )));
        }
        part.check(outputs, loss)?;
        let mut tally = Tally::default();
        for batch in part.in_order().chunks(VALIDATION_BATCH) {
            self.validate(&part, batch, &mut tally)
                .map_err(|error| Error::model(format!("evaluation failed: {error}")).with_source(error))?;
        }
        let mut metrics = Metrics::new();
        for (name, value) in loss.names(false).zip(tally.values(loss)) {
            metrics.report(name, value);
        }
        Ok(metrics)
    }
}

fn softmax(row: &mut [f32]) {
    let largest = row[argmax(row)];
    row.iter_mut().for_each(|value| *value = (*value - largest).exp());
    let sum: f32 = row.iter().sum();
    row.iter_mut().for_each(|value| *value /= sum);
}

/// What a model says of samples: probabilities for classes, numbers otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    values: Vec<f32>,
    width: usize,
    binary: bool,
}

impl Predictions {
    /// A row for each sample.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.width)
    }

    /// All numbers, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The most probable class of each sample.
    pub fn classes(&self) -> Vec<usize> {
        let binary = self.binary && self.width == 1;
        self.rows().map(|row| if binary { usize::from(row[0] > 0.5) } else { argmax(row) }).collect()
    }
}
