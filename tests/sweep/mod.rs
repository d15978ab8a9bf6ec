//! Whole sweeps over a simulated objective: what is trained, ranked, written, resumed and refused.

use std::path::Path;
use std::sync::atomic::Ordering;

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
