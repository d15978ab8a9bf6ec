//! What most programs need: `use hobbit::prelude::*;`

pub use crate::space::SearchSpace;
#[cfg(feature = "dfdx")]
pub use crate::train::prelude::*;
pub use crate::{
    Direction, EpochCount, Hyperband, Keep, MaxFailures, Objective, RandomSearch, Results, ScoreBy,
    SuccessiveHalving, search_space,
};
