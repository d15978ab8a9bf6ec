//! Networks of one shape as one: what one number is for a network, a row of numbers is for a stack of them.
//! Each has its own parameters, optimizer settings, dropout and samples, and nothing of one reaches another,
//! so that on the processor each comes to the bits that it comes to by itself.
//!
//! A plan stacks if all its layers are dense, activations, dropout, residual blocks or shapes; others are
//! trained one at a time.

mod layers;
mod network;
mod optimizer;
#[cfg(test)]
mod tests;

pub(in crate::train) use layers::likeness;
pub(in crate::train) use network::StackedNetwork;
#[cfg(feature = "cuda")]
pub(super) use network::{joined, numbers};
