//! Signals: a sweep that heeds them ends in order, with everything written, and the program with the signal's
//! code.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hobbit::repository::{Reader, Record};
use hobbit::{Hyperband, Results, Status, StopReason};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::Curve;
use crate::support::kill::process;

/// How many milliseconds an epoch takes in the child.
const PACE: &str = "HOBBIT_SIGNALS_TEST_PACE";

fn study(pace: u64, dir: &Path, workers: usize) -> Hyperband<Curve> {
    let curve = Curve { pace: Duration::from_millis(pace), ..Curve::default() };
    Hyperband::of(curve).seed(3).workers(workers).repo_dir(dir).stop_on_ctrl_c()
}

/// Ends the process as a program ends, without its tests' own words.
fn leave(outcome: hobbit::Result<Results<Curve>>) -> ! {
    let code = match &outcome {
        Ok(results) => results.exit_code(),
        Err(error) => error.exit_code(),
    };
    let stopped = outcome.ok().and_then(|results| results.stopped().cloned());
    // the two codes are the same; only this one can be handed to the system here
    let number = stopped.and_then(|reason| reason.exit_code()).map_or(0, i32::from);
    assert!(format!("{code:?}").contains(&format!("({number})")), "{code:?} {number}");
    std::process::exit(number);
}

pub(crate) fn victim(dir: &Path, workers: usize) {
    let pace = std::env::var(PACE).unwrap().parse().unwrap();
    leave(study(pace, dir, workers).run(9, 3));
}

