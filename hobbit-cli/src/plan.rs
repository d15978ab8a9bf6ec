//! `hobbit plan`: what an algorithm would do.

use std::str::FromStr;

use clap::ValueEnum;
use hobbit::EpochCount;
use hobbit::observe::{brackets_text, stage_text};
use hobbit::schedule::{Algorithm, Bracket, Occupancy, Outline};
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::output::{self, Format, FormatArg};
use crate::table::Table;
use crate::view::AlgorithmView;

/// Shows what an algorithm does; nothing is trained.
///
/// With one R and one eta it prints the table that a sweep prints when it starts: a column of trials
/// ("models") and epochs for each bracket ("run"), a line for each stage; or a line for each bracket, where
/// that is too wide for the terminal. With several, a plan for every pair stands side by side.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The most epochs that a stage of Hyperband adds; for other algorithms, the most that a trial gets.
    /// Several separated by commas.
    #[arg(value_name = "R", allow_negative_numbers = true)]
    max_epochs: List,
    /// The cut factor between stages, 2 or more; several separated by commas. Random search has none.
    #[arg(value_name = "ETA", allow_negative_numbers = true)]
    eta: Option<List>,
    /// The algorithm.
    #[arg(long, value_enum, default_value_t, value_name = "NAME")]
    algorithm: Kind,
    /// The number of trials, for algorithms other than Hyperband.
    #[arg(long, value_name = "N")]
    trials: Option<u32>,
    /// The epochs of the first stage of successive halving. Default: 1.
    #[arg(long, value_name = "EPOCHS")]
    min_epochs: Option<u32>,
    /// Counts the epochs of Hyperband's stages from the beginning, instead of adding them.
    #[arg(long)]
    cumulative: bool,
    /// Only the first N brackets of Hyperband, as with `.brackets(N)`.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    brackets: Option<u32>,
    /// Adds how busy this many workers are, if all epochs take equally long; several separated by commas.
    #[arg(long, value_name = "W")]
    workers: Option<List>,
    /// Adds the same for this lookahead, which learning samplers and ASHA have; several separated by commas.
    #[arg(long, value_name = "P")]
    lookahead: Option<List>,
    #[command(flatten)]
    format: FormatArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Kind {
    /// Several brackets of successive halving: `run(R, eta)`.
    #[default]
    Hyperband,
    /// One bracket: `run(trials, min_epochs, R, eta)`.
    SuccessiveHalving,
    /// Every trial for R epochs: `run(trials, R)`.
    RandomSearch,
    /// Asynchronous successive halving: `run(trials, R, eta)`.
    Asha,
    /// The same, stage by stage, only as far as needed: `run(trials, R, eta)`.
    Pasha,
}

/// Whole numbers, separated by commas.
#[derive(Clone)]
struct List(Vec<u32>);

impl FromStr for List {
    type Err = String;

    fn from_str(text: &str) -> Result<List, String> {
        let number = |part: &str| {
            part.trim().parse().map_err(|_| format!("`{part}` is not a whole number from 1 to {}", u32::MAX))
        };
        text.split(',').map(number).collect::<Result<_, _>>().map(List)
    }
}

const AFTER: &str = "\
Examples:
  hobbit plan 81 3
  hobbit plan 27,81,243 3,4
  hobbit plan 81 3 --algorithm asha --trials 200 --workers 4,8 --lookahead 4,8
  hobbit plan 20 --algorithm random-search --trials 50

JSON (--format json): an array with a plan for every pair, each R with every
eta:
  [{max_epochs, eta, epoch_count, total_epochs, total_trials,
    total_evaluations, brackets: [{stages: [{trials, epochs, trained}]}]}]
epochs is how many epochs a stage adds, trained how many a trial has after it.
Of an algorithm that is not Hyperband, each has algorithm: {name, and its
numbers}; with --workers or --lookahead, each has
  occupancy: [{workers, lookahead, epochs, time, busy}]
time is how many epochs one worker could train until the end, busy the share of
it in which workers train.";

/// One pair of R and eta.
struct Planned {
    title: String,
    algorithm: Algorithm,
    outline: Outline,
    occupancy: Vec<Occupancy>,
}

