//! A sweep follows from its outcomes, in whatever order they are told.

use std::collections::BTreeMap;

use hobbit::schedule::{Ask, Assignment, HyperbandScheduler};
use hobbit::{Direction, Key, Plan, Promotion, TrialId};
use proptest::prelude::*;

/// The score of a stage of a trial, which nothing else decides; some fail, and some are equal.
fn score(seed: u64, trial: TrialId, stage: u32) -> Option<f64> {
    let key = Key::new(seed).child(trial.iteration.into()).child(trial.bracket.into());
    let mut rng = key.child(trial.index.into()).child(stage.into()).rng();
    (rng.below(8) > 0).then(|| rng.below(30) as f64)
}

/// What was trained, and who was promoted, dropped or finished at the end of each stage.
#[derive(Debug, Default, PartialEq)]
struct Sweep {
    trained: BTreeMap<(TrialId, u32), (u64, u64)>,
    promoted: BTreeMap<(u32, u32, u32), Vec<TrialId>>,
    ended: BTreeMap<(u32, u32, u32), Vec<TrialId>>,
}

impl Sweep {
    fn tell(&mut self, scheduler: &mut HyperbandScheduler, seed: u64, done: Assignment) {
        self.trained.insert((done.trial, done.stage), (done.from, done.to));
        if let Some(end) = scheduler.tell(done.trial, score(seed, done.trial, done.stage)) {
            let place = (end.iteration, end.bracket, end.stage);
            self.promoted.insert(place, end.promoted);
            self.ended.insert(place, end.ended);
        }
    }
}

proptest! {
    #[test]
    fn outcomes_told_in_any_order_give_the_same_sweep(
        max_epochs in 1u32..100, eta in 2u32..5, iterations in 1u32..4, seed: u64, order: u64,
        at_once in 1usize..60, maximize: bool, temperature in proptest::option::of(0.1f64..50.0)
    ) {
        let plan = Plan::new(max_epochs, eta).unwrap();
        let direction = if maximize { Direction::Maximize } else { Direction::Minimize };
        let promotion = temperature.map_or(Promotion::Best, Promotion::Temperature);
        let scheduler =
            || HyperbandScheduler::new(plan.clone(), iterations, direction).promoting(promotion, seed);
        // one after the other
        let (mut first, mut expected) = (scheduler(), Sweep::default());
        while let Ask::Run(assignment) = first.ask() {
            prop_assert!(!first.is_done());
            expected.tell(&mut first, seed, assignment);
        }
        prop_assert!(first.is_done());
        // some at once, which end as they like; the last bracket in another order
        let (mut second, mut found, mut running) = (scheduler(), Sweep::default(), Vec::new());
        second.longest_first(|trial| f64::from(trial.index * 7 % 5));
        let mut rng = Key::new(order).rng();
        loop {
            while running.len() < at_once && let Ask::Run(assignment) = second.ask() {
                running.push(assignment);
            }
            if running.is_empty() {
                break;
            }
            let done = running.swap_remove(rng.below(running.len() as u64) as usize);
            found.tell(&mut second, seed, done);
        }
        prop_assert!(second.is_done() && second.ask() == Ask::Done);
        prop_assert_eq!(found, expected);
    }
}
