//! A process that is killed at random moments and started again ends with the same bytes as one that was not.

use std::path::Path;
use std::time::Duration;

use hobbit::Hyperband;

use crate::support::Curve;
use crate::support::kill::kill;

fn run(dir: &Path, workers: usize) -> hobbit::Result<hobbit::Results<Curve>> {
    let curve = Curve { pace: Duration::from_millis(10), ..Curve::default() };
    Hyperband::of(curve).quiet().seed(3).workers(workers).checkpoint_every(2).repo_dir(dir).run(9, 3)
}

pub(crate) fn victim(dir: &Path, workers: usize) {
    drop(run(dir, workers).unwrap());
}

#[test]
fn a_killed_sweep_ends_with_the_same_bytes() {
    let whole = tempfile::tempdir().unwrap();
    run(whole.path(), 2).unwrap();
    let dir = tempfile::tempdir().unwrap();
    kill("durability::kill::victim", dir.path());
    run(dir.path(), 2).unwrap();
    let results = |dir: &Path| std::fs::read(dir.join("results.ron")).unwrap();
    assert!(results(dir.path()) == results(whole.path()));
    let weights = |dir: &Path| {
        let files = std::fs::read_dir(dir.join("weights")).unwrap();
        files
            .map(|e| e.unwrap().path())
            .map(|p| (p.file_name().unwrap().to_owned(), std::fs::read(p).unwrap()))
            .collect::<Vec<_>>()
    };
    assert!(weights(dir.path()) == weights(whole.path()));
}
