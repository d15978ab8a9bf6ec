//! `hobbit export`: a study for other programs.

use std::path::PathBuf;

use hobbit::interop::{OptunaJournal, TensorBoard};
use hobbit::observe;
use hobbit::repository::Reader;
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::output;
use crate::view::{ParameterView, ProcessView, StudyView, WholeTrialView};

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
    /// An Optuna study in this journal file, which optuna-dashboard opens. What the file holds stays; a study
    /// that is in it is continued.
    #[arg(long, group = "kind", value_name = "FILE")]
    optuna: Option<PathBuf>,
    /// Event files for TensorBoard in this directory, a run for each trial. What is there already is not
    /// written again.
    #[arg(long, group = "kind", value_name = "DIR")]
    tensorboard: Option<PathBuf>,
    /// With --optuna: the name of the study. Default: the file's, without what follows the dot.
    #[arg(long, requires = "optuna", conflicts_with_all = ["csv", "json", "tensorboard"],
        value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    study_name: Option<String>,
    /// With --csv: a line for each epoch of each trial instead.
    #[arg(long, requires = "csv", conflicts_with_all = ["json", "optuna", "tensorboard"])]
    epochs: bool,
    /// With --csv or --json: the file to write. Default: standard output.
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["optuna", "tensorboard"])]
    output: Option<PathBuf>,
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
  epoch, epochs, seconds, then metrics.NAME at the epoch of the score, then
  hparams.NAME; missing values are empty.
CSV with --epochs: trial, stage, epoch, then metrics.NAME.
JSON: {study, space: [{name, description, domain, conditions}],
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
    let reader = Reader::open(&args.dir)?;
    let overview = reader.overview()?;
    // an error here is one of what is written
    let written = |outcome: hobbit::Result<()>| outcome.map_err(|error| Failure::Output(error.to_string()));
    if let Some(file) = &args.optuna {
        output::leaves_alone(file, &args.dir)?;
        let journal = OptunaJournal::new(file);
        let journal = match &args.study_name {
            Some(name) => journal.study_name(name),
            None => journal,
        };
        return written(journal.export(&overview));
    }
    if let Some(dir) = &args.tensorboard {
        output::make_dir(dir, &args.dir)?;
        return written(TensorBoard::new(dir).export(&overview));
    }
    let text = if args.json {
        let trials = (1..).zip(&overview.trials).map(|(rank, trial)| WholeTrialView::new(rank, trial));
        output::json(&Document {
            study: StudyView::new(&overview.study),
            space: ParameterView::all(&overview.study),
            processes: overview.processes.iter().map(ProcessView::new).collect(),
            trials: trials.collect(),
        })?
    } else {
        let csv = if args.epochs { observe::epochs_csv } else { observe::trials_csv };
        csv(&overview.trials)
    };
    output::write(args.output.as_deref(), &text, &args.dir)
}
