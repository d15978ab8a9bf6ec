//! Values that are one of several: options with weights, which variant an enum is, a switch.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Deserializer};

use super::asked::Asked;
use super::cells::Cells;
use super::describe::{Condition, Domain, Parameter};
use super::kept::kept_text;
use super::needs::Chosen;
#[cfg(feature = "interop")]
use super::outside::Others;
use super::outside::{Outside, is_like, switch};
use super::scalar::{STEPS, Scalar, weighted};
use super::value::Value;
use super::wanted::Wanted;
use crate::random::Key;

/// What a table shows for an option.
#[derive(Debug, Clone, Copy)]
pub enum Label {
    /// A switch.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number above `i64::MAX`.
    UInt(u64),
    /// A real number.
    Float(f64),
    /// A name.
    Text(&'static str),
}

impl Label {
    fn value(self) -> Value {
        match self {
            Label::Bool(value) => Value::Bool(value),
            Label::Int(value) => Value::Int(value),
            Label::UInt(value) => Value::UInt(value),
            Label::Float(value) => Value::Float(value),
            Label::Text(text) => Value::Text(text.to_owned()),
        }
    }
}

/// The middle of a place's interval.
fn middle(weights: &[f64], place: usize) -> f64 {
    let before: f64 = weights[..place].iter().sum();
    let unit = (before + weights[place] / 2.0) / weights.iter().sum::<f64>();
    unit.min(1.0 - 1.0 / STEPS as f64)
}

/// The place that a number in `[0, 1)` falls on, of so many; no weights are equal ones.
fn place_of(weights: &[f64], count: usize, unit: f64) -> usize {
    if weights.is_empty() {
        return ((unit * count as f64) as usize).min(count.saturating_sub(1));
    }
    weighted(weights, unit)
}

/// The middle of a place's interval, of so many; no weights are equal ones.
fn middle_of(weights: &[f64], count: usize, place: usize) -> f64 {
    if weights.is_empty() {
        return ((place as f64 + 0.5) / count as f64).min(1.0 - 1.0 / STEPS as f64);
    }
    middle(weights, place)
}

/// Weights as data: none if they are equal.
fn unequal(weights: &[f64]) -> Vec<f64> {
    if weights.iter().all(|&weight| weight == weights[0]) { Vec::new() } else { weights.to_vec() }
}

fn labelled(label: Option<Value>) -> Value {
    label.unwrap_or_else(|| Value::Text("not one of the options".to_owned()))
}

/// One of several options, with weights.
#[derive(Debug, Clone, Copy)]
pub struct Choice<T, const N: usize, Of> {
    /// The options.
    pub options: [T; N],
    /// What a table shows for each.
    pub labels: &'static [Label],
    /// How likely each is, relative to the others; empty if they are equally likely.
    pub weights: &'static [f64],
    /// Whose assumptions hold for `T`: see [`Chosen`].
    pub of: PhantomData<Of>,
}

impl<T: for<'a> Chosen<'a, Of>, const N: usize, Of> Choice<T, N, Of> {
    fn place(&self, value: &T) -> Option<usize> {
        self.options.iter().position(|option| option.is(value))
    }
}

impl<T: for<'a> Chosen<'a, Of>, const N: usize, Of> Scalar<T> for Choice<T, N, Of> {
    fn domain(&self) -> Domain {
        let options = self.labels.iter().map(|label| label.value()).collect();
        Domain::Choice { options, weights: unequal(self.weights) }
    }

    fn at(&self, unit: f64) -> T {
        // the macro refuses a choice of nothing
        self.options[place_of(self.weights, N, unit)].copied()
    }

    fn unit(&self, value: &T) -> f64 {
        middle_of(self.weights, N, self.place(value).unwrap_or(0))
    }

    fn contains(&self, value: &T) -> bool {
        self.place(value).is_some()
    }

