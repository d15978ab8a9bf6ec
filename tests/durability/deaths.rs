//! Configurations that end the process: they fail after some deaths, whatever ends it, and nobody else does.

use std::borrow::Cow;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use hobbit::repository::{Reader, Record};
use hobbit::{
    BoxError, Checkpoint, EpochContext, Hyperband, MaxFailures, Metrics, Objective, Results, Status,
    TrialContext, TrialId,
};

use crate::support::kill::process;
use crate::support::{Farewell, OtherParams};

const HOW: &str = "HOBBIT_DEATHS_TEST_HOW";

/// Ends the process where the rate is near these, if it is told how.
struct Deadly {
    how: Option<String>,
    pace: Duration,
}

fn is_deadly(hparams: &OtherParams) -> bool {
    hparams.rate < 0.25
}

impl Deadly {
    fn strike(&self) {
        match self.how.as_deref() {
            Some("exit") => Farewell::Exit.say(),
            Some("abort") => Farewell::Abort.say(),
            Some("overflow") => Farewell::Overflow.say(),
            _ => {}
        }
    }
}

impl Objective for Deadly {
    type Hparams = OtherParams;
    type Model = (f64, bool);

    fn metrics(&self, _: &OtherParams) -> Result<Vec<Cow<'static, str>>, BoxError> {
        Ok(vec!["val_loss".into()])
    }

    fn build(&self, hparams: &OtherParams, _: &TrialContext) -> Result<Self::Model, BoxError> {
        // some end it at once, others later
        if is_deadly(hparams) && hparams.rate < 0.1 {
            self.strike();
        }
        Ok((hparams.rate, is_deadly(hparams)))
    }

    fn train_epoch(
        &self,
        model: &mut Self::Model,
        _: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        std::thread::sleep(self.pace);
        if model.1 {
            self.strike();
        }
        metrics.report("val_loss", model.0);
        Ok(())
    }

    fn validate(&self, _: &mut Self::Model, _: &EpochContext<'_>, _: &mut Metrics) -> Result<(), BoxError> {
        Ok(())
    }

    fn save(&self, _: &Self::Model) -> Result<Checkpoint, BoxError> {
        Ok(Checkpoint::new())
    }

    fn load(&self, _: &mut Self::Model, _: &Checkpoint) -> Result<(), BoxError> {
        Ok(())
    }
}

fn study(how: Option<String>, dir: &Path, workers: usize) -> Hyperband<Deadly> {
    let pace = Duration::from_millis(if how.as_deref() == Some("sleep") { 20_000 } else { 3 });
    let deadly = Deadly { how, pace };
    Hyperband::of(deadly).quiet().seed(4).workers(workers).max_failures(MaxFailures::Share(0.9)).repo_dir(dir)
}

pub(crate) fn victim(dir: &Path, workers: usize) {
    study(std::env::var(HOW).ok(), dir, workers).run(9, 3).unwrap();
}

/// Runs the victim until it gets to its end; returns how often it died.
fn run_until_done(dir: &Path, how: &str, workers: usize) -> u32 {
    for deaths in 0..60 {
        let mut victim = process("durability::deaths::victim", dir, workers);
        let victim = victim.env(HOW, how).stdout(Stdio::null()).stderr(Stdio::null());
        if victim.status().unwrap().success() {
            return deaths;
        }
    }
    panic!("it never gets to its end");
}

/// The trials whose configurations are deadly, and the others.
fn failed(results: &Results<Deadly>) -> Vec<TrialId> {
    let failed = |trial: &hobbit::Trial<OtherParams>| {
        let is_failed = matches!(&trial.status, Status::Failed { reason, .. } if reason.contains("in a row"));
        assert_eq!(is_failed, is_deadly(&trial.hparams), "trial {}: {:?}", trial.id, trial.status);
        is_failed.then_some(trial.id)
    };
    results.trials().iter().filter_map(failed).collect()
}

#[test]
fn a_trial_that_ends_the_process_fails_after_two_deaths() {
    let mut texts = Vec::new();
    for how in ["exit", "abort", "overflow"] {
        let dir = tempfile::tempdir().unwrap();
        let deaths = run_until_done(dir.path(), how, 1);
        let results = study(None, dir.path(), 1).run(9, 3).unwrap();
        let failed = failed(&results);
        assert!(failed.len() >= 2, "{failed:?}");
        assert_eq!(deaths as usize, 2 * failed.len(), "{how}");
        texts.push(std::fs::read_to_string(dir.path().join("results.ron")).unwrap());
    }
    assert!(texts.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn with_several_workers_no_one_else_fails() {
    for workers in [2, 5] {
        let dir = tempfile::tempdir().unwrap();
        let deaths = run_until_done(dir.path(), "abort", workers);
        let results = study(None, dir.path(), 1).run(9, 3).unwrap();
        let failed = failed(&results);
        // every culprit has to be alone once
        let most = (workers + 1) * failed.len() + workers;
        assert!((2..=most).contains(&(deaths as usize)), "{deaths} deaths of {failed:?}");
    }
}

#[test]
fn a_stage_is_in_the_journal_before_it_is_trained() {
    let dir = tempfile::tempdir().unwrap();
    let mut victim = process("durability::deaths::victim", dir.path(), 2);
    let victim = victim.env(HOW, "sleep").stdout(Stdio::null()).stderr(Stdio::null());
    let mut victim = victim.spawn().unwrap();
    let started = || {
        let journal = Reader::open(dir.path()).and_then(|reader| reader.journal()).unwrap_or_default();
        journal.iter().filter(|record| matches!(record, Record::Started { .. })).count()
    };
    while started() < 2 {
        assert!(victim.try_wait().unwrap().is_none(), "it sleeps");
        std::thread::sleep(Duration::from_millis(5));
    }
    // a kill from outside is one death, and one is not enough
    victim.kill().unwrap();
    victim.wait().unwrap();
    let results = study(None, dir.path(), 2).run(9, 3).unwrap();
    assert!(results.trials().iter().all(|trial| trial.score.is_some()));
}
