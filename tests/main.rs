//! All integration tests, a module per subject.

#![allow(clippy::disallowed_methods, reason = "tests look at files")]

mod durability;
mod errors;
mod schedule;
mod support;
mod sweep;
#[cfg(feature = "dfdx")]
mod train;
