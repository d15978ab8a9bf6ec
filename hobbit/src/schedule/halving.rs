//! Successive halving as a state machine: one bracket, whose size the user gives.

use super::bracket::{BracketState, Work};
use super::checks::{at_least_one, in_order, is_a_cut};
use super::outline::{Outline, Stage};
use super::plan::Plan;
use super::promotion::{Lottery, Promotion};
use super::recipe::{Recipe, Setting};
use super::scheduler::{Ask, Assignment, Ended, Order, Scheduler};
use super::score::Score;
use super::tail::longest_last;
use crate::error::{Error, Result};
use crate::random::Key;
use crate::trial::{Direction, TrialId};

/// Successive halving (Jamieson and Talwalkar, AISTATS 2016; the inner loop of algorithm 1 of Li et al., JMLR
/// 18(185), 2018).
///
/// It begins with `trials` (n) trials. Stage `i` has the best `floor(n / eta^i)` of them, and trains each
/// until it has had `min_epochs * eta^i` epochs in all, `max_epochs` at most; a promoted trial goes on from
/// where it was. The last stage is the first that reaches `max_epochs`, or the last for which a trial is
/// left, whichever comes first. With n = 27, 1 to 27 epochs and eta = 3: 27 trials for 1 epoch, 9 to 3, 3 to
/// 9, 1 to 27.
///
/// Promotion depends on the results alone; where trials failed, fewer than planned are promoted. Equal scores
/// are decided by the lower loss, then by fewer epochs, then by the smaller id.
///
/// ```
/// use hobbit::Direction;
/// use hobbit::schedule::{Ask, HalvingScheduler, Scheduler, Score};
///
/// let mut scheduler = HalvingScheduler::new(27, 1, 27, 3, Direction::Minimize)?;
/// let mut epochs = 0;
/// while let Ask::Run(assignment) = scheduler.ask() {
///     epochs += assignment.to - assignment.from;
///     scheduler.tell(&assignment, Some(Score::from(f64::from(assignment.trial.index))));
/// }
/// assert_eq!(epochs, 27 + 9 * 2 + 3 * 6 + 18);
/// # Ok::<(), hobbit::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct HalvingScheduler {
    settings: Settings,
    stages: Vec<Stage>,
    direction: Direction,
    lottery: Option<Lottery>,
    /// `None` once it is over.
    state: Option<BracketState>,
}

impl HalvingScheduler {
    /// Creates a scheduler of `trials` trials with `min_epochs` to `max_epochs` epochs, of which one in `eta`
    /// is promoted.
    ///
    /// # Errors
    /// All have to be at least 1, `eta` at least 2, and `max_epochs` at least `min_epochs`.
    pub fn new(
        trials: u32,
        min_epochs: u32,
        max_epochs: u32,
        eta: u32,
        direction: Direction,
    ) -> Result<HalvingScheduler> {
        Settings { trials, min_epochs, max_epochs, eta }.make(direction, None)
    }

    /// Promotes trials in another way; `seed` is the study's. Call it before the first `ask`.
    #[must_use]
    pub fn promoting(mut self, promotion: Promotion, seed: u64) -> HalvingScheduler {
        self.lottery = promotion.lottery(Key::new(seed));
        self.state = Some(BracketState::new(1, 0, Work::First(self.settings.trials), self.lottery));
        self
    }
}

impl Scheduler for HalvingScheduler {
    fn ask(&mut self) -> Ask {
        match &mut self.state {
            None => Ask::Done,
            Some(state) => state.ask(&self.stages).map_or(Ask::Wait, Ask::Run),
        }
    }

    fn tell(&mut self, done: &Assignment, score: Option<Score>) -> Vec<(TrialId, Ended)> {
        let Some(state) = &mut self.state else { return Vec::new() };
        if !state.has(done.trial) || state.stage() != done.stage {
            return Vec::new();
        }
        let decided = state.tell(done.trial.index, score, self.direction, &self.stages);
        let Some(decided) = decided else { return Vec::new() };
        if decided.last {
            self.state = None;
        }
        let how = decided.how();
        decided.ended.iter().map(|&index| (TrialId { index, ..done.trial }, how)).collect()
    }

