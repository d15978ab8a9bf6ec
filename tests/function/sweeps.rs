//! Sweeps over functions: the bytes of the same objective written with the trait, for every algorithm, on any
//! number of workers, killed and stopped.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hobbit::function::{Function, Trial};
use hobbit::testing::Fake;
use hobbit::{
    BoxError, EpochContext, Hyperband, Keep, Metrics, Objective, StopReason, Study, TrialContext, by,
};

use super::{study, with_arrays, with_state, without_state};
use crate::support::kill::kill;
use crate::support::scripted::Rate;

type Train = fn(&Rate, &mut Trial) -> Result<(), BoxError>;

/// The curve of the functions, by the trait.
fn by_trait() -> impl Objective<Hparams = Rate> {
    let build =
        |hparams: &Rate, trial: &TrialContext| Ok((1.0 + trial.key.child(0).rng().unit(), hparams.rate));
    let epoch = |(loss, rate): &mut (f64, f64), epoch: &EpochContext<'_>, metrics: &mut Metrics| {
        *loss = 0.7 * *loss + 0.3 * *rate + 0.05 * epoch.key(3).rng().unit();
        metrics.report("val_loss", *loss);
        Ok(())
    };
    Fake::new(build, epoch).state(|(loss, _)| vec![*loss], |(loss, _), state| *loss = state[0])
}

fn results(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("results.ron")).unwrap()
}

/// A sweep of each algorithm in a directory.
fn sweep<O: Objective>(algorithm: &str, objective: O, workers: usize, dir: &Path) {
    fn set<O: Objective, A>(objective: O, workers: usize, dir: &Path) -> Study<O, A> {
        Study::of(objective).quiet().seed(4).workers(workers).repo_dir(dir)
    }
    match algorithm {
        "hyperband" => drop(set::<O, by::Hyperband>(objective, workers, dir).run(9, 3).unwrap()),
        "halving" => drop(set::<O, by::SuccessiveHalving>(objective, workers, dir).run(27, 1, 9, 3).unwrap()),
        "random" => drop(set::<O, by::RandomSearch>(objective, workers, dir).run(7, 5).unwrap()),
        _ => drop(set::<O, by::Asha>(objective, workers, dir).run(20, 9, 3).unwrap()),
    }
}

#[test]
fn a_function_gives_the_bytes_of_the_trait() {
    for algorithm in ["hyperband", "halving", "random", "asha"] {
        let whole = tempfile::tempdir().unwrap();
        sweep(algorithm, by_trait(), 1, whole.path());
        for function in [with_state as Train, without_state, with_arrays] {
            for workers in [1, 3] {
                let dir = tempfile::tempdir().unwrap();
                sweep(algorithm, Function::new(function), workers, dir.path());
                assert_eq!(results(dir.path()), results(whole.path()), "{algorithm}, {workers} workers");
            }
        }
    }
}

fn slow(train: Train, dir: &Path, workers: usize) -> Hyperband<Function<Rate, super::Train>> {
    let slow = study(move |hp, trial| {
        std::thread::sleep(Duration::from_millis(10));
        train(hp, trial)
    });
    slow.workers(workers).checkpoint_every(2).keep(Keep::All).repo_dir(dir)
}

pub(crate) fn victim(dir: &Path, workers: usize) {
    slow(with_state, dir, workers).run(9, 3).unwrap();
}

#[test]
fn a_killed_sweep_ends_with_the_same_bytes() {
    let whole = tempfile::tempdir().unwrap();
    let best: f64 =
        slow(with_state, whole.path(), 2).run(9, 3).unwrap().best_model().unwrap().state().unwrap();
    let dir = tempfile::tempdir().unwrap();
    kill("function::sweeps::victim", dir.path());
    let continued = slow(with_state, dir.path(), 2).run(9, 3).unwrap();
    assert_eq!(results(dir.path()), results(whole.path()));
    // the model of the best epoch
    let model = continued.best_model().unwrap();
    assert_eq!((model.state(), Some(best)), (Some(best), continued.best().score));
    assert_eq!(model.hparams().rate, continued.best().hparams.rate);
    assert!(model.arrays().is_some() && model.state::<String>().is_none());
    let weights = |dir: &Path| {
        let files = std::fs::read_dir(dir.join("weights")).unwrap().map(|file| file.unwrap().path());
        files
            .map(|file| (file.file_name().unwrap().to_owned(), std::fs::read(&file).unwrap()))
            .collect::<Vec<_>>()
    };
    let mut both = [weights(dir.path()), weights(whole.path())];
    both.iter_mut().for_each(|files| files.sort());
    assert!(both[0].len() == 17 && both[0] == both[1]);
}

#[test]
fn a_sweep_that_is_stopped_between_epochs_ends_its_loops_and_goes_on() {
    for train in [with_state as Train, without_state, with_arrays] {
        let whole = tempfile::tempdir().unwrap();
        slow(train, whole.path(), 1).run(9, 3).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (mut stops, ends) = (0, Arc::new(AtomicU64::new(0)));
        for _ in 0..100 {
            let counter = ends.clone();
            let function = move |hp: &Rate, trial: &mut Trial| {
                let ended = train(hp, trial);
                // the loop ends as it always does
                assert!(ended.is_ok());
                counter.fetch_add(1, Ordering::Relaxed);
                ended
            };
            let sweep = Hyperband::function(function).quiet().seed(4).workers(1).keep(Keep::All);
            let results = sweep.repo_dir(dir.path()).epoch_budget(7).run(9, 3).unwrap();
            match results.stopped() {
                Some(reason) => assert_eq!(*reason, StopReason::EpochBudget),
                None => break,
            }
            stops += 1;
        }
        assert!(stops > 8, "{stops}");
        // some stages were left in the middle and called again
        assert!(ends.load(Ordering::Relaxed) > hobbit::Plan::new(9, 3).unwrap().total_evaluations());
        assert_eq!(results(dir.path()), results(whole.path()));
    }
}

