//! Virtual time: decisions follow from results, whenever they arrive.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use hobbit::schedule::{
    Algorithm, Ask, Assignment, Bracket, Ended, Outline, RandomScheduler, Scheduler, Score, Stage, Stamp,
    VirtualTime,
};
use hobbit::{Direction, EpochCount, Key, TrialId};
use proptest::prelude::*;

/// A scheduler whose every decision depends on all results so far and their order: who is promoted, and
/// whether a new trial or a promoted one comes next.
#[derive(Debug)]
struct Eager {
    trials: u32,
    begun: u32,
    due: BTreeSet<(TrialId, u32)>,
    waiting: VecDeque<TrialId>,
    /// A checksum of what was told, in order.
    state: u64,
}

/// The epochs of the stages of every trial.
const EPOCHS: [u32; 3] = [2, 3, 7];

impl Eager {
    fn new(trials: u32) -> Eager {
        Eager { trials, begun: 0, due: BTreeSet::new(), waiting: VecDeque::new(), state: 1 }
    }

    fn assign(&mut self, trial: TrialId, stage: u32) -> Ask {
        self.due.insert((trial, stage));
        let from: u32 = EPOCHS[..stage as usize].iter().sum();
        let to = from + EPOCHS[stage as usize];
        Ask::Run(Assignment { trial, stage, from: from.into(), to: to.into() })
    }
}

impl Scheduler for Eager {
    fn ask(&mut self) -> Ask {
        let draws_new = self.state.is_multiple_of(3) || self.waiting.is_empty();
        if draws_new && self.begun < self.trials {
            self.begun += 1;
            return self.assign(TrialId::new(1, self.begun), 0);
        }
        match self.waiting.pop_front() {
            // the bracket of a promoted trial's id tells its stage within this queue
            Some(TrialId { bracket: stage, index, .. }) => self.assign(TrialId::new(1, index), stage),
            None if self.due.is_empty() => Ask::Done,
            None => Ask::Wait,
        }
    }

    fn tell(&mut self, done: &Assignment, score: Option<Score>) -> Vec<(TrialId, Ended)> {
        if !self.due.remove(&(done.trial, done.stage)) {
            return Vec::new();
        }
        let score = score.filter(|score| score.value.is_finite());
        let bits = score.map_or(7, |score| score.value.to_bits());
        let key = Key::new(self.state).child(done.trial.index.into()).child(done.stage.into()).child(bits);
        self.state = key.rng().below(u64::MAX);
        let is_last = done.stage as usize + 1 == EPOCHS.len();
        match score {
            Some(_) if !is_last && self.state.is_multiple_of(2) => {
                let id = TrialId::new(done.stage + 1, done.trial.index);
                if self.state % 5 < 2 {
                    self.waiting.push_front(id)
                } else {
                    self.waiting.push_back(id)
                }
                Vec::new()
            }
            _ if is_last => vec![(done.trial, Ended::Finished)],
            _ => vec![(done.trial, Ended::Dropped { stage: done.stage })],
        }
    }

    fn is_done(&self) -> bool {
        self.begun == self.trials && self.due.is_empty() && self.waiting.is_empty()
    }

    fn outline(&self) -> Outline {
        let mut trained = 0;
        let stages = EPOCHS.map(|epochs| {
            trained += u64::from(epochs);
            Stage { trials: self.trials.into(), epochs, trained }
        });
        Outline::new(vec![Bracket { stages: stages.to_vec() }], 1).unwrap().as_expected()
    }
}

fn result(seed: u64, done: &Assignment) -> Option<Score> {
    let mut rng = Key::new(seed).child(done.trial.index.into()).child(done.stage.into()).rng();
    (rng.below(6) > 0).then(|| (rng.below(30) as f64).into())
}

/// What a scheduler decided.
#[derive(Debug, Default, Clone, PartialEq)]
struct Decisions {
    asked: Vec<(Assignment, Option<Stamp>)>,
    told: Vec<(TrialId, u32)>,
    ended: BTreeMap<TrialId, Ended>,
}

/// Virtual time as it is defined, with all results known from the beginning.
fn by_definition(mut inner: impl Scheduler, lookahead: usize, seed: u64) -> Decisions {
    let mut found = Decisions::default();
    let mut out: Vec<(u64, usize, Assignment)> = Vec::new();
    let mut now = 0;
    loop {
        while out.len() < lookahead
            && let Ask::Run(assignment) = inner.ask()
        {
            let mut pending = out.clone();
            pending.sort_by_key(|(_, number, _)| *number);
            let pending = pending.into_iter().map(|(.., pending)| pending.trial).collect();
            let stamp = Stamp { told: found.told.len(), pending };
            out.push((now + assignment.to - assignment.from, found.asked.len(), assignment));
            found.asked.push((assignment, Some(stamp).filter(|_| assignment.stage == 0)));
        }
        let Some(first) = (0..out.len()).min_by_key(|&place| (out[place].0, out[place].1)) else {
            return found;
        };
        let (end, _, done) = out.remove(first);
        now = end;
        found.told.push((done.trial, done.stage));
        found.ended.extend(inner.tell(&done, result(seed, &done)));
    }
}

