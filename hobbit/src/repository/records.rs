//! What the files of a repository say, as data.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::origin::Origin;
use super::reason::{self, StopReason};
use crate::objective::History;
use crate::schedule::{Algorithm, Ended};
use crate::search::Point;
use crate::space::Value;
use crate::trial::{Direction, TrialId};

/// The version of the format of `results.ron`.
pub const RESULTS_FORMAT: u32 = 1;

/// Seconds since 1970, with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub f64);

impl Timestamp {
    /// This moment, by the machine's clock.
    pub fn now() -> Timestamp {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(elapsed.as_millis() as u64 as f64 / 1000.0)
    }

    /// The moment this many seconds after the beginning of 1970.
    pub fn from_secs_f64(seconds: f64) -> Timestamp {
        Timestamp(seconds)
    }

    /// The seconds since the beginning of 1970.
    pub fn as_secs_f64(self) -> f64 {
        self.0
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// One line of `journal.ron`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Record {
    /// A process began to work on the study.
    Opened {
        /// When.
        time: Timestamp,
        /// The version of hobbit.
        hobbit: String,
        /// The machine.
        host: String,
        /// The process.
        pid: u32,
        /// The number of its workers.
        workers: u32,
        /// The descriptions that count from here on instead of those written before. Always there, unless an
        /// older hobbit wrote the record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        descriptions: Option<Descriptions>,
    },
    /// The study was made larger: from here on these values count instead of those in `study.ron`.
    Extended {
        /// When.
        time: Timestamp,
        /// The algorithm with its new size.
        algorithm: Algorithm,
    },
    /// A worker began a stage of a trial.
    Started {
        /// When.
        time: Timestamp,
        /// The trial.
        trial: TrialId,
        /// The stage, counted from 0.
        stage: u32,
        /// The worker, counted from 0.
        worker: u32,
        /// The worker's machine; 0, which is left out, is that of the process that opened the repository.
        #[serde(default, skip_serializing_if = "is_zero")]
        machine: u32,
        /// The trial's hyperparameters, in its first stage.
        hparams: Vec<(String, Value)>,
        /// What the objective makes of them, in the trial's first stage:
        /// [`Objective::describe_trial`](crate::Objective::describe_trial).
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        model: BTreeMap<String, String>,
        /// The point of the unit cube that its hyperparameters have, in the trial's first stage, unless an
        /// older hobbit wrote the record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        point: Option<Point>,
        /// Where its configuration is from, in the trial's first stage, if the study has a sampler. Without
        /// one it is clear, and left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<Origin>,
    },
    /// A stage of a trial ended.
    Stage(StageRecord),
    /// A trial's life is over. That follows from the outcomes before it, and is written after the last of
    /// them, unless the process ended in between.
    Ended {
        /// The trial.
        trial: TrialId,
        /// What became of it.
        status: Status,
    },
    /// Another machine joined the process that runs the sweep, left it, or was lost.
    Machine {
        /// When.
        time: Timestamp,
        /// The machine, counted from 1 by the process that runs the sweep.
        machine: u32,
        /// The machine's name.
        host: String,
        /// The process on it.
        pid: u32,
        /// What happened.
        change: MachineChange,
    },
    /// A process ended its work on the study.
    Closed {
        /// When.
        time: Timestamp,
        /// Why it stopped before the end of the plan; `None` if it reached it.
        reason: Option<StopReason>,
    },
}

/// What happened to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MachineChange {
    /// It trains for the sweep.
    Joined {
        /// The most stages that it trains at once.
        slots: u32,
    },
    /// It left in order, and handed back what it had.
    Left,
    /// Nothing was heard of it for too long. It joins again if it comes back.
    Lost,
}

/// What a process takes for the descriptions of an objective and its trials, where that is not what the
/// repository says.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Descriptions {
    /// The differences that [`accept_changes`](crate::Hyperband::accept_changes) accepted, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<String>,
    /// The description of the objective, if it has changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objective: Option<BTreeMap<String, String>>,
    /// The descriptions of trials that have changed, or were not known before.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<TrialId, BTreeMap<String, String>>,
    /// What the process computes with: [`Objective::numerics`](crate::Objective::numerics). Always there,
    /// unless an older hobbit wrote the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numerics: Option<String>,
}

/// The outcome of one stage of one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    /// When it ended.
    pub time: Timestamp,
    /// The trial.
    pub trial: TrialId,
    /// The stage, counted from 0.
    pub stage: u32,
    /// The epochs the trial had before.
    pub from: u64,
    /// The epochs it was to have afterwards. A trial that [stopped early](StageRecord::stopped_at) has fewer.
    pub to: u64,
    /// How it ended.
    pub end: End,
    /// The trial's score after this stage, and the epoch (counted from 1) that it is from.
    pub score: Option<(f64, u64)>,
    /// The number of times that the trial has failed and was restarted.
    pub attempt: u32,
    /// The worker, counted from 0.
    pub worker: u32,
    /// The worker's machine; 0, which is left out, is that of the process that opened the repository.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub machine: u32,
    /// How long training took; of a trial that was trained together with others, its share of that.
    pub seconds: f64,
    /// The metrics of each epoch of the stage that was trained.
    pub history: History,
}

