//! Guides: longer explanations, with examples that run.

#[doc = include_str!("guide/objectives.md")]
pub mod objectives {}

#[doc = include_str!("guide/algorithms.md")]
pub mod algorithms {}

#[doc = include_str!("guide/search_space.md")]
pub mod search_space {}

#[cfg(feature = "nats")]
#[doc = include_str!("guide/cluster.md")]
pub mod cluster {}

#[cfg(feature = "dfdx")]
#[doc = include_str!("guide/predicting.md")]
pub mod predicting {}
