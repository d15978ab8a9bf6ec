//! Sweeps with `Kde` that are killed again and again, with another number of workers each time, end as if
//! they were not. With `HOBBIT_TEST_KILLS=100` they are as long as that takes.

use std::path::Path;
use std::time::Duration;

use hobbit::repository::Reader;
use hobbit::search::Kde;
use hobbit::{Asha, Hyperband};

use super::sweeps::{Params, objective, results, set_up};
use crate::support::kill::{kill_often, kills};

const WORKERS: [usize; 4] = [1, 2, 7, 16];

/// Enough for as many outcomes as there are between the kills.
fn repetitions() -> u32 {
    2 * kills().div_ceil(5)
}

/// A sweep whose trials never count as failed because processes die; an epoch takes at least this long.
type Sweep = fn(&Path, usize, Duration);

fn by_hyperband(dir: &Path, workers: usize, pace: Duration) {
    let study = set_up(Hyperband::of(objective().pace(pace)), dir).sampler(Kde::new()).max_deaths(u32::MAX);
    study.workers(workers).iterations(repetitions()).run(9, 3).unwrap();
}

fn by_asha(dir: &Path, workers: usize, pace: Duration) {
    let study = set_up(Asha::of(objective().pace(pace)), dir).sampler(Kde::new()).max_deaths(u32::MAX);
    study.workers(workers).lookahead(8).run(20 * repetitions(), 9, 3).unwrap();
}

/// Slow enough to be killed in the middle of something.
const PACE: Duration = Duration::from_millis(8);

pub(crate) fn hyperband(dir: &Path, workers: usize) {
    by_hyperband(dir, workers, PACE);
}

pub(crate) fn asha(dir: &Path, workers: usize) {
    by_asha(dir, workers, PACE);
}

/// Kills a sweep, lets it end, and holds it against those that were not killed.
fn ends_with_the_same_bytes(name: &str, sweep: Sweep) {
    let whole = |workers| {
        let dir = tempfile::tempdir().unwrap();
        sweep(dir.path(), workers, Duration::ZERO);
        results(dir.path())
    };
    let expected = whole(16);
    assert!(WORKERS[..3].iter().all(|&workers| whole(workers) == expected), "it depends on workers");
    for reason in ["out of luck", "Diverged", "cannot be built"] {
        assert!(expected.contains(reason), "no trial was {reason}");
    }
    let dir = tempfile::tempdir().unwrap();
    let killed = kill_often(name, dir.path(), kills(), &WORKERS);
    println!("{name}: killed {killed} times of {}", kills());
    assert!(5 * killed >= 3 * kills(), "{killed} kills");
    sweep(dir.path(), 2, Duration::ZERO);
    assert!(results(dir.path()) == expected, "it ends with other results after {killed} kills");
    let checks = Reader::open(dir.path()).unwrap().verify().unwrap();
    assert!(checks.iter().all(|check| check.state.is_fine()), "{checks:?}");
    // and everything that it has proposed follows from its outcomes
    assert_eq!(hobbit::propose_again::<Params>(dir.path(), Kde::new()).unwrap(), [""; 0]);
}

#[test]
fn hyperband_with_kde_ends_with_the_same_bytes() {
    ends_with_the_same_bytes("search::kill::hyperband", by_hyperband);
}

#[test]
fn asha_with_kde_ends_with_the_same_bytes() {
    ends_with_the_same_bytes("search::kill::asha", by_asha);
}
