//! Equal scores: what decides between trials, between the epochs of one trial, and who is promoted.

use std::sync::{Arc, Mutex};

use hobbit::repository::Reader;
use hobbit::{Direction, EpochContext, Event, Hyperband, Metrics, Trial};

use crate::support::scripted::{Rate, Scripted, scripted};

/// An accuracy that is soon perfect, and a loss that goes on falling: trials with smaller rates have lower
/// losses.
fn saturated(hparams: &Rate, epoch: &EpochContext<'_>, metrics: &mut Metrics) {
    metrics.report("val_loss", hparams.rate / (epoch.epoch + 1) as f64);
    metrics.report("val_accuracy", if hparams.rate < 0.6 || epoch.epoch > 1 { 1.0 } else { 0.5 });
}

fn study() -> Hyperband<Scripted> {
    scripted(&["val_accuracy", "val_loss"], saturated).seed(1)
}

#[test]
fn the_lower_loss_wins_is_promoted_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let results = study().repo_dir(dir.path()).run(9, 3).unwrap();
    assert_eq!(results.direction(), Direction::Maximize);
    let perfect: Vec<_> = results.trials().iter().filter(|trial| trial.score == Some(1.0)).collect();
    assert!(perfect.len() > 5);
    let loss = |trial: &Trial<Rate>| trial.metric("val_loss").unwrap();
    assert!(perfect.is_sorted_by(|a, b| loss(a) <= loss(b)), "{results}");
    for trial in &perfect {
        assert_eq!(trial.epoch, Some(trial.epochs), "of equal epochs that of the lower loss");
    }
    // of the first bracket's nine trials, the three with the lowest losses
    let mut first: Vec<_> = results.trials().iter().filter(|trial| trial.id.bracket == 1).collect();
    first.sort_by(|a, b| a.hparams.rate.total_cmp(&b.hparams.rate));
    let promoted: Vec<bool> = first.iter().map(|trial| trial.stages.len() > 1).collect();
    assert_eq!(promoted, [true, true, true, false, false, false, false, false, false]);
    // the journal says the same, and so do the weights
    let overview = Reader::open(dir.path()).unwrap().overview().unwrap();
    assert!(overview.trials.iter().map(|trial| trial.id).eq(results.trials().iter().map(|trial| trial.id)));
    assert_eq!(results.best_model().unwrap().epochs, results.best().epoch.unwrap());
}

/// Equal scores and losses, and trials of different lengths.
fn flat(_: &Rate, _: &EpochContext<'_>, metrics: &mut Metrics) {
    metrics.report("val_loss", 0.25);
    metrics.report("loss", 0.5);
}

#[test]
fn then_fewer_epochs_win_and_then_the_smaller_id() {
    let results = scripted(&["val_loss", "loss"], flat).run(9, 3).unwrap();
    let order: Vec<_> = results.trials().iter().map(|trial| (trial.epochs, trial.id)).collect();
    assert!(order.is_sorted(), "{order:?}");
    assert!(results.trials().iter().all(|trial| trial.epoch == Some(1)), "of equal epochs the first");
}

#[test]
fn interruptions_change_nothing_about_ties() {
    let whole = tempfile::tempdir().unwrap();
    study().repo_dir(whole.path()).run(9, 3).unwrap();
    let parts = tempfile::tempdir().unwrap();
    let mut workers = 1;
    loop {
        workers = 3 - workers;
        let study = study().repo_dir(parts.path()).workers(workers).memory_budget(0).epoch_budget(2);
        if study.run(9, 3).unwrap().stopped().is_none() {
            break;
        }
    }
    let read = |dir: &tempfile::TempDir| std::fs::read(dir.path().join("results.ron")).unwrap();
    assert!(read(&whole) == read(&parts));
}

#[test]
fn a_study_from_before_goes_on_with_the_smaller_id() {
    let dir = tempfile::tempdir().unwrap();
    study().repo_dir(dir.path()).epoch_budget(1).run(9, 3).unwrap();
    // as it was written then
    let path = dir.path().join("study.ron");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("    ties: ByLoss,\n"), "{text}");
    std::fs::write(&path, text.replace("    ties: ByLoss,\n", "")).unwrap();
    let results = study().repo_dir(dir.path()).run(9, 3).unwrap();
    let perfect: Vec<_> = results.trials().iter().filter(|trial| trial.score == Some(1.0)).collect();
    assert!(perfect.len() > 5 && perfect.is_sorted_by_key(|trial| trial.id), "{results}");
    let overview = Reader::open(dir.path()).unwrap().overview().unwrap();
    assert!(overview.trials.iter().map(|trial| trial.id).eq(results.trials().iter().map(|trial| trial.id)));
}

/// Falls, in whole numbers.
fn falling(hparams: &Rate, epoch: &EpochContext<'_>, metrics: &mut Metrics) {
    metrics.report("val_loss", (hparams.rate * 10.0 - epoch.epoch as f64).floor());
}

#[test]
fn what_a_stopped_sweep_leaves_unfinished_is_told_to_observers() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let own = Arc::clone(&seen);
    let observer = move |event: &Event| {
        if let Event::StageLeft { record, .. } = event {
            own.lock().unwrap().push((record.trial, record.score.map(|(score, _)| score)));
        }
    };
    let study = scripted(&["val_loss"], falling).observe(observer);
    let results = study.epoch_budget(23).run(9, 3).unwrap();
    let left = seen.lock().unwrap();
    assert_eq!(left.len(), 1, "one worker was in the middle of a stage");
    let (id, score) = left[0];
    assert_eq!(results.trials().iter().find(|trial| trial.id == id).unwrap().score, score);
}