/// How a stage of a trial ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum End {
    /// It was trained as planned.
    Trained,
    /// The monitored metric was NaN or infinite, or the objective's
    /// [`training_loss`](crate::Objective::training_loss).
    Diverged {
        /// The epoch, counted from 1.
        epoch: u64,
        /// Which value it was.
        reason: String,
    },
    /// It could not be trained.
    Failed {
        /// The epoch that failed, counted from 1; 0 while the model was built.
        epoch: u64,
        /// The error, the panic message or the limit.
        reason: String,
    },
}

impl End {
    /// What became of a trial whose stage ended so; nothing if it was trained, because that depends on the
    /// others.
    pub(crate) fn status(&self) -> Option<Status> {
        match self.clone() {
            End::Trained => None,
            End::Diverged { epoch, reason } => Some(Status::Diverged { epoch, reason }),
            End::Failed { epoch, reason } => Some(Status::Failed { epoch, reason }),
        }
    }
}

impl Record {
    /// What of it no process can have written, whatever its checksum says, so that whoever reads it may count
    /// on its numbers; all but times, since clocks show anything.
    pub(super) fn fault(&self) -> Option<&'static str> {
        match self {
            Record::Extended { algorithm, .. } => {
                let is_empty = algorithm.outline().map_or(true, |outline| outline.total_epochs() == 0);
                is_empty.then_some("a study has at least one epoch")
            }
            Record::Stage(record) => record.fault(),
            Record::Machine { machine, .. } => {
                (*machine == 0).then_some("a machine that joins has a number from 1 on")
            }
            Record::Opened { .. } | Record::Started { .. } | Record::Ended { .. } | Record::Closed { .. } => {
                None
            }
        }
    }
}

impl StageRecord {
    /// What of it no process can have written.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let Some(epochs) = self.to.checked_sub(self.from) else { return Some("it ends before it begins") };
        let last = match &self.end {
            End::Trained => 0,
            End::Diverged { epoch, .. } | End::Failed { epoch, .. } => *epoch,
        };
        if last > self.to {
            return Some("it failed in an epoch that its stage does not have");
        }
        if self.score.is_some_and(|(score, epoch)| !score.is_finite() || epoch == 0 || epoch > self.to) {
            return Some("its score is none, or of an epoch that it did not have");
        }
        if !self.history.is_sound() || self.history.len() as u64 > epochs {
            return Some("its metrics are not those of its epochs");
        }
        None
    }

    /// The epoch (counted from 1) after which the trial was stopped, before the end of the stage: early
    /// stopping. `None` if it was trained to the end, or failed.
    ///
    /// The last record of a trial that a stopped sweep leaves [unfinished](Status::Unfinished) looks the
    /// same.
    pub fn stopped_at(&self) -> Option<u64> {
        Some(self.reached()).filter(|reached| self.end == End::Trained && *reached < self.to)
    }

    /// The epochs the trial had after the stage; of one that failed, those before.
    pub(crate) fn reached(&self) -> u64 {
        self.from.saturating_add(self.history.len() as u64)
    }

    /// The epochs the trial was trained in the stage, the one that failed included.
    pub(crate) fn epochs(&self) -> u64 {
        match &self.end {
            End::Trained => self.history.len() as u64,
            End::Diverged { epoch, .. } | End::Failed { epoch, .. } => epoch.saturating_sub(self.from),
        }
    }

    /// Whether it is the outcome of a stage that gives a trial `epochs` more, after those that it has had.
    ///
    /// A trial that was stopped early has had fewer than the plan says.
    pub(crate) fn is_of(&self, epochs: u64, had: u64) -> bool {
        self.from == had && self.to.checked_sub(self.from) == Some(epochs)
    }

    /// The score by which the trial is ranked after this stage; none if it failed.
    pub(crate) fn ranked_by(&self) -> Option<f64> {
        self.score.map(|(score, _)| score).filter(|_| self.end == End::Trained)
    }
}

/// What became of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Status {
    /// It reached the last stage of its bracket.
    Finished,
    /// It was not promoted after this stage (counted from 0).
    Dropped(u32),
    /// A value was NaN or infinite.
    Diverged {
        /// The epoch, counted from 1.
        epoch: u64,
        /// Which value it was.
        reason: String,
    },
    /// It could not be trained.
    Failed {
        /// The epoch that failed, counted from 1; 0 while the model was built.
        epoch: u64,
        /// The error, the panic message or the limit.
        reason: String,
    },
    /// The sweep was stopped before its end.
    Unfinished,
}

impl From<Ended> for Status {
    /// What becomes of a trial that did not fail.
    fn from(ended: Ended) -> Status {
        match ended {
            Ended::Finished => Status::Finished,
            Ended::Dropped { stage } => Status::Dropped(stage),
        }
    }
}

