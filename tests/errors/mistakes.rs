//! What goes wrong in an objective, and settings that are easily mistaken: said, and nothing is lost.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hobbit::repository::{Reader, TrialOverview};
use hobbit::{
    BoxError, Checkpoint, Direction, EpochContext, Event, Hyperband, MaxFailures, Metrics, Objective, Status,
    TrialContext,
};

use super::says;
use crate::support::kill::process;
use crate::support::scripted::{Rate, scripted};

/// An objective with a fault of this name.
struct Faulty(&'static str);

impl Faulty {
    fn has(&self, fault: &str) -> bool {
        self.0 == fault
    }

    fn study(fault: &'static str) -> Hyperband<Faulty> {
        Hyperband::of(Faulty(fault)).quiet().workers(1)
    }
}

impl Objective for Faulty {
    type Hparams = Rate;
    type Model = f64;

    fn metrics(&self, _: &Rate) -> Result<Vec<Cow<'static, str>>, BoxError> {
        assert!(!self.has("metrics"), "no names yet");
        Ok(if self.has("nothing") { Vec::new() } else { vec!["val_loss".into(), "gain".into()] })
    }

    fn optimizes(&self, _: &str, _: Option<Direction>) {
        assert!(!self.has("optimizes"), "no goal yet");
    }

    fn describe(&self) -> BTreeMap<String, String> {
        assert!(!self.has("describe"), "no words yet");
        BTreeMap::new()
    }

    fn build(&self, hparams: &Rate, _: &TrialContext) -> Result<f64, BoxError> {
        Ok(hparams.rate)
    }

    fn train_epoch(&self, _: &mut f64, _: &EpochContext<'_>, _: &mut Metrics) -> Result<(), BoxError> {
        Ok(())
    }

    fn validate(&self, rate: &mut f64, _: &EpochContext<'_>, metrics: &mut Metrics) -> Result<(), BoxError> {
        if !self.has("silent") {
            metrics.report("val_loss", *rate);
        }
        Ok(())
    }

    fn save(&self, rate: &f64) -> Result<Checkpoint, BoxError> {
        let mut checkpoint = Checkpoint::new();
        // half of the trials
        let fault = if *rate < 0.5 { self.0 } else { "" };
        let shape: &[usize] = if fault == "shape" { &[3] } else { &[1] };
        let name = if ["__metadata__", "last/rate"].contains(&fault) { fault } else { "rate" };
        checkpoint.insert_f64(name, shape, vec![*rate]);
        Ok(checkpoint)
    }

    fn load(&self, rate: &mut f64, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        assert!(!self.has("load"), "no way back");
        *rate = checkpoint.f64("rate", &[1])?[0];
        Ok(())
    }

    fn memory(&self, _: &f64) -> usize {
        if self.has("memory") { usize::MAX } else { 8 }
    }
}

/// What a sweep tells its user, and its table.
fn notes<O: Objective>(study: Hyperband<O>, max_epochs: u32, eta: u32) -> (Vec<String>, String) {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let heard = notes.clone();
    let study = study.observe(move |event: &Event| {
        if let Event::Note(text) = event {
            heard.lock().unwrap().push(text.clone());
        }
    });
    let table = study.run(max_epochs, eta).unwrap().to_string();
    let notes = notes.lock().unwrap().clone();
    (notes, table)
}

#[test]
fn r_and_eta_the_wrong_way_round_are_an_error() {
    for (max_epochs, eta) in [(3, 81), (2, 3)] {
        let error = Faulty::study("").run(max_epochs, eta).map(drop).unwrap_err().to_string();
        let told = format!("R = {max_epochs} is less than eta = {eta}");
        says(&error, &[&told, "R comes first", "`run(27, 3)`"]);
    }
    // nobody means a factor of 1
    let (told, _) = notes(Faulty::study(""), 1, 3);
    assert_eq!(told, [""; 0]);
    let (told, _) = notes(Faulty::study(""), 3, 3);
    assert_eq!(told, [""; 0]);
}

#[test]
fn a_time_limit_of_no_time_is_an_error() {
    let error = Faulty::study("").trial_time_limit(Duration::ZERO).run(9, 3).unwrap_err().to_string();
    says(&error, &["time limit", "is 0", "longer"]);
}

#[test]
fn panics_before_anything_is_trained_are_errors_with_their_places() {
    for (fault, what) in [("optimizes", "no goal yet"), ("describe", "no words yet")] {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("study");
        let error = Faulty::study(fault).repo_dir(&dir).run(9, 3).unwrap_err().to_string();
        says(&error, &[fault, what, "panicked at", "mistakes.rs"]);
        assert!(!dir.exists());
    }
    // that no direction is known is not what is wrong here
    let error = Faulty::study("metrics").monitor("gain").run(9, 3).unwrap_err().to_string();
    says(&error, &["no names yet", "panicked at", "mistakes.rs"]);
}

