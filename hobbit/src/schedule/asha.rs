//! Asynchronous successive halving as a state machine: whoever is among the best of a rung so far is promoted
//! at once.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::checks::{at_least_one, in_order, is_a_cut};
use super::outline::{Outline, Stage};
use super::plan::Plan;
use super::promotion::Lottery;
use super::recipe::{Recipe, Setting};
use super::scheduler::{Ask, Assignment, Ended, Scheduler};
use super::score::{Place, Score};
use crate::error::Result;
use crate::trial::{Direction, TrialId};

/// Asynchronous successive halving, ASHA (Li et al., MLSys 2020, algorithm 2).
///
/// Stages are rungs, at 1, eta, eta^2, ... epochs in all, the last at `max_epochs` (R). Whenever there is
/// room for another stage, the best trial of the highest rung that is among the best `floor(k / eta)` of the
/// `k` results of its rung so far, and was not promoted yet, is trained on to the next rung; if there is
/// none, a new trial begins, until there were `trials` of them. No rung is waited for, so workers are never
/// idle before the end; the price is that some trials are promoted that would not have been if all had been
/// known.
///
/// Failed trials count among the results of their rung, rank last, and are never promoted. A trial's life
/// ends as soon as nothing that may still come can promote it.
///
/// What it decides depends on the order in which results are told, so it is run under a
/// [`VirtualTime`](super::VirtualTime).
#[derive(Debug)]
pub struct AshaScheduler {
    trials: u32,
    eta: u32,
    stages: Vec<Stage>,
    direction: Direction,
    rungs: Vec<Rung>,
    begun: u32,
    /// The trials under way, with their rungs.
    due: HashMap<u32, u32>,
    /// How many rungs trials may come to, from the lowest one on: all, unless a scheduler around this one
    /// opens one after the other.
    open: usize,
}

/// The results of a rung so far.
#[derive(Debug, Default)]
struct Rung {
    /// How many results there are, failed ones included.
    told: u32,
    /// How many there can be at most.
    most: u32,
    /// How many trials have failed in it, or cannot be promoted from it any more.
    out: u32,
    /// The best `told / eta` results, by trial.
    top: BTreeSet<(Place, u32)>,
    /// Those of the others that may get there.
    rest: BTreeSet<(Place, u32)>,
    /// Those of the best that were not promoted.
    promotable: BTreeSet<(Place, u32)>,
    promoted: HashSet<u32>,
}

impl Rung {
    /// Takes a result; `None` if the trial failed.
    fn enter(&mut self, place: Option<Place>, index: u32, eta: u32) {
        self.told += 1;
        match place {
            Some(place) => drop(self.rest.insert((place, index))),
            None => self.out += 1,
        }
        // what is better than the worst of the best takes its place
        if let (Some(best), Some(worst)) = (self.rest.first().copied(), self.top.last().copied())
            && best < worst
        {
            self.top.remove(&worst);
            self.promotable.remove(&worst);
            self.rest.remove(&best);
            self.rest.insert(worst);
            self.raise(best);
        }
        while self.top.len() < (self.told / eta) as usize
            && let Some(best) = self.rest.pop_first()
        {
            self.raise(best);
        }
    }

    fn raise(&mut self, best: (Place, u32)) {
        self.top.insert(best);
        if !self.promoted.contains(&best.1) {
            self.promotable.insert(best);
        }
    }

    /// The best trial to promote.
    fn promote(&mut self) -> Option<u32> {
        let (_, index) = self.promotable.pop_first()?;
        self.promoted.insert(index);
        Some(index)
    }

    /// Lets go of the trials that are too far behind to be promoted, whatever follows.
    fn trim(&mut self, eta: u32, mut gone: impl FnMut(u32)) {
        let room = ((self.most / eta) as usize).saturating_sub(self.top.len());
        while self.rest.len() > room
            && let Some((_, index)) = self.rest.pop_last()
        {
            // whoever was promoted too early lives on in the next rung
            if !self.promoted.contains(&index) {
                self.out += 1;
                gone(index);
            }
        }
    }
}

