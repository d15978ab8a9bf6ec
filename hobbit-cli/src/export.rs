//! `hobbit export`: a study for other programs.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use hobbit::interop::{OptunaJournal, TensorBoard};
use hobbit::observe;
use hobbit::observe::text::count;
use hobbit::repository::{Overview, Reader};
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::output;
use crate::space::ParameterView;
use crate::view::{ProcessView, StudyView, WholeTrialView};

/// Writes a study for other programs: CSV, JSON, Optuna, TensorBoard.
#[derive(clap::Args)]
#[command(after_help = AFTER, group = clap::ArgGroup::new("kind").required(true))]
pub(crate) struct Args {
    /// The directory of the study.
    dir: PathBuf,
    /// A line for each trial, best first.
    #[arg(long, group = "kind")]
    csv: bool,
    /// Everything: the study, its search space, its processes, every trial with every epoch.
    #[arg(long, group = "kind")]
    json: bool,
    /// The same as `--csv` or `--json`.
    #[arg(long, group = "kind", value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// An Optuna study in this journal file, which optuna-dashboard opens. What the file holds stays; this
    /// study, if it is there already, is continued.
    #[arg(long, group = "kind", value_name = "FILE")]
    optuna: Option<PathBuf>,
    /// Event files for TensorBoard in this directory, a run for each trial. What is there already is not
    /// written again.
    #[arg(long, group = "kind", value_name = "DIR")]
    tensorboard: Option<PathBuf>,
    /// With --optuna: the name of the study. Default: the file's, without its extension.
    #[arg(long, requires = "optuna", conflicts_with_all = ["csv", "json", "tensorboard"],
        value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    study_name: Option<String>,
    /// With --csv: a line for each epoch of each trial instead.
    #[arg(long, conflicts_with_all = ["json", "optuna", "tensorboard"])]
    epochs: bool,
    /// With --csv or --json: the file to write. Default: standard output.
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["optuna", "tensorboard"])]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line for each trial.
    Csv,
    /// One JSON document.
    Json,
}

const AFTER: &str = "\
Examples:
  hobbit export my_study --csv -o trials.csv
  hobbit export my_study --csv --epochs > curves.csv
  hobbit export my_study --json | jq '.trials[0].hparams'
  hobbit export my_study --optuna my_study.journal
  optuna-dashboard my_study.journal
  hobbit export my_study --tensorboard logs
  tensorboard --logdir logs

CSV: rank, trial, status, dropped_after_stage, failed_in_epoch, reason, score,
  epoch, epochs, seconds, then origin (drawn, proposed or given) if not all
  configurations were drawn at random, then metrics.NAME at the epoch of the
  score, then hparams.NAME; missing values are empty.
CSV with --epochs: trial, stage, epoch, then metrics.NAME.
JSON: {study,
  space: [{name, description, domain, conditions,
    values: {kind, and its numbers: low, high, step, log, mean, std, options,
             weights, probability, source},
    when: [{parameter, is or above}]}],
  processes: [{host, pid, workers, opened, closed, reason}],
  trials: [TRIAL with stages and history]}, as in `hobbit show`.";

#[derive(Serialize)]
struct Document {
    study: StudyView,
    space: Vec<ParameterView>,
    processes: Vec<ProcessView>,
    trials: Vec<WholeTrialView>,
}

pub(crate) fn run(args: &Args) -> Outcome {
    if args.epochs && args.format == Some(Format::Json) {
        return Err(Failure::Usage(
            "--epochs goes with --csv: in JSON every trial has its epochs anyway".to_owned(),
        ));
    }
    let reader = Reader::open(&args.dir)?;
    let overview = reader.overview()?;
    // an error here is one of what is written
    let written = |outcome: hobbit::Result<()>| outcome.map_err(|error| Failure::Output(error.to_string()));
    let trials = count(overview.trials.len() as u64, "trial");
    if let Some(file) = &args.optuna {
        output::leaves_alone(file, &args.dir)?;
        let journal = OptunaJournal::new(file);
        let journal = match &args.study_name {
            Some(name) => journal.study_name(name),
            None => journal,
        };
        written(journal.export(&overview))?;
        return says(&trials, file);
    }
    if let Some(dir) = &args.tensorboard {
        output::make_dir(dir, &args.dir)?;
        written(TensorBoard::new(dir).export(&overview))?;
        return says(&format!("the runs of {trials}"), dir);
    }
    let epochs = count(overview.trained_epochs(), "epoch");
    let (text, what) = if args.json || args.format == Some(Format::Json) {
        (document(&overview)?, format!("{trials} with {epochs}"))
    } else if args.epochs {
        (observe::epochs_csv(&overview.trials), format!("{epochs} of {trials}"))
    } else {
        (observe::trials_csv(&overview.trials), trials)
    };
    output::write(args.output.as_deref(), &text, &args.dir)?;
    args.output.as_deref().map_or(Ok(()), |file| says(&what, file))
}

/// Says what is in a file or directory.
fn says(what: &str, place: &Path) -> Outcome {
    output::print(&format!("{}: {what}\n", output::shown_path(place)))
}

/// Everything that is known of a study, as JSON.
fn document(overview: &Overview) -> Result<String, Failure> {
    let trials = (0..overview.trials.len()).map(|row| WholeTrialView::new(overview, row));
    output::json(&Document {
        study: StudyView::new(&overview.study),
        space: ParameterView::all(&overview.study),
        processes: overview.processes.iter().map(ProcessView::new).collect(),
        trials: trials.collect(),
    })
}
