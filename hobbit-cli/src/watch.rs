//! `hobbit watch`: one trial, as its epochs come.

use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use console::{Style, measure_text_width};
use hobbit::observe::{printable, text};
use hobbit::repository::{Overview, Reader, StageRecord, TrialOverview};
use hobbit::{Status, TrialId};

use crate::failure::{Failure, Outcome};
use crate::output::{self, Format, FormatArg};
use crate::show;
use crate::state::State;
use crate::status;
use crate::view::{EpochView, TrialView};

/// Follows one trial: prints its epochs as they come, and ends with it.
///
/// Epochs are in the journal when their stage has ended, so they come a stage at a time: a sweep writes
/// nothing for each epoch, because that would often cost more than the epoch itself. It ends when the trial's
/// life is over, or when no process works on the study any more. A trial that has not begun yet is waited for
/// as long as the study runs.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The directory of the study.
    dir: PathBuf,
    /// The trial, as `3-17`.
    trial: TrialId,
    /// The seconds between two updates.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = status::seconds,
        allow_negative_numbers = true)]
    every: f64,
    #[command(flatten)]
    format: FormatArg,
}

const AFTER: &str = "\
Examples:
  hobbit watch my_study 1-8
  hobbit watch my_study 1-8 --format json | jq .metrics.val_loss

JSON (--format json): a line for each epoch, then one for the trial:
  {epoch, stage, metrics: {NAME: value}}
  TRIAL, as in `hobbit show`

Exit code 4: the study has no such trial, and no process that may begin it.";

/// What was printed.
#[derive(Default)]
struct Printed {
    /// The stages whose epochs were.
    stages: usize,
    /// The stage whose beginning was told of.
    begun: Option<u32>,
    /// The metrics whose names stand above the last epochs.
    metrics: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let reader = Reader::open(&args.dir)?;
    let mut printed = Printed::default();
    loop {
        let began = Instant::now();
        let overview = reader.overview()?;
        let state = State::of(&overview);
        let goes_on = state.is_live() || state == State::New;
        let place = overview.trials.iter().position(|trial| trial.id == args.trial);
        match place.map(|place| &overview.trials[place]) {
            Some(trial) => {
                printed.news(trial, &overview, args.format.format)?;
                if !goes_on || trial.status != Status::Unfinished {
                    let rank = place.map_or(0, |place| place + 1);
                    return end(args, &reader, &overview, (rank, trial));
                }
            }
            None if goes_on && overview.outline.has(args.trial) => {}
            None => {
                let (dir, trial) = (args.dir.display(), args.trial);
                return Err(Failure::NotThere(format!(
                    "{dir} has no trial {trial}, and none of that name is going to begin"
                )));
            }
        }
        // a large journal takes a while to read: the study needs the processor more
        sleep(Duration::from_secs_f64(args.every).max(10 * began.elapsed()));
    }
}

/// Says what became of the trial.
fn end(args: &Args, reader: &Reader, overview: &Overview, (rank, trial): (usize, &TrialOverview)) -> Outcome {
    match args.format.format {
        Format::Json => output::print(&output::json_line(&TrialView::new(overview, rank.saturating_sub(1)))?),
        Format::Text => output::print(&format!("\n{}", show::fate(reader, overview, rank, trial))),
    }
}

impl Printed {
    /// Prints what is new of a trial.
    fn news(&mut self, trial: &TrialOverview, overview: &Overview, format: Format) -> Outcome {
        for stage in trial.stages.iter().skip(self.stages) {
            match format {
                Format::Json => {
                    for epoch in EpochView::of(stage) {
                        output::print(&output::json_line(&epoch)?)?;
                    }
                }
                Format::Text => self.epochs(stage, trial.score.map(|(_, epoch)| epoch))?,
            }
        }
        self.stages = self.stages.max(trial.stages.len());
        let Some((stage, worker, _)) = trial.running.filter(|_| format == Format::Text) else {
            return Ok(());
        };
        if self.begun.replace(stage) == Some(stage) {
            return Ok(());
        }
        let stages = overview.outline.stages_of(trial.id).map_or(0, <[_]>::len);
        let (stage, worker) = (u64::from(stage) + 1, u64::from(worker) + 1);
        let text = format!(
            "Stage {stage} of {stages} is being trained by worker {worker}; its epochs follow when it has ended"
        );
        output::print(&format!("{}\n", Style::new().cyan().apply_to(text)))
    }

    /// Prints the epochs of a stage as lines of a table.
    fn epochs(&mut self, stage: &StageRecord, best: Option<u64>) -> Outcome {
        const LEAST: usize = 10;
        let width = |name: &String| measure_text_width(&printable(name)).max(LEAST);
        let mut lines = String::new();
        if stage.history.metrics() != self.metrics {
            self.metrics = stage.history.metrics().to_vec();
            let titles = self.metrics.iter().map(|name| format!("  {:>1$}", printable(name), width(name)));
            let titles = format!("epoch  stage{}", titles.collect::<String>());
            lines += &format!("{}\n", Style::new().bold().apply_to(titles));
        }
        for (epoch, row) in (stage.from + 1..).zip(stage.history.rows()) {
            let values = self.metrics.iter().zip(row);
            let values = values.map(|(name, value)| format!("  {:>1$}", text::number(*value), width(name)));
            let line = format!("{epoch:>5}  {:>5}{}", stage.stage + 1, values.collect::<String>());
            let is_best = best == Some(epoch);
            let style = if is_best { Style::new().green() } else { Style::new() };
            let mark = if is_best { "  score" } else { "" };
            lines += &format!("{}\n", style.apply_to(line + mark));
        }
        output::print(&lines)
    }
}