    fn is_done(&self) -> bool {
        self.state.is_none()
    }

    fn outline(&self) -> Outline {
        Outline::of_bracket(self.stages.clone())
    }

    fn order(&self) -> Order {
        Order::Free
    }

    fn hopeful(&self, pending: &[(TrialId, Score)]) -> Vec<TrialId> {
        let Some(state) = &self.state else { return Vec::new() };
        let of_bracket = pending.iter().filter(|(trial, _)| state.has(*trial));
        let of_bracket = of_bracket.map(|&(trial, score)| (trial.index, score));
        let hopeful = state.hopeful(of_bracket, self.direction, &self.stages);
        hopeful.into_iter().map(|index| state.id(index)).collect()
    }

    fn missing(&self, _: TrialId) -> u32 {
        self.state.as_ref().map_or(0, BracketState::missing)
    }

    /// Only a few trials, since the next stage waits for the last of this one.
    fn longest_first(&mut self, cost: &dyn Fn(TrialId) -> f64) {
        let trials = self.settings.trials;
        if trials <= MOST_LISTED {
            let tail = longest_last(trials, |index| cost(TrialId::new(1, index)));
            let order = (1..=trials - tail.len() as u32).chain(tail).collect();
            self.state = Some(BracketState::new(1, 0, Work::Listed(order), self.lottery));
        }
    }
}

/// The trials of more than this are asked for in order.
const MOST_LISTED: u32 = 1 << 16;

/// What [`Algorithm::SuccessiveHalving`](super::Algorithm::SuccessiveHalving) is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) trials: u32,
    pub(super) min_epochs: u32,
    pub(super) max_epochs: u32,
    pub(super) eta: u32,
}

impl Settings {
    fn stages(&self) -> Result<Vec<Stage>> {
        let Settings { trials, min_epochs, max_epochs, eta } = *self;
        at_least_one("the number of trials", trials)?;
        at_least_one("min_epochs", min_epochs)?;
        is_a_cut(eta)?;
        if max_epochs < min_epochs {
            return Err(Error::setting(format!(
                "max_epochs = {max_epochs} is less than min_epochs = {min_epochs}: the number of trials comes first, then the fewest \
                 epochs, then the most, then eta, as in `run(27, 1, 27, 3)`"
            )));
        }
        let (mut stages, mut left, mut before) = (Vec::new(), trials, 0);
        while left > 0 && before < max_epochs {
            // eta^i without end: what is more than the most is the most
            let to = match stages.len() {
                0 => min_epochs,
                i => u32::try_from(u128::from(min_epochs) * u128::from(eta).pow(i as u32))
                    .map_or(max_epochs, |epochs| epochs.min(max_epochs)),
            };
            stages.push(Stage { trials: left.into(), epochs: to - before, trained: to.into() });
            before = to;
            // floor(floor(n / eta^i) / eta) = floor(n / eta^(i + 1))
            left /= eta;
        }
        Ok(stages)
    }

    fn make(self, direction: Direction, lottery: Option<Lottery>) -> Result<HalvingScheduler> {
        let stages = self.stages()?;
        let state = Some(BracketState::new(1, 0, Work::First(self.trials), lottery));
        Ok(HalvingScheduler { settings: self, stages, direction, lottery, state })
    }
}

