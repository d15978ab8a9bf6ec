//! Where stages run in this process: threads, the trials in their memory, and one stage from its order to its
//! report.

mod around;
mod aside;
mod batch;
mod clock;
mod crew;
mod doors;
mod epochs;
mod evaluate;
mod floor;
mod group;
mod local;
mod paused;
mod running;
mod stage;
mod stuck;
mod trouble;
mod worker;

pub(crate) use aside::aside;
pub use local::LocalPool;
pub(in crate::runner) use trouble::listed;
