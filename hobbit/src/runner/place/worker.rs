//! A worker: one long job of rayon's that takes stages of trials from the desk until there are none.
//!
//! Because a trial is never a job of a pool itself, no thread can pick up one trial while it waits inside
//! another. And user code runs on a thread that belongs to no pool, so that what it gives to rayon goes to
//! rayon's global pool, of which a sweep occupies no thread: user code may use rayon as it likes, and may
//! wait for it as it likes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::around::Around;
use super::aside::AtWork;
use super::batch::Batch;
use super::floor::{Floor, Held};
use super::running::Tools;
use super::stage::{Carried, Evaluated, Task};
use crate::error::{Error, Result};
use crate::objective::{Interrupt, Objective};
use crate::runner::configurations::point;
use crate::runner::descriptions::describe;
use crate::runner::panics::catch;
use crate::schedule::Assignment;
use crate::space::SearchSpace;
use crate::work::{Beginning, Configuration, Order, Report, Taken, WorkerId};

/// Works until the sweep is over. `slot` is the worker's place.
pub(super) fn work<O: Objective>(floor: Arc<Floor<O>>, slot: usize) {
    let trace = floor.trace.as_ref().and_then(|file| file.try_clone().ok());
    let at_work = AtWork::new(trace, floor.is_in_pool);
    let worked = catch(|| Worker::new(&floor, slot).work());
    drop(at_work);
    if let Err(reason) = worked {
        // where trials are trained, panics are caught; this was somewhere else
        floor.desk.fail(Error::study(format!("a worker {reason}")));
    }
    let (doors, counts) = (floor.doors.clone(), floor.leave(slot));
    // whoever runs the sweep is the last to have the objective, and may rely on it
    let _ = catch(|| drop(floor));
    if counts {
        doors.leave();
    }
}

/// How a batch of stages ended.
enum Batched {
    Done,
    /// The worker was told to leave at once.
    Left,
    /// The sweep ends.
    Failed(Error),
}

/// One worker, with what it uses again and again.
struct Worker<'a, O: Objective> {
    floor: &'a Floor<O>,
    slot: usize,
    id: WorkerId,
    around: Around<'a, O>,
    held: Held<O>,
    batch: Batch,
    tools: Tools,
    orders: Vec<Order>,
    outcomes: Vec<Evaluated<O>>,
    reports: Vec<Report>,
    /// The configurations that were made in this batch, by the places of their trials.
    made: Vec<(u64, Arc<O::Hparams>)>,
    /// Trials whose lives have ended.
    ended: Vec<u64>,
    /// Models whose time is over, to be dropped outside of any lock.
    garbage: Vec<Carried<O>>,
}

impl<'a, O: Objective> Worker<'a, O> {
    fn new(floor: &'a Floor<O>, slot: usize) -> Self {
        let id = WorkerId { machine: floor.machine, index: slot as u32 };
        let unlimited = Arc::new(Interrupt::default());
        let watched = floor.evaluator.terms.watches_epochs;
        let around = Around { floor, slot, id, stop: floor.desk.stop(), watched, unlimited };
        Worker {
            floor,
            slot,
            id,
            around,
            held: floor.held(slot),
            batch: Batch::new(floor.is_single()),
            tools: Tools::new(),
            orders: Vec::new(),
            outcomes: Vec::new(),
            reports: Vec::new(),
            made: Vec::new(),
            ended: Vec::new(),
            garbage: Vec::new(),
        }
    }

    fn work(&mut self) {
        let mut task = None;
        while self.next(&mut task) {
            let batched = self.train(&mut task);
            let is_wanted = self.hand_in();
            match batched {
                Batched::Done if is_wanted => {}
                Batched::Done | Batched::Left => break,
                Batched::Failed(error) => self.floor.desk.fail(error),
            }
        }
        discard(&mut self.garbage);
        let _ = catch(|| self.outcomes.clear());
        let _ = catch(|| self.floor.evaluator.objective.worker_ends());
    }

    /// The next work: what it holds already, then the desk's, then what others hold. Waits while there is
    /// none. Returns `false` when the sweep is over.
    fn next(&mut self, task: &mut Option<Task<O>>) -> bool {
        let Floor { desk, .. } = self.floor;
        loop {
            let news = desk.news();
            let most = self.batch.size().max(self.floor.group).saturating_sub(self.held.len());
            let taken = if most == 0 { Taken::Orders } else { desk.take(self.id, most, &mut self.orders) };
            if taken == Taken::Over || self.around.stop.is_set() {
                return false;
            }
            if self.floor.start(self.slot, &self.held, &mut self.orders, &mut self.garbage, task) {
                discard(&mut self.garbage);
                return true;
            }
            self.floor.release(&mut self.ended, &mut self.garbage);
            match self.garbage.is_empty() {
                true => desk.wait(news),
                false => discard(&mut self.garbage),
            }
        }
    }

    /// Trains stages until there is something to hand in.
    fn train(&mut self, next: &mut Option<Task<O>>) -> Batched {
        self.batch.restart();
        self.tools.clock.look();
        while let Some(task) = next {
            let known = self.outcomes.len();
            let evaluated = match self.floor.group {
                0 | 1 => self.stage(task),
                most => self.group(task, most),
            };
            // a model may be left in it, which is not to be dropped under a lock
            *next = None;
            for outcome in &self.outcomes[known..] {
                self.batch.add(outcome.report.record.seconds);
            }
            match evaluated {
                Ok(true) => {}
                Ok(false) => return Batched::Left,
                Err(error) => return Batched::Failed(error),
            }
            // while others keep the desk busy, what is held is done meanwhile
            let goes_on = self.batch.has_time()
                && !self.around.stop.is_set()
                && (!self.batch.is_half_done() || self.floor.desk.is_busy());
            if goes_on {
                *next = self.held.take();
            }
        }
        Batched::Done
    }

