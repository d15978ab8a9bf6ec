//! `hobbit show`: the ranked table, or one trial.

use std::path::PathBuf;

use console::Style;
use hobbit::observe::{self, Wording, text};
use hobbit::repository::{End, Origin, Overview, Reader, TrialOverview};
use hobbit::{Status, TrialId};
use serde::Serialize;

use crate::choose::{Choice, Sheet};
use crate::failure::{Failure, Outcome};
use crate::output::{self, Format, FormatArg};
use crate::state::{self, State};
use crate::table::Table;
use crate::view::{StudyView, TrialView, WholeTrialView};

/// Shows a study's trials, best first, or the whole story of one.
///
/// Scores of trials that were dropped early are from fewer epochs.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The directory of the study.
    dir: PathBuf,
    /// One trial, as `3-17`: its hyperparameters, its stages and the metrics of every epoch.
    trial: Option<TrialId>,
    /// The number of trials to show; 0 for all.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20, conflicts_with = "trial",
        value_parser = number, allow_negative_numbers = true)]
    top: usize,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    format: FormatArg,
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "not a whole number, 0 or more".to_owned())
}

const AFTER: &str = "\
Examples:
  hobbit show my_study
  hobbit show my_study -n 0 | less -S
  hobbit show my_study --where 'finished learning_rate<0.01' --sort epochs
  hobbit show my_study --columns val_loss,learning_rate,val_accuracy
  hobbit show my_study 1-8

JSON (--format json):
  {study: {as in `hobbit status`}, trials: [TRIAL]}
  or, of one trial, TRIAL with stages and history
  TRIAL = {rank, trial, status, dropped_after_stage, failed_in_epoch, reason,
           score, epoch, epochs, hparams: {NAME: value},
           metrics: {NAME: value}}
  stages: [{stage, from, to, end, stopped_at, attempt, worker, seconds, ended}]
  history: [{epoch, stage, metrics: {NAME: value}}]
status is finished, dropped, diverged, failed, unfinished or running; epoch
and metrics are those of the score. If not all configurations were drawn at
random, TRIAL has its origin: drawn, proposed or given.";

pub(crate) fn run(args: &Args) -> Outcome {
    let reader = Reader::open(&args.dir)?;
    let overview = reader.overview()?;
    let Some(id) = args.trial else { return list(args, &overview) };
    let position = overview.trials.iter().position(|trial| trial.id == id);
    let Some(position) = position else {
        let most = overview.trials.iter().map(|trial| trial.id).max();
        let known = most.map_or_else(String::new, |most| format!("; the last that has begun is {most}"));
        let dir = args.dir.display();
        return Err(Failure::NotThere(format!("{dir} has no trial {id}, or it has not begun yet{known}")));
    };
    let trial = &overview.trials[position];
    match args.format.format {
        Format::Json => output::print_json(&WholeTrialView::new(&overview, position)),
        Format::Text => output::print(&story(&reader, &overview, position + 1, trial)),
    }
}

#[derive(Serialize)]
struct View {
    study: StudyView,
    trials: Vec<TrialView>,
}

fn list(args: &Args, overview: &Overview) -> Outcome {
    let top = if args.top == 0 { usize::MAX } else { args.top };
    let sheet = Sheet::new(overview);
    let chosen = sheet.chosen(&args.choice)?;
    let shown = &chosen[..top.min(chosen.len())];
    if args.format.format == Format::Json {
        let trials = shown.iter().map(|&row| TrialView::new(overview, row)).collect();
        return output::print_json(&View { study: StudyView::new(&overview.study), trials });
    }
    if chosen.is_empty() {
        let none =
            if overview.trials.is_empty() { "No trial has begun yet.\n" } else { "No trial matches.\n" };
        return output::print(none);
    }
    let columns = sheet.columns(&args.choice)?;
    // as numbers stand rank, score and epochs
    let add = |table: Table, &(place, name): &(usize, &str)| match place {
        0 | 2 | 3 => table.number(name),
        _ => table.text(name),
    };
    let mut table = columns.iter().fold(Table::new(2), add);
    for &row in shown {
        table.row(sheet.cells(row, &columns), colour(row + 1, &overview.trials[row]));
    }
    let mut text = table.render(output::width());
    let more = chosen.len() - shown.len();
    if more > 0 {
        text += &format!("... and {more} more: `-n 0` shows all\n");
    }
    if let Some(known) = overview.study.started_from() {
        text += &format!("The sampler knew {} before the first trial.\n", observe::printable(&known));
    }
    output::print(&text)
}

fn colour(rank: usize, trial: &TrialOverview) -> Style {
    match &trial.status {
        Status::Failed { .. } | Status::Diverged { .. } => Style::new().red(),
        _ if rank == 1 && trial.score.is_some() => Style::new().green(),
        Status::Unfinished => Style::new().cyan(),
        _ => Style::new(),
    }
}