#[test]
fn an_objective_without_metrics_is_told_so() {
    let error = Faulty::study("nothing").run(9, 3).unwrap_err().to_string();
    says(&error, &["`val_loss` is not measured", "it measures nothing"]);
    let error = Faulty::study("silent").run(9, 3).unwrap_err().to_string();
    says(&error, &["did not report `val_loss`", "it reported nothing"]);
}

/// The file would not be written, or could not be read again.
#[test]
fn a_checkpoint_that_no_file_can_hold_costs_one_trial() {
    for (fault, what) in [
        ("shape", "`rate` in the checkpoint has shape [3] and 1 values"),
        ("__metadata__", "an array `__metadata__`"),
        ("last/rate", "an array `last/rate`"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let study = Faulty::study(fault).max_failures(MaxFailures::Count(17)).repo_dir(dir.path());
        let results = study.run(9, 3).unwrap();
        let (mut failed, mut whole) = (0, 0);
        for trial in results.trials() {
            match &trial.status {
                Status::Failed { reason, .. } => {
                    assert!(trial.hparams.rate < 0.5 && reason.contains(what), "{reason}");
                    failed += 1;
                }
                _ => whole += usize::from(trial.hparams.rate >= 0.5),
            }
        }
        assert_eq!(failed + whole, 17, "{fault}");
        assert!(failed > 0 && whole > 0, "{fault}: {failed} failed");
        assert_eq!(results.best_model().unwrap(), results.best().hparams.rate);
    }
}

#[test]
fn models_that_say_they_take_all_the_memory_are_trained() {
    let plain = Faulty::study("").run(9, 3).unwrap().to_string();
    assert_eq!(Faulty::study("memory").run(9, 3).unwrap().to_string(), plain);
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Faulty::study("memory").repo_dir(dir.path()).run(9, 3).unwrap().to_string(), plain);
}

#[test]
fn a_model_whose_loading_panics_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let results = Faulty::study("load").repo_dir(dir.path()).run(9, 3).unwrap();
    let error = results.best_model().unwrap_err().to_string();
    says(&error, &["could not be rebuilt", "panicked at", "mistakes.rs", "no way back"]);
}

#[test]
fn weights_that_were_removed_are_said_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let results = Faulty::study("").repo_dir(dir.path()).run(9, 3).unwrap();
    std::fs::remove_file(results.best_weights().unwrap()).unwrap();
    says(&results.best_model().unwrap_err().to_string(), &["there is no", "`keep`", "was removed"]);
}

#[test]
fn a_study_without_its_journal_is_told_to_be_trained_again() {
    let study = |dir: &Path| Faulty::study("").repo_dir(dir);
    for empties in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (told, table) = notes(study(dir.path()), 9, 3);
        assert_eq!(told, [""; 0]);
        let journal = dir.path().join("journal.ron");
        if empties {
            std::fs::write(&journal, "").unwrap()
        } else {
            std::fs::remove_file(&journal).unwrap()
        }
        let (told, again) = notes(study(dir.path()), 9, 3);
        says(&told.join("\n"), &["has results.ron", "journal.ron is missing or empty", "trained again"]);
        assert_eq!(again, table);
    }
}

/// As a process of its own: a sweep whose trials print.
pub(crate) fn printer(dir: &Path, _: usize) {
    let study = scripted(&["val_loss"], |hparams, epoch, metrics| {
        std::thread::sleep(Duration::from_millis(5));
        println!("trial {} is trained", epoch.trial.id);
        metrics.report("val_loss", hparams.rate);
    });
    if let Err(error) = study.retries(1).repo_dir(dir).run(9, 3) {
        eprintln!("Error: {error}");
    }
}

/// `println!` panics when nobody reads any more what a program prints, as with `| head`.
#[test]
#[cfg(unix)]
fn no_trial_fails_because_nobody_reads_what_it_prints() {
    let dir = tempfile::tempdir().unwrap();
    let printer = || {
        let mut command = process("errors::mistakes::printer", dir.path(), 1);
        command.arg("--nocapture");
        command
    };
    let overview = || {
        let overview = Reader::open(dir.path()).unwrap().overview().unwrap();
        let failed = |trial: &TrialOverview| matches!(trial.status, Status::Failed { .. });
        assert!(!overview.trials.iter().any(failed));
        overview.trained_epochs()
    };
    let mut running = printer().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("is trained")));
    drop(lines);
    let output = running.wait_with_output().unwrap();
    says(
        &String::from_utf8_lossy(&output.stderr),
        &[" prints, which is no longer ", "Broken pipe", "trained again"],
    );
    assert!(overview() < 78);
    assert!(printer().output().unwrap().status.success());
    assert_eq!(overview(), 78);
}
