//! One stage of one trial: built or carried on, trained epoch by epoch, with whatever goes wrong turned into an outcome.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clock::Clock;
use super::configurations::Configurations;
use super::panics::catch;
use super::trouble::{Trouble, attempt, chain};
use crate::error::Result;
use crate::objective::{
    Checkpoint, EpochContext, History, Interrupt, Interrupted, Metrics, Objective, TrialContext,
};
use crate::repository::{End, FORMAT, SavedModel, SavedState, ScoreBy, StageRecord};
use crate::schedule::Assignment;
use crate::trial::Direction;

/// A trial between two stages, in memory.
pub(crate) struct Carried<O: Objective> {
    pub(crate) model: O::Model,
    /// The model at the epoch of the trial's score, if it has been trained on since.
    pub(crate) best: Option<Arc<Checkpoint>>,
}

/// What is to be done.
pub(crate) struct Task<O: Objective> {
    pub(crate) assignment: Assignment,
    /// Drawn in the trial's first stage.
    pub(crate) hparams: Option<Arc<O::Hparams>>,
    /// The trial so far.
    pub(crate) score: Option<(f64, u64)>,
    pub(crate) attempt: u32,
    pub(crate) seconds: f64,
    /// The trial as it is in memory.
    pub(crate) carried: Option<Carried<O>>,
    /// The repository may have a checkpoint of it.
    pub(crate) on_disk: bool,
    /// That checkpoint, once it is read.
    pub(crate) saved: Option<Box<SavedModel>>,
    pub(crate) worker: u32,
    /// It may have ended an earlier process: it is trained alone.
    pub(crate) suspect: bool,
    /// It has ended so many earlier processes that it is not trained any more.
    pub(crate) deaths: Option<u32>,
}

/// What came of it.
pub(crate) struct Evaluated<O: Objective> {
    pub(crate) record: Arc<StageRecord>,
    pub(crate) hparams: Arc<O::Hparams>,
    /// The trial, to be trained on; `None` if it failed.
    pub(crate) carried: Option<Carried<O>>,
    /// The bytes that it holds.
    pub(crate) bytes: usize,
    /// The trial, to be written.
    pub(crate) saved: Option<Box<SavedModel>>,
    /// The stage is not at its end: the sweep stops.
    pub(crate) unfinished: bool,
    /// It failed for what happened in this process, and not in earlier ones.
    pub(crate) failed_now: bool,
}

impl<O: Objective> Evaluated<O> {
    /// Whether it might not have failed, had nobody stopped the sweep.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.failed_now
    }
}

/// What an evaluation needs from the sweep around it.
pub(crate) trait Surroundings<O: Objective> {
    /// Reads a trial's checkpoint.
    fn load(&self, assignment: &Assignment) -> Option<SavedModel>;
    /// Called after each epoch; returns whether the sweep is stopping.
    fn epoch(
        &self,
        assignment: &Assignment,
        epoch: u64,
        metrics: &Metrics,
        score: Option<(f64, u64)>,
    ) -> bool;
    /// Takes a checkpoint from within a stage.
    fn save(&self, model: SavedModel);
    /// The user should know.
    fn note(&self, text: String);
    /// Waits until no other trial is trained, and keeps it so while the guard lives. `None` if the sweep stops meanwhile.
    fn alone(&self) -> Option<impl Drop>;
    /// Whether the sweep is stopping, asked after something failed; `after` is how long the stage had been trained.
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
}

/// A trial in the middle of its training.
struct Running<O: Objective> {
    model: O::Model,
    best: Option<Arc<Checkpoint>>,
    epoch: u64,
    score: Option<(f64, u64)>,
    /// The metrics of each epoch since `from`, if there is one.
    history: Option<History>,
    /// Where the monitor is in metrics of the history's layout. Unknown while there is no history, or it has the metrics in another order.
    known: Option<Known>,
}

/// What need not be looked up again while the layout of metrics stays the same.
#[derive(Clone, Copy)]
struct Known {
    layout: (u64, usize),
    monitor: usize,
}

