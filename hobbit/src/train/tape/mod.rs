//! Networks on dfdx's tape: on GPUs, and wherever a network has layers that only dfdx knows. Layers with sizes known at run time are
//! made of dfdx's public operations on `(samples, numbers of a sample)`.

#[cfg(feature = "cuda")]
mod cuda;
pub(super) mod custom;
mod images;
mod layers;
pub(super) mod module;
mod optimizer;
#[cfg(any(test, feature = "cuda"))]
mod shelf;
#[cfg(test)]
mod tests;

use std::sync::Once;

use dfdx::shapes::HasShape;
use dfdx::tensor::{Cache, Cpu, Gradients, HasErr, NoneTape, OwnedTape, Tensor, Trace};
use dfdx::tensor_ops::{Backward, Device, SumTo, TryMul};

#[cfg(feature = "cuda")]
pub(super) use cuda::{CudaNetwork, gpus, leave};
use custom::{Built, Opaque};
use images::Windows;
use optimizer::OptimizerState;

use super::data::Given;
use super::layer::{Layer, Role};
use super::network::{Criterion, Network, Step, read, steps_of};
use super::optimizer::{Optimizer, Sgd};
use super::plan::{Node, Plan};
use crate::error::BoxError;
use crate::objective::{Checkpoint, OutOfMemory};
use crate::random::Key;
use crate::runner::panics::catch;

/// A device of dfdx's with everything that layers may need.
pub trait TensorDevice: Device<f32> + Cache {}

impl<D: Device<f32> + Cache> TensorDevice for D {}

/// A parameter on a device, flat.
pub type Flat<D> = Tensor<(usize,), f32, D>;
/// Samples on a device: a row for each.
pub type Rows<D, T = NoneTape> = Tensor<(usize, usize), f32, D, T>;
/// Samples in rows, with what was done to them.
type Traced<D> = Rows<D, OwnedTape<f32, D>>;

/// A device that a network can be built on.
pub(super) trait Place: TensorDevice {
    /// A layer that only dfdx knows. On the processor it can go from thread to thread.
    type Layer: Built<Self> + ?Sized;

    fn layer(&self, layer: &dyn Opaque) -> Result<Box<Self::Layer>, BoxError>;

    /// The device for a step of this key, on which random numbers begin with it; none if that would cost too much.
    fn for_step(&self, key: Key) -> Option<Self>;
}

impl Place for Cpu {
    type Layer = dyn Built<Cpu> + Send;

    fn layer(&self, layer: &dyn Opaque) -> Result<Box<Self::Layer>, BoxError> {
        layer.build_cpu()
    }

    fn for_step(&self, key: Key) -> Option<Cpu> {
        Some(Cpu::seed_from_u64(key.seed()))
    }
}

/// dfdx's errors are not all `std` errors.
pub(super) fn device_error(error: impl std::fmt::Debug) -> BoxError {
    let error = format!("{error:?}");
    // CUDA's driver, cuBLAS, and dfdx on the processor
    if ["CUDA_ERROR_OUT_OF_MEMORY", "CUBLAS_STATUS_ALLOC_FAILED", "OutOfMemory"]
        .iter()
        .any(|full| error.contains(full))
    {
        return Box::new(OutOfMemory::new(format!("the device reports {error}")));
    }
    format!("the device reports {error}").into()
}

/// dfdx multiplies matrices with as many threads as the current rayon pool has; one trial is to have one.
fn one_thread_a_trial() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| gemm_common::gemm::set_threading_threshold(usize::MAX));
}

/// Samples, put on the device.
fn upload<D: Place>(device: &D, values: Vec<f32>, samples: usize) -> Result<Rows<D>, BoxError> {
    let width = values.len() / samples.max(1);
    device.try_tensor_from_vec(values, (samples, width)).map_err(device_error)
}

/// A node with what it needs on the device.
struct Link<D: Place> {
    node: Node,
    windows: Option<Windows<D>>,
    opaque: Option<Box<D::Layer>>,
    block: Vec<Link<D>>,
}

