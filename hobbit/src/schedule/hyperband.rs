//! Hyperband as a state machine: asked for work, told of results, and nothing else.

use std::collections::BTreeMap;

use super::bracket::{BracketState, Decided, Work, first_trials};
use super::checks::in_order;
use super::outline::{EpochCount, Outline};
use super::plan::Plan;
use super::promotion::{Lottery, Promotion};
use super::recipe::{Recipe, Setting};
use super::scheduler::{Ask, Assignment, Ended, Order, Scheduler};
use super::score::Score;
use crate::error::{Error, Result};
use crate::random::Key;
use crate::trial::{Direction, TrialId};

/// The outcome of a completed stage: promoted and ended trials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageEnd {
    /// The repetition of the whole Hyperband, counted from 1.
    pub iteration: u32,
    /// The bracket, counted from 1.
    pub bracket: u32,
    /// The stage, counted from 0.
    pub stage: u32,
    /// The promoted trials, best first or as they were drawn; empty after the last stage.
    pub promoted: Vec<TrialId>,
    /// The trials that are not promoted, by index: dropped, failed, or finished with the last stage.
    pub ended: Vec<TrialId>,
    /// Whether the bracket is over.
    pub last: bool,
}

/// Hyperband over all brackets at once.
///
/// [`ask`](HyperbandScheduler::ask) hands out stages of trials, earlier brackets first, as long as any stage
/// of any bracket has work; [`tell`](HyperbandScheduler::tell) takes their results in any order. Promotion
/// depends on the results alone.
///
/// ```
/// use hobbit::{Direction, Plan};
/// use hobbit::schedule::{Ask, HyperbandScheduler};
///
/// let mut scheduler = HyperbandScheduler::new(Plan::new(9, 3)?, 1, Direction::Minimize);
/// let mut epochs = 0;
/// while let Ask::Run(assignment) = scheduler.ask() {
///     epochs += assignment.to - assignment.from;
///     scheduler.tell(assignment.trial, Some(f64::from(assignment.trial.index)));
/// }
/// assert_eq!(scheduler.ask(), Ask::Done);
/// assert_eq!(epochs, Plan::new(9, 3)?.total_epochs());
/// # Ok::<(), hobbit::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct HyperbandScheduler {
    plan: Plan,
    direction: Direction,
    iterations: u32,
    /// The brackets that were begun and are not over, in order.
    open: Vec<BracketState>,
    /// The bracket to begin next: its repetition, counted from 1, and its place, counted from 0. A bracket
    /// takes no memory before it is begun, however many repetitions there are.
    next: (u64, u32),
    /// The order of the last bracket's trials, if it is not that of their indexes.
    last: Option<Vec<u32>>,
    lottery: Option<Lottery>,
}

impl HyperbandScheduler {
    /// Hyperband by `plan`, the whole of it `iterations` times, each with configurations of its own.
    pub fn new(plan: Plan, iterations: u32, direction: Direction) -> HyperbandScheduler {
        let open = Vec::new();
        HyperbandScheduler { plan, direction, iterations, open, next: (1, 0), last: None, lottery: None }
    }

    /// Promotes trials in another way; `seed` is the study's. Call it before the first `ask`.
    #[must_use]
    pub fn promoting(self, promotion: Promotion, seed: u64) -> HyperbandScheduler {
        HyperbandScheduler { lottery: promotion.lottery(Key::new(seed)), ..self }
    }

    /// As if all brackets before this one, of a repetition and with a number that count from 1, were over.
    pub(super) fn of_bracket(plan: Plan, (iteration, bracket): (u32, u32), direction: Direction) -> Self {
        let next = (u64::from(iteration), bracket.saturating_sub(1));
        HyperbandScheduler { next, ..HyperbandScheduler::new(plan, iteration, direction) }
    }

    /// Lets the last bracket begin with its longest trials, by what an epoch of each costs; equal ones in
    /// order. Call it before the first [`ask`](HyperbandScheduler::ask).
    ///
    /// Earlier brackets leave no worker idle, since there is other work while one waits for its last results;
    /// after the last bracket there is none, and a long trial begun last would be trained alone.
    pub fn longest_first(&mut self, cost: impl Fn(TrialId) -> f64) {
        let Some(bracket) = self.plan.brackets().last().filter(|_| self.iterations > 0) else { return };
        let (iteration, number) = (self.iterations, self.plan.brackets().len() as u32);
        let cost = |index| (cost(TrialId { iteration, bracket: number, index }), index);
        let mut trials: Vec<(f64, u32)> = (1..=first_trials(bracket)).map(cost).collect();
        trials.sort_by(|a, b| b.0.total_cmp(&a.0));
        self.last = Some(trials.into_iter().map(|(_, index)| index).collect());
    }

