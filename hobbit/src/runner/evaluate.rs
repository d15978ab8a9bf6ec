//! One stage of one trial, with whatever goes wrong turned into an outcome.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clock::Clock;
use super::configurations::Configurations;
use super::panics::catch;
use super::running::Running;
pub(crate) use super::task::{Carried, Evaluated, Scored, Task};
use super::trouble::{Trouble, chain, is_unheard, unheard};
use crate::error::{BoxError, Result};
use crate::objective::{Checkpoint, Interrupt, Metrics, Objective, TrialContext};
use crate::repository::{End, SavedModel, SavedState, ScoreBy, StageRecord, Ties, WEIGHTS_FORMAT};
use crate::schedule::Assignment;
use crate::trial::Direction;

/// What an evaluation needs from the sweep around it.
pub(crate) trait Surroundings<O: Objective> {
    /// Reads a trial's checkpoint.
    fn load(&self, assignment: &Assignment) -> Option<SavedModel>;
    /// Called after each epoch; returns whether the sweep is stopping.
    fn epoch(&self, assignment: &Assignment, epoch: u64, metrics: &Metrics, score: Option<f64>) -> bool;
    /// Takes a checkpoint from within a stage.
    fn save(&self, model: SavedModel);
    /// The user should know.
    fn note(&self, text: String);
    /// Waits until no other trial is trained, and keeps it so while the guard lives. `None` if the sweep stops meanwhile.
    fn alone(&self) -> Option<impl Drop>;
    /// Whether the sweep is stopping, asked after something failed; `after` is how long the stage had been
    /// trained.
    fn is_stopping(&self, after: Duration) -> bool;
    /// Tells for how long the stage may run, and gets the flags that can end it.
    fn interrupt(&self, deadline: Option<Instant>) -> Arc<Interrupt>;
}

/// The settings of evaluations, and the objective.
pub(crate) struct Evaluator<O: Objective> {
    pub(crate) objective: Arc<O>,
    pub(crate) configurations: Configurations<O::Hparams>,
    pub(crate) monitor: String,
    pub(crate) direction: Direction,
    pub(crate) score: ScoreBy,
    pub(crate) retries: u32,
    pub(crate) trial_time_limit: Option<Duration>,
    pub(crate) checkpoint_every: Option<u64>,
    /// Whether there is a repository, so that models have to be saved.
    pub(crate) saves: bool,
    pub(crate) ties: Ties,
}

/// Why a trial that ends the process has failed.
fn died(deaths: u32) -> String {
    let times = if deaths == 1 { "once" } else { &format!("{deaths} times in a row") };
    format!(
        "the process ended {times} while it was being trained: it was killed, aborted, exited, or ran out of memory or stack"
    )
}

