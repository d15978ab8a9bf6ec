//! The plan against golden tables, and what every plan and every promotion has to satisfy.

mod conformance;
mod promotion;
mod replays;
mod virtual_time;

use hobbit::schedule::{Ask, HyperbandScheduler, Score};
use hobbit::{Direction, EpochCount, Plan, TrialId};
use proptest::prelude::*;

/// The brackets of a plan as `(trials, epochs)` pairs.
fn table(max_epochs: u32, eta: u32) -> Vec<Vec<(u64, u32)>> {
    let plan = Plan::new(max_epochs, eta).unwrap();
    plan.brackets().iter().map(|b| b.stages.iter().map(|s| (s.trials, s.epochs)).collect()).collect()
}

#[test]
fn plan_81_3_prints_the_golden_table() {
    let plan = Plan::new(81, 3).unwrap();
    assert_eq!(plan.to_string(), include_str!("../data/schedule_81_3.txt"));
    assert_eq!(plan.total_epochs(), 1902);
}

#[test]
fn golden_plans() {
    assert_eq!(table(1, 2), [[(1, 1)]]);
    assert_eq!(table(2, 3), [[(1, 2)]]);
    assert_eq!(table(20, 3), [vec![(9, 2), (3, 7), (1, 20)], vec![(5, 7), (1, 20)], vec![(3, 20)]]);
    assert_eq!(
        table(27, 3),
        [
            vec![(27, 1), (9, 3), (3, 9), (1, 27)],
            vec![(12, 3), (4, 9), (1, 27)],
            vec![(6, 9), (2, 27)],
            vec![(4, 27)],
        ]
    );
    assert_eq!(Plan::new(27, 3).unwrap().total_epochs(), 423);
    assert_eq!(
        table(243, 3),
        [
            vec![(243, 1), (81, 3), (27, 9), (9, 27), (3, 81), (1, 243)],
            vec![(98, 3), (32, 9), (10, 27), (3, 81), (1, 243)],
            vec![(41, 9), (13, 27), (4, 81), (1, 243)],
            vec![(18, 27), (6, 81), (2, 243)],
            vec![(9, 81), (3, 243)],
            vec![(6, 243)],
        ]
    );
    let plan_729 = table(729, 3);
    assert_eq!(plan_729.len(), 7);
    assert_eq!(plan_729[0], [(729, 1), (243, 3), (81, 9), (27, 27), (9, 81), (3, 243), (1, 729)]);
    assert_eq!(plan_729[6], [(7, 729)]);
    assert_eq!(
        table(1000, 10),
        [
            vec![(1000, 1), (100, 10), (10, 100), (1, 1000)],
            vec![(134, 10), (13, 100), (1, 1000)],
            vec![(20, 100), (2, 1000)],
            vec![(4, 1000)],
        ]
    );
}

#[test]
fn the_first_brackets_are_those_of_the_whole_plan() {
    let whole = Plan::new(81, 3).unwrap();
    for count in 1..=5 {
        let first = whole.clone().first(count).unwrap();
        assert_eq!(first.brackets(), &whole.brackets()[..count as usize]);
        assert_eq!((first.max_epochs(), first.eta()), (81, 3));
    }
    let one = whole.clone().first(1).unwrap();
    assert_eq!((one.total_trials(), one.total_epochs()), (81, 81 * 5));
    assert!(one.to_string().contains("Total epochs=405") && !one.to_string().contains("run=2"), "{one}");
    let message = |brackets| whole.clone().first(brackets).unwrap_err().to_string();
    assert!(message(0).contains("the number of brackets is 0; it has to be at least 1"), "{}", message(0));
    assert!(message(6).contains("is 6, but with R = 81 and eta = 3 Hyperband has 5"), "{}", message(6));
}

#[test]
fn cumulative_epochs_train_up_to_the_stage() {
    let plan = Plan::counting(27, 3, EpochCount::Cumulative).unwrap();
    let first = &plan.brackets()[0].stages;
    assert_eq!(first.iter().map(|s| s.epochs).collect::<Vec<_>>(), [1, 2, 6, 18]);
    assert_eq!(first.iter().map(|s| s.trained).collect::<Vec<_>>(), [1, 3, 9, 27]);
    assert!(plan.to_string().contains("\nCont\t9\t3\t"));
    assert_eq!(plan.total_epochs(), 27 + 18 + 18 + 18 + 36 + 24 + 18 + 54 + 36 + 108);
}

#[test]
fn values_out_of_range_are_errors_that_say_what_is_allowed() {
    let message = Plan::new(0, 3).unwrap_err().to_string();
    assert!(message.contains("R") && message.contains("at least 1"), "{message}");
    for eta in [0, 1] {
        let message = Plan::new(81, eta).unwrap_err().to_string();
        assert!(message.contains(&format!("is {eta}")) && message.contains("at least 2"), "{message}");
    }
}

