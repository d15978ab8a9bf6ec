//! Which trials are trained for how many epochs, and which of them go on: pure bookkeeping, in whole numbers.

mod plan;
mod scheduler;

pub use plan::{Bracket, EpochCount, Plan, Stage, visualize};
pub use scheduler::{Ask, Assignment, Scheduler, StageEnd};
