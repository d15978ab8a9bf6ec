//! Whole sweeps over a simulated objective: what is trained, ranked, written, resumed and refused.

pub(crate) mod algorithms;
mod extremes;
mod metrics;
pub(crate) mod pools;
mod stopping;
mod stops;
mod ties;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hobbit::repository::Reader;
use hobbit::space::Value;
use hobbit::{Hyperband, Plan, Status};

use crate::support::Curve;

fn sweep(curve: &Curve, dir: Option<&Path>, workers: usize) -> hobbit::Result<hobbit::Results<Curve>> {
    let study = Hyperband::of(curve.clone()).seed(3).workers(workers).quiet();
    match dir {
        Some(dir) => study.repo_dir(dir).run(27, 3),
        None => study.run(27, 3),
    }
}

fn read(dir: &Path, name: &str) -> Vec<u8> {
    std::fs::read(dir.join(name)).unwrap()
}

#[test]
fn it_trains_the_plan_and_ranks_the_trials() {
    let curve = Curve::default();
    let results = sweep(&curve, None, 2).unwrap();
    let plan = Plan::new(27, 3).unwrap();
    assert_eq!(curve.epochs.load(Ordering::Relaxed), plan.total_epochs());
    assert_eq!(results.trials().len() as u64, plan.total_trials());
    assert!(results.trials().is_sorted_by(|a, b| a.score <= b.score));
    assert_eq!(
        results.trials().iter().filter(|trial| trial.status == Status::Finished).count(),
        1 + 1 + 2 + 4
    );
    let best = results.best();
    assert_eq!((best.rank, best.metric("val_loss")), (1, best.score));
    let lowest =
        best.stages.iter().flat_map(|s| s.history.column("val_loss").unwrap()).fold(f64::MAX, f64::min);
    assert_eq!(best.score, Some(lowest), "the score is the best value seen");
}

#[test]
fn workers_do_not_change_a_byte() {
    let curve = Curve::default();
    let dirs: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    for (dir, workers) in dirs.iter().zip([1, 2, 5]) {
        sweep(&curve, Some(dir.path()), workers).unwrap();
    }
    let first = read(dirs[0].path(), "results.ron");
    assert!(first.len() > 1000);
    for dir in &dirs[1..] {
        assert_eq!(read(dir.path(), "results.ron"), first);
        let weights = std::fs::read_dir(dirs[0].path().join("weights")).unwrap();
        let names: Vec<_> = weights.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 1, "only the best trial's weights are kept");
        let name = Path::new("weights").join(&names[0]);
        assert_eq!(read(dir.path(), name.to_str().unwrap()), read(dirs[0].path(), name.to_str().unwrap()));
    }
}

#[test]
fn the_objective_says_how_many_workers_unless_the_user_does() {
    for (asks_for, set, expected) in [(Some(3), None, 3), (Some(3), Some(2), 2), (Some(0), Some(1), 1)] {
        let curve = Curve { asks_for, pace: Duration::from_millis(5), ..Curve::default() };
        let study = Hyperband::of(curve.clone()).quiet();
        let study = if let Some(workers) = set { study.workers(workers) } else { study };
        study.run(3, 3).unwrap();
        assert_eq!(curve.ended.load(Ordering::Relaxed), expected, "all of them have ended");
    }
}

#[test]
fn workers_that_take_several_stages_at_once_keep_none_from_the_others() {
    let alone = sweep(&Curve::default(), None, 1).unwrap();
    for workers in [2, 4] {
        // each of the last trials waits for another one to begin, while its worker may hold what comes next
        let curve = Curve { pairs: Some(Arc::default()), ..Curve::default() };
        let results = sweep(&curve, None, workers).unwrap();
        assert_eq!(results.to_string(), alone.to_string());
        assert!(results.trials().iter().all(|trial| trial.score.is_some()));
    }
}

