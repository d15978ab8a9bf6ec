//! Reports: what came of orders, as plain data.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::metrics::Metrics;
use crate::repository::{Arrived, SavedModel, StageRecord};
use crate::schedule::Assignment;
use crate::search::Point;
use crate::space::Value;
use crate::trial::TrialId;

/// What came of an [order](super::Order).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The outcome of the stage.
    pub record: Arc<StageRecord>,
    /// The trial's state, to be kept as its checkpoint; `None` if it failed, or if the sweep
    /// [saves](super::Terms::saves) none.
    #[serde(with = "model")]
    pub model: Option<Box<SavedModel>>,
    /// The stage was left before its end, because the sweep stops or the worker does.
    pub unfinished: bool,
    /// It failed while it was trained. What fails while the sweep is being stopped may have been stopped with
    /// it, and is trained again when the sweep is continued.
    pub failed_now: bool,
}

/// A [report](Report), and its checkpoint if that is in a file of the desk's instead.
#[derive(Debug)]
pub struct Delivery {
    /// What came of the order.
    pub report: Report,
    /// The trial's state: [`Desk::incoming`](super::Desk::incoming). The report has no model then.
    pub file: Option<Box<Arrived>>,
}

impl From<Report> for Delivery {
    fn from(report: Report) -> Delivery {
        Delivery { report, file: None }
    }
}

/// A worker begins a stage of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Beginning {
    /// The trial, its stage and its epochs.
    pub assignment: Assignment,
    /// The trial's hyperparameters.
    pub hparams: Vec<(String, Value)>,
    /// What the objective makes of them, in the trial's first stage:
    /// [`Objective::describe_trial`](crate::Objective::describe_trial).
    pub model: BTreeMap<String, String>,
    /// Their point of the unit cube, in the trial's first stage.
    pub point: Option<Point>,
}

/// An epoch of a trial has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochNews<'a> {
    /// The trial.
    pub trial: TrialId,
    /// The stage, counted from 0.
    pub stage: u32,
    /// The epoch, counted from 1.
    pub epoch: u64,
    /// What was measured.
    pub metrics: Cow<'a, Metrics>,
    /// The trial's score so far.
    pub score: Option<f64>,
}

/// A saved model as the bytes of its file.
mod model {
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::repository::SavedModel;

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(
        model: &Option<Box<SavedModel>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let bytes = model.as_ref().map(|model| model.to_bytes()).transpose();
        bytes.map_err(S::Error::custom)?.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Box<SavedModel>>, D::Error> {
        let bytes = Option::<Vec<u8>>::deserialize(deserializer)?;
        let model = bytes.map(|bytes| SavedModel::from_bytes(&bytes).map(Box::new));
        model.transpose().map_err(D::Error::custom)
    }
}
