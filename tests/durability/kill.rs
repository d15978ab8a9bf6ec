//! A process that is killed at random moments and started again ends with the same bytes as one that was not.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use hobbit::{Hyperband, Key};

use crate::support::Curve;

const CHILD: &str = "HOBBIT_KILL_TEST_DIR";

fn run(dir: &Path, workers: usize) -> hobbit::Result<hobbit::Results<Curve>> {
    let curve = Curve { pace: Duration::from_millis(10), ..Curve::default() };
    Hyperband::of(curve).quiet().seed(3).workers(workers).checkpoint_every(2).repo_dir(dir).run(9, 3)
}

/// The process that is killed: this test binary, told so by its environment.
#[test]
fn child() {
    if let Some(dir) = std::env::var_os(CHILD) {
        let workers = std::env::var("HOBBIT_KILL_TEST_WORKERS").unwrap().parse().unwrap();
        run(Path::new(&dir), workers).unwrap();
    }
}

#[test]
fn a_killed_sweep_ends_with_the_same_bytes() {
    let whole = tempfile::tempdir().unwrap();
    run(whole.path(), 2).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut rng = Key::new(11).rng();
    let mut kills = 0;
    let mut workers = 1;
    while kills < 5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["durability::kill::child", "--exact"])
            .env(CHILD, dir.path())
            .env("HOBBIT_KILL_TEST_WORKERS", workers.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        workers = 3 - workers;
        std::thread::sleep(Duration::from_millis(30 + rng.below(60)));
        match child.try_wait().unwrap() {
            Some(status) => {
                assert!(status.success(), "the sweep ended before it could be killed: {status}");
                break;
            }
            None => {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
            }
        }
    }
    assert!(kills >= 3, "{kills} kills");
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
