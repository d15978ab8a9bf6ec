//! What every scheduler has to do.

use std::collections::{BTreeMap, BTreeSet};

use crate::random::{Key, KeyRng};
use crate::schedule::{Ask, Assignment, Ended, Order, Scheduler, Score};
use crate::trial::TrialId;

/// The laws of a [`Scheduler`], tried with results and orders that are drawn at random, failures and equal
/// scores among them. `make` makes a scheduler that has not been asked for anything, the same each time; a
/// small one, of some hundred stages.
///
/// - It comes to an end, and then says so.
/// - No stage of a trial is asked for twice. A trial's stages come in order, each after the result of the one
///   before, and each begins where the one before ended; they are those of the outline.
/// - Every trial's life ends exactly once, and nothing is asked of it afterwards. One that failed is not
///   asked for again.
/// - What was not asked for, or was told before, is ignored.
/// - Equal calls get equal answers. Results that are told again as they are asked for, as a resumed sweep
///   does, lead to the same.
/// - With [`Order::Free`] neither the order of telling nor how many stages are under way at once matters, and
///   `longest_first` changes nothing but the order of asking.
/// - As long as no trial fails, an exact outline says how many trials, stages and epochs there are.
/// - `hopeful` never leaves out who is promoted. Unless a result is the last that is `missing`, it makes
///   nothing new to be asked for.
///
/// ```
/// use hobbit::schedule::{RandomScheduler, VirtualTime};
///
/// hobbit::testing::scheduler(|| Box::new(RandomScheduler::new(20, 3)));
/// hobbit::testing::scheduler(|| Box::new(VirtualTime::new(Box::new(RandomScheduler::new(20, 3)), 4)));
/// ```
///
/// # Panics
/// One of the laws is broken; the message says which.
pub fn scheduler(make: impl Fn() -> Box<dyn Scheduler>) {
    let none_fail = Results { seed: 0, failing: 0 };
    let whole = Run::new(make()).until_the_end(none_fail, 1, 0);
    whole.has_what_the_outline_says();
    for seed in 0..12 {
        let results = Results { seed, failing: seed % 4 };
        let first = Run::new(make()).until_the_end(results, 1, 0);
        let again = Run::new(make()).until_the_end(results, 1, 0);
        assert!(first.log == again.log, "equal calls did not get equal answers");
        for at_once in [2, 3, 7, 64] {
            let found = Run::new(make()).until_the_end(results, at_once, seed + 1);
            let again = Run::new(make()).until_the_end(results, at_once, seed + 1);
            assert!(found.log == again.log, "equal calls did not get equal answers");
            if make().order() == Order::Free {
                found.is_the_same_as(&first, "told in another order, with others under way at once");
            }
        }
        if make().order() == Order::Free {
            let mut other = make();
            other.longest_first(&|trial| f64::from(trial.index * 7 % 5));
            Run::new(other)
                .until_the_end(results, 5, seed)
                .is_the_same_as(&first, "asked with the longest first");
            every_prefix(&make, results, &first);
        }
    }
}

/// A sweep that is stopped after any number of results goes on to the same end.
fn every_prefix(make: &impl Fn() -> Box<dyn Scheduler>, results: Results, whole: &Run) {
    let order = Run::new(make()).until_the_end(results, 5, 99).told;
    let step = order.len() / 40 + 1;
    for known in (0..order.len()).step_by(step) {
        let mut resumed = Run::new(make());
        resumed.known = order[..known].iter().copied().collect();
        let what = format!("resumed after {known} results");
        resumed.until_the_end(results, 3, 7).is_the_same_as(whole, &what);
    }
}

/// The results of stages, by trial and stage alone.
#[derive(Clone, Copy)]
struct Results {
    seed: u64,
    /// How many of 16 fail.
    failing: u64,
}

impl Results {
    fn of(self, trial: TrialId, stage: u32) -> Option<Score> {
        let key = Key::new(self.seed).child(trial.iteration.into()).child(trial.bracket.into());
        let mut rng = key.child(trial.index.into()).child(stage.into()).rng();
        match rng.below(16) {
            fails if fails < self.failing => match rng.below(3) {
                0 => None,
                1 => Some(f64::NAN.into()),
                _ => Some(f64::INFINITY.into()),
            },
            _ => Some((rng.below(25) as f64).into()),
        }
    }
}

