//! Metrics whose names hobbit or TensorBoard use themselves.

use std::collections::BTreeMap;
use std::path::Path;

use hobbit::interop::TensorBoard;
use hobbit::testing::Fake;
use hobbit::{Direction, EpochContext, Hyperband, Metrics, TrialContext, search_space};

use super::overview;

#[search_space]
struct Rate {
    #[uniform(0.0..=1.0)]
    rate: f64,
}

/// Reports metrics of these names; each has values of its own.
fn named(names: &'static [&'static str]) -> Fake<Rate, (f64, f64)> {
    let build = |rate: &Rate, _: &TrialContext| Ok((rate.rate, 0.0));
    let epoch = move |(rate, epochs): &mut (f64, f64), _: &EpochContext<'_>, metrics: &mut Metrics| {
        *epochs += 1.0;
        for (place, name) in (0..).zip(names) {
            metrics.report(*name, *rate + f64::from(place) + 1.0 / *epochs);
        }
        Ok(())
    };
    let fake = Fake::new(build, epoch).metrics(names.iter().copied());
    fake.state(|(_, epochs)| vec![*epochs], |(_, epochs), state| *epochs = state[0])
}

const NAMES: [&str; 14] = [
    "val_loss",
    "score",
    "epoch",
    "hobbit/score",
    "metrics/hobbit/score",
    "metrics/score",
    "metrics/",
    "",
    "_hparams_/session_start_info",
    "_hparams_/session_end_info",
    "hparams/rate",
    "a/b/c",
    "wall_time",
    "Score",
];

fn sizes(dir: &Path) -> BTreeMap<String, u64> {
    let mut sizes = BTreeMap::new();
    for run in std::fs::read_dir(dir).unwrap() {
        for file in std::fs::read_dir(run.unwrap().path()).unwrap() {
            let file = file.unwrap();
            sizes.insert(file.path().display().to_string(), file.metadata().unwrap().len());
        }
    }
    sizes
}

fn sweep(dir: &Path, names: &'static [&'static str], epochs: u32) -> u64 {
    let (repo, logs) = (dir.join("repo"), dir.join("logs"));
    let study = Hyperband::of(named(names)).monitor(names[0]).direction(Direction::Minimize).seed(3).quiet();
    study.repo_dir(&repo).workers(1).observe(TensorBoard::new(&logs)).run(epochs, epochs).unwrap();
    let live = sizes(&logs);
    // neither does a live sweep write anything twice, nor do exports
    TensorBoard::new(&logs).export(&overview(&repo)).unwrap();
    assert!(sizes(&logs) == live, "an export added to what the sweep had written");
    let exported = dir.join("exported");
    TensorBoard::new(&exported).export(&overview(&repo)).unwrap();
    let once = sizes(&exported);
    TensorBoard::new(&exported).export(&overview(&repo)).unwrap();
    assert!(sizes(&exported) == once, "the second export wrote something");
    assert!(once.values().sum::<u64>() <= live.values().sum::<u64>());
    live.values().sum()
}

#[test]
fn no_metric_is_taken_for_a_scalar_of_hobbits_and_nothing_is_written_twice() {
    for monitor in 0..NAMES.len() {
        let names: &'static [&'static str] = {
            let mut names = NAMES;
            names.rotate_left(monitor);
            Vec::leak(names.to_vec())
        };
        if names[0].is_empty() {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        sweep(dir.path(), names, 4);
    }
}

#[test]
fn a_live_file_grows_with_the_epochs() {
    let bytes = |epochs| {
        let dir = tempfile::tempdir().unwrap();
        sweep(dir.path(), &["score", "loss"], epochs)
    };
    let (some, more) = (bytes(20), bytes(80));
    assert!(more < 5 * some, "{some} bytes for 20 epochs, {more} for 80");
}
