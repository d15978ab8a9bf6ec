//! The epochs of a stage: a trial built or carried on, trained and validated epoch by epoch.

use std::cell::Cell;
use std::sync::Arc;

use super::evaluate::{Evaluator, Surroundings};
use super::running::{Known, Running, Tools};
use super::stage::{Carried, Stage};
use super::trouble::{Trouble, attempt, listed};
use crate::objective::{Checkpoint, EpochContext, History, Interrupted, Metrics, Objective, TrialContext};
use crate::repository::{Losses, SavedModel, SavedState, ScoreBy};
use crate::runner::panics::catch;
use crate::schedule::Assignment;
use crate::work::Scored;

impl<O: Objective> Evaluator<O> {
    /// Brings the trial, in its place, to the end of its stage, or to where the sweep stops; a panic ends the
    /// trial. The place is empty if this goes wrong.
    pub(super) fn train(
        &self,
        stage: &mut Stage<'_, O>,
        place: &mut Option<Running<O>>,
        tools: &mut Tools,
        around: &impl Surroundings,
    ) -> Result<(), Trouble> {
        let under_way = Cell::new(0);
        catch(|| self.train_or_panic(stage, place, tools, around, &under_way))
            .unwrap_or_else(|reason| Err(Trouble::Failed { epoch: under_way.get(), reason }))
    }

    /// `under_way` is the epoch under way, counted from 1; 0 while the model is built.
    fn train_or_panic(
        &self,
        stage: &mut Stage<'_, O>,
        place: &mut Option<Running<O>>,
        tools: &mut Tools,
        around: &impl Surroundings,
        under_way: &Cell<u64>,
    ) -> Result<(), Trouble> {
        let mut place = Place { running: place, is_trained: false };
        let running = self.begin(place.running, stage, around)?;
        let Assignment { from, to, .. } = stage.task.order.assignment;
        while running.epoch < to && !running.stopped {
            under_way.set(running.epoch + 1);
            self.keep_best(running)?;
            let (end, stage_end) = stage.task.order.stage_at(running.epoch);
            // without a repository there is nothing to do between epochs
            let until = if self.terms.saves { running.epoch + 1 } else { end };
            let ends = (until, stage_end);
            let stopping = self.epochs(running, ends, stage, tools, around, under_way)?;
            if stopping && running.epoch >= from || running.epoch == to {
                break;
            }
            self.save_within(running, stage, around)?;
        }
        place.is_trained = true;
        Ok(())
    }

    /// Copies the model if it is the trial's best, since it is about to be changed.
    pub(super) fn keep_best(&self, running: &mut Running<O>) -> Result<(), Trouble> {
        let keeps_best = self.terms.saves && self.terms.score == ScoreBy::Best;
        if keeps_best && running.score.is_some_and(|score| score.epoch == running.epoch) {
            let saved = attempt(running.epoch, || self.checkpoint(&running.model))?;
            running.best = Some(Arc::new(saved));
        }
        Ok(())
    }

    /// Saves the trial within its stage, if it is time to.
    pub(super) fn save_within(
        &self,
        running: &Running<O>,
        stage: &Stage<'_, O>,
        around: &impl Surroundings,
    ) -> Result<(), Trouble> {
        let from = stage.task.order.assignment.from;
        let due = |every| running.epoch > from && (running.epoch - from).is_multiple_of(every);
        if self.terms.saves && self.terms.checkpoint_every.is_some_and(due) {
            let saved = self
                .save(&stage.task.order, running)
                .map_err(|reason| Trouble::Failed { epoch: running.epoch, reason })?;
            around.save(Box::new(saved));
        }
        Ok(())
    }

