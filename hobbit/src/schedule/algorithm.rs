//! The algorithms as data: what a study is run with, as its files keep it.

use serde::{Deserialize, Serialize};

use super::outline::{EpochCount, Outline};
use super::plan::Plan;
use super::promotion::Lottery;
use super::recipe::{Recipe, Setting};
use super::scheduler::Scheduler;
use super::{asha, halving, hyperband, pasha, random};
use crate::error::Result;
use crate::trial::Direction;

/// An algorithm with its settings.
// adding one is a file beside this one with its scheduler and its recipe, a variant here, and an arm of
// `with`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Algorithm {
    /// Hyperband (Li et al., JMLR 18(185), 2018): several brackets of successive halving, by a [`Plan`].
    Hyperband {
        /// The most epochs of a stage (`R`).
        max_epochs: u32,
        /// The cut factor between stages.
        eta: u32,
        /// How the epochs of a stage are counted.
        epoch_count: EpochCount,
        /// The number of times that the whole of it is run, each time with other configurations.
        iterations: u32,
    },
    /// Hyperband of which only the first brackets are run, those that begin with the most trials.
    FirstBrackets {
        /// The number of brackets of each repetition that are run.
        brackets: u32,
        /// The most epochs of a stage (`R`).
        max_epochs: u32,
        /// The cut factor between stages.
        eta: u32,
        /// How the epochs of a stage are counted.
        epoch_count: EpochCount,
        /// The number of times that these brackets are run, each time with other configurations.
        iterations: u32,
    },
    /// Successive halving: one bracket, whose size the user gives. See
    /// [`HalvingScheduler`](super::HalvingScheduler).
    SuccessiveHalving {
        /// The number of trials that are begun.
        trials: u32,
        /// The epochs of the first stage.
        min_epochs: u32,
        /// The most epochs a trial can get, all stages together.
        max_epochs: u32,
        /// The cut factor between stages.
        eta: u32,
    },
    /// Random search: every trial is trained for the same number of epochs. See
    /// [`RandomScheduler`](super::RandomScheduler).
    Random {
        /// The number of trials.
        trials: u32,
        /// The epochs of each.
        epochs: u32,
    },
    /// Asynchronous successive halving. See [`AshaScheduler`](super::AshaScheduler).
    Asha {
        /// The number of trials that are begun.
        trials: u32,
        /// The most epochs a trial can get (`R`).
        max_epochs: u32,
        /// The cut factor between stages.
        eta: u32,
    },
    /// ASHA whose stages are opened one after the other. See [`PashaScheduler`](super::PashaScheduler).
    Pasha {
        /// The number of trials that are begun.
        trials: u32,
        /// The most epochs a trial can get, if it comes to that (`R`).
        max_epochs: u32,
        /// The cut factor between stages.
        eta: u32,
    },
}

impl Algorithm {
    /// The one place that knows all algorithms.
    fn with<T>(&self, use_it: impl FnOnce(&dyn Recipe) -> T) -> T {
        match *self {
            Algorithm::Hyperband { max_epochs, eta, epoch_count, iterations } => {
                use_it(&hyperband::Settings { max_epochs, eta, epoch_count, iterations, brackets: None })
            }
            Algorithm::FirstBrackets { brackets, max_epochs, eta, epoch_count, iterations } => {
                let brackets = Some(brackets);
                use_it(&hyperband::Settings { max_epochs, eta, epoch_count, iterations, brackets })
            }
            Algorithm::SuccessiveHalving { trials, min_epochs, max_epochs, eta } => {
                use_it(&halving::Settings { trials, min_epochs, max_epochs, eta })
            }
            Algorithm::Random { trials, epochs } => use_it(&random::Settings { trials, epochs }),
            Algorithm::Asha { trials, max_epochs, eta } => {
                use_it(&asha::Settings { trials, max_epochs, eta })
            }
            Algorithm::Pasha { trials, max_epochs, eta } => {
                use_it(&pasha::Settings(asha::Settings { trials, max_epochs, eta }))
            }
        }
    }

    /// The name of its builder, for example `Hyperband`.
    pub fn name(&self) -> &'static str {
        self.with(|recipe| recipe.name())
    }

    /// Its settings in words, in order.
    pub fn settings(&self) -> Vec<Setting> {
        self.with(|recipe| recipe.settings())
    }

    /// The call that runs it, for example `run(81, 3)`.
    pub fn call(&self) -> String {
        self.with(|recipe| recipe.call())
    }

    /// The brackets and stages as data.
    ///
    /// # Errors
    /// A setting is invalid.
    pub fn outline(&self) -> Result<Outline> {
        self.with(|recipe| recipe.outline())
    }

    /// A scheduler that has not been asked for anything.
    ///
    /// # Errors
    /// As [`outline`](Algorithm::outline).
    pub fn scheduler(&self, direction: Direction) -> Result<Box<dyn Scheduler>> {
        self.scheduler_promoting(direction, None)
    }

    /// The same, with trials promoted as `lottery` draws them, where the algorithm promotes whole stages.
    pub(crate) fn scheduler_promoting(
        &self,
        direction: Direction,
        lottery: Option<Lottery>,
    ) -> Result<Box<dyn Scheduler>> {
        self.with(|recipe| recipe.scheduler(direction, lottery))
    }

    /// The scheduler as if all brackets before this one, of a repetition and with a number that count from 1,
    /// were over. It takes no longer however many these are.
    pub(crate) fn scheduler_at(
        &self,
        bracket: (u32, u32),
        direction: Direction,
        lottery: Option<Lottery>,
    ) -> Result<Box<dyn Scheduler>> {
        self.with(|recipe| recipe.scheduler_at(bracket, direction, lottery))
    }

    /// Refuses what makes no sense to run, although files may hold it.
    pub(crate) fn check(&self) -> Result<()> {
        self.with(|recipe| recipe.check())
    }

    /// The brackets of one repetition as the table of a Hyperband, for those who know no other algorithm.
    pub(crate) fn plan(&self) -> Result<Plan> {
        self.with(|recipe| recipe.plan())
    }
}