    /// The plan that is followed.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The next stage of a trial to train.
    pub fn ask(&mut self) -> Ask {
        let brackets = self.plan.brackets();
        let asked =
            self.open.iter_mut().find_map(|state| state.ask(&brackets[state.bracket as usize].stages));
        if let Some(assignment) = asked {
            return Ask::Run(assignment);
        }
        match self.begin() {
            Some(mut state) => {
                let first = state.ask(&self.plan.brackets()[state.bracket as usize].stages);
                self.open.push(state);
                first.map_or(Ask::Wait, Ask::Run)
            }
            None if self.open.is_empty() => Ask::Done,
            None => Ask::Wait,
        }
    }

    /// Whether every stage was trained and its result told.
    pub fn is_done(&self) -> bool {
        self.open.is_empty() && self.next.0 > u64::from(self.iterations)
    }

    /// The next bracket that was not begun, if there is one.
    fn begin(&mut self) -> Option<BracketState> {
        let (iteration, bracket) = self.next;
        // past the last repetition, which may be the last number there is
        let repetition = u32::try_from(iteration).ok().filter(|&repetition| repetition <= self.iterations)?;
        let description = self.plan.brackets().get(bracket as usize)?;
        let is_last = bracket as usize + 1 == self.plan.brackets().len();
        let work = match self.last.take_if(|_| is_last && repetition == self.iterations) {
            Some(order) => Work::Listed(order),
            None => Work::First(first_trials(description)),
        };
        self.next = if is_last { (iteration + 1, 0) } else { (iteration, bracket + 1) };
        Some(BracketState::new(repetition, bracket, work, self.lottery))
    }

    /// Takes the result of a stage that was asked for: the trial's score, or `None` if it failed. NaN and
    /// infinite scores are failures. Returns the end of the stage when this was its last result.
    ///
    /// Each assignment has to be told exactly once; anything else is ignored. Equal scores are decided by the
    /// trial's id; [`tell_score`](HyperbandScheduler::tell_score) takes more into account.
    pub fn tell(&mut self, trial: TrialId, score: Option<f64>) -> Option<StageEnd> {
        self.tell_score(trial, score.map(Score::from))
    }

    /// The same, with the loss and the epochs that decide between equal scores.
    pub fn tell_score(&mut self, trial: TrialId, score: Option<Score>) -> Option<StageEnd> {
        let decided = self.decide(trial, None, score)?;
        let id = |&index: &u32| TrialId { index, ..trial };
        Some(StageEnd {
            iteration: trial.iteration,
            bracket: trial.bracket,
            stage: decided.stage,
            promoted: self.state_of(trial).map_or(&[][..], BracketState::listed).iter().map(id).collect(),
            ended: decided.ended.iter().map(id).collect(),
            last: decided.last,
        })
    }

    /// Takes a result of the trial's present stage, if it is `stage`.
    fn decide(&mut self, trial: TrialId, stage: Option<u32>, score: Option<Score>) -> Option<Decided> {
        let position = self.open.iter().position(|state| state.has(trial))?;
        let state = &mut self.open[position];
        if stage.is_some_and(|stage| stage != state.stage()) {
            return None;
        }
        let stages = &self.plan.brackets()[state.bracket as usize].stages;
        let decided = state.tell(trial.index, score, self.direction, stages)?;
        if decided.last {
            self.open.remove(position);
        }
        Some(decided)
    }

    fn state_of(&self, trial: TrialId) -> Option<&BracketState> {
        self.open.iter().find(|state| state.has(trial))
    }
}

impl Scheduler for HyperbandScheduler {
    fn ask(&mut self) -> Ask {
        self.ask()
    }

    fn tell(&mut self, done: &Assignment, score: Option<Score>) -> Vec<(TrialId, Ended)> {
        let Some(decided) = self.decide(done.trial, Some(done.stage), score) else { return Vec::new() };
        let how = decided.how();
        decided.ended.iter().map(|&index| (TrialId { index, ..done.trial }, how)).collect()
    }

