//! Networks on dfdx's tape: on GPUs, and wherever a network has layers that only dfdx knows. Layers with
//! sizes known at run time are made of dfdx's public operations on `(samples, numbers of a sample)`.

mod activation;
mod adapter;
mod by_size;
mod conv;
#[cfg(feature = "cuda")]
mod cuda;
mod custom;
mod dense;
mod device;
mod dropout;
mod embedding;
mod guest;
mod layers;
mod module;
mod network;
mod norm;
mod optimizer;
mod place;
mod pool;
#[cfg(any(test, feature = "cuda"))]
mod shelf;
mod stacked;
#[cfg(test)]
pub(super) mod tests;
mod windows;

pub use adapter::{IntoRows, Trainable};
#[doc(hidden)]
pub use by_size::no_such_size;
#[cfg(feature = "cuda")]
pub(super) use cuda::{CudaNetwork, gpus, kind, leave, stack as stack_on_cuda};
pub use custom::{CustomLayer, custom};
pub use device::{Flat, Rows, TensorDevice};
pub use module::{Buildable, module};
pub(super) use network::{TapeNetwork, needs_pairs};
#[cfg(test)]
pub(super) use stacked::joined;
pub(super) use stacked::{StackedNetwork, likeness};
