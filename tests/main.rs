//! All integration tests, a module per subject.

#![allow(clippy::disallowed_methods, reason = "tests look at files")]

#[cfg(feature = "cli")]
mod cli;
mod durability;
mod errors;
#[cfg(feature = "interop")]
mod interop;
mod observe;
#[cfg(feature = "report")]
mod report;
mod schedule;
mod space;
mod support;
mod sweep;
#[cfg(feature = "dfdx")]
mod train;
