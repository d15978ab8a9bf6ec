//! Runs a sweep: a desk that hands out work, a workplace that does it, and a coordinator that makes outcomes
//! last.

#[cfg(feature = "nats")]
mod afar;
mod again;
mod before;
mod book;
mod config;
mod configurations;
mod coordinator;
mod deaths;
mod descriptions;
mod desk;
mod ending;
mod failures;
#[cfg(feature = "interop")]
mod foreign;
mod intake;
mod interrupt;
mod keys;
mod ledger;
mod limits;
mod machine;
mod mailbox;
pub(crate) mod panics;
mod past;
mod place;
mod proposals;
mod settings;
mod sweep;
mod warm_start;

pub(crate) use before::Before;
pub(crate) use ending::Finished;
#[cfg(feature = "interop")]
pub(crate) use foreign::{Foreign, ForeignTrial};
pub(crate) use keys::Keys;
pub(crate) use place::aside;
pub(crate) use settings::Settings;
pub(crate) use sweep::sweep;

pub use again::propose_again;
pub use place::LocalPool;
pub use settings::{Keep, MaxFailures};
