//! Training: models described as data, data sets, and the objective that trains them.
//!
//! A model function returns a [`Compiled`] description. It does not mention devices; it is checked as a whole
//! before anything is trained, built on the trial's device, and trained there. Nothing outside this module
//! uses dfdx.

mod activation;
mod architecture;
mod arrays;
mod callback;
mod check;
mod compiled;
mod criterion;
mod data;
mod device;
mod directions;
mod engine;
mod features;
mod fingerprint;
mod init;
mod layer;
mod load;
mod loss;
mod math;
mod measured;
mod metrics;
mod model;
mod names;
mod native;
mod network;
mod objective;
#[cfg(feature = "onnx")]
mod onnx;
mod optimizer;
mod parameter;
mod plan;
mod predict;
mod refit;
mod schedule;
mod seat;
mod sequential;
mod stopping;
mod summary;
mod tally;
mod tape;
#[cfg(test)]
mod tests;
mod together;
mod trainer;
mod whole;
mod written;

pub use activation::Activation;
pub use callback::EpochEnd;
pub use compiled::{Compiled, IntoModel};
pub use data::{
    Columns, Data, Dataset, Encoder, Generators, Inputs, IntoSamples, Missing, Mnist, Numbers, Parts,
    ReadOptions, Samples, Scaler, Split, Start, Table, Targets, one_hot, read_idx, read_npy, read_npz, split,
    stratified_split,
};
pub use device::{Device, Engine};
pub use init::Init;
pub use layer::{BatchNorm, Conv2d, Custom, Dense, Embedding, Layer, LayerNorm, Normalize, Pool2d, Size};
pub use load::{load, load_with};
pub use loss::{Answers, CustomLoss, Loss, Outputs, SampleLosses};
pub use metrics::{CustomMetric, Metric};
pub use model::Model;
pub use names::OutputKind;
pub use objective::ModelObjective;
pub use optimizer::{Adam, AdamW, Optimizer, RmsProp, Sgd};
pub use parameter::Parameter;
pub use predict::Predictions;
pub use schedule::Schedule;
pub use sequential::Sequential;
pub use stopping::EarlyStopping;
#[doc(hidden)]
pub use tape::no_such_size;
pub use tape::{Buildable, CustomLayer, Flat, IntoRows, Rows, TensorDevice, Trainable, custom, module};

pub use measured::Measured;

#[doc(inline)]
pub use crate::__by_size as by_size;

pub mod prelude {
    //! The names of this module that most programs need.
    //!
    //! dfdx's prelude uses some of them for items of its own. With both preludes, a `use` says which are
    //! meant:
    //!
    //! ```
    //! use dfdx::prelude::*;
    //! use hobbit::prelude::*;
    //! use hobbit::train::{Adam, Device, Optimizer, Sgd}; // both have these
    //!
    //! let optimizer: Optimizer = Adam::new(1e-3).into();
    //! let tensor: Tensor<Rank1<2>, f32, Cpu> = Cpu::default().tensor([1.0, 2.0]);
    //! ```
    pub use super::{
        Activation, Adam, AdamW, Compiled, Conv2d, Dataset, Device, Engine, Generators, Loss, Metric, Model,
        Optimizer, RmsProp, Schedule, Sequential, Sgd,
    };
}
