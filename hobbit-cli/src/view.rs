//! A study as JSON: the field names that programs rely on.
//!
//! Stages are counted from 1, as in the texts. Scores and metrics that are not finite are `null`;
//! hyperparameters that are not are the texts `NaN`, `inf` and `-inf`, which Python's `float` reads, so that
//! it can be told which they are.

use hobbit::observe::Fate;
use hobbit::repository::{
    Doing, End, MachineOverview, Origin, Overview, Process, Reader, StageOverview, StageRecord, StudyRecord,
    TrialOverview,
};
use hobbit::schedule::Algorithm;
use hobbit::space::Value;
use serde::ser::{Serialize, Serializer};

use crate::state;

/// Names and values, in their order.
pub(crate) struct Map<T>(pub(crate) Vec<(String, T)>);

impl<T: Serialize> Serialize for Map<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// A hyperparameter's value.
pub(crate) struct Plain(pub(crate) Value);

impl Serialize for Plain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::UInt(value) => serializer.serialize_u64(*value),
            Value::Float(value) if value.is_finite() => serializer.serialize_f64(*value),
            other => serializer.collect_str(other),
        }
    }
}

/// What a study is.
#[derive(serde::Serialize)]
pub(crate) struct StudyView {
    monitor: String,
    direction: String,
    max_epochs: Option<u32>,
    eta: Option<u32>,
    epoch_count: String,
    iterations: u32,
    /// An algorithm other than Hyperband: its name and its numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    algorithm: Option<AlgorithmView>,
    seed: u64,
    /// How trials are promoted, unless the best are.
    #[serde(skip_serializing_if = "Option::is_none")]
    promotion: Option<String>,
    /// What the sampler knew before the first trial.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warm_start: Vec<String>,
    hobbit: String,
}

/// An algorithm and its numbers.
#[derive(serde::Serialize)]
pub(crate) struct AlgorithmView {
    name: &'static str,
    #[serde(flatten)]
    numbers: Map<u64>,
}

impl AlgorithmView {
    /// None of Hyperband, whose numbers have names of their own.
    pub(crate) fn new(algorithm: &Algorithm) -> Option<AlgorithmView> {
        if let Algorithm::Hyperband { .. } = algorithm {
            return None;
        }
        let settings = algorithm.settings().into_iter();
        let numbers = settings.filter_map(|number| Some((number.key.to_owned(), number.value.parse().ok()?)));
        Some(AlgorithmView { name: algorithm.name(), numbers: Map(numbers.collect()) })
    }
}

impl StudyView {
    pub(crate) fn new(study: &StudyRecord) -> StudyView {
        StudyView {
            monitor: study.monitor.clone(),
            direction: study.direction.to_string(),
            max_epochs: study.max_epochs(),
            eta: study.eta(),
            epoch_count: study.epoch_count().to_string(),
            iterations: study.iterations(),
            algorithm: AlgorithmView::new(&study.algorithm),
            seed: study.seed,
            promotion: study.promotion.map(|promotion| promotion.to_string()),
            warm_start: study.warm_start.iter().map(ToString::to_string).collect(),
            hobbit: study.hobbit.clone(),
        }
    }
}

/// A process that worked on a study. Times are seconds since 1970.
#[derive(serde::Serialize)]
pub(crate) struct ProcessView {
    host: String,
    pid: u32,
    workers: u32,
    opened: f64,
    closed: Option<f64>,
    reason: Option<String>,
}

impl ProcessView {
    pub(crate) fn new(process: &Process) -> ProcessView {
        ProcessView {
            host: process.host.clone(),
            pid: process.pid,
            workers: process.workers,
            opened: process.opened.0,
            closed: process.closed.as_ref().map(|(time, _)| time.0),
            reason: process.closed.as_ref().and_then(|(_, reason)| reason.clone()),
        }
    }
}

/// A process on another machine that trained for a study.
#[derive(serde::Serialize)]
pub(crate) struct MachineView {
    machine: u32,
    host: String,
    pid: u32,
    slots: u32,
    joined: f64,
    gone: Option<f64>,
    lost: bool,
    stages: u64,
    doing: Vec<DoingView>,
}

/// A stage that a machine trains.
#[derive(serde::Serialize)]
struct DoingView {
    trial: String,
    stage: u64,
    epoch: u64,
}

impl MachineView {
    pub(crate) fn new(machine: &MachineOverview) -> MachineView {
        let doing = |Doing { trial, stage, epoch }: &Doing| DoingView {
            trial: trial.to_string(),
            stage: u64::from(*stage) + 1,
            epoch: *epoch,
        };
        MachineView {
            machine: machine.number,
            host: machine.host.clone(),
            pid: machine.pid,
            slots: machine.slots,
            joined: machine.joined.0,
            gone: machine.gone.map(|(time, _)| time.0),
            lost: machine.gone.is_some_and(|(_, lost)| lost),
            stages: machine.stages,
            doing: machine.doing.iter().map(doing).collect(),
        }
    }
}

