//! Hyperparameter optimization for Rust: annotated structs, Hyperband, and anything that learns in steps.
//!
//! The [guides](guide) explain everything step by step. The shortest way in is the [prelude](mod@prelude) and
//! the attribute [`search_space`](macro@search_space).
//!
//! # In one function
//!
//! Whatever learns in a loop can be tuned:
//!
//! ```
//! use hobbit::prelude::*;
//!
//! #[search_space]
//! struct Hparams {
//!     #[log_uniform(1e-3..=1.0)]
//!     rate: f64,
//! }
//!
//! let results = Hyperband::function(|hp: &Hparams, trial| {
//!     let mut x: f64 = trial.state().unwrap_or(1.0); // what the previous stage saved
//!     for _epoch in trial.epochs() {
//!         x -= hp.rate * 2.0 * x;
//!         trial.save(&x)?;
//!         trial.report("val_loss", x * x)?;
//!     }
//!     Ok(())
//! })
//! .quiet()
//! .run(9, 3)?;
//! assert!(results.best().score < Some(0.01));
//! # Ok::<(), hobbit::Error>(())
//! ```
//!
#![cfg_attr(feature = "dfdx", doc = include_str!("guide/tour.md"))]
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | configuration | one value of the annotated struct |
//! | trial | one configuration's whole life: built, trained, continued, dropped or finished; [`TrialId`] names it |
//! | stage | a trial's training from one number of epochs to another |
//! | bracket | one successive halving within Hyperband: many trials begin, the best of each stage are promoted |
//! | monitor | the metric that is optimized, with its [`Direction`] |
//! | objective | what builds and trains a trial's model and returns its metrics: [`Objective`] |
//! | repository | the directory of one study: [`repository`] |
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `dfdx` (default) | training of networks, on the processor: `hobbit::train` |
//! | `cuda` | training on NVIDIA GPUs; needs the CUDA toolkit |
//! | `onnx` | models as ONNX files: `train::Model::to_onnx` |
//! | `process` | objectives that are programs in other languages: `hobbit::process` |
//! | `args` | a study's settings as arguments of a program that uses clap: `hobbit::cli` |
//! | `interop` | Optuna, TensorBoard and CSV: `hobbit::interop` |
//! | `report` | a study as an HTML page and pictures: `hobbit::report` |
//! | `nats` | one study on many machines, through a NATS server: `hobbit::remote` |
//! | `tracing` | events for loggers |
//! | `evcxr` | results as tables in notebooks |
//! | `testing` | conformance suites for implementations of the traits here: `hobbit::testing` |
//! | `full` | all of these but `cuda` and `testing` |
//!
//! Without dfdx (`default-features = false`), everything but `hobbit::train` remains.
//!
//! # What it does to the process
//!
//! From the first sweep on, panics of user code in trials no longer reach the program's panic hook, since
//! they become the reason why the trial failed; all other panics still do. With
//! [`stop_on_ctrl_c`](Hyperband::stop_on_ctrl_c) SIGINT, SIGTERM and SIGHUP are handled. On a terminal,
//! standard output goes through a pipe while a sweep runs, so that what user code prints appears above the
//! live view.
#![cfg_attr(
    not(feature = "dfdx"),
    doc = "\n\n# Without dfdx\n\nThese pages were made without the feature `dfdx`, which is on by default: `cargo doc --open -p hobbit` shows `hobbit::train` and its guides, too."
)]

extern crate self as hobbit;

/// The programs of the package's README have to compile.
#[cfg(all(doctest, feature = "dfdx"))]
#[doc = include_str!("../README.md")]
struct Readme;

#[doc(hidden)]
pub mod __private {
    //! What the code that the macro writes needs.
    pub use std::primitive::{bool, f64, i128, isize, str, usize};
    pub use std::result::Result as StdResult;
    pub use std::string::String;
    pub use std::vec::Vec;

    pub use hobbit_macros::{Configured, Settled};
    pub use serde;

    pub use crate::error::BoxError;
    pub use crate::error::Result;
    pub use crate::random::Key;
    pub use crate::space::private::*;
    pub use crate::space::{Parameter, Scalar, SearchSpace, Space, Value};
}

mod algorithms;
mod ask_tell;
mod checkpoint;
#[cfg(feature = "args")]
pub mod cli;
mod error;
pub mod function;
pub mod guide;
#[cfg(feature = "interop")]
pub mod interop;
mod metrics;
mod numerics;
mod objective;
pub mod observe;
pub mod prelude;
mod printable;
#[cfg(feature = "process")]
pub mod process;
mod proposed;
mod random;
mod ranked;
#[cfg(feature = "nats")]
pub mod remote;
#[cfg(feature = "report")]
pub mod report;
pub mod repository;
mod results;
mod runner;
pub mod schedule;
pub mod search;
pub mod space;
mod study;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "dfdx")]
pub mod train;
mod trial;
pub mod work;

