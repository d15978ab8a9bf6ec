//! Hyperparameters as Optuna has them: distributions, and the numbers that stand for values.

use serde_json::{Map, Value as Json, json};

use crate::space::{Domain, Others, Space, Value};

/// The hyperparameters that are Optuna parameters, their distributions, and those that are not.
pub(super) fn parameters(
    space: &Space,
    hparams: &[(String, Value)],
) -> (Map<String, Json>, Map<String, Json>, Map<String, Json>) {
    let (mut params, mut distributions, mut attrs) = (Map::new(), Map::new(), Map::new());
    for (name, value) in hparams {
        let parameter = space.parameters().iter().find(|parameter| parameter.name() == name);
        match parameter.and_then(|parameter| internal(parameter.domain(), value)) {
            Some((distribution, value)) => {
                params.insert(name.clone(), value);
                // JSON inside of JSON
                distributions.insert(name.clone(), Json::String(distribution.to_string()));
            }
            None => {
                attrs.insert(name.clone(), external(value));
            }
        }
    }
    (params, distributions, attrs)
}

fn external(value: &Value) -> Json {
    match value {
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::UInt(value) => json!(value),
        Value::Float(value) if value.is_finite() => json!(value),
        // JSON has no such numbers; Python's `float` reads these texts
        Value::Float(value) => json!(format!("{value:?}")),
        Value::Text(value) => json!(value),
    }
}

/// The distribution that stands for a domain, and the number that stands for a value of it.
fn internal(domain: &Domain, value: &Value) -> Option<(Json, Json)> {
    let distribution = |name: &str, attributes: Json| json!({ "name": format!("{name}Distribution"), "attributes": attributes });
    match domain.ask(|kind| kind.others())? {
        Others::Real { low, high, step, log } => {
            let Value::Float(value) = value else { return None };
            // a value in single precision may be beyond the bounds by a rounding error
            let value = value.max(low).min(high);
            let attributes = json!({ "step": step, "low": low, "high": high, "log": log });
            Some((distribution("Float", attributes), json!(value)))
        }
        Others::Whole { low, high, step, log } => {
            let (Value::Int(_) | Value::UInt(_)) = value else { return None };
            let log = log && low > 0;
            let step = if log { 1 } else { step.max(1) };
            let [low, last, step] =
                [low, low + (high - low) / step * step, step].map(|number| external(&Value::whole(number)));
            let attributes = json!({ "log": log, "step": step, "low": low, "high": last });
            Some((distribution("Int", attributes), external(value)))
        }
        Others::Options(options) => {
            let place = options.iter().position(|option| option == value)?;
            let choices: Vec<_> = options.iter().map(external).collect();
            Some((distribution("Categorical", json!({ "choices": choices })), json!(place)))
        }
    }
}