#[derive(Serialize)]
struct View<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    algorithm: Option<AlgorithmView>,
    max_epochs: u32,
    eta: Option<u32>,
    epoch_count: String,
    total_epochs: u64,
    total_trials: u64,
    total_evaluations: u64,
    brackets: &'a [Bracket],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    occupancy: Vec<OccupancyView>,
}

#[derive(Serialize)]
struct OccupancyView {
    workers: u32,
    lookahead: Option<u32>,
    epochs: u64,
    time: u64,
    busy: f64,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let etas: Vec<Option<u32>> =
        args.eta.as_ref().map_or_else(|| vec![None], |etas| etas.0.iter().copied().map(Some).collect());
    let pairs = args.max_epochs.0.iter().flat_map(|&r| etas.iter().map(move |&eta| (r, eta)));
    let plans = pairs.map(|(r, eta)| planned(args, r, eta)).collect::<Result<Vec<Planned>, _>>()?;
    match (args.format.format, plans.as_slice()) {
        (Format::Json, plans) => {
            let pairs = args.max_epochs.0.iter().flat_map(|&r| etas.iter().map(move |&eta| (r, eta)));
            let views = plans.iter().zip(pairs).map(|(plan, (r, eta))| view(plan, r, eta));
            output::print_json(&views.collect::<Vec<_>>())
        }
        (Format::Text, [plan]) => {
            let text = brackets_text(&plan.outline, output::width());
            output::print(&(text + &occupancy(&plans)))
        }
        (Format::Text, plans) => output::print(&(side_by_side(plans) + &occupancy(plans))),
    }
}

fn planned(args: &Args, r: u32, eta: Option<u32>) -> Result<Planned, Failure> {
    let algorithm = algorithm(args, r, eta).map_err(Failure::Usage)?;
    let wrong = |error: hobbit::Error| Failure::Usage(error.to_string());
    let outline = algorithm.outline().map_err(wrong)?;
    let title = eta.map_or_else(|| format!("R={r}"), |eta| format!("R={r} eta={eta}"));
    let mut occupancy = Vec::new();
    if args.workers.is_some() || args.lookahead.is_some() {
        let workers = args.workers.as_ref().map_or(&[1, 2, 4, 8, 16, 32][..], |workers| &workers.0);
        let lookaheads: Vec<Option<u32>> = args
            .lookahead
            .as_ref()
            .map_or_else(|| vec![None], |all| all.0.iter().copied().map(Some).collect());
        for (&workers, lookahead) in workers.iter().flat_map(|w| lookaheads.iter().map(move |&p| (w, p))) {
            occupancy.push(algorithm.occupancy(workers, lookahead).map_err(wrong)?);
        }
    }
    Ok(Planned { title, algorithm, outline, occupancy })
}

/// The algorithm that is asked for.
fn algorithm(args: &Args, max_epochs: u32, eta: Option<u32>) -> Result<Algorithm, String> {
    let name = args.algorithm.to_possible_value().map_or(String::new(), |name| name.get_name().to_owned());
    let is_hyperband = args.algorithm == Kind::Hyperband;
    let refused = [
        ("--cumulative", args.cumulative && !is_hyperband),
        ("--brackets", args.brackets.is_some() && !is_hyperband),
        ("--trials", args.trials.is_some() && is_hyperband),
        ("--min-epochs", args.min_epochs.is_some() && args.algorithm != Kind::SuccessiveHalving),
        ("ETA", eta.is_some() && args.algorithm == Kind::RandomSearch),
    ];
    if let Some((what, _)) = refused.iter().find(|(_, is_refused)| *is_refused) {
        return Err(format!("{name} has no {what}: leave it out"));
    }
    let eta = eta.ok_or_else(|| {
        format!("ETA, the cut factor between stages, is missing after R: for example `{max_epochs} 3`")
    });
    let trials = args.trials.ok_or_else(|| {
        format!("the number of trials is missing: for example `--algorithm {name} --trials 100`")
    });
    Ok(match (args.algorithm, args.brackets) {
        (Kind::Hyperband, brackets) => {
            let count = if args.cumulative { EpochCount::Cumulative } else { EpochCount::Additional };
            let (eta, epoch_count, iterations) = (eta?, count, 1);
            match brackets {
                None => Algorithm::Hyperband { max_epochs, eta, epoch_count, iterations },
                Some(brackets) => {
                    Algorithm::FirstBrackets { brackets, max_epochs, eta, epoch_count, iterations }
                }
            }
        }
        (Kind::SuccessiveHalving, _) => {
            let min_epochs = args.min_epochs.unwrap_or(1);
            Algorithm::SuccessiveHalving { trials: trials?, min_epochs, max_epochs, eta: eta? }
        }
        (Kind::RandomSearch, _) => Algorithm::Random { trials: trials?, epochs: max_epochs },
        (Kind::Asha, _) => Algorithm::Asha { trials: trials?, max_epochs, eta: eta? },
        (Kind::Pasha, _) => Algorithm::Pasha { trials: trials?, max_epochs, eta: eta? },
    })
}

