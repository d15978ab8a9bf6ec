//! `hobbit export`: a study for other programs.

use std::path::{Path, PathBuf};

use hobbit::observe;
use hobbit::repository::{Overview, Reader, TrialOverview};
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::output;
use crate::view::{self, ParameterView, ProcessView, StudyView, TrialView, WholeTrialView};

/// Writes a study as CSV or JSON, for other programs.
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
    /// With --csv: a line for each epoch of each trial instead.
    #[arg(long, requires = "csv")]
    epochs: bool,
    /// The file to write. Default: standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

const AFTER: &str = "\
Examples:
  hobbit export my_study --csv -o trials.csv
  hobbit export my_study --csv --epochs > curves.csv
  hobbit export my_study --json | jq '.trials[0].hparams'

CSV: rank, trial, status, dropped_after_stage, failed_in_epoch, reason, score,
  epoch, epochs, seconds, then metrics.NAME at the epoch of the score, then
  hparams.NAME; what there is not is empty.
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
    let text = if args.json {
        let trials = (1..).zip(&overview.trials).map(|(rank, trial)| WholeTrialView::new(rank, trial));
        output::json(&Document {
            study: StudyView::new(&overview.study),
            space: ParameterView::all(&overview.study),
            processes: overview.processes.iter().map(ProcessView::new).collect(),
            trials: trials.collect(),
        })?
    } else {
        let lines = if args.epochs { epochs(&overview) } else { trials(&overview) };
        csv(&lines, args.output.as_deref())?
    };
    output::write(args.output.as_deref(), &text, &args.dir)
}

/// Lines of cells as CSV.
fn csv(lines: &[Vec<String>], file: Option<&Path>) -> Result<String, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = lines.iter().try_for_each(|line| writer.write_record(line));
    let bytes =
        written.map_err(Into::into).and_then(|()| writer.into_inner().map_err(|error| error.into_error()));
    let bytes = bytes.map_err(|error| Failure::writing(file, &error))?;
    // cells are texts
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn trials(overview: &Overview) -> Vec<Vec<String>> {
    let metrics = metrics(overview);
    let hparams = observe::names(overview.trials.iter().map(|trial| trial.hparams.as_slice()));
    let fixed = "rank trial status dropped_after_stage failed_in_epoch reason score epoch epochs seconds";
    let header = fixed.split(' ').map(str::to_owned);
    let header = header.chain(metrics.iter().map(|name| format!("metrics.{name}")));
    let mut lines = vec![header.chain(hparams.iter().map(|name| format!("hparams.{name}"))).collect()];
    for (rank, trial) in (1..).zip(&overview.trials) {
        let shown = TrialView::new(rank, trial);
        let mut line = shown.cells();
        line.push(trial.stages.iter().map(|stage| stage.seconds).sum::<f64>().to_string());
        let values = view::metrics(trial);
        line.extend(
            metrics
                .iter()
                .map(|name| text(values.iter().find(|(known, _)| known == name).map(|(_, value)| *value))),
        );
        line.extend(hparams.iter().map(|name| text(trial.hparam(name))));
        lines.push(line);
    }
    lines
}

fn epochs(overview: &Overview) -> Vec<Vec<String>> {
    let metrics = metrics(overview);
    let header = ["trial", "stage", "epoch"].map(str::to_owned).into_iter();
    let mut lines = vec![header.chain(metrics.iter().map(|name| format!("metrics.{name}"))).collect()];
    let stages = |trial: &TrialOverview| trial.stages.clone();
    for (trial, stage) in overview.trials.iter().flat_map(|t| stages(t).into_iter().map(|s| (t.id, s))) {
        let places: Vec<Option<usize>> = metrics
            .iter()
            .map(|name| stage.history.metrics().iter().position(|known| known == name))
            .collect();
        for (epoch, row) in (stage.from + 1..).zip(stage.history.rows()) {
            let start = [trial.to_string(), (stage.stage + 1).to_string(), epoch.to_string()];
            let values = places.iter().map(|place| text(place.map(|place| row[place])));
            lines.push(start.into_iter().chain(values).collect());
        }
    }
    lines
}

/// The names of all metrics, in the order in which they come up.
fn metrics(overview: &Overview) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for stage in overview.trials.iter().flat_map(|trial| &trial.stages) {
        for name in stage.history.metrics() {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
    }
    names
}
