//! Conformance suites (feature `testing`): what every implementation of one of hobbit's traits has to do,
//! each as a function that is given an implementation.
//!
//! A suite panics at the first law that is broken, and says which. hobbit's own implementations pass the same
//! suites. [`Fake`] stands in for an objective in tests of everything else.
//!
//! ```toml
//! [dev-dependencies]
//! hobbit = { version = "0.1", features = ["testing"] }
//! ```

mod fake;
mod objective;
mod sampler;
mod scheduler;
mod storage;
mod workplace;

pub use fake::{Fake, Script};
pub use objective::{interrupts, objective};
pub use sampler::sampler;
pub use scheduler::scheduler;
pub use storage::{crashes, storage};
pub use workplace::{Stepping, Steps, workplace};
