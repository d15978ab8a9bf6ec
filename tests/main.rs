//! All integration tests of the library, a module per subject. Those of the command are in `command.rs`.

#![allow(clippy::disallowed_methods, reason = "tests look at files")]

#[cfg(feature = "args")]
mod args;
mod ask_tell;
mod conformance;
mod durability;
mod errors;
mod function;
mod hostile;
#[cfg(feature = "interop")]
mod interop;
#[cfg(feature = "dfdx")]
mod newcomer;
mod observe;
#[cfg(all(unix, feature = "process"))]
mod process;
mod processes;
#[cfg(all(unix, feature = "nats"))]
mod remote;
#[cfg(feature = "report")]
mod report;
mod rooms;
mod schedule;
mod search;
mod space;
mod support;
mod sweep;
#[cfg(feature = "dfdx")]
mod train;
mod work;

/// Where the readers that are fuzzed find those of arrays.
#[cfg(feature = "dfdx")]
use hobbit::train as files;
