//! `hobbit verify`: reads every file.

use std::path::PathBuf;

use console::Style;
use hobbit::observe::printable;
use hobbit::repository::{Check, FileState, Reader};
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::output::{self, Format, FormatArg};

/// Reads every file of a study and says what is wrong.
///
/// It checks every checksum, every line of the journal, whether results.ron is what the journal says, and
/// whether the weights of the best trial are there. It repairs nothing.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The directory of the study.
    dir: PathBuf,
    /// The study keeps no weights: those of the best trial need not be there.
    #[arg(long)]
    no_weights: bool,
    #[command(flatten)]
    format: FormatArg,
}

const AFTER: &str = "\
Examples:
  hobbit verify my_study
  hobbit verify my_study > /dev/null || echo damaged

JSON (--format json): {damaged, files: [{file, state, text}]}
state is whole, note, missing, unreadable or damaged.

Exit code 1: a file is damaged, missing or cannot be read.";

#[derive(Serialize)]
struct View<'a> {
    damaged: bool,
    files: Vec<FileView<'a>>,
}

#[derive(Serialize)]
struct FileView<'a> {
    file: &'a str,
    state: &'static str,
    text: &'a str,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let reader = Reader::open(&args.dir)?;
    let mut checks = reader.verify()?;
    if args.no_weights {
        let is_weights = |check: &Check| check.file.starts_with("weights/");
        checks.retain(|check| check.state != FileState::Missing || !is_weights(check));
    }
    let damaged = checks.iter().any(|check| !check.state.is_fine());
    match args.format.format {
        Format::Json => {
            let files = checks.iter().map(|check| FileView {
                file: &check.file,
                state: word(check.state).0,
                text: &check.text,
            });
            output::print_json(&View { damaged, files: files.collect() })?;
        }
        Format::Text => output::print(&text(&checks))?,
    }
    if damaged { Err(Failure::Damage) } else { Ok(()) }
}

fn word(state: FileState) -> (&'static str, Style) {
    match state {
        FileState::Whole => ("whole", Style::new().green()),
        FileState::Note => ("note", Style::new().yellow()),
        FileState::Missing => ("missing", Style::new().red()),
        FileState::Unreadable => ("unreadable", Style::new().red()),
        // whatever else there may be is no better
        _ => ("damaged", Style::new().red().bold()),
    }
}

/// Longer names of files stand out of their column.
const WIDEST: usize = 60;

fn text(checks: &[Check]) -> String {
    let shown: Vec<_> =
        checks.iter().map(|check| (printable(&check.file), check.state, printable(&check.text))).collect();
    let width = shown.iter().map(|(file, ..)| file.chars().count()).max().unwrap_or(0).min(WIDEST);
    let word_width = checks.iter().map(|check| word(check.state).0.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (file, state, what) in shown {
        let (word, style) = word(state);
        text += &format!("{}  {file:<width$}  {what}\n", style.apply_to(format!("{word:<word_width$}")));
    }
    let bad = checks.iter().filter(|check| !check.state.is_fine()).count();
    text + &match bad {
        0 => "Nothing is damaged.\n".to_owned(),
        1 => "1 file needs care.\n".to_owned(),
        _ => format!("{bad} files need care.\n"),
    }
}
