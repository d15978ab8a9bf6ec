//! `hobbit list`: the studies in directories.

use std::path::PathBuf;

use console::Style;
use hobbit::observe;
use hobbit::observe::text::number;
use hobbit::repository::{Overview, Reader};
use serde::Serialize;

use crate::failure::Outcome;
use crate::found::{studies_in, unread};
use crate::output::{self, Format, FormatArg};
use crate::state::State;
use crate::table::Table;
use crate::view::{BestView, StudyView};

/// Lists the studies in directories: what they are doing, how far they are, and their best scores.
///
/// A directory is a study, or holds studies. One that cannot be read is listed with the reason.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The directories.
    #[arg(value_name = "DIR", default_value = ".")]
    dirs: Vec<PathBuf>,
    #[command(flatten)]
    format: FormatArg,
}

const AFTER: &str = "\
Examples:
  hobbit list studies
  hobbit list --format json | jq -r '.studies[].directory'

JSON (--format json):
  {studies: [{directory, state, study, trials, epochs: {trained, left}, best,
              error}]}
state, study and epochs are as in `hobbit status`, best is as in `hobbit best`;
all of them are null if there is an error.";

#[derive(Serialize)]
struct View {
    studies: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    directory: String,
    state: Option<State>,
    study: Option<StudyView>,
    trials: Option<usize>,
    epochs: Option<Epochs>,
    best: Option<BestView>,
    error: Option<String>,
}

#[derive(Serialize)]
struct Epochs {
    trained: u64,
    left: u64,
}

/// A study, or why it cannot be read.
type Read = hobbit::Result<(Reader, Overview)>;

pub(crate) fn run(args: &Args) -> Outcome {
    let mut studies: Vec<(PathBuf, Read)> = Vec::new();
    for dir in &args.dirs {
        let found = studies_in(dir).map_err(|error| unread(dir, &error))?;
        studies.extend(found.into_iter().map(|dir| {
            let read = Reader::open(&dir).and_then(|reader| {
                let overview = reader.overview()?;
                Ok((reader, overview))
            });
            (dir, read)
        }));
    }
    match args.format.format {
        Format::Json => {
            output::print_json(&View { studies: studies.iter().map(|(dir, read)| line(dir, read)).collect() })
        }
        Format::Text if studies.is_empty() => output::print("There is no study in it.\n"),
        Format::Text => output::print(&table(&studies).render(output::width())),
    }
}

fn line(dir: &std::path::Path, read: &Read) -> Line {
    let directory = dir.to_string_lossy().into_owned();
    let known = read.as_ref().ok();
    let overview = known.map(|(_, overview)| overview);
    let epochs =
        |overview: &Overview| Epochs { trained: overview.trained_epochs(), left: overview.epochs_left() };
    Line {
        directory,
        state: overview.map(State::of),
        study: overview.map(|overview| StudyView::new(&overview.study)),
        trials: overview.map(|overview| overview.trials.len()),
        epochs: overview.map(epochs),
        best: known.and_then(|(reader, overview)| BestView::new(overview, reader)),
        error: read.as_ref().err().map(ToString::to_string),
    }
}

fn table(studies: &[(PathBuf, Read)]) -> Table {
    let titles = ["study", "state"];
    let mut table = Table::new(1).texts(titles).numbers(["trials", "epochs", "done"]).text("best");
    for (dir, read) in studies {
        let dir = output::shown_path(dir);
        let Ok((_, overview)) = read else {
            let why = read.as_ref().err().map(ToString::to_string).unwrap_or_default();
            table.row(vec![dir, format!("cannot be read: {why}")], Style::new().red());
            continue;
        };
        let state = State::of(overview);
        let (trained, left) = (overview.trained_epochs(), overview.epochs_left());
        let all = trained.saturating_add(left);
        let best = overview.best().and_then(|best| Some(format!("{} ({})", number(best.score?.0), best.id)));
        let monitor = observe::printable(&overview.study.monitor);
        let cells = vec![
            dir,
            state.word().to_owned(),
            overview.trials.len().to_string(),
            trained.to_string(),
            format!("{} %", u128::from(trained) * 100 / u128::from(all.max(1))),
            best.map_or_else(|| "none yet".to_owned(), |best| format!("{monitor} {best}")),
        ];
        table.row(cells, if state.is_live() { Style::new().cyan() } else { Style::new() });
    }
    table
}
