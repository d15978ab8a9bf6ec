//! What a function may do wrong, and what may happen to it.

use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::channel;
use std::time::Duration;

use hobbit::function::Trial;
use hobbit::repository::Reader;
use hobbit::{BoxError, Error, RandomSearch, Status, StopReason, by};

use super::{study, with_state};
use crate::support::Farewell;
use crate::support::kill::process;
use crate::support::scripted::Rate;

/// Why the trials of a small sweep fail.
fn failure(train: impl Fn(&Rate, &mut Trial) -> Result<(), BoxError> + Send + Sync + 'static) -> String {
    let error: Error = study::<by::RandomSearch>(train).run(2, 3).unwrap_err();
    let text = error.to_string();
    text.strip_prefix("all 2 trials failed; the first was trial 1-1: ")
        .unwrap_or_else(|| panic!("{text}"))
        .to_owned()
}

#[test]
fn what_makes_no_sense_fails_the_trial_and_says_what_to_do() {
    assert_eq!(
        failure(|_, _| Ok(())),
        "the function has trained no epoch: it has to loop over `trial.epochs()`"
    );
    let reported = failure(|_, trial| {
        trial.report("val_loss", 1.0)?;
        with_state(&Rate { rate: 0.5 }, trial)
    });
    assert_eq!(
        reported,
        "a metric was reported before the first epoch: report inside of the loop over `epochs()`"
    );
    let saved = failure(|hp, trial| {
        trial.save(&1)?;
        with_state(hp, trial)
    });
    assert_eq!(saved, "a state was saved before the first epoch: save inside of the loop over `epochs()`");
    let asked = failure(|_, trial| {
        for _ in trial.epochs() {
            let _ = trial.state::<f64>();
            trial.report("val_loss", 1.0)?;
        }
        Ok(())
    });
    assert_eq!(asked, "the state was asked for within an epoch: ask before the loop over `epochs()`");
    let unwritable = failure(|_, trial| {
        struct Unwritable;
        impl serde::Serialize for Unwritable {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("it is on fire"))
            }
        }
        for _ in trial.epochs() {
            trial.save(&Unwritable)?;
        }
        Ok(())
    });
    assert_eq!(unwritable, "the state cannot be saved: it is on fire");
    let other = failure(|_, trial| {
        for _ in trial.epochs() {
            trial.report("loss", 1.0)?;
        }
        Ok(())
    });
    assert_eq!(other, "the epoch did not report `val_loss`; it reported `loss`");
    let late = failure(|_, trial| {
        for _ in trial.epochs() {
            trial.report("val_loss", 1.0)?;
        }
        Err("no more space".into())
    });
    assert_eq!(late, "no more space");
    let panic = failure(|_, trial| panic!("epoch {:?}", trial.epochs().next()));
    assert!(panic.starts_with("panicked at ") && panic.ends_with(": epoch Some(1)"), "{panic}");
    assert!(panic.contains("trouble.rs:"), "{panic}");
}

