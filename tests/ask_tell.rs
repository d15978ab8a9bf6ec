//! Studies whose trials are asked for: the bytes of a sweep with the same outcomes, in whatever order they
//! are told, killed and continued.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use hobbit::{
    AskTell, Asked, Hyperband, Metrics, Objective, Status, StopReason, Study, SuccessiveHalving,
    TrialContext, TrialId, asking, by,
};
use hobbit::{EpochContext, testing::Fake};

use crate::support::kill::kill;
use crate::support::scripted::Rate;

type Asking = hobbit::Asking<Rate>;

/// One epoch, counted from 1, of a curve.
fn loss(hp: &Rate, epoch: u64) -> f64 {
    hp.rate + (1.0 - hp.rate) / epoch as f64
}

/// The curve as an objective that remembers nothing.
fn by_trait() -> impl Objective<Hparams = Rate> {
    let build = |hparams: &Rate, _: &TrialContext| Ok(hparams.rate);
    let epoch = |rate: &mut f64, epoch: &EpochContext<'_>, metrics: &mut Metrics| {
        if *rate > 0.95 {
            return Err("too large".into());
        }
        metrics.report("val_loss", loss(&Rate { rate: *rate }, epoch.epoch + 1));
        Ok(())
    };
    Fake::new(build, epoch)
}

fn study<A>(dir: Option<&Path>) -> Study<Asking, A> {
    let study = Study::of(asking()).quiet().seed(4);
    dir.map_or_else(|| Study::of(asking()).quiet().seed(4), |dir| study.repo_dir(dir))
}

/// Trains a trial and tells it.
fn answer(study: &mut AskTell<Rate>, trial: Asked<Rate>) {
    if trial.hparams().rate > 0.95 {
        return study.fail(trial, "too large");
    }
    let measured = |epoch| Metrics::from([("val_loss", loss(trial.hparams(), epoch))]);
    let epochs: Vec<Metrics> = trial.open_epochs().map(measured).collect();
    study.tell(trial, epochs).unwrap();
}

fn results(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("results.ron")).unwrap()
}

#[test]
fn what_is_told_gives_the_bytes_of_a_sweep() {
    fn swept<A>(dir: &Path) -> Study<impl Objective<Hparams = Rate> + use<A>, A> {
        Study::of(by_trait()).quiet().seed(4).workers(1).repo_dir(dir)
    }
    type Swept = fn(&Path);
    type Told = fn(&Path) -> AskTell<Rate>;
    let both: [(Swept, Told); 5] = [
        (
            |dir| drop(swept::<by::Hyperband>(dir).run(9, 3).unwrap()),
            |dir| study::<by::Hyperband>(Some(dir)).ask_tell(9, 3).unwrap(),
        ),
        (
            |dir| drop(swept::<by::SuccessiveHalving>(dir).run(27, 1, 9, 3).unwrap()),
            |dir| study::<by::SuccessiveHalving>(Some(dir)).ask_tell(27, 1, 9, 3).unwrap(),
        ),
        (
            |dir| drop(swept::<by::RandomSearch>(dir).run(7, 5).unwrap()),
            |dir| study::<by::RandomSearch>(Some(dir)).ask_tell(7, 5).unwrap(),
        ),
        (
            |dir| drop(swept::<by::Asha>(dir).run(20, 9, 3).unwrap()),
            |dir| study::<by::Asha>(Some(dir)).ask_tell(20, 9, 3).unwrap(),
        ),
        (
            |dir| drop(swept::<by::Pasha>(dir).run(20, 27, 3).unwrap()),
            |dir| study::<by::Pasha>(Some(dir)).ask_tell(20, 27, 3).unwrap(),
        ),
    ];
    for (swept, told) in both {
        let whole = tempfile::tempdir().unwrap();
        swept(whole.path());
        let dir = tempfile::tempdir().unwrap();
        let mut study = told(dir.path());
        while let Some(trial) = study.ask().unwrap() {
            answer(&mut study, trial);
        }
        assert!(study.finish().unwrap().stopped().is_none());
        assert_eq!(results(dir.path()), results(whole.path()));
    }
}

