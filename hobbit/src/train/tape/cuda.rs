//! Networks on NVIDIA GPUs.
//!
//! dfdx's CUDA device cannot be sent to another thread, and trials are. So a network lives on the thread that
//! trains it; when its trial pauses, its state is taken to the host, and whichever thread goes on builds it
//! again. Data in memory are put on the GPU once by each thread, and its batches are gathered there.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use dfdx::tensor::{Cache, Cuda};

use super::custom::{Builds, Built};
use super::device::{Rows, device_error, upload};
use super::network::TapeNetwork;
use super::place::Place;
use super::shelf::Shelf;
use super::stacked::{StackedNetwork, joined, numbers};
use crate::error::BoxError;
use crate::objective::{Checkpoint, OutOfMemory};
use crate::random::Key;
use crate::train::features::Given;
use crate::train::network::{Aims, Criterion, Network, Stack, StackCriterion, StackedPart, Step};
use crate::train::optimizer::Optimizer;
use crate::train::plan::Plan;

thread_local! {
    /// The devices that this thread has opened: kernels are loaded once for each.
    static DEVICES: RefCell<HashMap<usize, Cuda>> = RefCell::new(HashMap::new());
    static NETWORKS: RefCell<HashMap<u64, TapeNetwork<Cuda>>> = RefCell::new(HashMap::new());
    static STACKS: RefCell<HashMap<u64, StackedNetwork<Cuda>>> = RefCell::new(HashMap::new());
    /// The data that this thread has put on its devices.
    static SHELVES: RefCell<HashMap<usize, Shelf<Cuda>>> = RefCell::new(HashMap::new());
}

/// The GPUs that a network did not fit on once. Data are kept on them no longer, so that trials have all of
/// their memory.
static CROWDED: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

fn is_crowded(ordinal: usize) -> bool {
    CROWDED.lock().unwrap_or_else(PoisonError::into_inner).contains(&ordinal)
}

/// Frees what this thread has on a GPU and does not use: buffers of steps that are over, and data where it is
/// crowded.
fn make_room(ordinal: usize) -> Result<(), BoxError> {
    if is_crowded(ordinal) {
        SHELVES.with_borrow_mut(|shelves| shelves.remove(&ordinal));
    }
    DEVICES
        .with_borrow(|devices| devices.get(&ordinal).map_or(Ok(()), |device| device.try_empty_cache()))
        .map_err(device_error)
}

/// Lets go of everything that this thread has on GPUs. A thread that ends while the program ends cannot do so
/// any more.
pub(in crate::train) fn leave() {
    NETWORKS.with_borrow_mut(HashMap::clear);
    STACKS.with_borrow_mut(HashMap::clear);
    SHELVES.with_borrow_mut(HashMap::clear);
    // these free what the others left for them
    let devices = DEVICES.take();
    for device in devices.into_values() {
        // there is nobody to tell
        let _ = device.try_empty_cache();
    }
}

/// How many GPUs there are; an error of the driver, in words.
pub(in crate::train) fn gpus() -> Result<usize, String> {
    use cudarc::driver::result;
    let count = result::init().and_then(|()| result::device::get_count());
    count.map(|count| usize::try_from(count).unwrap_or(0)).map_err(|error| format!("{:?}", error.0))
}

/// What a GPU's sums depend on: its architecture and how many multiprocessors it has, by which libraries
/// choose their ways; nothing if it cannot be asked.
pub(in crate::train) fn kind(ordinal: usize) -> Option<String> {
    use cudarc::driver::CudaDevice;
    use cudarc::driver::sys::CUdevice_attribute_enum as Attribute;
    let device = CudaDevice::new(ordinal).ok()?;
    let major = device.attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR).ok()?;
    let minor = device.attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR).ok()?;
    let count = device.attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT).ok()?;
    Some(format!("CUDA, compute capability {major}.{minor}, {count} multiprocessors"))
}