fn victim_of(test: &str, dir: &Path, pace: u64) -> Command {
    let mut command = process(&format!("durability::signals::{test}"), dir, 2);
    command.arg("--nocapture").env(PACE, pace.to_string()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn send(signal: Signal, child: &Child) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Waits until the journal says that a stage has begun.
fn wait_for_a_start(dir: &Path, child: &mut Child) {
    wait_for_a_record(dir, child, |record| matches!(record, Record::Started { .. }));
}

/// Waits until the journal holds an outcome.
fn wait_for_an_outcome(dir: &Path, child: &mut Child) {
    wait_for_a_record(dir, child, |record| matches!(record, Record::Stage(_)));
}

fn wait_for_a_record(dir: &Path, child: &mut Child, is_it: fn(&Record) -> bool) {
    let has_it = || {
        let journal = Reader::open(dir).and_then(|reader| reader.journal()).unwrap_or_default();
        journal.iter().any(is_it)
    };
    while !has_it() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was told to");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn signals_end_a_sweep_in_order_with_their_own_codes() {
    let whole = tempfile::tempdir().unwrap();
    study(0, whole.path(), 2).quiet().run(9, 3).unwrap();
    let read = |dir: &Path| std::fs::read_to_string(dir.join("results.ron")).unwrap();
    for (signal, code, why) in [
        (Signal::INT, 130, "interrupted"),
        (Signal::TERM, 143, "terminated"),
        (Signal::HUP, 129, "the terminal was closed"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut victim = victim_of("victim", dir.path(), 40).spawn().unwrap();
        wait_for_an_outcome(dir.path(), &mut victim);
        send(signal, &victim);
        let output = victim.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{why}");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains(&format!("Note: {why}: stopping after the epochs under way")), "{said}");
        let overview = Reader::open(dir.path()).unwrap().overview().unwrap();
        let (_, reason) = overview.processes[0].closed.clone().expect("it was closed");
        assert_eq!(reason.as_deref(), Some(why));
        assert!(read(dir.path()).contains(why));
        study(0, dir.path(), 2).quiet().run(9, 3).unwrap();
        assert_eq!(read(dir.path()), read(whole.path()));
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let dir = tempfile::tempdir().unwrap();
        let mut victim = victim_of("victim", dir.path(), 600_000).spawn().unwrap();
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let mut wait_for = |part: &str| assert!(lines.any(|line| line.unwrap().contains(part)), "{part}");
        wait_for("Repository: ");
        wait_for_a_start(dir.path(), &mut victim);
        send(Signal::INT, &victim);
        wait_for("press Ctrl-C again");
        send(signal, &victim);
        assert_eq!(victim.wait().unwrap().code(), Some(code));
    }
}

#[test]
fn the_signal_of_an_abort_ends_it_as_ever_and_leaves_its_trace() {
    let dir = tempfile::tempdir().unwrap();
    let mut victim = victim_of("victim", dir.path(), 600_000).spawn().unwrap();
    wait_for_a_start(dir.path(), &mut victim);
    send(Signal::ABORT, &victim);
    assert_eq!(victim.wait().unwrap().signal(), Some(6));
    study(0, dir.path(), 2).quiet().run(9, 3).unwrap();
    let overview = Reader::open(dir.path()).unwrap().overview().unwrap();
    let ends: Vec<_> = overview.processes.iter().map(|process| process.closed.clone().unwrap().1).collect();
    assert_eq!(ends, [Some("the process aborted".to_owned()), None]);
}

#[test]
#[cfg(target_os = "linux")]
fn nohup_is_heeded() {
    let dir = tempfile::tempdir().unwrap();
    let victim = victim_of("victim", dir.path(), 30);
    // as `nohup` does
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(victim.get_program()).args(victim.get_args());
    command.envs(victim.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut victim = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for_an_outcome(dir.path(), &mut victim);
    send(Signal::HUP, &victim);
    assert_eq!(victim.wait().unwrap().code(), Some(0));
    assert!(Reader::open(dir.path()).unwrap().overview().unwrap().is_finished());
}

pub(crate) fn twins(dir: &Path, _: usize) {
    let other = dir.join("other");
    let stopped = std::thread::scope(|scope| {
        let sweep = |dir| move || study(40, dir, 1).run(9, 3).unwrap().stopped().cloned();
        let sweeps = [scope.spawn(sweep(dir)), scope.spawn(sweep(&other))];
        sweeps.map(|sweep| sweep.join().unwrap())
    });
    assert_eq!(stopped, [Some(StopReason::Interrupted), Some(StopReason::Interrupted)]);
    std::process::exit(7);
}

#[test]
fn of_two_sweeps_at_once_each_is_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let mut twins = victim_of("twins", dir.path(), 0).spawn().unwrap();
    wait_for_an_outcome(dir.path(), &mut twins);
    wait_for_an_outcome(&dir.path().join("other"), &mut twins);
    send(Signal::INT, &twins);
    let output = twins.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stdout));
    // and each goes on where it was stopped
    let whole = tempfile::tempdir().unwrap();
    study(0, whole.path(), 2).quiet().run(9, 3).unwrap();
    let read = |dir: &Path| std::fs::read_to_string(dir.join("results.ron")).unwrap();
    for dir in [dir.path(), &dir.path().join("other")] {
        assert!(read(dir).contains("interrupted"));
        study(0, dir, 2).quiet().run(9, 3).unwrap();
        assert_eq!(read(dir), read(whole.path()));
    }
}

pub(crate) fn rival(dir: &Path, _: usize) {
    ctrlc::set_handler(|| {}).unwrap();
    for _ in 0..2 {
        let error = study(0, dir, 1).run(3, 3).unwrap_err().to_string();
        assert!(error.contains("Ctrl-C") && error.contains("has a handler for it already"), "{error}");
    }
    std::process::exit(7);
}

#[test]
fn a_handler_of_the_programs_own_is_an_error_every_time() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(victim_of("rival", dir.path(), 0).status().unwrap().code(), Some(7));
}

/// An objective whose third trial's child process is ended by Ctrl-C, and which says so, with the signal
/// still on its way.
pub(crate) fn parent(dir: &Path, workers: usize) {
    let curve = Curve { pace: Duration::from_millis(5), interrupts_itself: true, ..Curve::default() };
    let study = Hyperband::of(curve).quiet().seed(3).workers(workers).repo_dir(dir).stop_on_ctrl_c();
    leave(study.run(9, 3));
}

#[test]
fn what_fails_while_the_sweep_is_stopped_is_trained_again() {
    for _ in 0..5 {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(victim_of("parent", dir.path(), 0).status().unwrap().code(), Some(130));
        let overview = Reader::open(dir.path()).unwrap().overview().unwrap();
        let failed = |status: &Status| matches!(status, Status::Failed { .. } | Status::Diverged { .. });
        assert!(!overview.trials.is_empty() && overview.trials.iter().all(|trial| !failed(&trial.status)));
        let results = study(0, dir.path(), 2).quiet().run(9, 3).unwrap();
        assert!(results.trials().iter().all(|trial| trial.score.is_some()));
    }
}
