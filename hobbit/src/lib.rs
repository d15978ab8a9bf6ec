//! Hyperparameter optimization for Rust.

extern crate self as hobbit;

mod error;
mod objective;
pub mod observe;
mod random;
pub mod repository;
mod results;
mod runner;
pub mod schedule;
pub mod space;
mod study;
mod trial;

pub use error::{BoxError, Error, Result};
pub use objective::{
    Array, ArrayData, Checkpoint, EpochContext, Interrupted, Metrics, Objective, TrialContext,
};
pub use observe::{Event, Observer};
pub use random::{Key, KeyRng};
pub use repository::{ScoreBy, Status, salvage};
pub use results::{Results, Trial};
pub use runner::{Keep, MaxFailures, StopReason};
pub use schedule::{EpochCount, Plan, visualize};
pub use study::Hyperband;
pub use trial::{Direction, ParseTrialIdError, TrialId};
