//! Ranges of the variants of an enum.

use std::marker::PhantomData;

use super::describe::Domain;
use super::field::One;
use super::needs::Chosen;
use super::scalar::Scalar;
use super::value::Value;

/// A fieldless enum whose variants are known; `#[search_space]` implements it.
pub trait Variants: Sized + 'static {
    /// All variants with their names, in the order of their declaration.
    const VARIANTS: &'static [(Self, &'static str)];
    /// The numbers that the compiler gives them, in the same order.
    const TAGS: &'static [isize];
}

/// What `choice` takes ranges of: an enum that can be copied and compared.
#[diagnostic::on_unimplemented(
    message = "`choice` takes ranges of enums without fields that carry `#[search_space]` and `#[derive(Clone, PartialEq)]`, and `{Self}` is not one",
    label = "add `#[search_space]` and `#[derive(Clone, PartialEq)]` to this type, or write the options out"
)]
pub trait Ranged: Sized + 'static {
    /// All variants with their names, in the order of their declaration.
    const NAMED: &'static [(Self, &'static str)];
    /// The numbers that the compiler gives the variants, in the order of their declaration.
    const NUMBERS: &'static [isize];
}

#[diagnostic::do_not_recommend]
impl<T: Variants + Clone + PartialEq> Ranged for T {
    const NAMED: &'static [(T, &'static str)] = T::VARIANTS;
    const NUMBERS: &'static [isize] = T::TAGS;
}

/// A value of an enum whose variants are known.
pub trait Variant<'a>: Sized + 'static {
    /// All variants with their names, in the order of their declaration.
    fn variants() -> &'static [(Self, &'static str)];
}

impl<T: Variants> Variant<'_> for T {
    fn variants() -> &'static [(T, &'static str)] {
        T::VARIANTS
    }
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

/// Makes ranges of enums that have some.
#[derive(Debug)]
pub struct Ranges<T>(PhantomData<T>);

/// What is called in the place of it for other types: then it does not matter what the ends are.
pub trait NoRanges<T> {
    /// In the place of [`Ranges::range`].
    fn range<From, To>(_: From, _: To, _: bool) -> One<NoRange> {
        unreachable!()
    }
}

/// A range of no type: that is an error elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct NoRange;

impl<T> Scalar<T> for NoRange {
    fn domain(&self) -> Domain {
        unreachable!()
    }

    fn at(&self, _: f64) -> T {
        unreachable!()
    }

    fn unit(&self, _: &T) -> f64 {
        unreachable!()
    }

    fn contains(&self, _: &T) -> bool {
        unreachable!()
    }

    fn value(&self, _: &T) -> Value {
        unreachable!()
    }
}

impl<T> NoRanges<T> for Ranges<T> {}

impl<T: Variants + Clone + PartialEq> Ranges<T> {
    /// The variants from one to another.
    pub fn range(from: T, to: T, inclusive: bool) -> One<VariantRange<T>> {
        One(VariantRange { from, to, inclusive })
    }
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
        let name = self.place(value).map_or("not one of the options", |place| self.variants()[place].1);
        Value::Text(name.to_owned())
    }
}