#[test]
fn a_sweep_of_failures_is_given_up_at_once() {
    let curve = Curve { trouble: Some(Default::default()), luck: Some(0.2), ..Curve::default() };
    for workers in [1, 3] {
        let error = sweep(&curve, None, workers).unwrap_err().to_string();
        assert!(error.starts_with("all of the first 5 trials failed"), "{error}");
        assert!(error.contains("the first was trial 1-1, epoch "), "{error}");
    }
}

#[test]
fn a_finished_repository_is_not_trained_again() {
    let dir = tempfile::tempdir().unwrap();
    let first = sweep(&Curve::default(), Some(dir.path()), 2).unwrap();
    let bytes = read(dir.path(), "results.ron");
    let curve = Curve::default();
    let second = sweep(&curve, Some(dir.path()), 1).unwrap();
    assert_eq!(curve.epochs.load(Ordering::Relaxed), 0);
    assert_eq!(second.to_string(), first.to_string());
    assert_eq!(read(dir.path(), "results.ron"), bytes);
    second.best_model().unwrap();
}

#[test]
fn an_unfinished_repository_is_continued_to_the_same_bytes() {
    let whole = tempfile::tempdir().unwrap();
    sweep(&Curve::default(), Some(whole.path()), 2).unwrap();
    let parts = tempfile::tempdir().unwrap();
    let curve = Curve::default();
    let mut runs = 0;
    loop {
        runs += 1;
        let study = Hyperband::of(curve.clone()).seed(3).workers(1 + runs % 3).quiet().repo_dir(parts.path());
        match study.epoch_budget(17).run(27, 3) {
            Ok(results) if results.stopped().is_none() => break,
            Ok(results) => assert!(results.trials().len() <= 49),
            Err(error) => panic!("{error}"),
        }
    }
    assert!(runs > 10);
    assert_eq!(read(parts.path(), "results.ron"), read(whole.path(), "results.ron"));
    assert_eq!(curve.epochs.load(Ordering::Relaxed), 423, "no epoch is trained twice");
}

#[test]
fn the_journal_alone_tells_what_became_of_every_trial() {
    let dir = tempfile::tempdir().unwrap();
    let curve = Curve { trouble: Some(Default::default()), ..Curve::default() };
    let results = sweep(&curve, Some(dir.path()), 2).unwrap();
    let overview = Reader::open(dir.path()).unwrap().overview().unwrap();
    assert!(overview.is_finished());
    assert_eq!(overview.trials.len(), results.trials().len());
    for (seen, trial) in overview.trials.iter().zip(results.trials()) {
        assert_eq!((seen.id, &seen.status), (trial.id, &trial.status));
        assert_eq!(seen.score.map(|(score, _)| score), trial.score);
        assert_eq!(seen.epochs(), trial.epochs);
        assert_eq!(seen.hparam("rate"), Some(&Value::Float(trial.hparams.rate)));
        if let Some(epoch) = trial.epoch {
            assert!(seen.metrics(epoch).eq(trial.metrics()));
        }
    }
    let trained: u64 = overview.stages.iter().map(|stage| stage.trained + stage.failed).sum();
    let records: usize = results.trials().iter().map(|trial| trial.stages.len()).sum();
    assert_eq!(trained, records as u64);
    assert!(overview.stages.iter().all(|stage| stage.running == 0));
}

#[test]
fn the_journal_of_a_stopped_sweep_tells_how_far_it_came() {
    let dir = tempfile::tempdir().unwrap();
    let study = Hyperband::of(Curve::default()).seed(3).workers(2).quiet().repo_dir(dir.path());
    study.epoch_budget(40).run(27, 3).unwrap();
    let overview = Reader::open(dir.path()).unwrap().overview().unwrap();
    assert!(!overview.is_finished());
    let (_, reason) = overview.processes[0].closed.clone().unwrap();
    assert!(reason.is_some());
    assert_eq!(overview.planned_epochs(), 423);
    let trained: u64 = overview.stages.iter().map(|stage| stage.trained * u64::from(stage.epochs)).sum();
    assert!((30..=50).contains(&trained), "{trained}");
    assert!(overview.best().is_some());
}
