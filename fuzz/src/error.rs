//! What the readers of arrays need of hobbit's error type, which nobody but hobbit can make.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::path::Path;

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug)]
pub(crate) struct Error(String);

impl Error {
    pub(crate) fn data(message: impl Into<Cow<'static, str>>) -> Error {
        Error(message.into().into_owned())
    }

    pub(crate) fn io(action: &str, path: &Path, source: std::io::Error) -> Error {
        Error(format!("could not {action} {}: {source}", path.display()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Error {}
