//! What an algorithm makes of its settings.

use super::outline::Outline;
use super::plan::Plan;
use super::promotion::Lottery;
use super::scheduler::Scheduler;
use crate::error::Result;
use crate::trial::Direction;

/// One setting of an [`Algorithm`](super::Algorithm), in words.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// Its name in files, for example `max_epochs`.
    pub key: &'static str,
    /// Its name in messages, for example `R`.
    pub name: &'static str,
    /// What it is, for example `R (the most epochs of a stage)`.
    pub label: &'static str,
    /// Its value, for example `81`.
    pub value: String,
    /// What the value means, where it does not speak for itself.
    pub meaning: Option<&'static str>,
}

impl Setting {
    pub(super) fn new(
        key: &'static str,
        name: &'static str,
        label: &'static str,
        value: impl ToString,
    ) -> Self {
        Setting { key, name, label, value: value.to_string(), meaning: None }
    }
}

/// What an algorithm makes of its settings: beside its scheduler in its own file.
pub(super) trait Recipe {
    /// The name of its builder, for example `Hyperband`.
    fn name(&self) -> &'static str;

    /// Its settings in order.
    fn settings(&self) -> Vec<Setting>;

    /// The call of its builder, for example `run(81, 3)`.
    fn call(&self) -> String;

    /// What a sweep refuses, although files may hold it.
    fn check(&self) -> Result<()>;

    fn outline(&self) -> Result<Outline>;

    /// A scheduler that has not been asked for anything; `lottery` draws the trials that are promoted, where
    /// that is not by their ranks.
    fn scheduler(&self, direction: Direction, lottery: Option<Lottery>) -> Result<Box<dyn Scheduler>>;

    /// The scheduler as if all brackets before this one, of a repetition and with a number that count from 1,
    /// were over.
    fn scheduler_at(
        &self,
        bracket: (u32, u32),
        direction: Direction,
        lottery: Option<Lottery>,
    ) -> Result<Box<dyn Scheduler>> {
        let _ = bracket;
        self.scheduler(direction, lottery)
    }

    /// The table of one repetition.
    fn plan(&self) -> Result<Plan>;
}
