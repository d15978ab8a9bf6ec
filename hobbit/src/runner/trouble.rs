//! Why a trial cannot be trained on, and which of an objective's errors means what.

use crate::error::BoxError;
use crate::objective::{Interrupted, OutOfMemory};

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
pub(super) fn attempt<T>(epoch: u64, code: impl FnOnce() -> Result<T, BoxError>) -> Result<T, Trouble> {
    code().map_err(|error| match error.downcast_ref() {
        Some(Interrupted::Stopped) => Trouble::Left,
        _ if is_out_of_memory(&*error) => Trouble::Memory { epoch, reason: chain(&*error) },
        _ => Trouble::Failed { epoch, reason: chain(&*error) },
    })
}

fn is_out_of_memory(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<OutOfMemory>() || error.source().is_some_and(is_out_of_memory)
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
