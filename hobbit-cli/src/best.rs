//! `hobbit best`: what came out.

use std::path::PathBuf;

use clap::ValueEnum;
use console::Style;
use hobbit::observe::text::number;
use hobbit::observe::{Wording, printable};
use hobbit::repository::{Reader, TrialOverview};
use hobbit::space::Value;

use crate::failure::{Failure, Outcome};
use crate::output;
use crate::state::{self, State};
use crate::table::Table;
use crate::view::BestView;

/// Shows the best trial: its hyperparameters, and where its weights are.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The directory of the study.
    dir: PathBuf,
    /// Prints the path of the weights and nothing else.
    #[arg(long, conflicts_with = "format")]
    weights: bool,
    /// How the output is written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document.
    Json,
    /// The hyperparameters alone, as RON: what `ron::from_str` makes the study's struct of. As long as the
    /// study has no results.ron, a map of names and values instead.
    Ron,
}

const AFTER: &str = "\
Examples:
  hobbit best my_study
  hobbit best my_study --format ron > best.ron
  cp \"$(hobbit best my_study --weights)\" model.safetensors

JSON (--format json):
  {rank, trial, status, dropped_after_stage, failed_in_epoch, reason,
   score, epoch, epochs, hparams: {NAME: value}, metrics: {NAME: value},
   weights}
epoch and metrics are those of the score; weights is a path, or null if they
are not there.

Exit code 4: no trial has a score yet; with --weights: the weights are not there.";

pub(crate) fn run(args: &Args) -> Outcome {
    let reader = Reader::open(&args.dir)?;
    let overview = reader.overview()?;
    let Some(best) = overview.best() else {
        return Err(Failure::NotThere(format!("no trial of {} has a score yet", args.dir.display())));
    };
    let weights =
        state::weights(&reader, best).and_then(|path| reader.disagreement(best).map_or(Ok(path), Err));
    if args.weights {
        let path = weights.map_err(Failure::NotThere)?;
        return output::print_path(&path);
    }
    match args.format {
        Format::Json => return output::print_json(&BestView::new(&overview, &reader)),
        Format::Ron => {
            return output::print_data(&format!("{}\n", ron(&reader, best)?));
        }
        Format::Text => {}
    }
    let name = format!("Trial {}", best.id);
    let mut text = name.clone();
    if let Some((score, epoch)) = best.score {
        let (score, epochs) = (number(score), best.epochs());
        text += &format!(": {} {score} at epoch {epoch} of {epochs}", printable(&overview.study.monitor));
    }
    text += &format!(", {}", state::fate(best, State::of(&overview)));
    let bold = Style::new().bold().apply_to(&name).to_string();
    text = output::folded(&text).replacen(&name, &bold, 1) + "\n\n";
    let mut hparams = Table::pairs(["hyperparameter", "value"]);
    for (name, value) in Wording::new(&overview.study.space).exact_fields(&best.hparams) {
        hparams.row(vec![name, value], Style::new());
    }
    text += &hparams.render(output::width());
    text += &match weights {
        Ok(path) => format!("\nWeights: {}\n", output::shown_path(&path)),
        Err(why) => {
            let why = output::folded(&format!("Note: {}", printable(&why)));
            format!("\n{}\n", Style::new().yellow().apply_to(why))
        }
    };
    output::print(&text)
}

/// The hyperparameters as RON: as results.ron has them, or as a map.
fn ron(reader: &Reader, best: &TrialOverview) -> Result<String, Failure> {
    let Some(text) = reader.hparams_ron(best.id)? else { return Ok(map(best)) };
    // hobbit escapes them in its texts
    if text.lines().any(|line| printable(line) != line) {
        let file = reader.dir().join("results.ron");
        return Err(Failure::Foreign(format!(
            "{}: the hyperparameters of trial {} hold control characters that hobbit does not write: something else changed the \
             file. `--format json` shows what the journal says",
            file.display(),
            best.id
        )));
    }
    Ok(text)
}

/// The hyperparameters as a RON map.
fn map(trial: &TrialOverview) -> String {
    let lines = trial.hparams.iter().map(|(name, value)| match value {
        // Rust's way to write a text is RON's
        Value::Text(value) => format!("    {name:?}: {value:?},\n"),
        value => format!("    {name:?}: {value},\n"),
    });
    format!("{{\n{}}}", lines.collect::<String>())
}
