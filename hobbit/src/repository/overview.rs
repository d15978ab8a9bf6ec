//! A study as its journal tells it: every trial with its stages, and what became of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::counts::{Begun, StageOverview, count, epochs_left, listed, totals};
use super::format1::{self, Completed};
use super::lock::Owner;
use super::machines::{Fleet, MachineOverview};
use super::origin::Origin;
use super::outcomes::Outcomes;
use super::reader::Reader;
use super::reason::StopReason;
use super::records::{Descriptions, Record, StageRecord, Status, Timestamp, epochs, metrics_at};
use super::study::{FORMAT, StudyRecord};
use crate::error::{Error, Result};
use crate::schedule::{Outline, Place, Plan, Score};
use crate::space::Value;
use crate::trial::TrialId;

/// A study so far, running or not, without the types of its objective.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Overview {
    /// The study, with its size as it was extended to, and its objective with the changes that were accepted.
    pub study: StudyRecord,
    /// The brackets and stages of its algorithm.
    pub outline: Outline,
    /// The brackets of one repetition, as the table of a Hyperband.
    pub plan: Plan,
    /// The processes that worked on the study, in order.
    pub processes: Vec<Process>,
    /// The processes on other machines that trained for it, in the order in which they joined.
    pub machines: Vec<MachineOverview>,
    /// The trials that were begun, in the order of the table: better scores first, those without a score
    /// last.
    pub trials: Vec<TrialOverview>,
    /// The stages of the plan, of all repetitions and brackets, in order. From the 10,000th on they are left
    /// out, but counted in [`stage_totals`](Overview::stage_totals).
    pub stages: Vec<StageOverview>,
    totals: Vec<StageOverview>,
    left: u64,
    /// Every trial of the plan has ended.
    is_whole: bool,
    has_origins: bool,
    lost: u64,
}

/// A process that worked on a study.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Process {
    /// When it began.
    pub opened: Timestamp,
    /// The version of hobbit.
    pub hobbit: String,
    /// The machine.
    pub host: String,
    /// The process id.
    pub pid: u32,
    /// The number of its workers.
    pub workers: u32,
    /// The changes that it accepted with [`accept_changes`](crate::Hyperband::accept_changes), in words.
    pub accepted: Vec<String>,
    /// When it ended, and why before the end of the plan; `None` if it still runs, or was killed.
    pub closed: Option<(Timestamp, Option<String>)>,
    /// Why it ended before the end of the plan.
    pub stopped: Option<StopReason>,
}

/// One trial of an [`Overview`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TrialOverview {
    /// Its name.
    pub id: TrialId,
    /// Its hyperparameters: names, dotted where they are nested, and values.
    pub hparams: Vec<(String, Value)>,
    /// Where they are from; `None` if the study has a sampler, and an older hobbit began the trial.
    pub origin: Option<Origin>,
    /// What the objective made of them, by name:
    /// [`Objective::describe_trial`](crate::Objective::describe_trial).
    pub model: BTreeMap<String, String>,
    /// What became of it; [`Status::Unfinished`] while it may still go on.
    pub status: Status,
    /// Its score, and the epoch (counted from 1) that it is from; `None` if it failed.
    pub score: Option<(f64, u64)>,
    /// The stages it went through, with every epoch's metrics.
    pub stages: Vec<StageRecord>,
    /// The stage that a worker of the last process, or of another machine, is training now: its number from
    /// 0, the worker, and since when.
    pub running: Option<(u32, u32, Timestamp)>,
    /// The machine of that worker; 0 is that of the study's own process.
    pub machine: u32,
}

impl Process {
    /// Whether it still runs; `None` if that is not known, because it is on another machine and did not end
    /// in order.
    pub fn is_running(&self) -> Option<bool> {
        if self.closed.is_some() {
            return Some(false);
        }
        Owner { host: self.host.clone(), pid: self.pid }.is_running(Some(self.opened))
    }
}

impl TrialOverview {
    fn new(id: TrialId, hparams: Vec<(String, Value)>) -> TrialOverview {
        let status = Status::Unfinished;
        let model = BTreeMap::new();
        TrialOverview {
            id,
            hparams,
            origin: None,
            model,
            status,
            score: None,
            stages: Vec::new(),
            running: None,
            machine: 0,
        }
    }

    /// Takes the outcome of its next stage.
    fn enter(&mut self, record: StageRecord) {
        match record.end.status() {
            None => self.score = record.score,
            Some(status) => (self.score, self.status) = (None, status),
        }
        self.stages.push(record);
    }