/// Why a trial that ends the process has failed.
fn died(deaths: u32) -> String {
    let times = if deaths == 1 { "once" } else { &format!("{deaths} times in a row") };
    format!(
        "the process ended {times} while it was trained: it was killed, aborted, exited, or ran out of memory or stack"
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
            let fits = |saved: &SavedModel| {
                let SavedState { epoch, from: since, attempt, score, .. } = saved.state;
                // at the end of the stage before it has to be what the journal says of it
                let here =
                    (epoch == from && score == task.score) || (since == from && (from..=to).contains(&epoch));
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
                Err(Trouble::Failed { .. } | Trouble::Diverged { .. } | Trouble::Memory { .. })
                    if task.attempt < self.retries && context.interrupt.check().is_ok() =>
                {
                    task.attempt += 1;
                    context.key = key(&task);
                }
                result => break result,
            }
        };
        let failed_now = task.deaths.is_none();
        let mut failed = |end, hparams| {
            let record = self.record(&task, start, clock, end, None);
            if failed_now && around.is_stopping(start.elapsed()) {
                return Ok(None);
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
            Ok((saved, bytes + best))
        })();
        let (saved, bytes) = match finished {
            Ok(finished) => finished,
            Err(reason) => return failed(End::Failed { epoch: running.epoch, reason }, hparams),
        };
        let record = self.record(&task, start, clock, End::Trained, Some(&mut running));
        let unfinished = running.epoch < to;
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
        while running.epoch < to {
            under_way.set(running.epoch + 1);
            // the best model is copied only when it is about to be changed
            if keeps_best && running.score.is_some_and(|(_, epoch)| epoch == running.epoch) {
                let saved = attempt(running.epoch, || self.objective.save(&running.model))?;
                running.best = Some(Arc::new(saved));
            }
            // without a repository there is nothing to do between epochs
            let until = if self.saves { running.epoch + 1 } else { to };
            let stopping = self.epochs(&mut running, until, task, context, metrics, around, under_way)?;
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

    /// Trains until the trial has this many epochs, or the sweep stops; returns whether it does.
    // by itself, so that a loop over epochs that take no time stays short
    #[inline(never)]
    #[expect(clippy::too_many_arguments, reason = "the loop of one caller")]
    fn epochs(
        &self,
        running: &mut Running<O>,
        until: u64,
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
            self.epoch(running, number, assignment, context, metrics)?;
            if around.epoch(assignment, number, metrics, running.score) {
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
        let running =
            |model, best, epoch, score| Running { model, best, epoch, score, history: None, known: None };
        if let Some(Carried { model, best }) = task.carried.take() {
            return Ok(running(model, best, from, task.score));
        }
        let mut model = attempt(0, || self.objective.build(hparams, context))?;
        if let Some(saved) = task.saved.take() {
            match attempt(saved.state.epoch, || self.objective.load(&mut model, saved.present())) {
                Ok(()) => {
                    let saved = *saved;
                    let SavedState { epoch, score, from: since, history, .. } = saved.state;
                    let best = saved.last.is_some().then(|| Arc::new(saved.best));
                    let mut running = running(model, best, epoch, score);
                    if since == from {
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

    /// One epoch, counted from 1, and what follows from its metrics.
    fn epoch(
        &self,
        running: &mut Running<O>,
        number: u64,
        assignment: &Assignment,
        context: &TrialContext,
        metrics: &mut Metrics,
    ) -> Result<(), Trouble> {
        let Assignment { from, to, .. } = *assignment;
        let epoch = EpochContext { trial: context, epoch: number - 1, stage_end: to };
        attempt(number, || self.objective.train_epoch(&mut running.model, &epoch, metrics))?;
        // a diverged model need not be validated
        let loss = self.objective.training_loss().and_then(|name| Some((name, metrics.get(name)?)));
        if let Some((name, loss)) = loss.filter(|(_, loss)| !loss.is_finite()) {
            return Err(Trouble::Diverged { epoch: number, reason: format!("{name} is {loss}") });
        }
        attempt(number, || self.objective.validate(&mut running.model, &epoch, metrics))?;
        let value = match running.known {
            Some(known) if known.layout == metrics.layout() => metrics.values()[known.monitor],
            _ => self.look_up(running, metrics, number, (from, to))?,
        };
        if !value.is_finite() {
            return Err(self.monitor_diverged(number, value));
        }
        running.epoch = number;
        let better = running.score.is_none_or(|(best, _)| self.direction.better(value, best));
        if better || self.score == ScoreBy::Last {
            running.score = Some((value, number));
            running.best = None;
        }
        match &mut running.history {
            Some(history) if running.known.is_some() => history.push_same(metrics),
            Some(history) if number > from => history.push(metrics),
            _ => {}
        }
        // a trial that never looks at its interrupt is looked after here
        match context.interrupt.check() {
            Ok(()) => Ok(()),
            Err(Interrupted::Stopped) => Err(Trouble::Left),
            Err(Interrupted::TimeLimit) if number < to => {
                Err(Trouble::Failed { epoch: number, reason: Interrupted::TimeLimit.to_string() })
            }
            Err(Interrupted::TimeLimit) => Ok(()),
        }
    }

    #[cold]
    fn monitor_diverged(&self, epoch: u64, value: f64) -> Trouble {
        Trouble::Diverged { epoch, reason: format!("{} is {value}", self.monitor) }
    }

    /// The monitor's value in metrics of a new layout.
    #[cold]
    fn look_up(
        &self,
        running: &mut Running<O>,
        metrics: &mut Metrics,
        epoch: u64,
        (from, to): (u64, u64),
    ) -> Result<f64, Trouble> {
        let Some(monitor) = metrics.position(&self.monitor) else {
            let names: Vec<_> = metrics.iter().map(|(name, _)| format!("`{name}`")).collect();
            let reason =
                format!("the epoch did not report `{}`; it reported {}", self.monitor, names.join(", "));
            return Err(Trouble::Failed { epoch, reason });
        };
        if epoch > from {
            let room = (to - from).min(4096) as usize;
            let in_order = running.history.as_ref().is_none_or(|history| history.has_layout_of(metrics));
            running.history.get_or_insert_with(|| History::new(metrics.names(), room));
            running.known = in_order.then(|| Known { layout: metrics.layout(), monitor });
        }
        Ok(metrics.values()[monitor])
    }

    /// The trial's model as it is to be written.
    fn save(&self, task: &Task<O>, running: &Running<O>) -> Result<SavedModel, String> {
        let present = catch(|| self.objective.save(&running.model))?.map_err(|error| chain(&*error))?;
        let state = SavedState {
            format: FORMAT,
            trial: task.assignment.trial,
            attempt: task.attempt,
            epoch: running.epoch,
            score: running.score,
            from: task.assignment.from,
            history: running.history.clone().unwrap_or_default(),
        };
        Ok(match &running.best {
            Some(best) => SavedModel { state, best: Checkpoint::clone(best), last: Some(present) },
            None => SavedModel { state, best: present, last: None },
        })
    }
}
