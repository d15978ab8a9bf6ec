//! Promotion by a draw: the laws of schedulers hold, and whole sweeps with it are the same on any number of
//! workers, stopped and continued.

use std::path::Path;
use std::time::Duration;

use hobbit::repository::Reader;
use hobbit::schedule::{Ask, HalvingScheduler, HyperbandScheduler, Scheduler, VirtualTime};
use hobbit::testing::scheduler;
use hobbit::{Direction, Hyperband, MaxFailures, Plan, Promotion, Result, Results, SuccessiveHalving};

use crate::support::Curve;

const BOTH: [Direction; 2] = [Direction::Minimize, Direction::Maximize];

fn hyperband(direction: Direction, temperature: f64) -> HyperbandScheduler {
    let plan = Plan::new(27, 3).unwrap();
    HyperbandScheduler::new(plan, 2, direction).promoting(Promotion::Temperature(temperature), 7)
}

fn halving(trials: u32, direction: Direction, temperature: f64, seed: u64) -> HalvingScheduler {
    let scheduler = HalvingScheduler::new(trials, 1, 27, 3, direction).unwrap();
    scheduler.promoting(Promotion::Temperature(temperature), seed)
}

#[test]
fn schedulers_that_draw_keep_the_laws() {
    for direction in BOTH {
        for temperature in [0.5, 10.0] {
            scheduler(|| Box::new(hyperband(direction, temperature)));
            scheduler(|| Box::new(halving(30, direction, temperature, 7)));
            scheduler(|| Box::new(VirtualTime::new(Box::new(hyperband(direction, temperature)), 3)));
        }
    }
}

/// The trials of the second stage, by index, where each trial has this score.
fn promoted(mut scheduler: HalvingScheduler, score: impl Fn(u32) -> f64) -> Vec<u32> {
    let mut promoted = Vec::new();
    while let Ask::Run(assignment) = scheduler.ask() {
        let index = assignment.trial.index;
        if assignment.stage == 1 {
            promoted.push(index);
        }
        scheduler.tell(&assignment, Some(score(index).into()));
    }
    promoted
}

#[test]
fn better_trials_are_promoted_more_often_and_failed_ones_never() {
    for direction in BOTH {
        let sign = if direction == Direction::Minimize { 1.0 } else { -1.0 };
        let mut counts = [0; 27];
        for seed in 0..300 {
            for index in promoted(halving(27, direction, 5.0, seed), |index| sign * f64::from(index)) {
                counts[index as usize - 1] += 1;
            }
        }
        let [first, second, third] = [0..9, 9..18, 18..27].map(|part| counts[part].iter().sum::<u32>());
        assert!(first > 2 * second && second > 2 * third && third > 0, "{direction:?} {counts:?}");
        // fewer are healthy than are promoted, however bad they are
        let mostly_failing = |index| match index {
            3 | 20 => sign * 1e9,
            index if index % 2 == 0 => f64::NAN,
            _ => f64::INFINITY,
        };
        let mut drawn = promoted(halving(27, direction, 1e-6, 3), mostly_failing);
        drawn.sort_unstable();
        assert_eq!(drawn, [3, 20]);
    }
}

fn curve() -> Curve {
    Curve { trouble: Some(Duration::ZERO), ..Curve::default() }
}

const DRAWN: Promotion = Promotion::Temperature(0.05);

/// Runs some epochs of a sweep.
fn run(
    dir: &Path,
    by_halving: bool,
    promotion: Promotion,
    workers: usize,
    epochs: u64,
) -> Result<Results<Curve>> {
    let failures = MaxFailures::Count(u32::MAX);
    if by_halving {
        let study = SuccessiveHalving::of(curve()).quiet().seed(3).promote(promotion).max_failures(failures);
        return study.repo_dir(dir).workers(workers).epoch_budget(epochs).run(60, 1, 9, 3);
    }
    let study = Hyperband::of(curve()).quiet().seed(3).promote(promotion).max_failures(failures);
    study.repo_dir(dir).workers(workers).epoch_budget(epochs).run(27, 3)
}

fn results(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("results.ron")).unwrap()
}

#[test]
fn sweeps_that_draw_are_the_same_on_any_number_of_workers_and_continued() {
    for by_halving in [false, true] {
        let whole = |promotion, workers| {
            let dir = tempfile::tempdir().unwrap();
            run(dir.path(), by_halving, promotion, workers, u64::MAX).unwrap();
            let checks = Reader::open(dir.path()).unwrap().verify().unwrap();
            assert!(checks.iter().all(|check| check.state.is_fine()), "{checks:?}");
            results(dir.path())
        };
        let one = whole(DRAWN, 1);
        for workers in [2, 7, 16] {
            assert_eq!(whole(DRAWN, workers), one, "{workers} workers");
        }
        assert_ne!(whole(Promotion::Best, 2), one);
        assert_ne!(whole(Promotion::Temperature(0.5), 2), one);
        let dir = tempfile::tempdir().unwrap();
        let parts = [3, 1, 16].into_iter().cycle().take(60);
        let ended = parts
            .into_iter()
            .any(|workers| run(dir.path(), by_halving, DRAWN, workers, 13).unwrap().stopped().is_none());
        assert!(ended && results(dir.path()) == one);
    }
}

#[test]
fn the_promotion_belongs_to_the_study() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), false, DRAWN, 1, 9).unwrap();
    let kept = std::fs::read_to_string(dir.path().join("study.ron")).unwrap();
    assert!(kept.contains("promotion: Some(Temperature(0.05))"), "{kept}");
    for (other, named) in [(Promotion::Best, "best"), (Promotion::Temperature(0.1), "temperature 0.1")] {
        let error = run(dir.path(), false, other, 1, 9).unwrap_err().to_string();
        let expected = format!("the promotion is {named}, but temperature 0.05 in the repository");
        assert!(error.contains(&expected), "{error}");
    }
    run(dir.path(), false, DRAWN, 2, 9).unwrap();
    let impossible = run(dir.path(), false, Promotion::Temperature(-1.0), 1, 9).unwrap_err().to_string();
    assert!(impossible.contains("temperature of the promotion is -1"), "{impossible}");
    // what nobody has written is refused where it is read
    std::fs::write(dir.path().join("study.ron"), kept.replace("0.05", "NaN")).unwrap();
    let error = Reader::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("study.ron") && error.contains("is NaN;"), "{error}");
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), false, Promotion::Best, 1, 9).unwrap();
    let kept = std::fs::read_to_string(dir.path().join("study.ron")).unwrap();
    assert!(!kept.contains("promotion") && !kept.contains("warm_start"), "{kept}");
}
