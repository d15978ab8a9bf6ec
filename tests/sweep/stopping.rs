//! Objectives that end a stage by themselves.

use std::path::Path;
use std::sync::{Arc, Mutex};

use hobbit::repository::Reader;
use hobbit::{EpochContext, Event, Hyperband, Metrics, Plan};

use crate::support::scripted::{Rate, Scripted, scripted};

/// A curve that depends on everything that an epoch knows, and is stopped when it has had a few epochs of a
/// stage.
fn fickle(hparams: &Rate, epoch: &EpochContext<'_>, metrics: &mut Metrics) {
    let noise = epoch.key(1).rng().unit();
    metrics.report("val_loss", hparams.rate + noise + 1.0 / (epoch.stage_end + epoch.epoch) as f64);
    if noise < 0.3 {
        metrics.stop();
    }
}

fn study(dir: &Path) -> Hyperband<Scripted> {
    scripted(&["val_loss"], fickle).seed(2).repo_dir(dir)
}

fn results(dir: &Path) -> Vec<u8> {
    std::fs::read(dir.join("results.ron")).unwrap()
}

#[test]
fn a_stage_that_the_objective_ends_has_no_more_epochs() {
    let dir = tempfile::tempdir().unwrap();
    let epochs = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&epochs);
    let count = move |event: &Event| {
        if let Event::Epoch { .. } = event {
            *seen.lock().unwrap() += 1;
        }
    };
    let all = study(dir.path()).observe(count).run(27, 3).unwrap();
    let trained: u64 = all.trials().iter().map(|trial| trial.epochs).sum();
    assert_eq!(*epochs.lock().unwrap(), trained);
    assert!(trained < Plan::new(27, 3).unwrap().total_epochs() / 2, "{trained}");
    let stages = || all.trials().iter().flat_map(|trial| &trial.stages);
    assert!(stages().any(|stage| stage.stopped_at().is_some()));
    for stage in stages() {
        let planned = [1, 3, 9, 27].contains(&(stage.to - stage.from));
        assert!(planned && (1..=stage.to - stage.from).contains(&(stage.history.len() as u64)));
    }
    let overview = Reader::open(dir.path()).unwrap().overview().unwrap();
    assert_eq!(overview.trained_epochs(), trained);
    assert_eq!(overview.trials.len(), all.trials().len());
}

#[test]
fn it_is_the_same_in_parts_with_and_without_checkpoints() {
    let dirs: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    study(dirs[0].path()).run(27, 3).unwrap();
    let first = results(dirs[0].path());
    study(dirs[1].path()).workers(2).memory_budget(0).checkpoint_every(1).run(27, 3).unwrap();
    assert!(results(dirs[1].path()) == first, "two workers, from checkpoints");
    for (place, checkpoints) in [(2, true), (3, false)] {
        let mut runs = 0;
        loop {
            runs += 1;
            // more and more, because without checkpoints a trial has to come to the end of its stage from its
            // beginning
            let study = study(dirs[place].path()).checkpoints(checkpoints).epoch_budget(5 * runs);
            if study.run(27, 3).unwrap().stopped().is_none() {
                break;
            }
        }
        assert!(runs > 5 && results(dirs[place].path()) == first, "{runs} runs, checkpoints {checkpoints}");
    }
    // and a larger plan goes on from what there is
    let dir = tempfile::tempdir().unwrap();
    study(dir.path()).run(9, 3).unwrap();
    study(dir.path()).extend().run(27, 3).unwrap();
    assert!(results(dir.path()) == first, "extended");
}

#[cfg(feature = "interop")]
#[test]
fn exports_have_no_more_epochs_than_were_trained() {
    let dir = tempfile::tempdir().unwrap();
    study(dir.path()).run(9, 3).unwrap();
    let overview = Reader::open(dir.path()).unwrap().overview().unwrap();
    let path = dir.path().join("study.journal");
    hobbit::interop::OptunaJournal::new(&path).export(&overview).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let values = text.lines().filter(|line| line.contains("\"intermediate_value\"")).count();
    assert_eq!(values as u64, overview.trained_epochs());
}
