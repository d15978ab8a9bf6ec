//! `hobbit report`: a study as one page.

use std::path::PathBuf;

use hobbit::report::Report;
use hobbit::repository::Reader;

use crate::failure::Outcome;
use crate::output;

/// Writes a report of a study: one HTML file that needs no network.
///
/// Prints the name of the file. A study that still runs gives a report of what there is.
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
}

const AFTER: &str = "\
Examples:
  hobbit report my_study
  hobbit report my_study -o my_study.html --pictures pictures
  hobbit report my_study -o - | gzip > my_study.html.gz";

pub(crate) fn run(args: &Args) -> Outcome {
    let report = Report::read(&Reader::open(&args.dir)?)?;
    let file = Some(args.output.as_path()).filter(|file| file.as_os_str() != "-");
    if let Some(dir) = &args.pictures {
        output::make_dir(dir, &args.dir)?;
    }
    output::write(file, &report.html(), &args.dir)?;
    if let Some(dir) = &args.pictures {
        for (name, svg) in report.pictures() {
            output::write(Some(&dir.join(name)), &svg, &args.dir)?;
        }
    }
    file.map_or(Ok(()), output::print_path)
}
