//! Early stopping in whole sweeps: which way a metric gets better, and that a trial has the epochs it was
//! trained.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use hobbit::observe::epochs_csv;
use hobbit::prelude::*;
use hobbit::repository::Reader;
use hobbit::train::{CustomMetric, EarlyStopping, ModelObjective};
use hobbit::{Plan, TrialId};

use super::results_and_weights;

#[search_space]
struct Rate {
    #[log_uniform(1e-2..=0.9)]
    rate: f64,
}

fn within(outputs: &[f32], target: &[f32]) -> f64 {
    f64::from((outputs[0] - target[0]).abs() < 0.2)
}

fn line() -> Dataset {
    let x: Vec<f32> = (0..256).map(|i| (i as f32 * 0.37).sin()).collect();
    let y: Vec<f32> = x.iter().map(|x| 3.0 * x + 0.5).collect();
    Dataset::new((&x, &y), (&x, &y)).unwrap()
}

type Function = Box<dyn Fn(&Rate) -> Compiled + Send + Sync>;
type Study = Hyperband<ModelObjective<Rate, Function, Compiled>>;

/// A line that is learned slowly, and how many of its samples are nearly right.
fn study(metric: CustomMetric, rule: Option<EarlyStopping>) -> Study {
    let model: Function = Box::new(move |_: &Rate| {
        let model = Sequential::new([1])
            .dense(1)
            .compile(Sgd::new(0.01), Loss::MeanSquaredError)
            .metrics([Metric::Custom(metric), Metric::MeanAbsoluteError]);
        match rule.clone() {
            Some(rule) => model.early_stopping(rule),
            None => model,
        }
    });
    Hyperband::new(model).dataset(line()).quiet().monitor("val_within")
}

#[test]
fn early_stopping_goes_the_way_of_its_metric() {
    let silent = CustomMetric::new("within", within);
    let rule = || EarlyStopping::new("val_within", 3);
    let best = |study: Study| study.run(27, 3).unwrap().best().score.unwrap();
    let whole = best(study(silent, None).direction(Direction::Maximize));
    assert!(whole > 0.8, "{whole}");
    // the sweep says so, the metric, or the rule
    let silent_mae = || study(silent, Some(rule().direction(Direction::Maximize))).monitor("val_mae");
    assert!(best(study(silent, Some(rule())).direction(Direction::Maximize)) > 0.8);
    assert!(best(study(silent.maximize(), Some(rule()))) > 0.8);
    assert!(best(silent_mae()) < 0.5);
    // a rule for another direction stops training as soon as it does some good
    let wrong = rule().direction(Direction::Minimize);
    assert!(best(study(silent.maximize(), Some(wrong))) < 0.8);
}

#[test]
fn a_direction_that_is_not_known_is_asked_for() {
    let silent = CustomMetric::new("within", within);
    let error = |study: Study| study.run(3, 3).unwrap_err().to_string();
    let text = error(study(silent, None));
    assert!(text.contains("`val_within`") && text.contains(".direction(Direction::Maximize)"), "{text}");
    let text = error(study(silent, Some(EarlyStopping::new("val_within", 3))).monitor("val_mae"));
    assert!(text.contains("early stopping") && text.contains(".maximize()"), "{text}");
    study(silent, None).direction(Direction::Maximize).run(3, 3).unwrap();
    assert_eq!(study(silent.maximize(), None).run(3, 3).unwrap().direction(), Direction::Maximize);
    assert_eq!(study(silent, None).monitor("val_mae").run(3, 3).unwrap().direction(), Direction::Minimize);
    assert_eq!(
        study(CustomMetric::new("my_error", within), None)
            .monitor("val_my_error")
            .run(3, 3)
            .unwrap()
            .direction(),
        Direction::Minimize
    );
}

#[test]
fn a_study_from_before_directions_were_asked_for_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let study = || study(CustomMetric::new("within", within), None).repo_dir(dir.path()).epoch_budget(5);
    study().direction(Direction::Minimize).run(9, 3).unwrap();
    let notes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&notes);
    let observer = move |event: &hobbit::Event| {
        if let hobbit::Event::Note(text) = event {
            seen.lock().unwrap().push(text.clone());
        }
    };
    let results = study().observe(observer).run(9, 3).unwrap();
    assert_eq!(results.direction(), Direction::Minimize);
    let notes = notes.lock().unwrap();
    assert!(notes.iter().any(|note| note.contains("minimizes `val_within`")), "{notes:?}");
}

