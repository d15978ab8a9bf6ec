//! How long a sweep will take.

use std::time::Duration;

use super::progress::{Bracket, Cost, Progress};
use crate::repository::{End, StageRecord};
use crate::trial::Direction;

/// Learns what training costs: a stage of `x` epochs takes `a + b x` seconds, by least squares over the
/// stages seen so far, each weighted by `1 / x`, because what an epoch takes varies from trial to trial.
#[derive(Debug, Default)]
pub(super) struct Estimate {
    stages: f64,
    epochs: f64,
    seconds: f64,
    /// Sums of `1 / x` and of `seconds / x`.
    inverse: f64,
    each: f64,
    /// This process has trained some of them.
    has_own: bool,
}

impl Estimate {
    /// Takes an outcome into account. Those of earlier processes, perhaps on another machine, count until
    /// there is one of this process.
    pub(super) fn learn(&mut self, record: &StageRecord, replayed: bool) {
        let epochs = record.history.len() as f64;
        if record.end == End::Trained && epochs > 0.0 && !(replayed && self.has_own) {
            if !replayed && !self.has_own {
                *self = Estimate { has_own: true, ..Estimate::default() };
            }
            self.stages += 1.0;
            self.epochs += epochs;
            self.seconds += record.seconds;
            self.inverse += 1.0 / epochs;
            self.each += record.seconds / epochs;
        }
    }

    /// What a stage costs besides its epochs, and what an epoch costs, in seconds; nothing before the first
    /// stage.
    fn cost(&self) -> Option<(f64, f64)> {
        if self.stages == 0.0 {
            return None;
        }
        let per_epoch = (0.0, self.seconds / self.epochs);
        let determinant = self.inverse * self.epochs - self.stages * self.stages;
        // all stages of one length say nothing of what they would cost without epochs
        if determinant <= 1e-9 * self.stages * self.stages {
            return Some(per_epoch);
        }
        let stage = (self.each * self.epochs - self.stages * self.seconds) / determinant;
        let epoch = (self.inverse * self.seconds - self.stages * self.each) / determinant;
        Some(if stage < 0.0 {
            per_epoch
        } else if epoch < 0.0 {
            (self.each / self.inverse, 0.0)
        } else {
            (stage, epoch)
        })
    }

    /// How long what is left takes on so many workers; nothing before the first stage has ended.
    ///
    /// Later stages have the best trials of the earlier ones, which may cost more or less than others: so
    /// what these took is used. And stages of a bracket come one after the other, however many workers there
    /// are.
    pub(super) fn of(&self, progress: &Progress, workers: u32) -> Option<Duration> {
        let cost = self.cost()?;
        let (mut work, mut longest) = (0.0, 0.0_f64);
        let begun = progress.brackets().map(|(_, bracket)| (1, bracket));
        for (count, bracket) in begun.chain(progress.unbegun()).filter(|(count, _)| *count > 0) {
            let (of_bracket, chain) = left(bracket, cost, progress);
            work += count as f64 * of_bracket;
            longest = longest.max(chain);
        }
        Duration::try_from_secs_f64(longest.max(work / f64::from(workers.max(1)))).ok()
    }
}

/// An estimate that is not far below what so many epochs take at the present rate: training may have become
/// slower than it was.
pub(super) fn at_least(estimate: Duration, epochs_left: u64, rate: Option<f64>) -> Duration {
    let at_this_rate = rate.map(|rate| epochs_left as f64 / rate / 2.0);
    let least = at_this_rate.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    least.map_or(estimate, |least| estimate.max(least))
}

/// The seconds of work left in a bracket, and those of its stages one after the other.
fn left(bracket: &Bracket, (stage_cost, epoch_cost): (f64, f64), progress: &Progress) -> (f64, f64) {
    let Some(first) = bracket.stage() else { return (0.0, 0.0) };
    let usual = |stages: f64, epochs: f64| stages * stage_cost + epochs * epoch_cost;
    let mut ranked: Vec<(f64, &Cost)> =
        bracket.trials.values().filter_map(|cost| Some((cost.score?, cost))).collect();
    ranked.sort_by(|a, b| match progress.direction {
        Direction::Minimize => a.0.total_cmp(&b.0),
        Direction::Maximize => b.0.total_cmp(&a.0),
    });
    let (mut work, mut chain) = (0.0, 0.0);
    let mut under_way = bracket.under_way();
    for (place, (expected, stage)) in bracket.expected().enumerate().skip(first - 1) {
        let trials = expected.saturating_sub(stage.ended) as f64;
        let mut each = usual(1.0, stage.epochs as f64);
        if place > 0 {
            // as the best so far were, compared with what such stages usually cost
            let best = ranked.iter().take(expected as usize).map(|(_, cost)| cost);
            let (took, would) = best.fold((0.0, 0.0), |sum, cost| {
                (sum.0 + cost.seconds, sum.1 + usual(cost.stages as f64, cost.epochs as f64))
            });
            if would > 0.0 {
                each *= took / would;
            }
        }
        // what is trained of stages that have not ended is done of what these cost, however much that is
        let done = under_way.min(expected.saturating_sub(stage.ended) * stage.epochs);
        under_way -= done;
        let done = done as f64 / stage.epochs.max(1) as f64;
        work += (trials - done) * each;
        chain += if trials > 0.0 { each * (1.0 - done / trials) } else { 0.0 };
    }
    (work, chain)
}

#[cfg(test)]
mod tests {
    use super::super::Event;
    use super::super::progress::tests::ended;
    use super::*;
    use crate::repository::{Losses, Ties};
    use crate::schedule::Plan;
    use crate::trial::TrialId;

