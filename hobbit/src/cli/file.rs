//! A file with settings of a study, in TOML or RON.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::error::BoxError;
use crate::repository::from_text;
use crate::space::Narrowing;

/// What the file says. All of it may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename = "Settings")]
pub(super) struct SettingsFile {
    #[serde(deserialize_with = "some")]
    pub(super) max_epochs: Option<u32>,
    #[serde(deserialize_with = "some")]
    pub(super) eta: Option<u32>,
    #[serde(deserialize_with = "some")]
    pub(super) seed: Option<u64>,
    #[serde(deserialize_with = "some")]
    pub(super) workers: Option<usize>,
    #[serde(deserialize_with = "some")]
    pub(super) repo_dir: Option<PathBuf>,
    #[serde(deserialize_with = "time")]
    pub(super) time_budget: Option<Duration>,
    #[serde(deserialize_with = "some")]
    pub(super) epoch_budget: Option<u64>,
    #[serde(deserialize_with = "time")]
    pub(super) trial_time_limit: Option<Duration>,
    #[serde(deserialize_with = "narrowing")]
    pub(super) narrow: Narrowing,
}

impl SettingsFile {
    /// Reads a file: RON if its name says so, and TOML otherwise.
    pub(super) fn read(path: &Path) -> Result<SettingsFile, BoxError> {
        #[expect(clippy::disallowed_methods, reason = "it is not a file of a study")]
        let text = std::fs::read_to_string(path)?;
        let is_ron = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("ron"));
        if is_ron { from_text(&text) } else { Ok(toml::from_str(&text)?) }
    }
}

/// A value that is written as it is, also in RON.
fn some<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text).map(Some).map_err(|error| D::Error::custom(format!("`{text}`: {error}")))
}

/// What a parameter is narrowed to, or the parameters below a name.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "values are a text such as \"1e-4..1e-2\", a number, true or false, or a list of options"
)]
enum Values {
    One(Written),
    Each(Vec<Written>),
    Below(BTreeMap<String, Values>),
}

/// A value as it is written in a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Text(String),
}

impl Written {
    fn into_text(self) -> String {
        match self {
            Written::Bool(value) => value.to_string(),
            Written::Int(value) => value.to_string(),
            Written::UInt(value) => value.to_string(),
            Written::Float(value) => format!("{value:?}"),
            Written::Text(text) => text,
        }
    }
}

fn narrowing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Narrowing, D::Error> {
    let below = BTreeMap::<String, Values>::deserialize(deserializer)?;
    Ok(below.into_iter().fold(Narrowing::new(), |all, (name, values)| add(all, name, values)))
}

fn add(all: Narrowing, name: String, values: Values) -> Narrowing {
    match values {
        Values::One(value) => all.with(name, value.into_text()),
        Values::Each(options) => all.with_each(name, options.into_iter().map(Written::into_text)),
        Values::Below(parts) => {
            parts.into_iter().fold(all, |all, (part, values)| add(all, format!("{name}.{part}"), values))
        }
    }
}
