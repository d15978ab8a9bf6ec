//! Killing a process at random moments, and starting it again.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use hobbit::Key;

const DIR: &str = "HOBBIT_KILL_TEST_DIR";
const WORKERS: &str = "HOBBIT_KILL_TEST_WORKERS";

/// What a test does that is only there to be killed, as a process of its own: nothing, unless it is that process.
pub(crate) fn child(run: impl FnOnce(&Path, usize)) {
    if let Some(dir) = std::env::var_os(DIR) {
        run(Path::new(&dir), std::env::var(WORKERS).unwrap().parse().unwrap());
    }
}

/// Runs this binary's test of that name, kills it after a moment, up to five times, with 1 and 2 workers in turn. At least three kills
/// have to come before its end.
pub(crate) fn kill(test: &str, dir: &Path) {
    let mut rng = Key::new(11).rng();
    let mut kills = 0;
    let mut workers = 1;
    while kills < 5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact"])
            .env(DIR, dir)
            .env(WORKERS, workers.to_string())
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
}
