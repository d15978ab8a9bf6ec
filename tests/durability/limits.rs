//! Budgets, targets, callbacks, and making a study larger.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hobbit::{Hyperband, Plan, StopReason};

use crate::support::Curve;

fn study(curve: &Curve) -> Hyperband<Curve> {
    Hyperband::of(curve.clone()).quiet().seed(3).workers(2)
}

fn trained(curve: &Curve) -> u64 {
    curve.epochs.load(Ordering::Relaxed)
}

#[test]
fn budgets_end_a_sweep_and_it_can_be_continued() {
    let curve = Curve::default();
    let results = study(&curve).epoch_budget(30).run(27, 3).unwrap();
    assert_eq!(results.stopped(), Some(&StopReason::EpochBudget));
    assert!((30..=31).contains(&trained(&curve)), "each worker finishes its epoch: {}", trained(&curve));

    let slow = Curve { pace: Duration::from_millis(5), ..Curve::default() };
    let results = study(&slow).time_budget(Duration::from_millis(60)).run(27, 3).unwrap();
    assert_eq!(results.stopped(), Some(&StopReason::TimeBudget));
    assert!(trained(&slow) < 423);

    let error = study(&curve).time_budget(Duration::ZERO).run(27, 3).unwrap_err().to_string();
    assert!(error.contains("before any trial") && error.contains("time budget"), "{error}");
}

#[test]
fn targets_and_callbacks_end_a_sweep() {
    let curve = Curve::default();
    let results = study(&curve).target(0.5).run(27, 3).unwrap();
    assert_eq!(results.stopped(), Some(&StopReason::TargetReached));
    assert!(results.best().score <= Some(0.5) && trained(&curve) < 423);

    let mut left = 4;
    let callback = move |_: &hobbit::repository::StageRecord| {
        left -= 1;
        left == 0
    };
    let curve = Curve { pace: Duration::from_millis(1), ..Curve::default() };
    let results = study(&curve).stop_when(callback).run(27, 3).unwrap();
    assert_eq!(results.stopped(), Some(&StopReason::Callback));
    assert!(results.trials().len() >= 4 && trained(&curve) < 423);
}

fn read(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("results.ron")).unwrap()
}

#[test]
fn a_larger_study_uses_what_was_trained() {
    let (small, large) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let whole = Curve::default();
    study(&whole).repo_dir(large.path()).run(27, 3).unwrap();
    study(&Curve::default()).repo_dir(small.path()).run(9, 3).unwrap();
    let rest = Curve::default();
    study(&rest).repo_dir(small.path()).extend().run(27, 3).unwrap();
    assert_eq!(read(small.path()), read(large.path()), "as if it had been large from the beginning");
    // every trial of the small plan's first stages is a trial of the large plan's
    let first_stages = Plan::new(9, 3)
        .unwrap()
        .brackets()
        .iter()
        .map(|b| b.stages[0].trials * u64::from(b.stages[0].epochs))
        .sum::<u64>();
    assert!(trained(&rest) <= 423 - first_stages + 40, "{} epochs were trained", trained(&rest));
    assert!(trained(&rest) < 423);
    // the same again needs neither `extend` nor training
    let again = Curve::default();
    study(&again).repo_dir(small.path()).run(27, 3).unwrap();
    assert_eq!(trained(&again), 0);
}

#[test]
fn more_iterations_train_only_what_is_new() {
    let dir = tempfile::tempdir().unwrap();
    let both = tempfile::tempdir().unwrap();
    let epochs = Plan::new(9, 3).unwrap().total_epochs();
    study(&Curve::default()).repo_dir(both.path()).iterations(2).run(9, 3).unwrap();
    study(&Curve::default()).repo_dir(dir.path()).run(9, 3).unwrap();
    let second = Curve::default();
    let results = study(&second).repo_dir(dir.path()).extend().iterations(2).run(9, 3).unwrap();
    assert_eq!(trained(&second), epochs);
    assert_eq!(results.trials().len(), 2 * (9 + 5 + 3));
    assert!(results.trials().iter().any(|trial| trial.id.to_string() == "2.1-1"));
    assert_eq!(read(dir.path()), read(both.path()));
}

#[test]
fn checkpoints_within_a_stage_lose_no_more_than_they_should() {
    // a sweep that is stopped again and again inside of long stages trains nothing twice
    let dir = tempfile::tempdir().unwrap();
    let curve = Curve::default();
    while study(&curve)
        .repo_dir(dir.path())
        .checkpoint_every(1)
        .epoch_budget(10)
        .run(9, 3)
        .unwrap()
        .stopped()
        .is_some()
    {}
    assert_eq!(trained(&curve), Plan::new(9, 3).unwrap().total_epochs());
}

#[test]
fn enqueued_configurations_come_first() {
    let draw = |seed| <crate::support::Params as hobbit::SearchSpace>::draw(hobbit::Key::new(seed)).unwrap();
    let results = study(&Curve::default()).enqueue(draw(100)).enqueue(draw(200)).run(3, 3).unwrap();
    let of =
        |index| results.trials().iter().find(|trial| trial.id == hobbit::TrialId::new(1, index)).unwrap();
    assert_eq!(of(1).hparams.rate, draw(100).rate);
    assert_eq!(of(2).hparams.rate, draw(200).rate);
    let plain = study(&Curve::default()).run(3, 3).unwrap();
    let third = plain.trials().iter().find(|trial| trial.id == hobbit::TrialId::new(1, 3)).unwrap();
    assert_eq!(of(3).hparams.rate, third.hparams.rate, "the drawn ones keep their places");
}

#[test]
fn without_checkpoints_a_resumed_sweep_is_the_same() {
    let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    study(&Curve::default()).repo_dir(whole.path()).checkpoints(false).run(9, 3).unwrap();
    while study(&Curve::default())
        .repo_dir(parts.path())
        .checkpoints(false)
        .epoch_budget(25)
        .run(9, 3)
        .unwrap()
        .stopped()
        .is_some()
    {}
    assert_eq!(read(parts.path()), read(whole.path()));
    assert_eq!(std::fs::read_dir(parts.path().join("weights")).unwrap().count(), 0);
}
