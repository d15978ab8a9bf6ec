//! How much faster two workers are than one, and how much faster they could be on this machine: `cargo bench -p hobbit --bench scaling`.
//!
//! In each round a sweep with R=27 runs with one worker, with two, and twice at once with one worker each; in turn, because the speed
//! of machines drifts. Two sweeps at once share nothing: what they take longer than one alone is the machine's share.

mod digits;
#[expect(dead_code, reason = "training alone is measured elsewhere")]
mod nets;

use std::time::Instant;

use hobbit::{Hyperband, Objective};
use nets::NETS;

const ROUNDS: usize = 15;

fn main() {
    // `cargo bench -- --test` only wants to know that it runs
    let rounds = if std::env::args().any(|argument| argument == "--test") { 1 } else { ROUNDS };
    println!(
        "{:<30} {:>17} {:>25} {:>28}",
        "sweep", "one worker in ms", "two workers faster by", "two sweeps at once, together"
    );
    compare("digits", rounds, |_| digits::study());
    let dir = tempfile::tempdir().expect("there is room");
    let path = dir.path();
    compare("digits, with a repository", rounds, |number| {
        digits::study().repo_dir(path.join(number.to_string()))
    });
    compare("784-128-128-10", rounds, |_| Hyperband::of(NETS[3].objective(20)));
}

/// Prints a line of the table: medians, and in brackets quartiles. A study is made outside of the time.
fn compare<O: Objective>(name: &str, rounds: usize, study: impl Fn(usize) -> Hyperband<O> + Sync) {
    let sweep =
        |study: Hyperband<O>, workers| study.quiet().workers(workers).run(27, 3).expect("the sweep works");
    let (mut alone, mut workers, mut sweeps) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let [first, second, third, fourth] = [0, 1, 2, 3].map(|number| study(4 * round + number));
        let one = seconds(|| sweep(first, 1));
        let two = seconds(|| sweep(second, 2));
        let both = seconds(|| {
            std::thread::scope(|scope| {
                scope.spawn(|| sweep(third, 1));
                scope.spawn(|| sweep(fourth, 1));
            });
        });
        alone.push(1e3 * one);
        workers.push(one / two);
        sweeps.push(2.0 * one / both);
    }
    println!(
        "{name:<30} {:>17} {:>25} {:>28}",
        quartiles(alone, 0),
        quartiles(workers, 3),
        quartiles(sweeps, 3)
    );
}

fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    let _done = work();
    start.elapsed().as_secs_f64()
}

fn quartiles(mut values: Vec<f64>, places: usize) -> String {
    values.sort_by(f64::total_cmp);
    let [low, median, high] = [1, 2, 3].map(|quarter| values[(values.len() - 1) * quarter / 4]);
    format!("{median:.places$} ({low:.places$} to {high:.places$})")
}