    fn is_done(&self) -> bool {
        self.is_done()
    }

    fn outline(&self) -> Outline {
        self.plan.outline(self.iterations)
    }

    fn order(&self) -> Order {
        Order::Free
    }

    fn hopeful(&self, pending: &[(TrialId, Score)]) -> Vec<TrialId> {
        let mut brackets = BTreeMap::<_, Vec<(u32, Score)>>::new();
        for &(trial, score) in pending {
            brackets.entry((trial.iteration, trial.bracket)).or_default().push((trial.index, score));
        }
        let of_bracket = |((iteration, bracket), pending): (&(u32, u32), &Vec<(u32, Score)>)| {
            let id = |index| TrialId { iteration: *iteration, bracket: *bracket, index };
            let state = self.state_of(id(0))?;
            let stages = &self.plan.brackets()[state.bracket as usize].stages;
            let hopeful = state.hopeful(pending.iter().copied(), self.direction, stages);
            Some(hopeful.into_iter().map(id).collect::<Vec<_>>())
        };
        brackets.iter().filter_map(of_bracket).flatten().collect()
    }

    fn missing(&self, trial: TrialId) -> u32 {
        self.state_of(trial).map_or(0, BracketState::missing)
    }

    fn longest_first(&mut self, cost: &dyn Fn(TrialId) -> f64) {
        self.longest_first(cost);
    }
}

/// What [`Algorithm::Hyperband`](super::Algorithm::Hyperband) and
/// [`Algorithm::FirstBrackets`](super::Algorithm::FirstBrackets) are made of.
pub(super) struct Settings {
    pub(super) max_epochs: u32,
    pub(super) eta: u32,
    pub(super) epoch_count: EpochCount,
    pub(super) iterations: u32,
    /// How many brackets are run, if not all.
    pub(super) brackets: Option<u32>,
}

