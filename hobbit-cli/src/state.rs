//! What a study is doing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hobbit::Status;
use hobbit::observe;
use hobbit::observe::text::{count, duration};
use hobbit::repository::{Overview, Process, Reader, Timestamp, TrialOverview};
use serde::Serialize;

use crate::output;

/// What a study is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// No process has worked on it yet.
    New,
    /// A process works on it.
    Running,
    /// A process on another machine works on it, or was killed.
    Elsewhere,
    /// Its last process is gone without a word.
    Killed,
    /// Its last process stopped before the end.
    Stopped,
    /// The plan was carried out.
    Finished,
}

impl State {
    pub(crate) fn of(overview: &Overview) -> State {
        let Some(last) = overview.processes.last() else { return State::New };
        match (&last.closed, last.is_running()) {
            (Some((_, None)), _) => State::Finished,
            (Some(_), _) => State::Stopped,
            (None, Some(true)) => State::Running,
            (None, Some(false)) => State::Killed,
            (None, None) => State::Elsewhere,
        }
    }

    /// Whether a process may be working on the study.
    pub(crate) fn is_live(self) -> bool {
        matches!(self, State::Running | State::Elsewhere)
    }

    /// In a word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            State::New => "not begun",
            State::Running => "running",
            State::Elsewhere => "running elsewhere",
            State::Killed => "killed",
            State::Stopped => "stopped",
            State::Finished => "finished",
        }
    }

    /// In a sentence.
    pub(crate) fn sentence(self, overview: &Overview) -> String {
        let Some(last) = overview.processes.last() else {
            return "not begun: no process has worked on it yet".to_owned();
        };
        let Process { host, pid, workers, opened, closed, .. } = last;
        let for_so_long = |since: Timestamp| duration(between(since, Timestamp::now()));
        // the clock may have been set back before the end was written
        let end = |time: Timestamp| ago(later(time, last_sign(overview)));
        match (self, closed) {
            (State::Running, _) => {
                format!(
                    "running: process {pid} on {host}, {} for {}",
                    count(*workers, "worker"),
                    for_so_long(*opened)
                )
            }
            (State::Elsewhere, _) => format!(
                "running, as far as the journal tells: process {pid} is on {host}, and cannot be seen from here; its last \
                 sign of life is from {}",
                ago(last_sign(overview))
            ),
            (State::Killed, _) => format!(
                "killed: process {pid} on {host} is gone, its last sign of life is from {}; run its program again to \
                 continue",
                ago(last_sign(overview))
            ),
            (State::Stopped, Some((time, Some(reason)))) => {
                format!("stopped {}: {reason}; run its program again to continue", end(*time))
            }
            (_, Some((time, _))) => {
                format!("finished {}, after {}", end(*time), duration(worked(overview)))
            }
            _ => self.word().to_owned(),
        }
    }
}

/// How long ago something was, in words. Clocks of machines differ, and may be set back.
fn ago(time: Timestamp) -> String {
    /// So many seconds are no difference worth telling of.
    const SAME: f64 = 60.0;
    let now = Timestamp::now();
    if time.0 - now.0 > SAME {
        return "at a time that this machine's clock has not reached yet".to_owned();
    }
    format!("{} ago", duration(between(time, now)))
}

fn later(a: Timestamp, b: Timestamp) -> Timestamp {
    if b > a { b } else { a }
}

/// How long processes worked on a study in all.
pub(crate) fn worked(overview: &Overview) -> Duration {
    let next = overview.processes.iter().skip(1).map(|next| Some(next.opened)).chain([None]);
    let times = overview.processes.iter().zip(next).map(|(process, next)| {
        let sign = last_sign_between(overview, process.opened, next);
        let end = process.closed.as_ref().map_or(sign, |(time, _)| later(*time, sign));
        between(process.opened, end)
    });
    times.fold(Duration::ZERO, Duration::saturating_add)
}

/// The latest time in the journal.
fn last_sign(overview: &Overview) -> Timestamp {
    let opened = overview.processes.last().map_or(Timestamp(0.0), |last| last.opened);
    last_sign_between(overview, opened, None)
}

fn last_sign_between(overview: &Overview, from: Timestamp, to: Option<Timestamp>) -> Timestamp {
    let ended = overview.trials.iter().flat_map(|trial| &trial.stages).map(|stage| stage.time);
    let begun = overview.trials.iter().filter_map(|trial| trial.running).map(|(_, _, since)| since);
    let times = ended.chain(begun).filter(|time| to.is_none_or(|to| *time < to));
    times.fold(from, later)
}

/// The time between; nothing if clocks disagree.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from_secs_f64(to.0 - from.0).unwrap_or_default()
}

/// How long the rest of a running study takes.
pub(crate) fn time_left(overview: &Overview) -> Option<Duration> {
    let pace = overview.pace().filter(|_| State::of(overview).is_live())?;
    Duration::try_from_secs_f64(overview.epochs_left() as f64 / pace).ok()
}

/// What became of a trial, or is becoming.
pub(crate) fn fate(trial: &TrialOverview, state: State) -> String {
    match (&trial.status, trial.running) {
        (Status::Unfinished, Some((stage, ..))) if state.is_live() => format!("running stage {}", stage + 1),
        (Status::Unfinished, Some((stage, ..))) => format!("interrupted in stage {}", stage + 1),
        (status, _) => status.to_string(),
    }
}

/// Where a trial's weights are; in words, why they are not.
pub(crate) fn weights(reader: &Reader, trial: &TrialOverview) -> Result<PathBuf, String> {
    let path = reader.model_path(trial.id);
    let (id, file) = (trial.id, path.display());
    match path.try_exists() {
        Ok(true) => Ok(path),
        Ok(false) => Err(format!(
            "the weights of trial {id} are missing: {file} is not there. They were removed, or the study keeps none"
        )),
        Err(error) => Err(format!("the weights of trial {id} cannot be read: {file}: {error}")),
    }
}

/// What a study is about, on a line.
pub(crate) fn title(dir: &Path, overview: &Overview) -> String {
    let study = &overview.study;
    let iterations = study.iterations();
    let times = if iterations > 1 { format!(", {iterations} times") } else { String::new() };
    format!(
        "{}: {} {}, {}{times}, seed {}",
        output::shown_path(dir),
        study.direction,
        observe::printable(&study.monitor),
        study.sizes(),
        study.seed
    )
}
