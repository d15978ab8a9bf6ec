//! Hyperparameter optimization for Rust.

extern crate self as hobbit;

/// The README's program has to compile and run.
#[cfg(all(doctest, feature = "dfdx"))]
#[doc = include_str!("../../README.md")]
struct Readme;

#[doc(hidden)]
pub mod __private {
    //! What the code that the macro writes needs.
    pub use std::result::Result as StdResult;
    pub use std::string::String;
    pub use std::vec::Vec;

    pub use serde;

    pub use crate::error::Result;
    pub use crate::random::Key;
    pub use crate::space::field::{Choice, Field, Int, Label, LogUniform, Switch, Uniform};
    pub use crate::space::{Parameter, SearchSpace, Space, Value};
}

mod error;
mod objective;
pub mod observe;
pub mod prelude;
mod random;
pub mod repository;
mod results;
mod runner;
pub mod schedule;
pub mod space;
mod study;
#[cfg(feature = "dfdx")]
pub mod train;
mod trial;

/// Makes a struct a search space: it derives how configurations are drawn, described, checked and stored.
///
/// Every field says what its values are:
///
/// | attribute | values |
/// |---|---|
/// | `#[uniform(0.0..=1.0)]` | real numbers (`f64`, `f32`), equally likely |
/// | `#[log_uniform(1e-4..=1e-1)]` | real numbers whose logarithms are equally likely |
/// | `#[int(16..=256)]` | whole numbers of any integer type |
/// | `#[int(16..=256, step = 16)]` | every 16th of them |
/// | `#[int(16..=4096, log)]` | whole numbers whose logarithms are equally likely |
/// | `#[choice(16, 32, 64)]` | one of these: literals, or variants of an enum that has `PartialEq` and `Clone` |
/// | none, on a `bool` | `true` or `false` |
///
/// Doc comments become the parameters' descriptions. Ranges are literals or constants; they are checked when the program is
/// compiled. Besides [`SearchSpace`], the struct gets `Clone`, `Debug`, and serde's `Serialize` and `Deserialize`, unless it
/// derives them itself (below the attribute).
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

pub use error::{BoxError, Error, Result};
pub use objective::{
    Array, ArrayData, Checkpoint, EpochContext, History, Interrupted, Metrics, Objective, TrialContext,
};
pub use observe::{Event, Observer};
pub use random::{Key, KeyRng};
pub use repository::{ScoreBy, Status, salvage};
pub use results::{Results, Trial};
pub use runner::{Keep, MaxFailures, StopReason};
pub use schedule::{EpochCount, Plan, visualize};
pub use space::SearchSpace;
pub use study::Hyperband;
pub use trial::{Direction, ParseTrialIdError, TrialId};
