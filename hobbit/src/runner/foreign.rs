//! Outcomes of another tool, as a study can start from them.

use std::fmt;

use crate::repository::{KnownOutcome, Losses, ScoreBy, StudyRecord};
use crate::search::Point;
use crate::space::Value;
use crate::trial::{Direction, TrialId};

/// The trials of another tool.
#[derive(Debug, Clone)]
pub(crate) struct Foreign {
    /// Where they are from: a file.
    pub(crate) name: String,
    pub(crate) direction: Direction,
    pub(crate) trials: Vec<ForeignTrial>,
}

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct ForeignTrial {
    /// Where in the file it is.
    pub(crate) source: String,
    /// Its parameters.
    pub(crate) values: Vec<(String, Value)>,
    /// What it reported after its epochs, which count from 1, in order.
    pub(crate) curve: Vec<(u64, f64)>,
    /// Its result.
    pub(crate) score: Option<f64>,
    pub(crate) failed: bool,
}

impl ForeignTrial {
    /// What counts of it in a study whose outcomes come after `first` to `last` epochs, or why nothing does.
    /// A result without reports is what it was after its last epoch.
    pub(super) fn outcome(
        &self,
        number: usize,
        point: Point,
        study: &StudyRecord,
        (first, last): (u64, u64),
    ) -> Result<KnownOutcome, String> {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let known = |epochs: u64, value: Option<f64>| {
            // its loss is not known; two of the same score are told apart by their epochs
            let losses = Losses::new(study.ties, &study.monitor);
            let score = value.map(|value| losses.rank(value, f64::NAN, epochs));
            KnownOutcome::new((TrialId::new(1, number), 0), epochs, score, point)
        };
        let within = self.curve.partition_point(|(epoch, _)| *epoch <= last);
        let counted = &self.curve[..within];
        match (counted.last(), self.score) {
            _ if self.failed => Ok(known(counted.last().map_or(first, |(epoch, _)| *epoch), None)),
            (Some(&(epoch, _)), _) if epoch < first => Err(format!("it has {epoch} epochs only")),
            (Some(&(epoch, value)), _) => {
                let values = counted.iter().map(|(_, value)| *value);
                let best = values.reduce(|best, value| match study.direction.better(value, best) {
                    true => value,
                    false => best,
                });
                let value = if study.score == ScoreBy::Last { value } else { best.unwrap_or(value) };
                Ok(known(epoch, Some(value)))
            }
            (None, Some(_)) if !self.curve.is_empty() => Err(format!("it has no value after {last} epochs")),
            (None, Some(score)) => Ok(known(last, Some(score))),
            (None, None) => Err("it has no result".to_owned()),
        }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
