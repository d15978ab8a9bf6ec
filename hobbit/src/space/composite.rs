//! Fields of many parameters: nested spaces, options, lists, arrays.

use std::marker::PhantomData;

use super::SearchSpace;
use super::choice::Switch;
use super::describe::{Condition, Domain, Parameter, below};
use super::field::{Coordinates, Field, Names};
use super::scalar::Scalar;
use super::value::Value;
use super::whole::Int;
use crate::error::{Error, Result};
use crate::random::Key;

/// A field that is a search space itself.
#[derive(Debug, Clone, Copy)]
pub struct Nested<T>(pub PhantomData<T>);

impl<T: SearchSpace> Field<T> for Nested<T> {
    fn parameters(&self, names: &Names<'_>, out: &mut Vec<Parameter>) {
        for parameter in T::space().parameters() {
            out.push(parameter.moved_below(names.name, names.conditions));
        }
    }

    fn draw(&self, key: Key) -> Result<T> {
        T::draw(key)
    }

    fn values(&self, name: &str, value: &T, out: &mut Vec<(String, Value)>) {
        out.extend(value.values().into_iter().map(|(part, value)| (below(name, &part), value)));
    }

    fn check(&self, name: &str, value: &T) -> Result<()> {
        value.check().map_err(|error| Error::space(format!("in `{name}`: {error}")).with_source(error))
    }

    fn encode(&self, value: Option<&T>, out: &mut Vec<Option<f64>>) {
        match value {
            Some(value) => out.extend(value.encode()),
            None => out.extend(std::iter::repeat_n(None, self.width())),
        }
    }

    fn decode(&self, _: &str, coordinates: &mut Coordinates<'_>) -> Result<T> {
        let width = self.width();
        T::decode(coordinates.skip(width))
    }

    fn width(&self) -> usize {
        T::space().parameters().len()
    }

    fn has(&self, part: &str) -> bool {
        T::space().parameters().iter().any(|parameter| parameter.name() == part)
    }

    fn defaults(&self) -> Result<T> {
        T::defaults()
    }
}

/// What `#[optional]` goes on, whatever name the type is given.
#[diagnostic::on_unimplemented(
    message = "`optional` needs a field of type `Option<...>`, and `{Self}` is not one",
    label = "not an `Option`"
)]
pub trait IsOption {
    /// What is in it.
    type Inner;
}

impl<T> IsOption for Option<T> {
    type Inner = T;
}

/// What `#[length]` goes on, whatever name the type is given.
#[diagnostic::on_unimplemented(
    message = "`length` needs a field of type `Vec<...>`, and `{Self}` is not one",
    label = "not a `Vec`"
)]
pub trait IsVec {
    /// What is in it.
    type Inner;
}

impl<T> IsVec for Vec<T> {
    type Inner = T;
}

/// A field that exists with a probability. Its switch is the parameter `<name>.some`; or `<name>.some_`, with
/// as many `_` as it takes, where a nested space has a parameter of that name.
#[derive(Debug, Clone, Copy)]
pub struct Optional<F> {
    /// The probability that it exists.
    pub probability: f64,
    /// What it is then.
    pub inner: F,
}

impl<F> Optional<F> {
    /// The full name of the switch.
    fn switch<T>(&self, name: &str) -> String
    where
        F: Field<T>,
    {
        let mut part = "some".to_owned();
        while self.inner.has(&part) {
            part.push('_');
        }
        below(name, &part)
    }
}

impl<T, F: Field<T>> Field<Option<T>> for Optional<F> {
    fn parameters(&self, names: &Names<'_>, out: &mut Vec<Parameter>) {
        let switch = self.switch(names.name);
        Names { name: &switch, ..*names }.push(Domain::Bool { probability: self.probability }, out);
        let mut conditions = names.conditions.to_vec();
        conditions.push(Condition::Is { parameter: switch, value: Value::Bool(true) });
        self.inner.parameters(&Names { conditions: &conditions, ..*names }, out);
    }

    fn draw(&self, key: Key) -> Result<Option<T>> {
        let switch = Switch { probability: self.probability };
        switch.draw(key.child(0)).then(|| self.inner.draw(key.child(1))).transpose()
    }

    fn values(&self, name: &str, value: &Option<T>, out: &mut Vec<(String, Value)>) {
        out.push((self.switch(name), Value::Bool(value.is_some())));
        if let Some(value) = value {
            self.inner.values(name, value, out);
        }
    }

    fn check(&self, name: &str, value: &Option<T>) -> Result<()> {
        value.as_ref().map_or(Ok(()), |value| self.inner.check(name, value))
    }

    fn encode(&self, value: Option<&Option<T>>, out: &mut Vec<Option<f64>>) {
        let switch = Switch { probability: self.probability };
        out.push(value.map(|value| switch.unit(&value.is_some())));
        self.inner.encode(value.and_then(Option::as_ref), out);
    }