#[test]
fn several_trials_are_out_at_once_and_told_in_any_order() {
    let whole = tempfile::tempdir().unwrap();
    drop(Hyperband::of(by_trait()).quiet().seed(4).repo_dir(whole.path()).run(9, 3).unwrap());
    for backwards in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let mut study = study::<by::Hyperband>(Some(dir.path())).workers(4).ask_tell(9, 3).unwrap();
        let mut most = 0;
        loop {
            let mut out = Vec::new();
            while let Some(trial) = study.ask().unwrap() {
                out.push(trial);
                assert!(out.len() <= 4);
            }
            if out.is_empty() {
                break;
            }
            most = most.max(out.len());
            if backwards {
                out.reverse();
            }
            out.into_iter().for_each(|trial| answer(&mut study, trial));
        }
        assert_eq!(most, 4);
        drop(study.finish().unwrap());
        assert_eq!(results(dir.path()), results(whole.path()));
    }
}

/// Asks slowly, so that it can be killed. Its trials know what they had from their states.
pub(crate) fn victim(dir: &Path, workers: usize) {
    let mut study =
        study::<by::Hyperband>(Some(dir)).workers(workers).checkpoint_every(2).ask_tell(9, 3).unwrap();
    while let Some(mut trial) = study.ask().unwrap() {
        std::thread::sleep(Duration::from_millis(10));
        if trial.hparams().rate > 0.95 {
            study.fail(trial, "too large");
            continue;
        }
        let mut had: u64 = trial.state().unwrap_or(0);
        for epoch in trial.epochs() {
            had += 1;
            assert_eq!(had, epoch);
            trial.save(&had).unwrap();
            let loss = loss(trial.hparams(), epoch);
            trial.report("val_loss", loss).unwrap();
        }
        study.tell(trial, []).unwrap();
    }
    drop(study.finish().unwrap());
}

#[test]
fn a_killed_program_goes_on_where_it_was() {
    let whole = tempfile::tempdir().unwrap();
    drop(Hyperband::of(by_trait()).quiet().seed(4).repo_dir(whole.path()).run(9, 3).unwrap());
    let dir = tempfile::tempdir().unwrap();
    kill("ask_tell::victim", dir.path());
    victim(dir.path(), 1);
    assert_eq!(results(dir.path()), results(whole.path()));
    // it is over, and stays so
    let mut again = study::<by::Hyperband>(Some(dir.path())).ask_tell(9, 3).unwrap();
    assert!(again.ask().unwrap().is_none() && again.ask().unwrap().is_none());
    let best = again.finish().unwrap();
    assert_eq!(best.best_model().unwrap().state(), best.best().epoch);
}

#[test]
fn it_can_be_ended_early_and_continued() {
    let whole = tempfile::tempdir().unwrap();
    drop(Hyperband::of(by_trait()).quiet().seed(4).repo_dir(whole.path()).run(9, 3).unwrap());
    let dir = tempfile::tempdir().unwrap();
    let (mut ended, mut told) = (0, 0);
    loop {
        let mut study = study::<by::Hyperband>(Some(dir.path())).workers(2).ask_tell(9, 3).unwrap();
        for _ in 0..3 {
            if let Some(trial) = study.ask().unwrap() {
                answer(&mut study, trial);
                told += 1;
            }
        }
        match study.finish().unwrap().stopped() {
            Some(reason) => assert_eq!(*reason, StopReason::Callback),
            None => break,
        }
        ended += 1;
    }
    assert!(ended >= 5, "{ended}");
    // no stage is asked for twice
    assert_eq!(told, hobbit::Plan::new(9, 3).unwrap().total_evaluations());
    assert_eq!(results(dir.path()), results(whole.path()));
}

