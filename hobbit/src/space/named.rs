//! Configurations made of names and values, as they come from tables and files of other tools.

use std::collections::HashMap;

use super::SearchSpace;
use super::choice::{Switch, middle};
use super::describe::{Condition, Domain};
use super::field::decode_exactly;
use super::normal::Normal;
use super::sampled::place_of;
use super::scalar::{LogUniform, Scalar, Uniform};
use super::value::Value;
use super::whole::Int;
use crate::error::{Error, Result};

/// How far a number may be from what it has to be, relative to its size: single precision is enough.
const TOLERANCE: f64 = 1e-6;

/// The configuration with these values: names as in [`Space`](super::Space), dotted where they are nested.
///
/// A value may be the text of a number or a switch, or the name of an option. Real numbers may come out
/// changed in their last digits, to ones that can be drawn. A text of nothing but spaces is no value, unless
/// it is an option.
///
/// # Errors
/// A parameter that is missing, unknown, outside of its domain, or given although it does not exist in this
/// configuration; a constraint that does not hold.
pub fn from_values<H: SearchSpace>(values: &[(String, Value)]) -> Result<H> {
    let given: HashMap<&str, &Value> = values.iter().map(|(name, value)| (name.as_str(), value)).collect();
    let space = H::space();
    // the values so far, as their domains have them
    let mut placed: HashMap<&str, Value> = HashMap::new();
    let (mut coordinates, mut whole_numbers) = (Vec::new(), Vec::new());
    for parameter in space.parameters() {
        let holds = |condition: &Condition| match condition {
            Condition::Is { parameter, value } => placed.get(parameter.as_str()) == Some(value),
            Condition::Above { parameter, than } => {
                placed.get(parameter.as_str()).and_then(whole).is_some_and(|value| value > i128::from(*than))
            }
        };
        if !parameter.conditions().iter().all(holds) {
            coordinates.push(None);
            continue;
        }
        let name = parameter.name();
        let missing = || Error::space(format!("the parameter `{name}` is missing"));
        let value = given.get(name).ok_or_else(missing)?;
        let (unit, value) = unit_of(parameter.domain(), value).ok_or_else(|| match is_empty(value) {
            true => missing(),
            false => Error::space(format!("`{name}` is {value}; it has to be {}", parameter.domain())),
        })?;
        let exact =
            matches!(parameter.domain(), Domain::Int { .. } | Domain::UInt { .. } | Domain::Distribution(_));
        whole_numbers.extend(whole(&value).filter(|_| exact).map(|whole| (coordinates.len(), whole)));
        coordinates.push(Some(unit));
        placed.insert(name, value);
    }
    let configuration: H = decode_exactly(&coordinates, &whole_numbers)?;
    configuration.check()?;
    let values_made = configuration.values();
    for (name, value) in values {
        let parameter = space.parameters().iter().find(|parameter| parameter.name() == name);
        match values_made.iter().find(|(made, _)| made == name) {
            Some((_, made)) if is_like(made, value) => {}
            Some((_, made)) => {
                // a field without a parameter follows from the others
                let allowed = parameter.map_or(made.to_string(), |parameter| parameter.domain().to_string());
                return Err(Error::space(format!("`{name}` is {value}; it has to be {allowed}")));
            }
            None if is_empty(value) => {}
            None => {
                let why = match parameter {
                    Some(_) => "does not exist in a configuration with these other values",
                    None => "is not in the search space",
                };
                return Err(Error::space(format!("the parameter `{name}` {why}")));
            }
        }
    }
    Ok(configuration)
}

/// A number that stands for a value of a domain, and the value as the domain has it; nothing if it has none
/// like it.
fn unit_of(domain: &Domain, value: &Value) -> Option<(f64, Value)> {
    let number = number(value);
    // within bounds, but for rounding
    let within = |low: f64, high: f64| {
        let number = number?;
        let near = number.clamp(low, high.max(low));
        is_near(number, near).then_some(near)
    };
    match domain {
        Domain::Uniform { low, high, step } => {
            let number = within(*low, *high)?;
            let unit = Scalar::<f64>::unit(&Uniform { low: *low, high: *high, step: *step }, &number);
            Some((unit, Value::Float(number)))
        }
        Domain::LogUniform { low, high, step } => {
            let number = within(*low, *high)?;
            let unit = Scalar::<f64>::unit(&LogUniform { low: *low, high: *high, step: *step }, &number);
            Some((unit, Value::Float(number)))
        }
        Domain::Normal { mean, std, log, low, high, step } => {
            let number = within(*low, *high)?;
            let (mean, std, log, low, high, step) = (*mean, *std, *log, *low, *high, *step);
            let unit = Scalar::<f64>::unit(&Normal { mean, std, log, low, high, step }, &number);
            Some((unit, Value::Float(number)))
        }
        &Domain::Int { low, high, step, log } => {
            let int = Int { low: low.into(), high: high.into(), step: step.into(), log };
            let number: i64 = int.exactly(whole(value)?)?;
            Some((int.unit(&number), Value::Int(number)))
        }
        &Domain::UInt { low, high, step, log } => {
            let int = Int { low: low.into(), high: high.into(), step: step.into(), log };
            let number: u64 = int.exactly(whole(value)?)?;
            Some((int.unit(&number), Value::whole(number.into())))
        }
        Domain::Choice { options, weights } => {
            let place = options.iter().position(|option| option.to_string() == value.to_string());
            let place = place.or_else(|| options.iter().position(|option| is_like(option, value)))?;
            let equal = vec![1.0; options.len()];
            let weights = if weights.is_empty() { &equal } else { weights };
            Some((middle(weights, place), options[place].clone()))
        }
        Domain::Bool { probability } => {
            let on = switch(value)?;
            Some((Switch { probability: *probability }.unit(&on), Value::Bool(on)))
        }
        Domain::Distribution(_) => {
            let number = number?;
            Some((place_of(number), whole(value).map_or(Value::Float(number), Value::whole)))
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Int(value) => *value as f64,
        Value::UInt(value) => *value as f64,
        Value::Float(value) => *value,
        Value::Text(text) => text.trim().parse().ok()?,
        Value::Bool(_) => return None,
    };
    number.is_finite().then_some(number)
}

/// Whether it is an empty cell of a table.
fn is_empty(value: &Value) -> bool {
    matches!(value, Value::Text(text) if text.trim().is_empty())
}

fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Int(value) => Some((*value).into()),
        Value::UInt(value) => Some((*value).into()),
        Value::Text(text) if text.trim().parse::<i128>().is_ok() => text.trim().parse().ok(),
        // where all whole numbers are floats too
        other => {
            number(other).filter(|number| number.fract() == 0.0 && number.abs() < 9e15).map(|n| n as i128)
        }
    }
}

fn switch(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::Text(text) => text.trim().to_lowercase().parse().ok(),
        _ => None,
    }
}

fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
}

/// Whether a value of a space and one from a file mean the same.
fn is_like(ours: &Value, theirs: &Value) -> bool {
    match ours {
        Value::Bool(ours) => switch(theirs) == Some(*ours),
        Value::Int(ours) => whole(theirs) == Some((*ours).into()),
        Value::UInt(ours) => whole(theirs) == Some((*ours).into()),
        Value::Float(ours) if ours.is_finite() => number(theirs).is_some_and(|theirs| is_near(*ours, theirs)),
        // infinite, or NaN
        own @ Value::Float(_) => {
            theirs.to_string().trim().parse().is_ok_and(|theirs| *own == Value::Float(theirs))
        }
        // people write a space behind a comma
        Value::Text(ours) => ours.trim() == theirs.to_string().trim(),
    }
}
