//! A search space as data: to print, to store, and to compare.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One hyperparameter's value, for tables and files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
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

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(value) => value.fmt(f),
            Value::Int(value) => value.fmt(f),
            // the shortest text that reads back as the same number
            Value::Float(value) => write!(f, "{value:?}"),
            Value::Text(value) => value.fmt(f),
        }
    }
}

/// The values that a parameter can have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Domain {
    /// Real numbers, equally likely.
    Uniform {
        /// The smallest value.
        low: f64,
        /// The largest value.
        high: f64,
    },
    /// Real numbers whose logarithms are equally likely.
    LogUniform {
        /// The smallest value.
        low: f64,
        /// The largest value.
        high: f64,
    },
    /// Whole numbers.
    Int {
        /// The smallest value.
        low: i64,
        /// No value is larger.
        high: i64,
        /// The distance between values.
        step: i64,
        /// Whether their logarithms are equally likely, instead of the numbers.
        log: bool,
    },
    /// One of these, equally likely.
    Choice(Vec<Value>),
    /// On or off.
    Bool,
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Domain::Uniform { low, high } => write!(f, "uniform {low:?} to {high:?}"),
            Domain::LogUniform { low, high } => write!(f, "log-uniform {low:?} to {high:?}"),
            Domain::Int { low, high, step, log } => {
                write!(f, "{} {low} to {high}", if *log { "log-spaced int" } else { "int" })?;
                if *step == 1 { Ok(()) } else { write!(f, " in steps of {step}") }
            }
            Domain::Choice(options) => {
                f.write_str("one of ")?;
                for (i, option) in options.iter().enumerate() {
                    write!(f, "{}{option}", if i == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            Domain::Bool => f.write_str("true or false"),
        }
    }
}

/// A parameter of a search space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    name: String,
    description: String,
    domain: Domain,
}

impl Parameter {
    /// A parameter with its name, what its doc comment says, and its values.
    pub fn new(name: impl Into<String>, description: impl Into<String>, domain: Domain) -> Parameter {
        Parameter { name: name.into(), description: description.into(), domain }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the doc comment says.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The values it can have.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }
}

/// The parameters of a search space, as data. Its `Display` has a line for each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Space {
    name: String,
    parameters: Vec<Parameter>,
}

impl Space {
    /// A space with the name of its struct, and its parameters.
    pub fn new(name: impl Into<String>, parameters: Vec<Parameter>) -> Space {
        Space { name: name.into(), parameters }
    }

    /// The name of the struct.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The parameters, in order of declaration.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// What of two spaces is not the same, in words; `other` is the one in the repository.
    ///
    /// The struct's name, doc comments and the order of fields do not matter.
    pub fn differences(&self, other: &Space) -> Vec<String> {
        let mut found = Vec::new();
        for ours in &self.parameters {
            match other.parameters.iter().find(|theirs| theirs.name == ours.name) {
                None => found
                    .push(format!("the parameter `{}` is not in the repository's search space", ours.name)),
                Some(theirs) if theirs.domain != ours.domain => found.push(format!(
                    "the parameter `{}` is {}, but {} in the repository",
                    ours.name, ours.domain, theirs.domain
                )),
                Some(_) => {}
            }
        }
        for theirs in &other.parameters {
            if !self.parameters.iter().any(|ours| ours.name == theirs.name) {
                found.push(format!("the repository's search space has a parameter `{}` too", theirs.name));
            }
        }
        found
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.parameters.iter().map(|parameter| parameter.name.chars().count()).max().unwrap_or(0);
        for Parameter { name, description, domain } in &self.parameters {
            write!(f, "{name:width$}  {domain}")?;
            if description.is_empty() { writeln!(f)? } else { writeln!(f, "  ({description})")? }
        }
        Ok(())
    }
}