    fn value(&self, value: &T) -> Value {
        labelled(self.place(value).map(|place| self.labels[place].value()))
    }
}

/// A type of texts that are chosen from.
#[diagnostic::on_unimplemented(
    message = "`choice` of texts needs a field of type `String` or `&'static str`, not `{Self}`",
    label = "not a type of owned texts"
)]
pub trait Text: Sized {
    /// The text as a value.
    fn from_text(text: &'static str) -> Self;
    /// The value as a text.
    fn as_text(&self) -> &str;
    /// Reads a value.
    ///
    /// # Errors
    /// Whatever the format says.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

macro_rules! texts {
    ($read:path: $($ty:ty)*) => {
        $(impl Text for $ty {
            fn from_text(text: &'static str) -> $ty {
                text.into()
            }

            fn as_text(&self) -> &str {
                self
            }

            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$ty, D::Error> {
                $read(deserializer).map(Into::into)
            }
        })*
    };
}

texts!(String::deserialize: String Box<str> std::rc::Rc<str> std::sync::Arc<str> std::borrow::Cow<'static, str>);
texts!(kept_text: &'static str);

/// One of several texts, with weights.
#[derive(Debug, Clone, Copy)]
pub struct Texts {
    /// The texts.
    pub options: &'static [&'static str],
    /// How likely each is, relative to the others; empty if they are equally likely.
    pub weights: &'static [f64],
}

impl Texts {
    fn place(&self, value: &str) -> Option<usize> {
        self.options.iter().position(|option| *option == value)
    }
}

impl<T: Text> Scalar<T> for Texts {
    fn domain(&self) -> Domain {
        let options = self.options.iter().map(|&text| Value::Text(text.to_owned())).collect();
        Domain::Choice { options, weights: unequal(self.weights) }
    }

    fn at(&self, unit: f64) -> T {
        T::from_text(self.options[place_of(self.weights, self.options.len(), unit)])
    }

    fn unit(&self, value: &T) -> f64 {
        let place = self.place(value.as_text()).unwrap_or(0);
        middle_of(self.weights, self.options.len(), place)
    }

    fn contains(&self, value: &T) -> bool {
        self.place(value.as_text()).is_some()
    }

    fn value(&self, value: &T) -> Value {
        labelled(self.place(value.as_text()).map(|place| Value::Text(self.options[place].to_owned())))
    }
}

/// On or off.
#[derive(Debug, Clone, Copy)]
pub struct Switch {
    /// The probability of `true`.
    pub probability: f64,
}

impl Scalar<bool> for Switch {
    fn domain(&self) -> Domain {
        Domain::Bool { probability: self.probability }
    }

    fn at(&self, unit: f64) -> bool {
        unit < self.probability
    }

    fn unit(&self, value: &bool) -> f64 {
        if *value {
            self.probability / 2.0
        } else {
            ((1.0 + self.probability) / 2.0).min(1.0 - 1.0 / STEPS as f64)
        }
    }

    fn contains(&self, _: &bool) -> bool {
        true
    }

    fn value(&self, value: &bool) -> Value {
        Value::Bool(*value)
    }
}

impl Asked for Switch {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.probability {
            0.5 => f.write_str("true or false"),
            0.0 => f.write_str("false"),
            1.0 => f.write_str("true"),
            probability => write!(f, "true with probability {probability}, or false"),
        }
    }

    fn is_categorical(&self) -> bool {
        true
    }

    fn cells(&self) -> Option<Cells> {
        Cells::weighted(vec![self.probability, 1.0 - self.probability])
    }

    fn value_at(&self, unit: f64) -> Value {
        Value::Bool(self.at(unit))
    }

    fn narrowed(&self, wanted: &Wanted<'_>) -> Result<Domain, String> {
        let places = wanted.options(2, |text| Some(usize::from(switch(&Value::Text(text.to_owned()))?)))?;
        match places[..] {
            [0] if self.probability < 1.0 => Ok(Domain::Bool { probability: 0.0 }),
            [1] if self.probability > 0.0 => Ok(Domain::Bool { probability: 1.0 }),
            [_] => Err("it never has this value".to_owned()),
            _ => Ok(Domain::Bool { probability: self.probability }),
        }
    }
}

impl Outside for Switch {
    fn placed(&self, value: &Value) -> Option<(f64, Value)> {
        let on = switch(value)?;
        Some((self.unit(&on), Value::Bool(on)))
    }

    #[cfg(feature = "interop")]
    fn others(&self) -> Option<Others> {
        Some(Others::Options(vec![Value::Bool(false), Value::Bool(true)]))
    }
}

/// The options of a choice, as data.
pub(super) struct Options<'a> {
    pub(super) options: &'a [Value],
    pub(super) weights: &'a [f64],
}

impl Options<'_> {
    /// The place of the option that a value means.
    fn place(&self, value: &Value) -> Option<usize> {
        let place = self.options.iter().position(|option| option.to_string() == value.to_string());
        place.or_else(|| self.options.iter().position(|option| is_like(option, value)))
    }
}

