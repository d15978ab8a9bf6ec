//! A network on a device: built from its description, run forwards and backwards by dfdx's tape.

use dfdx::shapes::{Axis, HasShape};
use dfdx::tensor::{Cache, Gradients, NoneTape, Tape, Tensor, Trace};
use dfdx::tensor_ops::{Backward, BroadcastTo, Device, ReshapeTo, TryAdd, TryMatMul, TryMul};

use super::loss::Loss;
use super::model::{Activation, Compiled, Layer};
use super::optimizer::OptimizerState;
use crate::error::BoxError;
use crate::objective::Checkpoint;
use crate::random::{Key, KeyRng};

/// A parameter. Biases have one row, so that all parameters have one type.
pub(super) type Parameter<D> = Tensor<(usize, usize), f32, D>;

/// A batch: `(samples, numbers of a sample)`.
type Batch<D, T = NoneTape> = Tensor<(usize, usize), f32, D, T>;

/// A layer on a device. Samples are flat in memory at all times, so flattening is nothing.
#[derive(Debug)]
enum Built<D: Device<f32>> {
    Dense { weight: Parameter<D>, bias: Parameter<D> },
    Activation(Activation),
    Dropout(f64),
    Flatten,
}

/// A network with its optimizer.
#[derive(Debug)]
pub(super) struct Network<D: Device<f32>> {
    device: D,
    layers: Vec<Built<D>>,
    loss: Loss,
    optimizer: OptimizerState<D>,
    slot_names: &'static [&'static str],
    /// Gradients of parameters, kept from step to step so that their memory is.
    gradients: Option<Gradients<f32, D>>,
}

/// What a forward pass gave: the mean loss, and the outputs row by row.
pub(super) struct Pass {
    pub(super) loss: f64,
    pub(super) outputs: Vec<f32>,
}

/// dfdx's errors are not all `std` errors.
pub(super) fn device_error(error: impl std::fmt::Debug) -> BoxError {
    format!("the device reports {error:?}").into()
}

impl<D: Device<f32> + Cache> Network<D> {
    /// Builds the network with weights drawn from the key: uniform in ±√(6 / (inputs + outputs)) (Glorot and Bengio, AISTATS 2010),
    /// or ±√(6 / inputs) before a ReLU or GELU (He et al., ICCV 2015); biases are zero.
    pub(super) fn new(device: D, model: &Compiled, key: Key) -> Result<Network<D>, BoxError> {
        let shapes = model.shapes()?;
        let mut layers = Vec::with_capacity(model.layers.len());
        for (position, layer) in model.layers.iter().enumerate() {
            layers.push(match layer {
                Layer::Dense(width) => {
                    let inputs = shapes[position][0];
                    let rectified = matches!(
                        model.layers.get(position + 1),
                        Some(Layer::Activation(Activation::Relu | Activation::Gelu | Activation::LeakyRelu))
                    );
                    let fans = if rectified { inputs } else { inputs + width };
                    let limit = (6.0 / fans as f64).sqrt();
                    let mut rng = key.child(position as u64).rng();
                    let values =
                        (0..inputs * width).map(|_| ((2.0 * rng.unit() - 1.0) * limit) as f32).collect();
                    let weight =
                        device.try_tensor_from_vec(values, (inputs, *width)).map_err(device_error)?;
                    let bias =
                        device.try_tensor_from_vec(vec![0.0; *width], (1, *width)).map_err(device_error)?;
                    Built::Dense { weight, bias }
                }
                Layer::Activation(activation) => Built::Activation(*activation),
                Layer::Dropout(probability) => Built::Dropout(*probability),
                Layer::Flatten => Built::Flatten,
            });
        }
        Ok(Network {
            device,
            layers,
            loss: model.loss,
            optimizer: OptimizerState::new(model.optimizer),
            slot_names: model.optimizer.slot_names(),
            gradients: None,
        })
    }

    fn batch(&self, values: Vec<f32>, samples: usize) -> Result<Batch<D>, BoxError> {
        let width = values.len() / samples.max(1);
        self.device.try_tensor_from_vec(values, (samples, width)).map_err(device_error)
    }

    /// One training step on a batch of so many samples; dropout masks are drawn from the key.
    pub(super) fn train(
        &mut self,
        inputs: Vec<f32>,
        targets: Vec<f32>,
        samples: usize,
        key: Key,
    ) -> Result<Pass, BoxError> {
        let (inputs, targets) = (self.batch(inputs, samples)?, self.batch(targets, samples)?);
        let inputs = inputs.traced(self.gradients.take().unwrap_or_else(Gradients::leaky));
        let outputs = self.forward(inputs, Some(key)).map_err(device_error)?;
        let values = outputs.as_vec();
        let loss = self.loss.of(outputs, targets).map_err(device_error)?;
        let value = f64::from(loss.as_vec()[0]);
        if !value.is_finite() {
            return Ok(Pass { loss: value, outputs: values });
        }
        let mut gradients = loss.try_backward().map_err(device_error)?;
        self.optimizer.begin_step();
        for layer in &mut self.layers {
            if let Built::Dense { weight, bias } = layer {
                self.optimizer.update(weight, &mut gradients).map_err(device_error)?;
                self.optimizer.update(bias, &mut gradients).map_err(device_error)?;
            }
        }
        Ok(Pass { loss: value, outputs: values })
    }

    /// The loss and outputs of a batch, without dropout.
    pub(super) fn validate(
        &self,
        inputs: Vec<f32>,
        targets: Vec<f32>,
        samples: usize,
    ) -> Result<Pass, BoxError> {
        let targets = self.batch(targets, samples)?;
        let outputs = self.forward(self.batch(inputs, samples)?, None).map_err(device_error)?;
        let values = outputs.as_vec();
        let loss = self.loss.of(outputs, targets).map_err(device_error)?;
        Ok(Pass { loss: f64::from(loss.as_vec()[0]), outputs: values })
    }

