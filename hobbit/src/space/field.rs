//! How one field of a space is drawn, shown, checked and encoded. What the macro writes is made of these.

use std::cell::RefCell;

use super::SearchSpace;
use super::describe::{Condition, Domain, Parameter};
use super::scalar::{Scalar, on_grid};
use super::value::Value;
use crate::error::{Error, Result};
use crate::random::Key;

/// What a field is made of: no, one or many parameters.
#[diagnostic::on_unimplemented(
    message = "this domain has no values of type `{T}`",
    label = "not what the field's attribute draws"
)]
pub trait Field<T> {
    /// Adds the parameters.
    fn parameters(&self, names: &Names<'_>, out: &mut Vec<Parameter>);
    /// The value of a key.
    fn draw(&self, key: Key) -> Result<T>;
    /// Adds names and values.
    fn values(&self, name: &str, value: &T, out: &mut Vec<(String, Value)>);
    /// An error that names the first part that is outside of its domain.
    fn check(&self, name: &str, value: &T) -> Result<()>;
    /// Adds coordinates; all of them are absent without a value.
    fn encode(&self, value: Option<&T>, out: &mut Vec<Option<f64>>);
    /// Takes the coordinates that `encode` adds, whether or not the value exists.
    fn decode(&self, name: &str, coordinates: &mut Coordinates<'_>) -> Result<T>;
    /// The number of coordinates.
    fn width(&self) -> usize;
    /// Whether it has a parameter of this name below its own.
    fn has(&self, _part: &str) -> bool {
        false
    }
    /// The defaults that come with the field's type.
    fn defaults(&self) -> Result<T> {
        Err(Error::space("the field has no default"))
    }
}

/// The name of a field while parameters are listed, with what it is and when it exists.
#[derive(Debug)]
pub struct Names<'a> {
    /// The full name.
    pub name: &'a str,
    /// The doc comment.
    pub description: &'a str,
    /// All of these have to hold.
    pub conditions: &'a [Condition],
}

impl Names<'_> {
    /// Adds a parameter with this name.
    pub(super) fn push(&self, domain: Domain, out: &mut Vec<Parameter>) {
        out.push(Parameter::conditional(self.name, self.description, domain, self.conditions.to_vec()));
    }
}

/// The coordinates that are left to be taken.
#[derive(Debug)]
pub struct Coordinates<'a>(pub &'a [Option<f64>]);

impl Coordinates<'_> {
    /// Takes one; an error names whose it is if it is absent or outside of the cube.
    pub fn take(&mut self, name: &str) -> Result<f64> {
        match self.skip(1).first() {
            Some(Some(unit)) if (0.0..1.0).contains(unit) => Ok(on_grid(*unit)),
            Some(Some(unit)) => {
                Err(Error::space(format!("the coordinate of `{name}` is {unit}; it has to be in [0, 1)")))
            }
            _ => Err(Error::space(format!("the coordinate of `{name}` is missing"))),
        }
    }

    /// Takes so many that do not matter.
    pub fn skip(&mut self, count: usize) -> &[Option<f64>] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// An error if some are left.
    pub fn finish(&self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::space(format!("there are {} coordinates too many", self.0.len())))
        }
    }
}

thread_local! {
    /// The whole numbers of the configuration that is being decoded, by the addresses of their coordinates.
    static WHOLE: RefCell<Vec<(usize, i128)>> = const { RefCell::new(Vec::new()) };
}

fn address(coordinate: &Option<f64>) -> usize {
    std::ptr::from_ref(coordinate).addr()
}

impl Coordinates<'_> {
    /// The whole number that the next coordinate is for, if it is known.
    pub(super) fn whole(&self) -> Option<i128> {
        let next = address(self.0.first()?);
        WHOLE.with_borrow(|known| known.iter().find(|(address, _)| *address == next).map(|(_, whole)| *whole))
    }
}

/// Decodes coordinates, some of them (by their places) with the whole numbers that they are for. A coordinate
/// has 53 bits, and [`SearchSpace::decode`] takes nothing else.
pub(super) fn decode_exactly<H: SearchSpace>(
    coordinates: &[Option<f64>],
    whole: &[(usize, i128)],
) -> Result<H> {
    /// Whatever happens, no other configuration meets these numbers.
    struct Forget;
    impl Drop for Forget {
        fn drop(&mut self) {
            WHOLE.take();
        }
    }
    let _forget = Forget;
    WHOLE.set(whole.iter().map(|&(place, whole)| (address(&coordinates[place]), whole)).collect());
    H::decode(coordinates)
}

/// A field with one parameter.
#[derive(Debug, Clone, Copy)]
pub struct One<S>(pub S);

impl<T, S: Scalar<T>> Field<T> for One<S> {
    fn parameters(&self, names: &Names<'_>, out: &mut Vec<Parameter>) {
        names.push(self.0.domain(), out);
    }

    fn draw(&self, key: Key) -> Result<T> {
        Ok(self.0.draw(key))
    }

    fn values(&self, name: &str, value: &T, out: &mut Vec<(String, Value)>) {
        out.push((name.to_owned(), self.0.value(value)));
    }

    fn check(&self, name: &str, value: &T) -> Result<()> {
        if self.0.contains(value) {
            return Ok(());
        }
        Err(Error::space(format!("`{name}` is {}; it has to be {}", self.0.value(value), self.0.domain())))
    }

    fn encode(&self, value: Option<&T>, out: &mut Vec<Option<f64>>) {
        out.push(value.map(|value| self.0.unit(value)));
    }

    fn decode(&self, name: &str, coordinates: &mut Coordinates<'_>) -> Result<T> {
        let whole = coordinates.whole().and_then(|whole| self.0.exactly(whole));
        let unit = coordinates.take(name)?;
        Ok(whole.unwrap_or_else(|| self.0.at(unit)))
    }

    fn width(&self) -> usize {
        1
    }
}

/// The key of the n-th attempt at a configuration that satisfies its constraints.
pub(super) fn scaled_key(key: Key, attempt: u64) -> Key {
    if attempt == 0 { key } else { key.child(u64::MAX).child(attempt) }
}

/// Draws until no constraint is broken. `broken` gives the first constraint that a configuration breaks.
pub fn constrained<T>(
    key: Key,
    name: &str,
    draw: impl Fn(Key) -> Result<T>,
    broken: impl Fn(&T) -> Option<&'static str>,
) -> Result<T> {
    const ATTEMPTS: u64 = 10_000;
    let mut last = "";
    for attempt in 0..ATTEMPTS {
        let drawn = draw(scaled_key(key, attempt))?;
        match broken(&drawn) {
            None => return Ok(drawn),
            Some(why) => last = why,
        }
    }
    Err(Error::space(format!(
        "almost no configuration of `{name}` satisfies the constraint {last:?}: {ATTEMPTS} were drawn in vain; make the ranges fit \
         the constraint"
    )))
}

/// An error if a constraint is broken.
pub fn present(name: &str, broken: Option<&'static str>) -> Result<()> {
    match broken {
        None => Ok(()),
        Some(why) => Err(Error::space(format!("this `{name}` breaks the constraint {why:?}"))),
    }
}

/// The error of a space whose fields do not all have defaults.
pub fn missing_defaults(space: &str, fields: &[&str]) -> Error {
    let fields: Vec<_> = fields.iter().map(|field| format!("`{field}`")).collect();
    Error::space(format!(
        "the search space `{space}` has no defaults for {}; `#[default = ...]` gives a field its own",
        fields.join(", ")
    ))
}

/// A name that is owned.
pub fn owned(name: &str) -> String {
    name.to_owned()
}