#[test]
fn fewer_epochs_end_a_stage_early_and_budgets_end_the_study() {
    let mut random = study::<by::RandomSearch>(None).ask_tell(3, 5).unwrap();
    let mut told = BTreeMap::new();
    while let Some(trial) = random.ask().unwrap() {
        assert_eq!(trial.open_epochs(), 1..=5);
        let (id, epochs) = (trial.id(), u64::from(trial.id().index));
        told.insert(id, epochs);
        random.tell(trial, (0..epochs).map(|epoch| Metrics::from([("val_loss", epoch as f64)]))).unwrap();
    }
    let results = random.finish().unwrap();
    let trained: BTreeMap<TrialId, u64> =
        results.trials().iter().map(|trial| (trial.id, trial.epochs)).collect();
    assert_eq!(trained, told);

    let mut budget = study::<by::RandomSearch>(None).epoch_budget(7).ask_tell(3, 5).unwrap();
    let mut asked = 0;
    while let Some(trial) = budget.ask().unwrap() {
        asked += 1;
        answer(&mut budget, trial);
    }
    let results = budget.finish().unwrap();
    assert_eq!((asked, results.stopped()), (2, Some(&StopReason::EpochBudget)));
    assert_eq!(results.trials().iter().map(|trial| trial.epochs).sum::<u64>(), 7);
}

#[test]
fn what_is_wrong_is_said() {
    let error = study::<by::Hyperband>(None).run(9, 3).unwrap_err().to_string();
    assert_eq!(error, "nobody would ask for the trials: a study of `asking` begins with `ask_tell`");
    let error = study::<by::Hyperband>(None).ask_tell(3, 9).unwrap_err().to_string();
    assert!(error.contains("eta"), "{error}");
    let error = study::<by::Hyperband>(None).workers(0).ask_tell(9, 3).unwrap_err().to_string();
    assert!(error.contains("is 0"), "{error}");

    let told = |epochs: u64| {
        let mut study = study::<by::RandomSearch>(None).ask_tell(2, 3).unwrap();
        let trial = study.ask().unwrap().unwrap();
        let told = study.tell(trial, (0..epochs).map(|_| Metrics::from([("val_loss", 1.0)])));
        (told.unwrap_err().to_string(), study.ask().unwrap_err().to_string())
    };
    let (error, ended) = told(4);
    assert_eq!(error, "trial 1-1 was told 4 epochs, and 3 are open");
    assert!(ended.contains("trial 1-1 was asked for and dropped"), "{ended}");
    assert_eq!(told(0).0, "trial 1-1 was told no epoch: each needs its metrics");

    let mut out = study::<by::RandomSearch>(None).ask_tell(2, 3).unwrap();
    let trial = out.ask().unwrap().unwrap();
    // there is one worker
    assert!(out.ask().unwrap().is_none());
    let error = out.finish().unwrap_err().to_string();
    assert_eq!(error, "trial 1-1 is still out: it has to be told before the end");
    drop(trial);

    let dir = tempfile::tempdir().unwrap();
    let mut other = study::<by::RandomSearch>(Some(dir.path())).ask_tell(2, 3).unwrap();
    let trial = other.ask().unwrap().unwrap();
    other.tell(trial, (0..3).map(|_| Metrics::from([("loss", 1.0)]))).unwrap();
    let trial = other.ask().unwrap().unwrap();
    assert_eq!(trial.id().index, 2);
    answer(&mut other, trial);
    let results = other.finish().unwrap();
    let failed = &results.trials()[1].status;
    assert!(
        matches!(failed, Status::Failed { reason, .. } if reason == "the epoch did not report `val_loss`; it reported `loss`"),
        "{failed:?}"
    );
    drop(results);

    // dropped, it is trained again
    let mut dropped: AskTell<Rate> = SuccessiveHalving::of(asking())
        .quiet()
        .repo_dir(dir.path())
        .overwrite()
        .ask_tell(9, 1, 3, 3)
        .unwrap();
    drop(dropped.ask().unwrap());
    let error = dropped.ask().unwrap_err().to_string();
    assert_eq!(
        error,
        "trial 1-1 was asked for and dropped: it has to be told with `tell` or `fail`; it is trained when the study is continued"
    );
    assert!(dropped.finish().unwrap_err().to_string().contains("ended with an error before"));
    let continued: SuccessiveHalving<Asking> = SuccessiveHalving::of(asking()).quiet().repo_dir(dir.path());
    let mut continued = continued.ask_tell(9, 1, 3, 3).unwrap();
    assert_eq!(continued.ask().unwrap().unwrap().id().index, 1);
}