    /// The outputs of a batch, row by row.
    pub(super) fn outputs(&self, inputs: Vec<f32>, samples: usize) -> Result<Vec<f32>, BoxError> {
        Ok(self.forward(self.batch(inputs, samples)?, None).map_err(device_error)?.as_vec())
    }

    /// All layers; with a key it is for training.
    fn forward<T: Tape<f32, D>>(&self, inputs: Batch<D, T>, key: Option<Key>) -> Result<Batch<D, T>, D::Err> {
        let mut x = inputs;
        for (position, layer) in self.layers.iter().enumerate() {
            x = match layer {
                Built::Dense { weight, bias } => {
                    let x = x.try_matmul(weight.retaped::<NoneTape>())?;
                    let shape = *x.shape();
                    let bias = bias.retaped::<T>().try_reshape_like(&(shape.1,))?;
                    x.try_add(bias.try_broadcast_like::<_, Axis<0>>(&shape)?)?
                }
                Built::Activation(Activation::Sigmoid) => x.try_sigmoid()?,
                Built::Activation(Activation::Tanh) => x.try_tanh()?,
                Built::Activation(Activation::Relu) => x.try_relu()?,
                Built::Activation(Activation::Gelu) => x.try_accurate_gelu()?,
                Built::Activation(Activation::LeakyRelu) => dfdx::tensor_ops::TryPReLU::try_prelu(x, 0.01)?,
                Built::Activation(Activation::Linear) | Built::Flatten => x,
                Built::Dropout(probability) => match key {
                    Some(key) if *probability > 0.0 => {
                        let shape = *x.shape();
                        let mask = mask(*probability, shape.0 * shape.1, key.child(position as u64).rng());
                        x.try_mul(self.device.try_tensor_from_vec(mask, shape)?)?
                    }
                    _ => x,
                },
            };
        }
        Ok(x)
    }

    /// Parameters and optimizer state, by names like `dense1.weight`.
    pub(super) fn save(&self) -> Result<Checkpoint, BoxError> {
        let mut checkpoint = Checkpoint::new();
        for (name, param) in parameters(&self.layers) {
            let (rows, columns) = *param.shape();
            let shape = if name.ends_with("bias") { vec![columns] } else { vec![rows, columns] };
            checkpoint.insert_f32(name.as_str(), &shape, param.as_vec());
            for (slot, values) in self.slot_names.iter().zip(self.optimizer.save(param)) {
                checkpoint.insert_f32(format!("optimizer.{slot}.{name}"), &shape, values);
            }
        }
        checkpoint.metadata.insert("steps".to_owned(), self.optimizer.steps().to_string());
        Ok(checkpoint)
    }

    /// Puts back what was saved.
    pub(super) fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        let steps = checkpoint.metadata.get("steps").and_then(|steps| steps.parse().ok());
        self.optimizer.set_steps(steps.ok_or("the checkpoint does not say how many steps were taken")?);
        let (device, optimizer, slot_names) = (&self.device, &mut self.optimizer, self.slot_names);
        for (name, param) in parameters_mut(&mut self.layers) {
            let (rows, columns) = *param.shape();
            let shape = if name.ends_with("bias") { vec![columns] } else { vec![rows, columns] };
            let read = |name: &str| {
                let values = checkpoint.f32(name, &shape)?.to_vec();
                device.try_tensor_from_vec(values, (rows, columns)).map_err(device_error)
            };
            *param = read(&name)?;
            for (slot, slot_name) in slot_names.iter().enumerate() {
                let values = read(&format!("optimizer.{slot_name}.{name}"))?;
                optimizer.load(slot, param, values).map_err(device_error)?;
            }
        }
        self.gradients = None;
        Ok(())
    }

    /// Gives memory back that is only kept to be used again.
    pub(super) fn empty_cache(&mut self) -> Result<(), BoxError> {
        self.gradients = None;
        self.device.try_empty_cache().map_err(device_error)
    }
}

/// Zero with this probability, 1 / (1 - probability) otherwise.
fn mask(probability: f64, length: usize, mut rng: KeyRng) -> Vec<f32> {
    use rand::RngCore;
    let keep = if probability < 1.0 { (1.0 / (1.0 - probability)) as f32 } else { 0.0 };
    // two masks from each 64 bits
    let threshold = (probability * (1u64 << 32) as f64) as u64;
    let mut values = Vec::with_capacity(length + 1);
    while values.len() < length {
        let word = rng.next_u64();
        for half in [word & 0xffff_ffff, word >> 32] {
            values.push(if half < threshold { 0.0 } else { keep });
        }
    }
    values.truncate(length);
    values
}

/// The parameters with their names.
fn parameters<D: Device<f32>>(layers: &[Built<D>]) -> impl Iterator<Item = (String, &Parameter<D>)> {
    let mut count = 0;
    layers.iter().flat_map(move |layer| match layer {
        Built::Dense { weight, bias } => {
            count += 1;
            vec![(format!("dense{count}.weight"), weight), (format!("dense{count}.bias"), bias)]
        }
        _ => Vec::new(),
    })
}

fn parameters_mut<D: Device<f32>>(
    layers: &mut [Built<D>],
) -> impl Iterator<Item = (String, &mut Parameter<D>)> {
    let mut count = 0;
    layers.iter_mut().flat_map(move |layer| match layer {
        Built::Dense { weight, bias } => {
            count += 1;
            vec![(format!("dense{count}.weight"), weight), (format!("dense{count}.bias"), bias)]
        }
        _ => Vec::new(),
    })
}