/// What a scheduler was asked for or told, and whose lives that ended.
#[derive(PartialEq)]
enum Step {
    Asked(Assignment),
    Told(Assignment, Vec<(TrialId, Ended)>),
}

/// A scheduler while it is tried, and what it did.
struct Run {
    scheduler: Box<dyn Scheduler>,
    /// The results of an earlier run, told as soon as they are asked for.
    known: BTreeSet<(TrialId, u32)>,
    running: Vec<Assignment>,
    asked: BTreeMap<(TrialId, u32), (u64, u64)>,
    /// The latest stage of each trial, and whether its result is told.
    latest: BTreeMap<TrialId, (u32, bool)>,
    told: Vec<(TrialId, u32)>,
    ended: BTreeMap<TrialId, Ended>,
    failed: BTreeSet<TrialId>,
    /// The trials of which `hopeful` said that they are not promoted.
    hopeless: BTreeSet<TrialId>,
    /// What was asked and told, in order.
    log: Vec<Step>,
}

impl Run {
    fn new(scheduler: Box<dyn Scheduler>) -> Run {
        Run {
            scheduler,
            known: BTreeSet::new(),
            running: Vec::new(),
            asked: BTreeMap::new(),
            latest: BTreeMap::new(),
            told: Vec::new(),
            ended: BTreeMap::new(),
            failed: BTreeSet::new(),
            hopeless: BTreeSet::new(),
            log: Vec::new(),
        }
    }

    /// Asks and tells until everything is over, with so many stages under way at most, which end in an order
    /// that is drawn.
    fn until_the_end(mut self, results: Results, at_once: usize, order: u64) -> Run {
        let mut rng = Key::new(order).rng();
        let most = self.scheduler.outline().total_evaluations().saturating_mul(2).saturating_add(1000);
        loop {
            let mut last = Ask::Wait;
            while self.running.len() < at_once {
                last = self.scheduler.ask();
                let Ask::Run(assignment) = last else { break };
                self.ask(assignment, results);
                assert!(self.asked.len() as u64 <= most, "it does not come to an end");
            }
            if self.running.is_empty() {
                assert!(last == Ask::Done, "it waits, although every result is told");
                break;
            }
            assert!(last != Ask::Done, "everything is said to be done, although results are not told yet");
            assert!(!self.scheduler.is_done(), "it is said to be done, although results are not told yet");
            if rng.below(4) == 0 {
                self.tell_nonsense();
            }
            self.tell_one(results, &mut rng, last == Ask::Wait);
        }
        assert!(self.scheduler.is_done(), "`ask` says that all is done, and `is_done` that it is not");
        assert!(self.scheduler.ask() == Ask::Done, "after all was done there is something left");
        let begun: BTreeSet<_> = self.latest.keys().collect();
        assert!(begun == self.ended.keys().collect(), "trials were begun, and their lives did not end");
        self
    }

    /// Takes an assignment, and holds it against those before.
    fn ask(&mut self, assignment: Assignment, results: Results) {
        let Assignment { trial, stage, from, to } = assignment;
        let place = format!("stage {stage} of trial {trial}");
        let outline = self.scheduler.outline();
        let stages = outline.stages_of(trial).unwrap_or_else(|| panic!("the outline has no trial {trial}"));
        let planned = stages.get(stage as usize).unwrap_or_else(|| panic!("the outline has no {place}"));
        assert!(
            (from, to) == (planned.trained - u64::from(planned.epochs), planned.trained) && from < to,
            "{place} is from {from} to {to} epochs, which is not what the outline says"
        );
        match self.latest.insert(trial, (stage, false)) {
            None => assert!(stage == 0, "trial {trial} begins with stage {stage}"),
            Some((before, told)) => {
                assert!(
                    told && stage == before + 1,
                    "{place} follows stage {before}, or comes before its result"
                );
                assert!(
                    self.asked[&(trial, before)].1 == from,
                    "{place} does not begin where the one before ended"
                );
            }
        }
        assert!(!self.ended.contains_key(&trial), "{place} is asked for, although the trial's life is over");
        assert!(!self.failed.contains(&trial), "{place} is asked for, although the trial failed");
        assert!(!self.hopeless.contains(&trial), "`hopeful` left out trial {trial}, which was promoted");
        let twice = self.asked.insert((trial, stage), (from, to));
        assert!(twice.is_none(), "{place} is asked for twice");
        self.log.push(Step::Asked(assignment));
        match self.known.contains(&(trial, stage)) {
            true => self.tell(assignment, results),
            false => self.running.push(assignment),
        }
    }

