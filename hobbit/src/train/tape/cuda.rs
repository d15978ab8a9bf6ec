//! Networks on NVIDIA GPUs.
//!
//! dfdx's CUDA device cannot be sent to another thread, and trials are. So a network lives on the thread that trains it; when its
//! trial pauses, its state is taken to the host, and whichever thread goes on builds it again.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use dfdx::tensor::Cuda;

use super::custom::{Built, Opaque};
use super::{Place, TapeNetwork, device_error};
use crate::error::BoxError;
use crate::objective::Checkpoint;
use crate::random::Key;
use crate::train::network::{Criterion, Network, Step};
use crate::train::optimizer::Optimizer;
use crate::train::plan::Plan;

thread_local! {
    /// The devices that this thread has opened: kernels are loaded once for each.
    static DEVICES: RefCell<HashMap<usize, Cuda>> = RefCell::new(HashMap::new());
    static NETWORKS: RefCell<HashMap<u64, TapeNetwork<Cuda>>> = RefCell::new(HashMap::new());
}

/// How many GPUs there are; an error of the driver, in words.
pub(in crate::train) fn gpus() -> Result<usize, String> {
    use cudarc::driver::result;
    let count = result::init().and_then(|()| result::device::get_count());
    count.map(|count| usize::try_from(count).unwrap_or(0)).map_err(|error| format!("{:?}", error.0))
}

/// The GPU of this number, for this thread.
fn device(ordinal: usize) -> Result<Cuda, BoxError> {
    DEVICES.with_borrow_mut(|devices| match devices.get(&ordinal) {
        Some(device) => Ok(device.clone()),
        None => {
            // what hobbit draws has keys of its own: the seed is for dfdx's modules
            let device = Cuda::try_build(ordinal, 0).map_err(device_error)?;
            devices.insert(ordinal, device.clone());
            Ok(device)
        }
    })
}

impl Place for Cuda {
    type Layer = dyn Built<Cuda>;

    fn layer(&self, layer: &dyn Opaque) -> Result<Box<Self::Layer>, BoxError> {
        layer.build_cuda(self)
    }

    fn for_step(&self, _: Key) -> Option<Cuda> {
        None
    }
}

/// A network that may be on the GPU, or waiting on the host.
pub(in crate::train) struct CudaNetwork {
    id: u64,
    ordinal: usize,
    plan: Plan,
    optimizer: Optimizer,
    /// Its first values, and then its state, when it is not on the GPU.
    waiting: Mutex<Waiting>,
}

enum Waiting {
    New(Vec<Vec<f32>>),
    Paused(Checkpoint),
    OnDevice,
}

impl CudaNetwork {
    /// # Errors
    /// There is no such GPU, no driver, or not enough memory.
    pub(in crate::train) fn new(
        ordinal: usize,
        plan: &Plan,
        values: Vec<Vec<f32>>,
        optimizer: Optimizer,
    ) -> Result<CudaNetwork, BoxError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let waiting = Mutex::new(Waiting::New(values));
        let network = CudaNetwork { id, ordinal, plan: plan.clone(), optimizer, waiting };
        network.with(|_| Ok(()))?;
        Ok(network)
    }

    /// Does something with the network, on this thread.
    fn with<T>(
        &self,
        work: impl FnOnce(&mut TapeNetwork<Cuda>) -> Result<T, BoxError>,
    ) -> Result<T, BoxError> {
        let mut network = match NETWORKS.with_borrow_mut(|networks| networks.remove(&self.id)) {
            Some(network) => network,
            None => self.build()?,
        };
        let result = work(&mut network);
        NETWORKS.with_borrow_mut(|networks| networks.insert(self.id, network));
        result
    }

    fn build(&self) -> Result<TapeNetwork<Cuda>, BoxError> {
        let device = device(self.ordinal)?;
        let mut waiting = self.waiting.lock().map_err(|_| "a thread panicked while it held this model")?;
        let network = match std::mem::replace(&mut *waiting, Waiting::OnDevice) {
            Waiting::New(values) => TapeNetwork::new(device, &self.plan, values, self.optimizer)?,
            Waiting::Paused(checkpoint) => {
                let values = self.plan.initial(Key::new(0));
                let mut network = TapeNetwork::new(device, &self.plan, values, self.optimizer)?;
                network.restore(&checkpoint)?;
                network
            }
            Waiting::OnDevice => return Err("the model is on the GPU for another thread".into()),
        };
        Ok(network)
    }
}

impl Network for CudaNetwork {
    fn train(
        &mut self,
        inputs: &[f32],
        samples: usize,
        step: &Step,
        criterion: &mut Criterion<'_>,
    ) -> Result<(), BoxError> {
        self.with(|network| network.train_step(inputs, samples, step, criterion))
    }

    fn outputs(&mut self, inputs: &[f32], samples: usize, to: &mut Vec<f32>) -> Result<(), BoxError> {
        self.with(|network| network.predict(inputs, samples, to))
    }

    fn save(&self, checkpoint: &mut Checkpoint) -> Result<(), BoxError> {
        if let Waiting::Paused(paused) =
            &*self.waiting.lock().map_err(|_| "a thread panicked while it held this model")?
        {
            checkpoint.arrays.extend(paused.arrays.clone());
            checkpoint.metadata.extend(paused.metadata.clone());
            return Ok(());
        }
        self.with(|network| network.store(checkpoint))
    }

    fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        self.with(|network| network.restore(checkpoint))
    }

    /// Takes the network's state to the host, and frees the GPU's memory.
    fn pause(&mut self) -> Result<(), BoxError> {
        let Some(network) = NETWORKS.with_borrow_mut(|networks| networks.remove(&self.id)) else {
            return Ok(());
        };
        let mut checkpoint = Checkpoint::new();
        network.store(&mut checkpoint)?;
        network.empty_cache()?;
        *self.waiting.lock().map_err(|_| "a thread panicked while it held this model")? =
            Waiting::Paused(checkpoint);
        Ok(())
    }
}

impl Drop for CudaNetwork {
    fn drop(&mut self) {
        // dropping on another thread happens to paused networks only, which are not on the GPU
        NETWORKS.with_borrow_mut(|networks| networks.remove(&self.id));
    }
}