impl AshaScheduler {
    /// Creates a scheduler of `trials` trials with at most `max_epochs` (R) epochs, of which one in `eta` is
    /// promoted.
    ///
    /// # Errors
    /// `trials` and `max_epochs` have to be at least 1, `eta` at least 2.
    pub fn new(trials: u32, max_epochs: u32, eta: u32, direction: Direction) -> Result<AshaScheduler> {
        let stages = Settings { trials, max_epochs, eta }.stages()?;
        let rungs = stages.iter().map(|_| Rung { most: trials, ..Rung::default() }).collect();
        let (open, due) = (stages.len(), HashMap::new());
        Ok(AshaScheduler { trials, eta, stages, direction, rungs, begun: 0, due, open })
    }

    /// Lets trials come to this many rungs only, at least to one.
    pub(super) fn opening(self, rungs: usize) -> AshaScheduler {
        AshaScheduler { open: rungs.clamp(1, self.rungs.len()), ..self }
    }

    /// The highest rung that is open, counted from 0; nothing if it is the last one.
    pub(super) fn closed_above(&self) -> Option<usize> {
        (self.open < self.rungs.len()).then_some(self.open - 1)
    }

    /// Opens the next rung; returns the trials that will not come to it.
    pub(super) fn open_next(&mut self) -> Vec<(TrialId, Ended)> {
        self.open = (self.open + 1).min(self.rungs.len());
        self.trim(self.open.saturating_sub(2))
    }

    /// The lives of those that wait in the highest open rung, as it is the last one after all.
    pub(super) fn finish(&mut self) -> Vec<(TrialId, Ended)> {
        let rung = &mut self.rungs[self.open - 1];
        rung.promotable.clear();
        let mut all: Vec<u32> = [&mut rung.top, &mut rung.rest]
            .into_iter()
            .flat_map(std::mem::take)
            .map(|(_, index)| index)
            .collect();
        all.sort_unstable();
        all.into_iter().map(|index| (TrialId::new(1, index), Ended::Finished)).collect()
    }

    /// Whether the result of this stage is waited for.
    pub(super) fn is_due(&self, done: &Assignment) -> bool {
        let trial = done.trial;
        self.due.get(&trial.index) == Some(&done.stage) && trial == TrialId::new(1, trial.index)
    }

    /// Lets go of those that cannot be promoted any more, from this rung on: who is out does not come to the
    /// rungs above either.
    fn trim(&mut self, from: usize) -> Vec<(TrialId, Ended)> {
        let mut ended = Vec::new();
        for (rung, stage) in (from..self.open - 1).zip(from as u32..) {
            let gone = |index| ended.push((TrialId::new(1, index), Ended::Dropped { stage }));
            self.rungs[rung].trim(self.eta, gone);
            self.rungs[rung + 1].most = self.rungs[rung].most - self.rungs[rung].out;
        }
        ended
    }

    /// The trial to train next, and its rung.
    fn next(&mut self) -> Option<(u32, u32)> {
        // from the top down
        for (rung, results) in self.rungs[..self.open - 1].iter_mut().enumerate().rev() {
            if let Some(index) = results.promote() {
                return Some((index, rung as u32 + 1));
            }
        }
        if self.begun == self.trials {
            return None;
        }
        self.begun += 1;
        Some((self.begun, 0))
    }
}

impl Scheduler for AshaScheduler {
    fn ask(&mut self) -> Ask {
        let Some((index, rung)) = self.next() else {
            return if self.due.is_empty() { Ask::Done } else { Ask::Wait };
        };
        self.due.insert(index, rung);
        let stage = self.stages[rung as usize];
        let from = stage.trained - u64::from(stage.epochs);
        Ask::Run(Assignment { trial: TrialId::new(1, index), stage: rung, from, to: stage.trained })
    }

    fn tell(&mut self, done: &Assignment, score: Option<Score>) -> Vec<(TrialId, Ended)> {
        let Assignment { trial, stage, .. } = *done;
        if !self.is_due(done) {
            return Vec::new();
        }
        self.due.remove(&trial.index);
        let rung = stage as usize;
        if rung + 1 == self.rungs.len() {
            return vec![(trial, Ended::Finished)];
        }
        let mut ended = Vec::new();
        let score = score.filter(|score| score.value.is_finite());
        if score.is_none() {
            ended.push((trial, Ended::Dropped { stage }));
        }
        self.rungs[rung].enter(score.map(|score| score.place(self.direction)), trial.index, self.eta);
        ended.extend(self.trim(rung));
        ended
    }

    fn is_done(&self) -> bool {
        let none_waits = self.rungs[..self.open - 1].iter().all(|rung| rung.promotable.is_empty());
        self.begun == self.trials && self.due.is_empty() && none_waits
    }