impl Asked for Options<'_> {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one of ")?;
        for (i, option) in self.options.iter().enumerate() {
            write!(f, "{}{option}", if i == 0 { "" } else { ", " })?;
            if let Some(weight) = self.weights.get(i) {
                write!(f, " (weight {weight})")?;
            }
        }
        Ok(())
    }

    fn is_categorical(&self) -> bool {
        true
    }

    fn cells(&self) -> Option<Cells> {
        match self.weights {
            [] => Cells::equal(self.options.len() as u64),
            weights => Cells::weighted(weights[..self.options.len().min(weights.len())].to_vec()),
        }
    }

    fn value_at(&self, unit: f64) -> Value {
        let place = place_of(self.weights, self.options.len(), unit);
        labelled(self.options.get(place).cloned())
    }

    fn narrowed(&self, wanted: &Wanted<'_>) -> Result<Domain, String> {
        let places = wanted.options(self.options.len(), |text| self.place(&Value::Text(text.to_owned())))?;
        let options = places.iter().map(|&place| self.options[place].clone()).collect();
        let weights: Vec<f64> = places.iter().filter_map(|&place| self.weights.get(place).copied()).collect();
        if !weights.is_empty() && weights.iter().all(|&weight| weight == 0.0) {
            return Err("these have no weight, and are never drawn".to_owned());
        }
        Ok(Domain::Choice { options, weights: if weights.is_empty() { weights } else { unequal(&weights) } })
    }
}

impl Outside for Options<'_> {
    fn placed(&self, value: &Value) -> Option<(f64, Value)> {
        let Options { options, weights } = *self;
        let place = self.place(value)?;
        let equal = vec![1.0; options.len()];
        let weights = if weights.is_empty() { &equal } else { weights };
        Some((middle(weights, place), options[place].clone()))
    }

    #[cfg(feature = "interop")]
    fn others(&self) -> Option<Others> {
        Some(Others::Options(self.options.to_vec()))
    }
}

/// The parameter that says which variant of an enum a configuration is.
pub fn kind(variants: &[&str], weights: &[f64]) -> Parameter {
    let options = variants.iter().map(|&variant| Value::Text(variant.to_owned())).collect();
    Parameter::new("kind", "", Domain::Choice { options, weights: unequal(weights) })
}

/// The condition of a variant's parameters.
pub fn is_kind(variant: &str) -> Condition {
    Condition::Is { parameter: "kind".to_owned(), value: Value::Text(variant.to_owned()) }
}

/// The name and value of a variant.
pub fn kind_value(variant: &str) -> (String, Value) {
    ("kind".to_owned(), Value::Text(variant.to_owned()))
}

/// The variant of a key.
pub fn draw_kind(key: Key, weights: &[f64]) -> usize {
    weighted(weights, key.rng().unit())
}

/// The number in `[0, 1)` that stands for a variant of an enum with these weights.
pub fn variant_unit(weights: &[f64], variant: usize) -> f64 {
    middle(weights, variant)
}