    /// Takes the decision that its life is over. That it failed is said by its outcomes.
    fn end(&mut self, status: &Status) {
        match *status {
            // what it was trained beyond does not count: the study was made larger since
            Status::Dropped(stage) if (stage as usize) < self.stages.len() => {
                let stages = std::mem::take(&mut self.stages);
                (self.status, self.score) = (Status::Unfinished, None);
                stages.into_iter().take(stage as usize + 1).for_each(|record| self.enter(record));
            }
            Status::Finished if !self.stages.is_empty() => {}
            _ => return,
        }
        if self.status == Status::Unfinished {
            self.status = status.clone();
        }
    }

    /// The number of epochs it was trained for in all.
    pub fn epochs(&self) -> u64 {
        epochs(&self.status, &self.stages)
    }

    /// The metrics of an epoch, counted from 1; of the one before where it failed.
    pub fn metrics(&self, epoch: u64) -> impl Iterator<Item = (&str, f64)> {
        metrics_at(&self.stages, epoch)
    }

    /// The metrics of the epoch that the score is from; of the last epoch if it failed.
    pub fn score_metrics(&self) -> impl Iterator<Item = (&str, f64)> {
        self.metrics(self.score.map_or(self.epochs(), |(_, epoch)| epoch))
    }

    /// Its score, and what decides between equal ones.
    fn ranked_by(&self, study: &StudyRecord) -> Option<Score> {
        let (value, _) = self.score?;
        let metric =
            |name: &str| self.score_metrics().find(|(known, _)| *known == name).map(|(_, value)| value);
        Some(study.rank(value, metric, self.epochs()))
    }

