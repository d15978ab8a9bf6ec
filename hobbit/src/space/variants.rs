//! Ranges of the variants of an enum.

use std::marker::PhantomData;

use super::describe::Domain;
use super::field::One;
use super::needs::Chosen;
use super::scalar::Scalar;
use super::value::Value;

/// A fieldless enum whose variants are known; `#[search_space]` implements it.
#[diagnostic::on_unimplemented(
    message = "`choice` takes ranges of enums without fields that carry `#[search_space]`, and `{Self}` is not one",
    label = "no range of variants"
)]
pub trait Variants: Sized + 'static {
    /// The type itself.
    type Itself;
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

/// The type of a field whose ends are of a type.
#[diagnostic::on_unimplemented(
    message = "the range is of `{End}`, and the field of `{Self}`",
    label = "not of the field's type"
)]
pub trait EndsAre<End> {}

impl<T> EndsAre<T> for T {}

/// Keeps the compiler from concluding what wrong ends are of, of which it would then have more to say.
#[diagnostic::do_not_recommend]
impl<T> EndsAre<(T,)> for T {}

/// The ends of a range, if there are ranges of their type: where there are none, nothing is known of the
/// result, so that nothing done with it is one more error.
pub const fn ends<T: Variants<Itself = T>, F: EndsAre<T>>(ends: [T; 2]) -> [<T as Variants>::Itself; 2] {
    ends
}

/// The numbers of all variants of the ends' type.
pub const fn numbers<T: Ranged>(_: &[T; 2]) -> &'static [isize] {
    T::NUMBERS
}

/// A value of an enum whose variants are known; see [`Chosen`].
pub trait Variant<'a, Of = ()>: Sized + 'static {
    /// All variants with their names, in the order of their declaration.
    fn variants() -> &'static [(Self, &'static str)];
    /// Their numbers.
    fn numbers() -> &'static [isize];
}

impl<T: Variants, Of> Variant<'_, Of> for T {
    fn variants() -> &'static [(T, &'static str)] {
        T::VARIANTS
    }

    fn numbers() -> &'static [isize] {
        T::TAGS
    }
}

/// The variants of an enum from one to another, equally likely.
#[derive(Debug, Clone, Copy)]
pub struct VariantRange<T, Of = ()> {
    first: usize,
    /// The place after the last.
    end: usize,
    of: PhantomData<(T, Of)>,
}

/// Makes ranges of enums that have some.
#[derive(Debug)]
pub struct Ranges<T>(PhantomData<T>);

/// What is called in the place of it for other types: then it does not matter what the ends are.
pub trait NoRanges<T> {
    /// In the place of [`Ranges::between`].
    fn between(_: impl Fn(&T) -> (bool, bool), _: bool) -> One<NoRange> {
        unreachable!()
    }
    /// In the place of [`Ranges::numbered`].
    fn numbered(_: [isize; 2], _: bool) -> One<NoRange> {
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
    /// See [`VariantRange::between`].
    pub fn between(ends: impl Fn(&T) -> (bool, bool), inclusive: bool) -> One<VariantRange<T>> {
        One(VariantRange::between(ends, inclusive))
    }

    /// See [`VariantRange::numbered`].
    pub fn numbered(ends: [isize; 2], inclusive: bool) -> One<VariantRange<T>> {
        One(VariantRange::numbered(ends, inclusive))
    }
}

impl<T: for<'a> Variant<'a, Of>, Of> VariantRange<T, Of> {
    /// The variants between those that a function says to be the first and the last.
    pub fn between(ends: impl Fn(&T) -> (bool, bool), inclusive: bool) -> VariantRange<T, Of> {
        let all = T::variants();
        let first = all.iter().position(|(variant, _)| ends(variant).0);
        VariantRange::new(first, all.iter().position(|(variant, _)| ends(variant).1), inclusive)
    }

    /// The variants between those with these numbers.
    pub fn numbered(ends: [isize; 2], inclusive: bool) -> VariantRange<T, Of> {
        let place = |end: isize| T::numbers().iter().position(|number| *number == end);
        VariantRange::new(place(ends[0]), place(ends[1]), inclusive)
    }

    fn new(first: Option<usize>, last: Option<usize>, inclusive: bool) -> VariantRange<T, Of> {
        let first = first.unwrap_or(0);
        // the macro refuses an empty range
        let end = (last.unwrap_or(0) + usize::from(inclusive)).max(first + 1);
        VariantRange { first, end, of: PhantomData }
    }

    fn variants(&self) -> &'static [(T, &'static str)] {
        &T::variants()[self.first..self.end]
    }
}

impl<T: for<'a> Variant<'a, Of> + for<'a> Chosen<'a, Of>, Of> VariantRange<T, Of> {
    fn place(&self, value: &T) -> Option<usize> {
        self.variants().iter().position(|(variant, _)| variant.is(value))
    }
}

impl<T: for<'a> Variant<'a, Of> + for<'a> Chosen<'a, Of>, Of> Scalar<T> for VariantRange<T, Of> {
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
