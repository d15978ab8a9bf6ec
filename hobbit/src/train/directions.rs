//! Which way the metrics get better that the rules of a model look at.

use super::metrics::{Metric, direction_of};
use super::schedule::Schedule;
use super::stopping::EarlyStopping;
use crate::error::{Error, Result};
use crate::trial::Direction;

/// The metric that the sweep optimizes, and which way it gets better, once that is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Goal {
    pub(super) monitor: String,
    pub(super) direction: Option<Direction>,
}

/// Which way the metrics get better that the rules of a model look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Directions {
    pub(super) stopping: Direction,
    pub(super) plateau: Direction,
}

impl Directions {
    /// # Errors
    /// It is not known.
    pub(super) fn new(
        schedule: &Schedule,
        stopping: Option<&EarlyStopping>,
        metrics: &[Metric],
        goal: &Goal,
    ) -> Result<Directions> {
        let find = |what: &str, watched: &str, said: Option<Direction>, cure: &str| {
            let optimized = goal.direction.filter(|_| goal.monitor == watched);
            said.or(optimized).or_else(|| direction_of(metrics, watched)).ok_or_else(|| {
                let name = watched.strip_prefix("val_").unwrap_or(watched);
                Error::model(format!(
                    "{what} looks at `{watched}`, and whether larger or smaller values are better is not known: make the \
                     metric with `CustomMetric::new(\"{name}\", ..).maximize()` or `.minimize()`{cure}"
                ))
            })
        };
        let stopping = match stopping {
            Some(rule) => {
                let cure = ", or give the rule a `.direction(..)`";
                find("early stopping", &rule.monitor, rule.direction, cure)?
            }
            None => Direction::Minimize,
        };
        let plateau = match schedule.watched() {
            Some(watched) => find("the learning rate's schedule", watched, None, "")?,
            None => Direction::Minimize,
        };
        Ok(Directions { stopping, plateau })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::CustomMetric;

    #[test]
    fn rules_take_the_direction_of_what_they_look_at() {
        let within = |direction: fn(CustomMetric) -> CustomMetric| {
            let metric = CustomMetric::new("within", |_, _| 0.0);
            [Metric::Custom(direction(metric)), Metric::Accuracy]
        };
        let find = |rule: EarlyStopping, metrics: &[Metric], goal: Option<(&str, Direction)>| {
            let goal = goal.map_or_else(Goal::default, |(monitor, direction)| Goal {
                monitor: monitor.to_owned(),
                direction: Some(direction),
            });
            let found = Directions::new(&Schedule::constant(), Some(&rule), metrics, &goal);
            found.map(|directions| directions.stopping).map_err(|error| error.to_string())
        };
        let (up, down) = (Direction::Maximize, Direction::Minimize);
        let rule = || EarlyStopping::new("val_within", 3);
        let silent = within(|metric| metric);
        let text = find(rule(), &silent, Some(("val_accuracy", up))).unwrap_err();
        assert!(text.contains("`val_within`") && text.contains(".maximize()"), "{text}");
        assert_eq!(find(rule(), &silent, Some(("val_within", up))), Ok(up));
        assert_eq!(find(rule(), &within(CustomMetric::maximize), None), Ok(up));
        assert_eq!(find(rule(), &within(CustomMetric::maximize), Some(("val_within", down))), Ok(down));
        assert_eq!(find(rule().direction(up), &silent, Some(("val_within", down))), Ok(up));
        assert_eq!(find(EarlyStopping::new("accuracy", 3), &silent, None), Ok(up));
        assert_eq!(find(EarlyStopping::new("val_loss", 3), &silent, None), Ok(down));
    }
}