/// How often each trial's callback was called.
type Calls = Arc<Mutex<BTreeMap<TrialId, Vec<u64>>>>;

/// Trials that jump about, and are stopped after two epochs that were no better.
fn jumping(calls: &Calls) -> Study {
    let calls = Arc::clone(calls);
    let model: Function = Box::new(move |hp: &Rate| {
        let calls = Arc::clone(&calls);
        Sequential::new([1])
            .dense(1)
            .compile(Sgd::new(hp.rate).momentum(0.5), Loss::MeanSquaredError)
            .early_stopping(EarlyStopping::new("val_mse", 2))
            .on_epoch_end(move |end| {
                calls.lock().unwrap().entry(end.trial).or_default().push(end.epochs);
                ControlFlow::Continue(())
            })
    });
    Hyperband::new(model).dataset(line()).quiet().seed(4)
}

#[test]
fn a_trial_that_is_stopped_has_the_epochs_it_was_trained() {
    let calls = Calls::default();
    let dir = tempfile::tempdir().unwrap();
    let results = jumping(&calls).repo_dir(dir.path()).run(27, 3).unwrap();
    let calls = calls.lock().unwrap();
    let planned = Plan::new(27, 3).unwrap().total_epochs();
    let trained: usize = calls.values().map(Vec::len).sum();
    assert!((trained as u64) < planned * 3 / 4, "{trained} of {planned}");
    let overview = Reader::open(dir.path()).unwrap().overview().unwrap();
    assert_eq!(overview.trained_epochs(), trained as u64);
    let csv = epochs_csv(&overview.trials);
    assert_eq!(csv.lines().count(), 1 + trained);
    for trial in results.trials() {
        let epochs = calls[&trial.id].len() as u64;
        assert_eq!(calls[&trial.id], (1..=epochs).collect::<Vec<_>>());
        assert_eq!(trial.epochs, epochs);
        assert!(trial.epoch.unwrap() <= epochs);
        let mut from = 0;
        for stage in &trial.stages {
            let rows = stage.history.len() as u64;
            assert_eq!(stage.from, from);
            assert_eq!(stage.stopped_at().is_some(), from + rows < stage.to);
            from += rows;
        }
        assert_eq!(from, epochs);
        let seen = overview.trial(trial.id).unwrap();
        assert_eq!((seen.epochs(), seen.score), (epochs, trial.score.zip(trial.epoch)));
        let lines = csv.lines().filter(|line| line.starts_with(&format!("{},", trial.id)));
        assert_eq!(lines.count() as u64, epochs);
    }
    let later = results
        .trials()
        .iter()
        .find(|trial| trial.stages.iter().rev().skip(1).any(|s| s.stopped_at().is_some()));
    assert!(later.is_some(), "some trial goes on after it was stopped");
    assert!(overview.epochs_left() == 0 && overview.is_finished());
}

#[test]
fn stopped_trials_are_resumed_and_made_again_to_the_same_bytes() {
    let calls = Calls::default();
    let dirs: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    let study = |place: usize| jumping(&calls).repo_dir(dirs[place].path());
    study(0).workers(1).run(27, 3).unwrap();
    study(1).workers(3).memory_budget(0).checkpoint_every(2).run(27, 3).unwrap();
    let in_parts = |study: &dyn Fn() -> Study| {
        // more and more, because without checkpoints a trial has to come to the end of its stage from its
        // beginning
        for budget in (5..).step_by(5) {
            if study().epoch_budget(budget).workers(1).run(27, 3).unwrap().stopped().is_none() {
                break;
            }
        }
    };
    in_parts(&|| study(2));
    in_parts(&|| study(3).checkpoints(false));
    let first = results_and_weights(dirs[0].path());
    assert_eq!(first.len(), 2);
    assert!(first == results_and_weights(dirs[1].path()), "three workers, nothing kept in memory");
    assert!(first == results_and_weights(dirs[2].path()), "interrupted again and again");
    let results = |files: &[(std::ffi::OsString, Vec<u8>)]| {
        files.iter().find(|(name, _)| name == "results.ron").cloned()
    };
    assert!(results(&first) == results(&results_and_weights(dirs[3].path())), "without checkpoints");
}
