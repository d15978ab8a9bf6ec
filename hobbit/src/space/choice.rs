//! Values that are one of several: options with weights, the variants of an enum, a switch.

use super::describe::Domain;
use super::needs::{Chosen, Variant};
use super::scalar::{STEPS, Scalar};
use super::value::Value;

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

/// The place that a number in `[0, 1)` falls on, where places have these weights.
pub fn weighted(weights: &[f64], unit: f64) -> usize {
    let mut rest = unit * weights.iter().sum::<f64>();
    for (place, weight) in weights.iter().enumerate() {
        if rest < *weight {
            return place;
        }
        rest -= weight;
    }
    // rounding: the last place that can be drawn at all
    weights.iter().rposition(|&weight| weight > 0.0).unwrap_or(0)
}

/// The middle of a place's interval.
pub(super) fn middle(weights: &[f64], place: usize) -> f64 {
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
    label.unwrap_or_else(|| Value::Text("none of the options".to_owned()))
}

/// One of several options, with weights.
#[derive(Debug, Clone, Copy)]
pub struct Choice<T, const N: usize> {
    /// The options.
    pub options: [T; N],
    /// What a table shows for each.
    pub labels: &'static [Label],
    /// How likely each is, relative to the others; empty if they are equally likely.
    pub weights: &'static [f64],
}

impl<T: for<'a> Chosen<'a>, const N: usize> Choice<T, N> {
    fn place(&self, value: &T) -> Option<usize> {
        self.options.iter().position(|option| option.is(value))
    }
}

impl<T: for<'a> Chosen<'a>, const N: usize> Scalar<T> for Choice<T, N> {
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

/// A type of texts that are chosen from, which owns them.
#[diagnostic::on_unimplemented(
    message = "`choice` of texts needs a field of type `String`, not `{Self}`",
    label = "not a type of owned texts"
)]
pub trait Text {
    /// The text as a value.
    fn from_text(text: &'static str) -> Self;
    /// The value as a text.
    fn as_text(&self) -> &str;
}

macro_rules! texts {
    ($($ty:ty)*) => {
        $(impl Text for $ty {
            fn from_text(text: &'static str) -> $ty {
                text.into()
            }

            fn as_text(&self) -> &str {
                self
            }
        })*
    };
}

texts!(String Box<str> std::rc::Rc<str> std::sync::Arc<str> std::borrow::Cow<'static, str>);

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

/// A fieldless enum whose variants are known: what `choice` takes ranges of. `#[search_space]` implements it.
pub trait Variants: Sized + 'static {
    /// All variants with their names, in the order of their declaration.
    const VARIANTS: &'static [(Self, &'static str)];
    /// The numbers that the compiler gives them, in the same order.
    const TAGS: &'static [isize];
}

/// The variants of an enum from one to another, equally likely.
#[derive(Debug, Clone, Copy)]
pub struct VariantRange<T> {
    /// The first.
    pub from: T,
    /// The last, or the one after it.
    pub to: T,
    /// Whether `to` is one of them.
    pub inclusive: bool,
}

impl<T: for<'a> Variant<'a> + for<'a> Chosen<'a>> VariantRange<T> {
    fn variants(&self) -> &'static [(T, &'static str)] {
        let all = T::variants();
        let place = |end: &T| all.iter().position(|(variant, _)| variant.is(end)).unwrap_or(0);
        let (from, to) = (place(&self.from), place(&self.to) + usize::from(self.inclusive));
        // the macro refuses an empty range
        &all[from..to.max(from + 1)]
    }

    fn place(&self, value: &T) -> Option<usize> {
        self.variants().iter().position(|(variant, _)| variant.is(value))
    }
}

impl<T: for<'a> Variant<'a> + for<'a> Chosen<'a>> Scalar<T> for VariantRange<T> {
    fn domain(&self) -> Domain {
        let options = self.variants().iter().map(|(_, name)| Value::Text((*name).to_owned())).collect();
        Domain::Choice { options, weights: Vec::new() }
    }

    fn at(&self, unit: f64) -> T {
        let variants = self.variants();
        let place = (unit * variants.len() as f64) as usize;
        variants[place.min(variants.len() - 1)].0.copied()
    }

    fn unit(&self, value: &T) -> f64 {
        (self.place(value).unwrap_or(0) as f64 + 0.5) / self.variants().len() as f64
    }

    fn contains(&self, value: &T) -> bool {
        self.place(value).is_some()
    }

    fn value(&self, value: &T) -> Value {
        let name = self.place(value).map_or("none of the options", |place| self.variants()[place].1);
        Value::Text(name.to_owned())
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
