//! Networks on NVIDIA GPUs.
//!
//! dfdx's CUDA device cannot be sent to another thread, and trials are. So a network lives on the thread that trains it; when its
//! trial pauses, its state is taken to the host, and whichever thread goes on builds it again.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use dfdx::tensor::Cuda;

use super::model::Compiled;
use super::network::{Network, device_error};
use crate::error::BoxError;
use crate::objective::Checkpoint;
use crate::random::Key;

thread_local! {
    static NETWORKS: RefCell<HashMap<u64, Network<Cuda>>> = RefCell::new(HashMap::new());
}

/// A network that may be on the GPU, or waiting on the host.
pub(super) struct CudaNetwork {
    id: u64,
    ordinal: usize,
    description: Compiled,
    key: Key,
    /// Its state, when it is not on the GPU.
    waiting: Mutex<Option<Checkpoint>>,
}

impl CudaNetwork {
    /// # Errors
    /// There is no such GPU, no driver, or not enough memory.
    pub(super) fn new(ordinal: usize, description: &Compiled, key: Key) -> Result<CudaNetwork, BoxError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let network =
            CudaNetwork { id, ordinal, description: description.clone(), key, waiting: Mutex::new(None) };
        network.with(|_| Ok(()))?;
        Ok(network)
    }

    /// Does something with the network, on this thread.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&mut Network<Cuda>) -> Result<T, BoxError>,
    ) -> Result<T, BoxError> {
        let mut network = match NETWORKS.with_borrow_mut(|networks| networks.remove(&self.id)) {
            Some(network) => network,
            None => self.build()?,
        };
        let result = work(&mut network);
        NETWORKS.with_borrow_mut(|networks| networks.insert(self.id, network));
        result
    }

    fn build(&self) -> Result<Network<Cuda>, BoxError> {
        let device = Cuda::try_build(self.ordinal, self.key.seed())
            .map_err(|error| format!("GPU {} cannot be used: {error:?}", self.ordinal))?;
        let mut network = Network::new(device, &self.description, self.key)?;
        let waiting = self.waiting.lock().map_err(|_| "a thread panicked while it held this model")?.take();
        if let Some(checkpoint) = waiting {
            network.load(&checkpoint)?;
        }
        Ok(network)
    }

    /// Takes the network's state to the host, and frees the GPU's memory.
    pub(super) fn pause(&self) -> Result<(), BoxError> {
        let Some(network) = NETWORKS.with_borrow_mut(|networks| networks.remove(&self.id)) else {
            return Ok(());
        };
        let checkpoint = network.save()?;
        *self.waiting.lock().map_err(device_error)? = Some(checkpoint);
        Ok(())
    }
}

impl Drop for CudaNetwork {
    fn drop(&mut self) {
        // dropping on another thread happens to paused networks only, which are not on the GPU
        NETWORKS.with_borrow_mut(|networks| networks.remove(&self.id));
    }
}
