//! Runs a sweep: rayon workers that take work from the scheduler, and a coordinator that makes their outcomes last.

mod around;
mod clock;
mod config;
mod configurations;
mod coordinator;
mod deaths;
mod descriptions;
mod ending;
mod epochs;
mod evaluate;
mod failures;
mod interrupt;
mod keys;
mod ledger;
mod machine;
pub(crate) mod panics;
mod past;
mod paused;
mod running;
mod settings;
mod state;
mod sweep;
mod task;
mod trouble;
mod worker;

pub(crate) use ending::Finished;
pub(crate) use keys::Keys;
pub(crate) use settings::Settings;
pub(crate) use sweep::sweep;

pub use settings::{Keep, MaxFailures};