/// The GPU of this number, for this thread.
fn device(ordinal: usize) -> Result<Cuda, BoxError> {
    DEVICES.with_borrow_mut(|devices| match devices.get(&ordinal) {
        Some(device) => Ok(device.clone()),
        None => {
            // what hobbit draws has keys of its own: the seed is for dfdx's modules
            let device = Cuda::try_build(ordinal, 0).map_err(device_error)?;
            // buffers that a step frees are those that the next one asks for
            device.try_enable_cache().map_err(device_error)?;
            devices.insert(ordinal, device.clone());
            Ok(device)
        }
    })
}

/// Remembers that memory was short, if it was.
fn look_at<T>(ordinal: usize, result: Result<T, BoxError>) -> Result<T, BoxError> {
    if result.as_ref().is_err_and(|error| error.is::<OutOfMemory>()) {
        CROWDED.lock().unwrap_or_else(PoisonError::into_inner).insert(ordinal);
        // the shortage itself is what has to be told
        let _ = make_room(ordinal);
    }
    result
}

/// The inputs of a batch on the GPU.
fn rows(ordinal: usize, inputs: Given<'_>, samples: usize) -> Result<Rows<Cuda>, BoxError> {
    let device = device(ordinal)?;
    if is_crowded(ordinal) {
        return upload(&device, inputs.numbers().into_owned(), samples);
    }
    let rows =
        SHELVES.with_borrow_mut(|shelves| shelves.entry(ordinal).or_default().rows(&device, inputs, samples));
    look_at(ordinal, rows)
}

