//! Guides: longer explanations, with examples that run.
//!
//! | guide | subject |
//! |---|---|
#![cfg_attr(
    feature = "dfdx",
    doc = "| [first_study] | from an empty folder to a tuned model |\n| [data] | arrays, CSV files, generators, folds, weights |"
)]
//! | [search_space] | every kind of hyperparameter |
//! | [algorithms] | which algorithm and sampler to choose, with measured figures |
//! | [objectives] | tuning functions, processes, and other libraries |
//! | [resuming] | crashes, changes, larger studies, reproducibility |
#![cfg_attr(
    feature = "dfdx",
    doc = "| [predicting] | taking the model with you |\n| [gpu] | training on GPUs |"
)]
#![cfg_attr(feature = "nats", doc = "| [cluster] | one study on many machines |")]
#![cfg_attr(feature = "dfdx", doc = "| [from_keras_tuner] | the same program in KerasTuner and hobbit |")]
//! | [from_optuna] | the same program in Optuna and hobbit |

#[cfg(feature = "dfdx")]
#[doc = include_str!("guide/first_study.md")]
pub mod first_study {}

#[doc = include_str!("guide/search_space.md")]
pub mod search_space {}

#[doc = include_str!("guide/algorithms.md")]
pub mod algorithms {}

#[doc = include_str!("guide/objectives.md")]
pub mod objectives {}

#[cfg(feature = "dfdx")]
#[doc = include_str!("guide/data.md")]
pub mod data {}

#[doc = include_str!("guide/resuming.md")]
pub mod resuming {}

#[cfg(feature = "dfdx")]
#[doc = include_str!("guide/predicting.md")]
pub mod predicting {}

#[cfg(feature = "dfdx")]
#[doc = include_str!("guide/gpu.md")]
pub mod gpu {}

#[cfg(feature = "nats")]
#[doc = include_str!("guide/cluster.md")]
pub mod cluster {}

#[cfg(feature = "dfdx")]
#[doc = include_str!("guide/from_keras_tuner.md")]
pub mod from_keras_tuner {}

#[doc = include_str!("guide/from_optuna.md")]
pub mod from_optuna {}
