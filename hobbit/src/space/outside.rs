//! Values and domains as other tools and people write them.

use super::scalar::Scalar;
use super::value::Value;

/// How far a number may be from what it has to be, relative to its size: single precision is enough.
const TOLERANCE: f64 = 1e-6;

/// What is asked of a kind of domain where a value comes from elsewhere, or a study goes to another tool.
pub(crate) trait Outside {
    /// A number in `[0, 1)` that stands for a value, and the value as the domain has it; nothing if it has
    /// none like it.
    fn placed(&self, value: &Value) -> Option<(f64, Value)>;

    /// Whether numbers in `[0, 1)` may be too few to stand for all whole numbers among the values.
    fn is_exact(&self) -> bool {
        false
    }

    /// The nearest that other tools have.
    #[cfg(feature = "interop")]
    fn others(&self) -> Option<Others> {
        None
    }
}

/// A domain that other tools have too.
#[cfg(feature = "interop")]
pub(crate) enum Others {
    /// Real numbers.
    Real { low: f64, high: f64, step: Option<f64>, log: bool },
    /// Whole numbers.
    Whole { low: i128, high: i128, step: i128, log: bool },
    /// One of these.
    Options(Vec<Value>),
}

/// The nearest real number within bounds, if the value is it but for rounding.
pub(super) fn within(value: &Value, low: f64, high: f64) -> Option<f64> {
    let number = number(value)?;
    let near = number.clamp(low, high.max(low));
    is_near(number, near).then_some(near)
}

/// A real number with the number in `[0, 1)` that stands for it.
pub(super) fn placed(values: &impl Scalar<f64>, number: f64) -> Option<(f64, Value)> {
    Some((values.unit(&number), Value::Float(number)))
}

/// A value as a finite number, if it is one or a text of one.
pub(super) fn number(value: &Value) -> Option<f64> {
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
#[cfg(feature = "interop")]
pub(super) fn is_empty(value: &Value) -> bool {
    matches!(value, Value::Text(text) if text.trim().is_empty())
}

/// A value as a whole number, if it is one.
pub(super) fn whole(value: &Value) -> Option<i128> {
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

/// A value as a switch, if it is one.
pub(super) fn switch(value: &Value) -> Option<bool> {
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
pub(super) fn is_like(ours: &Value, theirs: &Value) -> bool {
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