/// A stage of a bracket.
#[derive(serde::Serialize)]
pub(crate) struct StageView {
    iteration: u32,
    bracket: u32,
    stage: u32,
    planned: u64,
    epochs: u32,
    trained: u64,
    failed: u64,
    running: u64,
}

impl StageView {
    pub(crate) fn new(stage: &StageOverview) -> StageView {
        StageView {
            iteration: stage.iteration,
            bracket: stage.bracket,
            stage: stage.stage + 1,
            planned: stage.planned,
            epochs: stage.epochs,
            trained: stage.trained,
            failed: stage.failed,
            running: stage.running,
        }
    }
}

/// A trial.
#[derive(serde::Serialize)]
pub(crate) struct TrialView {
    rank: usize,
    trial: String,
    status: &'static str,
    dropped_after_stage: Option<u32>,
    failed_in_epoch: Option<u64>,
    reason: Option<String>,
    score: Option<f64>,
    epoch: Option<u64>,
    epochs: u64,
    /// Where its configuration is from, in studies of which there is something to say about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'static str>,
    hparams: Map<Plain>,
    metrics: Map<f64>,
}

impl TrialView {
    /// That of the trial at a place in the list of all, counted from 0.
    pub(crate) fn new(overview: &Overview, row: usize) -> TrialView {
        let trial = &overview.trials[row];
        let fate = Fate::of(trial);
        TrialView {
            rank: row + 1,
            trial: trial.id.to_string(),
            status: fate.word,
            dropped_after_stage: fate.dropped_after_stage,
            failed_in_epoch: fate.failed_in_epoch,
            reason: fate.reason.map(str::to_owned),
            score: trial.score.map(|(score, _)| score),
            epoch: trial.score.map(|(_, epoch)| epoch),
            epochs: trial.epochs(),
            origin: trial.origin.filter(|_| overview.has_origins()).map(Origin::word),
            hparams: hparams(trial),
            metrics: Map(trial.score_metrics().map(|(name, value)| (name.to_owned(), value)).collect()),
        }
    }
}

/// A trial's hyperparameters.
pub(crate) fn hparams(trial: &TrialOverview) -> Map<Plain> {
    Map(trial.hparams.iter().map(|(name, value)| (name.clone(), Plain(value.clone()))).collect())
}

/// A trial with everything that is known of it.
#[derive(serde::Serialize)]
pub(crate) struct WholeTrialView {
    #[serde(flatten)]
    trial: TrialView,
    stages: Vec<OutcomeView>,
    history: Vec<EpochView>,
}

/// The outcome of a stage of a trial. `ended` is in seconds since 1970.
#[derive(serde::Serialize)]
struct OutcomeView {
    stage: u32,
    from: u64,
    to: u64,
    end: &'static str,
    /// The epoch after which it was stopped early.
    stopped_at: Option<u64>,
    attempt: u32,
    worker: u32,
    seconds: f64,
    ended: f64,
}

/// The metrics of an epoch.
#[derive(serde::Serialize)]
pub(crate) struct EpochView {
    epoch: u64,
    stage: u32,
    metrics: Map<f64>,
}

impl EpochView {
    /// The epochs of a stage.
    pub(crate) fn of(stage: &StageRecord) -> impl Iterator<Item = EpochView> {
        (stage.from + 1..).zip(stage.history.rows()).map(|(epoch, row)| EpochView {
            epoch,
            stage: stage.stage + 1,
            metrics: Map(stage.history.metrics().iter().cloned().zip(row.iter().copied()).collect()),
        })
    }
}

impl WholeTrialView {
    pub(crate) fn new(overview: &Overview, row: usize) -> WholeTrialView {
        let trial = &overview.trials[row];
        let outcome = |stage: &StageRecord| OutcomeView {
            stage: stage.stage + 1,
            from: stage.from,
            to: stage.to,
            end: match stage.end {
                End::Trained => "trained",
                End::Diverged { .. } => "diverged",
                End::Failed { .. } => "failed",
            },
            stopped_at: stage.stopped_at(),
            attempt: stage.attempt,
            worker: stage.worker,
            seconds: stage.seconds,
            ended: stage.time.0,
        };
        WholeTrialView {
            trial: TrialView::new(overview, row),
            stages: trial.stages.iter().map(outcome).collect(),
            history: trial.stages.iter().flat_map(EpochView::of).collect(),
        }
    }
}

/// The best trial.
#[derive(serde::Serialize)]
pub(crate) struct BestView {
    #[serde(flatten)]
    trial: TrialView,
    /// What of the path is not text is replaced: JSON has no other way to write it.
    weights: Option<String>,
}

impl BestView {
    pub(crate) fn new(overview: &Overview, reader: &Reader) -> Option<BestView> {
        let best = overview.best()?;
        let weights = state::weights(reader, best).ok();
        let weights = weights.map(|path| path.to_string_lossy().into_owned());
        Some(BestView { trial: TrialView::new(overview, 0), weights })
    }
}
