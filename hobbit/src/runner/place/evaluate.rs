//! One stage of one trial, with whatever goes wrong turned into an outcome.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::running::{Running, Tools};
use super::stage::{Carried, Evaluated, Stage, Task};
use super::trouble::{Trouble, chain, is_unheard, unheard};
use crate::error::{BoxError, Result};
use crate::objective::{Checkpoint, Interrupt, Metrics, Objective};
use crate::repository::{End, SavedModel, SavedState, StageRecord, WEIGHTS_FORMAT};
use crate::runner::panics::catch;
use crate::schedule::Assignment;
use crate::work::{CheckpointId, Order, Report, Terms, WorkerId};

/// What an evaluation needs from the workplace around it.
pub(super) trait Surroundings {
    /// While this lives, no other trial is trained.
    type Alone<'a>
    where
        Self: 'a;

    /// Reads a trial's checkpoint.
    fn load(&self, checkpoint: CheckpointId) -> Option<Box<SavedModel>>;
    /// Called after each epoch; returns whether the sweep is stopping.
    fn epoch(&self, assignment: &Assignment, epoch: u64, metrics: &Metrics, score: Option<f64>) -> bool;
    /// Takes a checkpoint from within a stage.
    fn save(&self, model: Box<SavedModel>);
    /// The user should know.
    fn note(&self, text: String);
    /// Waits until no other trial is trained, and keeps it so while the guard lives. `None` if the sweep
    /// stops meanwhile.
    fn alone(&self) -> Option<Self::Alone<'_>>;
    /// Whether the sweep is stopping, asked after something failed; `after` is how long the stage had been
    /// trained.
    fn is_stopping(&self, after: Duration) -> bool;
    /// Tells for how long the stage may run, and gets the flags that can end it.
    fn interrupt(&self, deadline: Option<Instant>) -> Arc<Interrupt>;
}

/// The objective, and what of the sweep's settings evaluations need.
pub(super) struct Evaluator<O: Objective> {
    pub(super) objective: Arc<O>,
    pub(super) terms: Terms,
}

/// Why a trial that ends the process has failed.
fn died(deaths: u32) -> String {
    let times = if deaths == 1 { "once" } else { &format!("{deaths} times in a row") };
    format!(
        "the process ended {times} while it was being trained: it was killed, aborted, exited, or ran out of memory or stack"
    )
}

/// When a stage has to be over. A moment that the clock cannot name is never reached.
pub(super) fn deadline(order: &Order, start: Instant) -> Option<Instant> {
    order.limit.and_then(|limit| start.checked_add(limit))
}

impl<O: Objective> Evaluator<O> {
    /// Trains a stage, which begins when the clock was looked at last, and adds what came of it. Returns
    /// `false` if it was told to leave at once.
    ///
    /// # Errors
    /// The trial cannot print any more, which is not its fault.
    pub(super) fn evaluate<A: Surroundings>(
        &self,
        task: &mut Task<O>,
        hparams: Arc<O::Hparams>,
        worker: WorkerId,
        tools: &mut Tools,
        around: &A,
        outcomes: &mut Vec<Evaluated<O>>,
    ) -> Result<bool> {
        let start = tools.clock.last();
        let interrupt = around.interrupt(deadline(&task.order, start));
        let mut stage = Stage::new(task, hparams, worker, start, interrupt);
        if stage.task.carried.is_none() {
            self.load(&mut stage, around);
        }
        // until all is done
        let mut alone = None;
        let mut place = None;
        let result = match stage.task.order.deaths() {
            Some(deaths) => {
                Err(Trouble::Failed { epoch: stage.task.order.assignment.from + 1, reason: died(deaths) })
            }
            None => self.train_patiently(&mut stage, &mut place, tools, around, &mut alone),
        };
        self.conclude(stage, &mut place, result, tools, around, outcomes)
    }

    /// Adds what came of a stage that is over, and of its trial in its place; returns `false` if it was told
    /// to leave at once.
    pub(super) fn conclude(
        &self,
        stage: Stage<'_, O>,
        place: &mut Option<Running<O>>,
        result: Result<(), Trouble>,
        tools: &mut Tools,
        around: &impl Surroundings,
        outcomes: &mut Vec<Evaluated<O>>,
    ) -> Result<bool> {
        match result {
            Ok(()) => self.trained(stage, place, tools, around, outcomes),
            Err(trouble) => self.troubled(trouble, &stage, tools, around, outcomes),
        }
    }

    #[cold]
    fn troubled(
        &self,
        trouble: Trouble,
        stage: &Stage<'_, O>,
        tools: &mut Tools,
        around: &impl Surroundings,
        outcomes: &mut Vec<Evaluated<O>>,
    ) -> Result<bool> {
        let end = match trouble {
            Trouble::Left => return Ok(false),
            Trouble::Diverged { epoch, reason } => End::Diverged { epoch, reason },
            Trouble::Failed { epoch, reason } | Trouble::Memory { epoch, reason } => {
                End::Failed { epoch, reason }
            }
        };
        self.failed(stage, end, tools, around, outcomes)
    }

