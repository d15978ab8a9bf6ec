//! The pages of a server: a study while it runs, a trial, and a list of studies.
//!
//! They have the same templates as the report, but ask the server for their style and script, so that it can
//! forbid all others; and they ask it what is new.

use askama::Template;

use super::chart::COLOURS;
use super::lists::{place, running_at};
use super::page::{SCRIPT, STYLE};
use super::pictures;
use super::stamp::stamped;
use super::{Report, importance, page};
use crate::error::Result;
use crate::observe::Wording;
use crate::observe::text::{number, seconds};
use crate::printable::printable_page;
use crate::repository::{End, Origin, Overview, Reader, StageRecord, TrialOverview};
use crate::trial::TrialId;

/// The style of the pages of a server, which expect it at `/style.css`.
pub fn style() -> String {
    format!("{COLOURS}{STYLE}")
}

/// The script of the pages of a server, which expect it at `/script.js`.
pub fn script() -> &'static str {
    SCRIPT
}

impl Report {
    /// What is said about the study, for those who have its directory.
    pub fn overview(&self) -> &Overview {
        &self.overview
    }

    /// Reads the repository again. While the study runs, how much each hyperparameter matters, which takes by
    /// far the most time to find out, is worked out again only once there are a fifth more trials.
    ///
    /// # Errors
    /// As [`read`](Report::read).
    pub fn renewed(&self, reader: &Reader) -> Result<Report> {
        let overview = reader.overview()?;
        let known = self.importance.as_ref().ok().filter(|known| {
            let trials = importance::first_ranks(&overview).len();
            let is_enough = trials >= known.of && trials * 5 <= known.of * 6;
            is_enough && !overview.is_finished()
        });
        Ok(Report::of(reader, overview, known.cloned()))
    }

    /// The page of a server at `/study/NAME`. It follows what is new at `/study/NAME/events`, and links to
    /// `/study/NAME/trial/TRIAL`, `trials.csv`, `epochs.csv`, `results.ron` and `report.html`.
    ///
    /// `version` says what it was made of: the events named `changed` at that address carry a version as
    /// their data, and a page with another version reloads itself.
    pub fn served(&self, name: &str, version: &str) -> String {
        page::html(self, Some((name, version)))
    }

    /// The page of a server at `/study/NAME/trial/TRIAL`; `None` if there is no such trial. `has_weights`
    /// says whether to link to its weights, at `/study/NAME/weights/TRIAL.safetensors`.
    pub fn trial(&self, name: &str, version: &str, id: TrialId, has_weights: bool) -> Option<String> {
        let rank = self.overview.trials.iter().position(|trial| trial.id == id)?;
        let trial = &self.overview.trials[rank];
        let page = TrialPage {
            served: name,
            version,
            study: page::title(self),
            trial: id.to_string(),
            facts: facts(&self.overview, rank, trial),
            reason: reason(trial),
            hparams: Wording::new(&self.overview.study.space).fields(&trial.hparams),
            exact: trial.hparams.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
            model: trial.model.iter().map(|(name, text)| (name.clone(), text.clone())).collect(),
            no_curves: no_curves(trial),
            curves: pictures::metrics(trial).iter().map(|picture| picture.in_page()).collect(),
            stages: trial.stages.iter().map(stage).collect(),
            has_weights,
        };
        Some(stamped(&printable_page(&page.render().unwrap_or_default())))
    }
}

#[derive(Template)]
#[template(path = "trial.html")]
struct TrialPage<'a> {
    served: &'a str,
    version: &'a str,
    study: String,
    trial: String,
    facts: Vec<(&'static str, String)>,
    reason: Option<String>,
    hparams: Vec<(String, String)>,
    exact: Vec<(String, String)>,
    model: Vec<(String, String)>,
    curves: Vec<String>,
    no_curves: &'static str,
    stages: Vec<[String; 6]>,
    has_weights: bool,
}

fn facts(overview: &Overview, rank: usize, trial: &TrialOverview) -> Vec<(&'static str, String)> {
    let status = match trial.running {
        Some((stage, worker, _)) => {
            let place = running_at(overview, trial, worker);
            format!("in stage {} on worker {place}", u64::from(stage) + 1)
        }
        None => trial.status.to_string(),
    };
    let monitor = &overview.study.monitor;
    let score = trial.score.map_or_else(
        || "none".to_owned(),
        |(score, epoch)| format!("{monitor} {} in epoch {epoch}", number(score)),
    );
    let time: f64 = trial.stages.iter().map(|stage| stage.seconds).sum();
    let mut facts = vec![
        ("Status", status),
        ("Score", score),
        ("Rank", format!("{} of {}", rank + 1, overview.trials.len())),
        ("Epochs", trial.epochs().to_string()),
        ("Training time", seconds(time)),
    ];
    if overview.has_origins() {
        facts.push(("Configuration", trial.origin.map_or("not known", Origin::word).to_owned()));
    }
    facts
}

/// Why a trial has no pictures, where it has none.
fn no_curves(trial: &TrialOverview) -> &'static str {
    match trial.stages.last().map(|stage| &stage.end) {
        None => "No stage of it has ended yet.",
        Some(End::Trained) => "It reported nothing that can be drawn.",
        Some(End::Diverged { .. } | End::Failed { .. }) => "It failed before an epoch had ended.",
    }
}

fn reason(trial: &TrialOverview) -> Option<String> {
    match &trial.stages.last()?.end {
        End::Trained => None,
        End::Diverged { epoch, reason } => Some(format!("Diverged in epoch {epoch}: {reason}")),
        End::Failed { epoch: 0, reason } => Some(format!("Failed to build: {reason}")),
        End::Failed { epoch, reason } => Some(format!("Failed in epoch {epoch}: {reason}")),
    }
}

fn stage(stage: &StageRecord) -> [String; 6] {
    let end = match stage.stopped_at() {
        Some(epoch) => format!("stopped early after epoch {epoch}"),
        None => stage.end.status().map_or_else(|| "trained".to_owned(), |status| status.to_string()),
    };
    let epochs = match stage.from.saturating_add(1) {
        only if only >= stage.to => only.to_string(),
        first => format!("{first} to {}", stage.to),
    };
    [
        (u64::from(stage.stage) + 1).to_string(),
        epochs,
        stage.score.map_or_else(String::new, |(score, epoch)| format!("{} (epoch {epoch})", number(score))),
        end,
        place(stage.machine, stage.worker),
        seconds(stage.seconds),
    ]
}
