//! A search space as data: to print, to store, and to compare.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::value::Value;

/// The values that a parameter can have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Domain {
    /// Real numbers, equally likely.
    Uniform {
        /// The smallest value.
        low: f64,
        /// No value is larger.
        high: f64,
        /// The distance between values, if they are on a grid.
        step: Option<f64>,
    },
    /// Real numbers whose logarithms are equally likely.
    LogUniform {
        /// The smallest value.
        low: f64,
        /// No value is larger.
        high: f64,
        /// The distance between values, if they are on a grid.
        step: Option<f64>,
    },
    /// Normally distributed real numbers, within bounds.
    Normal {
        /// The mean; of the logarithm if `log`.
        mean: f64,
        /// The standard deviation; of the logarithm if `log`.
        std: f64,
        /// Whether the logarithm is normally distributed.
        log: bool,
        /// No value is smaller.
        low: f64,
        /// No value is larger.
        high: f64,
        /// Values are multiples of it.
        step: Option<f64>,
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
    /// Whole numbers, some of them above `i64::MAX`.
    UInt {
        /// The smallest value.
        low: u64,
        /// No value is larger.
        high: u64,
        /// The distance between values.
        step: u64,
        /// Whether their logarithms are equally likely, instead of the numbers.
        log: bool,
    },
    /// One of these.
    Choice {
        /// What there is to choose from.
        options: Vec<Value>,
        /// How likely each is, relative to the others; empty if they are equally likely.
        weights: Vec<f64>,
    },
    /// On or off.
    Bool {
        /// The probability of `true`.
        probability: f64,
    },
    /// Whatever a distribution gives, as it is written in the source.
    Distribution(String),
}

impl Domain {
    /// Whether a repository may hold `recorded` for this domain: it is the same, or what hobbit 0.1.0 wrote
    /// for it.
    fn is_recorded_as(&self, recorded: &Domain) -> bool {
        let cut = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        match (self, recorded) {
            (&Domain::UInt { low, high, step, log }, recorded @ Domain::Int { .. }) => {
                *recorded == Domain::Int { low: cut(low), high: cut(high), step: cut(step), log }
            }
            (
                Domain::Choice { options, weights },
                Domain::Choice { options: theirs, weights: theirs_weights },
            ) => {
                let mut pairs = options.iter().zip(theirs);
                weights == theirs_weights
                    && options.len() == theirs.len()
                    && pairs.all(|(ours, theirs)| ours.is_recorded_as(theirs))
            }
            _ => self == recorded,
        }
    }
}

/// When a parameter exists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Condition {
    /// If another parameter has this value.
    Is {
        /// The other's name.
        parameter: String,
        /// The value.
        value: Value,
    },
    /// If another parameter is above this number.
    Above {
        /// The other's name.
        parameter: String,
        /// The number.
        than: i64,
    },
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Is { parameter, value } => write!(f, "{parameter} is {value}"),
            Condition::Above { parameter, than } => write!(f, "{parameter} is above {than}"),
        }
    }
}

/// A parameter of a search space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    name: String,
    description: String,
    domain: Domain,
    conditions: Vec<Condition>,
}

impl Parameter {
    /// A parameter with its name, what its doc comment says, and its values.
    pub fn new(name: impl Into<String>, description: impl Into<String>, domain: Domain) -> Parameter {
        Parameter::conditional(name, description, domain, Vec::new())
    }

    /// A parameter that exists only if all of these conditions hold.
    pub fn conditional(
        name: impl Into<String>,
        description: impl Into<String>,
        domain: Domain,
        conditions: Vec<Condition>,
    ) -> Parameter {
        Parameter { name: name.into(), description: description.into(), domain, conditions }
    }

    /// The full name, with dots: `optimizer.Sgd.momentum`.
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

    /// It exists only if all of these hold.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    pub(super) fn set_domain(&mut self, domain: Domain) {
        self.domain = domain;
    }

    /// This parameter as part of a field of another space.
    pub(super) fn moved_below(&self, field: &str, conditions: &[Condition]) -> Parameter {
        let moved = |condition: &Condition| match condition {
            Condition::Is { parameter, value } => {
                Condition::Is { parameter: below(field, parameter), value: value.clone() }
            }
            Condition::Above { parameter, than } => {
                Condition::Above { parameter: below(field, parameter), than: *than }
            }
        };
        let all = conditions.iter().cloned().chain(self.conditions.iter().map(moved)).collect();
        Parameter::conditional(below(field, &self.name), self.description.clone(), self.domain.clone(), all)
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

    pub(super) fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut self.parameters
    }

    /// The differences between two spaces, in words; `other` is the one in the repository.
    ///
    /// The struct's name, doc comments and the order of fields do not matter.
    pub fn differences(&self, other: &Space) -> Vec<String> {
        let mut found = Vec::new();
        for ours in &self.parameters {
            match other.parameters.iter().find(|theirs| theirs.name == ours.name) {
                None => found
                    .push(format!("the parameter `{}` is not in the repository's search space", ours.name)),
                Some(theirs) if !ours.domain.is_recorded_as(&theirs.domain) => found.push(format!(
                    "the parameter `{}` is {}, but {} in the repository",
                    ours.name, ours.domain, theirs.domain
                )),
                Some(theirs) if theirs.conditions != ours.conditions => {
                    found.push(format!(
                        "the parameter `{}` exists under other conditions in the repository",
                        ours.name
                    ));
                }
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

impl Space {
    /// Whether a repository may hold these names and values for a configuration: they are the same, or what
    /// hobbit 0.1.0 wrote for it.
    pub(crate) fn is_recorded_as(&self, ours: &[(String, Value)], recorded: &[(String, Value)]) -> bool {
        let is_same = |((name, ours), (recorded_name, recorded)): (&(String, Value), &(String, Value))| {
            let parameter = || self.parameters.iter().find(|parameter| parameter.name == *name);
            name == recorded_name
                && (ours.is_recorded_as(recorded)
                    || parameter().is_some_and(|parameter| parameter.domain.is_near(ours, recorded)))
        };
        ours.len() == recorded.len() && ours.iter().zip(recorded).all(is_same)
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.parameters.iter().map(|parameter| parameter.name.chars().count()).max().unwrap_or(0);
        for Parameter { name, description, domain, conditions } in &self.parameters {
            write!(f, "{name:width$}  {domain}")?;
            for (i, condition) in conditions.iter().enumerate() {
                write!(f, "{} {condition}", if i == 0 { ", if" } else { " and" })?;
            }
            if description.is_empty() { writeln!(f)? } else { writeln!(f, "  ({description})")? }
        }
        Ok(())
    }
}

/// A name below another.
pub(super) fn below(name: &str, part: &str) -> String {
    match (name, part) {
        ("", part) => part.to_owned(),
        (name, "") => name.to_owned(),
        (name, part) => format!("{name}.{part}"),
    }
}
