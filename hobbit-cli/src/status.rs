//! `hobbit status`: how far a study is.

use std::io;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use console::{Style, Term, truncate_str};
use hobbit::observe;
use hobbit::observe::text::{count, duration, number};
use hobbit::repository::{Overview, Reader, Timestamp};
use serde::Serialize;

use crate::brackets;
use crate::failure::{Failure, Outcome};
use crate::machines;
use crate::output::{self, Format, FormatArg};
use crate::state::{self, State};
use crate::table::Table;
use crate::view::{BestView, MachineView, ProcessView, StageView, StudyView};

/// Shows how far a study is: what it is doing, the best trial so far, the pace, and every stage.
///
/// The time left follows from the pace since the last process began. What happens within a stage of a trial
/// is not in the journal: a trial counts when its stage ends.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The directory of the study.
    dir: PathBuf,
    /// Keeps watching until no process works on the study any more. On a terminal the view is refreshed;
    /// elsewhere there is a line for every change, and the whole view at the end.
    #[arg(long)]
    watch: bool,
    /// With --watch: the seconds between two updates.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, requires = "watch",
        value_parser = seconds, allow_negative_numbers = true)]
    every: f64,
    #[command(flatten)]
    format: FormatArg,
}

const AFTER: &str = "\
Examples:
  hobbit status my_study
  hobbit status my_study --watch
  hobbit status my_study --format json | jq .epochs.left

JSON (--format json; with --watch a line for every change):
  {directory, state,
   study: {monitor, direction, max_epochs, eta, epoch_count, iterations, seed,
           hobbit},
   process: {host, pid, workers, opened, closed, reason},
   epochs: {planned, trained, left, per_second}, seconds_left,
   trials: {begun, failed}, best: {as in `hobbit best`},
   running: [{trial, stage, worker, since}],
  machines: [{machine, host, pid, slots, joined, gone, lost, stages,
              doing: [{trial, stage, epoch}]}],
   stages: [{iteration, bracket, stage, planned, epochs, trained, failed,
             running}]}
state is new, running, elsewhere (on another machine, and perhaps dead),
killed, stopped or finished. Stages are counted from 1; times are seconds
since 1970; what is not known is null. Of a study that is not by Hyperband,
study has algorithm: {name, and its numbers}. machines is there only if others
trained for the study.";

/// The seconds between two looks.
pub(crate) fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.01..=86400.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("not between 0.01 and 86400".to_owned())
    }
}

pub(crate) fn run(args: &Args) -> Outcome {
    let reader = Reader::open(&args.dir)?;
    if args.watch {
        return watch(args, &reader);
    }
    let overview = reader.overview()?;
    match args.format.format {
        Format::Json => output::print_json(&view(&reader, &overview)),
        Format::Text => output::print(&picture(&reader, &overview)),
    }
}

fn watch(args: &Args, reader: &Reader) -> Outcome {
    let term = Term::buffered_stdout();
    let is_live = args.format.format == Format::Text
        && console::user_attended()
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    let mut drawn = 0;
    let mut known = String::new();
    loop {
        let began = Instant::now();
        let overview = reader.overview()?;
        let state = State::of(&overview);
        let goes_on = state.is_live() || state == State::New;
        match args.format.format {
            Format::Json => {
                let text = output::json_line(&view(reader, &overview))?;
                output_change(&mut known, text, summary(&overview))?;
            }
            Format::Text if is_live => {
                let text = picture(reader, &overview);
                drawn = draw(&term, &text, drawn, goes_on).map_err(|error| Failure::writing(None, &error))?;
            }
            Format::Text => output_change(&mut known, summary(&overview) + "\n", summary(&overview))?,
        }
        if !goes_on {
            return match args.format.format {
                Format::Text if !is_live => output::print(&format!("\n{}", picture(reader, &overview))),
                _ => Ok(()),
            };
        }
        // a large journal takes a while to read: the study needs the processor more
        sleep(Duration::from_secs_f64(args.every).max(10 * began.elapsed()));
    }
}

/// Prints `text` if there is something new.
fn output_change(known: &mut String, text: String, news: String) -> Outcome {
    if *known == news {
        return Ok(());
    }
    *known = news;
    output::print(&text)
}

