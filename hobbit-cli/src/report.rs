//! `hobbit report`: a study as one page.

use std::path::PathBuf;

use hobbit::report::Report;
use hobbit::repository::Reader;
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::output::{self, Format, FormatArg};

/// Writes a report of a study: one HTML file that needs no network.
///
/// Prints the name of the file. For a study that still runs, the report has what there is so far.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The directory of the study.
    dir: PathBuf,
    /// The file to write; `-` for standard output.
    #[arg(long, short, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,
    /// Writes the pictures as SVG files into this directory as well, which is made if it is not there.
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArg,
}

const AFTER: &str = "\
Examples:
  hobbit report my_study
  hobbit report my_study -o my_study.html --pictures pictures
  hobbit report my_study -o - | gzip > my_study.html.gz

JSON (--format json), what was written: {file, trials, pictures: [FILE]}";

/// What was written.
#[derive(Serialize)]
struct View {
    file: PathBuf,
    trials: usize,
    pictures: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let is_page = args.output.as_os_str() == "-";
    if is_page && args.format.format == Format::Json {
        return Err(Failure::Usage(
            "--format json says which file was written: name one with --output, not `-`".to_owned(),
        ));
    }
    let report = Report::read(&Reader::open(&args.dir)?)?;
    let file = Some(args.output.as_path()).filter(|_| !is_page);
    if let Some(dir) = &args.pictures {
        output::make_dir(dir, &args.dir)?;
    }
    output::write(file, &report.html(), &args.dir)?;
    let mut pictures = Vec::new();
    if let Some(dir) = &args.pictures {
        for (name, svg) in report.pictures() {
            let file = dir.join(name);
            output::write(Some(&file), &svg, &args.dir)?;
            pictures.push(file);
        }
    }
    match (file, args.format.format) {
        (None, _) => Ok(()),
        (Some(file), Format::Text) => output::print_path(file),
        (Some(file), Format::Json) => {
            let trials = report.overview().trials.len();
            output::print_json(&View { file: file.to_owned(), trials, pictures })
        }
    }
}