/// A number that no other network or stack has.
fn new_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Networks as one, on the GPU of this number, for this thread.
///
/// # Errors
/// There is no such GPU, or not enough memory.
pub(in crate::train) fn stack(ordinal: usize, parts: &[StackedPart<'_>]) -> Result<Box<dyn Stack>, BoxError> {
    make_room(ordinal)?;
    let stack =
        look_at(ordinal, device(ordinal).and_then(|device| StackedNetwork::new(device, parts, true)))?;
    Ok(Box::new(CudaStack::new(ordinal, stack)))
}

/// Networks as one, which are on the GPU for the thread that made it.
struct CudaStack {
    id: u64,
    ordinal: usize,
}

impl CudaStack {
    fn new(ordinal: usize, stack: StackedNetwork<Cuda>) -> CudaStack {
        let id = new_id();
        STACKS.with_borrow_mut(|stacks| stacks.insert(id, stack));
        CudaStack { id, ordinal }
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut StackedNetwork<Cuda>) -> Result<T, BoxError>,
    ) -> Result<T, BoxError> {
        let stack = STACKS.with_borrow_mut(|stacks| stacks.remove(&self.id));
        let mut stack = stack.ok_or("the models are on the GPU for another thread")?;
        let result = work(&mut stack);
        STACKS.with_borrow_mut(|stacks| stacks.insert(self.id, stack));
        look_at(self.ordinal, result)
    }

    /// The batches of all networks on the GPU, one after the other.
    fn rows(&self, inputs: &[Given<'_>], samples: usize) -> Result<Rows<Cuda>, BoxError> {
        let samples = inputs.len() * samples;
        match joined(inputs) {
            Some((features, order)) => rows(self.ordinal, Given::Rows(features, &order), samples),
            None => rows(self.ordinal, Given::Numbers(&numbers(inputs)), samples),
        }
    }
}

impl Stack for CudaStack {
    fn train(
        &mut self,
        inputs: &[Given<'_>],
        samples: usize,
        steps: &[Step],
        criterion: &mut StackCriterion<'_>,
    ) -> Result<(), BoxError> {
        let x = self.rows(inputs, samples)?;
        self.with(|stack| stack.train_step(inputs, stack.sheets(x)?, steps, criterion))
    }

    fn queues(&self) -> bool {
        self.with(|stack| Ok(stack.queues())).unwrap_or(false)
    }

    fn queue(
        &mut self,
        inputs: &[Given<'_>],
        samples: usize,
        steps: &[Step],
        aims: Aims,
    ) -> Result<(), BoxError> {
        let x = self.rows(inputs, samples)?;
        self.with(|stack| stack.queue_step(inputs, stack.sheets(x)?, steps, aims))
    }

    fn queued(&mut self) -> Result<Vec<Vec<f32>>, BoxError> {
        self.with(|stack| Ok(stack.queued()))
    }

    fn outputs(&mut self, inputs: &[Given<'_>], samples: usize, to: &mut Vec<f32>) -> Result<(), BoxError> {
        let x = self.rows(inputs, samples)?;
        self.with(|stack| stack.predict(inputs, stack.sheets(x)?, to))
    }

    fn state(&mut self, place: usize) -> Result<Checkpoint, BoxError> {
        self.with(|stack| Ok(stack.state(place)))
    }

    fn keep(&mut self, places: &[usize]) -> Result<(), BoxError> {
        self.with(|stack| stack.keep(places))
    }

    fn copy(&self) -> Result<Box<dyn Stack>, BoxError> {
        let copy = self.with(|stack| Ok(stack.clone()))?;
        Ok(Box::new(CudaStack::new(self.ordinal, copy)))
    }
}

impl Drop for CudaStack {
    fn drop(&mut self) {
        // a thread that ends while the program ends has let go of it already
        let _ = STACKS.try_with(|stacks| stacks.borrow_mut().remove(&self.id));
    }
}

impl Place for Cuda {
    type Layer = dyn Built<Cuda>;

    fn layer(&self, layer: &dyn Builds) -> Result<Box<Self::Layer>, BoxError> {
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
        let waiting = Mutex::new(Waiting::New(values));
        let network = CudaNetwork { id: new_id(), ordinal, plan: plan.clone(), optimizer, waiting };
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
            None => {
                make_room(self.ordinal)?;
                look_at(self.ordinal, self.build())?
            }
        };
        let result = work(&mut network);
        NETWORKS.with_borrow_mut(|networks| networks.insert(self.id, network));
        look_at(self.ordinal, result)
    }

    fn build(&self) -> Result<TapeNetwork<Cuda>, BoxError> {
        let device = device(self.ordinal)?;
        let mut waiting = self.waiting.lock().map_err(|_| "a thread panicked while it held this model")?;
        let network = match std::mem::replace(&mut *waiting, Waiting::OnDevice) {
            Waiting::New(values) => TapeNetwork::new(device, &self.plan, values, self.optimizer)?,
            Waiting::Paused(checkpoint) => {
                let values = self.plan.parameters.iter().map(|spec| vec![0.0; spec.len()]).collect();
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
    fn gathers(&self) -> bool {
        !is_crowded(self.ordinal)
    }

    fn train(
        &mut self,
        inputs: Given<'_>,
        samples: usize,
        step: &Step,
        criterion: &mut Criterion<'_>,
    ) -> Result<(), BoxError> {
        let inputs = rows(self.ordinal, inputs, samples)?;
        self.with(|network| network.train_step(inputs, step, criterion))
    }

    fn outputs(&mut self, inputs: Given<'_>, samples: usize, to: &mut Vec<f32>) -> Result<(), BoxError> {
        let inputs = rows(self.ordinal, inputs, samples)?;
        self.with(|network| network.predict(inputs, to))
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
        let waiting = self.waiting.get_mut().map_err(|_| "a thread panicked while it held this model")?;
        // it takes no memory of the GPU before it is used there
        if let Waiting::Paused(paused) = waiting {
            *paused = checkpoint.clone();
            return Ok(());
        }
        self.with(|network| network.restore(checkpoint))
    }

    /// Takes the network's state to the host, and frees the GPU's memory.
    fn pause(&mut self) -> Result<(), BoxError> {
        let Some(network) = NETWORKS.with_borrow_mut(|networks| networks.remove(&self.id)) else {
            return Ok(());
        };
        let mut checkpoint = Checkpoint::new();
        network.store(&mut checkpoint)?;
        drop(network);
        make_room(self.ordinal)?;
        *self.waiting.lock().map_err(|_| "a thread panicked while it held this model")? =
            Waiting::Paused(checkpoint);
        Ok(())
    }
}

impl Drop for CudaNetwork {
    fn drop(&mut self) {
        // dropping on another thread happens to paused networks only, which are not on the GPU
        NETWORKS.with_borrow_mut(|networks| networks.remove(&self.id));
        // there is nobody to tell, and the next network that is built here tries it again
        let _ = make_room(self.ordinal);
    }
}