/// In words, with stages counted from 1: `dropped after stage 2`. Reasons are not among them.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Status::Finished => f.write_str("finished"),
            Status::Dropped(stage) => write!(f, "dropped after stage {}", u64::from(*stage) + 1),
            Status::Diverged { epoch, .. } => write!(f, "diverged in epoch {epoch}"),
            Status::Failed { epoch: 0, .. } => f.write_str("failed to build"),
            Status::Failed { epoch, .. } => write!(f, "failed in epoch {epoch}"),
            Status::Unfinished => f.write_str("unfinished"),
        }
    }
}

/// `results.ron`: the ranked table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResultsRecord<H> {
    /// The version of the files' format.
    pub format: u32,
    /// The most epochs of a stage, of a Hyperband; 0, which is left out, for other algorithms.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub max_epochs: u32,
    /// The cut factor, of a Hyperband.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub eta: u32,
    /// The number of times that the whole Hyperband was run.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub iterations: u32,
    /// The algorithm, if it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<Algorithm>,
    /// The seed.
    pub seed: u64,
    /// The metric that was optimized.
    pub monitor: String,
    /// The direction in which it improves.
    pub direction: Direction,
    /// Why the sweep stopped before the end of its plan; `None` if it reached it.
    #[serde(with = "reason::as_text")]
    pub stopped: Option<StopReason>,
    /// The trials, best first.
    pub trials: Vec<ResultRecord<H>>,
}

/// One trial of a [`ResultsRecord`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResultRecord<H> {
    /// Its place, counted from 1.
    pub rank: u32,
    /// Its name.
    pub trial: TrialId,
    /// What became of it.
    pub status: Status,
    /// Its score; `None` if it failed.
    pub score: Option<f64>,
    /// The epoch (counted from 1) that the score is from.
    pub epoch: Option<u64>,
    /// The number of epochs it was trained for in all.
    pub epochs: u64,
    /// The metrics of the epoch that the score is from; of the last epoch if it failed.
    pub metrics: Vec<(String, f64)>,
    /// Its hyperparameters.
    pub hparams: H,
}

/// The epochs that a trial was trained in all.
pub(crate) fn epochs<S: Borrow<StageRecord>>(status: &Status, stages: &[S]) -> u64 {
    match status {
        Status::Failed { epoch, .. } | Status::Diverged { epoch, .. } => *epoch,
        _ => stages.last().map_or(0, |stage| {
            let stage: &StageRecord = stage.borrow();
            stage.reached()
        }),
    }
}

/// The metrics of an epoch (counted from 1) of a trial; of the one before where it failed.
pub(crate) fn metrics_at<S: Borrow<StageRecord>>(
    stages: &[S],
    epoch: u64,
) -> impl Iterator<Item = (&str, f64)> {
    let mut stages = stages.iter().rev().map(Borrow::borrow);
    let row = stages.find(|stage: &&StageRecord| stage.from < epoch && !stage.history.is_empty()).and_then(
        |stage| {
            let place = (epoch - stage.from).min(stage.history.len() as u64) as usize - 1;
            Some((stage.history.metrics(), stage.history.rows().nth(place)?))
        },
    );
    let (names, values) = row.unwrap_or_default();
    names.iter().map(String::as_str).zip(values.iter().copied())
}

/// That weights are not of the score, and the epoch that it is from, that the journal says, in words.
pub(crate) fn other_score(weights: Option<(f64, u64)>, journal: Option<(f64, u64)>) -> String {
    let text = |score: Option<(f64, u64)>| {
        score
            .map_or_else(|| "no score".to_owned(), |(score, epoch)| format!("score {score} of epoch {epoch}"))
    };
    format!("it has {}, and the journal says {}", text(weights), text(journal))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(
        max_epochs: u32,
        algorithm: Option<Algorithm>,
        stopped: Option<StopReason>,
    ) -> ResultsRecord<()> {
        ResultsRecord {
            format: RESULTS_FORMAT,
            max_epochs,
            eta: max_epochs / 3,
            iterations: max_epochs / 9,
            algorithm,
            seed: 3,
            monitor: "val_loss".to_owned(),
            direction: Direction::Minimize,
            stopped,
            trials: Vec::new(),
        }
    }

    #[test]
    fn results_of_a_hyperband_are_written_as_they_always_were() {
        let hyperband = results(9, None, Some(StopReason::EpochBudget));
        let text = ron::to_string(&hyperband).unwrap();
        let as_ever = "(format:1,max_epochs:9,eta:3,iterations:1,seed:3,monitor:\"val_loss\",direction:Minimize,\
                       stopped:Some(\"the epochs budget is used up\"),trials:[])";
        assert_eq!(text, as_ever);
        assert_eq!(ron::from_str::<ResultsRecord<()>>(&text).unwrap(), hyperband);

        let other = results(0, Some(Algorithm::Random { trials: 9, epochs: 3 }), None);
        let text = ron::to_string(&other).unwrap();
        assert!(text.starts_with("(format:1,algorithm:Some(Random(trials:9,epochs:3)),seed:3,"), "{text}");
        assert_eq!(ron::from_str::<ResultsRecord<()>>(&text).unwrap(), other);
    }
}