    /// Trains until the trial has this many epochs, or its stage or the sweep stops; returns whether one
    /// does. `stage_end` is what the objective is told.
    // by itself, so that a loop over epochs that take no time stays short
    #[inline(never)]
    fn epochs(
        &self,
        running: &mut Running<O>,
        (until, stage_end): (u64, u64),
        stage: &Stage<'_, O>,
        tools: &mut Tools,
        around: &impl Surroundings,
        under_way: &Cell<u64>,
    ) -> Result<bool, Trouble> {
        let (assignment, context) = (&stage.task.order.assignment, &stage.context);
        let ends = (assignment.from, assignment.to, stage_end);
        while running.epoch < until {
            let number = running.epoch + 1;
            under_way.set(number);
            tools.metrics.clear();
            self.epoch(running, number, ends, context, tools)?;
            let score = running.score.map(|score| score.value);
            if around.epoch(assignment, number, &tools.metrics, score) | running.stopped {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Puts the trial into its place: as it is in memory, or in its checkpoint, or built anew.
    pub(super) fn begin<'p>(
        &self,
        place: &'p mut Option<Running<O>>,
        stage: &mut Stage<'_, O>,
        around: &impl Surroundings,
    ) -> Result<&'p mut Running<O>, Trouble> {
        Ok(place.insert(match stage.task.carried.take() {
            Some(Carried { model, best, .. }) => {
                running(model, best, stage.task.order.assignment.from, stage.task.order.score)
            }
            None => self.build(stage, around)?,
        }))
    }

    /// The trial as it is in its checkpoint, or built anew.
    fn build(&self, stage: &mut Stage<'_, O>, around: &impl Surroundings) -> Result<Running<O>, Trouble> {
        let Assignment { trial, from, .. } = stage.task.order.assignment;
        let build = || attempt(0, || self.objective.build(&stage.hparams, &stage.context));
        let mut model = build()?;
        if let Some(saved) = stage.saved.take() {
            match attempt(saved.state.epoch, || self.objective.load(&mut model, saved.present())) {
                Ok(()) => return Ok(self.loaded(model, *saved, from, stage.task.order.score)),
                Err(Trouble::Failed { reason, .. }) => {
                    around.note(format!(
                        "the checkpoint of trial {trial} does not load ({reason}); the trial is trained again from its beginning",
                    ));
                    model = build()?;
                }
                Err(trouble) => return Err(trouble),
            }
        }
        // keyed randomness makes the same model again, whatever the reason it is not there
        Ok(running(model, None, 0, None))
    }

    /// The trial as its checkpoint says. The stage begins at `from`, and the trial has this score before it.
    fn loaded(&self, model: O::Model, saved: SavedModel, from: u64, before: Option<Scored>) -> Running<O> {
        let SavedState { epoch, score, from: since, history, stopped, .. } = saved.state;
        let best = saved.last.is_some().then(|| Arc::new(saved.best));
        let score = score.map(|score| self.scored(score, since, &history, before));
        let mut running = running(model, best, epoch, score);
        // otherwise these are those of the stage before
        if since == from {
            running.stopped = stopped;
            running.history = Some(history).filter(|history| !history.is_empty());
        }
        running
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
            (Some(row), _) => Losses::new(self.terms.ties, &self.terms.monitor).loss(history, row as usize),
            (None, Some(before)) if (before.value, before.epoch) == (value, epoch) => before.loss,
            _ => f64::NAN,
        };
        Scored { value, epoch, loss }
    }

    /// One epoch, counted from 1, and what follows from its metrics. The stage goes from one number of epochs
    /// to another; the objective is told of the last one as its end.
    fn epoch(
        &self,
        running: &mut Running<O>,
        number: u64,
        (from, to, stage_end): (u64, u64, u64),
        context: &TrialContext,
        tools: &mut Tools,
    ) -> Result<(), Trouble> {
        let epoch = EpochContext { trial: context, epoch: number - 1, stage_end };
        attempt(number, || self.objective.train_epoch(&mut running.model, &epoch, &mut tools.metrics))?;
        // a diverged model need not be validated
        self.look_at_loss(number, &tools.metrics)?;
        attempt(number, || self.objective.validate(&mut running.model, &epoch, &mut tools.metrics))?;
        self.measured(running, number, (from, to), context, tools)
    }