/// So many workers, of which each takes as long as it is drawn. Results of `known` assignments are told as
/// they are asked for.
fn with_workers(
    mut scheduler: VirtualTime,
    (workers, lookahead): (usize, usize),
    (seed, order): (u64, u64),
    known: &BTreeSet<(TrialId, u32)>,
) -> Decisions {
    let (mut found, mut running) = (Decisions::default(), Vec::new());
    let mut rng = Key::new(order).rng();
    loop {
        while running.len() < workers
            && let Ask::Run(assignment) = scheduler.ask()
        {
            found.asked.push((assignment, scheduler.stamp(assignment.trial).cloned()));
            match known.contains(&(assignment.trial, assignment.stage)) {
                true => found.ended.extend(scheduler.tell(&assignment, result(seed, &assignment))),
                false => running.push(assignment),
            }
        }
        assert!(running.len() <= lookahead, "workers beyond the lookahead wait");
        if running.is_empty() {
            break;
        }
        let done = running.swap_remove(rng.below(running.len() as u64) as usize);
        found.ended.extend(scheduler.tell(&done, result(seed, &done)));
        // again, what was not asked for, and what is not handed out
        for nonsense in [done, Assignment { stage: done.stage + 1, ..done }] {
            assert_eq!(scheduler.tell(&nonsense, Some(0.5.into())), []);
        }
    }
    assert!(scheduler.is_done() && scheduler.ask() == Ask::Done);
    found.told = scheduler.told().to_vec();
    found
}

fn virtually(trials: u32, lookahead: usize) -> VirtualTime {
    VirtualTime::new(Box::new(Eager::new(trials)), lookahead as u32)
}

proptest! {
    #[test]
    fn any_order_and_delay_of_results_gives_the_same_decisions(
        trials in 1u32..40, lookahead in 1usize..9, workers in 1usize..20, seed: u64, order: u64
    ) {
        let expected = by_definition(Eager::new(trials), lookahead, seed);
        let found =
            with_workers(virtually(trials, lookahead), (workers, lookahead), (seed, order), &BTreeSet::new());
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn replaying_any_prefix_leads_to_the_same_decisions(
        trials in 1u32..25, lookahead in 1usize..6, seed: u64, order: u64, workers in 1usize..9
    ) {
        let expected = by_definition(Eager::new(trials), lookahead, seed);
        // what was trained is a prefix of what was asked for, but for stages that were under way
        let mut rng = Key::new(order).rng();
        for known in 0..=expected.asked.len() {
            let stages = expected.asked[..known].iter().map(|(asked, _)| (asked.trial, asked.stage));
            let known = stages.filter(|_| rng.below(8) > 0).collect();
            let found =
                with_workers(virtually(trials, lookahead), (workers, lookahead), (seed, order), &known);
            prop_assert_eq!(&found, &expected);
        }
    }
}

#[test]
fn a_lookahead_of_one_is_one_after_the_other() {
    for seed in 0..20 {
        let (mut inner, mut plain) = (Eager::new(12), Decisions::default());
        while let Ask::Run(assignment) = inner.ask() {
            plain.asked.push((assignment, None));
            plain.told.push((assignment.trial, assignment.stage));
            plain.ended.extend(inner.tell(&assignment, result(seed, &assignment)));
        }
        let mut found = with_workers(virtually(12, 1), (7, 1), (seed, 3), &BTreeSet::new());
        let first_stages: Vec<_> = found.asked.iter().filter_map(|(_, stamp)| stamp.clone()).collect();
        assert!(first_stages.len() == 12 && first_stages.iter().all(|stamp| stamp.pending.is_empty()));
        found.asked.iter_mut().for_each(|(_, stamp)| *stamp = None);
        assert_eq!(found, plain);
    }
}

#[test]
fn a_lookahead_of_none_is_one_and_what_is_not_begun_is_not_told_of() {
    let mut scheduler = VirtualTime::new(Box::new(RandomScheduler::new(3, 5)), 0);
    let trial = TrialId::new(1, 1);
    // out, but nobody has begun it
    let first = Assignment { trial, stage: 0, from: 0, to: 5 };
    assert_eq!(scheduler.tell(&first, None), []);
    assert_eq!(scheduler.ask(), Ask::Run(first));
    assert_eq!(scheduler.ask(), Ask::Wait);
    assert_eq!(scheduler.tell(&first, None), [(trial, Ended::Finished)]);
}

#[test]
fn stages_end_at_their_planned_virtual_end_even_if_they_stop_early_or_fail() {
    // two virtual workers; the stages of a bracket of Hyperband take 1 and 2 epochs
    let hyperband =
        Algorithm::Hyperband { max_epochs: 3, eta: 3, epoch_count: EpochCount::Cumulative, iterations: 1 };
    let mut results = Vec::new();
    for fewer in [0, 1] {
        let mut scheduler = VirtualTime::new(hyperband.scheduler(Direction::Minimize).unwrap(), 2);
        let mut stamps = Vec::new();
        while let Ask::Run(asked) = scheduler.ask() {
            stamps.extend(scheduler.stamp(asked.trial).cloned());
            let told = Assignment { to: asked.to - fewer, ..asked };
            scheduler.tell(&told, (asked.trial.index != 2).then(|| 0.5.into()));
        }
        results.push((stamps, scheduler.told().to_vec()));
    }
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0].0.len(), 5);
}

#[test]
fn the_toy_passes_every_law_under_virtual_time() {
    hobbit::testing::scheduler(|| Box::new(virtually(20, 4)));
    hobbit::testing::scheduler(|| Box::new(Eager::new(20)));
}