/// A network on a device, with its optimizer.
pub(super) struct TapeNetwork<D: Place> {
    device: D,
    links: Vec<Link<D>>,
    names: Vec<String>,
    shapes: Vec<Vec<usize>>,
    roles: Vec<Role>,
    parameters: Vec<Flat<D>>,
    optimizer: OptimizerState<D>,
    slot_names: &'static [&'static str],
    has_opaque: bool,
}

impl<D: Place> TapeNetwork<D> {
    /// With these first values of the parameters.
    pub(super) fn new(
        device: D,
        plan: &Plan,
        values: Vec<Vec<f32>>,
        optimizer: Optimizer,
    ) -> Result<TapeNetwork<D>, BoxError> {
        one_thread_a_trial();
        let links = links(&device, &plan.nodes)?;
        let flat = |values: Vec<f32>| {
            let length = values.len();
            device.try_tensor_from_vec(values, (length,)).map_err(device_error)
        };
        let parameters = values.into_iter().map(flat).collect::<Result<Vec<Flat<D>>, BoxError>>()?;
        let roles: Vec<Role> = plan.parameters.iter().map(|spec| spec.role).collect();
        Ok(TapeNetwork {
            links,
            names: plan.parameters.iter().map(|spec| spec.name.clone()).collect(),
            shapes: plan.parameters.iter().map(|spec| spec.shape.clone()).collect(),
            optimizer: OptimizerState::new(optimizer, &parameters, &roles)?,
            parameters,
            roles,
            slot_names: optimizer.slot_names(),
            has_opaque: plan.has_opaque(),
            device,
        })
    }
}

fn links<D: Place>(device: &D, nodes: &[Node]) -> Result<Vec<Link<D>>, BoxError> {
    let link = |node: &Node| {
        let opaque = match &node.layer {
            Layer::Custom(custom) => Some(device.layer(custom.opaque())?),
            _ => None,
        };
        let windows = Windows::of(device, node).map_err(device_error)?;
        Ok(Link { node: node.clone(), windows, opaque, block: links(device, &node.block)? })
    };
    nodes.iter().map(link).collect()
}

/// What of a network cannot be trained on a batch of one sample: a layer that normalizes over a batch, or a
/// module of dfdx with one.
pub(super) fn needs_pairs(plan: &Plan) -> Option<String> {
    let layer = plan.needs_pairs().map(str::to_owned);
    layer.or_else(|| {
        (has_statistics(plan, &plan.nodes) && loses_statistics(plan)).then(|| "a module of dfdx".to_owned())
    })
}

/// Whether there are layers with running statistics that only dfdx knows.
fn has_statistics(plan: &Plan, nodes: &[Node]) -> bool {
    nodes.iter().any(|node| match node.layer {
        Layer::Custom(_) => {
            plan.parameters[node.parameters.clone()].iter().any(|spec| spec.role == Role::Statistic)
        }
        _ => has_statistics(plan, &node.block),
    })
}

/// Whether a step on one sample makes running statistics infinite: dfdx's batch normalization divides by the
/// count of what it normalizes over, less one.
fn loses_statistics(plan: &Plan) -> bool {
    let zeros = plan.parameters.iter().map(|spec| vec![0.0; spec.len()]).collect();
    let try_one = || -> Result<bool, BoxError> {
        let mut network = TapeNetwork::new(Cpu::seed_from_u64(0), plan, zeros, Sgd::new(0.0).into())?;
        let x = upload(&network.device, vec![0.0; plan.widths().0], 1)?.leaky_traced();
        layers::forward(&mut network.links, &mut network.parameters, x, Some(Key::new(0)))?;
        let mut statistics =
            network.parameters.iter().zip(&network.roles).filter(|(_, role)| **role == Role::Statistic);
        Ok(statistics.any(|(values, _)| values.as_vec().iter().any(|value| !value.is_finite())))
    };
    // a module that fails here is tried with real batches, and says there what is wrong
    catch(try_one).is_ok_and(|lost| lost.unwrap_or(false))
}

impl<D: Place> TapeNetwork<D> {
    /// The device that the inputs of a step have to be on: modules of dfdx draw dropout from the device of what flows through them.
    fn device_of(&self, step: &Step) -> D {
        let own = if self.has_opaque { self.device.for_step(step.key) } else { None };
        own.unwrap_or_else(|| self.device.clone())
    }

