//! The functions of a space whose fields may lack what they need.
//!
//! What the macro writes for a struct or an enum without generics is a space in any case, so that a field whose
//! type lacks something is one error, where the field is declared, and none where the space is used. What is
//! written for the fields may need more: it is in [`Functions`] and, for serde, in the functions of a derive,
//! both of which are only there if nothing is lacking. The compiler is asked which is the case: it prefers an
//! inherent function, as [`Calls`] has, to that of a trait, as [`Lacking`] has, which it finds for any type.

use std::marker::PhantomData;

use serde::{Deserializer, Serializer};

use super::SearchSpace;
use super::describe::Space;
use super::value::Value;
use crate::error::{Error, Result};
use crate::random::Key;

/// What the macro writes for the fields; see [`SearchSpace`].
pub trait Functions: Sized {
    /// The parameters.
    fn space() -> Space;
    /// The configuration of a key.
    fn draw(key: Key) -> Result<Self>;
    /// Names and values.
    fn values(&self) -> Vec<(String, Value)>;
    /// Whether every value is allowed.
    fn check(&self) -> Result<()>;
    /// The coordinates.
    fn encode(&self) -> Vec<Option<f64>>;
    /// The configuration of coordinates.
    fn decode(coordinates: &[Option<f64>]) -> Result<Self>;
    /// The configuration of the defaults.
    fn defaults() -> Result<Self> {
        Err(no_defaults(&Self::space()))
    }
}

/// The error of a space without defaults.
pub(super) fn no_defaults(space: &Space) -> Error {
    Error::space(format!(
        "the search space `{}` has no defaults; `#[default = ...]` gives a field its own",
        space.name()
    ))
}

/// The functions of a space, if its fields lack nothing.
#[derive(Debug)]
pub struct Calls<T>(PhantomData<T>);

/// What is called in their place, if they do. The error of what is lacking keeps it from ever running.
pub trait Lacking<T> {
    /// In the place of [`Functions::space`].
    fn space() -> Space {
        unreachable!()
    }
    /// In the place of [`Functions::draw`].
    fn draw(_: Key) -> Result<T> {
        unreachable!()
    }
    /// In the place of [`Functions::values`].
    fn values(_: &T) -> Vec<(String, Value)> {
        unreachable!()
    }
    /// In the place of [`Functions::check`].
    fn check(_: &T) -> Result<()> {
        unreachable!()
    }
    /// In the place of [`Functions::encode`].
    fn encode(_: &T) -> Vec<Option<f64>> {
        unreachable!()
    }
    /// In the place of [`Functions::decode`].
    fn decode(_: &[Option<f64>]) -> Result<T> {
        unreachable!()
    }
    /// In the place of [`Functions::defaults`].
    fn defaults() -> Result<T> {
        unreachable!()
    }
}

impl<T> Lacking<T> for Calls<T> {}

impl<T: Functions> Calls<T> {
    /// See [`Functions::space`].
    pub fn space() -> Space {
        T::space()
    }

    /// See [`Functions::draw`].
    pub fn draw(key: Key) -> Result<T> {
        T::draw(key)
    }

    /// See [`Functions::values`].
    pub fn values(value: &T) -> Vec<(String, Value)> {
        value.values()
    }

    /// See [`Functions::check`].
    pub fn check(value: &T) -> Result<()> {
        value.check()
    }

    /// See [`Functions::encode`].
    pub fn encode(value: &T) -> Vec<Option<f64>> {
        value.encode()
    }

    /// See [`Functions::decode`].
    pub fn decode(coordinates: &[Option<f64>]) -> Result<T> {
        T::decode(coordinates)
    }

    /// See [`Functions::defaults`].
    pub fn defaults() -> Result<T> {
        T::defaults()
    }
}

/// Whether the parameters of a nested type have an end.
#[derive(Debug)]
pub struct Finite<T>(PhantomData<T>);

impl<T: SearchSpace> Finite<T> {
    /// See [`SearchSpace`].
    pub const IS_FINITE: bool = T::IS_FINITE;
}

/// What fields are made of a nested space, whatever name the type is given.
macro_rules! finite {
    ($($ty:ty)*) => {
        $(impl<T: SearchSpace> Finite<$ty> {
            /// See [`SearchSpace`].
            pub const IS_FINITE: bool = T::IS_FINITE;
        })*
    };
}

finite!(Option<T> Vec<T> Option<Vec<T>>);

/// The same of a type that is no space: that is an error elsewhere.
pub trait Endless {
    /// In the place of [`Finite::IS_FINITE`].
    const IS_FINITE: bool = true;
}

impl<T> Endless for Finite<T> {}

/// What is called in the place of what serde derives, where a field lacks something.
pub trait Unstored<T>: Sized {
    /// In the place of a derived function.
    fn serialize<S: Serializer>(_: &T, _: S) -> std::result::Result<S::Ok, S::Error> {
        unreachable!()
    }
    /// In the place of a derived function.
    fn deserialize<'de, D: Deserializer<'de>>(_: D) -> std::result::Result<T, D::Error> {
        unreachable!()
    }
}

impl<T, Stored> Unstored<T> for Stored {}