/// Makes a struct or an enum a search space: it derives how configurations are drawn, described, checked, stored and encoded.
///
/// Every field says what its values are; the [guide](crate::guide::search_space) shows each form with an example:
///
/// | attribute | values |
/// |---|---|
/// | `#[uniform(0.0..=1.0)]`, `#[log_uniform(1e-4..=1e-1)]` | real numbers (`f64`, `f32`); `step = 0.1` puts them on a grid |
/// | `#[normal(mean, std)]`, `#[log_normal(mean, std)]` | real numbers; `truncated = low..=high`, `step = 0.1` |
/// | `#[int(16..=256)]` | whole numbers of any integer type; `step = 16`, `log` |
/// | `#[choice(16, 32, 64)]`, `#[choice("a": 3, "b": 1)]` | one of these: literals, paths, tuples; with weights if wanted |
/// | none or `#[bool(0.1)]`, on a `bool` | `true` or `false`; with the probability of `true` |
/// | `#[distribution(rand_distr::Gamma::new(2.0, 0.5)?)]` | whatever the distribution gives |
/// | `#[fixed(7)]`, `#[derived(width * 2)]` | always the same value; what follows from earlier fields |
/// | `#[optional(0.5)]` and another | an `Option` that is there with this probability |
/// | `#[length(1..=4)]` and another | a `Vec` with this many elements |
/// | `#[nested]` | a type that is a search space itself |
/// | `#[with(expression)]` | what a [`Scalar`](crate::space::Scalar) of your own says |
///
/// `#[name = "..."]` renames a parameter, `#[default = ...]` gives its value in the default configuration. On the struct,
/// `#[constraint(condition, "why")]` excludes configurations. On variants of an enum, `#[weight(2)]` says how likely they are.
///
/// Doc comments become the parameters' descriptions. Ranges, steps, weights and probabilities are literals or
/// constants; they are checked when the program is compiled. Besides [`SearchSpace`], the type gets serde's
/// `Serialize` and `Deserialize`; it may say so itself, below the attribute. Other derives can stand above it
/// or below. Serde's cannot stand above it: the compiler expands them before the attribute sees the item, so
/// both would be derived twice.
///
/// The types of fields need `Serialize` and `Deserialize`. In addition, `choice` needs `Clone` and
/// `PartialEq`, fixed and derived fields need `Debug` and `PartialEq`, and fields that expressions mention
/// need `Clone`. The same is asked of type parameters, whether or not their bounds say so.
///
/// Fields and variants can have `#[cfg(...)]` and `#[cfg_attr(...)]`, and attributes of serde that lose no
/// value.
///
/// A field is drawn from a key of its own, made of its name: adding or removing other fields does not change it.
///
/// ```
/// use hobbit::{Key, SearchSpace, search_space};
///
/// #[search_space]
/// struct Hparams {
///     /// How fast it learns.
///     #[log_uniform(1e-4..=1e-1)]
///     learning_rate: f64,
///     #[int(16..=128, step = 16)]
///     width: usize,
///     #[choice("sgd", "adam")]
///     optimizer: String,
///     shuffle: bool,
/// }
///
/// let hparams = Hparams::draw(Key::new(7))?;
/// assert!((1e-4..=1e-1).contains(&hparams.learning_rate));
/// assert_eq!(hparams.width % 16, 0);
/// println!("{}", Hparams::space());
/// # Ok::<(), hobbit::Error>(())
/// ```
///
/// An empty range does not compile:
///
/// ```compile_fail
/// #[hobbit::search_space]
/// struct Hparams {
///     #[uniform(1.0..=0.0)]
///     dropout: f64,
/// }
/// ```
pub use hobbit_macros::search_space;

pub use algorithms::*;
pub use ask_tell::{AskTell, Asked, Asking, asking};
pub use error::{BoxError, Error, ErrorKind, Result, exit_code};
pub use objective::{
    Array, ArrayData, Checkpoint, EpochContext, History, Interrupted, Member, MetricDirections, Metrics,
    Objective, OutOfMemory, TrialContext,
};
pub use observe::{Event, Observer, visualize};
pub use random::{Key, KeyRng};
pub use ranked::Trial;
pub use repository::{ScoreBy, Status, StopReason, salvage};
pub use results::Results;
pub use runner::{Keep, LocalPool, MaxFailures, propose_again};
pub use schedule::{EpochCount, Plan, Promotion};
pub use space::SearchSpace;
pub use study::Study;
pub use trial::{Direction, ParseTrialIdError, TrialId};
