//! Values that are one of several: options with weights, the variants of an enum, a switch.

use super::describe::Domain;
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

/// One of several options, with weights.
#[derive(Debug, Clone, Copy)]
pub struct Choice<T, const N: usize> {
    /// The options.
    pub options: [T; N],
    /// What a table shows for each.
    pub labels: [Label; N],
    /// How likely each is, relative to the others.
    pub weights: [f64; N],
}

impl<T: Clone + PartialEq, const N: usize> Scalar<T> for Choice<T, N> {
    fn domain(&self) -> Domain {
        let options = self.labels.iter().map(|label| label.value()).collect();
        let equal = self.weights.iter().all(|&weight| weight == self.weights[0]);
        Domain::Choice { options, weights: if equal { Vec::new() } else { self.weights.to_vec() } }
    }

    fn at(&self, unit: f64) -> T {
        // the macro refuses a choice of nothing
        self.options[weighted(&self.weights, unit)].clone()
    }

    fn unit(&self, value: &T) -> f64 {
        let place = self.options.iter().position(|option| option == value);
        middle(&self.weights, place.unwrap_or(0))
    }

    fn contains(&self, value: &T) -> bool {
        self.options.contains(value)
    }

    fn value(&self, value: &T) -> Value {
        let position = self.options.iter().position(|option| option == value);
        position.map_or_else(
            || Value::Text("none of the options".to_owned()),
            |position| self.labels[position].value(),
        )
    }
}

/// A fieldless enum whose variants are known: what `choice` takes ranges of. `#[search_space]` implements it.
pub trait Variants: Sized + 'static {
    /// All variants with their names, in the order of their declaration.
    const VARIANTS: &'static [(Self, &'static str)];
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

impl<T: Variants + PartialEq> VariantRange<T> {
    fn variants(&self) -> &'static [(T, &'static str)] {
        let place = |end: &T| T::VARIANTS.iter().position(|(variant, _)| variant == end).unwrap_or(0);
        let (from, to) = (place(&self.from), place(&self.to) + usize::from(self.inclusive));
        // the macro refuses an empty range
        &T::VARIANTS[from..to.max(from + 1)]
    }

    fn place(&self, value: &T) -> Option<usize> {
        self.variants().iter().position(|(variant, _)| variant == value)
    }
}

impl<T: Variants + Clone + PartialEq> Scalar<T> for VariantRange<T> {
    fn domain(&self) -> Domain {
        let options = self.variants().iter().map(|(_, name)| Value::Text((*name).to_owned())).collect();
        Domain::Choice { options, weights: Vec::new() }
    }

    fn at(&self, unit: f64) -> T {
        let variants = self.variants();
        let place = (unit * variants.len() as f64) as usize;
        variants[place.min(variants.len() - 1)].0.clone()
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
