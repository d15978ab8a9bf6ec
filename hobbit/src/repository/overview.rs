//! A study as its journal tells it: every trial with its stages, and what became of it.

use std::collections::HashMap;

use super::lock::Owner;
use super::reader::Reader;
use super::records::{Record, StageRecord, Status, StudyRecord, Timestamp, epochs, metrics_at};
use crate::error::Result;
use crate::schedule::{Ask, Plan, Scheduler};
use crate::space::Value;
use crate::trial::TrialId;

/// A study so far, running or not, without the types of its objective.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Overview {
    /// The study, with its size as it was extended to.
    pub study: StudyRecord,
    /// The plan of one repetition.
    pub plan: Plan,
    /// The processes that worked on the study, in order.
    pub processes: Vec<Process>,
    /// The trials that were begun, in the order of the table: better scores first, those without a score last.
    pub trials: Vec<TrialOverview>,
    /// The stages of the plan, of all repetitions and brackets, in order.
    pub stages: Vec<StageOverview>,
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
    /// How many workers it has.
    pub workers: u32,
    /// When it ended, and why before the end of the plan; nothing if it still runs, or was killed.
    pub closed: Option<(Timestamp, Option<String>)>,
}

/// One trial of an [`Overview`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TrialOverview {
    /// Its name.
    pub id: TrialId,
    /// Its hyperparameters: names, dotted where they are nested, and values.
    pub hparams: Vec<(String, Value)>,
    /// What became of it; [`Status::Unfinished`] while it may still go on.
    pub status: Status,
    /// Its score, and the epoch (counted from 1) that it is from; none if it failed.
    pub score: Option<(f64, u64)>,
    /// The stages it went through, with every epoch's metrics.
    pub stages: Vec<StageRecord>,
    /// The stage that a worker of the last process is training now: its number from 0, the worker, and since when.
    pub running: Option<(u32, u32, Timestamp)>,
}

/// One stage of a bracket, in an [`Overview`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageOverview {
    /// The repetition of the whole Hyperband, counted from 1.
    pub iteration: u32,
    /// The bracket, counted from 1.
    pub bracket: u32,
    /// The stage, counted from 0.
    pub stage: u32,
    /// How many trials the plan gives it; fewer come if too many fail.
    pub planned: u64,
    /// The epochs each trial has after it.
    pub to: u64,
    /// The epochs each trial gets in it.
    pub epochs: u32,
    /// How many trials were trained.
    pub trained: u64,
    /// How many diverged or failed.
    pub failed: u64,
    /// How many are being trained.
    pub running: u64,
}

impl Process {
    /// Whether it still runs; of a process on another machine that did not end in order nothing is known.
    pub fn is_running(&self) -> Option<bool> {
        if self.closed.is_some() {
            return Some(false);
        }
        Owner { host: self.host.clone(), pid: self.pid }.is_running(Some(self.opened))
    }
}

impl TrialOverview {
    /// The epochs it was trained in all.
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