/// Draws over what was drawn before, and returns how many lines there are now. The last picture is whole; one
/// before fits the terminal.
fn draw(term: &Term, text: &str, drawn: usize, goes_on: bool) -> io::Result<usize> {
    let (rows, columns) = term.size();
    let fitting = if goes_on { usize::from(rows).saturating_sub(1) } else { usize::MAX };
    if drawn > 0 {
        term.move_cursor_up(drawn)?;
    }
    let mut lines = 0;
    for line in output::shown(text).lines().take(fitting) {
        term.clear_line()?;
        term.write_line(&truncate_str(line, usize::from(columns), "…"))?;
        lines += 1;
    }
    term.clear_to_end_of_screen()?;
    term.flush()?;
    Ok(lines)
}

/// The state of things on a line.
fn summary(overview: &Overview) -> String {
    let mut text = format!(
        "{}/{} epochs, {}, {}",
        overview.trained_epochs(),
        overview.trained_epochs().saturating_add(overview.epochs_left()),
        count(overview.trials.len() as u64, "trial"),
        State::of(overview).word(),
    );
    let failed = failed(overview);
    if failed > 0 {
        text += &format!(", {failed} failed");
    }
    if let Some((best, (score, _))) = overview.best().and_then(|best| Some((best, best.score?))) {
        let monitor = observe::printable(&overview.study.monitor);
        text += &format!(", best {monitor} {} ({})", number(score), best.id);
    }
    if let Some(left) = state::time_left(overview) {
        text += &format!(", {} left", duration(left));
    }
    text
}

fn failed(overview: &Overview) -> u64 {
    overview.stage_totals().iter().map(|stage| stage.failed).sum()
}

fn picture(reader: &Reader, overview: &Overview) -> String {
    let state = State::of(overview);
    let colour = match state {
        State::Running | State::Elsewhere => Style::new().cyan(),
        State::Finished => Style::new().green(),
        State::Killed => Style::new().red(),
        State::New | State::Stopped => Style::new().yellow(),
    };
    let title = Style::new().bold().apply_to(output::folded(&state::title(reader.dir(), overview)));
    let mut text = format!("{title}\n") + &line("State", &state.sentence(overview), &colour);
    let mut plain = |label: &str, value: &str| text += &line(label, value, &Style::new());
    plain("Epochs", &epochs(overview, state));
    plain("Trials", &trials(overview));
    plain("Best", &best(reader, overview));
    if let Some(promotion) = overview.study.promotion {
        plain("Promotion", &promotion.to_string());
    }
    if let Some(known) = overview.study.started_from() {
        plain("Known", &format!("{known}, before the first trial"));
    }
    for change in overview.processes.iter().flat_map(|process| &process.accepted) {
        plain("Accepted", change);
    }
    let running: Vec<String> = running(overview)
        .map(|(trial, stage, _, since)| {
            let time = state::between(since, Timestamp::now());
            let time = if state.is_live() { format!(" for {}", duration(time)) } else { String::new() };
            format!("{trial} stage {}{time}", stage + 1)
        })
        .collect();
    if !running.is_empty() {
        plain(if state.is_live() { "Running" } else { "Lost" }, &running.join(", "));
    }
    for (place, value) in machines::lines(overview).iter().enumerate() {
        plain(if place == 0 { "Machines" } else { "" }, value);
    }
    let over = brackets::over(overview, state);
    if let Some(over) = brackets::said(&over, overview) {
        plain("Over", &over);
    }
    if let Some(top) = top(overview) {
        text += &format!("\n{}", top.render(output::width()));
    }
    if overview.stage_totals().iter().any(|stage| !over.contains(&stage.bracket)) {
        text += &format!("\n{}", brackets::table(overview, state, &over).render(output::width()));
    }
    text
}

/// The best trials, with their hyperparameters as people write them.
fn top(overview: &Overview) -> Option<Table> {
    const TOP: usize = 3;
    let wording = observe::Wording::new(&overview.study.space);
    let mut table = Table::new(4).numbers(["rank"]).text("trial").number(&overview.study.monitor);
    table = table.number("epochs").text("hyperparameters");
    let scored = overview.trials.iter().take(TOP).filter_map(|trial| Some((trial.score?.0, trial)));
    let mut rank: u64 = 0;
    for (score, trial) in scored {
        rank += 1;
        let hparams = wording.line(&trial.hparams);
        let cells =
            vec![rank.to_string(), trial.id.to_string(), number(score), trial.epochs().to_string(), hparams];
        table.row(cells, if rank == 1 { Style::new().green() } else { Style::new() });
    }
    (rank > 0).then_some(table)
}

