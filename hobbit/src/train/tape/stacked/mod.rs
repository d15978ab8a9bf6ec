//! Networks of one shape as one: what one number is for a network, a row of numbers is for a stack of them.
//! Each has its own parameters, optimizer settings, dropout and samples, and nothing of one reaches another,
//! so that on the processor each comes to the bits that it comes to by itself.
//!
//! A plan stacks if it has no layer of users' own and no module of dfdx; with one, networks are trained one
//! at a time.

mod each;
mod embedding;
mod layers;
mod likeness;
mod network;
mod norm;
mod optimizer;
mod pass;
mod slopes;
#[cfg(test)]
mod tests;
mod windows;

pub(in crate::train) use likeness::likeness;
pub(in crate::train) use network::StackedNetwork;
#[cfg(any(test, feature = "cuda"))]
pub(in crate::train) use network::joined;
#[cfg(feature = "cuda")]
pub(super) use network::numbers;
