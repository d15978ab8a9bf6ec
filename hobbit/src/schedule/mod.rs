//! Which trials are trained for how many epochs, and which of them are promoted: pure bookkeeping, in whole
//! numbers.
//!
//! An [`Algorithm`] is what a study is run with, as data; it makes the [`Scheduler`] that decides, and the
//! [`Outline`] by which everything else knows of it.

mod algorithm;
mod asha;
mod bracket;
mod checks;
mod due;
mod halving;
mod hyperband;
mod occupancy;
mod outline;
mod pasha;
mod plan;
mod promotion;
mod random;
mod recipe;
mod scheduler;
mod score;
mod tail;
mod virtual_time;

pub use algorithm::Algorithm;
pub use asha::AshaScheduler;
pub use halving::HalvingScheduler;
pub use hyperband::{HyperbandScheduler, StageEnd};
pub use occupancy::Occupancy;
pub use outline::{Bracket, EpochCount, Outline, Stage};
pub use pasha::PashaScheduler;
pub use plan::Plan;
pub(crate) use promotion::Lottery;
pub use promotion::Promotion;
pub use random::RandomScheduler;
pub use recipe::Setting;
pub use scheduler::{Ask, Assignment, Ended, Order, Scheduler, Stamp};
pub(crate) use score::Place;
pub use score::Score;
pub use virtual_time::{DEFAULT_LOOKAHEAD, VirtualTime};
