//! The brackets and stages of an algorithm as data: what progress, estimates and reports know of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::trial::TrialId;

/// How the epochs of a stage are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum EpochCount {
    /// A stage trains its trials that many epochs *more*.
    #[default]
    Additional,
    /// A stage trains its trials *up to* that many epochs, as in the paper.
    Cumulative,
}

impl fmt::Display for EpochCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            EpochCount::Additional => "additional",
            EpochCount::Cumulative => "cumulative",
        })
    }
}

/// One successive halving within an [`Outline`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bracket {
    /// The stages in order; never empty.
    pub stages: Vec<Stage>,
}

/// One step of a [`Bracket`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// The number of trials that are trained in it.
    pub trials: u64,
    /// The number of epochs that each is trained for in this stage.
    pub epochs: u32,
    /// The number of epochs that each has been trained for at the end of this stage, all stages together.
    pub trained: u64,
}

/// The brackets of an algorithm, their stages, and how often all of them are run.
///
/// It takes no more memory however many repetitions there are. Its `Display` is the table that a sweep prints
/// when it starts.
///
/// ```
/// use hobbit::schedule::{Algorithm, EpochCount};
/// use hobbit::TrialId;
///
/// let hyperband =
///     Algorithm::Hyperband { max_epochs: 81, eta: 3, epoch_count: EpochCount::Additional, iterations: 2 };
/// let outline = hyperband.outline()?;
/// assert_eq!(outline.total_epochs(), 2 * 1902);
/// assert_eq!(outline.ordinal(TrialId::new(2, 1)), Some(81));
/// assert_eq!(outline.ordinal(TrialId::new(6, 1)), None);
/// # Ok::<(), hobbit::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    brackets: Vec<Bracket>,
    repetitions: u32,
    count: EpochCount,
    exact: bool,
    /// The trials before each bracket of a repetition, and in a whole repetition.
    before: Vec<u64>,
}

impl Outline {
    /// All of these brackets, `repetitions` times, for a [`Scheduler`](super::Scheduler) of your own.
    ///
    /// # Errors
    /// There is no bracket, or one without a stage.
    pub fn new(brackets: Vec<Bracket>, repetitions: u32) -> Result<Outline> {
        if brackets.is_empty() || brackets.iter().any(|bracket| bracket.stages.is_empty()) {
            return Err(Error::setting(
                "an outline has at least one bracket, and each bracket at least one stage",
            ));
        }
        Ok(Outline::counting(brackets, EpochCount::Additional, repetitions))
    }

    /// The same, but the numbers of later stages are expectations.
    #[must_use]
    pub fn as_expected(self) -> Outline {
        Outline { exact: false, ..self }
    }

    /// One bracket of these stages, of which there is at least one, once.
    pub(super) fn of_bracket(stages: Vec<Stage>) -> Outline {
        Outline::counting(vec![Bracket { stages }], EpochCount::Additional, 1)
    }

    /// There is at least one bracket, and each has at least one stage.
    pub(super) fn counting(brackets: Vec<Bracket>, count: EpochCount, repetitions: u32) -> Outline {
        let mut before = vec![0];
        for bracket in &brackets {
            before.push(before[before.len() - 1] + bracket.stages[0].trials);
        }
        Outline { brackets, repetitions, count, exact: true, before }
    }

    /// The brackets of one repetition, in the order in which they are begun; never empty.
    pub fn brackets(&self) -> &[Bracket] {
        &self.brackets
    }

    /// The number of times that all brackets are run, each time with other configurations.
    pub fn repetitions(&self) -> u32 {
        self.repetitions
    }

    /// Whether the numbers are exact as long as no trial fails; otherwise those of later stages are
    /// expectations.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// How the epochs of its stages are counted.
    pub fn epoch_count(&self) -> EpochCount {
        self.count
    }

    /// The epochs of one repetition.
    pub fn epochs_of_repetition(&self) -> u64 {
        self.stages()
            .fold(0, |sum, stage| sum.saturating_add(stage.trials.saturating_mul(stage.epochs.into())))
    }

    /// The trials of one repetition.
    pub fn trials_of_repetition(&self) -> u64 {
        self.before[self.before.len() - 1]
    }

