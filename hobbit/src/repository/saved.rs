//! What a trial's saved model is, and what its file says of it.

use std::collections::BTreeMap;

use safetensors::tensor::Dtype;
use serde::{Deserialize, Serialize};

use crate::objective::{Checkpoint, History};
use crate::trial::TrialId;

/// The version of the format of weights that this hobbit writes, and the newest it reads.
pub(crate) const WEIGHTS_FORMAT: u32 = 1;

/// What a checkpoint says of its trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedState {
    /// The version of the files' format.
    pub format: u32,
    /// The trial.
    pub trial: TrialId,
    /// The number of times that the trial has failed and was restarted.
    pub attempt: u32,
    /// The number of epochs it has been trained for.
    pub epoch: u64,
    /// Its score so far, and the epoch (counted from 1) that it is from.
    pub score: Option<(f64, u64)>,
    /// The epochs it had when its present stage began.
    pub from: u64,
    /// The metrics of each epoch since `from`.
    pub history: History,
    /// Whether the stage is over before its planned end: early stopping.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
}

impl SavedState {
    pub(super) fn is_sound(&self) -> bool {
        let score =
            self.score.is_none_or(|(score, epoch)| score.is_finite() && (1..=self.epoch).contains(&epoch));
        let epochs = self.epoch.saturating_sub(self.from);
        score && self.history.is_sound() && self.history.len() as u64 <= epochs
    }
}

/// A trial's saved model.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedModel {
    /// Where the trial stands.
    pub state: SavedState,
    /// The model at the epoch of the score.
    pub best: Checkpoint,
    /// The model as it is at `state.epoch`, if that is another epoch.
    pub last: Option<Checkpoint>,
}

pub(super) const LAST: &str = "last/";
pub(super) const KEY: &str = "hobbit";
/// The bytes of the longest header: the format's own limit.
pub(super) const MOST_HEADER: usize = 100_000_000;
/// How much of a file is read or written at once.
pub(super) const PIECE: usize = 1 << 20;

/// What is in the file's metadata, behind its checksum.
#[derive(Serialize, Deserialize)]
pub(super) struct Info {
    pub(super) state: SavedState,
    pub(super) best: BTreeMap<String, String>,
    pub(super) last: Option<BTreeMap<String, String>>,
}

/// What the checksum of a checkpoint has before the bytes of an array. It is over the text, and over the
/// names, types, shapes and bytes of the arrays in order of their names.
pub(super) fn label(name: &str, dtype: Dtype, shape: &[usize]) -> String {
    format!("\n{name}: {dtype:?} {shape:?}\n")
}