/// The whole story of a trial: what became of it, its hyperparameters, its stages and its epochs.
fn story(reader: &Reader, overview: &Overview, rank: usize, trial: &TrialOverview) -> String {
    let mut text = fate(reader, overview, rank, trial);
    let hparams = Wording::new(&overview.study.space).exact_fields(&trial.hparams);
    let hparams = hparams.into_iter().map(|(name, value)| [name, value]);
    let mut tables = vec![pairs(["hyperparameter", "value"], hparams)];
    if !trial.model.is_empty() {
        let model = trial.model.iter().map(|(name, what)| [name.clone(), what.clone()]);
        tables.push(pairs(["made of", "what"], model));
    }
    if !trial.stages.is_empty() {
        tables.push(stages(trial));
        tables.extend(epochs(trial));
    }
    for table in tables {
        text += &format!("\n{}", table.render(output::width()));
    }
    text
}

/// What became of a trial, and where its weights are.
pub(crate) fn fate(reader: &Reader, overview: &Overview, rank: usize, trial: &TrialOverview) -> String {
    let monitor = observe::printable(&overview.study.monitor);
    let name = format!("Trial {}", trial.id);
    let mut text = format!("{name}: {}", state::fate(trial, State::of(overview)));
    if let Some((score, epoch)) = trial.score {
        let (score, trials) = (text::number(score), overview.trials.len());
        text += &format!(", {monitor} {score} at epoch {epoch}, rank {rank} of {trials}");
    }
    let bold = Style::new().bold().apply_to(&name).to_string();
    text = output::folded(&text).replacen(&name, &bold, 1) + "\n";
    if let Some(origin) = origin(overview, trial) {
        text += &format!("Configuration: {origin}\n");
    }
    if let Status::Failed { reason, .. } | Status::Diverged { reason, .. } = &trial.status {
        let reason = format!("Reason: {reason}");
        let reason: Vec<String> = observe::printable_lines(&reason).lines().map(output::folded).collect();
        text += &format!("{}\n", Style::new().red().apply_to(reason.join("\n")));
    }
    if let Ok(path) = state::weights(reader, trial) {
        text += &format!("Weights: {}\n", output::shown_path(&path));
    }
    text
}

/// Where a trial's configuration is from, if that is not clear.
fn origin(overview: &Overview, trial: &TrialOverview) -> Option<String> {
    let sampler = || overview.study.sampler.as_ref().map(ToString::to_string).unwrap_or_default();
    match trial.origin? {
        Origin::Proposed => Some(format!("proposed by the sampler {}", observe::printable(&sampler()))),
        Origin::Given => Some("given to the study".to_owned()),
        _ => overview.study.sampler.as_ref().map(|_| "drawn at random".to_owned()),
    }
}

/// A table of names and what belongs to them.
fn pairs(titles: [&str; 2], rows: impl Iterator<Item = [String; 2]>) -> Table {
    let mut table = Table::pairs(titles);
    for row in rows {
        table.row(row.into(), Style::new());
    }
    table
}

/// A row for each stage.
fn stages(trial: &TrialOverview) -> Table {
    let mut stages =
        Table::new(1).numbers(["stage", "from", "to", "seconds", "worker", "attempt"]).text("end");
    for stage in &trial.stages {
        let end = match &stage.end {
            End::Trained => {
                let early = stage.stopped_at().map(|epoch| format!("stopped early in epoch {epoch}"));
                early.unwrap_or_else(|| "trained".to_owned())
            }
            End::Diverged { epoch, .. } => format!("diverged in epoch {epoch}"),
            End::Failed { epoch: 0, .. } => "failed to build".to_owned(),
            End::Failed { epoch, .. } => format!("failed in epoch {epoch}"),
        };
        let cells = vec![
            (stage.stage + 1).to_string(),
            stage.from.to_string(),
            stage.to.to_string(),
            text::number(stage.seconds),
            (u64::from(stage.worker) + 1).to_string(),
            (u64::from(stage.attempt) + 1).to_string(),
            end,
        ];
        stages.row(cells, Style::new());
    }
    stages
}

/// A row for each epoch, with its metrics; none if nothing was measured.
fn epochs(trial: &TrialOverview) -> Option<Table> {
    let mut metrics: Vec<&str> = Vec::new();
    for name in trial.stages.iter().flat_map(|stage| stage.history.metrics()) {
        if !metrics.contains(&name.as_str()) {
            metrics.push(name);
        }
    }
    if metrics.is_empty() {
        return None;
    }
    let mut epochs = Table::new(2).numbers(["epoch", "stage"]).numbers(metrics.iter().copied()).text("");
    for stage in &trial.stages {
        // a stage has the metrics that its epochs reported
        let known = stage.history.metrics();
        let places: Vec<_> =
            metrics.iter().map(|name| known.iter().position(|known| known == name)).collect();
        for (epoch, row) in (stage.from + 1..).zip(stage.history.rows()) {
            let is_best = trial.score.is_some_and(|(_, best)| best == epoch);
            let start = [epoch.to_string(), (stage.stage + 1).to_string()];
            let values = places.iter().map(|place| match place.map(|place| row[place]) {
                Some(value) if !value.is_nan() => text::number(value),
                _ => "-".to_owned(),
            });
            let mark = if is_best { "score" } else { "" };
            let style = if is_best { Style::new().green() } else { Style::new() };
            epochs.row(start.into_iter().chain(values).chain([mark.to_owned()]).collect(), style);
        }
    }
    Some(epochs)
}
