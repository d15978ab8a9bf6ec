//! What the type of a field has to be able to do, in a form in which a type that lacks it is one error.
//!
//! The compiler reports a bound that does not hold wherever it is needed: in what serde derives, in what the
//! macro writes, and once for each trait that is missing. So what needs a bound takes it from a trait with a
//! lifetime that stands for nothing ([`Chosen`], [`Made`], [`Written`]). An implementation may assume
//! `for<'a> T: Chosen<'a>` of a type that lacks it, without an error, since only bounds without such
//! lifetimes are checked where they are written. The one error comes from one of the traits with a message,
//! which the implementation of `SearchSpace` asks for by its name alone.

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use super::SearchSpace;
use super::value::{Value, shown};
use crate::error::{Error, Result};

/// A field of whose type something is assumed apart from other fields. It may be the type of another one, by
/// way of an alias, and of two equal assumptions the compiler would not know which to take.
#[derive(Debug, Clone, Copy)]
pub struct Nth<const N: usize>;

/// The type itself, in a form that has a beginning and an end of its own.
pub type Same<T> = T;

/// A value that is one of several; `Of` is `()`, or the field.
pub trait Chosen<'a, Of = ()> {
    /// A copy.
    fn copied(&self) -> Self;
    /// Whether both are the same.
    fn is(&self, other: &Self) -> bool;
}

impl<T: Clone + PartialEq, Of> Chosen<'_, Of> for T {
    fn copied(&self) -> T {
        self.clone()
    }

    fn is(&self, other: &T) -> bool {
        self == other
    }
}

/// A space in another one.
pub trait NestedSpace<'a>: SearchSpace {}

impl<T: SearchSpace> NestedSpace<'_> for T {}

/// A value of a fixed or derived field.
pub trait Made<'a> {
    /// The value for tables.
    fn shown(&self) -> Value;
    /// An error that names the field if this is not what it has to be.
    fn same(&self, name: &str, expected: &Self) -> Result<()>;
}

impl<T: PartialEq + Debug + 'static> Made<'_> for T {
    fn shown(&self) -> Value {
        shown(self)
    }

    fn same(&self, name: &str, expected: &T) -> Result<()> {
        // a value with a NaN in it is not equal to itself, but it looks like itself
        let is_odd = |value: &T| PartialEq::ne(value, value);
        if self == expected
            || is_odd(self) && is_odd(expected) && format!("{self:?}") == format!("{expected:?}")
        {
            return Ok(());
        }
        Err(Error::space(format!("`{name}` is {self:?}; it has to be {expected:?}")))
    }
}

/// A field that an expression mentions.
#[diagnostic::on_unimplemented(
    message = "an expression mentions a field of type `{Self}`, which cannot be cloned",
    label = "needs `#[derive(Clone)]`"
)]
pub trait Mentioned {
    /// A copy for the expression.
    fn mentioned(&self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Clone> Mentioned for T {
    fn mentioned(&self) -> T {
        self.clone()
    }
}

/// A value that serde can write.
pub trait Written<'a> {
    /// Writes it as serde does.
    ///
    /// # Errors
    /// Whatever the format says.
    fn write<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>;
}

impl<T: Serialize> Written<'_> for T {
    fn write<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.serialize(serializer)
    }
}

/// A value that serde can write and read.
pub trait Stored<'a>: Serialize + DeserializeOwned {}

impl<T: Serialize + DeserializeOwned> Stored<'_> for T {}

/// Writes a field's value as serde does.
///
/// # Errors
/// Whatever the format says.
pub fn written<T, S>(value: &T, serializer: S) -> std::result::Result<S::Ok, S::Error>
where
    T: for<'a> Written<'a>,
    S: Serializer,
{
    value.write(serializer)
}

/// A value that is there where a file has none.
pub trait Defaulted<'a> {
    /// It.
    fn made() -> Self;
}

impl<T: Default> Defaulted<'_> for T {
    fn made() -> T {
        T::default()
    }
}

/// What serde's `default` takes where a file has no value.
pub fn defaulted<T: for<'a> Defaulted<'a>>() -> T {
    T::made()
}

/// Traits that a type is asked for by the implementation of `SearchSpace`: what it lacks is one error.
macro_rules! asked {
    ($($(#[$doc:meta])* $name:ident: $($bound:path),+; $message:literal, $label:literal)*) => {
        $(
            $(#[$doc])*
            #[diagnostic::on_unimplemented(message = $message, label = $label)]
            pub trait $name {}

            #[diagnostic::do_not_recommend]
            impl<T: $($bound +)+ 'static> $name for T {}
        )*
    };
}

asked! {
    /// What a field is chosen from.
    ChosenType: Clone, PartialEq, Serialize, DeserializeOwned;
    "`choice` needs values that can be cloned, compared, written and read, and `{Self}` lacks some of it",
    "needs `#[derive(Clone, PartialEq, serde::Serialize, serde::Deserialize)]`"

    /// What a field is chosen from that is written in a way of its own.
    ChosenUnwrittenType: Clone, PartialEq;
    "`choice` needs values that can be cloned and compared, and `{Self}` lacks some of it",
    "needs `#[derive(Clone, PartialEq)]`"

    /// What a fixed or derived field is.
    MadeType: PartialEq, Debug, Serialize, DeserializeOwned;
    "a fixed or derived field needs a value that can be compared, shown, written and read, and `{Self}` lacks some of it",
    "needs `#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]`"

    /// What a fixed or derived field is that is written in a way of its own.
    MadeUnwrittenType: PartialEq, Debug;
    "a fixed or derived field needs a value that can be compared and shown, and `{Self}` lacks some of it",
    "needs `#[derive(Debug, PartialEq)]`"

    /// What serde's `default` stands on.
    DefaultType: Default;
    "serde's `default` takes the value of `Default`, and `{Self}` has none",
    "needs `#[derive(Default)]`; or name a function: `#[serde(default = \"...\")]`"

    /// What a field is that serde writes, and something else reads.
    WritableType: Serialize;
    "a configuration is written to files, and `{Self}` cannot be",
    "needs `#[derive(serde::Serialize)]`, or serde's `serialize_with`"

    /// What a field is that serde reads, and something else writes.
    ReadableType: DeserializeOwned;
    "a configuration is read from files, and `{Self}` cannot be",
    "needs `#[derive(serde::Deserialize)]`, or serde's `deserialize_with`"

    /// What a field with arrays is, whose elements are drawn.
    ArrayType: Serialize, DeserializeOwned;
    "a configuration is written to files and read back, and `{Self}` cannot be",
    "needs an array of at most 32 elements, or a `Vec` with `#[length(n..=n)]`"

    /// What any other field is.
    WrittenType: Serialize, DeserializeOwned;
    "a configuration is written to files and read back, and `{Self}` cannot be",
    "needs `#[derive(serde::Serialize, serde::Deserialize)]`"
}