    fn decode(&self, name: &str, coordinates: &mut Coordinates<'_>) -> Result<Option<T>> {
        let switch = Switch { probability: self.probability };
        if switch.at(coordinates.take(&self.switch(name))?) {
            return self.inner.decode(name, coordinates).map(Some);
        }
        coordinates.skip(self.inner.width());
        Ok(None)
    }

    fn width(&self) -> usize {
        1 + self.inner.width()
    }
}

/// A list whose length is drawn. Its length is the parameter `<name>.len`, its elements are `<name>.0`,
/// `<name>.1`, ...
#[derive(Debug, Clone, Copy)]
pub struct Several<F> {
    /// The length.
    pub length: Int,
    /// What each element is.
    pub inner: F,
}

impl<F> Several<F> {
    fn most(&self) -> usize {
        self.length.high as usize
    }
}

impl<T, F: Field<T>> Field<Vec<T>> for Several<F> {
    fn parameters(&self, names: &Names<'_>, out: &mut Vec<Parameter>) {
        let length = below(names.name, "len");
        Names { name: &length, ..*names }.push(Scalar::<usize>::domain(&self.length), out);
        for place in 0..self.most() {
            let mut conditions = names.conditions.to_vec();
            if place as i128 >= self.length.low {
                conditions.push(Condition::Above { parameter: length.clone(), than: place as i64 });
            }
            let name = below(names.name, &place.to_string());
            self.inner.parameters(&Names { name: &name, conditions: &conditions, ..*names }, out);
        }
    }

    fn draw(&self, key: Key) -> Result<Vec<T>> {
        let length: usize = self.length.draw(key.child(0));
        (0..length as u64).map(|place| self.inner.draw(key.child(1).child(place))).collect()
    }

    fn values(&self, name: &str, value: &Vec<T>, out: &mut Vec<(String, Value)>) {
        out.push((below(name, "len"), Value::Int(value.len() as i64)));
        for (place, value) in value.iter().enumerate() {
            self.inner.values(&below(name, &place.to_string()), value, out);
        }
    }

    fn check(&self, name: &str, value: &Vec<T>) -> Result<()> {
        if !self.length.contains(&value.len()) {
            return Err(Error::space(format!(
                "`{name}` has {} elements; it has to have {} to {}",
                value.len(),
                self.length.low,
                self.length.high
            )));
        }
        value
            .iter()
            .enumerate()
            .try_for_each(|(place, value)| self.inner.check(&below(name, &place.to_string()), value))
    }

    fn encode(&self, value: Option<&Vec<T>>, out: &mut Vec<Option<f64>>) {
        out.push(value.map(|value| self.length.unit(&value.len())));
        for place in 0..self.most() {
            self.inner.encode(value.and_then(|value| value.get(place)), out);
        }
    }

    fn decode(&self, name: &str, coordinates: &mut Coordinates<'_>) -> Result<Vec<T>> {
        let length: usize = self.length.at(coordinates.take(&below(name, "len"))?);
        let elements = (0..length)
            .map(|place| self.inner.decode(&below(name, &place.to_string()), coordinates))
            .collect();
        coordinates.skip((self.most() - length) * self.inner.width());
        elements
    }

    fn width(&self) -> usize {
        1 + self.most() * self.inner.width()
    }
}

/// An array, each element drawn by itself: `<name>.0`, `<name>.1`, ...
#[derive(Debug, Clone, Copy)]
pub struct Array<F>(pub F);

impl<T, F: Field<T>, const N: usize> Field<[T; N]> for Array<F> {
    fn parameters(&self, names: &Names<'_>, out: &mut Vec<Parameter>) {
        for place in 0..N {
            let name = below(names.name, &place.to_string());
            self.0.parameters(&Names { name: &name, ..*names }, out);
        }
    }

    fn draw(&self, key: Key) -> Result<[T; N]> {
        collect(|place| self.0.draw(key.child(place as u64)))
    }

    fn values(&self, name: &str, value: &[T; N], out: &mut Vec<(String, Value)>) {
        for (place, value) in value.iter().enumerate() {
            self.0.values(&below(name, &place.to_string()), value, out);
        }
    }

    fn check(&self, name: &str, value: &[T; N]) -> Result<()> {
        value
            .iter()
            .enumerate()
            .try_for_each(|(place, value)| self.0.check(&below(name, &place.to_string()), value))
    }

    fn encode(&self, value: Option<&[T; N]>, out: &mut Vec<Option<f64>>) {
        for place in 0..N {
            self.0.encode(value.map(|value| &value[place]), out);
        }
    }

    fn decode(&self, name: &str, coordinates: &mut Coordinates<'_>) -> Result<[T; N]> {
        collect(|place| self.0.decode(&below(name, &place.to_string()), coordinates))
    }

    fn width(&self) -> usize {
        N * self.0.width()
    }
}

/// An array of what `element` gives for each place.
fn collect<T, const N: usize>(element: impl FnMut(usize) -> Result<T>) -> Result<[T; N]> {
    let elements: Vec<T> = (0..N).map(element).collect::<Result<_>>()?;
    <[T; N]>::try_from(elements).map_err(|_| Error::space("an array lacks elements"))
}
