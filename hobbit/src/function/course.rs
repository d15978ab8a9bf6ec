//! The course of a trial through one stage, and the hand-over between the worker that drives it and the code
//! that trains: after every epoch one waits for the other, so that only one of them works at any time.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::saved::Saved;
use crate::error::BoxError;
use crate::objective::{EpochContext, Interrupted, Metrics, TrialContext};

/// What the worker says.
enum Go {
    /// The next epoch; its metrics go here.
    On(Metrics),
}

/// What has been trained when it is the worker's turn.
pub(crate) struct Step {
    /// The last epoch, counted from 1; 0 if there was none.
    pub(super) epoch: u64,
    pub(super) metrics: Metrics,
    pub(super) saved: Option<Saved>,
    /// What the code did that makes no sense.
    pub(super) misuse: Option<&'static str>,
    /// How the code ended, if it has.
    pub(super) end: Option<Result<(), BoxError>>,
}

/// A stage as the worker sees it. When it is dropped, the code is told to end, and waited for.
pub(crate) struct Driver {
    go: Option<Sender<Go>>,
    steps: Receiver<Step>,
    /// The epochs that the trial has had.
    epoch: u64,
    end: u64,
    /// The code has ended.
    is_over: bool,
}

/// Prepares the stage that an epoch begins or is in: what the worker drives, and what the code is given.
pub(super) fn stage(epoch: &EpochContext<'_>, saved: Option<Saved>) -> (Driver, Course) {
    let ((go, told), (tell, steps)) = (channel(), channel());
    let (had, end) = (epoch.epoch, epoch.stage_end);
    // one that is ahead is none of this trial's
    let restored = saved.filter(|saved| saved.epoch <= had);
    let course = Course {
        context: epoch.trial.clone(),
        restored: restored.clone(),
        saved: restored,
        begins_after: 0,
        had,
        end,
        under_way: None,
        metrics: Metrics::new(),
        state: State::Open,
        misuse: None,
        told,
        tell,
    };
    (Driver { go: Some(go), steps, epoch: had, end, is_over: false }, course)
}

impl Driver {
    /// Whether it is this epoch that would be trained next.
    pub(super) fn is_before(&self, epoch: &EpochContext<'_>) -> bool {
        (self.epoch, self.end) == (epoch.epoch, epoch.stage_end)
    }

    /// Lets the code go on with the next epoch.
    pub(super) fn go_on(&self, metrics: Metrics) {
        // if nobody listens any more, there will be no step either
        let _ = self.go.as_ref().map(|go| go.send(Go::On(metrics)));
    }

    /// Waits until an epoch is over, or everything; none if the code is gone.
    pub(super) fn step(&mut self) -> Option<Step> {
        let step = self.steps.recv().ok()?;
        self.epoch = step.epoch;
        self.is_over = step.end.is_some();
        Some(step)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.go = None;
        while !self.is_over && self.step().is_some() {}
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// With the epoch under way the stage ends, because the code says so.
    Stopping,
    /// There are no more epochs in this stage.
    Over,
    /// The trial has to stop at once.
    Left,
}

/// A stage as the code sees it that trains.
pub(crate) struct Course {
    pub(crate) context: TrialContext,
    /// The state of an earlier stage.
    restored: Option<Saved>,
    saved: Option<Saved>,
    /// The epochs that the code need not train again: those of the state that it asked for.
    begins_after: u64,
    /// The epochs that are settled. Up to there the code trains again what it does not remember.
    pub(super) had: u64,
    pub(super) end: u64,
    /// The epoch under way, counted from 1.
    pub(super) under_way: Option<u64>,
    metrics: Metrics,
    state: State,
    misuse: Option<&'static str>,
    told: Receiver<Go>,
    tell: Sender<Step>,
}

impl Course {
    /// Ends the epoch under way, and begins the next one, if there is one.
    pub(super) fn next(&mut self) -> Option<u64> {
        if matches!(self.state, State::Over | State::Left) {
            return None;
        }
        let trained = match self.under_way {
            None => self.begins_after,
            Some(epoch) => {
                let is_settled = epoch <= self.had;
                if !is_settled && self.state == State::Stopping || epoch == self.end {
                    self.state = State::Over;
                    return None;
                }
                if !self.hand_over(is_settled) {
                    self.state = State::Left;
                    return None;
                }
                self.state = State::Open;
                epoch
            }
        };
        self.under_way = Some(trained + 1);
        self.under_way
    }

    /// Lets the worker have its turn, unless it knows the epoch. Returns whether there is another epoch.
    fn hand_over(&mut self, is_settled: bool) -> bool {
        if is_settled {
            self.metrics.clear();
            return self.context.interrupt.check().is_ok();
        }
        let step = self.step(None);
        match self.tell.send(step).ok().and_then(|()| self.told.recv().ok()) {
            Some(Go::On(mut metrics)) => {
                metrics.clear();
                self.metrics = metrics;
                true
            }
            None => false,
        }
    }

    fn step(&mut self, end: Option<Result<(), BoxError>>) -> Step {
        let mut metrics = std::mem::take(&mut self.metrics);
        if self.state == State::Stopping {
            metrics.stop();
        }
        Step {
            epoch: self.under_way.unwrap_or(0),
            metrics,
            saved: self.saved.clone(),
            misuse: self.misuse,
            end,
        }
    }

    /// The code has ended.
    pub(super) fn finish(&mut self, result: Result<(), BoxError>) {
        let step = self.step(Some(result));
        self.state = State::Left;
        // the worker may be gone
        let _ = self.tell.send(step);
    }

    pub(super) fn check(&self) -> Result<(), Interrupted> {
        match self.state {
            State::Left => Err(Interrupted::Stopped),
            _ => self.context.interrupt.check(),
        }
    }

    /// Takes a metric of the epoch under way.
    pub(super) fn report(&mut self, name: Cow<'static, str>, value: f64) {
        match self.under_way {
            Some(_) => self.metrics.report(name, value),
            None => self.misused(
                "a metric was reported before the first epoch: report inside of the loop over `epochs()`",
            ),
        }
    }

    /// Ends the stage with the epoch under way.
    pub(super) fn stop(&mut self) {
        if self.state == State::Open {
            self.state = State::Stopping;
        }
    }

    /// The state of an earlier stage, if it is what the code needs; then its epochs go on from there.
    pub(super) fn restore<S>(&mut self, read: impl FnOnce(&Saved) -> Option<S>) -> Option<S> {
        if self.under_way.is_some() {
            self.misused("the state was asked for within an epoch: ask before the loop over `epochs()`");
            return None;
        }
        let restored = self.restored.as_ref()?;
        let state = read(restored)?;
        self.begins_after = restored.epoch;
        Some(state)
    }

    /// The epochs that are not settled, and that the code has not begun.
    pub(super) fn open(&self) -> RangeInclusive<u64> {
        self.under_way.unwrap_or(0).max(self.had) + 1..=self.end
    }

    /// The code remembers all settled epochs, and goes on behind them.
    pub(super) fn remember(&mut self) {
        if self.under_way.is_none() {
            self.begins_after = self.had;
        }
    }

    /// Keeps the state of the epoch under way.
    pub(super) fn save(&mut self, make: impl FnOnce(u64) -> Result<Saved, BoxError>) -> Result<(), BoxError> {
        match self.under_way {
            Some(epoch) => self.saved = Some(make(epoch)?),
            None => {
                self.misused(
                    "a state was saved before the first epoch: save inside of the loop over `epochs()`",
                );
            }
        }
        Ok(())
    }

    fn misused(&mut self, how: &'static str) {
        self.misuse.get_or_insert(how);
    }
}
