//! The ends of trials in the journal: each is there once, and whoever reads the journal needs no plan for
//! them.

use std::path::Path;
use std::sync::atomic::Ordering;

use hobbit::repository::{Reader, Record, Status};
use hobbit::{Hyperband, Results, TrialId};

use crate::support::Curve;
use crate::support::journal::change_journal;

fn study(curve: &Curve, dir: &Path) -> Hyperband<Curve> {
    Hyperband::of(curve.clone()).quiet().seed(3).workers(2).repo_dir(dir)
}

/// 30 % of the trials panic, and some diverge.
fn troubled() -> Curve {
    Curve { trouble: Some(std::time::Duration::ZERO), ..Curve::default() }
}

fn sorted(mut ends: Vec<(TrialId, Status)>) -> Vec<(TrialId, Status)> {
    ends.sort_by_key(|(trial, _)| *trial);
    ends
}

fn ends(dir: &Path) -> Vec<(TrialId, Status)> {
    let records = Reader::open(dir).unwrap().journal().unwrap().into_iter();
    let end = |record| match record {
        Record::Ended { trial, status } => Some((trial, status)),
        _ => None,
    };
    sorted(records.filter_map(end).collect())
}

fn told(results: &Results<Curve>) -> Vec<(TrialId, Status)> {
    sorted(results.trials().iter().map(|trial| (trial.id, trial.status.clone())).collect())
}

fn journal(dir: &Path) -> Vec<Record> {
    Reader::open(dir).unwrap().journal().unwrap()
}

/// The overview tells what the results do.
fn agrees(dir: &Path, results: &Results<Curve>) {
    let overview = Reader::open(dir).unwrap().overview().unwrap();
    assert_eq!(overview.lost_outcomes(), 0);
    let told =
        overview.trials.iter().map(|trial| (trial.id, trial.status.clone(), trial.score, trial.epochs()));
    let results = results.trials().iter();
    let results =
        results.map(|trial| (trial.id, trial.status.clone(), trial.score.zip(trial.epoch), trial.epochs));
    assert_eq!(told.collect::<Vec<_>>(), results.collect::<Vec<_>>());
}

#[test]
fn every_trial_ends_once_before_its_process_closes_its_work() {
    for curve in [Curve::default(), troubled()] {
        let dir = tempfile::tempdir().unwrap();
        let results = study(&curve, dir.path()).run(9, 3).unwrap();
        assert_eq!(ends(dir.path()), told(&results));
        agrees(dir.path(), &results);
        let before = journal(dir.path());
        assert!(matches!(before.last(), Some(Record::Closed { reason: None, .. })));
        // a process that has nothing to train has nothing to decide either
        study(&curve, dir.path()).run(9, 3).unwrap();
        let after = journal(dir.path());
        assert_eq!(after[..before.len()], before);
        assert!(matches!(after[before.len()..], [Record::Opened { .. }, Record::Closed { .. }]));
    }
}

#[test]
fn ends_that_a_process_did_not_write_are_written_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let all = told(&study(&troubled(), dir.path()).run(9, 3).unwrap());
    for keep in [0, 1, 7, all.len() - 1] {
        change_journal(dir.path(), |texts| {
            let mut kept = 0;
            texts.retain(|text| {
                kept += usize::from(text.starts_with("Ended("));
                !text.starts_with("Closed(") && (kept <= keep || !text.starts_with("Ended("))
            });
        });
        let reader = Reader::open(dir.path()).unwrap();
        let checks = reader.verify().unwrap();
        assert!(checks.iter().all(|check| check.state.is_fine()), "{checks:?}");
        let overview = reader.overview().unwrap();
        assert!(overview.trials.iter().any(|trial| trial.status == Status::Unfinished), "{keep}");
        let curve = troubled();
        let results = study(&curve, dir.path()).run(9, 3).unwrap();
        assert_eq!(curve.epochs.load(Ordering::Relaxed), 0, "nothing is trained");
        assert_eq!(ends(dir.path()), all, "{keep}");
        agrees(dir.path(), &results);
    }
}

#[test]
fn what_was_decided_is_decided_anew_when_the_study_grows() {
    let dir = tempfile::tempdir().unwrap();
    let small = study(&Curve::default(), dir.path()).run(3, 3).unwrap();
    agrees(dir.path(), &small);
    study(&Curve::default(), dir.path()).extend().epoch_budget(5).run(9, 3).unwrap();
    let large = study(&Curve::default(), dir.path()).extend().run(9, 3).unwrap();
    agrees(dir.path(), &large);
    let checks = Reader::open(dir.path()).unwrap().verify().unwrap();
    let text = &checks.iter().find(|check| check.file == "study.ron").unwrap().text;
    assert!(text.starts_with("R = 3, eta = 3; extended to R = 9, eta = 3, seed "), "{text}");
    let records = journal(dir.path());
    let grown = records.iter().rposition(|record| matches!(record, Record::Extended { .. })).unwrap();
    let after = records[grown..].iter().filter(|record| matches!(record, Record::Ended { .. }));
    assert_eq!(after.count(), 9 + 5 + 3);
    let whole = tempfile::tempdir().unwrap();
    study(&Curve::default(), whole.path()).run(9, 3).unwrap();
    let results = |dir: &Path| std::fs::read(dir.join("results.ron")).unwrap();
    assert!(results(dir.path()) == results(whole.path()));
}

/// What other machines train goes on when the process that holds the lock is another one.
#[test]
fn a_process_that_begins_ends_no_trial_of_another_machine() {
    let dir = tempfile::tempdir().unwrap();
    study(&Curve::default(), dir.path()).run(9, 3).unwrap();
    change_journal(dir.path(), |texts| {
        texts.truncate(1);
        let started = |trial: u32, machine: &str| {
            format!("Started(time:2.0,trial:\"1-{trial}\",stage:0,worker:0,{machine}hparams:[])")
        };
        texts.extend([started(1, ""), started(2, "machine:3,"), started(3, "machine:4,")]);
        texts.push(texts[0].clone());
        texts.push(started(4, ""));
    });
    let overview = Reader::open(dir.path()).unwrap().overview().unwrap();
    let running = |trial| overview.trial(TrialId::new(1, trial)).unwrap().running.is_some();
    assert_eq!([1, 2, 3, 4].map(running), [false, true, true, true]);
}
