//! How a sweep is run: everything but the objective.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::before::Before;
use crate::objective::Objective;
use crate::observe::{Observer, Verbosity};
use crate::repository::{ScoreBy, StageRecord, Storage};
use crate::schedule::{EpochCount, Promotion};
use crate::search::Sampler;
use crate::space::Narrowing;
use crate::trial::Direction;
use crate::work::Workplace;

/// Which trials' weights are kept after their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keep {
    /// Those of this many trials with the best scores.
    Best(usize),
    /// All.
    All,
    /// None: there will be no model to load.
    None,
}

/// How many trials may fail before the sweep is given up.
///
/// Failures of earlier processes have been put up with, and do not count again. Trials that earlier processes
/// trained without a failure do count.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum MaxFailures {
    /// Abort the sweep if the study's first `n` trials, in the order in which they are drawn, all fail before
    /// any trial is trained. The default, with 5. A study in which any trial was trained is never given up by
    /// this, and trials that an earlier process began are not among the first.
    FirstAll(u32),
    /// Abort the sweep once more than this many trials have failed in this process.
    Count(u32),
    /// Abort the sweep once more than this share (0 to 1) of the trials that the study has begun have failed
    /// in this process, but not before 5 were begun.
    Share(f64),
}

/// A callback that ends the sweep by returning `true`.
pub(crate) type StopWhen = Box<dyn FnMut(&StageRecord) -> bool + Send>;

/// All settings, unchecked.
pub(crate) struct Settings<O: Objective> {
    pub(crate) monitor: String,
    pub(crate) direction: Option<Direction>,
    pub(crate) score: ScoreBy,
    pub(crate) seed: u64,
    pub(crate) workers: Option<usize>,
    pub(crate) group: Option<usize>,
    pub(crate) epoch_count: EpochCount,
    pub(crate) iterations: u32,
    pub(crate) brackets: Option<u32>,
    pub(crate) promotion: Promotion,
    pub(crate) lookahead: Option<u32>,
    pub(crate) repo_dir: Option<PathBuf>,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) extend: bool,
    pub(crate) overwrite: bool,
    pub(crate) accept_changes: bool,
    pub(crate) keep: Keep,
    pub(crate) checkpoints: bool,
    pub(crate) checkpoint_every: Option<u64>,
    pub(crate) memory_budget: Option<u64>,
    pub(crate) max_failures: MaxFailures,
    pub(crate) retries: u32,
    pub(crate) max_deaths: u32,
    pub(crate) trial_time_limit: Option<Duration>,
    pub(crate) time_budget: Option<Duration>,
    pub(crate) epoch_budget: Option<u64>,
    pub(crate) target: Option<f64>,
    pub(crate) stop_when: Option<StopWhen>,
    pub(crate) stop_on_ctrl_c: bool,
    pub(crate) start_with_defaults: bool,
    pub(crate) enqueued: Vec<Arc<O::Hparams>>,
    pub(crate) sampler: Option<Arc<dyn Sampler>>,
    /// What is left of the search space.
    pub(crate) narrowing: Narrowing,
    /// The studies whose outcomes the sampler begins with.
    pub(crate) warm_start: Vec<Before>,
    pub(crate) observers: Vec<Box<dyn Observer>>,
    pub(crate) verbosity: Verbosity,
    /// Where stages are trained, if not on threads of this process.
    pub(crate) workplace: Option<Box<dyn Workplace>>,
    /// The server by which other machines take part.
    #[cfg(feature = "nats")]
    pub(crate) nats: Option<crate::remote::Nats>,
}

impl<O: Objective> Default for Settings<O> {
    fn default() -> Self {
        Settings {
            monitor: "val_loss".to_owned(),
            direction: None,
            score: ScoreBy::Best,
            seed: 0,
            workers: None,
            group: None,
            epoch_count: EpochCount::Additional,
            iterations: 1,
            brackets: None,
            promotion: Promotion::Best,
            lookahead: None,
            repo_dir: None,
            storage: Arc::new(crate::repository::Disk),
            extend: false,
            overwrite: false,
            accept_changes: false,
            keep: Keep::Best(1),
            checkpoints: true,
            checkpoint_every: None,
            memory_budget: None,
            max_failures: MaxFailures::FirstAll(5),
            retries: 0,
            max_deaths: 2,
            trial_time_limit: None,
            time_budget: None,
            epoch_budget: None,
            target: None,
            stop_when: None,
            stop_on_ctrl_c: false,
            start_with_defaults: false,
            enqueued: Vec::new(),
            sampler: None,
            narrowing: Narrowing::new(),
            warm_start: Vec::new(),
            observers: Vec::new(),
            verbosity: Verbosity::default(),
            workplace: None,
            #[cfg(feature = "nats")]
            nats: None,
        }
    }
}