    /// The value of a hyperparameter.
    pub fn hparam(&self, name: &str) -> Option<&Value> {
        self.hparams.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

impl Overview {
    /// Puts the records of a journal together. `study` is the study as it was made.
    ///
    /// # Errors
    /// The study's R or eta are not possible: the file was changed.
    pub fn new(mut study: StudyRecord, records: Vec<Record>) -> Result<Overview> {
        let mut processes: Vec<Process> = Vec::new();
        let mut hparams = HashMap::new();
        let mut started = HashMap::new();
        let mut outcomes: HashMap<(TrialId, u32), StageRecord> = HashMap::new();
        for record in records {
            match record {
                Record::Opened { time, hobbit, host, pid, workers } => {
                    processes.push(Process { opened: time, hobbit, host, pid, workers, closed: None });
                    started.clear();
                }
                Record::Extended { max_epochs, iterations, .. } => {
                    (study.max_epochs, study.iterations) = (max_epochs, iterations);
                }
                Record::Started { time, trial, stage, worker, hparams: values } => {
                    if stage == 0 {
                        hparams.insert(trial, values);
                    }
                    // a worker that begins another trial has ended the one before, whose outcome is about to be written
                    started.retain(|_, (_, other, _)| *other != worker);
                    started.insert(trial, (stage, worker, time));
                }
                Record::Stage(record) => {
                    started.remove(&record.trial);
                    outcomes.insert((record.trial, record.stage), record);
                }
                Record::Closed { time, reason } => {
                    started.clear();
                    if let Some(process) = processes.last_mut() {
                        process.closed = Some((time, reason));
                    }
                }
            }
        }
        let plan = Plan::counting(study.max_epochs, study.eta, study.epoch_count)?;
        let mut stages = Vec::new();
        let mut first_stage = HashMap::new();
        for iteration in 1..=study.iterations {
            for (bracket, description) in (1..).zip(plan.brackets()) {
                first_stage.insert((iteration, bracket), stages.len());
                for (number, stage) in (0..).zip(&description.stages) {
                    stages.push(StageOverview {
                        iteration,
                        bracket,
                        stage: number,
                        planned: stage.trials,
                        to: stage.trained,
                        epochs: stage.epochs,
                        trained: 0,
                        failed: 0,
                        running: 0,
                    });
                }
            }
        }
        let mut scheduler = Scheduler::new(plan.clone(), study.iterations, study.direction);
        let mut trials: HashMap<TrialId, TrialOverview> = HashMap::new();
        while !(outcomes.is_empty() && started.is_empty() && hparams.is_empty())
            && let Ask::Run(assignment) = scheduler.ask()
        {
            let (id, number) = (assignment.trial, assignment.stage);
            let place = first_stage[&(id.iteration, id.bracket)] + number as usize;
            let outcome = outcomes.remove(&(id, number));
            let outcome =
                outcome.filter(|record| (record.from, record.to) == (assignment.from, assignment.to));
            let running = started.get(&id).copied().filter(|(stage, ..)| *stage == number);
            // begun, and its outcome is about to be written or was lost
            let begun = number == 0 && hparams.contains_key(&id);
            if outcome.is_none() && running.is_none() && !begun {
                continue;
            }
            let trial = trials.entry(id).or_insert_with(|| TrialOverview {
                id,
                hparams: hparams.remove(&id).unwrap_or_default(),
                status: Status::Unfinished,
                score: None,
                stages: Vec::new(),
                running: None,
            });
            let Some(record) = outcome else {
                if running.is_some() {
                    started.remove(&id);
                    trial.running = running;
                    stages[place].running += 1;
                }
                continue;
            };
            match record.end.status() {
                None => {
                    stages[place].trained += 1;
                    trial.score = record.score;
                }
                Some(status) => {
                    stages[place].failed += 1;
                    (trial.score, trial.status) = (None, status);
                }
            }
            let score = trial.score.map(|(score, _)| score);
            trial.stages.push(record);
            let Some(end) = scheduler.tell(id, score) else { continue };
            for ended in end.ended {
                if let Some(trial) = trials.get_mut(&ended).filter(|trial| trial.status == Status::Unfinished)
                {
                    trial.status = if end.last { Status::Finished } else { Status::Dropped(end.stage) };
                }
            }
        }
        let mut trials: Vec<TrialOverview> = trials.into_values().collect();
        trials.sort_by_key(|trial| (study.direction.key(trial.score.map(|(score, _)| score)), trial.id));
        Ok(Overview { study, plan, processes, trials, stages })
    }

    /// The best trial so far.
    pub fn best(&self) -> Option<&TrialOverview> {
        self.trials.first().filter(|trial| trial.score.is_some())
    }

    /// The trial of this name.
    pub fn trial(&self, id: TrialId) -> Option<&TrialOverview> {
        self.trials.iter().find(|trial| trial.id == id)
    }

    /// The epochs of the whole plan, with all repetitions.
    pub fn planned_epochs(&self) -> u64 {
        self.plan.total_epochs() * u64::from(self.study.iterations)
    }

    /// The epochs that were trained.
    pub fn trained_epochs(&self) -> u64 {
        self.trials.iter().map(TrialOverview::epochs).sum()
    }

    /// The epochs that are left of the plan; fewer than planned where so many trials failed that there are not enough to promote.
    pub fn epochs_left(&self) -> u64 {
        if self.is_finished() {
            return 0;
        }
        let mut healthy = 0;
        let mut epochs = 0;
        for stage in &self.stages {
            let expected = if stage.stage == 0 { stage.planned } else { stage.planned.min(healthy) };
            let left = expected.saturating_sub(stage.trained + stage.failed);
            healthy = stage.trained + left;
            epochs += left * u64::from(stage.epochs);
        }
        epochs
    }

    /// The epochs that the last process trained in a second, from its beginning to its latest outcome; nothing before its first.
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
        Overview::new(self.study.clone(), self.journal()?)
    }
}
