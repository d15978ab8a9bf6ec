//! Standard output: text and JSON, to a terminal, a file or a pipe that may be closed.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use clap::ValueEnum;
use console::measure_text_width;
use hobbit::observe::printable;
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

/// Prints text for people. Its parts are cleaned where they are put together; here nothing but colours is let
/// through.
pub(crate) fn print(text: &str) -> Outcome {
    put(shown(text).as_bytes())
}

/// Prints data for programs, exactly; on a terminal it is cleaned like any other text.
pub(crate) fn print_data(text: &str) -> Outcome {
    if io::stdout().is_terminal() { print(text) } else { put(text.as_bytes()) }
}

/// Prints a path on a line of its own: for programs its very bytes.
pub(crate) fn print_path(path: &Path) -> Outcome {
    if io::stdout().is_terminal() {
        return print(&format!("{}\n", shown_path(path)));
    }
    put(&[path.as_os_str().as_encoded_bytes(), b"\n"].concat())
}

fn put(bytes: &[u8]) -> Outcome {
    let mut out = io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    written.map_err(|error| Failure::writing(None, &error))
}

/// A path as part of a text.
pub(crate) fn shown_path(path: &Path) -> String {
    printable(&path.to_string_lossy()).into_owned()
}

/// The text without anything that a terminal would obey, but for line breaks, tabs and colours.
pub(crate) fn shown(text: &str) -> String {
    let parts = text.split_inclusive(['\n', '\t']).map(|part| {
        let (text, end) = part.split_at(part.trim_end_matches(['\n', '\t']).len());
        shown_line(text) + end
    });
    parts.collect()
}

fn shown_line(mut rest: &str) -> String {
    let mut shown = String::with_capacity(rest.len());
    while let Some(start) = rest.find("\u{1b}[") {
        let numbers = rest[start + 2..].bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';');
        let end = start + 2 + numbers.count();
        let is_colour = rest[end..].starts_with('m');
        shown += &printable(&rest[..start]);
        if is_colour {
            shown += &rest[start..=end];
            rest = &rest[end + 1..];
        } else {
            shown += &printable("\u{1b}");
            rest = &rest[start + 1..];
        }
    }
    shown + &printable(rest)
}

/// Prints a JSON document.
pub(crate) fn print_json(document: &impl Serialize) -> Outcome {
    put(json(document)?.as_bytes())
}

/// A JSON document as text.
pub(crate) fn json(document: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(document);
    let text = text.map_err(|error| Failure::Output(format!("could not write as JSON: {error}")))?;
    Ok(escaped(text) + "\n")
}

/// A JSON document as one line of text.
pub(crate) fn json_line(document: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string(document);
    let text = text.map_err(|error| Failure::Output(format!("could not write as JSON: {error}")))?;
    Ok(escaped(text) + "\n")
}

/// JSON without characters that a terminal would obey or hide: in its texts they can all be written as
/// numbers, and mean the same.
fn escaped(json: String) -> String {
    let is_hidden = |c: char| c != '\n' && matches!(printable(c.encode_utf8(&mut [0; 4])), Cow::Owned(_));
    if json.is_ascii() && !json.contains('\u{7f}') || !json.contains(is_hidden) {
        return json;
    }
    let mut text = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_hidden(c) {
            text.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            text.push(c);
        }
    }
    text
}

/// Writes text to a file, or prints it if there is none. Files of the repository in `dir` are left alone.
#[expect(clippy::disallowed_methods, reason = "the file that the user asked for")]
pub(crate) fn write(file: Option<&Path>, text: &str, dir: &Path) -> Outcome {
    let Some(file) = file else { return print_data(text) };
    leaves_alone(file, dir)?;
    std::fs::write(file, text).map_err(|error| Failure::writing(Some(file), &error))
}

/// Refuses the files of the repository in `dir`, those that are not there yet among them.
pub(crate) fn leaves_alone(file: &Path, dir: &Path) -> Outcome {
    // where a link leads to is what would be written
    let place = file.canonicalize().ok().or_else(|| {
        let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(parent.canonicalize().ok()?.join(file.file_name()?))
    });
    let is_repositorys = place.zip(dir.canonicalize().ok()).is_some_and(|(place, dir)| {
        let name =
            place.strip_prefix(dir).ok().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let ends = [".ron", ".ron.damaged", ".safetensors", ".tmp"];
        name == "weights" || name.starts_with("lock") || ends.iter().any(|end| name.ends_with(end))
    });
    if is_repositorys {
        return Err(Failure::Usage(format!(
            "{} belongs to the repository; choose another file",
            file.display()
        )));
    }
    Ok(())
}

/// Makes a directory for output, unless it is there.
#[expect(clippy::disallowed_methods, reason = "the directory that the user asked for")]
pub(crate) fn make_dir(path: &Path, dir: &Path) -> Outcome {
    leaves_alone(path, dir)?;
    std::fs::create_dir_all(path).map_err(|error| {
        let why = if path.is_file() {
            "it is a file, and has to be a directory".to_owned()
        } else {
            error.to_string()
        };
        Failure::Output(format!("could not write to {}: {why}", path.display()))
    })
}

/// The columns of the terminal; elsewhere those that `COLUMNS` says, or none.
pub(crate) fn width() -> Option<usize> {
    if console::user_attended() {
        return console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
    }
    std::env::var("COLUMNS").ok()?.parse().ok().filter(|&columns| columns > 0)
}

/// The text on lines that are no wider than this, if its words are not.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if measure_text_width(line) + 1 + measure_text_width(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A sentence on as many lines as the terminal's width makes of it.
pub(crate) fn folded(text: &str) -> String {
    match width() {
        // lines after the first are indented
        Some(width) => wrapped(text, width.saturating_sub(2)).join("\n  "),
        None => text.to_owned(),
    }
}