/// A line, or as many as the terminal's width makes of it.
fn line(label: &str, value: &str, style: &Style) -> String {
    let width = output::width().unwrap_or(usize::MAX);
    let lines = output::wrapped(&observe::printable(value), width.saturating_sub(LABEL));
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    let lines = lines.iter().zip(labels).map(|(value, label)| {
        let label = Style::new().bold().apply_to(format!("{label:<LABEL$}"));
        format!("{label}{}\n", style.apply_to(value))
    });
    lines.collect()
}

fn epochs(overview: &Overview, state: State) -> String {
    let (trained, planned) = (overview.trained_epochs(), overview.planned_epochs());
    let all = trained.saturating_add(overview.epochs_left());
    let mut epochs = format!("{trained} of {all}");
    if !overview.outline.is_exact() && state != State::Finished {
        epochs += " expected";
    } else if all != planned {
        epochs += &format!(" (planned: {planned})");
    }
    if state != State::Finished {
        epochs += &format!(", {} %", u128::from(trained) * 100 / u128::from(all.max(1)));
    }
    if let Some(pace) = overview.pace() {
        epochs += &format!(", {} a second", number(pace));
    }
    if let Some(left) = state::time_left(overview).filter(|left| left.as_secs_f64() >= 0.05) {
        epochs += &format!(", about {} left", duration(left));
    }
    epochs
}

fn trials(overview: &Overview) -> String {
    let begun = format!("{} of {} begun", overview.trials.len(), overview.outline.total_trials());
    match failed(overview) {
        0 => begun,
        failed => format!("{begun}, {failed} failed"),
    }
}

fn best(reader: &Reader, overview: &Overview) -> String {
    let Some((best, (score, epoch))) = overview.best().and_then(|best| Some((best, best.score?))) else {
        return "none yet".to_owned();
    };
    let (monitor, score) = (&overview.study.monitor, number(score));
    let missing = if state::weights(reader, best).is_ok() { "" } else { "; its weights are missing" };
    format!("{monitor} {score}, trial {} at epoch {epoch}{missing}", best.id)
}

/// The columns of the words that lines begin with.
const LABEL: usize = 10;

/// The trials that the last process is training, by worker.
fn running(overview: &Overview) -> impl Iterator<Item = (hobbit::TrialId, u32, u32, Timestamp)> {
    let running = overview
        .trials
        .iter()
        .filter_map(|trial| trial.running.map(|(stage, worker, since)| (trial.id, stage, worker, since)));
    let mut running: Vec<_> = running.collect();
    running.sort_by_key(|(_, _, worker, _)| *worker);
    running.into_iter()
}

#[derive(Serialize)]
struct View {
    directory: String,
    state: State,
    study: StudyView,
    process: Option<ProcessView>,
    epochs: Epochs,
    seconds_left: Option<f64>,
    trials: Trials,
    best: Option<BestView>,
    running: Vec<Running>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    machines: Vec<MachineView>,
    stages: Vec<StageView>,
}

#[derive(Serialize)]
struct Epochs {
    planned: u64,
    trained: u64,
    left: u64,
    per_second: Option<f64>,
}

#[derive(Serialize)]
struct Trials {
    begun: usize,
    failed: u64,
}

#[derive(Serialize)]
struct Running {
    trial: String,
    stage: u32,
    worker: u32,
    since: f64,
}

fn view(reader: &Reader, overview: &Overview) -> View {
    let running = running(overview).map(|(trial, stage, worker, since)| Running {
        trial: trial.to_string(),
        stage: stage + 1,
        worker,
        since: since.0,
    });
    View {
        directory: reader.dir().to_string_lossy().into_owned(),
        state: State::of(overview),
        study: StudyView::new(&overview.study),
        process: overview.processes.last().map(ProcessView::new),
        epochs: Epochs {
            planned: overview.planned_epochs(),
            trained: overview.trained_epochs(),
            left: overview.epochs_left(),
            per_second: overview.pace(),
        },
        seconds_left: state::time_left(overview).map(|left| left.as_secs_f64()),
        trials: Trials { begun: overview.trials.len(), failed: failed(overview) },
        best: BestView::new(overview, reader),
        running: running.collect(),
        machines: overview.machines.iter().map(MachineView::new).collect(),
        stages: overview.stages.iter().map(StageView::new).collect(),
    }
}
