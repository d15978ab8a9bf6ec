//! What a sampler knew before a study's first trial: outcomes of another study, copied into `study.ron`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::schedule::Score;
use crate::search::{Observation, Point};
use crate::trial::TrialId;

/// The outcomes of another study that a study's sampler began with: see
/// [`warm_start`](crate::Hyperband::warm_start).
///
/// They are a copy, so that the study can be continued without the other one, and has the same trials
/// whatever becomes of that. Its `Display` is a line: `57 trials of runs/before`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WarmStart {
    /// The directory of the other study, as it was given.
    pub dir: String,
    /// A checksum of what the other study is; `None` where nobody has read it.
    pub study: Option<String>,
    /// The outcomes that count, at most one for each trial.
    pub outcomes: Vec<KnownOutcome>,
}

/// One trial of another study: its latest outcome that counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KnownOutcome {
    /// The trial in the other study.
    pub trial: TrialId,
    /// The stage there, counted from 0.
    pub stage: u32,
    /// The epochs that the trial was to have after it.
    pub epochs: u64,
    /// The trial's score after it; `None` if it failed.
    pub score: Option<f64>,
    /// The loss that decides between equal scores.
    pub loss: Option<f64>,
    /// The epochs that decide between equal scores.
    pub trained: u64,
    /// The configuration, with the coordinates in the order of this study's parameters.
    pub point: Point,
}

impl WarmStart {
    /// One of which nothing but the directory is known.
    pub(crate) fn named(dir: String) -> WarmStart {
        WarmStart { dir, study: None, outcomes: Vec::new() }
    }

    /// Whether two are from the same study. Where one of them was not read, the directory says so.
    pub(super) fn is_same(&self, other: &WarmStart) -> bool {
        match (&self.study, &other.study) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => self.dir == other.dir,
        }
    }
}

impl KnownOutcome {
    pub(crate) fn new(
        (trial, stage): (TrialId, u32),
        epochs: u64,
        score: Option<Score>,
        point: Point,
    ) -> KnownOutcome {
        KnownOutcome {
            trial,
            stage,
            epochs,
            score: score.map(|score| score.value),
            loss: score.map(|score| score.loss).filter(|loss| !loss.is_nan()),
            trained: score.map_or(0, |score| score.epochs),
            point,
        }
    }

    fn observation(&self, trial: TrialId) -> Observation {
        let loss = self.loss.unwrap_or(f64::NAN);
        let score = self.score.map(|value| Score { value, loss, epochs: self.trained });
        Observation::new(trial, self.stage, self.epochs, score, self.point.clone())
    }
}

/// The outcomes as a sampler sees them. Their trials are of repetition 0, which no study has; the bracket is
/// the number of the other study.
pub(crate) fn observations(known: &[WarmStart]) -> Vec<Observation> {
    let of_study = |(bracket, study): (u32, &WarmStart)| {
        let outcomes = (1..).zip(&study.outcomes);
        let each = outcomes.map(|(index, known)| known.observation(TrialId { iteration: 0, bracket, index }));
        each.collect::<Vec<_>>()
    };
    (1..).zip(known).flat_map(of_study).collect()
}

impl fmt::Display for WarmStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.outcomes.len() {
            0 => write!(f, "trials of {}", self.dir),
            1 => write!(f, "1 trial of {}", self.dir),
            count => write!(f, "{count} trials of {}", self.dir),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(dir: &str, study: Option<&str>) -> WarmStart {
        WarmStart { study: study.map(str::to_owned), ..WarmStart::named(dir.to_owned()) }
    }

    #[test]
    fn the_same_study_may_be_somewhere_else() {
        let read = start("runs/a", Some("12"));
        assert!(read.is_same(&start("elsewhere", Some("12"))) && !read.is_same(&start("runs/a", Some("13"))));
        assert!(read.is_same(&start("runs/a", None)) && !start("runs/b", None).is_same(&read));
    }

    #[test]
    fn outcomes_are_kept_to_the_last_bit() {
        let point = Point::new([Some(0.1), None]);
        let score = Some(Score { value: 0.1 + 0.2, loss: f64::NAN, epochs: 4 });
        let mut known = start("runs/a", Some("12"));
        known.outcomes.push(KnownOutcome::new((TrialId::new(2, 7), 1), 4, score, point.clone()));
        known.outcomes.push(KnownOutcome::new((TrialId::new(2, 8), 0), 1, None, point.clone()));
        let text = ron::to_string(&known).unwrap();
        assert_eq!(ron::from_str::<WarmStart>(&text).unwrap(), known);
        assert_eq!(known.to_string(), "2 trials of runs/a");
        let seen = observations(&[start("runs/b", None), known]);
        let trials: Vec<String> = seen.iter().map(|seen| seen.trial.to_string()).collect();
        assert_eq!(trials, ["0.2-1", "0.2-2"]);
        assert_eq!(seen[0].score.unwrap().value, 0.1 + 0.2);
        assert!(seen[0].score.unwrap().loss.is_nan() && seen[1].score.is_none());
        assert_eq!((&seen[0].point, seen[0].epochs), (&point, 4));
    }
}
