//! What stops a sweep, what does not, and what diverges.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hobbit::testing::Fake;
use hobbit::{EpochContext, Hyperband, Metrics, Status, StopReason};

use crate::support::{Curve, OtherParams, flat};

fn study(curve: &Curve) -> Hyperband<Curve> {
    Hyperband::of(curve.clone()).quiet().seed(3).workers(1)
}

#[test]
fn a_callback_is_asked_once_for_each_stage() {
    let dir = tempfile::tempdir().unwrap();
    let asked = Arc::new(AtomicU64::new(0));
    let mut epochs = Vec::new();
    let stages = hobbit::Plan::new(9, 3).unwrap().total_evaluations();
    for _ in 0..stages {
        let (counter, mut left) = (asked.clone(), 4);
        let curve = Curve { pace: Duration::from_millis(2), ..Curve::default() };
        let study = study(&curve).repo_dir(dir.path()).stop_when(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            left -= 1;
            left == 0
        });
        let results = study.run(9, 3).unwrap();
        epochs.push(results.trials().iter().map(|trial| trial.epochs).sum::<u64>());
        if results.stopped().is_none() {
            break;
        }
        assert_eq!(results.stopped(), Some(&StopReason::Callback));
    }
    assert!(epochs.is_sorted(), "{epochs:?}");
    assert_eq!(epochs.last(), Some(&hobbit::Plan::new(9, 3).unwrap().total_epochs()));
    assert_eq!(asked.load(Ordering::Relaxed), stages, "each stage once");
}

#[test]
fn a_sweep_that_trained_everything_was_not_stopped() {
    let plan = hobbit::Plan::new(9, 3).unwrap();
    let stages = plan.total_evaluations();
    let mut left = stages;
    let last = study(&Curve::default()).stop_when(move |_| {
        left -= 1;
        left == 0
    });
    assert_eq!(last.run(9, 3).unwrap().stopped(), None);
    let all = study(&Curve::default()).epoch_budget(plan.total_epochs());
    assert_eq!(all.run(9, 3).unwrap().stopped(), None);
    let fewer = study(&Curve::default()).epoch_budget(plan.total_epochs() - 1).run(9, 3).unwrap();
    assert_eq!(fewer.stopped(), Some(&StopReason::EpochBudget));
    assert!(fewer.exit_code() == std::process::ExitCode::SUCCESS, "a budget is no signal");
    // and all of it known from before
    let dir = tempfile::tempdir().unwrap();
    study(&Curve::default()).repo_dir(dir.path()).run(9, 3).unwrap();
    let known = study(&Curve::default()).repo_dir(dir.path()).stop_when(|_| true).run(9, 3).unwrap();
    assert_eq!(known.stopped(), None);
}

/// Its loss is infinite where the rate is large; names it as its training loss if it is told to.
fn unbounded(named: bool) -> Fake<OtherParams, f64> {
    let train = |rate: &mut f64, _: &EpochContext<'_>, metrics: &mut Metrics| {
        metrics.report("loss", if *rate > 1.0 { f64::INFINITY } else { *rate });
        metrics.report("likelihood", if *rate > 1.0 { f64::NAN } else { *rate });
        Ok(())
    };
    let fake = Fake::constant(|hparams: &OtherParams| hparams.rate).training(train);
    let fake = fake.metrics(["loss", "val_loss", "likelihood"]);
    if named { fake.training_loss("loss") } else { fake }
}

#[test]
fn only_the_monitor_and_a_named_training_loss_end_a_trial() {
    let dir = tempfile::tempdir().unwrap();
    let run = |named| Hyperband::of(unbounded(named)).quiet().seed(3).repo_dir(dir.path()).run(9, 3);
    let free = run(false).unwrap();
    assert!(free.trials().iter().all(|trial| trial.score.is_some()));
    let infinite = |trial: &&hobbit::Trial<OtherParams>| trial.metric("loss") == Some(f64::INFINITY);
    assert!(free.trials().iter().filter(infinite).count() > 3);
    // the journal keeps such values too
    assert_eq!(run(false).unwrap().to_string(), free.to_string());
    let named = Hyperband::of(unbounded(true)).quiet().seed(3).run(9, 3).unwrap();
    for trial in named.trials() {
        match &trial.status {
            Status::Diverged { reason, .. } => assert_eq!(reason, "loss is inf"),
            _ => assert!(trial.hparams.rate <= 1.0),
        }
    }
    let monitored = Hyperband::of(unbounded(false))
        .quiet()
        .seed(3)
        .monitor("likelihood")
        .direction(hobbit::Direction::Minimize);
    for trial in monitored.run(9, 3).unwrap().trials() {
        let diverged =
            matches!(&trial.status, Status::Diverged { reason, .. } if reason == "likelihood is NaN");
        assert_eq!(diverged, trial.hparams.rate > 1.0);
    }
}

#[test]
fn panics_of_observers_and_callbacks_end_no_trial_and_hang_nothing() {
    let plain = study(&Curve::default()).run(9, 3).unwrap();
    let (dir, notes) = (tempfile::tempdir().unwrap(), Arc::new(AtomicU64::new(0)));
    let counter = notes.clone();
    let observed = study(&Curve::default())
        .observe(|event: &hobbit::Event| assert!(!matches!(event, hobbit::Event::StageEnded { .. })))
        .observe(move |event: &hobbit::Event| {
            let told = matches!(event, hobbit::Event::Note(text) if text.contains("an observer panicked"));
            counter.fetch_add(told.into(), Ordering::Relaxed);
        });
    assert_eq!(observed.repo_dir(dir.path()).run(9, 3).unwrap().to_string(), plain.to_string());
    assert_eq!(notes.load(Ordering::Relaxed), 1);
    let error = study(&Curve::default()).stop_when(|_| panic!("no idea")).run(9, 3).unwrap_err().to_string();
    assert!(error.contains("`stop_when` panicked at") && error.ends_with("no idea"), "{error}");
}

/// Cannot be described where its number is small.
#[derive(Debug)]
#[hobbit::search_space]
struct Fragile {
    #[uniform(0.0..=1.0)]
    rate: f64,
    #[derived(assert_large(rate))]
    large: f64,
}

fn assert_large(rate: f64) -> f64 {
    assert!(rate > 0.05, "{rate} is too small");
    rate
}

#[test]
fn a_panic_in_a_search_space_ends_the_sweep_with_its_message() {
    for workers in [1, 3] {
        let study = flat::<Fragile>().quiet().seed(1).workers(workers);
        let error = study.run(81, 3).unwrap_err().to_string();
        assert!(error.contains("panicked at") && error.contains("is too small"), "{error}");
    }
}
