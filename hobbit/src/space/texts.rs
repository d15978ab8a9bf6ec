//! How fields of texts are read, whatever name their type is given.

use serde::{Deserialize, Deserializer};

use super::choice::Text;

/// A value of a type of texts, or what a field is made of them.
pub trait ReadText<'a>: Sized {
    /// See [`Text::read`].
    ///
    /// # Errors
    /// Whatever the format says.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

impl<T: Text> ReadText<'_> for T {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        <T as Text>::read(deserializer)
    }
}

/// A text within something that serde reads.
struct Held<T>(T);

impl<'de, T: Text> Deserialize<'de> for Held<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Held<T>, D::Error> {
        <T as Text>::read(deserializer).map(Held)
    }
}

fn released<T>(held: Vec<Held<T>>) -> Vec<T> {
    held.into_iter().map(|Held(text)| text).collect()
}

impl<T: Text> ReadText<'_> for Option<T> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
        Option::<Held<T>>::deserialize(deserializer).map(|held| held.map(|Held(text)| text))
    }
}

impl<T: Text> ReadText<'_> for Vec<T> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
        Vec::deserialize(deserializer).map(released)
    }
}

impl<T: Text> ReadText<'_> for Option<Vec<T>> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<T>>, D::Error> {
        Option::deserialize(deserializer).map(|held| held.map(released))
    }
}

/// Reads a text as whatever type of texts this is.
///
/// # Errors
/// Whatever the format says.
pub fn read_text<'de, T: for<'a> ReadText<'a>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::read(deserializer)
}
