//! What the live view shows of a sweep beside its bars: the best trials, how the best score fell or rose, the
//! trials under way, the last failure.

use std::collections::BTreeMap;

use console::{measure_text_width, truncate_str};

use super::Event;
use super::ranking::Ranking;
use super::text::number;
use super::wording::Wording;
use crate::printable::printable;
use crate::repository::{End, StageRecord};
use crate::trial::TrialId;

/// How many of the best trials are shown.
const TOP: usize = 3;
/// The longest sparkline.
const SPARKS: usize = 40;

/// The state of a sweep, as far as only people who look at it want to know it.
#[derive(Debug, Default)]
pub(super) struct Scene {
    running: BTreeMap<TrialId, Running>,
    /// The last failure, and how many there were.
    failed: Option<(String, u64)>,
    /// The best score, and the epochs that had been trained when it came.
    bests: Vec<(u64, f64)>,
    /// All epochs trained.
    epochs: u64,
}

/// A trial that is being trained.
#[derive(Debug)]
struct Running {
    stage: u32,
    /// The epochs of the stage, and those of them that are trained.
    epochs: u64,
    done: u64,
}

impl Scene {
    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::StageStarted { trial, stage, from, to, .. } => {
                let running = Running { stage: *stage, epochs: to - from, done: 0 };
                self.running.insert(*trial, running);
            }
            Event::Epoch { trial, .. } => {
                self.epochs += 1;
                if let Some(running) = self.running.get_mut(trial) {
                    running.done += 1;
                }
            }
            Event::StageEnded { record, replayed, .. } => self.ended(record, *replayed),
            Event::StageLeft { record, .. } => drop(self.running.remove(&record.trial)),
            _ => {}
        }
    }

    fn ended(&mut self, record: &StageRecord, replayed: bool) {
        self.running.remove(&record.trial);
        if replayed {
            self.epochs += record.epochs();
        }
        let (End::Diverged { epoch, reason } | End::Failed { epoch, reason }) = &record.end else { return };
        // what a terminal obeys is no part of a line, and neither are others of a reason
        let reason = printable(reason.lines().next().unwrap_or_default()).into_owned();
        let count = self.failed.as_ref().map_or(0, |(_, count)| *count);
        self.failed = Some((format!("{} in epoch {epoch}: {reason}", record.trial), count + 1));
    }

    /// Takes the best score into account, if it is another one.
    pub(super) fn best(&mut self, score: Option<f64>) {
        if let Some(score) = score
            && self.bests.last().is_none_or(|(_, last)| *last != score)
        {
            self.bests.push((self.epochs, score));
        }
    }

    /// The lines below the bars.
    pub(super) fn lines(
        &self,
        ranking: &Ranking,
        monitor: &str,
        wording: &Wording,
        width: usize,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        for (place, (trial, ranked)) in (1..).zip(ranking.top(TOP)) {
            let place = if place == 1 { "best".to_owned() } else { format!("{place:>4}") };
            let (score, hparams) = (number(ranked.score.value), wording.line(&ranked.hparams));
            lines.push(format!("{place} {monitor} {score} ({trial}): {hparams}"));
        }
        lines.extend(self.sparkline(monitor, width));
        lines.extend(self.under_way(width));
        if let Some((last, count)) = &self.failed {
            lines.push(format!("failed {count}, the last {last}"));
        }
        lines.iter().map(|line| truncate_str(line, width, "…").into_owned()).collect()
    }

    /// The trials that are being trained, as many as fit on a line.
    fn under_way(&self, width: usize) -> Option<String> {
        let mut text = String::new();
        for (place, (trial, Running { stage, epochs, done })) in self.running.iter().enumerate() {
            let separator = if place == 0 { "running " } else { ", " };
            let next = format!("{separator}{trial} stage {}, {done}/{epochs} epochs", stage + 1);
            let left = self.running.len() - place;
            let more = format!(", and {left} more");
            if place > 0 && measure_text_width(&text) + measure_text_width(&next) + more.len() > width {
                return Some(text + &more);
            }
            text += &next;
        }
        (!text.is_empty()).then_some(text)
    }

    /// The best score from the first epoch to now, once there were two of them.
    fn sparkline(&self, monitor: &str, width: usize) -> Option<String> {
        let ((_, first), (_, last)) = (self.bests.first()?, self.bests.last()?);
        if self.bests.len() < 2 {
            return None;
        }
        let (first, last) = (number(*first), number(*last));
        let room = width.saturating_sub(monitor.len() + first.len() + last.len() + 20);
        let sparks = sparks(&self.bests, self.epochs, room.min(SPARKS));
        Some(format!("     {monitor} {first} {sparks} {last}")).filter(|_| room >= 4)
    }
}

