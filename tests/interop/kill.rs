//! A sweep that is killed while it writes for other tools, and started again, leaves the same as one that was not.

use std::path::Path;
use std::time::Duration;

use hobbit::Hyperband;
use hobbit::interop::{OptunaJournal, TensorBoard};

use super::{falling, read};
use crate::support::kill::kill;

fn run(dir: &Path) {
    let falling = falling().pace(Duration::from_millis(5));
    let study = Hyperband::of(falling).quiet().seed(5).workers(2).checkpoint_every(2).repo_dir(dir);
    let study =
        study.observe(OptunaJournal::new(dir.join("s.journal"))).observe(TensorBoard::new(dir.join("logs")));
    study.run(9, 3).unwrap();
}

/// As a process of its own: it is killed.
pub(crate) fn victim(dir: &Path, _: usize) {
    run(dir);
}

#[test]
fn a_killed_sweep_leaves_the_same_journal() {
    let whole = tempfile::tempdir().unwrap();
    run(whole.path());
    let dir = tempfile::tempdir().unwrap();
    kill("interop::kill::victim", dir.path());
    run(dir.path());
    let journal = |dir: &Path| read(&dir.join("s.journal"));
    assert_eq!(journal(dir.path()), journal(whole.path()));
}
