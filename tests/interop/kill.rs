//! A sweep that is killed while it writes for other tools, and started again, leaves the same as one that was not.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use hobbit::interop::{OptunaJournal, TensorBoard};
use hobbit::{Hyperband, Key};

use super::{Falling, read};

const CHILD: &str = "HOBBIT_INTEROP_KILL_DIR";

fn run(dir: &Path) {
    let falling = Falling { pace: Duration::from_millis(5) };
    let study =
        Hyperband::of(falling).quiet().seed(5).workers(2).checkpoint_every(2).repo_dir(dir.join("repo"));
    let study =
        study.observe(OptunaJournal::new(dir.join("s.journal"))).observe(TensorBoard::new(dir.join("logs")));
    study.run(9, 3).unwrap();
}

/// The process that is killed: this test binary, told so by its environment.
#[test]
fn child() {
    if let Some(dir) = std::env::var_os(CHILD) {
        run(Path::new(&dir));
    }
}

#[test]
fn a_killed_sweep_leaves_the_same_journal() {
    let whole = tempfile::tempdir().unwrap();
    run(whole.path());
    let dir = tempfile::tempdir().unwrap();
    let mut rng = Key::new(12).rng();
    let mut kills = 0;
    while kills < 5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["interop::kill::child", "--exact"])
            .env(CHILD, dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
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
    run(dir.path());
    let journal = |dir: &Path| read(&dir.join("s.journal"));
    assert_eq!(journal(dir.path()), journal(whole.path()));
}
