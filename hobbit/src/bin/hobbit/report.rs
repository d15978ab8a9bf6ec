//! `hobbit report`: a study as a page to read and to pass on.

use std::path::PathBuf;

use hobbit::report::Report;
use hobbit::repository::Reader;

use crate::failure::Outcome;
use crate::output;

/// Writes a study as one HTML page, with pictures, that needs no network.
///
/// The same repository gives the same bytes; a study that still runs gives a page of what there is.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The directory of the study.
    dir: PathBuf,
    /// The file to write; `-` for standard output.
    #[arg(long, short, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,
    /// A directory for the pictures, as SVG files of their own. It is made if it is not there.
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
}

const AFTER: &str = "\
Examples:
  hobbit report my_study
  hobbit report my_study -o page.html --pictures pictures
  hobbit report my_study -o - | gzip > page.html.gz";

pub(crate) fn run(args: &Args) -> Outcome {
    let reader = Reader::open(&args.dir)?;
    let report = Report::read(&reader)?;
    let is_stdout = args.output.as_os_str() == "-";
    let page = (!is_stdout).then_some(args.output.as_path());
    output::write(page, &report.html(), &args.dir)?;
    let mut said = page.map_or_else(String::new, |page| format!("Wrote {}\n", page.display()));
    if let Some(dir) = &args.pictures {
        output::make_dir(dir)?;
        let pictures = report.pictures();
        for (name, picture) in &pictures {
            output::write(Some(&dir.join(name)), picture, &args.dir)?;
        }
        said += &format!("Wrote {} pictures to {}\n", pictures.len(), dir.display());
    }
    if is_stdout { Ok(()) } else { output::print(&said) }
}