    /// Trains the stage as often as it may fail, and alone if memory is full.
    pub(super) fn train_patiently<'a, A: Surroundings>(
        &self,
        stage: &mut Stage<'_, O>,
        place: &mut Option<Running<O>>,
        tools: &mut Tools,
        around: &'a A,
        alone: &mut Option<A::Alone<'a>>,
    ) -> Result<(), Trouble> {
        while let Err(trouble) = self.train(stage, place, tools, around) {
            self.have_patience(trouble, stage, tools, around, alone)?;
        }
        Ok(())
    }

    /// Makes the stage ready to be tried again.
    ///
    /// # Errors
    /// The trouble that ends it.
    #[cold]
    pub(super) fn have_patience<'a, A: Surroundings>(
        &self,
        trouble: Trouble,
        stage: &mut Stage<'_, O>,
        tools: &mut Tools,
        around: &'a A,
        alone: &mut Option<A::Alone<'a>>,
    ) -> Result<(), Trouble> {
        match trouble {
            Trouble::Memory { reason, .. } if alone.is_none() && stage.context.interrupt.check().is_ok() => {
                around.note(format!("trial {} is tried again alone: {reason}", stage.task.order.trial()));
                *alone = around.alone();
                if alone.is_none() {
                    return Err(Trouble::Left);
                }
                // waiting is not training
                stage.start = tools.clock.look();
                stage.context.interrupt = around.interrupt(deadline(&stage.task.order, stage.start));
                self.load(stage, around);
            }
            Trouble::Failed { epoch, reason } if is_unheard(&reason) => {
                return Err(Trouble::Failed { epoch, reason });
            }
            Trouble::Failed { .. } | Trouble::Diverged { .. } | Trouble::Memory { .. }
                if stage.task.order.attempt < self.terms.retries
                    && stage.context.interrupt.check().is_ok() =>
            {
                stage.retry();
            }
            trouble => return Err(trouble),
        }
        Ok(())
    }

    /// Reads the trial's checkpoint, if there is one.
    pub(super) fn load(&self, stage: &mut Stage<'_, O>, around: &impl Surroundings) {
        if let Some(checkpoint) = stage.task.order.checkpoint {
            stage.continue_from(around.load(checkpoint), self.terms.retries);
        }
    }

    /// Adds the outcome of a stage that was trained.
    fn trained(
        &self,
        stage: Stage<'_, O>,
        place: &mut Option<Running<O>>,
        tools: &mut Tools,
        around: &impl Surroundings,
        outcomes: &mut Vec<Evaluated<O>>,
    ) -> Result<bool> {
        // what is trained is in its place
        let Some(running) = place else { return Ok(false) };
        let finished = (|| {
            let model =
                if self.terms.saves { Some(Box::new(self.save(&stage.task.order, running)?)) } else { None };
            let best = running.best.as_ref().map_or(0, |best| best.bytes());
            let bytes = catch(|| {
                self.objective.pause(&mut running.model);
                self.objective.memory(&running.model)
            })?;
            Ok((model, bytes.saturating_add(best)))
        })();
        let (model, bytes) = match finished {
            Ok(finished) => finished,
            Err(reason) => {
                let end = End::Failed { epoch: running.epoch, reason };
                return self.failed(&stage, end, tools, around, outcomes);
            }
        };
        let record = self.record(&stage, tools, End::Trained, Some(running));
        let unfinished = running.epoch < stage.task.order.assignment.to && !running.stopped;
        let Some(Running { model: live, best, epoch, .. }) = place.take() else { return Ok(false) };
        let Stage { task, hparams, .. } = stage;
        let Order { ordinal, attempt, .. } = task.order;
        let carried = Some(Carried { ordinal, epoch, attempt, model: live, best, hparams, bytes });
        outcomes.push(Evaluated { report: Report { record, model, unfinished, failed_now: false }, carried });
        Ok(true)
    }

    /// Adds the outcome of a stage that failed.
    fn failed(
        &self,
        stage: &Stage<'_, O>,
        end: End,
        tools: &mut Tools,
        around: &impl Surroundings,
        outcomes: &mut Vec<Evaluated<O>>,
    ) -> Result<bool> {
        // whoever stops a sweep makes no number infinite
        let failed_now = stage.task.order.deaths().is_none() && matches!(end, End::Failed { .. });
        let record = self.record(stage, tools, end, None);
        if failed_now && around.is_stopping(stage.start.elapsed()) {
            return Ok(false);
        }
        if let End::Failed { reason, .. } = &record.end
            && is_unheard(reason)
        {
            return Err(unheard(stage.task.order.trial(), reason));
        }
        let report = Report { record, model: None, unfinished: false, failed_now };
        outcomes.push(Evaluated { report, carried: None });
        Ok(true)
    }

    fn record(
        &self,
        stage: &Stage<'_, O>,
        tools: &mut Tools,
        end: End,
        running: Option<&mut Running<O>>,
    ) -> Arc<StageRecord> {
        let Assignment { trial, stage: number, from, to } = stage.task.order.assignment;
        let (score, history) =
            running.map_or_else(Default::default, |running| (running.score, running.history.take()));
        let score = score.map(|score| (score.value, score.epoch));
        let history = history.unwrap_or_default();
        let seconds = (tools.clock.look() - stage.start).as_secs_f64();
        Arc::new(StageRecord {
            time: tools.clock.date(),
            trial,
            stage: number,
            from,
            to,
            end,
            score,
            attempt: stage.task.order.attempt,
            worker: stage.context.worker,
            machine: stage.machine,
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
    pub(super) fn save(&self, order: &Order, running: &Running<O>) -> Result<SavedModel, String> {
        let present = catch(|| self.checkpoint(&running.model))?.map_err(|error| chain(&*error))?;
        let state = SavedState {
            format: WEIGHTS_FORMAT,
            trial: order.trial(),
            attempt: order.attempt,
            epoch: running.epoch,
            score: running.score.map(|score| (score.value, score.epoch)),
            from: order.assignment.from,
            history: running.history.clone().unwrap_or_default(),
            stopped: running.stopped,
        };
        Ok(match &running.best {
            Some(best) => SavedModel { state, best: Checkpoint::clone(best), last: Some(present) },
            None => SavedModel { state, best: present, last: None },
        })
    }
}
