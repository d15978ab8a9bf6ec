//! Training with dfdx: models described as data, data sets, and the objective that trains them.
//!
//! A model function returns a [`Compiled`] description. It says nothing of devices; it is checked as a whole before anything is
//! trained, built on the trial's device, and trained there. Nothing outside this room uses dfdx.

#[cfg(feature = "cuda")]
mod cuda;
mod data;
mod loss;
mod model;
mod network;
mod objective;
mod optimizer;
mod split;
mod summary;
mod trained;

pub use data::{Dataset, Inputs, Targets};
pub use loss::Loss;
pub use model::{Activation, Compiled, IntoModel, Layer, Sequential};
pub use objective::{Device, ModelObjective};
pub use optimizer::{Adam, AdamW, Optimizer, RmsProp, Sgd};
pub use split::stratified_split;
pub use trained::{Model, Predictions};

pub mod prelude {
    //! The names of this room that most programs need.
    pub use super::{
        Activation, Adam, AdamW, Compiled, Dataset, Device, Loss, Model, Optimizer, RmsProp, Sequential, Sgd,
    };
}