impl Recipe for Settings {
    fn name(&self) -> &'static str {
        "Hyperband"
    }

    fn settings(&self) -> Vec<Setting> {
        let count = Setting {
            meaning: Some(match self.epoch_count {
                EpochCount::Additional => "a stage trains that many epochs more",
                EpochCount::Cumulative => "a stage trains up to that many epochs",
            }),
            ..Setting::new("epoch_count", "the count of epochs", "Epochs are", self.epoch_count)
        };
        let (iterations, brackets) = match self.brackets {
            None => ("Repetitions", None),
            Some(first) => ("Repetitions of these brackets", Some(first)),
        };
        let brackets =
            brackets.map(|first| Setting::new("brackets", "brackets", "Brackets that are run", first));
        let mut settings = vec![
            Setting::new("max_epochs", "R", "R (the most epochs of a stage)", self.max_epochs),
            Setting::new("eta", "eta", "eta (the cut factor between stages)", self.eta),
            count,
            Setting::new("iterations", "iterations", iterations, self.iterations),
        ];
        settings.extend(brackets);
        settings
    }

    fn call(&self) -> String {
        format!("run({}, {})", self.max_epochs, self.eta)
    }

    fn check(&self) -> Result<()> {
        in_order(("R", self.max_epochs), self.eta, "run(27, 3)")?;
        if self.iterations == 0 {
            return Err(Error::setting("the number of iterations is 0; it has to be at least 1"));
        }
        let first = self.plan()?.brackets()[0].stages[0].trials;
        if u32::try_from(first).is_err() {
            return Err(Error::setting(format!(
                "R = {} is too large: the first bracket would have {first} trials",
                self.max_epochs
            )));
        }
        Ok(())
    }

    fn outline(&self) -> Result<Outline> {
        Ok(self.plan()?.outline(self.iterations))
    }

    fn scheduler(&self, direction: Direction, lottery: Option<Lottery>) -> Result<Box<dyn Scheduler>> {
        let scheduler = HyperbandScheduler::new(self.plan()?, self.iterations, direction);
        Ok(Box::new(HyperbandScheduler { lottery, ..scheduler }))
    }

    fn scheduler_at(
        &self,
        bracket: (u32, u32),
        direction: Direction,
        lottery: Option<Lottery>,
    ) -> Result<Box<dyn Scheduler>> {
        let scheduler = HyperbandScheduler::of_bracket(self.plan()?, bracket, direction);
        Ok(Box::new(HyperbandScheduler { lottery, ..scheduler }))
    }

    fn plan(&self) -> Result<Plan> {
        let whole = Plan::counting(self.max_epochs, self.eta, self.epoch_count)?;
        match self.brackets {
            None => Ok(whole),
            Some(brackets) => whole.first(brackets),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheduler(max_epochs: u32) -> HyperbandScheduler {
        HyperbandScheduler::new(Plan::new(max_epochs, 3).unwrap(), 1, Direction::Minimize)
    }

    fn run(scheduler: &mut HyperbandScheduler) -> Assignment {
        match scheduler.ask() {
            Ask::Run(assignment) => assignment,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn later_brackets_fill_the_wait_of_earlier_ones() {
        let mut scheduler = scheduler(9);
        let first: Vec<_> = (0..9).map(|_| run(&mut scheduler)).collect();
        assert!(first.iter().all(|a| a.trial.bracket == 1 && a.stage == 0 && (a.from, a.to) == (0, 1)));
        // the first bracket waits for its results, the second begins
        assert_eq!(run(&mut scheduler).trial, TrialId::new(2, 1));
        for assignment in &first[1..] {
            assert!(scheduler.tell(assignment.trial, Some(f64::from(10 - assignment.trial.index))).is_none());
        }
        let end = scheduler.tell(first[0].trial, Some(f64::NAN)).unwrap();
        assert_eq!(end.promoted, [9, 8, 7].map(|index| TrialId::new(1, index)));
        assert_eq!(end.ended, [1, 2, 3, 4, 5, 6].map(|index| TrialId::new(1, index)));
        // and now the first bracket comes first again
        let next = run(&mut scheduler);
        assert_eq!((next.trial, next.stage, next.from, next.to), (TrialId::new(1, 9), 1, 1, 4));
    }

    #[test]
    fn the_last_bracket_begins_with_its_longest_trials() {
        let plan = Plan::new(27, 3).unwrap();
        let costs = [2.0, 7.0, 0.0, 7.0];
        let mut scheduler = HyperbandScheduler::new(plan, 2, Direction::Minimize);
        scheduler.longest_first(|trial| {
            assert_eq!((trial.iteration, trial.bracket), (2, 4));
            costs[trial.index as usize - 1]
        });
        let (mut last, mut others) = (Vec::new(), Vec::new());
        while let Ask::Run(assignment) = scheduler.ask() {
            let trial = assignment.trial;
            match (trial.iteration, trial.bracket) {
                (2, 4) => last.push(trial.index),
                _ if assignment.stage == 0 => others.push(trial),
                _ => {}
            }
            scheduler.tell(trial, Some(0.5));
        }
        assert_eq!(scheduler.ask(), Ask::Done);
        assert_eq!(last, [2, 4, 1, 3]);
        assert!(others.is_sorted());
    }

    #[test]
    fn ties_go_to_the_smaller_index_in_any_order_of_telling() {
        let orders: [&[u32]; 3] =
            [&[1, 2, 3, 4, 5, 6, 7, 8, 9], &[9, 8, 7, 6, 5, 4, 3, 2, 1], &[5, 1, 9, 3, 7, 2, 8, 4, 6]];
        for order in orders {
            let mut scheduler = scheduler(9);
            for _ in 0..9 {
                run(&mut scheduler);
            }
            let zero = |index: u32| if index.is_multiple_of(2) { 0.0 } else { -0.0 };
            let end = order
                .iter()
                .filter_map(|&i| scheduler.tell(TrialId::new(1, i), Some(zero(i))))
                .next()
                .unwrap();
            assert_eq!(end.promoted, [1, 2, 3].map(|index| TrialId::new(1, index)));
        }
    }

    #[test]
    fn who_is_out_is_never_promoted_and_who_is_dropped_last_was_out() {
        for seed in 0..50 {
            let mut rng = crate::random::Key::new(seed).rng();
            let mut scheduler = scheduler(27);
            let mut out = std::collections::HashSet::new();
            while let Ask::Run(assignment) = scheduler.ask() {
                let score = rng.below(12) as f64;
                if scheduler.hopeful(&[(assignment.trial, Score::from(score))]).is_empty() {
                    out.insert(assignment.trial);
                }
                if let Some(end) = scheduler.tell(assignment.trial, Some(score)) {
                    assert!(end.promoted.iter().all(|trial| !out.contains(trial)));
                }
            }
            assert!(out.len() > 20, "{}", out.len());
        }
    }

    #[test]
    fn among_results_that_come_together_only_the_best_may_be_promoted() {
        let mut scheduler = scheduler(9);
        for _ in 0..9 {
            run(&mut scheduler);
        }
        let trial = TrialId::new(1, 1);
        assert_eq!(scheduler.missing(trial), 9);
        scheduler.tell(TrialId::new(1, 5), Some(0.5));
        assert_eq!(scheduler.missing(trial), 8);
        let pending = [(0.9, 1), (0.1, 2), (0.5, 3), (0.5, 6), (0.2, 4)];
        let pending = pending.map(|(score, index)| (TrialId::new(1, index), Score::from(score)));
        assert_eq!(scheduler.hopeful(&pending), [2, 3, 4].map(|index| TrialId::new(1, index)));
        assert_eq!(scheduler.hopeful(&pending[..2]), [1, 2].map(|index| TrialId::new(1, index)));
    }

    #[test]
    fn a_bracket_of_failures_ends() {
        let mut scheduler = scheduler(3);
        let all: Vec<_> = (0..5).map(|_| run(&mut scheduler)).collect();
        assert_eq!(scheduler.ask(), Ask::Wait);
        let ends: Vec<_> = all
            .iter()
            .filter_map(|a| scheduler.tell(a.trial, Some(f64::INFINITY).filter(|_| a.stage > 9)))
            .collect();
        assert_eq!(ends.len(), 2);
        assert!(ends.iter().all(|end| end.last && end.promoted.is_empty()));
        assert_eq!(scheduler.ask(), Ask::Done);
    }

    #[test]
    fn telling_what_was_not_asked_is_ignored() {
        let mut scheduler = scheduler(3);
        assert!(scheduler.tell(TrialId::new(1, 1), Some(0.0)).is_none());
        assert!(scheduler.tell(TrialId::new(7, 1), Some(0.0)).is_none());
        assert_eq!(run(&mut scheduler).trial, TrialId::new(1, 1));
    }

    #[test]
    fn any_number_of_repetitions_takes_no_memory_before_they_are_begun() {
        let mut scheduler = HyperbandScheduler::new(Plan::new(9, 3).unwrap(), u32::MAX, Direction::Minimize);
        scheduler.longest_first(|trial| f64::from(trial.index));
        for _ in 0..1000 {
            let assignment = run(&mut scheduler);
            scheduler.tell(assignment.trial, Some(0.5));
        }
        assert!(scheduler.open.len() <= 2 && !scheduler.is_done());
        // the last repetition there can be ends, and then everything is over
        scheduler.open.clear();
        scheduler.next = (u64::from(u32::MAX), 0);
        let mut trials = Vec::new();
        while let Ask::Run(assignment) = scheduler.ask() {
            assert!(!scheduler.is_done());
            trials.push(assignment.trial);
            scheduler.tell(assignment.trial, Some(0.5));
        }
        assert_eq!(scheduler.ask(), Ask::Done);
        assert!(scheduler.is_done() && scheduler.tell(trials[0], Some(0.5)).is_none());
        let last = TrialId { iteration: u32::MAX, bracket: 3, index: 1 };
        assert_eq!(trials.last(), Some(&last), "the longest of the last bracket come first");
        assert_eq!(
            HyperbandScheduler::new(Plan::new(9, 3).unwrap(), 0, Direction::Minimize).ask(),
            Ask::Done
        );
    }

    #[test]
    fn repetitions_follow_one_another() {
        let mut scheduler = HyperbandScheduler::new(Plan::new(3, 3).unwrap(), 2, Direction::Maximize);
        let mut seen = Vec::new();
        while let Ask::Run(assignment) = scheduler.ask() {
            if assignment.stage == 0 {
                seen.push(assignment.trial);
            }
            scheduler.tell(assignment.trial, Some(0.5));
        }
        assert_eq!(seen.len(), 10);
        assert!(seen.is_sorted());
        assert_eq!(seen[5], TrialId { iteration: 2, bracket: 1, index: 1 });
    }
}