    /// All epochs of all trials; `u64::MAX` if there are more.
    pub fn total_epochs(&self) -> u64 {
        self.epochs_of_repetition().saturating_mul(self.repetitions.into())
    }

    /// The configurations that are tried; `u64::MAX` if there are more.
    pub fn total_trials(&self) -> u64 {
        self.trials_of_repetition().saturating_mul(self.repetitions.into())
    }

    /// The number of times that a trial is trained for a stage; `u64::MAX` if there are more.
    pub fn total_evaluations(&self) -> u64 {
        let one = self.stages().fold(0_u64, |sum, stage| sum.saturating_add(stage.trials));
        one.saturating_mul(self.repetitions.into())
    }

    /// The stages of the trial's bracket; `None` if the algorithm has no such trial.
    #[inline]
    pub fn stages_of(&self, trial: TrialId) -> Option<&[Stage]> {
        let stages = &self.brackets.get((trial.bracket as usize).checked_sub(1)?)?.stages;
        let is_there = (1..=self.repetitions).contains(&trial.iteration)
            && (1..=stages[0].trials).contains(&u64::from(trial.index));
        is_there.then_some(stages)
    }

    /// Whether the algorithm has this trial.
    #[inline]
    pub fn has(&self, trial: TrialId) -> bool {
        self.stages_of(trial).is_some()
    }

    /// The place of a trial among all trials in the order of their ids, counted from 0; `None` if the
    /// algorithm has no such trial.
    #[inline]
    pub fn ordinal(&self, trial: TrialId) -> Option<u64> {
        self.has(trial).then(|| self.place(trial))
    }

    /// The place of a trial that there is.
    #[inline]
    pub(crate) fn place(&self, TrialId { iteration, bracket, index }: TrialId) -> u64 {
        let [iteration, bracket, index] = [iteration, bracket, index].map(|number| number.saturating_sub(1));
        let before = u64::from(iteration).saturating_mul(self.trials_of_repetition());
        before.saturating_add(self.before[bracket as usize] + u64::from(index))
    }

    /// The epochs that a trial has at the end of its bracket, if it gets there; `None` if the algorithm has
    /// no such trial.
    pub fn epochs(&self, trial: TrialId) -> Option<u64> {
        let stages = self.stages_of(trial)?;
        Some(stages[stages.len() - 1].trained)
    }

    fn stages(&self) -> impl Iterator<Item = &Stage> {
        self.brackets.iter().flat_map(|bracket| &bracket.stages)
    }
}

const RULE: &str =
    "----------------------------------------------------------------------------------------------------";

impl fmt::Display for Outline {
    /// The table of one repetition: a column of trials (`models`) and epochs for each bracket (`run`), a line
    /// for each stage.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = if self.exact { "Total" } else { "Expected" };
        table(f, &self.brackets, self.count, (total, self.epochs_of_repetition()))
    }
}

/// Writes the table of brackets. With cumulative epochs the column says up to how many epochs a trial is
/// trained.
pub(super) fn table(
    f: &mut fmt::Formatter<'_>,
    brackets: &[Bracket],
    count: EpochCount,
    (total, epochs): (&str, u64),
) -> fmt::Result {
    writeln!(f, "{RULE}")?;
    for run in 1..=brackets.len() {
        write!(f, "{}run={run}", if run == 1 { "\t" } else { "\t\t" })?;
    }
    writeln!(f)?;
    writeln!(f, "{}", "\tmodels\tepochs".repeat(brackets.len()))?;
    for i in 0..brackets[0].stages.len() {
        write!(f, "{}", if i == 0 { "Init" } else { "Cont" })?;
        for stage in brackets.iter().filter_map(|bracket| bracket.stages.get(i)) {
            let epochs = match count {
                EpochCount::Additional => u64::from(stage.epochs),
                EpochCount::Cumulative => stage.trained,
            };
            write!(f, "\t{}\t{epochs}", stage.trials)?;
        }
        writeln!(f)?;
    }
    writeln!(f, "{RULE}")?;
    writeln!(f, "{total} epochs={epochs}")?;
    writeln!(f, "{RULE}")
}
