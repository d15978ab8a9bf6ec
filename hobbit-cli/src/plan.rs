//! `hobbit plan`: what Hyperband would do.

use std::str::FromStr;

use hobbit::schedule::{Bracket, EpochCount, Plan, Stage};
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::output::{self, Format, FormatArg};
use crate::table::Table;

/// Shows what Hyperband does for R and eta; nothing is trained.
///
/// With one R and one eta it prints the table that a sweep prints when it starts: a column of trials
/// ("models") and epochs for each bracket ("run"), a line for each stage. With several, a plan for every pair
/// stands side by side.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The most epochs a stage gives a trial; several separated by commas.
    #[arg(value_name = "R", allow_negative_numbers = true)]
    max_epochs: List,
    /// The cut factor between stages, 2 or more; several separated by commas.
    #[arg(value_name = "ETA", allow_negative_numbers = true)]
    eta: List,
    /// Stages train their trials up to so many epochs, instead of so many more.
    #[arg(long)]
    cumulative: bool,
    /// Only the first so many brackets, as with `.brackets(N)`.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    brackets: Option<u32>,
    #[command(flatten)]
    format: FormatArg,
}

/// Whole numbers, separated by commas.
#[derive(Clone)]
struct List(Vec<u32>);

impl FromStr for List {
    type Err = String;

    fn from_str(text: &str) -> Result<List, String> {
        let number = |part: &str| {
            part.trim().parse().map_err(|_| format!("`{part}` is no whole number from 1 to {}", u32::MAX))
        };
        text.split(',').map(number).collect::<Result<_, _>>().map(List)
    }
}

const AFTER: &str = "\
Examples:
  hobbit plan 81 3
  hobbit plan 27,81,243 3,4

JSON (--format json): an array with a plan for every pair, each R with every
eta:
  [{max_epochs, eta, epoch_count, total_epochs, total_trials,
    total_evaluations, brackets: [{stages: [{trials, epochs, trained}]}]}]
epochs is how many epochs a stage adds, trained how many a trial has after it.";

#[derive(Serialize)]
struct View<'a> {
    max_epochs: u32,
    eta: u32,
    epoch_count: String,
    total_epochs: u64,
    total_trials: u64,
    total_evaluations: u64,
    brackets: &'a [Bracket],
}

pub(crate) fn run(args: &Args) -> Outcome {
    let count = if args.cumulative { EpochCount::Cumulative } else { EpochCount::Additional };
    let pairs = args.max_epochs.0.iter().flat_map(|&r| args.eta.0.iter().map(move |&eta| (r, eta)));
    let plan = |(r, eta)| {
        let whole = Plan::counting(r, eta, count)?;
        args.brackets.map_or(Ok(whole.clone()), |brackets| whole.first(brackets))
    };
    let plans = pairs.map(plan).collect::<Result<Vec<Plan>, _>>();
    let plans = plans.map_err(|error| Failure::Usage(error.to_string()))?;
    match (args.format.format, plans.as_slice()) {
        (Format::Json, plans) => output::print_json(&plans.iter().map(view).collect::<Vec<_>>()),
        (Format::Text, [plan]) => output::print(&plan.to_string()),
        (Format::Text, plans) => output::print(&side_by_side(plans)),
    }
}

fn view(plan: &Plan) -> View<'_> {
    View {
        max_epochs: plan.max_epochs(),
        eta: plan.eta(),
        epoch_count: plan.epoch_count().to_string(),
        total_epochs: plan.total_epochs(),
        total_trials: plan.total_trials(),
        total_evaluations: plan.total_evaluations(),
        brackets: plan.brackets(),
    }
}

/// A column for each plan: its totals, and below them its brackets, the stages as trials x epochs.
fn side_by_side(plans: &[Plan]) -> String {
    let titles: Vec<String> =
        plans.iter().map(|plan| format!("R={} eta={}", plan.max_epochs(), plan.eta())).collect();
    let mut table = Table::new(1).text("").numbers(titles.iter().map(String::as_str));
    let mut row = |name: String, cell: &dyn Fn(&Plan) -> String| {
        table.row(std::iter::once(name).chain(plans.iter().map(cell)).collect(), console::Style::new());
    };
    row("epochs in all".to_owned(), &|plan| plan.total_epochs().to_string());
    row("trials".to_owned(), &|plan| plan.total_trials().to_string());
    row("trainings".to_owned(), &|plan| plan.total_evaluations().to_string());
    row("brackets".to_owned(), &|plan| plan.brackets().len().to_string());
    let most = plans.iter().map(|plan| plan.brackets().len()).max().unwrap_or(0);
    for bracket in 0..most {
        let stages = |plan: &Plan| plan.brackets().get(bracket).map_or(0, |bracket| bracket.stages.len());
        for stage in 0..plans.iter().map(stages).max().unwrap_or(0) {
            let name = if stage == 0 { format!("run {}", bracket + 1) } else { String::new() };
            row(name, &|plan| {
                let stage = plan.brackets().get(bracket).and_then(|bracket| bracket.stages.get(stage));
                stage.map_or_else(String::new, |stage| cell(plan, stage))
            });
        }
    }
    table.render(output::width())
}

/// Trials x epochs.
fn cell(plan: &Plan, stage: &Stage) -> String {
    match plan.epoch_count() {
        EpochCount::Additional => format!("{} x {}", stage.trials, stage.epochs),
        EpochCount::Cumulative => format!("{} to {}", stage.trials, stage.trained),
    }
}
