//! How the best score came about: the outcomes of all stages in the order in which they ended.

use super::timeline::Session;
use crate::repository::{Origin, Overview};
use crate::trial::Direction;

/// The outcome of a stage.
pub(super) struct Step {
    /// The trial's place in [`Overview::trials`].
    pub(super) row: usize,
    /// The epochs that were trained in the whole study when it ended.
    pub(super) epochs: u64,
    /// The seconds that processes had worked on the study when it ended.
    pub(super) seconds: f64,
    /// The trial's score after it; none if it failed.
    pub(super) score: Option<f64>,
    /// The best score of all trials so far.
    pub(super) best: Option<f64>,
    /// Where the trial's configuration is from, if that is known.
    pub(super) origin: Option<Origin>,
}

/// All outcomes, in order.
pub(super) fn steps(overview: &Overview, sessions: &[Session]) -> Vec<Step> {
    let mut outcomes: Vec<_> = overview
        .trials
        .iter()
        .enumerate()
        .flat_map(|(row, trial)| trial.stages.iter().map(move |stage| (row, stage)))
        .collect();
    // clocks may be set back, but a trial's stages stay in order
    outcomes.sort_by(|(_, a), (_, b)| {
        a.time.0.total_cmp(&b.time.0).then_with(|| (a.trial, a.stage).cmp(&(b.trial, b.stage)))
    });
    let (mut epochs, mut best): (u64, Option<f64>) = (0, None);
    let minimize = overview.study.direction == Direction::Minimize;
    let step = |(row, stage): (usize, &crate::repository::StageRecord)| {
        epochs = epochs.saturating_add(stage.epochs());
        let score = stage.ranked_by();
        if let Some(score) = score {
            let is_better = |best: f64| if minimize { score < best } else { score > best };
            best = Some(best.filter(|best| !is_better(*best)).unwrap_or(score));
        }
        let origin = overview.trials[row].origin;
        Step { row, epochs, seconds: at_work(sessions, stage.time.0), score, best, origin }
    };
    outcomes.into_iter().map(step).collect()
}

/// How long processes had worked at a moment; pauses between them are left out.
fn at_work(sessions: &[Session], time: f64) -> f64 {
    let mut before = 0.0;
    for (place, session) in sessions.iter().enumerate() {
        let is_last = sessions.get(place + 1).is_none_or(|next| next.opened > time);
        if is_last {
            return before + (time - session.opened).clamp(0.0, session.seconds.max(0.0));
        }
        before += session.seconds;
    }
    before
}