    /// Whether the training loss of an epoch is one to go on with.
    #[inline]
    pub(super) fn look_at_loss(&self, number: u64, metrics: &Metrics) -> Result<(), Trouble> {
        let loss = self.objective.training_loss().and_then(|name| Some((name, metrics.get(name)?)));
        match loss.filter(|(_, loss)| !loss.is_finite()) {
            Some((name, loss)) => {
                Err(Trouble::Diverged { epoch: number, reason: format!("{name} is {loss}") })
            }
            None => Ok(()),
        }
    }

    /// What follows from an epoch's metrics, which are among the tools.
    #[inline]
    pub(super) fn measured(
        &self,
        running: &mut Running<O>,
        number: u64,
        (from, to): (u64, u64),
        context: &TrialContext,
        tools: &mut Tools,
    ) -> Result<(), Trouble> {
        let known = match &running.known {
            Some(known) if known.is_of(&tools.metrics) => known,
            _ => &self.look_up(running, tools, number, (from, to))?,
        };
        let value = tools.metrics.values()[known.monitor];
        if !value.is_finite() {
            return Err(self.monitor_diverged(number, value));
        }
        running.epoch = number;
        let scored = || Scored { value, epoch: number, loss: known.loss(&tools.metrics) };
        // most epochs are either better or worse, and need no other metric
        let is_better = match &running.score {
            Some(best) if self.terms.score == ScoreBy::Best => match value == best.value {
                true => known.decides && scored().better_than(*best, self.terms.direction),
                false => self.terms.direction.better(value, best.value),
            },
            _ => true,
        };
        if is_better {
            running.score = Some(scored());
            running.best = None;
        }
        match &mut running.history {
            Some(history) if running.known.is_some() => history.push_same(&tools.metrics),
            Some(history) if number > from => history.push(&tools.metrics),
            _ => {}
        }
        // what earlier stages had is settled
        if tools.metrics.is_stopped() && number > from {
            running.stopped = true;
        }
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
        Trouble::Diverged { epoch, reason: format!("{} is {value}", self.terms.monitor) }
    }

    /// Where the monitor is in metrics of a new layout, and the losses.
    #[cold]
    fn look_up(
        &self,
        running: &mut Running<O>,
        tools: &mut Tools,
        epoch: u64,
        (from, to): (u64, u64),
    ) -> Result<Known, Trouble> {
        let Some(known) = tools.look_up(&self.terms.monitor, self.terms.ties) else {
            let reported = listed(tools.metrics.iter().map(|(name, _)| name));
            let reason = format!("the epoch did not report `{}`; it reported {reported}", self.terms.monitor);
            return Err(Trouble::Failed { epoch, reason });
        };
        if epoch > from {
            let room = (to - from).min(4096) as usize;
            let in_order =
                running.history.as_ref().is_none_or(|history| history.has_layout_of(&tools.metrics));
            running.history.get_or_insert_with(|| History::new(tools.metrics.names(), room));
            running.known = in_order.then_some(known);
        }
        Ok(known)
    }
}

/// Where a trial is while it is trained, so that it need not be moved through everything around its epochs.
///
/// A trial that is not trained to its end is dropped with this: a model may run code of the user's then.
struct Place<'a, O: Objective> {
    running: &'a mut Option<Running<O>>,
    is_trained: bool,
}

impl<O: Objective> Drop for Place<'_, O> {
    fn drop(&mut self) {
        if !self.is_trained {
            *self.running = None;
        }
    }
}

/// A trial that has been trained this many epochs.
fn running<O: Objective>(
    model: O::Model,
    best: Option<Arc<Checkpoint>>,
    epoch: u64,
    score: Option<Scored>,
) -> Running<O> {
    Running { model, best, epoch, score, history: None, stopped: false, known: None }
}