#[test]
fn without_a_state_every_stage_trains_from_the_first_epoch() {
    let trained = |train: Train| {
        let count = Arc::new(AtomicU64::new(0));
        let counter = count.clone();
        let all = study::<by::Hyperband>(move |hp, trial| {
            let epochs = trial.last_epoch();
            let goes_on = trial.state::<f64>().is_some();
            counter.fetch_add(if goes_on { 0 } else { epochs }, Ordering::Relaxed);
            train(hp, trial)
        });
        all.run(9, 3).unwrap();
        count.load(Ordering::Relaxed)
    };
    // 9 trials of 1, of which 3 get to 4 and 1 to 13 epochs; 5 of 3, 1 to 12; 3 of 9
    assert_eq!(trained(with_state), 9 + 5 * 3 + 3 * 9);
    assert_eq!(trained(without_state), 9 + 3 * 4 + 13 + 5 * 3 + 12 + 3 * 9);
}

/// Stops where its loss is below a limit that a later stage lowers; by leaving the loop, or by saying so.
fn patient(leaves: bool) -> Hyperband<Function<Rate, super::Train>> {
    study(move |hp, trial| {
        let mut loss = trial.state().unwrap_or(1.0 + hp.rate);
        let limit = 0.9 / trial.last_epoch() as f64;
        for _ in trial.epochs() {
            loss *= 0.8;
            trial.save(&loss)?;
            trial.report("val_loss", loss)?;
            if loss < limit {
                if leaves {
                    break;
                }
                trial.stop();
            }
        }
        Ok(())
    })
}

#[test]
fn leaving_the_loop_stops_the_stage() {
    let left = patient(true).run(27, 3).unwrap();
    let stopped = patient(false).run(27, 3).unwrap();
    assert_eq!(left.to_string().lines().count(), stopped.to_string().lines().count());
    let epochs = |results: &hobbit::Results<_>| {
        results
            .trials()
            .iter()
            .map(|trial: &hobbit::Trial<Rate>| (trial.id, trial.epochs, trial.score))
            .collect::<Vec<_>>()
    };
    assert_eq!(epochs(&left), epochs(&stopped));
    assert!(left.trials().iter().all(|trial| trial.score.is_some()));
    let most = |results: &hobbit::Results<_>| {
        results.trials().iter().map(|trial: &hobbit::Trial<Rate>| trial.epochs).max()
    };
    assert!(most(&left) < Some(27), "{:?}", most(&left));
}

#[test]
fn a_trial_without_a_state_that_stops_again_at_the_same_epoch_keeps_its_score() {
    let results = study::<by::Hyperband>(|hp, trial| {
        for epoch in trial.epochs() {
            trial.report("val_loss", hp.rate / epoch as f64)?;
            if epoch == 2 {
                break;
            }
        }
        Ok(())
    })
    .run(9, 3)
    .unwrap();
    for trial in results.trials() {
        let expected = trial.hparams.rate / trial.epochs.min(2) as f64;
        assert_eq!(trial.score, Some(expected), "trial {}", trial.id);
    }
}

#[test]
fn metrics_come_and_go_and_those_behind_the_loop_belong_to_the_last_epoch() {
    let results = study::<by::RandomSearch>(|hp, trial| {
        for epoch in trial.epochs() {
            trial.report("score", hp.rate + epoch as f64)?;
            trial.report("score", hp.rate - epoch as f64)?;
            if epoch % 2 == 0 {
                trial.report(format!("even {}", hp.rate > 0.5), epoch as f64)?;
            }
        }
        trial.report("test", 7.0)?;
        Ok(())
    });
    let results = results.monitor("score").direction(hobbit::Direction::Minimize).run(6, 5).unwrap();
    for trial in results.trials() {
        assert_eq!(trial.score, Some(trial.hparams.rate - 5.0));
        let history = &trial.stages[0].history;
        let even = format!("even {}", trial.hparams.rate > 0.5);
        assert_eq!(history.metrics(), ["score", &even, "test"]);
        let column = |name| history.column(name).unwrap().map(|value| value.to_string()).collect::<Vec<_>>();
        assert_eq!(column(&even), ["NaN", "2", "NaN", "4", "NaN"]);
        assert_eq!(column("test"), ["NaN", "NaN", "NaN", "NaN", "7"]);
    }
}

#[test]
fn what_a_trial_knows_of_itself() {
    let sweep = study::<by::RandomSearch>(|_, trial| {
        let (before, seed) = (trial.key(1), trial.seed());
        assert_eq!((trial.last_epoch(), trial.epochs_in_all(), trial.worker()), (4, Some(4), 0));
        let mut keys = vec![before];
        for epoch in trial.epochs() {
            assert_eq!(keys.len() as u64, epoch);
            assert_eq!(trial.key(1), trial.key(1));
            keys.push(trial.key(1));
            assert!(trial.check().is_ok() && trial.seed() != seed);
            assert_eq!(trial.rng().unit(), trial.key(0).rng().unit());
            trial.report("val_loss", f64::from(trial.id().index))?;
        }
        assert!(keys.len() == 5 && (1..5).all(|place| !keys[..place].contains(&keys[place])));
        assert_eq!(trial.epochs().next(), None);
        let text = format!("{trial:?}");
        assert!(text.contains("epoch: Some(4), last_epoch: 4"), "{text}");
        Ok(())
    });
    let results = sweep.run(3, 4).unwrap();
    assert!(results.trials().iter().all(|trial| trial.score == Some(f64::from(trial.id.index))));
}
