//! Texts that were read and live as long as the program: what fields of type `&'static str` are read as.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer};

use super::choice::Text;

/// `&'static str` under a name by which serde's derives do not take it for a part of what is read.
pub type KeptText = &'static str;

/// Reads a text and keeps it. Equal texts are kept once, and a study has few: the options of its choices.
///
/// # Errors
/// Whatever the format says.
pub fn kept_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static str, D::Error> {
    static KEPT: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let text: Cow<'de, str> = Cow::deserialize(deserializer)?;
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = kept.get_or_insert_default();
    Ok(match kept.get(&*text) {
        Some(known) => known,
        None => {
            let text: &'static str = Box::leak(text.into_owned().into_boxed_str());
            kept.insert(text);
            text
        }
    })
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_kept_once() {
        let read = |text: &str| kept_text(&mut ron::Deserializer::from_str(text).unwrap()).unwrap();
        let (first, second) = (read("\"adam \\\"\""), read("\"adam \\\"\""));
        assert_eq!(first, "adam \"");
        assert!(std::ptr::eq(first, second) && read("\"sgd\"") == "sgd");
        assert!(kept_text(&mut ron::Deserializer::from_str("7").unwrap()).is_err());
    }
}
