//! hobbit's sweep, and the same stages of the same trials in a plain rayon loop with the same kernels: no scheduler, journal or
//! checkpoints.

use std::time::Instant;

use hobbit::{EpochContext, Key, Metrics, Objective, TrialContext, TrialId};
use rayon::prelude::*;

use crate::digits::{Hparams, study};
use crate::say;

/// In the directory for temporary files, which whoever starts this clears: making files takes longer after others were removed.
fn repository() -> std::path::PathBuf {
    let dir = std::env::temp_dir().join(format!("hobbit-peers-{}", std::process::id()));
    // left over from an earlier process of this number
    let _ = std::fs::remove_dir_all(&dir);
    dir
}

/// With journal and checkpoints.
pub(crate) fn hobbit(seed: u64, workers: usize) {
    let dir = repository();
    let study = study().quiet().seed(seed).workers(workers).repo_dir(&dir);
    let start = Instant::now();
    let results = study.run(27, 3).expect("the sweep works");
    let name = format!("hobbit, {workers} worker{}", if workers == 1 { "" } else { "s" });
    let epochs = results.trials().iter().map(|trial| trial.epochs).sum();
    say(&name, epochs, start, results.best().score.unwrap_or(f64::NAN));
}

/// What hobbit's sweep trains, in a plain loop.
pub(crate) fn kernels(seed: u64, workers: usize) {
    // which trials there are, and which of them were trained in which stage: found out before the clock starts
    let found = study().quiet().seed(seed).workers(workers).run(27, 3).expect("the sweep works");
    let mut trials: Vec<(TrialId, Hparams, Vec<(u64, u64)>)> = found
        .trials()
        .iter()
        .map(|t| (t.id, (*t.hparams).clone(), t.stages.iter().map(|s| (s.from, s.to)).collect()))
        .collect();
    trials.sort_by_key(|(id, ..)| *id);
    let objective = study().into_objective();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build().expect("there are threads");
    let start = Instant::now();
    let (mut epochs, mut best) = (0, 0.0f64);
    for bracket in 1..=4 {
        let mut running: Vec<_> =
            trials.iter().filter(|(id, ..)| id.bracket == bracket).map(|trial| (trial, None)).collect();
        for stage in 0.. {
            running.retain(|((_, _, stages), _)| stages.len() > stage);
            if running.is_empty() {
                break;
            }
            let scores: Vec<(u64, f64)> = pool.install(|| {
                running
                    .par_iter_mut()
                    .with_max_len(1)
                    .map(|((id, hparams, stages), model)| {
                        let context = TrialContext::detached(*id, Key::new(seed).child(u64::from(id.index)));
                        let model = model
                            .get_or_insert_with(|| objective.build(hparams, &context).expect("it is sound"));
                        let (from, to) = stages[stage];
                        let mut best = 0.0f64;
                        let mut metrics = Metrics::new();
                        for epoch in from..to {
                            let epoch = EpochContext { trial: &context, epoch, stage_end: to };
                            metrics.clear();
                            objective.train_epoch(model, &epoch, &mut metrics).expect("training works");
                            objective.validate(model, &epoch, &mut metrics).expect("validation works");
                            best = best.max(metrics.get("val_accuracy").unwrap_or(0.0));
                        }
                        (to - from, best)
                    })
                    .collect()
            });
            epochs += scores.iter().map(|(epochs, _)| epochs).sum::<u64>();
            best = scores.iter().fold(best, |best, (_, score)| best.max(*score));
        }
    }
    say(&format!("rayon loop over hobbit's kernels, {workers} threads"), epochs, start, best);
}
