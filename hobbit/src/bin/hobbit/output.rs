//! Standard output: text and JSON, to a terminal, a file or a pipe that may be closed.

use std::io::{self, Write};
use std::path::Path;

use clap::ValueEnum;
use serde::Serialize;

use crate::failure::{Failure, Outcome};

/// How the output is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON document.
    Json,
}

/// The argument `--format`.
#[derive(clap::Args)]
pub(crate) struct FormatArg {
    /// How the output is written.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Prints text.
pub(crate) fn print(text: &str) -> Outcome {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Failure::writing(None, &error))
}

/// Prints a JSON document.
pub(crate) fn print_json(document: &impl Serialize) -> Outcome {
    print(&json(document)?)
}

/// A JSON document as text.
pub(crate) fn json(document: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(document);
    let text = text.map_err(|error| Failure::Output(format!("could not write as JSON: {error}")))?;
    Ok(text + "\n")
}

/// Writes text to a file, or prints it if there is none. Files of the repository in `dir` are left alone.
#[expect(clippy::disallowed_methods, reason = "the file that the user asked for")]
pub(crate) fn write(file: Option<&Path>, text: &str, dir: &Path) -> Outcome {
    let Some(file) = file else { return print(text) };
    leaves_alone(file, dir)?;
    std::fs::write(file, text).map_err(|error| Failure::writing(Some(file), &error))
}

/// Refuses the files of the repository in `dir`.
pub(crate) fn leaves_alone(file: &Path, dir: &Path) -> Outcome {
    let is_repositorys = file.file_name().is_some_and(|name| {
        let name = name.to_string_lossy();
        name.starts_with("lock") || name.ends_with(".ron") || name.ends_with(".safetensors")
    });
    let inside =
        |file: &Path, dir: &Path| Some(file.canonicalize().ok()?.starts_with(dir.canonicalize().ok()?));
    if is_repositorys && inside(file, dir) == Some(true) {
        return Err(Failure::Usage(format!(
            "{} belongs to the repository; choose another file",
            file.display()
        )));
    }
    Ok(())
}

/// The columns of the terminal; none if the output goes elsewhere.
pub(crate) fn width() -> Option<usize> {
    let (_, columns) = console::Term::stdout().size_checked()?;
    console::user_attended().then_some(usize::from(columns))
}