    /// Tells one of those under way; `waits` says that there was nothing to ask for.
    fn tell_one(&mut self, results: Results, rng: &mut KeyRng, waits: bool) {
        let done = self.running.swap_remove(rng.below(self.running.len() as u64) as usize);
        let score = |done: &Assignment| Some((done.trial, results.of(done.trial, done.stage)?));
        let healthy = |(_, score): &(TrialId, Score)| score.value.is_finite();
        let others = self.running.iter().filter(|_| rng.below(2) == 0);
        let pending: Vec<_> = others.chain([&done]).filter_map(score).filter(healthy).collect();
        let hopeful = self.scheduler.hopeful(&pending);
        let known: BTreeSet<TrialId> = pending.iter().map(|&(trial, _)| trial).collect();
        assert!(
            hopeful.iter().all(|trial| known.contains(trial)),
            "`hopeful` tells of others than it was asked about"
        );
        self.hopeless.extend(known.into_iter().filter(|trial| !hopeful.contains(trial)));
        let changes_nothing = self.scheduler.missing(done.trial) > 1;
        self.tell(done, results);
        if waits && changes_nothing {
            let asked = self.scheduler.ask();
            assert!(
                asked == Ask::Wait,
                "`missing` said that a result changes nothing, and then there was {asked:?}"
            );
        }
    }

    fn tell(&mut self, done: Assignment, results: Results) {
        let score = results.of(done.trial, done.stage);
        if !score.is_some_and(|score| score.value.is_finite()) {
            self.failed.insert(done.trial);
        }
        self.latest.insert(done.trial, (done.stage, true));
        self.told.push((done.trial, done.stage));
        // a trial that stopped early had fewer epochs
        let fewer = Assignment { to: done.to - 1, ..done };
        let ended = self.scheduler.tell(&fewer, score);
        for &(trial, how) in &ended {
            let (stage, told) =
                *self.latest.get(&trial).unwrap_or_else(|| panic!("trial {trial} ends unbegun"));
            assert!(told, "trial {trial} ends before the result of its stage is told");
            if let Ended::Dropped { stage: after } = how {
                assert!(
                    after == stage,
                    "trial {trial} is dropped after stage {after}, and had stage {stage}"
                );
            }
            let twice = self.ended.insert(trial, how);
            assert!(twice.is_none(), "the life of trial {trial} ends twice");
        }
        self.log.push(Step::Told(done, ended));
    }

    /// What nobody asked for changes nothing.
    fn tell_nonsense(&mut self) {
        let mut all = Vec::new();
        all.extend(self.told.last().map(|&(trial, stage)| Assignment { trial, stage, from: 0, to: 1 }));
        all.extend(self.running.iter().map(|&running| Assignment { stage: running.stage + 1, ..running }));
        let trial = TrialId { iteration: u32::MAX, bracket: u32::MAX, index: u32::MAX };
        all.push(Assignment { trial, stage: 0, from: 0, to: 1 });
        let trial = TrialId::new(1, u32::MAX);
        all.push(Assignment { trial, stage: 0, from: 0, to: 1 });
        for nonsense in all {
            let ended = self.scheduler.tell(&nonsense, Some(0.5.into()));
            assert!(ended.is_empty(), "{nonsense:?} is not under way, and ended trials");
        }
    }

    /// The same stages were trained, and the same lives ended in the same way.
    fn is_the_same_as(&self, other: &Run, what: &str) {
        assert!(self.asked == other.asked, "{what}, other stages are asked for");
        assert!(self.ended == other.ended, "{what}, trials end in another way");
    }

    /// The outline says how much there was, as none failed.
    fn has_what_the_outline_says(&self) {
        let outline = self.scheduler.outline();
        if !outline.is_exact() {
            return;
        }
        let epochs: u64 = self.asked.values().map(|(from, to)| to - from).sum();
        let found = [self.latest.len() as u64, self.asked.len() as u64, epochs];
        let planned = [outline.total_trials(), outline.total_evaluations(), outline.total_epochs()];
        assert!(
            found == planned,
            "there were {found:?} trials, stages and epochs; the outline says that it is exact, and that they are {planned:?}"
        );
    }
}