/// A line of so many characters over the epochs: how good the best score was, from the lowest to the highest
/// of them.
fn sparks(bests: &[(u64, f64)], epochs: u64, length: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let at = |place: usize| {
        let until = epochs.saturating_mul(place as u64 + 1) / length.max(1) as u64;
        let known = bests.iter().take_while(|(epoch, _)| *epoch <= until).last();
        // before the first score there is nothing better to show than that
        known.or(bests.first()).map_or(0.0, |(_, score)| *score)
    };
    let values: Vec<f64> = (0..length).map(at).collect();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bar = |value: &f64| {
        let share = if high > low { (value - low) / (high - low) } else { 0.0 };
        BARS[((share * 8.0) as usize).min(7)]
    };
    values.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::super::progress::tests::ended;
    use super::*;
    use crate::repository::{Losses, Ties};
    use crate::trial::Direction;

    fn begun(index: u32) -> Event {
        let trial = TrialId::new(1, index);
        Event::StageStarted { trial, stage: 0, from: 0, to: 3, worker: 0, hparams: [].into() }
    }

    #[test]
    fn the_best_the_running_and_the_failed_are_shown() {
        let mut scene = Scene::default();
        let mut ranking = Ranking::new(Losses::new(Ties::ByLoss, "val_loss"), Direction::Minimize);
        (1..=30).for_each(|index| scene.event(&begun(index)));
        let epoch =
            Event::Epoch { trial: TrialId::new(1, 30), stage: 0, epoch: 1, metrics: Default::default() };
        scene.event(&epoch);
        for (index, score) in [(1, Some(0.5)), (2, Some(0.25)), (3, None), (4, Some(0.75)), (5, Some(0.125))]
        {
            let event = ended(TrialId::new(1, index), 0, 3, 1.0, score);
            scene.event(&event);
            (0..3).for_each(|_| scene.event(&epoch));
            if let Event::StageEnded { record, hparams, .. } = &event {
                ranking.enter(record, hparams);
            }
            scene.best(ranking.best().map(|(_, ranked)| ranked.score.value));
        }
        let lines = scene.lines(&ranking, "val_loss", &Wording::default(), 80);
        assert_eq!(lines[0], "best val_loss 0.1250 (1-5): ");
        assert_eq!(lines[1], "   2 val_loss 0.2500 (1-2): ");
        assert_eq!(lines[2], "   3 val_loss 0.5000 (1-1): ");
        assert!(
            lines[3].starts_with("     val_loss 0.5000 █") && lines[3].ends_with("▁ 0.1250"),
            "{lines:?}"
        );
        assert!(lines[4].starts_with("running 1-6 stage 1, 0/3 epochs, ") && lines[4].ends_with(" more"));
        assert_eq!(lines[5], "failed 1, the last 1-3 in epoch 1: ");
        for width in [10, 40, 80, 200] {
            let lines = scene.lines(&ranking, "val_loss", &Wording::default(), width);
            assert!(lines.iter().all(|line| measure_text_width(line) <= width), "{width}: {lines:#?}");
        }
    }

    #[test]
    fn a_sparkline_follows_the_best_score() {
        assert_eq!(sparks(&[(0, 1.0), (4, 0.5), (8, 0.0)], 8, 4), "█▅▅▁");
        assert_eq!(sparks(&[(0, 0.0), (2, 7.0)], 4, 4), "▁███");
        assert_eq!(sparks(&[(3, 2.0)], 4, 2), "▁▁");
        assert_eq!(sparks(&[(0, 1.0), (1, 2.0)], 0, 0), "");
    }
}
