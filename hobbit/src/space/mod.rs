//! Search spaces: what hyperparameters there are, and how a configuration is drawn, described and checked.

mod describe;
pub(crate) mod field;

pub use describe::{Domain, Parameter, Space, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::random::Key;

/// A set of configurations, described by a struct that carries [`#[search_space]`](macro@crate::search_space).
pub trait SearchSpace: Sized + Serialize + DeserializeOwned {
    /// The parameters, as data.
    fn space() -> Space;

    /// Draws the configuration of this key; equal keys give equal configurations on every platform.
    ///
    /// # Errors
    /// The space cannot be drawn from.
    fn draw(key: Key) -> Result<Self>;

    /// Names and values in the order of declaration, for tables.
    fn values(&self) -> Vec<(String, Value)>;

    /// Whether every value is in its domain.
    ///
    /// # Errors
    /// The first value that is not, with its field and what is allowed.
    fn check(&self) -> Result<()>;

    /// The configuration of the defaults given in the space.
    ///
    /// # Errors
    /// The space has none.
    fn defaults() -> Result<Self> {
        Err(Error::space(format!("the search space `{}` has no defaults", Self::space().name())))
    }
}
