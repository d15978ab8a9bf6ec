//! Why a trial cannot be trained on, and which of an objective's errors means what.

use crate::error::{BoxError, Error};
use crate::objective::{Interrupted, OutOfMemory};
use crate::trial::TrialId;

/// Why a trial cannot be trained on.
pub(super) enum Trouble {
    Diverged {
        epoch: u64,
        reason: String,
    },
    Failed {
        epoch: u64,
        reason: String,
    },
    /// A device's memory is full.
    Memory {
        epoch: u64,
        reason: String,
    },
    /// The process leaves; nothing is recorded.
    Left,
}

/// Calls the objective; its errors become failures of this epoch.
#[inline]
pub(super) fn attempt<T>(epoch: u64, code: impl FnOnce() -> Result<T, BoxError>) -> Result<T, Trouble> {
    // an epoch may take hardly longer than a call
    code().map_err(|error| trouble(epoch, error))
}

#[cold]
fn trouble(epoch: u64, error: BoxError) -> Trouble {
    match error.downcast_ref() {
        Some(Interrupted::Stopped) => Trouble::Left,
        _ if is_out_of_memory(&*error) => Trouble::Memory { epoch, reason: chain(&*error) },
        _ => Trouble::Failed { epoch, reason: chain(&*error) },
    }
}

fn is_out_of_memory(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<OutOfMemory>() || error.source().is_some_and(is_out_of_memory)
}

/// Whether a trial panicked because what it prints goes nowhere any more: into a pipe that was closed, or
/// onto a full disk. `println!` panics then, in whichever trial is the next to print. That is the fault of
/// none.
pub(super) fn is_unheard(reason: &str) -> bool {
    let printing = |(_, said): (&str, &str)| said.contains(": failed printing to std");
    reason.starts_with("panicked at ") && reason.split_once("stdio.rs:").is_some_and(printing)
}

/// The error that ends a sweep whose trials cannot print.
pub(super) fn unheard(trial: TrialId, reason: &str) -> Error {
    let why = reason.split_once("failed printing to ").map_or(reason, |(_, why)| why);
    Error::study(format!(
        "trial {trial} prints, which is no longer possible ({why}); it is trained again when the sweep is continued"
    ))
}

/// Names of metrics, for a message.
pub(in crate::runner) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// An error with what caused it, in one line.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        source = error.source();
    }
    text
}
