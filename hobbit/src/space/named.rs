//! Configurations made of names and values, as they come from tables and files of other tools.

use std::collections::HashMap;

use super::SearchSpace;
use super::describe::{Condition, Space};
use super::field::decode_exactly;
use super::outside::{is_empty, is_like, whole};
use super::value::Value;
use crate::error::{Error, Result};

/// The configuration with these values: names as in [`Space`](super::Space), dotted where they are nested.
///
/// A value may be the text of a number or a switch, or the name of an option. Real numbers may come out
/// changed in their last digits, to ones that can be drawn. A text of nothing but spaces counts as missing,
/// unless it is an option.
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
        let (exact, found) = parameter.domain().ask(|kind| (kind.is_exact(), kind.placed(value)));
        let (unit, value) = found.ok_or_else(|| match is_empty(value) {
            true => missing(),
            false => Error::space(format!("`{name}` is {value}; it has to be {}", parameter.domain())),
        })?;
        whole_numbers.extend(whole(&value).filter(|_| exact).map(|whole| (coordinates.len(), whole)));
        coordinates.push(Some(unit));
        placed.insert(name, value);
    }
    let configuration: H = decode_exactly(&coordinates, &whole_numbers)?;
    configuration.check()?;
    compare(&space, &configuration.values(), values)?;
    Ok(configuration)
}

/// An error if values were given that are not those of the configuration made of them.
fn compare(space: &Space, made: &[(String, Value)], given: &[(String, Value)]) -> Result<()> {
    for (name, value) in given {
        let parameter = space.parameters().iter().find(|parameter| parameter.name() == name);
        match made.iter().find(|(made, _)| made == name) {
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
    Ok(())
}
