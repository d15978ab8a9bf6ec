//! What most programs need: `use hobbit::prelude::*;`

pub use crate::algorithms::*;
pub use crate::space::SearchSpace;
#[cfg(feature = "dfdx")]
pub use crate::train::prelude::*;
pub use crate::{Direction, EpochCount, Keep, MaxFailures, Objective, Results, ScoreBy, search_space};
