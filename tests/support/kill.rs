//! Processes of their own: this binary, started again to do what a test does in one, and killed in the middle
//! of it.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use hobbit::Key;
use hobbit::repository::{Reader, Record};

const NAME: &str = "HOBBIT_TEST_PROCESS";
const DIR: &str = "HOBBIT_KILL_TEST_DIR";
const WORKERS: &str = "HOBBIT_KILL_TEST_WORKERS";

/// What this process was started for: a name of [`crate::processes`], a directory, and workers.
pub(crate) fn started_for() -> Option<(String, OsString, usize)> {
    let name = std::env::var(NAME).ok()?;
    let workers = std::env::var(WORKERS).unwrap().parse().unwrap();
    Some((name, std::env::var_os(DIR).unwrap(), workers))
}

/// What [`crate::processes`] does under this name, as a process of its own.
pub(crate) fn process(name: &str, dir: &Path, workers: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["processes::as_a_process_of_its_own", "--exact"]);
    command.env(NAME, name).env(DIR, dir).env(WORKERS, workers.to_string());
    command
}

/// How many outcomes of stages are in the journal of a study.
fn outcomes(dir: &Path) -> u64 {
    let journal = Reader::open(dir).and_then(|reader| reader.journal()).unwrap_or_default();
    journal.iter().filter(|record| matches!(record, Record::Stage(_))).count() as u64
}

/// How often sweeps are killed that can be made as long as they have to be for it: `HOBBIT_TEST_KILLS`, or 5.
pub(crate) fn kills() -> u32 {
    std::env::var("HOBBIT_TEST_KILLS").map_or(5, |kills| kills.parse().expect("a number of kills"))
}

/// Runs the process of that name, a sweep whose repository is `dir`, and kills it when it has written a few
/// more outcomes: up to five times, with 1 and 2 workers in turn. At least three kills have to come before
/// its end.
pub(crate) fn kill(name: &str, dir: &Path) {
    let kills = kill_often(name, dir, 5, &[1, 2]);
    assert!(kills >= 3, "{kills} kills");
}

/// The same up to so many times, with these numbers of workers in turn. Returns how often it was killed
/// before its end.
pub(crate) fn kill_often(name: &str, dir: &Path, most: u32, workers: &[usize]) -> u32 {
    let mut rng = Key::new(11).rng();
    let mut kills = 0;
    let mut workers = workers.iter().copied().cycle();
    while kills < most {
        let enough = outcomes(dir) + 1 + rng.below(3);
        let mut child = process(name, dir, workers.next().unwrap())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while child.try_wait().unwrap().is_none() && outcomes(dir) < enough {
            std::thread::sleep(Duration::from_millis(1));
        }
        // not always right behind what was written
        std::thread::sleep(Duration::from_millis(rng.below(10)));
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
    kills
}