#[test]
fn ties_go_to_the_lower_loss_and_then_to_fewer_epochs() {
    let all = [(0.3, 1), (0.2, 1), (f64::NAN, 1), (0.1, 2), (0.2, 3), (0.1, 1), (0.4, 1), (0.1, 2), (0.9, 1)];
    for order in [[0, 1, 2, 3, 4, 5, 6, 7, 8], [7, 8, 5, 6, 3, 4, 0, 2, 1]] {
        let mut scheduler = HyperbandScheduler::new(Plan::new(9, 3).unwrap(), 1, Direction::Maximize);
        (0..9).for_each(|_| assert!(matches!(scheduler.ask(), Ask::Run(_))));
        let ends = order.iter().filter_map(|&place: &usize| {
            let (loss, epochs) = all[place];
            let score = Score { value: 1.0, loss, epochs };
            scheduler.tell_score(TrialId::new(1, place as u32 + 1), Some(score))
        });
        let promoted = ends.last().unwrap().promoted;
        assert_eq!(promoted, [6, 4, 8].map(|index| TrialId::new(1, index)));
    }
}

fn plans() -> impl Strategy<Value = Plan> {
    let max_epochs = prop_oneof![1u32..2000, 1u32..=u32::MAX];
    let eta = prop_oneof![2u32..6, 2u32..5000];
    (max_epochs, eta, prop_oneof![Just(EpochCount::Additional), Just(EpochCount::Cumulative)])
        .prop_map(|(max_epochs, eta, count)| Plan::counting(max_epochs, eta, count).unwrap())
}

proptest! {
    #[test]
    fn every_plan_is_sound(plan in plans()) {
        let (r, eta) = (u128::from(plan.max_epochs()), u128::from(plan.eta()));
        let s_max = plan.brackets().len() as u32 - 1;
        prop_assert!(eta.pow(s_max) <= r && r < eta.pow(s_max + 1), "the number of brackets is exact");
        for (position, bracket) in plan.brackets().iter().enumerate() {
            prop_assert_eq!(bracket.stages.len(), s_max as usize + 1 - position);
            for stage in &bracket.stages {
                prop_assert!(stage.trials >= 1 && stage.epochs >= 1);
                prop_assert!(stage.epochs <= plan.max_epochs());
            }
            for pair in bracket.stages.windows(2) {
                prop_assert!(pair[1].trials < pair[0].trials, "stages shrink");
                prop_assert_eq!(pair[1].trained, pair[0].trained + u64::from(pair[1].epochs));
            }
        }
    }

    #[test]
    fn promotions_are_the_best_of_the_stage(
        max_epochs in 1u32..200, eta in 2u32..5, seed: u64, workers in 1usize..5, maximize: bool
    ) {
        let plan = Plan::new(max_epochs, eta).unwrap();
        let direction = if maximize { Direction::Maximize } else { Direction::Minimize };
        let mut scheduler = HyperbandScheduler::new(plan.clone(), 1, direction);
        let mut rng = hobbit::Key::new(seed).rng();
        let mut running = Vec::new();
        let mut stages = std::collections::BTreeMap::<(u32, u32), Vec<_>>::new();
        let mut epochs = 0u64;
        loop {
            match scheduler.ask() {
                Ask::Run(assignment) => running.push(assignment),
                Ask::Wait => prop_assert!(!running.is_empty(), "it waits for nothing"),
                Ask::Done => break,
            }
            while running.len() >= workers || (!running.is_empty() && scheduler.clone().ask() == Ask::Wait) {
                let done = running.swap_remove(rng.below(running.len() as u64) as usize);
                epochs += done.to - done.from;
                let score = (rng.below(10) > 0).then(|| rng.below(20) as f64);
                let told = stages.entry((done.trial.bracket, done.stage)).or_default();
                told.push((done.trial, score));
                if let Some(end) = scheduler.tell(done.trial, score) {
                    prop_assert_eq!(end.promoted.len() + end.ended.len(), told.len());
                    let keep = plan.brackets()[end.bracket as usize - 1].stages.get(end.stage as usize + 1);
                    let healthy = told.iter().filter(|(_, score)| score.is_some()).count();
                    prop_assert_eq!(end.promoted.len(), healthy.min(keep.map_or(0, |stage| stage.trials as usize)));
                    let score_of = |id| told.iter().find(|(other, _)| *other == id).unwrap().1;
                    for &up in &end.promoted {
                        let up = (score_of(up).expect("failed trials are never promoted"), up);
                        for &out in &end.ended {
                            if let Some(score) = score_of(out) {
                                let better = direction.better(up.0, score) || (up.0 == score && up.1 < out);
                                prop_assert!(better, "{:?} before {:?}", up, out);
                            }
                        }
                    }
                }
            }
        }
        prop_assert!(epochs <= plan.total_epochs());
    }
}
