//! Which trials are trained for how many epochs, and which of them go on: pure bookkeeping, in whole numbers.

mod plan;
mod scheduler;
mod score;

pub use plan::{Bracket, EpochCount, Plan, Stage, visualize};
pub use scheduler::{Ask, Assignment, Scheduler, StageEnd};
pub(crate) use score::Place;
pub use score::Score;
