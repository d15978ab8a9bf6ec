//! Hyperparameter optimization for Rust.

extern crate self as hobbit;

mod error;
mod objective;
mod random;
pub mod space;
mod trial;

pub use error::{BoxError, Error, Result};
pub use objective::{
    Array, ArrayData, Checkpoint, EpochContext, Interrupted, Metrics, Objective, TrialContext,
};
pub use random::{Key, KeyRng};
pub use trial::{Direction, TrialId};
