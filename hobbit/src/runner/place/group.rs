//! Stages of several trials that are trained together, epoch by epoch. A trial that is done leaves the
//! group, however it ended.

use std::sync::Arc;

use super::evaluate::{Evaluator, Surroundings, deadline};
use super::running::{Running, Tools};
use super::stage::{Evaluated, Stage, Task};
use super::trouble::{Trouble, attempt};
use crate::error::{BoxError, Result};
use crate::objective::{EpochContext, Member, Metrics, Objective};
use crate::runner::panics::catch;
use crate::schedule::Assignment;
use crate::work::WorkerId;

/// A trial of a group.
struct Mate<'a, O: Objective> {
    stage: Stage<'a, O>,
    running: Option<Running<O>>,
    metrics: Metrics,
    state: State,
}

/// How far a trial of a group is.
enum State {
    Training,
    Ended(Result<(), Trouble>),
    /// It is not known whose fault it is that the group came to grief: each is tried again alone.
    Apart,
}

impl<O: Objective> Evaluator<O> {
    /// Trains stages together, which begin when the clock was looked at last, and adds what came of them.
    /// Returns `false` if it was told to leave at once.
    ///
    /// # Errors
    /// A trial cannot print any more, which is not its fault.
    pub(super) fn evaluate_together<A: Surroundings>(
        &self,
        tasks: Vec<(&mut Task<O>, Arc<O::Hparams>)>,
        worker: WorkerId,
        tools: &mut Tools,
        around: &A,
        outcomes: &mut Vec<Evaluated<O>>,
    ) -> Result<bool> {
        let start = tools.clock.last();
        let mut mates = Vec::with_capacity(tasks.len());
        for (task, hparams) in tasks {
            let interrupt = around.interrupt(deadline(&task.order, start));
            let mut stage = Stage::new(task, hparams, worker, start, interrupt);
            if stage.task.carried.is_none() {
                self.load(&mut stage, around);
            }
            mates.push(Mate { stage, running: None, metrics: Metrics::new(), state: State::Training });
        }
        self.train_together(&mut mates, tools, around);
        // of the worker's time each has had a share, which is what the next one of its kind will cost
        let share = (tools.clock.look() - start) / mates.len() as u32;
        let mut goes_on = true;
        for Mate { mut stage, mut running, state, .. } in mates {
            stage.start = tools.clock.look().checked_sub(share).unwrap_or(start);
            let mut alone = None;
            let ready = match state {
                State::Ended(Ok(())) => None,
                State::Ended(Err(trouble)) => {
                    Some(self.have_patience(trouble, &mut stage, tools, around, &mut alone))
                }
                State::Training | State::Apart => {
                    self.load(&mut stage, around);
                    Some(Ok(()))
                }
            };
            let result = ready.map_or(Ok(()), |ready| {
                ready?;
                self.train_patiently(&mut stage, &mut running, tools, around, &mut alone)
            });
            goes_on &= self.conclude(stage, &mut running, result, tools, around, outcomes)?;
        }
        Ok(goes_on)
    }

    fn train_together(&self, mates: &mut [Mate<'_, O>], tools: &mut Tools, around: &impl Surroundings) {
        for mate in &mut *mates {
            let Mate { stage, running, .. } = mate;
            if let Err(trouble) = caught(0, || self.begin(running, stage, around).map(drop)) {
                mate.state = State::Ended(Err(trouble));
            }
        }
        loop {
            for mate in &mut *mates {
                mate.prepare(self);
            }
            let mut members: Vec<_> = mates.iter_mut().filter_map(Mate::member).collect();
            if members.is_empty() {
                return;
            }
            let trained = catch(|| self.objective.train_epochs(&mut members));
            let mut results: Vec<_> = members.into_iter().map(Member::into_result).collect();
            match trained {
                Ok(()) => {}
                // then it is clear whose fault it is
                Err(panic) if results.len() == 1 => results = vec![Err(panic.into())],
                Err(_) => {
                    for mate in mates.iter_mut().filter(|mate| mate.is_training()) {
                        (mate.running, mate.state) = (None, State::Apart);
                    }
                    return;
                }
            }
            let training = mates.iter_mut().filter(|mate| mate.is_training());
            for (mate, result) in training.zip(results) {
                mate.go_on(self, result, tools, around);
            }
        }
    }
}

impl<O: Objective> Mate<'_, O> {
    fn is_training(&self) -> bool {
        matches!(self.state, State::Training)
    }

    /// The stage is over. A trial that was not trained to its end is dropped: a model may run code of the
    /// user's then.
    fn end(&mut self, result: Result<(), Trouble>) {
        if result.is_err() {
            let _ = catch(|| self.running = None);
        }
        self.state = State::Ended(result);
    }

    /// Looks whether there is anything left to train, and keeps the model if that would change its best.
    fn prepare(&mut self, evaluator: &Evaluator<O>) {
        let Some(running) = self.running.as_mut().filter(|_| matches!(self.state, State::Training)) else {
            return;
        };
        if running.epoch >= self.stage.task.order.assignment.to || running.stopped {
            return self.end(Ok(()));
        }
        if let Err(trouble) = caught(running.epoch + 1, || evaluator.keep_best(running)) {
            self.end(Err(trouble));
        }
    }

    /// The trial as the objective sees it, if it is being trained.
    fn member(&mut self) -> Option<Member<'_, O>> {
        let Mate { stage, running, metrics, state: State::Training } = self else { return None };
        let Running { model, epoch, .. } = running.as_mut()?;
        metrics.clear();
        let (_, stage_end) = stage.task.order.stage_at(*epoch);
        let epoch = EpochContext { trial: &stage.context, epoch: *epoch, stage_end };
        Some(Member::new(model, epoch, metrics))
    }

    /// What follows from an epoch.
    fn go_on(
        &mut self,
        evaluator: &Evaluator<O>,
        result: Result<(), BoxError>,
        tools: &mut Tools,
        around: &impl Surroundings,
    ) {
        let Mate { stage, running: Some(running), metrics, .. } = self else { return };
        let number = running.epoch + 1;
        let Assignment { from, to, .. } = stage.task.order.assignment;
        std::mem::swap(metrics, &mut tools.metrics);
        let gone_on = caught(number, || {
            attempt(number, || result)?;
            evaluator.look_at_loss(number, &tools.metrics)?;
            evaluator.measured(running, number, (from, to), &stage.context, tools)?;
            let score = running.score.map(|score| score.value);
            let assignment = &stage.task.order.assignment;
            let stopping = around.epoch(assignment, number, &tools.metrics, score) | running.stopped;
            if stopping && number >= from || number == to {
                return Ok(true);
            }
            evaluator.save_within(running, stage, around)?;
            Ok(false)
        });
        std::mem::swap(metrics, &mut tools.metrics);
        match gone_on {
            Ok(false) => {}
            Ok(true) => self.end(Ok(())),
            Err(trouble) => self.end(Err(trouble)),
        }
    }
}

/// Runs what concerns one trial; a panic ends it at this epoch.
fn caught<T>(epoch: u64, code: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    catch(code).unwrap_or_else(|reason| Err(Trouble::Failed { epoch, reason }))
}