impl Recipe for Settings {
    fn name(&self) -> &'static str {
        "SuccessiveHalving"
    }

    fn settings(&self) -> Vec<Setting> {
        let most = "The most epochs of a trial";
        vec![
            Setting::new("trials", "the number of trials", "Trials", self.trials),
            Setting::new("min_epochs", "min_epochs", "Epochs of the first stage", self.min_epochs),
            Setting::new("max_epochs", "max_epochs", most, self.max_epochs),
            Setting::new("eta", "eta", "eta (the cut factor between stages)", self.eta),
        ]
    }

    fn call(&self) -> String {
        format!("run({}, {}, {}, {})", self.trials, self.min_epochs, self.max_epochs, self.eta)
    }

    fn check(&self) -> Result<()> {
        in_order(("the number of trials", self.trials), self.eta, "run(27, 1, 27, 3)")?;
        in_order(("max_epochs", self.max_epochs), self.eta, "run(27, 1, 27, 3)")
    }

    fn outline(&self) -> Result<Outline> {
        Ok(Outline::of_bracket(self.stages()?))
    }

    fn scheduler(&self, direction: Direction, lottery: Option<Lottery>) -> Result<Box<dyn Scheduler>> {
        Ok(Box::new(self.make(direction, lottery)?))
    }

    fn plan(&self) -> Result<Plan> {
        Ok(Plan::of_outline(&self.outline()?, self.max_epochs, self.eta))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The trials of each stage, and the epochs that they have after it.
    fn table(trials: u32, min_epochs: u32, max_epochs: u32, eta: u32) -> Vec<(u64, u64)> {
        let stages = Settings { trials, min_epochs, max_epochs, eta }.stages().unwrap();
        let sum: u64 = stages.iter().map(|stage| u64::from(stage.epochs)).sum();
        assert_eq!(sum, stages[stages.len() - 1].trained);
        stages.iter().map(|stage| (stage.trials, stage.trained)).collect()
    }

    #[test]
    fn stages_are_those_of_the_papers() {
        assert_eq!(table(27, 1, 27, 3), [(27, 1), (9, 3), (3, 9), (1, 27)]);
        // the most epochs come before a single trial is left, and the other way round
        assert_eq!(table(81, 1, 9, 3), [(81, 1), (27, 3), (9, 9)]);
        assert_eq!(table(10, 2, 81, 3), [(10, 2), (3, 6), (1, 18)]);
        // no power of eta
        assert_eq!(table(64, 3, 20, 4), [(64, 3), (16, 12), (4, 20)]);
        assert_eq!(table(1, 5, 5, 2), [(1, 5)]);
        let (most, all) = (u32::MAX, u64::from(u32::MAX));
        assert_eq!(table(most, most, most, most), [(all, all)]);
        assert_eq!(table(most, 1, most, most), [(all, 1), (1, all)]);
        assert_eq!(table(most, 1, most, 2).len(), 32);
    }

    #[test]
    fn what_is_out_of_range_or_the_wrong_way_round_is_an_error() {
        let error = |trials, min_epochs, max_epochs, eta| {
            let settings = Settings { trials, min_epochs, max_epochs, eta };
            settings.outline().and_then(|_| settings.check()).unwrap_err().to_string()
        };
        for (numbers, told) in [
            ((0, 1, 27, 3), "the number of trials is 0"),
            ((27, 0, 27, 3), "min_epochs is 0"),
            ((27, 1, 27, 1), "eta (the cut factor between stages) is 1"),
            ((27, 27, 1, 3), "max_epochs = 1 is less than min_epochs = 27"),
            ((3, 1, 27, 27), "the number of trials = 3 is less than eta = 27"),
            ((81, 1, 3, 27), "max_epochs = 3 is less than eta = 27"),
        ] {
            let (trials, min_epochs, max_epochs, eta) = numbers;
            let error = error(trials, min_epochs, max_epochs, eta);
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn the_best_go_on_and_failures_never_do() {
        let mut scheduler = HalvingScheduler::new(9, 1, 9, 3, Direction::Maximize).unwrap();
        let mut stages = Vec::new();
        while let Ask::Run(assignment) = scheduler.ask() {
            stages.push((assignment.stage, assignment.trial.index, assignment.from, assignment.to));
            let index = assignment.trial.index;
            let score = (index != 9).then(|| Score::from(f64::from(index)));
            let ended = scheduler.tell(&assignment, score);
            match stages.len() {
                9 => {
                    let dropped = [1, 2, 3, 4, 5, 9].map(|index| TrialId::new(1, index));
                    assert_eq!(ended, dropped.map(|trial| (trial, Ended::Dropped { stage: 0 })));
                }
                13 => assert_eq!(ended, [(TrialId::new(1, 8), Ended::Finished)]),
                _ => assert!(ended.is_empty() || stages.len() == 12),
            }
        }
        assert_eq!(stages[9..], [(1, 8, 1, 3), (1, 7, 1, 3), (1, 6, 1, 3), (2, 8, 3, 9)]);
        assert!(scheduler.is_done() && scheduler.ask() == Ask::Done);
    }
}