    /// The value of a hyperparameter.
    pub fn hparam(&self, name: &str) -> Option<&Value> {
        self.hparams.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

/// A worker of a machine.
type Worker = (u32, u32);

/// What a journal says, as it is read line by line.
#[derive(Default)]
struct Digest {
    processes: Vec<Process>,
    fleet: Fleet,
    hparams: HashMap<TrialId, Vec<(String, Value)>>,
    models: HashMap<TrialId, BTreeMap<String, String>>,
    origins: HashMap<TrialId, Origin>,
    /// What workers are at: the stage, the worker, and since when.
    started: HashMap<TrialId, (u32, Worker, Timestamp)>,
    /// The trial that each worker began last.
    workers: HashMap<Worker, TrialId>,
    outcomes: HashMap<(TrialId, u32), StageRecord>,
    ended: HashMap<TrialId, Status>,
}

impl Digest {
    /// Takes a line into account; the study's size may change.
    fn take(&mut self, record: Record, study: &mut StudyRecord) {
        study.take_over(&record);
        match record {
            Record::Opened { time, hobbit, host, pid, workers, descriptions } => {
                let Descriptions { accepted, models, .. } = descriptions.unwrap_or_default();
                self.models.extend(models);
                let (closed, stopped) = (None, None);
                let opened = time;
                self.processes.push(Process {
                    opened,
                    hobbit,
                    host,
                    pid,
                    workers,
                    accepted,
                    closed,
                    stopped,
                });
                self.fleet.opened(opened);
                // the process before is gone, and other machines work on
                self.workers.retain(|(machine, _), _| *machine != 0);
                self.started.retain(|_, (_, (machine, _), _)| *machine != 0);
            }
            // what was decided is decided anew
            Record::Extended { .. } => self.ended.clear(),
            Record::Started { time, trial, stage, worker, machine, hparams, model, origin, .. } => {
                if stage == 0 {
                    self.origins.extend(origin.map(|origin| (trial, origin)));
                    self.hparams.insert(trial, hparams);
                    self.models.insert(trial, model);
                }
                self.begin(trial, stage, (machine, worker), time);
            }
            Record::Stage(record) => {
                self.started.remove(&record.trial);
                self.fleet.trained(record.machine);
                self.outcomes.insert((record.trial, record.stage), record);
            }
            Record::Ended { trial, status } => drop(self.ended.insert(trial, status)),
            Record::Machine { time, machine, host, pid, change } => {
                self.fleet.changed(time, machine, (host, pid), change);
            }
            Record::Closed { time, reason } => {
                self.fleet.closed(time);
                self.started.clear();
                self.workers.clear();
                if let Some(process) = self.processes.last_mut() {
                    process.closed = Some((time, reason.as_ref().map(ToString::to_string)));
                    process.stopped = reason;
                }
            }
        }
    }

    fn begin(&mut self, trial: TrialId, stage: u32, worker: Worker, time: Timestamp) {
        // a worker that begins another trial has ended the one before, whose outcome is about to be written
        if let Some(before) = self.workers.insert(worker, trial)
            && self.started.get(&before).is_some_and(|(_, by, _)| *by == worker)
        {
            self.started.remove(&before);
        }
        self.started.insert(trial, (stage, worker, time));
    }

    /// The trials that were begun. Puts those outcomes together that count.
    fn into_trials(mut self, outcomes: Outcomes, outline: &Outline) -> Vec<TrialOverview> {
        let mut trials: HashMap<TrialId, TrialOverview> = HashMap::new();
        for ((iteration, bracket), known) in outcomes.brackets {
            for (index, records) in known {
                let id = TrialId { iteration, bracket, index };
                let mut trial = TrialOverview::new(id, self.hparams.remove(&id).unwrap_or_default());
                records.into_iter().for_each(|record| trial.enter(record));
                if let Some(status) = self.ended.get(&id) {
                    trial.end(status);
                }
                trials.insert(id, trial);
            }
        }
        // begun, and their outcomes are about to be written or were lost
        for (id, values) in self.hparams {
            if outline.has(id) {
                trials.insert(id, TrialOverview::new(id, values));
            }
        }
        for (id, (stage, (machine, worker), since)) in self.started {
            let is_next = |trial: &&mut TrialOverview| {
                let stages = outline.stages_of(id).map_or(0, <[_]>::len);
                trial.status == Status::Unfinished
                    && trial.stages.len() == stage as usize
                    && (stage as usize) < stages
            };
            if let Some(trial) = trials.get_mut(&id).filter(is_next) {
                (trial.running, trial.machine) = (Some((stage, worker, since)), machine);
            }
        }
        let mut trials: Vec<TrialOverview> = trials.into_values().collect();
        for trial in &mut trials {
            trial.model = self.models.remove(&trial.id).unwrap_or_default();
        }
        trials
    }
}

/// How many trials of each stage were trained, have failed, and are being trained.
fn counted(trials: &[TrialOverview]) -> Begun {
    let mut begun = Begun::new();
    for trial in trials {
        let counts = begun.entry((trial.id.iteration, trial.id.bracket)).or_default();
        for record in &trial.stages {
            let counts = count(counts, record.stage);
            match record.end.status() {
                None => counts.trained += 1,
                Some(_) => counts.failed += 1,
            }
        }
        if let Some((stage, ..)) = trial.running {
            count(counts, stage).running += 1;
        }
    }
    begun
}

impl Overview {
    /// Puts the records of a journal together. `study` is the study as it was made.
    ///
    /// What the journal tells of trials that the algorithm does not have, and of stages before which
    /// something is missing, is left out.
    ///
    /// # Errors
    /// The settings of the study's algorithm are invalid: the file was changed. Or the journal holds far more
    /// names than a study has.
    pub fn new(mut study: StudyRecord, records: Vec<Record>) -> Result<Overview> {
        check_names(&study, &records)?;
        let Completed { records, mut lost } = match study.format {
            FORMAT.. => Completed { records, lost: 0 },
            _ => format1::complete(&study, records, false)?,
        };
        let mut digest = Digest::default();
        for record in records {
            digest.take(record, &mut study);
        }
        let outline = study.algorithm.outline()?;
        let outcomes = Outcomes::new(std::mem::take(&mut digest.outcomes), &outline);
        lost += outcomes.lost.map_or(0, |(count, ..)| count);
        let processes = std::mem::take(&mut digest.processes);
        let origins = std::mem::take(&mut digest.origins);
        let machines = std::mem::take(&mut digest.fleet).into_machines();
        let mut trials = digest.into_trials(outcomes, &outline);
        for trial in &mut trials {
            let (place, recorded) = (outline.ordinal(trial.id), origins.get(&trial.id).copied());
            trial.origin = Origin::of(place, recorded, study.enqueued.len(), study.sampler.is_some());
        }
        trials.sort_by_cached_key(|trial| {
            let score = trial.ranked_by(&study);
            (score.map_or(Place::LAST, |score| score.place(study.direction)), trial.id)
        });
        let begun = counted(&trials);
        let ended = trials.iter().filter(|trial| trial.status != Status::Unfinished).count();
        Ok(Overview {
            stages: listed(&outline, &begun),
            totals: totals(&outline, &begun),
            left: epochs_left(&outline, &begun),
            is_whole: ended as u64 == outline.total_trials(),
            has_origins: trials.iter().any(|trial| trial.origin != Some(Origin::Drawn)),
            lost,
            plan: study.algorithm.plan()?,
            study,
            outline,
            processes,
            machines,
            trials,
        })
    }

    /// The best trial so far.
    pub fn best(&self) -> Option<&TrialOverview> {
        self.trials.first().filter(|trial| trial.score.is_some())
    }

    /// The trial of this name.
    pub fn trial(&self, id: TrialId) -> Option<&TrialOverview> {
        self.trials.iter().find(|trial| trial.id == id)
    }

    /// Whether there is something to say about where configurations are from: some were proposed or given, or
    /// it is not known.
    pub fn has_origins(&self) -> bool {
        self.has_origins
    }

    /// The stages of one repetition, in order, each with what was done in all repetitions; their `iteration`
    /// is 0.
    pub fn stage_totals(&self) -> &[StageOverview] {
        &self.totals
    }

    /// The epochs of the whole plan, with all repetitions. Where they are an expectation, they are no fewer
    /// than were trained, and exactly these once the study is at its end.
    pub fn planned_epochs(&self) -> u64 {
        let (planned, trained) = (self.outline.total_epochs(), self.trained_epochs());
        match (self.outline.is_exact(), self.is_finished()) {
            (true, _) => planned,
            (false, true) => trained,
            (false, false) => planned.max(trained),
        }
    }

    /// The epochs that were trained.
    pub fn trained_epochs(&self) -> u64 {
        self.trials.iter().map(TrialOverview::epochs).fold(0, u64::saturating_add)
    }

    /// The epochs that are left of the plan; fewer than planned where so many trials failed that there are
    /// not enough to promote.
    pub fn epochs_left(&self) -> u64 {
        if self.is_finished() { 0 } else { self.left }
    }

    /// The number of outcomes of stages that do not count because something before them is missing: the
    /// journal has lost lines. They are trained again when the study is resumed.
    pub fn lost_outcomes(&self) -> u64 {
        self.lost
    }

    /// Whether the journal holds an outcome for everything that the plan asks for.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The epochs that the last process trained per second, from its beginning to its latest outcome; `None`
    /// before its first.
    pub fn pace(&self) -> Option<f64> {
        let opened = self.processes.last()?.opened;
        let outcomes = self.trials.iter().flat_map(|trial| &trial.stages);
        let (mut epochs, mut latest) = (0, opened);
        for outcome in outcomes.filter(|outcome| outcome.time >= opened) {
            epochs += outcome.history.len();
            if outcome.time > latest {
                latest = outcome.time;
            }
        }
        let seconds = latest.0 - opened.0;
        (epochs > 0 && seconds > 0.0).then(|| epochs as f64 / seconds)
    }

    /// Whether the plan was carried out to its end.
    pub fn is_finished(&self) -> bool {
        let last = self.processes.last();
        last.is_some_and(|process| matches!(process.closed, Some((_, None))))
    }
}

impl Reader {
    /// Everything the repository's journal tells, put together.
    ///
    /// # Errors
    /// A damaged line, with its number.
    pub fn overview(&self) -> Result<Overview> {
        let mut overview = Overview::new(self.study.clone(), self.journal()?)?;
        self.look_at_machines(&mut overview.machines);
        Ok(overview)
    }
}

/// Refuses a journal that would make tables far larger than itself: each trial has a cell for each name that
/// some trial has.
fn check_names(study: &StudyRecord, records: &[Record]) -> Result<()> {
    const MOST: usize = 4096;
    let own: HashSet<&str> = study.space.parameters().iter().map(|parameter| parameter.name()).collect();
    let (mut metrics, mut others) = (HashSet::new(), HashSet::new());
    for record in records {
        match record {
            Record::Stage(record) => metrics.extend(record.history.metrics().iter().map(String::as_str)),
            Record::Started { hparams, .. } => {
                let names = hparams.iter().map(|(name, _)| name.as_str());
                others.extend(names.filter(|name| !own.contains(name)));
            }
            _ => {}
        }
        if metrics.len() > MOST || others.len() > MOST {
            let what =
                if metrics.len() > MOST { "metrics" } else { "hyperparameters that the space does not have" };
            return Err(Error::repository(format!(
                "the journal speaks of more than {MOST} {what}: no study does"
            )));
        }
    }
    Ok(())
}
