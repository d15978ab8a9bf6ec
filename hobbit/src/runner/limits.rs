//! When a sweep has had enough: its budgets and its target.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::repository::StopReason;
use crate::trial::Direction;

/// What ends a sweep before the end of its plan.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) deadline: Option<Instant>,
    pub(super) epoch_budget: Option<u64>,
    pub(super) target: Option<f64>,
    pub(super) direction: Direction,
    /// The epochs trained so far, if a budget limits them.
    epochs: AtomicU64,
}

impl Limits {
    pub(super) fn new(
        deadline: Option<Instant>,
        epoch_budget: Option<u64>,
        target: Option<f64>,
        direction: Direction,
    ) -> Limits {
        Limits { deadline, epoch_budget, target, direction, epochs: AtomicU64::new(0) }
    }

    /// Whether an epoch may reach one of them.
    pub(super) fn watch_epochs(&self) -> bool {
        self.target.is_some() || self.epoch_budget.is_some() || self.deadline.is_some()
    }

    /// The budget that is used up.
    pub(super) fn reached(&self) -> Option<StopReason> {
        if self.is_late() {
            return Some(StopReason::TimeBudget);
        }
        let spent = |budget| self.epochs.load(Ordering::Relaxed) >= budget;
        self.epoch_budget.is_some_and(spent).then_some(StopReason::EpochBudget)
    }

    /// Counts an epoch of a trial with this score. Returns why the sweep ends with it, if it does.
    pub(super) fn epoch(&self, score: Option<f64>) -> Option<StopReason> {
        // counted only if it matters: all workers write to this one number
        let spent = |budget| self.epochs.fetch_add(1, Ordering::Relaxed) + 1 >= budget;
        let over = self.epoch_budget.is_some_and(spent) || self.is_late();
        let hit = |target: f64| score.is_some_and(|score| !self.direction.better(target, score));
        if self.target.is_some_and(hit) {
            return Some(StopReason::TargetReached);
        }
        if over { self.reached() } else { None }
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_and_targets_end_a_sweep() {
        let limits = Limits::new(None, Some(2), Some(0.5), Direction::Minimize);
        assert!(limits.watch_epochs() && limits.reached().is_none());
        assert_eq!(limits.epoch(Some(0.75)), None);
        assert_eq!(limits.epoch(Some(0.75)), Some(StopReason::EpochBudget));
        assert_eq!(limits.reached(), Some(StopReason::EpochBudget));
        // the better reason goes first
        assert_eq!(limits.epoch(Some(0.5)), Some(StopReason::TargetReached));
        assert_eq!(limits.epoch(None), Some(StopReason::EpochBudget));
        let late = Limits::new(Some(Instant::now()), None, None, Direction::Maximize);
        assert_eq!(late.epoch(Some(1.0)), Some(StopReason::TimeBudget));
        assert!(!Limits::new(None, None, None, Direction::Maximize).watch_epochs());
    }
}
