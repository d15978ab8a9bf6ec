//! User code may give jobs to rayon and wait for them as it likes: no worker is in its way.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use hobbit::function::{Function, Trial};
use hobbit::testing::Fake;
use hobbit::{EpochContext, Hyperband, Metrics, Objective, TrialContext};
use rayon::prelude::*;

use crate::support::{OtherParams, kill};

/// Adds up numbers in the way it is told.
fn adding(way: fn(u64) -> u64) -> Fake<OtherParams, u64> {
    let build = |hparams: &OtherParams, _: &TrialContext| Ok((1000.0 * hparams.rate) as u64);
    let epoch = move |n: &mut u64, _: &EpochContext<'_>, metrics: &mut Metrics| {
        let sum = way(*n);
        assert_eq!(sum, *n * (*n + 1) / 2);
        metrics.report("val_loss", sum as f64);
        Ok(())
    };
    Fake::new(build, epoch)
}

fn spawned(n: u64) -> u64 {
    let (send, receive) = channel();
    rayon::spawn(move || send.send((0..=n).into_par_iter().sum()).unwrap());
    receive.recv().unwrap()
}

fn broadcast(n: u64) -> u64 {
    let all = rayon::broadcast(|context| context.num_threads() as u64);
    assert!(all.iter().all(|&threads| threads == all.len() as u64));
    (0..=n).sum()
}

/// Waits for all threads of the pool without helping them.
fn broadcast_and_waited_for(n: u64) -> u64 {
    let (send, receive) = channel();
    let threads = rayon::current_num_threads();
    rayon::spawn_broadcast(move |_| send.send(()).unwrap());
    assert_eq!(receive.iter().count(), threads);
    (0..=n).sum()
}

fn scoped(n: u64) -> u64 {
    let (send, receive) = channel();
    rayon::in_place_scope(|scope| {
        scope.spawn(move |_| send.send((0..=n).sum()).unwrap());
        receive.recv().unwrap()
    })
}

fn joined(n: u64) -> u64 {
    let (low, high) = rayon::join(|| (0..=n / 2).sum::<u64>(), || (n / 2 + 1..=n).sum::<u64>());
    low + high
}

fn in_a_pool_of_its_own(n: u64) -> u64 {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| scoped_in_parts(n))
}

fn scoped_in_parts(n: u64) -> u64 {
    let mut parts = [0; 4];
    rayon::scope(|scope| {
        for (place, part) in (0u64..).zip(&mut parts) {
            scope.spawn(move |_| *part = (0..=n).filter(|i| i % 4 == place).sum());
        }
    });
    parts.iter().sum()
}

/// Every way to use rayon with every number of workers, as a process of its own because it may hang.
pub(crate) fn adder(_: &Path, workers: usize) {
    let ways = [spawned, broadcast, broadcast_and_waited_for, scoped, joined, in_a_pool_of_its_own];
    for way in ways {
        let results = Hyperband::of(adding(way)).quiet().workers(workers).run(9, 3).unwrap();
        assert_eq!(results.trials().len(), 17);
        let function = Hyperband::of(adding_function(way)).quiet().workers(workers).run(9, 3).unwrap();
        assert_eq!(function.to_string(), results.to_string());
    }
}

/// The same in a function.
fn adding_function(way: fn(u64) -> u64) -> impl Objective {
    Function::new(move |hparams: &OtherParams, trial: &mut Trial| {
        let n = (1000.0 * hparams.rate) as u64;
        for _ in trial.epochs() {
            trial.report("val_loss", way(n) as f64)?;
        }
        Ok(())
    })
}

/// The same where the sweep itself is a job of a pool, whose threads it occupies.
pub(crate) fn nested(_: &Path, workers: usize) {
    for way in [spawned, broadcast, scoped, joined, in_a_pool_of_its_own] {
        let sweep = || Hyperband::of(adding(way)).quiet().workers(workers).run(9, 3).unwrap();
        let (first, second) = rayon::join(sweep, sweep);
        assert_eq!(first.to_string(), second.to_string());
        let mut others: Vec<String> = Vec::new();
        (0..3).into_par_iter().map(|_| sweep().to_string()).collect_into_vec(&mut others);
        assert!(others.iter().all(|other| *other == first.to_string()));
        let function = || Hyperband::of(adding_function(way)).quiet().workers(workers).run(9, 3).unwrap();
        let (one, other) = rayon::join(function, function);
        assert!(one.to_string() == first.to_string() && other.to_string() == first.to_string());
    }
}

#[test]
fn jobs_of_user_code_do_not_wait_for_workers() {
    let dir = tempfile::tempdir().unwrap();
    for test in ["adder", "nested"] {
        for (workers, threads) in [(1, 1), (2, 1), (2, 2), (5, 2)] {
            let mut process = kill::process(&format!("sweep::pools::{test}"), dir.path(), workers);
            process.env("RAYON_NUM_THREADS", threads.to_string());
            let mut process = process.spawn().unwrap();
            let begin = Instant::now();
            let status = loop {
                match process.try_wait().unwrap() {
                    Some(status) => break status,
                    // far longer than it can take
                    None if begin.elapsed() > Duration::from_secs(120) => {
                        process.kill().unwrap();
                        panic!("{test} hangs with {workers} workers");
                    }
                    None => std::thread::sleep(Duration::from_millis(10)),
                }
            };
            assert!(status.success(), "{test} with {workers} workers: {status}");
        }
    }
}

/// What an objective holds (files, devices, connections) can be relied on to be free when its sweep is over.
#[test]
fn when_a_sweep_is_over_no_thread_has_its_objective_any_more() {
    let sweep = || {
        for workers in [1, 3, 7].repeat(20) {
            let held = Arc::new(());
            let for_objective = held.clone();
            let objective = Fake::<OtherParams, f64>::constant(move |hparams| {
                let _held = &for_objective;
                hparams.rate
            });
            drop(Hyperband::of(objective).quiet().workers(workers).run(3, 3).unwrap());
            assert_eq!(Arc::strong_count(&held), 1, "{workers} workers");
        }
    };
    sweep();
    rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(sweep);
}
