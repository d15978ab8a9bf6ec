//! The threads of this process as a workplace.

use std::fmt;
use std::fs::File;
use std::sync::Arc;

use super::crew::Crew;
use super::floor::Floor;
use crate::error::{Error, Result};
use crate::objective::Objective;
use crate::runner::configurations::Made;
use crate::runner::machine::quarter_of_memory;
use crate::space::{Narrowing, Root};
use crate::work::{Desk, Workplace};

/// The threads of a process as a [`Workplace`]: what every sweep runs on unless it is given another one.
///
/// Trials that wait for their next stage are kept in memory as far as there is room. A trial for which a
/// device's memory is full is tried again while no other one is trained. Workers that are stuck in a trial
/// past its time limit are given up and replaced.
///
/// To train on other machines, each of them runs one with a [`Desk`] that passes everything on to the
/// sweep's.
pub struct LocalPool<O: Objective> {
    objective: Arc<O>,
    workers: usize,
    group: usize,
    machine: u32,
    given: Vec<Arc<O::Hparams>>,
    narrowing: Narrowing,
    memory_budget: Option<u64>,
    is_in_pool: bool,
    heeds_signals: bool,
    trace: Option<File>,
    made: Option<Arc<Made<O::Hparams>>>,
}

impl<O: Objective> LocalPool<O> {
    /// Creates a pool of this many workers, each of which trains one trial at a time. Create it on the thread
    /// that runs the sweep: if that thread belongs to a rayon pool, the workers have pools of their own.
    pub fn new(objective: Arc<O>, workers: usize) -> LocalPool<O> {
        LocalPool {
            objective,
            workers,
            group: 1,
            machine: 0,
            given: Vec::new(),
            narrowing: Narrowing::new(),
            memory_budget: None,
            is_in_pool: rayon::current_thread_index().is_some(),
            heeds_signals: false,
            trace: None,
            made: None,
        }
    }

    /// The most trials that a worker trains [together](crate::Hyperband::group). Default: 1.
    #[must_use]
    pub fn group(mut self, trials: usize) -> Self {
        self.group = trials;
        self
    }

    /// Numbers the machine, from 1; 0, the default, is the one that runs the sweep.
    #[must_use]
    pub fn machine(mut self, machine: u32) -> Self {
        self.machine = machine;
        self
    }

    /// The configurations that are [given](crate::Hyperband::enqueue) to the sweep, in order, for a workplace
    /// in another process.
    #[must_use]
    pub fn given(mut self, given: Vec<Arc<O::Hparams>>) -> Self {
        self.given = given;
        self
    }

    /// What the sweep is [narrowed](crate::Hyperband::narrow) to, for a workplace in another process.
    #[must_use]
    pub fn narrowed(mut self, narrowing: Narrowing) -> Self {
        self.narrowing = narrowing;
        self
    }

    /// The most bytes of paused trials that are kept in memory. Default: a quarter of the memory.
    #[must_use]
    pub fn memory_budget(mut self, bytes: u64) -> Self {
        self.memory_budget = Some(bytes);
        self
    }

    /// The sweep is in this process: where configurations are left for it, where user code that exits leaves
    /// a trace, and whether signals end it.
    pub(crate) fn in_process(
        mut self,
        made: Arc<Made<O::Hparams>>,
        trace: Option<File>,
        heeds_signals: bool,
    ) -> Self {
        (self.made, self.trace, self.heeds_signals) = (Some(made), trace, heeds_signals);
        self
    }
}

impl<O: Objective> Workplace for LocalPool<O> {
    fn width(&self) -> usize {
        self.workers
    }

    fn run(&mut self, desk: Arc<dyn Desk>) -> Result<()> {
        let workers = self.workers;
        let budget = self
            .memory_budget
            .map_or_else(quarter_of_memory, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let floor = Arc::new(Floor::new(
            desk,
            self.objective.clone(),
            (self.machine, workers, self.group),
            (Root::new::<O::Hparams>(&self.narrowing)?, self.given.clone()),
            self.made.clone(),
            self.trace.take(),
            (self.heeds_signals, self.is_in_pool),
            budget,
        ));
        let crew = Crew::start(&floor, 0, workers);
        let crew =
            crew.map_err(|e| Error::study(format!("could not start {workers} workers: {e}")).with_source(e))?;
        floor.supervise();
        drop(crew);
        Ok(())
    }
}

impl<O: Objective> fmt::Debug for LocalPool<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalPool")
            .field("workers", &self.workers)
            .field("machine", &self.machine)
            .finish_non_exhaustive()
    }
}
