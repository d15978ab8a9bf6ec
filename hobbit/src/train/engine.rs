//! Which engine trains a network: the one place that knows all of them.

use std::collections::BTreeSet;

use dfdx::tensor::Cpu;

use super::device::{Device, Engine};
use super::math;
use super::native::Native;
use super::network::{Network, Stack, StackedPart};
use super::optimizer::Optimizer;
use super::plan::Plan;
use super::tape::{self, StackedNetwork, TapeNetwork};
use crate::error::{BoxError, Error, Result};
use crate::numerics::widest_vectors;
use crate::random::Key;

/// A network on its device, with these first values of its parameters, which were drawn from a key.
pub(super) fn build(
    plan: &Plan,
    values: Vec<Vec<f32>>,
    optimizer: Optimizer,
    (device, engine): (Device, Engine),
    key: Key,
) -> Result<Box<dyn Network>> {
    let network: Result<Box<dyn Network>, _> = match device {
        Device::Cpu if plan.has_opaque() || engine == Engine::Dfdx => {
            let device = Cpu::seed_from_u64(key.seed());
            TapeNetwork::new(device, plan, values, optimizer).map(|network| Box::new(network) as _)
        }
        Device::Cpu => return Ok(Box::new(Native::<f32>::new(plan, values, optimizer))),
        #[cfg(feature = "cuda")]
        Device::Cuda(ordinal) => {
            tape::CudaNetwork::new(ordinal, plan, values, optimizer).map(|network| Box::new(network) as _)
        }
        // devices are resolved before anything is built
        #[cfg(not(feature = "cuda"))]
        Device::Cuda(_) => return Err(Error::model("this program was built without the feature `cuda`")),
        Device::Auto => return Err(Error::model("the device `auto` is not one by itself")),
    };
    network.map_err(|error| Error::model(format!("the network cannot be built: {error}")).with_source(error))
}

/// What networks have in common that can be trained as one on a device; nothing of one that cannot be.
pub(super) fn likeness(
    plan: &Plan,
    optimizer: Optimizer,
    (device, engine): (Device, Engine),
) -> Option<String> {
    match device {
        Device::Cpu if engine == Engine::Dfdx => tape::likeness(plan, optimizer),
        Device::Cuda(_) => tape::likeness(plan, optimizer),
        _ => None,
    }
}

/// These networks as one, on their device.
pub(super) fn stack(device: Device, parts: &[StackedPart<'_>]) -> Result<Box<dyn Stack>, BoxError> {
    match device {
        #[cfg(feature = "cuda")]
        Device::Cuda(ordinal) => tape::stack_on_cuda(ordinal, parts),
        // no random number of a stack comes from the device
        _ => Ok(Box::new(StackedNetwork::new(Cpu::seed_from_u64(0), parts, false)?)),
    }
}

/// What the last bits of results depend on, of all these devices.
pub(super) fn numerics(devices: &[Device], engine: Engine) -> String {
    let names: BTreeSet<String> = devices
        .iter()
        .map(|device| match device {
            #[cfg(feature = "cuda")]
            Device::Cuda(number) => tape::kind(*number).unwrap_or_else(|| "CUDA".to_owned()),
            // the sizes of dfdx's partial sums depend on caches, too
            _ if engine == Engine::Dfdx => widest_vectors(),
            _ => math::kind(),
        })
        .collect();
    Vec::from_iter(names).join(" and ")
}

/// What of a network cannot be trained on a batch of one sample: a layer that normalizes over a batch, or a
/// module of dfdx with one.
pub(super) fn needs_pairs(plan: &Plan) -> Option<String> {
    let layer = plan.needs_pairs().map(str::to_owned);
    layer.or_else(|| tape::needs_pairs(plan).then(|| "a module of dfdx".to_owned()))
}

/// The devices that were asked for, one for each worker; more workers begin again with the first.
///
/// # Errors
/// A device that is not there, with what to do.
pub(super) fn resolve(wanted: &[Device]) -> Result<Vec<Device>> {
    let mut devices = Vec::new();
    for device in wanted {
        match *device {
            Device::Cpu => devices.push(Device::Cpu),
            Device::Auto => match gpus() {
                Err(_) | Ok(0) => devices.push(Device::Cpu),
                Ok(count) => devices.extend((0..count).map(Device::Cuda)),
            },
            Device::Cuda(number) => {
                let there = match gpus() {
                    Ok(count) if number < count => {
                        devices.push(Device::Cuda(number));
                        continue;
                    }
                    Ok(0) => "there is no NVIDIA GPU".to_owned(),
                    Ok(1) => "there is one NVIDIA GPU, number 0".to_owned(),
                    Ok(count) => format!("there are {count} NVIDIA GPUs, numbers 0 to {}", count - 1),
                    Err(why) => why,
                };
                return Err(Error::setting(format!("the device {device} cannot be used: {there}")));
            }
        }
    }
    if devices.is_empty() {
        return Err(Error::setting("there are no devices to train on: name at least one"));
    }
    Ok(devices)
}

/// How many GPUs there are, or in words why none can be used.
#[cfg(feature = "cuda")]
fn gpus() -> std::result::Result<usize, String> {
    tape::gpus().map_err(|why| {
        format!(
            "NVIDIA's driver reports {why}. Install the driver and look whether `nvidia-smi` sees the GPU; to train on the processor, \
             choose the device `cpu`, or `auto`, which takes what there is"
        )
    })
}

#[cfg(not(feature = "cuda"))]
fn gpus() -> std::result::Result<usize, String> {
    Err("this program was built without hobbit's feature `cuda`".to_owned())
}

/// Releases what the engines keep for this thread, which has no work any more.
pub(super) fn leave() {
    #[cfg(feature = "cuda")]
    tape::leave();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_an_error_that_says_so() {
        assert_eq!(resolve(&[Device::Cpu, Device::Cpu]).unwrap(), [Device::Cpu, Device::Cpu]);
        assert!(resolve(&[]).is_err());
        if !gpus().is_ok_and(|count| count > 0) {
            assert_eq!(resolve(&[Device::Auto]).unwrap(), [Device::Cpu]);
            let error = resolve(&[Device::Cpu, Device::Cuda(1)]).unwrap_err().to_string();
            assert!(error.starts_with("the device cuda:1 cannot be used: "), "{error}");
        }
    }
}
