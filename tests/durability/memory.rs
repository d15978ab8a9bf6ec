//! Trials that do not fit into a device's memory beside others are trained alone; those that do not fit even so have failed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hobbit::{Event, Hyperband, MaxFailures, Status};

use crate::support::Curve;

/// The table, and how many trials were tried again alone.
fn run(dir: &Path, workers: usize) -> (Vec<u8>, u64) {
    let crowd = Some(Arc::new(AtomicU64::new(0)));
    let curve = Curve { pace: Duration::from_millis(1), crowd, ..Curve::default() };
    let again = Arc::new(AtomicU64::new(0));
    let count = again.clone();
    let note = move |event: &Event| {
        if let Event::Note(text) = event {
            assert!(text.contains("is tried again alone: out of memory: 0."), "{text}");
            count.fetch_add(1, Ordering::Relaxed);
        }
    };
    let study = Hyperband::of(curve).quiet().seed(5).workers(workers).max_failures(MaxFailures::Share(1.0));
    let results = study.observe(note).repo_dir(dir).run(9, 3).unwrap();
    for trial in results.trials() {
        let is_full = |reason: &str| reason.starts_with("out of memory: ");
        let failed = matches!(&trial.status, Status::Failed { reason, .. } if is_full(reason));
        assert_eq!(failed, trial.hparams.luck < 0.1, "{}", trial.hparams.luck);
    }
    (std::fs::read(dir.join("results.ron")).unwrap(), again.load(Ordering::Relaxed))
}

#[test]
fn a_full_memory_costs_no_trial_that_fits_alone() {
    let dirs = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let workers = [1, 2, 8].into_iter();
    let runs: Vec<_> = dirs.iter().zip(workers).map(|(dir, workers)| run(dir.path(), workers)).collect();
    let hopeless = runs[0].1;
    assert!(hopeless > 0, "those that never fit are tried again too");
    assert!(runs.iter().all(|(table, _)| *table == runs[0].0));
    assert!(runs[2].1 > hopeless, "some met others");
}