impl<O: Objective> Evaluator<O> {
    /// Trains a stage, which begins when the clock was looked at last. `None` if it was told to leave at once. `metrics` are used again
    /// and again.
    ///
    /// # Errors
    /// No configuration can be drawn.
    pub(crate) fn evaluate(
        &self,
        mut task: Task<O>,
        metrics: &mut Metrics,
        clock: &mut Clock,
        around: &impl Surroundings<O>,
    ) -> Result<Option<Evaluated<O>>> {
        let mut start = clock.last();
        let Assignment { trial, from, to, .. } = task.assignment;
        let hparams = match task.hparams.take() {
            Some(hparams) => hparams,
            None => self.configurations.get(trial)?,
        };
        let spent = Duration::try_from_secs_f64(task.seconds).unwrap_or_default();
        // a moment that the clock cannot name is never reached
        let deadline = |start: Instant| {
            self.trial_time_limit.and_then(|limit| start.checked_add(limit.saturating_sub(spent)))
        };
        let key = |task: &Task<O>| self.configurations.training_key(trial, task.attempt);
        let interrupt = around.interrupt(deadline(start));
        let epochs = Some(self.configurations.epochs(trial));
        let mut context = TrialContext { id: trial, key: key(&task), worker: task.worker, epochs, interrupt };
        let load = |task: &mut Task<O>| {
            let before = task.score.map(|score| (score.value, score.epoch));
            let fits = |saved: &SavedModel| {
                let SavedState { epoch, from: since, attempt, score, .. } = saved.state;
                // at the end of the stage before it has to be what the journal says of it
                let here =
                    (epoch == from && score == before) || (since == from && (from..=to).contains(&epoch));
                // in this stage it may have failed and been begun anew before the process ended
                let anew = since == from && attempt > task.attempt && attempt <= self.retries;
                here && (attempt == task.attempt || anew)
            };
            task.saved = around.load(&task.assignment).filter(fits).map(Box::new);
            task.attempt = task.saved.as_ref().map_or(task.attempt, |saved| saved.state.attempt);
        };
        if task.on_disk && task.carried.is_none() {
            load(&mut task);
            context.key = key(&task);
        }
        let mut alone = None;
        let result = loop {
            if let Some(deaths) = task.deaths {
                break Err(Trouble::Failed { epoch: from + 1, reason: died(deaths) });
            }
            match self.train(&mut task, &hparams, &context, metrics, around) {
                Err(Trouble::Memory { reason, .. })
                    if alone.is_none() && context.interrupt.check().is_ok() =>
                {
                    around.note(format!("trial {trial} is tried again alone: {reason}"));
                    alone = around.alone();
                    if alone.is_none() {
                        break Err(Trouble::Left);
                    }
                    // waiting is not training
                    start = clock.look();
                    context.interrupt = around.interrupt(deadline(start));
                    if task.on_disk {
                        load(&mut task);
                        context.key = key(&task);
                    }
                }
                Err(Trouble::Failed { epoch, reason }) if is_unheard(&reason) => {
                    break Err(Trouble::Failed { epoch, reason });
                }
                Err(Trouble::Failed { .. } | Trouble::Diverged { .. } | Trouble::Memory { .. })
                    if task.attempt < self.retries && context.interrupt.check().is_ok() =>
                {
                    task.attempt += 1;
                    context.key = key(&task);
                }
                result => break result,
            }
        };
        let died = task.deaths.is_some();
        let mut failed = |end, hparams| {
            // whoever stops a sweep makes no number infinite
            let failed_now = !died && matches!(end, End::Failed { .. });
            let record = self.record(&task, start, clock, end, None);
            if failed_now && around.is_stopping(start.elapsed()) {
                return Ok(None);
            }
            if let End::Failed { reason, .. } = &record.end
                && is_unheard(reason)
            {
                return Err(unheard(trial, reason));
            }
            let (carried, bytes, saved, unfinished) = (None, 0, None, false);
            Ok(Some(Evaluated { record, hparams, carried, bytes, saved, unfinished, failed_now }))
        };
        let mut running = match result {
            Ok(running) => running,
            Err(Trouble::Left) => return Ok(None),
            Err(Trouble::Diverged { epoch, reason }) => {
                return failed(End::Diverged { epoch, reason }, hparams);
            }
            Err(Trouble::Failed { epoch, reason } | Trouble::Memory { epoch, reason }) => {
                return failed(End::Failed { epoch, reason }, hparams);
            }
        };
        let finished = (|| {
            let saved = if self.saves { Some(Box::new(self.save(&task, &running)?)) } else { None };
            let best = running.best.as_ref().map_or(0, |best| best.bytes());
            let bytes = catch(|| {
                self.objective.pause(&mut running.model);
                self.objective.memory(&running.model)
            })?;
            Ok((saved, bytes.saturating_add(best)))
        })();
        let (saved, bytes) = match finished {
            Ok(finished) => finished,
            Err(reason) => return failed(End::Failed { epoch: running.epoch, reason }, hparams),
        };
        let record = self.record(&task, start, clock, End::Trained, Some(&mut running));
        let unfinished = running.epoch < to && !running.stopped;
        let carried = Some(Carried { model: running.model, best: running.best });
        Ok(Some(Evaluated { record, hparams, carried, bytes, saved, unfinished, failed_now: false }))
    }

    fn record(
        &self,
        task: &Task<O>,
        start: Instant,
        clock: &mut Clock,
        end: End,
        running: Option<&mut Running<O>>,
    ) -> Arc<StageRecord> {
        let Assignment { trial, stage, from, to } = task.assignment;
        let (score, history) =
            running.map_or_else(Default::default, |running| (running.score, running.history.take()));
        let score = score.map(|score| (score.value, score.epoch));
        let history = history.unwrap_or_default();
        let (attempt, worker) = (task.attempt, task.worker);
        let seconds = (clock.look() - start).as_secs_f64();
        Arc::new(StageRecord {
            time: clock.date(),
            trial,
            stage,
            from,
            to,
            end,
            score,
            attempt,
            worker,
            machine: 0,
            seconds,
            history,
        })
    }

    /// What the objective saves, if a file can hold it.
    pub(super) fn checkpoint(&self, model: &O::Model) -> Result<Checkpoint, BoxError> {
        let checkpoint = self.objective.save(model)?;
        checkpoint.check()?;
        Ok(checkpoint)
    }

    /// The trial's model as it is to be written.
    pub(super) fn save(&self, task: &Task<O>, running: &Running<O>) -> Result<SavedModel, String> {
        let present = catch(|| self.checkpoint(&running.model))?.map_err(|error| chain(&*error))?;
        let state = SavedState {
            format: WEIGHTS_FORMAT,
            trial: task.assignment.trial,
            attempt: task.attempt,
            epoch: running.epoch,
            score: running.score.map(|score| (score.value, score.epoch)),
            from: task.assignment.from,
            history: running.history.clone().unwrap_or_default(),
            stopped: running.stopped,
        };
        Ok(match &running.best {
            Some(best) => SavedModel { state, best: Checkpoint::clone(best), last: Some(present) },
            None => SavedModel { state, best: present, last: None },
        })
    }
}