#[test]
fn failures_are_those_of_their_epochs_and_of_their_trials_only() {
    let results = study::<by::RandomSearch>(|hp, trial| {
        for epoch in trial.epochs() {
            if hp.rate > 0.7 && epoch == 2 {
                return Err("too fast".into());
            }
            trial.report("val_loss", if hp.rate < 0.3 && epoch == 3 { f64::NAN } else { hp.rate })?;
        }
        Ok(())
    });
    let results = results.run(20, 4).unwrap();
    let mut seen = [0; 3];
    for trial in results.trials() {
        match (&trial.status, trial.hparams.rate) {
            (Status::Failed { epoch: 2, reason, .. }, 0.7..) => {
                assert_eq!(reason, "too fast");
                seen[0] += 1;
            }
            (Status::Diverged { epoch: 3, reason, .. }, ..0.3) => {
                assert_eq!(reason, "val_loss is NaN");
                seen[1] += 1;
            }
            (Status::Finished, 0.3..0.7) => seen[2] += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(seen.iter().all(|&count| count > 2), "{seen:?}");
}

#[test]
fn a_state_of_another_type_is_trained_again() {
    let whole = tempfile::tempdir().unwrap();
    study::<by::Hyperband>(with_state).repo_dir(whole.path()).run(9, 3).unwrap();
    let dir = tempfile::tempdir().unwrap();
    // it stops with checkpoints of numbers
    let first = study::<by::Hyperband>(with_state).repo_dir(dir.path()).epoch_budget(30);
    assert_eq!(first.run(9, 3).unwrap().stopped(), Some(&StopReason::EpochBudget));
    let second = study::<by::Hyperband>(|hp, trial| {
        let (mut loss, named): (f64, bool) = trial.state().unwrap_or_else(|| (super::start(trial), true));
        for _ in trial.epochs() {
            super::learn(&mut loss, hp, trial);
            trial.save(&(loss, named))?;
            trial.report("val_loss", loss)?;
        }
        Ok(())
    });
    second.repo_dir(dir.path()).run(9, 3).unwrap();
    let results = |dir: &Path| std::fs::read_to_string(dir.join("results.ron")).unwrap();
    assert_eq!(results(dir.path()), results(whole.path()));
}

#[test]
fn a_trial_whose_time_is_up_hears_of_it_and_one_that_does_not_look_is_given_up() {
    // far longer than an epoch takes, on a busy machine too
    let limit = Duration::from_millis(500);
    let results = study::<by::RandomSearch>(|hp, trial| {
        for _ in trial.epochs() {
            let is_slow = hp.rate > 0.5;
            for _ in (0..u64::MAX).take_while(|_| is_slow) {
                trial.check()?;
                std::thread::sleep(Duration::from_millis(1));
            }
            trial.report("val_loss", hp.rate)?;
        }
        Ok(())
    });
    let results = results.trial_time_limit(limit).run(10, 3).unwrap();
    for trial in results.trials() {
        match &trial.status {
            Status::Failed { reason, .. } => {
                assert!(trial.hparams.rate > 0.5 && reason.contains("time limit"), "{reason}");
            }
            _ => assert!(trial.hparams.rate <= 0.5),
        }
    }
    // they end when the test does
    let (open, closed) = channel::<()>();
    let closed = std::sync::Mutex::new(closed);
    let results = study::<by::RandomSearch>(move |hp, trial| {
        for _ in trial.epochs() {
            if trial.id().index == 2 {
                let _ = closed.lock().unwrap().recv();
            }
            trial.report("val_loss", hp.rate)?;
        }
        Ok(())
    });
    let results = results.trial_time_limit(limit).run(4, 3).unwrap();
    let failed = results.trials().last().unwrap();
    assert_eq!(failed.id.index, 2);
    assert!(
        matches!(&failed.status, Status::Failed { reason, .. } if reason.contains("its thread was abandoned"))
    );
    drop(open);
}

pub(crate) fn leaver(dir: &Path, _: usize) {
    let sweep = study::<by::RandomSearch>(|_, trial| {
        for _ in trial.epochs() {
            Farewell::Exit.say();
        }
        Ok(())
    });
    drop(sweep.repo_dir(dir).run(2, 3));
}

#[test]
fn a_function_that_exits_the_process_leaves_its_trace() {
    let dir = tempfile::tempdir().unwrap();
    let mut leaver = process("function::trouble::leaver", dir.path(), 1);
    let status = leaver.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(3));
    let sweep: RandomSearch<_> = study(with_state);
    sweep.repo_dir(dir.path()).run(2, 3).unwrap();
    let overview = Reader::open(dir.path()).unwrap().overview().unwrap();
    let (_, reason) = overview.processes[0].closed.clone().unwrap();
    assert_eq!(reason.as_deref(), Some(StopReason::Exited.to_string().as_str()));
}
