//! A clock of its own for decisions, so that they do not depend on how fast workers are.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::outline::Outline;
use super::scheduler::{Ask, Assignment, Ended, Order, Scheduler, Stamp};
use super::score::Score;
use crate::trial::TrialId;

/// The lookahead of a study that sets none, where its decisions need one. Results depend on it, so it does
/// not depend on the machine.
pub const DEFAULT_LOOKAHEAD: u32 = 4;

/// Makes the decisions of a scheduler independent of the order and the time in which results arrive.
///
/// Decisions follow a clock on which a number of virtual workers, the *lookahead* P, train stages whose
/// durations are their numbers of epochs:
///
/// - Assignments are asked for until P of them are out. Each ends, virtually, its epochs after the moment in
///   which it was asked for.
/// - A result is kept until its turn has come: while the assignment with the smallest virtual end (of equal
///   ones, the one that was asked for first) has its result, the clock is set to that end, the scheduler is
///   told, and asked until P are out again.
/// - Whoever asks gets an assignment that is out and was not handed out before. Asking changes nothing.
///
/// So what is asked for follows from the results alone: with any number of workers, however long each takes,
/// and replayed from the results of an earlier process. Workers beyond P wait. With P = 1 it is one after the
/// other. A stage that fails or stops early ends at its planned virtual end.
///
/// ```
/// use hobbit::schedule::{Ask, RandomScheduler, Scheduler, VirtualTime};
///
/// let mut scheduler = VirtualTime::new(Box::new(RandomScheduler::new(3, 9)), 2);
/// let Ask::Run(first) = scheduler.ask() else { unreachable!() };
/// let Ask::Run(second) = scheduler.ask() else { unreachable!() };
/// assert_eq!(scheduler.ask(), Ask::Wait);
/// // it waits for the first
/// scheduler.tell(&second, None);
/// assert_eq!(scheduler.ask(), Ask::Wait);
/// scheduler.tell(&first, None);
/// assert!(matches!(scheduler.ask(), Ask::Run(third) if third.trial.index == 3));
/// ```
#[derive(Debug)]
pub struct VirtualTime {
    inner: Box<dyn Scheduler>,
    lookahead: usize,
    now: u64,
    /// The assignments that are out, by their virtual end and number.
    out: BTreeMap<(u64, u64), Out>,
    /// The place of each of them.
    places: HashMap<(TrialId, u32), (u64, u64)>,
    /// Those that were not handed out.
    ready: VecDeque<Assignment>,
    /// How many were asked for.
    asked: u64,
    /// Nothing is left to ask for.
    is_over: bool,
    /// Of the trials whose first stage is out.
    stamps: HashMap<TrialId, Stamp>,
    told: Vec<(TrialId, u32)>,
}

/// An assignment that was asked for, and whose turn to be told has not come.
#[derive(Debug)]
struct Out {
    assignment: Assignment,
    number: u64,
    result: Option<Option<Score>>,
}

impl VirtualTime {
    /// Creates a clock with `lookahead` virtual workers, at least one. The scheduler is asked at once; it
    /// must not have been asked before.
    pub fn new(inner: Box<dyn Scheduler>, lookahead: u32) -> VirtualTime {
        let mut scheduler = VirtualTime {
            inner,
            lookahead: lookahead.max(1) as usize,
            now: 0,
            out: BTreeMap::new(),
            places: HashMap::new(),
            ready: VecDeque::new(),
            asked: 0,
            is_over: false,
            stamps: HashMap::new(),
            told: Vec::new(),
        };
        scheduler.fill();
        scheduler
    }

    /// Asks until as many are out as there are virtual workers.
    fn fill(&mut self) {
        while self.out.len() < self.lookahead && !self.is_over {
            let assignment = match self.inner.ask() {
                Ask::Run(assignment) => assignment,
                Ask::Wait => return,
                Ask::Done => {
                    self.is_over = true;
                    return;
                }
            };
            if assignment.stage == 0 {
                self.stamps.insert(assignment.trial, self.stamp_now());
            }
            let end = self.now.saturating_add(assignment.to.saturating_sub(assignment.from));
            let place = (end, self.asked);
            self.out.insert(place, Out { assignment, number: self.asked, result: None });
            self.places.insert((assignment.trial, assignment.stage), place);
            self.ready.push_back(assignment);
            self.asked += 1;
        }
    }

    fn stamp_now(&self) -> Stamp {
        let mut pending: Vec<&Out> = self.out.values().collect();
        pending.sort_unstable_by_key(|out| out.number);
        let pending = pending.into_iter().map(|out| out.assignment.trial).collect();
        Stamp { told: self.told.len(), pending }
    }

    /// Keeps the result of an assignment that was handed out; anything else is ignored.
    fn keep(&mut self, done: &Assignment, score: Option<Score>) -> bool {
        let Some(place) = self.places.get(&(done.trial, done.stage)) else { return false };
        let is_ready = |ready: &Assignment| (ready.trial, ready.stage) == (done.trial, done.stage);
        // empty or short: what is out and waits for a worker
        if self.ready.iter().any(is_ready) {
            return false;
        }
        let Some(out) = self.out.get_mut(place).filter(|out| out.result.is_none()) else { return false };
        out.result = Some(score);
        true
    }
}

impl Scheduler for VirtualTime {
    fn ask(&mut self) -> Ask {
        match self.ready.pop_front() {
            Some(assignment) => Ask::Run(assignment),
            None if self.is_over && self.out.is_empty() => Ask::Done,
            None => Ask::Wait,
        }
    }

    fn tell(&mut self, done: &Assignment, score: Option<Score>) -> Vec<(TrialId, Ended)> {
        let mut ended = Vec::new();
        if !self.keep(done, score) {
            return ended;
        }
        while let Some(first) = self.out.first_entry()
            && let Some(score) = first.get().result
        {
            let ((end, _), Out { assignment, .. }) = first.remove_entry();
            self.now = end;
            self.places.remove(&(assignment.trial, assignment.stage));
            if assignment.stage == 0 {
                self.stamps.remove(&assignment.trial);
            }
            self.told.push((assignment.trial, assignment.stage));
            ended.extend(self.inner.tell(&assignment, score));
            self.fill();
        }
        ended
    }

    fn is_done(&self) -> bool {
        self.out.is_empty() && self.inner.is_done()
    }

    fn outline(&self) -> Outline {
        self.inner.outline()
    }

    /// Free: the order is this one's own.
    fn order(&self) -> Order {
        Order::Free
    }

    /// What the scheduler knows by now leaves no hope, neither will more.
    fn hopeful(&self, pending: &[(TrialId, Score)]) -> Vec<TrialId> {
        self.inner.hopeful(pending)
    }

    /// One if its turn is next; otherwise it changes nothing by itself.
    fn missing(&self, trial: TrialId) -> u32 {
        let is_next = self.out.values().next().is_some_and(|first| first.assignment.trial == trial);
        if is_next { 1 } else { u32::MAX }
    }

    fn stamp(&self, trial: TrialId) -> Option<&Stamp> {
        self.stamps.get(&trial)
    }

    fn told(&self) -> &[(TrialId, u32)] {
        &self.told
    }
}
