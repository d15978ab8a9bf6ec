//! Values of others as RON text: what users keep with a trial.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::BoxError;

/// A value as compact text, from which [`from_text`] makes an equal one: floats to the last bit.
pub(crate) fn to_text<T: Serialize + ?Sized>(value: &T) -> Result<String, BoxError> {
    Ok(ron::to_string(value)?)
}

/// The value of a text.
pub(crate) fn from_text<T: DeserializeOwned>(text: &str) -> Result<T, BoxError> {
    Ok(ron::from_str(text)?)
}
