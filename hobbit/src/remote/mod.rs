//! Sweeps over many machines, through a NATS server with JetStream.
//!
//! One process, the coordinator, runs the sweep and holds its repository; any number of others train for it.
//! They are the same program, with the same settings, started with another [role](Nats::from_env). Results
//! are byte for byte those of one machine, whatever dies meanwhile: everything random follows from the order
//! that a worker is given for a stage, the first report of a stage counts, and what is on the server can be
//! made again from the repository at any time.
//!
//! Nothing else in hobbit depends on NATS or its asynchronous runtime.

mod announce;
mod blobs;
mod branch;
mod cargo;
mod driver;
mod fleet;
mod hall;
mod hello;
mod lease;
mod link;
mod listen;
mod machines;
mod names;
mod pace;
mod published;
mod received;
mod refusals;
mod reported;
mod sending;
mod serve;
mod server;
mod settings;
mod shelved;
#[cfg(feature = "testing")]
mod together;
mod unpack;
mod wire;

pub(crate) use fleet::Fleet;
pub(crate) use link::Link;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub use received::read_any;
pub(crate) use serve::{Served, Station};
pub use settings::{Checkpoints, Nats, Role};
pub use shelved::{StudyThere, remove, studies};
#[cfg(feature = "testing")]
#[doc(hidden)]
pub use together::Together;
