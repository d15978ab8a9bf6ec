//! Bad trials cost one trial each.

use std::time::Duration;

use hobbit::{Hyperband, MaxFailures, RandomSearch, SearchSpace, Status};

use crate::support::{Curve, Params};

fn troubled() -> Curve {
    Curve { trouble: Some(Duration::from_secs(20)), ..Curve::default() }
}

/// What happens to a trial by its luck.
fn counts(results: &hobbit::Results<Curve>) -> [usize; 4] {
    let mut counts = [0; 4];
    for trial in results.trials() {
        let luck = trial.hparams.luck;
        match &trial.status {
            Status::Failed { reason, .. } if luck < 0.3 => {
                assert!(reason.contains("panicked at") && reason.contains("unlucky"), "{reason}");
                counts[0] += 1;
            }
            Status::Diverged { epoch, reason } if luck < 0.4 => {
                assert!(*epoch >= 1 && reason.contains("loss is NaN"), "{reason}");
                counts[1] += 1;
            }
            Status::Failed { reason, .. } if luck < 0.45 => {
                assert!(reason.contains("time limit") && reason.contains("abandoned"), "{reason}");
                counts[2] += 1;
            }
            status => {
                assert!(
                    luck >= 0.45 && matches!(status, Status::Finished | Status::Dropped(_)),
                    "{luck}: {status:?}"
                );
                counts[3] += 1;
            }
        }
    }
    counts
}

#[test]
fn panics_nan_and_hangs_cost_one_trial_each() {
    let dir = tempfile::tempdir().unwrap();
    let study = |curve: Curve| {
        Hyperband::of(curve)
            .quiet()
            .seed(1)
            .workers(2)
            .max_failures(MaxFailures::Share(0.9))
            .trial_time_limit(Duration::from_millis(500))
            .repo_dir(dir.path())
    };
    let results = study(troubled()).run(27, 3).unwrap();
    let [panicked, diverged, hung, healthy] = counts(&results);
    assert_eq!(panicked + diverged + hung + healthy, 49);
    assert!(
        panicked >= 8 && diverged >= 1 && hung >= 1 && healthy >= 20,
        "{panicked} {diverged} {hung} {healthy}"
    );
    // they rank last, and are in the file with their reasons
    let healthy_first = results.trials().iter().take(healthy).all(|trial| trial.score.is_some());
    assert!(healthy_first && results.trials()[healthy..].iter().all(|trial| trial.score.is_none()));
    let text = std::fs::read_to_string(dir.path().join("results.ron")).unwrap();
    assert_eq!(text.matches("abandoned").count(), hung);
    // and a second run knows them all
    let curve = troubled();
    let again = study(curve.clone()).run(27, 3).unwrap();
    assert_eq!(curve.epochs.load(std::sync::atomic::Ordering::Relaxed), 0);
    assert_eq!(again.to_string(), results.to_string());
}

#[test]
fn a_hopeless_sweep_is_given_up() {
    let hopeless = Curve { trouble: Some(Duration::ZERO), luck: Some(0.05), ..Curve::default() };
    let error = Hyperband::of(hopeless.clone()).quiet().workers(1).run(27, 3).unwrap_err().to_string();
    assert!(
        error.contains("all of the first 5 trials failed")
            && error.contains("trial 1-1")
            && error.contains("unlucky"),
        "{error}"
    );
    let study = Hyperband::of(hopeless.clone()).quiet().workers(1).max_failures(MaxFailures::Count(7));
    assert!(study.run(27, 3).unwrap_err().to_string().contains("8 of 8"));
    // a sweep with fewer trials than that has no results either
    let error = Hyperband::of(hopeless).quiet().run(1, 3).unwrap_err().to_string();
    assert!(error.contains("all 1 trials failed") && error.contains("unlucky"), "{error}");
    // some failures are allowed
    let error =
        Hyperband::of(troubled()).quiet().seed(1).max_failures(MaxFailures::Count(0)).run(27, 3).unwrap_err();
    assert!(error.to_string().contains("trials failed"), "{error}");
}

#[test]
fn the_first_trials_are_those_of_the_study_and_not_of_each_process() {
    let dir = tempfile::tempdir().unwrap();
    let hopeless = || Curve { trouble: Some(Duration::ZERO), luck: Some(0.05), ..Curve::default() };
    let study = |curve| RandomSearch::of(curve).quiet().seed(3).workers(1).repo_dir(dir.path());
    let count = |results: &hobbit::Results<Curve>, failed: bool| {
        let is_it = |status: &Status| matches!(status, Status::Failed { .. }) == failed;
        results.trials().iter().filter(|trial| is_it(&trial.status)).count()
    };
    // some trials are trained, and then everything fails: the study is not hopeless
    let results = study(Curve::default()).epoch_budget(3).run(12, 1).unwrap();
    assert_eq!((count(&results, false), count(&results, true)), (3, 0), "{results}");
    let results = study(hopeless()).run(12, 1).unwrap();
    assert_eq!((count(&results, false), count(&results, true)), (3, 9), "{results}");
}

#[test]
fn a_trial_that_was_left_is_not_one_of_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let study = |luck| {
        let curve = Curve { trouble: Some(Duration::ZERO), luck: Some(luck), ..Curve::default() };
        let study = RandomSearch::of(curve).quiet().seed(3).workers(1);
        study.repo_dir(dir.path()).max_failures(MaxFailures::FirstAll(2))
    };
    // the first trial has had one of its epochs
    let results = study(0.9).epoch_budget(1).run(9, 3).unwrap();
    assert_eq!(results.trials().len(), 1, "{results}");
    let error = study(0.05).run(9, 3).unwrap_err().to_string();
    assert!(error.contains("all of the first 2 trials failed") && error.contains("trial 1-1"), "{error}");
}

#[test]
fn a_failed_trial_can_be_begun_anew() {
    let shaky = Curve { shaky: true, ..Curve::default() };
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let study = |retries| {
        Hyperband::of(shaky.clone()).quiet().seed(2).retries(retries).max_failures(MaxFailures::Share(1.0))
    };
    let failed = |results: &hobbit::Results<Curve>| {
        results.trials().iter().filter(|trial| trial.score.is_none()).count()
    };
    let without = study(0).run(9, 3).unwrap();
    assert!(failed(&without) > 2, "{without}");
    let with = study(8).repo_dir(dirs[0].path()).workers(1).run(9, 3).unwrap();
    assert_eq!(failed(&with), 0, "{with}");
    assert!(with.trials().iter().any(|trial| trial.stages[0].attempt > 0));
    // and exactly so when it is interrupted all the time
    loop {
        let results = study(8).repo_dir(dirs[1].path()).workers(2).epoch_budget(5).run(9, 3).unwrap();
        if results.stopped().is_none() {
            break;
        }
    }
    let read = |dir: &tempfile::TempDir| std::fs::read_to_string(dir.path().join("results.ron")).unwrap();
    assert_eq!(read(&dirs[0]), read(&dirs[1]));
    assert_eq!(Params::space().parameters().len(), 2);
}
