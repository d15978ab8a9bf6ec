//! Search spaces: what hyperparameters there are, and how a configuration is drawn, described, checked and encoded.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::error::Result;
use crate::random::Key;

/// A set of configurations, described by a struct that carries `#[search_space]`.
pub trait SearchSpace: Sized + Serialize + DeserializeOwned {
    /// The tree of parameters, as data.
    fn space() -> Space;

    /// Draws the configuration of this key; equal keys give equal configurations on every platform.
    fn draw(key: Key) -> Result<Self>;

    /// Names and values in the order of declaration, for tables.
    fn values(&self) -> Vec<(String, Value)>;
}

/// The parameters of a search space, as data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Space {}

/// One hyperparameter's value, for tables and files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// A switch.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A real number.
    Float(f64),
    /// Anything else.
    Text(String),
}