    pub(super) fn train_step(
        &mut self,
        inputs: Rows<D>,
        step: &Step,
        criterion: &mut Criterion<'_>,
    ) -> Result<(), BoxError> {
        let (samples, _) = *inputs.shape();
        let x: Traced<D> = inputs.leaky_traced();
        let outputs = layers::forward(&mut self.links, &mut self.parameters, x, Some(step.key))?;
        let values = outputs.as_vec();
        let mut gradient = vec![0.0; values.len()];
        if !criterion(&values, &mut gradient)? {
            return Ok(());
        }
        let gradient = upload(&self.device, gradient, samples)?;
        let product = outputs.try_mul(gradient).map_err(device_error)?;
        let sum: Tensor<(), f32, D, OwnedTape<f32, D>> = product.try_sum().map_err(device_error)?;
        let gradients: Gradients<f32, D> = sum.try_backward().map_err(device_error)?;
        self.optimizer.step(&mut self.parameters, &self.roles, gradients, step).map_err(device_error)
    }

    pub(super) fn predict(&mut self, inputs: Rows<D>, to: &mut Vec<f32>) -> Result<(), BoxError> {
        let outputs: Rows<D> = layers::forward(&mut self.links, &mut self.parameters, inputs, None)?;
        to.extend(outputs.as_vec());
        Ok(())
    }

    pub(super) fn store(&self, checkpoint: &mut Checkpoint) -> Result<(), BoxError> {
        for (place, (name, shape)) in self.names.iter().zip(&self.shapes).enumerate() {
            checkpoint.insert_f32(name.as_str(), shape, self.parameters[place].as_vec());
            if self.roles[place] != Role::Statistic {
                let slots = self.optimizer.save(&self.parameters[place]);
                for (slot, values) in self.slot_names.iter().zip(slots) {
                    checkpoint.insert_f32(format!("optimizer.{slot}.{name}"), shape, values);
                }
            }
        }
        checkpoint.metadata.insert("steps".to_owned(), self.optimizer.steps.to_string());
        Ok(())
    }

    pub(super) fn restore(&mut self, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        self.optimizer.steps = steps_of(checkpoint)?;
        for (place, (name, shape)) in self.names.iter().zip(&self.shapes).enumerate() {
            let length: usize = shape.iter().product();
            let mut values = vec![0.0; length];
            read(checkpoint, name, shape, &mut values)?;
            self.parameters[place].copy_from(&values);
            if self.roles[place] != Role::Statistic {
                for (slot, slot_name) in self.slot_names.iter().enumerate() {
                    read(checkpoint, &format!("optimizer.{slot_name}.{name}"), shape, &mut values)?;
                    let saved =
                        self.device.try_tensor_from_vec(values.clone(), (length,)).map_err(device_error)?;
                    self.optimizer.load(slot, &self.parameters[place], saved).map_err(device_error)?;
                }
            }
        }
        Ok(())
    }
}

impl Network for TapeNetwork<Cpu>
where
    <Cpu as HasErr>::Err: Send,
{
    fn train(
        &mut self,
        inputs: Given<'_>,
        samples: usize,
        step: &Step,
        criterion: &mut Criterion<'_>,
    ) -> Result<(), BoxError> {
        let inputs = upload(&self.device_of(step), inputs.numbers().into_owned(), samples)?;
        self.train_step(inputs, step, criterion)
    }

    fn outputs(&mut self, inputs: Given<'_>, samples: usize, to: &mut Vec<f32>) -> Result<(), BoxError> {
        let inputs = upload(&self.device, inputs.numbers().into_owned(), samples)?;
        self.predict(inputs, to)
    }

    fn save(&self, checkpoint: &mut Checkpoint) -> Result<(), BoxError> {
        self.store(checkpoint)
    }

    fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        self.restore(checkpoint)
    }

    fn pause(&mut self) -> Result<(), BoxError> {
        // what waits is as large as what is trained
        Ok(())
    }
}
