//! `hobbit salvage`: saves what is before the damage.

use std::path::PathBuf;

use hobbit::observe::text::count;
use hobbit::repository::Reader;
use serde::Serialize;

use crate::failure::Outcome;
use crate::output::{self, Format, FormatArg};

/// Cuts a damaged journal off before its first damaged line, so that the study can be continued.
///
/// The damaged file is kept beside it as journal.ron.damaged. What is lost is trained again when the study's
/// program runs again. A journal without damage is left as it is. This is the one command that writes to a
/// study's files; it refuses to while a process works on the study.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The directory of the study.
    dir: PathBuf,
    #[command(flatten)]
    format: FormatArg,
}

const AFTER: &str = "\
Examples:
  hobbit verify my_study
  hobbit salvage my_study

JSON (--format json): {damaged, records, damaged_journal}; the last is where
the damaged journal is now, or null.";

/// What was done.
#[derive(Serialize)]
struct View {
    damaged: bool,
    /// The records that are in the journal now.
    records: usize,
    damaged_journal: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let dir = output::shown_path(&args.dir);
    let is_json = args.format.format == Format::Json;
    if let Ok(records) = Reader::open(&args.dir)?.journal() {
        if is_json {
            let view = View { damaged: false, records: records.len(), damaged_journal: None };
            return output::print_json(&view);
        }
        let records = count(records.len() as u64, "record");
        return output::print(&format!(
            "The journal of {dir} is not damaged ({records}); nothing was changed.\n"
        ));
    }
    let kept = hobbit::salvage(&args.dir)?;
    let aside = args.dir.join("journal.ron.damaged");
    if is_json {
        return output::print_json(&View { damaged: true, records: kept, damaged_journal: Some(aside) });
    }
    let kept = count(kept as u64, "record");
    output::print(&format!(
        "Kept {kept}; the damaged journal is {} now. Run the study's program again to continue.\n",
        output::shown_path(&aside)
    ))
}