    fn outline(&self) -> Outline {
        Outline::of_bracket(self.stages.clone()).as_expected()
    }

    /// Whoever comes to the last rung goes no further.
    fn hopeful(&self, pending: &[(TrialId, Score)]) -> Vec<TrialId> {
        let last = self.rungs.len() as u32 - 1;
        let is_below = |trial: &TrialId| self.due.get(&trial.index).is_some_and(|rung| *rung < last);
        pending.iter().map(|&(trial, _)| trial).filter(is_below).collect()
    }
}

/// What [`Algorithm::Asha`](super::Algorithm::Asha) is made of.
pub(super) struct Settings {
    pub(super) trials: u32,
    pub(super) max_epochs: u32,
    pub(super) eta: u32,
}

impl Settings {
    /// The rungs, each with the trials that come to it if every rung promotes one in `eta`.
    pub(super) fn stages(&self) -> Result<Vec<Stage>> {
        let Settings { trials, max_epochs, eta } = *self;
        at_least_one("the number of trials", trials)?;
        at_least_one("R (the most epochs of a trial)", max_epochs)?;
        is_a_cut(eta)?;
        let (mut stages, mut left, mut before) = (Vec::new(), trials, 0);
        let mut rung = 1_u64;
        while before < max_epochs {
            let to = u32::try_from(rung).map_or(max_epochs, |epochs| epochs.min(max_epochs));
            stages.push(Stage { trials: left.into(), epochs: to - before, trained: to.into() });
            before = to;
            left /= eta;
            rung *= u64::from(eta);
        }
        Ok(stages)
    }
}