    /// Progress and estimate after these events.
    fn after(plan: &Plan, events: &[Event]) -> (Progress, Estimate) {
        let mut both = (
            Progress::new(&plan.outline(1), Losses::new(Ties::ByLoss, "val_loss"), Direction::Minimize),
            Estimate::default(),
        );
        for event in events {
            both.0.event(event);
            if let Event::StageEnded { record, replayed, .. } = event {
                both.1.learn(record, *replayed);
            }
        }
        both
    }

    fn seconds((progress, estimate): (Progress, Estimate), workers: u32) -> f64 {
        estimate.of(&progress, workers).unwrap().as_secs_f64()
    }

    #[test]
    fn after_the_first_trial_its_rate_counts() {
        // 3 trials for 1 epoch, 1 for 3; 2 trials for 3 epochs
        let plan = Plan::new(3, 3).unwrap();
        assert!(after(&plan, &[]).1.of(&after(&plan, &[]).0, 1).is_none());
        let first = [ended(TrialId::new(1, 1), 0, 1, 2.0, Some(1.0))];
        assert_eq!(seconds(after(&plan, &first), 1), 11.0 * 2.0);
        assert_eq!(seconds(after(&plan, &first), 2), 11.0);
        // the second stage of the first bracket has to wait for the first
        assert_eq!(seconds(after(&plan, &first), 100), 8.0);
    }

    #[test]
    fn what_a_stage_costs_by_itself_is_told_from_what_its_epochs_cost() {
        let mut events = Vec::new();
        for (index, epochs) in [(1, 1), (2, 3), (3, 9), (4, 27)] {
            events.push(ended(TrialId::new(1, index), 0, epochs, 5.0 + 0.5 * epochs as f64, Some(1.0)));
        }
        let (stage, epoch) = after(&Plan::new(27, 3).unwrap(), &events).1.cost().unwrap();
        assert!((stage - 5.0).abs() < 1e-9 && (epoch - 0.5).abs() < 1e-9, "{stage} {epoch}");
        // no negative costs
        for events in [
            [
                ended(TrialId::new(1, 1), 0, 1, 1.0, Some(1.0)),
                ended(TrialId::new(1, 2), 0, 9, 90.0, Some(1.0)),
            ],
            [
                ended(TrialId::new(1, 1), 0, 1, 9.0, Some(1.0)),
                ended(TrialId::new(1, 2), 0, 9, 1.0, Some(1.0)),
            ],
        ] {
            let (stage, epoch) = after(&Plan::new(27, 3).unwrap(), &events).1.cost().unwrap();
            assert!(stage >= 0.0 && epoch >= 0.0 && stage + epoch > 0.0);
        }
    }

    #[test]
    fn promoted_trials_cost_what_they_have_cost() {
        let plan = Plan::new(3, 3).unwrap();
        // all but the second stage of the first bracket; an epoch takes 2 s in the mean, and 4 s for the best
        // trial
        let of = |bracket, index, epochs, seconds, score| {
            ended(TrialId::new(bracket, index), 0, epochs, seconds, Some(score))
        };
        let events = [
            of(1, 1, 1, 1.0, 1.0),
            of(1, 2, 1, 4.0, 0.5),
            of(1, 3, 1, 1.0, 1.0),
            of(2, 1, 3, 6.0, 1.0),
            of(2, 2, 3, 6.0, 1.0),
        ];
        assert!((seconds(after(&plan, &events), 1) - 12.0).abs() < 1e-9);
    }

    #[test]
    fn what_earlier_processes_took_counts_until_this_one_knows_better() {
        let plan = Plan::new(3, 3).unwrap();
        let mut events = Vec::new();
        for index in 1..=2 {
            let Event::StageEnded { record, hparams, .. } =
                ended(TrialId::new(1, index), 0, 1, 0.5, Some(1.0))
            else {
                unreachable!("it is one");
            };
            events.push(Event::StageEnded { record, hparams, replayed: true });
        }
        assert_eq!(seconds(after(&plan, &events), 1), 10.0 * 0.5);
        events.push(ended(TrialId::new(1, 3), 0, 1, 60.0, Some(1.0)));
        assert_eq!(seconds(after(&plan, &events), 1), 9.0 * 60.0);
    }

    #[test]
    fn an_estimate_is_not_far_below_the_present_rate() {
        let second = Duration::from_secs(1);
        assert_eq!(at_least(second, 4000, Some(2.0)), Duration::from_secs(1000));
        assert_eq!(at_least(second, 1, Some(2.0)), second);
        assert_eq!(at_least(second, 4000, None), second);
    }

    #[test]
    fn what_is_under_way_is_a_share_of_what_its_stage_costs() {
        let plan = Plan::new(3, 3).unwrap();
        let of = |bracket, index, epochs, seconds, score| {
            ended(TrialId::new(bracket, index), 0, epochs, seconds, Some(score))
        };
        // an epoch takes 3 s in the mean, and 1 s for the best trial, whose second stage is what is left
        let mut events = vec![
            of(1, 1, 1, 4.0, 1.0),
            of(1, 2, 1, 1.0, 0.5),
            of(1, 3, 1, 4.0, 1.0),
            of(2, 1, 3, 9.0, 1.0),
            of(2, 2, 3, 9.0, 1.0),
        ];
        for left in [3.0, 2.0, 1.0, 0.0] {
            let seconds = seconds(after(&plan, &events), 1);
            assert!((seconds - left).abs() < 1e-9, "{seconds} instead of {left}");
            let (trial, metrics) = (TrialId::new(1, 2), Default::default());
            events.push(Event::Epoch { trial, stage: 1, epoch: 2, metrics });
        }
    }
}
