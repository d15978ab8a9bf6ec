//! The exact table of brackets and stages of a Hyperband sweep.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::checks::{at_least_one, is_a_cut};
use super::outline::{Bracket, EpochCount, Outline, Stage, table};
use crate::error::{Error, Result};

/// The plan of a Hyperband sweep (Li et al., JMLR 18(185), 2018, algorithm 1), computed in whole numbers.
///
/// With `s_max` the largest `s` such that `eta^s <= R`, there is a bracket for each `s` from `s_max` down to 0. It begins with
/// `ceil((s_max + 1) / (s + 1) * eta^s)` trials; its stage `i` has the best `1 / eta^i` of them, rounded down, and trains each for
/// `R / eta^(s - i)` epochs, rounded to the nearest.
///
/// Its `Display` is the table that a sweep prints when it starts.
///
/// ```
/// let plan = hobbit::Plan::new(81, 3)?;
/// assert_eq!(plan.total_epochs(), 1902);
/// assert_eq!(plan.brackets().len(), 5);
/// assert_eq!(plan.brackets()[0].stages[1].trials, 27);
/// # Ok::<(), hobbit::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    max_epochs: u32,
    eta: u32,
    count: EpochCount,
    brackets: Vec<Bracket>,
}

impl Plan {
    /// The plan for at most `max_epochs` (`R`) epochs a stage and the cut factor `eta`, with additional epochs.
    ///
    /// # Errors
    /// `max_epochs` has to be at least 1, `eta` at least 2.
    pub fn new(max_epochs: u32, eta: u32) -> Result<Plan> {
        Plan::counting(max_epochs, eta, EpochCount::Additional)
    }

    /// The plan with epochs counted as `count` says.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn counting(max_epochs: u32, eta: u32, count: EpochCount) -> Result<Plan> {
        if max_epochs == 0 {
            return Err(Error::setting(
                "R (the most epochs of a stage) is 0; it has to be at least 1, for example 27 or 81",
            ));
        }
        is_a_cut(eta)?;
        let s_max = max_epochs.ilog(eta);
        let brackets = (0..=s_max).rev().map(|s| bracket(max_epochs, eta, s_max, s, count)).collect();
        Ok(Plan { max_epochs, eta, count, brackets })
    }

    /// The plan of the first brackets alone, those that begin with the most trials.
    ///
    /// ```
    /// let plan = hobbit::Plan::new(27, 3)?.first(1)?;
    /// let stages = plan.brackets()[0].stages.iter().map(|stage| (stage.trials, stage.epochs));
    /// assert_eq!(stages.collect::<Vec<_>>(), [(27, 1), (9, 3), (3, 9), (1, 27)]);
    /// assert_eq!((plan.brackets().len(), plan.total_epochs()), (1, 108));
    /// # Ok::<(), hobbit::Error>(())
    /// ```
    ///
    /// # Errors
    /// `brackets` is 0, or more than the plan has.
    pub fn first(self, brackets: u32) -> Result<Plan> {
        at_least_one("the number of brackets", brackets)?;
        let Plan { max_epochs, eta, brackets: ref all, .. } = self;
        if brackets as usize > all.len() {
            return Err(Error::setting(format!(
                "the number of brackets is {brackets}, but with R = {max_epochs} and eta = {eta} Hyperband has {} of them",
                all.len()
            )));
        }
        Ok(Plan { brackets: all[..brackets as usize].to_vec(), ..self })
    }

    /// The table of another algorithm's brackets, with its most epochs and cut factor.
    pub(super) fn of_outline(outline: &Outline, max_epochs: u32, eta: u32) -> Plan {
        let brackets = outline.brackets().to_vec();
        Plan { max_epochs, eta, count: EpochCount::Additional, brackets }
    }

    /// The most epochs a stage adds (`R`).
    pub fn max_epochs(&self) -> u32 {
        self.max_epochs
    }

    /// The cut factor between stages.
    pub fn eta(&self) -> u32 {
        self.eta
    }

    /// How the epochs of a stage are counted.
    pub fn epoch_count(&self) -> EpochCount {
        self.count
    }

    /// The brackets, the one with the most trials first; never empty.
    pub fn brackets(&self) -> &[Bracket] {
        &self.brackets
    }

    /// All epochs of all trials.
    pub fn total_epochs(&self) -> u64 {
        self.stages().map(|stage| stage.trials * u64::from(stage.epochs)).sum()
    }

    /// The configurations that are tried: the trials of all first stages.
    pub fn total_trials(&self) -> u64 {
        self.brackets.iter().map(|bracket| bracket.stages[0].trials).sum()
    }

    /// The number of times that a trial is trained for a stage.
    pub fn total_evaluations(&self) -> u64 {
        self.stages().map(|stage| stage.trials).sum()
    }

    /// The brackets as data, all of them `repetitions` times.
    pub fn outline(&self, repetitions: u32) -> Outline {
        Outline::counting(self.brackets.clone(), self.count, repetitions)
    }

    fn stages(&self) -> impl Iterator<Item = &Stage> {
        self.brackets.iter().flat_map(|bracket| &bracket.stages)
    }
}

/// Bracket `s`. `u128` holds every product: all factors fit into 64 bits.
fn bracket(max_epochs: u32, eta: u32, s_max: u32, s: u32, count: EpochCount) -> Bracket {
    let power = |exponent: u32| u128::from(eta).pow(exponent);
    let first = (u128::from(s_max + 1) * power(s)).div_ceil(u128::from(s + 1));
    let mut trained = 0;
    let stages = (0..=s).map(|i| {
        let divisor = power(s - i);
        // rounded to the nearest, halves up
        let epochs = ((2 * u128::from(max_epochs) + divisor) / (2 * divisor)) as u64;
        let before = trained;
        trained = match count {
            EpochCount::Additional => before + epochs,
            EpochCount::Cumulative => epochs,
        };
        Stage { trials: (first / power(i)) as u64, epochs: (trained - before) as u32, trained }
    });
    Bracket { stages: stages.collect() }
}

impl fmt::Display for Plan {
    /// The table: a column of trials (`models`) and epochs for each bracket (`run`), a line for each stage.
    ///
    /// With cumulative epochs the column says up to how many epochs a trial is trained.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        table(f, &self.brackets, self.count, ("Total", self.total_epochs()))
    }
}
