//! Texts that were read and live as long as the program: what fields of type `&'static str` are read as.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer};

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
