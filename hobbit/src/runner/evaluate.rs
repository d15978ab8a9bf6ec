//! One stage of one trial: built or carried on, trained epoch by epoch, with whatever goes wrong turned into an outcome.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clock::Clock;
use super::configurations::Configurations;
use super::panics::catch;
use super::running::{Known, Running};
pub(crate) use super::task::{Carried, Evaluated, Scored, Task};
use super::trouble::{Trouble, attempt, chain, is_unheard, listed, unheard};
use crate::error::{BoxError, Result};
use crate::objective::{
    Checkpoint, EpochContext, History, Interrupt, Interrupted, Metrics, Objective, TrialContext,
};
use crate::repository::{End, FORMAT, Losses, SavedModel, SavedState, ScoreBy, StageRecord, Ties};
use crate::schedule::{Assignment, Plan};
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
    pub(crate) plan: Plan,
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
            seconds,
            history,
        })
    }

    /// Brings the trial to the end of its stage, or to where the sweep stops; a panic ends the trial.
    fn train(
        &self,
        task: &mut Task<O>,
        hparams: &O::Hparams,
        context: &TrialContext,
        metrics: &mut Metrics,
        around: &impl Surroundings<O>,
    ) -> Result<Running<O>, Trouble> {
        let under_way = Cell::new(0);
        catch(|| self.train_or_panic(task, hparams, context, metrics, around, &under_way))
            .unwrap_or_else(|reason| Err(Trouble::Failed { epoch: under_way.get(), reason }))
    }

    /// `under_way` is the epoch under way, counted from 1; 0 while the model is built.
    fn train_or_panic(
        &self,
        task: &mut Task<O>,
        hparams: &O::Hparams,
        context: &TrialContext,
        metrics: &mut Metrics,
        around: &impl Surroundings<O>,
        under_way: &Cell<u64>,
    ) -> Result<Running<O>, Trouble> {
        let mut running = self.begin(task, hparams, context, around)?;
        let Assignment { from, to, .. } = task.assignment;
        let keeps_best = self.saves && self.score == ScoreBy::Best;
        let checkpoint_every = self.checkpoint_every.filter(|_| self.saves);
        while running.epoch < to && !running.stopped {
            under_way.set(running.epoch + 1);
            // the best model is copied only when it is about to be changed
            if keeps_best && running.score.is_some_and(|score| score.epoch == running.epoch) {
                let saved = attempt(running.epoch, || self.checkpoint(&running.model))?;
                running.best = Some(Arc::new(saved));
            }
            let (end, stage_end) = self.stage_at(task, running.epoch);
            // without a repository there is nothing to do between epochs
            let until = if self.saves { running.epoch + 1 } else { end };
            let ends = (until, stage_end);
            let stopping = self.epochs(&mut running, ends, task, context, metrics, around, under_way)?;
            if stopping && running.epoch >= from || running.epoch == to {
                break;
            }
            let due = |every| running.epoch > from && (running.epoch - from) % every == 0;
            if checkpoint_every.is_some_and(due) {
                let saved = self
                    .save(task, &running)
                    .map_err(|reason| Trouble::Failed { epoch: running.epoch, reason })?;
                around.save(saved);
            }
        }
        Ok(running)
    }

    /// The stage that a trial with so many epochs is in, by its end and its planned end. A trial that is
    /// trained again from its beginning goes through its earlier stages as it did before.
    fn stage_at(&self, task: &Task<O>, epoch: u64) -> (u64, u64) {
        let Assignment { trial, stage, from, to } = task.assignment;
        if epoch >= from {
            return (to, to);
        }
        let earlier = match &task.earlier {
            Some(stages) => stages.iter().copied().find(|(end, _)| *end > epoch),
            None => {
                let stages = &self.plan.brackets()[trial.bracket as usize - 1].stages;
                let mut ends = stages.iter().take(stage as usize).map(|stage| stage.trained);
                ends.find(|end| *end > epoch).map(|end| (end, end))
            }
        };
        earlier.unwrap_or((from, from))
    }

    /// Trains until the trial has this many epochs, or its stage or the sweep stops; returns whether one
    /// does. `stage_end` is what the objective is told.
    // by itself, so that a loop over epochs that take no time stays short
    #[inline(never)]
    #[expect(clippy::too_many_arguments, reason = "the loop of one caller")]
    fn epochs(
        &self,
        running: &mut Running<O>,
        (until, stage_end): (u64, u64),
        task: &Task<O>,
        context: &TrialContext,
        metrics: &mut Metrics,
        around: &impl Surroundings<O>,
        under_way: &Cell<u64>,
    ) -> Result<bool, Trouble> {
        let assignment = &task.assignment;
        while running.epoch < until {
            let number = running.epoch + 1;
            under_way.set(number);
            metrics.clear();
            self.epoch(running, number, stage_end, assignment, context, metrics)?;
            let score = running.score.map(|score| score.value);
            if around.epoch(assignment, number, metrics, score) | running.stopped {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The trial as it is in memory, or in its checkpoint, or built anew.
    fn begin(
        &self,
        task: &mut Task<O>,
        hparams: &O::Hparams,
        context: &TrialContext,
        around: &impl Surroundings<O>,
    ) -> Result<Running<O>, Trouble> {
        let from = task.assignment.from;
        let running = |model, best, epoch, score| {
            let (history, stopped, known) = (None, false, None);
            Running { model, best, epoch, score, history, stopped, known }
        };
        if let Some(Carried { model, best }) = task.carried.take() {
            return Ok(running(model, best, from, task.score));
        }
        let mut model = attempt(0, || self.objective.build(hparams, context))?;
        if let Some(saved) = task.saved.take() {
            match attempt(saved.state.epoch, || self.objective.load(&mut model, saved.present())) {
                Ok(()) => {
                    let saved = *saved;
                    let SavedState { epoch, score, from: since, history, stopped, .. } = saved.state;
                    let best = saved.last.is_some().then(|| Arc::new(saved.best));
                    let score = score.map(|score| self.scored(score, since, &history, task.score));
                    let mut running = running(model, best, epoch, score);
                    // otherwise these are those of the stage before
                    if since == from {
                        running.stopped = stopped;
                        running.history = Some(history).filter(|history| !history.is_empty());
                    }
                    return Ok(running);
                }
                Err(Trouble::Failed { reason, .. }) => {
                    around.note(format!(
                        "the checkpoint of trial {} does not load ({reason}); the trial is trained again from its beginning",
                        context.id
                    ));
                    model = attempt(0, || self.objective.build(hparams, context))?;
                }
                Err(trouble) => return Err(trouble),
            }
        }
        // keyed randomness makes the same model again, whatever the reason it is not there
        Ok(running(model, None, 0, None))
    }

    /// A score that was saved, with the loss of its epoch: it is in the history that was saved with it, or it
    /// is known from an earlier stage.
    fn scored(
        &self,
        (value, epoch): (f64, u64),
        since: u64,
        history: &History,
        before: Option<Scored>,
    ) -> Scored {
        let row = since.checked_add(1).and_then(|first| epoch.checked_sub(first));
        let loss = match (row, before) {
            (Some(row), _) => Losses::new(self.ties, &self.monitor).loss(history, row as usize),
            (None, Some(before)) if (before.value, before.epoch) == (value, epoch) => before.loss,
            _ => f64::NAN,
        };
        Scored { value, epoch, loss }
    }

    /// One epoch, counted from 1, and what follows from its metrics.
    fn epoch(
        &self,
        running: &mut Running<O>,
        number: u64,
        stage_end: u64,
        assignment: &Assignment,
        context: &TrialContext,
        metrics: &mut Metrics,
    ) -> Result<(), Trouble> {
        let Assignment { from, to, .. } = *assignment;
        let epoch = EpochContext { trial: context, epoch: number - 1, stage_end };
        attempt(number, || self.objective.train_epoch(&mut running.model, &epoch, metrics))?;
        // a diverged model need not be validated
        let loss = self.objective.training_loss().and_then(|name| Some((name, metrics.get(name)?)));
        if let Some((name, loss)) = loss.filter(|(_, loss)| !loss.is_finite()) {
            return Err(Trouble::Diverged { epoch: number, reason: format!("{name} is {loss}") });
        }
        attempt(number, || self.objective.validate(&mut running.model, &epoch, metrics))?;
        let known = match running.known {
            Some(known) if known.layout == metrics.layout() => known,
            _ => self.look_up(running, metrics, number, (from, to))?,
        };
        let value = metrics.values()[known.monitor];
        if !value.is_finite() {
            return Err(self.monitor_diverged(number, value));
        }
        running.epoch = number;
        let scored = || Scored { value, epoch: number, loss: known.loss(metrics) };
        // most epochs are either better or worse, and need no other metric
        let is_better = match &running.score {
            Some(best) if self.score == ScoreBy::Best => match value == best.value {
                true => known.decides && scored().better_than(*best, self.direction),
                false => self.direction.better(value, best.value),
            },
            _ => true,
        };
        if is_better {
            running.score = Some(scored());
            running.best = None;
        }
        match &mut running.history {
            Some(history) if running.known.is_some() => history.push_same(metrics),
            Some(history) if number > from => history.push(metrics),
            _ => {}
        }
        // what earlier stages had is settled
        running.stopped = metrics.is_stopped() && number > from;
        // a trial that never looks at its interrupt is looked after here
        match context.interrupt.check() {
            Ok(()) => Ok(()),
            Err(Interrupted::Stopped) => Err(Trouble::Left),
            Err(Interrupted::TimeLimit) if number < to && !running.stopped => {
                Err(Trouble::Failed { epoch: number, reason: Interrupted::TimeLimit.to_string() })
            }
            Err(Interrupted::TimeLimit) => Ok(()),
        }
    }

    #[cold]
    fn monitor_diverged(&self, epoch: u64, value: f64) -> Trouble {
        Trouble::Diverged { epoch, reason: format!("{} is {value}", self.monitor) }
    }

    /// Where the monitor is in metrics of a new layout, and the losses.
    #[cold]
    fn look_up(
        &self,
        running: &mut Running<O>,
        metrics: &mut Metrics,
        epoch: u64,
        (from, to): (u64, u64),
    ) -> Result<Known, Trouble> {
        let Some(known) = Known::of(&self.monitor, self.ties, metrics) else {
            let reported = listed(metrics.iter().map(|(name, _)| name));
            let reason = format!("the epoch did not report `{}`; it reported {reported}", self.monitor);
            return Err(Trouble::Failed { epoch, reason });
        };
        if epoch > from {
            let room = (to - from).min(4096) as usize;
            let in_order = running.history.as_ref().is_none_or(|history| history.has_layout_of(metrics));
            running.history.get_or_insert_with(|| History::new(metrics.names(), room));
            running.known = in_order.then_some(known);
        }
        Ok(known)
    }

    /// What the objective saves, if a file can hold it.
    fn checkpoint(&self, model: &O::Model) -> Result<Checkpoint, BoxError> {
        let checkpoint = self.objective.save(model)?;
        checkpoint.check()?;
        Ok(checkpoint)
    }

    /// The trial's model as it is to be written.
    fn save(&self, task: &Task<O>, running: &Running<O>) -> Result<SavedModel, String> {
        let present = catch(|| self.checkpoint(&running.model))?.map_err(|error| chain(&*error))?;
        let state = SavedState {
            format: FORMAT,
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
