//! `hobbit compare`: studies side by side.

use std::borrow::Cow;
use std::path::PathBuf;

use console::Style;
use hobbit::EpochCount;
use hobbit::observe;
use hobbit::observe::Wording;
use hobbit::observe::text::{duration, number};
use hobbit::repository::{Overview, Reader};
use hobbit::schedule::Algorithm;
use serde::Serialize;

use crate::failure::Outcome;
use crate::output::{self, Format, FormatArg};
use crate::state::{self, State};
use crate::table::Table;
use crate::view::{BestView, StudyView};

/// Compares studies: their settings, how far they are, and their best trials.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The directories of the studies.
    #[arg(value_name = "DIR", required = true, num_args = 2..)]
    dirs: Vec<PathBuf>,
    #[command(flatten)]
    format: FormatArg,
}

const AFTER: &str = "\
Examples:
  hobbit compare my_study my_study_with_more_data

JSON (--format json):
  {best, studies: [{directory, state, study, trials, epochs, seconds, best}]}
best: the directories with the best score, none if the studies do not optimize
the same metric the same way; study and state are as in `hobbit status`, each
study's best as in `hobbit best`.";

#[derive(Serialize)]
struct View<'a> {
    best: Vec<Cow<'a, str>>,
    studies: Vec<StudyLine<'a>>,
}

#[derive(Serialize)]
struct StudyLine<'a> {
    directory: Cow<'a, str>,
    state: State,
    study: StudyView,
    trials: usize,
    epochs: u64,
    seconds: f64,
    best: Option<BestView>,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let mut studies = Vec::new();
    for dir in &args.dirs {
        let reader = Reader::open(dir)?;
        let overview = reader.overview()?;
        studies.push((dir, reader, overview));
    }
    let overviews: Vec<&Overview> = studies.iter().map(|(_, _, overview)| overview).collect();
    let best = best(&overviews);
    if args.format.format == Format::Json {
        let line = |place: usize| {
            let (_, reader, overview) = &studies[place];
            StudyLine {
                directory: args.dirs[place].to_string_lossy(),
                state: State::of(overview),
                study: StudyView::new(&overview.study),
                trials: overview.trials.len(),
                epochs: overview.trained_epochs(),
                seconds: state::worked(overview).as_millis() as f64 / 1000.0,
                best: BestView::new(overview, reader),
            }
        };
        let best = best.iter().map(|&best| args.dirs[best].to_string_lossy()).collect();
        return output::print_json(&View { best, studies: (0..studies.len()).map(line).collect() });
    }
    let names: Vec<String> = args.dirs.iter().map(|dir| output::shown_path(dir)).collect();
    output::print(&text(&names, &overviews, &best))
}

/// The studies with the best score, if they can be compared.
fn best(overviews: &[&Overview]) -> Vec<usize> {
    let goal = |overview: &Overview| (overview.study.monitor.clone(), overview.study.direction);
    let Some(first) = overviews.first().map(|overview| goal(overview)) else { return Vec::new() };
    if overviews.iter().any(|overview| goal(overview) != first) {
        return Vec::new();
    }
    let scores: Vec<Option<f64>> =
        overviews.iter().map(|overview| overview.best()?.score.map(|(score, _)| score)).collect();
    let best = scores.iter().flatten().copied().reduce(|a, b| if first.1.better(b, a) { b } else { a });
    (0..scores.len()).filter(|&i| best.is_some() && scores[i] == best).collect()
}

fn is_hyperband(overview: &Overview) -> bool {
    matches!(overview.study.algorithm, Algorithm::Hyperband { .. } | Algorithm::FirstBrackets { .. })
}

/// What a Hyperband was run with. Others have their numbers beside their name.
fn r_and_eta(overview: &Overview) -> Option<String> {
    let study = &overview.study;
    let (r, eta) = is_hyperband(overview).then(|| study.max_epochs().zip(study.eta()))??;
    let count = match study.epoch_count() {
        EpochCount::Additional => String::new(),
        count => format!(", {count}"),
    };
    let brackets = match study.brackets() {
        None => String::new(),
        Some(1) => ", first bracket".to_owned(),
        Some(brackets) => format!(", first {brackets} brackets"),
    };
    Some(format!("{r}, {eta}{count}{brackets}"))
}

/// The hyperparameters of a study's best trial, as people write them.
fn hparams_of_best(overview: &Overview) -> Vec<(String, String)> {
    let wording = Wording::new(&overview.study.space);
    overview.best().map_or_else(Vec::new, |best| wording.fields(&best.hparams))
}

fn text(names: &[String], overviews: &[&Overview], best: &[usize]) -> String {
    let mut table = Table::new(1).text("").texts(names.iter().map(String::as_str)).without("-");
    let mut row = |name: &str, style: Style, cell: &dyn Fn(&Overview) -> String| {
        let cells = overviews.iter().map(|overview| cell(overview));
        table.row(std::iter::once(name.to_owned()).chain(cells).collect(), style);
    };
    let plain = Style::new;
    row("state", plain(), &|o| State::of(o).word().to_owned());
    row("goal", plain(), &|o| format!("{} {}", o.study.direction, o.study.monitor));
    let hyperbands = overviews.iter().filter(|o| is_hyperband(o)).count();
    if hyperbands < overviews.len() {
        row("algorithm", plain(), &|o| {
            if is_hyperband(o) { "Hyperband".to_owned() } else { o.study.sizes() }
        });
    }
    if hyperbands > 0 {
        row("R, eta", plain(), &|o| r_and_eta(o).unwrap_or_else(|| "-".to_owned()));
        let iterations = |o: &Overview| is_hyperband(o).then(|| o.study.iterations().to_string());
        row("iterations", plain(), &|o| iterations(o).unwrap_or_else(|| "-".to_owned()));
    }
    row("seed", plain(), &|o| o.study.seed.to_string());
    row("trials", plain(), &|o| o.trials.len().to_string());
    row("epochs", plain(), &|o| o.trained_epochs().to_string());
    row("time", plain(), &|o| duration(state::worked(o)));
    let of_best = |o: &Overview, cell: &dyn Fn(&hobbit::repository::TrialOverview) -> Option<String>| {
        o.best().and_then(cell).unwrap_or_else(|| "-".to_owned())
    };
    row("best trial", plain(), &|o| of_best(o, &|best| Some(best.id.to_string())));
    row("score", plain().bold(), &|o| of_best(o, &|best| best.score.map(|(score, _)| number(score))));
    row("at epoch", plain(), &|o| of_best(o, &|best| best.score.map(|(_, epoch)| epoch.to_string())));
    let written: Vec<Vec<(String, String)>> = overviews.iter().map(|o| hparams_of_best(o)).collect();
    let fields = observe::names(written.iter().map(Vec::as_slice));
    for name in fields {
        let cells = written.iter().map(|fields| {
            let field = fields.iter().find(|(known, _)| known == name);
            field.map_or_else(|| "-".to_owned(), |(_, text)| text.clone())
        });
        table.row(std::iter::once(name.to_owned()).chain(cells).collect(), plain());
    }
    let verdict = match best {
        best if !best.is_empty() => {
            let best: Vec<&str> = best.iter().map(|&best| names[best].as_str()).collect();
            format!("The best score is that of {}.", best.join(" and "))
        }
        _ if overviews.iter().all(|overview| overview.best().is_none()) => {
            "No trial has a score yet.".to_owned()
        }
        _ => "The studies do not optimize the same metric: their scores cannot be compared.".to_owned(),
    };
    format!("{}\n{}\n", table.render(output::width()), output::folded(&verdict))
}