    /// Trains one stage. Returns `false` if the worker was told to leave.
    fn stage(&mut self, task: &mut Task<O>) -> Result<bool> {
        let hparams = self.hparams(task)?;
        let mut alone = None;
        if task.order.is_alone() {
            alone = self.around.alone_and_written();
            if alone.is_none() {
                // it is trained when the sweep is continued
                return Ok(false);
            }
        }
        self.announce(task, &hparams)?;
        if self.floor.is_single() {
            self.tools.clock.look();
        }
        let (evaluator, around) = (&self.floor.evaluator, &self.around);
        let goes_on = evaluator.evaluate(task, hparams, self.id, &mut self.tools, around, &mut self.outcomes);
        drop(alone);
        goes_on
    }

    /// Trains a stage together with those it holds that can be. Returns `false` if the worker was told to
    /// leave.
    fn group(&mut self, task: &mut Task<O>, most: usize) -> Result<bool> {
        let mut others = self.mates(task, most - 1)?;
        if self.held.len() > 0 {
            // whoever has nothing to do may take them
            self.floor.desk.wake();
        }
        if others.is_empty() {
            return self.stage(task);
        }
        let mut mates = Vec::with_capacity(1 + others.len());
        for task in std::iter::once(task).chain(&mut others) {
            let hparams = self.hparams(task)?;
            self.announce(task, &hparams)?;
            mates.push((task, hparams));
        }
        self.tools.clock.look();
        let Worker { floor, outcomes, .. } = self;
        floor.evaluator.evaluate_together(mates, self.id, &mut self.tools, &self.around, outcomes)
    }

    /// Takes what it holds that can be trained together with a task, at most so many.
    fn mates(&self, task: &mut Task<O>, most: usize) -> Result<Vec<Task<O>>> {
        let kind = self.kind(task)?;
        let mut mates = Vec::new();
        if kind.is_none() {
            return Ok(mates);
        }
        let mut others = VecDeque::new();
        // user code is asked, which is not done under a lock
        for mut task in self.held.take_all() {
            if mates.len() < most && self.kind(&mut task)? == kind {
                mates.push(task);
            } else {
                others.push_back(task);
            }
        }
        self.held.put_back(others);
        Ok(mates)
    }

    /// What trials have in common that are trained together: what the objective says, and their stage of
    /// their bracket. None of a trial that is trained by itself.
    fn kind(&self, task: &mut Task<O>) -> Result<Option<(u64, u32, u32, u32)>> {
        let Task { order, carried, fuses } = task;
        if order.is_alone() || order.deaths().is_some() {
            return Ok(None);
        }
        let (_, fuses) = match fuses {
            Some(known) => known,
            None => {
                let hparams = match carried {
                    Some(carried) => carried.hparams.clone(),
                    None => self.floor.configuration(order)?,
                };
                // a trial that goes wrong here does so alone
                let said = catch(|| self.floor.evaluator.objective.fuses(&hparams)).unwrap_or(None);
                fuses.insert((hparams, said))
            }
        };
        let Assignment { trial, stage, .. } = order.assignment;
        Ok(fuses.map(|fuses| (fuses, trial.iteration, trial.bracket, stage)))
    }

    /// Says that a stage begins, where that has to be known.
    fn announce(&self, task: &Task<O>, hparams: &O::Hparams) -> Result<()> {
        let Floor { desk, evaluator, .. } = self.floor;
        if evaluator.terms.announces && task.order.deaths().is_none() {
            let assignment = task.order.assignment;
            let is_described = evaluator.terms.describes && assignment.stage == 0;
            let model = match is_described {
                true => describe(&*evaluator.objective, hparams, task.order.epochs()),
                false => BTreeMap::new(),
            };
            let point = match &task.order.configuration {
                _ if !is_described => None,
                Configuration::Point(point) => Some(point.clone()),
                _ => point(&self.floor.root, hparams),
            };
            if let (Some(checkpoint), true) = (task.order.checkpoint, task.carried.is_some()) {
                desk.forget(checkpoint);
            }
            desk.begin(self.id, Beginning { assignment, hparams: hparams.values(), model, point })?;
        }
        Ok(())
    }

    /// The trial's configuration.
    fn hparams(&mut self, task: &Task<O>) -> Result<Arc<O::Hparams>> {
        if let Some(carried) = &task.carried {
            return Ok(carried.hparams.clone());
        }
        let hparams = match &task.fuses {
            Some((hparams, _)) => hparams.clone(),
            None => self.floor.configuration(&task.order)?,
        };
        if self.floor.made.is_some() {
            self.made.push((task.order.ordinal, hparams.clone()));
        }
        Ok(hparams)
    }

    /// Hands in what was trained. Returns whether there is more to do for this worker: another one is in its
    /// place otherwise.
    fn hand_in(&mut self) -> bool {
        if let Some(made) = &self.floor.made {
            made.keep(&mut self.made);
        }
        // before they are handed in, since others may be asked to train them on at once
        if !self.floor.pause(self.slot, &mut self.outcomes, &mut self.reports, &mut self.garbage) {
            return false;
        }
        self.floor.desk.hand_in(self.id, &mut self.reports);
        self.floor.finish(self.slot);
        self.floor.release(&mut self.ended, &mut self.garbage);
        true
    }
}

/// Drops models; a panic in doing so concerns no one any more.
pub(super) fn discard<O: Objective>(garbage: &mut Vec<Carried<O>>) {
    // what is left after a panic is dropped all the same
    while !garbage.is_empty() {
        let _ = catch(|| while garbage.pop().is_some() {});
    }
}
