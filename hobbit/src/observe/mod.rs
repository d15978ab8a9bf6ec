//! Sweep events and their observers: the terminal, and observers of your own.

mod brackets;
#[cfg(unix)]
mod capture;
mod columns;
mod console;
mod estimate;
mod live;
#[cfg(feature = "tracing")]
mod log;
mod progress;
mod ranking;
mod row;
mod scene;
mod sheet;
mod table;
pub mod text;
mod wording;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

pub use brackets::{brackets_text, stage_text};
pub(crate) use columns::width;
pub use console::visualize;
pub(crate) use console::{Console, Verbosity, print};
#[cfg(feature = "tracing")]
pub(crate) use log::Log;
pub(crate) use row::Row;
#[cfg(feature = "report")]
pub(crate) use sheet::metric_names;
pub(crate) use sheet::rows_csv;
pub use sheet::{Fate, epochs_csv, trials_csv};
pub use table::names;
#[cfg(feature = "evcxr")]
pub(crate) use table::results_notebook;
pub(crate) use table::{results_summary, results_table};
pub use text::{cell, duration, number};
pub use wording::Wording;

pub use crate::printable::{printable, printable_lines};

use crate::error::BoxError;
use crate::objective::Metrics;
use crate::repository::{Losses, Machine, StageRecord, Status, Ties};
use crate::schedule::{Algorithm, Outline, Plan};
use crate::space::{Space, Value};
use crate::trial::{Direction, TrialId};

/// Something that happened in a sweep.
///
/// The events of one trial come in order; those of different trials are mixed as they happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The sweep begins.
    Started(Arc<StudyInfo>),
    /// A worker begins a stage of a trial. Sent again if the stage was given back unfinished and another
    /// worker takes it.
    StageStarted {
        /// The trial.
        trial: TrialId,
        /// The stage, counted from 0.
        stage: u32,
        /// The epochs the trial had before.
        from: u64,
        /// The epochs it will have afterwards.
        to: u64,
        /// The worker, counted from 0.
        worker: u32,
        /// The trial's hyperparameters.
        hparams: Arc<[(String, Value)]>,
    },
    /// A trial was trained and validated for an epoch.
    Epoch {
        /// The trial.
        trial: TrialId,
        /// The stage, counted from 0.
        stage: u32,
        /// The epoch, counted from 1.
        epoch: u64,
        /// What was measured.
        metrics: Metrics,
    },
    /// A stage of a trial ended, and its outcome is durable.
    StageEnded {
        /// The outcome.
        record: Arc<StageRecord>,
        /// It was trained by an earlier process, and read from the repository.
        replayed: bool,
        /// The trial's hyperparameters.
        hparams: Arc<[(String, Value)]>,
    },
    /// A stage of a trial is left before its end, because the sweep stops. The next process goes on with it.
    StageLeft {
        /// What was trained of it: part of this process's results, but not of the journal.
        record: Arc<StageRecord>,
        /// The trial's hyperparameters.
        hparams: Arc<[(String, Value)]>,
    },
    /// A trial's life is over.
    TrialEnded {
        /// The trial.
        trial: TrialId,
        /// What became of it.
        status: Status,
    },
    /// Something that the user should know.
    Note(String),
    /// The other machines that train for the sweep, and what they are doing. Sent every few seconds.
    Machines(Arc<[Machine]>),
    /// The sweep ends; nothing follows.
    Ended {
        /// Why it stopped before the end of its plan; `None` if it reached it.
        stopped: Option<String>,
    },
}

/// A sweep's settings, as observers see them.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StudyInfo {
    /// The algorithm with its settings.
    pub algorithm: Algorithm,
    /// Its brackets and stages.
    pub outline: Outline,
    /// The brackets of one repetition, as the table of a Hyperband.
    pub plan: Plan,
    /// The number of times they are run.
    pub iterations: u32,
    /// The search space.
    pub space: Space,
    /// The metric that is optimized.
    pub monitor: String,
    /// The direction in which it improves.
    pub direction: Direction,
    /// What decides between equal scores.
    pub ties: Ties,
    /// The seed.
    pub seed: u64,
    /// The number of workers.
    pub workers: u32,
    /// The directory of the repository.
    pub repo_dir: Option<PathBuf>,
    /// The stages that are known from earlier processes and will not be trained again.
    pub known_stages: u64,
    /// The epochs of these stages.
    pub known_epochs: u64,
}

impl StudyInfo {
    /// What finds the losses that decide between equal scores.
    fn losses(&self) -> Losses {
        Losses::new(self.ties, &self.monitor)
    }
}

/// Is notified of what happens while a sweep runs.
///
/// Observers are called one event at a time, from one thread, after what happened is durable; they cannot
/// change the sweep. One that returns an error or panics is not called again, and the user is told why; the
/// sweep goes on.
///
/// Experiment trackers are connected here: `examples/json_lines.rs` writes every event as a line of JSON, to
/// be posted wherever you like. A resumed study reports what earlier processes trained as
/// [`Event::StageEnded`] with `replayed`; an observer that keeps something of its own should not count it
/// twice.
///
/// ```
/// use hobbit::{BoxError, Event, Observer};
///
/// /// Counts the trials that failed.
/// #[derive(Default)]
/// struct Failures(u32);
///
/// impl Observer for Failures {
///     fn event(&mut self, event: &Event) -> Result<(), BoxError> {
///         if let Event::TrialEnded { trial, status: hobbit::Status::Failed { reason, .. } } = event {
///             self.0 += 1;
///             println!("trial {trial} failed, number {}: {reason}", self.0);
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait Observer: Send + 'static {
    /// Takes one event.
    fn event(&mut self, event: &Event) -> Result<(), BoxError>;
}

impl<F: FnMut(&Event) + Send + 'static> Observer for F {
    fn event(&mut self, event: &Event) -> Result<(), BoxError> {
        self(event);
        Ok(())
    }
}

/// What became of a trial, in words: its [`Display`](std::fmt::Display).
pub fn status(status: &Status) -> String {
    status.to_string()
}

/// Tells all observers. One that fails is told nothing more, and the others learn why.
pub(crate) fn tell(observers: &mut Vec<Box<dyn Observer>>, event: &Event) {
    let mut notes = Vec::new();
    observers.retain_mut(|observer| {
        // a panic is printed where it happens, and ends no sweep
        let told = catch_unwind(AssertUnwindSafe(|| observer.event(event)));
        let failed = match told {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => format!("failed and is not called again: {error}"),
            Err(_) => "panicked and is not called again".to_owned(),
        };
        notes.push(format!("an observer {failed}"));
        false
    });
    for note in notes {
        for observer in observers.iter_mut() {
            // whoever fails now is found out at the next event
            let note = Event::Note(note.clone());
            let _ = catch_unwind(AssertUnwindSafe(|| observer.event(&note)));
        }
    }
}
