//! The one error type of the crate: what was wrong, where, and what to do about it.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use crate::printable::printable_lines;
use crate::repository::StopReason;

/// Any error that user code (a model function, an objective) may return.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// Shorthand for a result with hobbit's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, with the field, file, line or trial at fault in its message.
///
/// [`kind`](Error::kind) says which part of a study it belongs to; its cause, if it has one, is its
/// [`source`](StdError::source).
///
/// ```
/// use hobbit::{ErrorKind, repository::Reader};
///
/// let error = Reader::open("no/such/study").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Repository);
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    source: Option<BoxError>,
}

/// Which part of a study an [`Error`] belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting of the study: `R`, `eta`, monitor, workers, ...
    Setting,
    /// A search space, or a value that does not belong to it.
    Space,
    /// A model description that cannot be built.
    Model,
    /// Data whose shapes or values do not fit.
    Data,
    /// A file or directory.
    Repository,
    /// The sweep as a whole: stopped, hopeless, or failed.
    Study,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Error(Box::new(Inner { kind, message: message.into(), source: None }))
    }

    pub(crate) fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// A setting that is not allowed; the message says which and what is allowed.
    pub(crate) fn setting(message: impl Into<Cow<'static, str>>) -> Self {
        Error::new(ErrorKind::Setting, message)
    }

    /// A value outside its domain, or a space that cannot be drawn from.
    pub(crate) fn space(message: impl Into<Cow<'static, str>>) -> Self {
        Error::new(ErrorKind::Space, message)
    }

    /// A model description that cannot be built.
    #[cfg_attr(not(feature = "dfdx"), expect(dead_code, reason = "only `train` builds models"))]
    pub(crate) fn model(message: impl Into<Cow<'static, str>>) -> Self {
        Error::new(ErrorKind::Model, message)
    }

    /// Data that does not fit.
    #[cfg_attr(not(feature = "dfdx"), expect(dead_code, reason = "only `train` takes data"))]
    pub(crate) fn data(message: impl Into<Cow<'static, str>>) -> Self {
        Error::new(ErrorKind::Data, message)
    }

    /// A file that could not be read or written: `action` completes "could not ...".
    pub(crate) fn io(action: &str, path: &Path, source: std::io::Error) -> Self {
        Error::new(ErrorKind::Repository, format!("could not {action} {}: {source}", path.display()))
            .with_source(source)
    }

    /// A file whose contents are not what hobbit wrote.
    pub(crate) fn repository(message: impl Into<Cow<'static, str>>) -> Self {
        Error::new(ErrorKind::Repository, message)
    }

    /// Which part of a study the error belongs to, for programs that handle some errors differently.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether a file could not be read or written, regardless of its contents.
    pub fn is_io(&self) -> bool {
        self.source().is_some_and(|source| source.is::<std::io::Error>())
    }

    /// The exit code for a program that ends with this error: 1, or the code of the signal that stopped a
    /// sweep before it had any results (130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP), or 4 if the sweep
    /// needs a server that is not there or cannot be used.
    pub fn exit_code(&self) -> ExitCode {
        #[cfg(feature = "nats")]
        if let Some(code) = self.own_exit_code() {
            return ExitCode::from(code);
        }
        let stopped = self.source().and_then(|source| source.downcast_ref::<StopReason>());
        stopped.and_then(StopReason::exit_code).map_or(ExitCode::FAILURE, ExitCode::from)
    }

    /// The exit code that this error has of its own.
    #[cfg(feature = "nats")]
    pub(crate) fn own_exit_code(&self) -> Option<u8> {
        self.source().and_then(|source| source.downcast_ref::<ExitWith>()).map(|code| code.code)
    }

    /// A sweep that cannot go on.
    pub(crate) fn study(message: impl Into<Cow<'static, str>>) -> Self {
        Error::new(ErrorKind::Study, message)
    }
}

/// An exit code of its own for a program, as the source of an error; what caused that is behind it.
#[cfg(feature = "nats")]
#[derive(Debug)]
pub(crate) struct ExitWith {
    code: u8,
    source: Option<BoxError>,
}

#[cfg(feature = "nats")]
impl ExitWith {
    pub(crate) fn new(code: u8) -> ExitWith {
        ExitWith { code, source: None }
    }

    pub(crate) fn because(code: u8, source: impl Into<BoxError>) -> ExitWith {
        ExitWith { code, source: Some(source.into()) }
    }
}

#[cfg(feature = "nats")]
impl fmt::Display for ExitWith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{source}"),
            None => write!(f, "exit code {}", self.code),
        }
    }
}

#[cfg(feature = "nats")]
impl StdError for ExitWith {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// Turns an outcome into what `main` returns: its exit code, or that of the error, which is printed to
/// standard error.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn tune() -> hobbit::Result<ExitCode> {
///     // ... Hyperband::new(model).stop_on_ctrl_c().run(27, 3)?.exit_code()
/// #   Ok(ExitCode::SUCCESS)
/// }
///
/// fn main() -> ExitCode {
///     hobbit::exit_code(tune())
/// }
/// ```
pub fn exit_code(outcome: Result<ExitCode>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        // nobody may be listening any more
        let _ = writeln!(std::io::stderr(), "Error: {error}");
        error.exit_code()
    })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // names and paths of others are part of it, and `main` prints it
        f.write_str(&printable_lines(&self.0.message))
    }
}

impl fmt::Debug for Error {
    /// The same text as `Display`, so that `fn main() -> hobbit::Result<()>` prints something to read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            let Inner { kind, message, source } = &*self.0;
            return f
                .debug_struct("Error")
                .field("kind", kind)
                .field("message", message)
                .field("source", source)
                .finish();
        }
        fmt::Display::fmt(self, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
