//! Hyperparameter optimization for Rust.

extern crate self as hobbit;

mod error;
mod objective;
mod random;
pub mod schedule;
pub mod space;
mod trial;

pub use error::{BoxError, Error, Result};
pub use objective::{
    Array, ArrayData, Checkpoint, EpochContext, Interrupted, Metrics, Objective, TrialContext,
};
pub use random::{Key, KeyRng};
pub use schedule::{EpochCount, Plan, visualize};
pub use trial::{Direction, ParseTrialIdError, TrialId};