impl Recipe for Settings {
    fn name(&self) -> &'static str {
        "Asha"
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            Setting::new("trials", "the number of trials", "Trials", self.trials),
            Setting::new("max_epochs", "R", "R (the most epochs of a trial)", self.max_epochs),
            Setting::new("eta", "eta", "eta (the cut factor between stages)", self.eta),
        ]
    }

    fn call(&self) -> String {
        format!("run({}, {}, {})", self.trials, self.max_epochs, self.eta)
    }

    fn check(&self) -> Result<()> {
        in_order(("the number of trials", self.trials), self.eta, "run(81, 27, 3)")?;
        in_order(("R", self.max_epochs), self.eta, "run(81, 27, 3)")
    }

    fn outline(&self) -> Result<Outline> {
        Ok(Outline::of_bracket(self.stages()?).as_expected())
    }

    fn scheduler(&self, direction: Direction, _: Option<Lottery>) -> Result<Box<dyn Scheduler>> {
        Ok(Box::new(AshaScheduler::new(self.trials, self.max_epochs, self.eta, direction)?))
    }

    fn plan(&self) -> Result<Plan> {
        Ok(Plan::of_outline(&self.outline()?, self.max_epochs, self.eta))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheduler(trials: u32, max_epochs: u32) -> AshaScheduler {
        AshaScheduler::new(trials, max_epochs, 3, Direction::Minimize).unwrap()
    }

    fn run(scheduler: &mut AshaScheduler) -> Assignment {
        match scheduler.ask() {
            Ask::Run(assignment) => assignment,
            other => panic!("{other:?}"),
        }
    }

    fn tell(scheduler: &mut AshaScheduler, done: Assignment, score: f64) -> Vec<(TrialId, Ended)> {
        scheduler.tell(&done, Some(score.into()))
    }

    #[test]
    fn rungs_are_powers_of_eta_up_to_the_most_epochs() {
        let rungs = |trials, max_epochs, eta| {
            let stages = Settings { trials, max_epochs, eta }.stages().unwrap();
            stages.iter().map(|stage| (stage.trials, stage.trained)).collect::<Vec<_>>()
        };
        assert_eq!(rungs(27, 9, 3), [(27, 1), (9, 3), (3, 9)]);
        assert_eq!(rungs(10, 20, 3), [(10, 1), (3, 3), (1, 9), (0, 20)]);
        assert_eq!(rungs(5, 1, 3), [(5, 1)]);
        assert_eq!(rungs(1, u32::MAX, u32::MAX).len(), 2);
        assert_eq!(rungs(u32::MAX, u32::MAX, 2).len(), 33);
    }

    #[test]
    fn the_best_third_so_far_is_promoted_at_once_from_the_top_rung_down() {
        let mut scheduler = scheduler(9, 9);
        let first: Vec<_> = (0..3).map(|_| run(&mut scheduler)).collect();
        // two of three results promote nobody
        tell(&mut scheduler, first[0], 0.5);
        tell(&mut scheduler, first[1], 0.4);
        let fourth = run(&mut scheduler);
        assert_eq!((fourth.trial, fourth.stage), (TrialId::new(1, 4), 0));
        // the third one does, and not for itself
        tell(&mut scheduler, first[2], 0.9);
        let promoted = run(&mut scheduler);
        assert_eq!((promoted.trial, promoted.stage), (TrialId::new(1, 2), 1));
        assert_eq!((promoted.from, promoted.to), (1, 3));
        // a better one takes its place, but the other has gone on already
        tell(&mut scheduler, fourth, 0.1);
        let next = run(&mut scheduler);
        assert_eq!((next.trial, next.stage), (TrialId::new(1, 4), 1));
        assert_eq!(run(&mut scheduler).trial, TrialId::new(1, 5));
    }

    #[test]
    fn who_cannot_be_promoted_any_more_is_dropped_at_once() {
        let mut scheduler = scheduler(6, 9);
        let all: Vec<_> = (0..6).map(|_| run(&mut scheduler)).collect();
        // of 6 trials 2 can be promoted in the end
        assert_eq!(tell(&mut scheduler, all[0], 0.1), []);
        assert_eq!(tell(&mut scheduler, all[1], 0.2), []);
        let out = [(TrialId::new(1, 3), Ended::Dropped { stage: 0 })];
        assert_eq!(tell(&mut scheduler, all[2], 0.3), out);
        assert_eq!(run(&mut scheduler).trial, TrialId::new(1, 1));
        // one that failed is out, too
        assert_eq!(scheduler.tell(&all[3], None), [(TrialId::new(1, 4), Ended::Dropped { stage: 0 })]);
        assert_eq!(scheduler.ask(), Ask::Wait);
        let out = [(TrialId::new(1, 2), Ended::Dropped { stage: 0 })];
        assert_eq!(tell(&mut scheduler, all[4], 0.15), out);
    }

    /// By the letter of the paper: every rung is sorted anew each time.
    #[test]
    fn promotions_are_those_of_the_papers_algorithm() {
        for seed in 0..60 {
            let mut rng = crate::random::Key::new(seed).rng();
            let mut scheduler = scheduler(40, 27);
            let mut results: Vec<Vec<(f64, u32)>> = vec![Vec::new(); 4];
            let mut promoted: HashSet<(u32, u32)> = HashSet::new();
            let (mut told, mut running, mut begun) = (vec![0; 4], Vec::new(), 0);
            loop {
                // what the paper's get_job gives
                let job = (0..3_u32).rev().find_map(|rung| {
                    let mut best = results[rung as usize].clone();
                    best.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                    best.truncate(told[rung as usize] / 3);
                    let waiting = best.iter().find(|(_, index)| !promoted.contains(&(rung, *index)));
                    waiting.map(|(_, index)| (*index, rung + 1))
                });
                let job = job.or((begun < 40).then_some((begun + 1, 0)));
                match (scheduler.ask(), job) {
                    (Ask::Run(asked), Some(job)) => {
                        assert_eq!((asked.trial.index, asked.stage), job);
                        begun += u32::from(job.1 == 0);
                        promoted.extend(job.1.checked_sub(1).map(|rung| (rung, job.0)));
                        running.push(asked);
                    }
                    (Ask::Done, None) if running.is_empty() => break,
                    (Ask::Wait, None) => assert!(!running.is_empty()),
                    other => panic!("{other:?}"),
                }
                while running.len() > 5
                    || !running.is_empty() && rng.below(3) == 0
                    || begun == 40 && rng.below(2) == 0
                {
                    if running.is_empty() {
                        break;
                    }
                    let done: Assignment = running.swap_remove(rng.below(running.len() as u64) as usize);
                    let score = (rng.below(9) > 0).then(|| rng.below(25) as f64);
                    scheduler.tell(&done, score.map(Score::from));
                    told[done.stage as usize] += 1;
                    results[done.stage as usize].extend(score.map(|score| (score, done.trial.index)));
                }
            }
            assert!(scheduler.is_done() && promoted.len() > 10);
        }
    }
}
