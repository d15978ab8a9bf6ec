//! Which trials are trained for how many epochs, and which of them go on: pure bookkeeping, in whole numbers.
//!
//! An [`Algorithm`] is what a study is run with, as data; it makes the [`Scheduler`] that decides, and the [`Outline`] by which
//! everything else knows of it.

mod algorithm;
mod bracket;
mod hyperband;
mod outline;
mod plan;
mod scheduler;
mod score;

pub use algorithm::{Algorithm, Setting};
pub use hyperband::{HyperbandScheduler, StageEnd};
pub use outline::{Bracket, Outline, Stage};
pub use plan::{EpochCount, Plan};
pub use scheduler::{Ask, Assignment, Ended, Order, Scheduler};
pub(crate) use score::Place;
pub use score::Score;
