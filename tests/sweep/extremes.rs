//! Settings as large as they can be written: they are no limit, and cost nothing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use hobbit::{Hyperband, Keep, MaxFailures, StopReason};

use crate::support::Curve;

fn study(curve: &Curve) -> Hyperband<Curve> {
    Hyperband::of(curve.clone()).quiet().seed(3).workers(2)
}

#[test]
fn the_largest_limits_are_no_limits() {
    let plain = study(&Curve::default()).run(9, 3).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let unlimited = study(&Curve::default())
        .trial_time_limit(Duration::MAX)
        .time_budget(Duration::MAX)
        .epoch_budget(u64::MAX)
        .memory_budget(u64::MAX)
        .checkpoint_every(u64::MAX)
        .retries(u32::MAX)
        .max_deaths(u32::MAX)
        .max_failures(MaxFailures::Count(u32::MAX))
        .keep(Keep::Best(usize::MAX))
        .repo_dir(dir.path())
        .run(9, 3)
        .unwrap();
    assert_eq!(unlimited.to_string(), plain.to_string());
    assert_eq!(unlimited.stopped(), None);
    // longer than the clock can tell, but not the longest
    let limit = Duration::from_secs(u64::MAX / 4);
    let limited = study(&Curve::default()).trial_time_limit(limit).time_budget(limit).run(9, 3).unwrap();
    assert_eq!(limited.to_string(), plain.to_string());
}

#[test]
fn any_number_of_repetitions_is_begun_one_after_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let curve = Curve::default();
    let mut trials = 0;
    // the second run replays the first
    for run in 1..=2 {
        let results = study(&curve).iterations(u32::MAX).epoch_budget(200).repo_dir(dir.path());
        let results = results.run(9, 3).unwrap();
        assert_eq!(results.stopped(), Some(&StopReason::EpochBudget));
        assert!(results.trials().len() > trials && results.trials().len() < 200);
        trials = results.trials().len();
        let trained = curve.epochs.load(Ordering::Relaxed);
        assert!((200 * run..=201 * run + 20).contains(&trained), "{trained}");
    }
    // what is printed holds numbers as large
    let loud = Hyperband::of(Curve::default()).workers(1).iterations(u32::MAX).epoch_budget(10);
    assert_eq!(loud.run(u32::MAX, 2).unwrap().stopped(), Some(&StopReason::EpochBudget));
}

#[test]
fn workers_beyond_the_work_are_not_started() {
    let plain = study(&Curve::default()).run(9, 3).unwrap();
    for workers in [17, 3000, usize::MAX] {
        let curve = Curve { pace: Duration::from_millis(1), ..Curve::default() };
        let results = Hyperband::of(curve.clone()).quiet().seed(3).workers(workers).run(9, 3).unwrap();
        assert_eq!(results.to_string(), plain.to_string());
        assert_eq!(curve.ended.load(Ordering::Relaxed), 17, "one for each trial");
    }
}

#[test]
fn more_workers_than_the_machine_has_room_for_end() {
    let curve = Curve::default();
    let results = Hyperband::of(curve.clone()).quiet().seed(3).workers(1000).run(729, 3).unwrap();
    assert_eq!(results.trials().len() as u64, hobbit::Plan::new(729, 3).unwrap().total_trials());
    assert_eq!(curve.ended.load(Ordering::Relaxed), 1000);
}

#[test]
fn a_target_that_is_no_number_is_an_error() {
    let curve = Curve::default();
    let error = study(&curve).target(f64::NAN).run(9, 3).unwrap_err().to_string();
    assert!(error.contains("target is NaN"), "{error}");
    let error = study(&curve).max_deaths(0).run(9, 3).unwrap_err().to_string();
    assert!(error.contains("max_deaths is 0"), "{error}");
    assert_eq!(curve.epochs.load(Ordering::Relaxed), 0);
}
