//! A search space as JSON, for people and for programs.

use hobbit::repository::StudyRecord;
use hobbit::space::{Condition, Domain, Parameter};
use serde_json::{Map, Value};

use crate::view::Plain;

/// A hyperparameter and the values it can have: in words, and as `values` and `when`.
#[derive(serde::Serialize)]
pub(crate) struct ParameterView {
    name: String,
    description: String,
    domain: String,
    conditions: Vec<String>,
    values: Map<String, Value>,
    when: Vec<Map<String, Value>>,
}

impl ParameterView {
    pub(crate) fn all(study: &StudyRecord) -> Vec<ParameterView> {
        let view = |parameter: &Parameter| ParameterView {
            name: parameter.name().to_owned(),
            description: parameter.description().to_owned(),
            domain: parameter.domain().to_string(),
            conditions: parameter.conditions().iter().map(ToString::to_string).collect(),
            values: values(parameter.domain()),
            when: parameter.conditions().iter().map(when).collect(),
        };
        study.space.parameters().iter().map(view).collect()
    }
}

/// A domain as its kind and its numbers; what is not finite is null.
fn values(domain: &Domain) -> Map<String, Value> {
    let tagged = serde_json::to_value(domain).unwrap_or_default();
    let tagged = tagged.as_object().and_then(|tagged| tagged.iter().next());
    let (name, fields) = tagged.map_or(("", &Value::Null), |(name, fields)| (name.as_str(), fields));
    let mut values = Map::new();
    values.insert("kind".to_owned(), kind(name).into());
    match (domain, fields) {
        (Domain::Choice { options, weights }, _) => {
            let options: Vec<Plain> = options.iter().cloned().map(Plain).collect();
            values.insert("options".to_owned(), serde_json::to_value(options).unwrap_or_default());
            values.insert("weights".to_owned(), serde_json::to_value(weights).unwrap_or_default());
        }
        (_, Value::Object(fields)) => values.extend(fields.clone()),
        (_, source) => drop(values.insert("source".to_owned(), source.clone())),
    }
    values
}

/// The name of a domain's kind: `log_uniform`.
fn kind(name: &str) -> String {
    if name == "UInt" {
        return "int".to_owned();
    }
    let mut kind = String::new();
    for (place, letter) in name.char_indices() {
        if letter.is_uppercase() && place > 0 {
            kind.push('_');
        }
        kind.extend(letter.to_lowercase());
    }
    kind
}

/// When a parameter exists: `{parameter, is}` or `{parameter, above}`.
fn when(condition: &Condition) -> Map<String, Value> {
    let (parameter, word, value) = match condition {
        Condition::Is { parameter, value } => {
            (parameter.as_str(), "is", serde_json::to_value(Plain(value.clone())).unwrap_or_default())
        }
        Condition::Above { parameter, than } => (parameter.as_str(), "above", (*than).into()),
        other => ("", "text", other.to_string().into()),
    };
    [("parameter", parameter.into()), (word, value)]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}