fn view(plan: &Planned, max_epochs: u32, eta: Option<u32>) -> View<'_> {
    let Planned { algorithm, outline, .. } = plan;
    let occupancy = plan.occupancy.iter().map(|busy| OccupancyView {
        workers: busy.workers,
        lookahead: busy.lookahead,
        epochs: busy.epochs,
        time: busy.time,
        busy: busy.share(),
    });
    View {
        algorithm: AlgorithmView::new(algorithm),
        max_epochs,
        eta,
        epoch_count: outline.epoch_count().to_string(),
        total_epochs: outline.total_epochs(),
        total_trials: outline.total_trials(),
        total_evaluations: outline.total_evaluations(),
        brackets: outline.brackets(),
        occupancy: occupancy.collect(),
    }
}

/// How busy workers are: a line for each number of them, and for each lookahead.
fn occupancy(plans: &[Planned]) -> String {
    if plans.iter().all(|plan| plan.occupancy.is_empty()) {
        return String::new();
    }
    let mut table = if plans.len() > 1 { Table::new(3).text("") } else { Table::new(2) };
    table = table.numbers(["workers", "lookahead", "time", "busy"]);
    for plan in plans {
        for busy in &plan.occupancy {
            let lookahead = busy.lookahead.map_or_else(|| "-".to_owned(), |stages| stages.to_string());
            let share = format!("{:.0} %", 100.0 * busy.share());
            let mut cells = vec![busy.workers.to_string(), lookahead, busy.time.to_string(), share];
            if plans.len() > 1 {
                cells.insert(0, plan.title.clone());
            }
            table.row(cells, console::Style::new());
        }
    }
    format!("\nTime in epochs, if all take equally long:\n{}", table.render(output::width()))
}

/// A column for each plan: its totals, and below them its brackets, the stages as trials x epochs.
fn side_by_side(plans: &[Planned]) -> String {
    let titles = plans.iter().map(|plan| plan.title.as_str());
    let mut table = Table::new(1).text("").numbers(titles);
    let mut row = |name: String, cell: &dyn Fn(&Outline) -> String| {
        let cells = plans.iter().map(|plan| cell(&plan.outline));
        table.row(std::iter::once(name).chain(cells).collect(), console::Style::new());
    };
    row("epochs in all".to_owned(), &|plan| plan.total_epochs().to_string());
    row("trials".to_owned(), &|plan| plan.total_trials().to_string());
    row("trainings".to_owned(), &|plan| plan.total_evaluations().to_string());
    row("brackets".to_owned(), &|plan| plan.brackets().len().to_string());
    let most = plans.iter().map(|plan| plan.outline.brackets().len()).max().unwrap_or(0);
    for bracket in 0..most {
        let stages = |plan: &Outline| plan.brackets().get(bracket).map_or(0, |bracket| bracket.stages.len());
        for stage in 0..plans.iter().map(|plan| stages(&plan.outline)).max().unwrap_or(0) {
            let name = if stage == 0 { format!("bracket {}", bracket + 1) } else { String::new() };
            row(name, &|plan| {
                let stage = plan.brackets().get(bracket).and_then(|bracket| bracket.stages.get(stage));
                stage.map_or_else(String::new, |stage| stage_text(stage, plan.epoch_count()))
            });
        }
    }
    table.render(output::width())
}
