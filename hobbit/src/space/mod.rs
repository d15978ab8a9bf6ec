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

    /// Whether every value is in its domain.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// The defaults.
    fn defaults() -> Result<Self> {
        Err(crate::Error::space("no defaults"))
    }
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

impl Space {
    /// What of two spaces is not the same, in words.
    pub fn differences(&self, other: &Space) -> Vec<String> {
        if self == other { Vec::new() } else { vec!["the search space is not the same".to_owned()] }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Bool(v) => write!(f, "{v}"),
            Value::Int(v) => write!(f, "{v}"),
            Value::Float(v) => write!(f, "{v}"),
            Value::Text(v) => f.write_str(v),
        }
    }
}
