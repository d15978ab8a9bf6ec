//! When a stage's training is over before its last epoch.

use super::metrics::{Metric, check_watched};
use crate::error::{Error, Result};
use crate::objective::{Checkpoint, Metrics};
use crate::trial::Direction;

/// Ends a stage's training when a metric has stopped getting better.
///
/// A trial that is stopped has only the epochs that were trained: its stage has fewer rows in the history,
/// and adds fewer to the trial's count of epochs. Its score competes for promotion with those of trials that
/// were trained to the end of the stage. If it is promoted, training continues: every stage begins with full
/// patience.
#[derive(Debug, Clone, PartialEq)]
pub struct EarlyStopping {
    pub(super) monitor: String,
    pub(super) patience: u64,
    pub(super) least: f64,
    pub(super) direction: Option<Direction>,
}

impl EarlyStopping {
    /// Stops after `patience` epochs in which a metric of the model (`val_loss`, say) did not get better.
    ///
    /// Whether smaller or larger values are better is set by [`direction`](EarlyStopping::direction);
    /// otherwise it is the sweep's direction if the sweep optimizes the same metric, or else
    /// [the metric's own](Metric::direction). If none of them is known, the sweep does not start.
    pub fn new(monitor: impl Into<String>, patience: u64) -> EarlyStopping {
        EarlyStopping { monitor: monitor.into(), patience, least: 0.0, direction: None }
    }

    /// Sets whether smaller or larger values of the metric are better.
    pub fn direction(self, direction: Direction) -> EarlyStopping {
        EarlyStopping { direction: Some(direction), ..self }
    }

    /// By how much a value has to be better to count. Default: 0.
    pub fn least_change(self, least: f64) -> EarlyStopping {
        EarlyStopping { least, ..self }
    }

    pub(super) fn check(&self, metrics: &[Metric]) -> Result<()> {
        check_watched("early stopping", &self.monitor, metrics)?;
        if self.patience == 0 || !(self.least.is_finite() && self.least >= 0.0) {
            return Err(Error::model(format!(
                "early stopping has a patience of {} and a least change of {}; the first has to be at least 1, the second not negative",
                self.patience, self.least
            )));
        }
        Ok(())
    }
}

/// How far a stage has come on the way to being stopped.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Stopper {
    /// The stage, by its last epoch.
    stage: u64,
    best: Option<f64>,
    waited: u64,
}

impl Stopper {
    /// Every stage begins with full patience.
    pub(super) fn begin_epoch(&mut self, stage_end: u64) {
        if self.stage != stage_end {
            *self = Stopper { stage: stage_end, ..Stopper::default() };
        }
    }

    /// Takes an epoch into account, in which values get better in this direction; returns whether training
    /// does no good any more.
    pub(super) fn end_epoch(
        &mut self,
        rule: Option<&EarlyStopping>,
        direction: Direction,
        metrics: &Metrics,
    ) -> bool {
        let Some(rule) = rule else { return false };
        let value = metrics.get(&rule.monitor).unwrap_or(f64::NAN);
        let better = match (direction, self.best) {
            (_, None) => !value.is_nan(),
            (Direction::Minimize, Some(best)) => value < best - rule.least,
            (Direction::Maximize, Some(best)) => value > best + rule.least,
        };
        if better {
            self.best = Some(value);
            self.waited = 0;
            return false;
        }
        self.waited += 1;
        self.waited >= rule.patience
    }

    /// Adds how far it has come to a checkpoint, unless it is at its beginning. Rust prints and reads floats
    /// exactly.
    pub(super) fn save(&self, checkpoint: &mut Checkpoint) {
        if self.best.is_some() || self.waited > 0 {
            let best = self.best.map_or("none".to_owned(), |best| best.to_string());
            let text = format!("{} {best} {}", self.stage, self.waited);
            checkpoint.metadata.insert("early stopping".to_owned(), text);
        }
    }

    /// Reads what [`save`](Stopper::save) wrote; nothing if it cannot be read.
    pub(super) fn load(checkpoint: &Checkpoint) -> Option<Stopper> {
        let mut stopper = Stopper::default();
        if let Some(text) = checkpoint.metadata.get("early stopping") {
            let mut words = text.split(' ');
            stopper.stage = words.next()?.parse().ok()?;
            stopper.best = match words.next()? {
                "none" => None,
                best => Some(best.parse().ok()?),
            };
            stopper.waited = words.next()?.parse().ok()?;
        }
        Some(stopper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::directions::{Directions, Goal};
    use crate::train::schedule::Schedule;

    fn metrics(val_loss: f64) -> Metrics {
        let mut metrics = Metrics::new();
        metrics.report("val_loss", val_loss);
        metrics
    }

    #[test]
    fn a_stage_is_stopped_and_the_next_is_not() {
        let rule = EarlyStopping::new("val_loss", 2).least_change(0.05);
        let mut stopper = Stopper::default();
        let directions = Directions::new(&Schedule::constant(), Some(&rule), &[], &Goal::default()).unwrap();
        for (loss, stopped) in [(1.0, false), (0.97, false), (0.9, false), (0.89, false), (0.88, true)] {
            stopper.begin_epoch(9);
            assert_eq!(
                stopper.end_epoch(Some(&rule), directions.stopping, &metrics(loss)),
                stopped,
                "{loss}"
            );
        }
        let mut checkpoint = Checkpoint::new();
        stopper.save(&mut checkpoint);
        assert_eq!(Stopper::load(&checkpoint), Some(stopper.clone()));
        stopper.begin_epoch(27);
        assert_eq!(stopper, Stopper { stage: 27, ..Stopper::default() });
        assert!(!stopper.end_epoch(Some(&rule), directions.stopping, &metrics(2.0)));
        assert!(EarlyStopping::new("val_accuracy", 2).check(&[]).is_err());
    }
}
