//! What can go wrong, and the exit code of each.

use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use hobbit::observe::printable_lines;

/// How a command ends.
pub(crate) type Outcome = Result<(), Failure>;

/// Why a command does not end well.
pub(crate) enum Failure {
    /// Something is damaged, and was said already.
    Damage,
    /// A file that hobbit did not write like this.
    Foreign(String),
    /// Arguments that make no sense.
    Usage(String),
    /// What was asked for is not there.
    NotThere(String),
    /// A file that could not be written.
    Output(String),
    /// Nobody reads what is printed any more.
    Closed,
    /// A repository that cannot be read.
    Repository(hobbit::Error),
}

impl Failure {
    /// An error while writing to a file, or to standard output if there is none.
    pub(crate) fn writing(file: Option<&Path>, error: &io::Error) -> Failure {
        match file {
            None if error.kind() == ErrorKind::BrokenPipe => Failure::Closed,
            None => Failure::Output(format!("could not write to standard output: {error}")),
            Some(file) => Failure::Output(format!("could not write {}: {error}", file.display())),
        }
    }

    /// Says what is wrong, and gives the exit code.
    pub(crate) fn exit(self) -> ExitCode {
        let (code, message) = match self {
            Failure::Closed => return ExitCode::SUCCESS,
            Failure::Damage => return ExitCode::from(1),
            Failure::Foreign(message) => (1, message),
            Failure::Usage(message) => (2, message),
            Failure::Output(message) => (3, message),
            Failure::NotThere(message) => (4, message),
            Failure::Repository(error) => (if error.is_io() { 3 } else { 1 }, error.to_string()),
        };
        let label = console::style("error:").red().bold().for_stderr();
        let _ = writeln!(io::stderr(), "{label} {}", printable_lines(&message));
        ExitCode::from(code)
    }
}

impl From<hobbit::Error> for Failure {
    fn from(error: hobbit::Error) -> Failure {
        Failure::Repository(error)
    }
}
