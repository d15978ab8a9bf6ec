//! Data: in memory or from generators, and how they become batches.

mod allowed;
mod balance;
mod batch;
mod dataset;
mod describe;
mod feed;
mod files;
mod generator;
mod join;
mod kind;
mod merge;
mod moments;
mod part;
mod samples;
mod scale;
mod split;
mod tables;

pub use dataset::Dataset;
pub use files::{
    Columns, Encoder, Missing, Mnist, Numbers, Parts, ReadOptions, Split, Table, read_idx, read_npy, read_npz,
};
pub use generator::{Generators, Start};
pub use kind::Data;
pub use samples::{Inputs, IntoSamples, Samples, Targets};
pub use scale::{Scaler, one_hot};
pub use split::{split, stratified_split};

pub(super) use batch::Batch;
pub(super) use feed::{Feed, Stream, Tour};
pub(super) use moments::Moments;
pub(super) use part::Part;

/// A test's claim that something is refused, with all of these in the message.
#[cfg(test)]
#[track_caller]
fn says<T>(result: Result<T, impl std::fmt::Display>, parts: &[&str]) {
    let text = result.err().expect("an error").to_string();
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}
