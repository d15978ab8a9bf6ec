//! What is said right before the process ends is seen, on a terminal with a live view too.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use hobbit::Hyperband;

use crate::support::kill::process;
use crate::support::{Curve, Farewell, terminal};

const HOW: &str = "HOBBIT_LAST_WORDS_TEST_HOW";

/// As a process of its own: a sweep whose third trial ends the process.
pub(crate) fn speaker(dir: &Path, workers: usize) {
    let how = std::env::var(HOW).unwrap();
    let farewell = match how.as_str() {
        "exit" => Farewell::Exit,
        "abort" => Farewell::Abort,
        "overflow" => Farewell::Overflow,
        "unfinished" => Farewell::Unfinished,
        _ => Farewell::PanicTwice,
    };
    let curve = Curve { pace: Duration::from_millis(60), farewell: Some(farewell), ..Curve::default() };
    let study = Hyperband::of(curve).seed(3).workers(workers).repo_dir(dir);
    // nothing is printed by it but by the process itself
    let study = if workers == 2 { study.quiet() } else { study };
    let _ = study.run(9, 3);
}

fn speak(how: &str, dir: &Path, workers: usize) -> Command {
    let mut command = process("observe::last_words::speaker", dir, workers);
    command.arg("--nocapture").env(HOW, how).env("TERM", "xterm-256color");
    command
}

/// Everything that was written to a terminal.
fn on_a_terminal(how: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let (status, text) = terminal::output(speak(how, dir.path(), 1));
    assert!(!status.success());
    text
}

#[test]
#[cfg(target_os = "linux")]
fn last_words_are_seen_behind_a_live_view() {
    for how in ["exit", "abort", "overflow", "unfinished"] {
        for _ in 0..5 {
            let text = on_a_terminal(how);
            assert!(text.contains("00:00:0"), "there was no live view: {text}");
            assert!(text.contains("said on standard output"), "{how}: {text}");
            let last = if how == "overflow" { "has overflowed its stack" } else { "FATAL: no licence" };
            assert!(text.contains(last), "{how}: {text}");
        }
    }
}

#[test]
fn a_panic_that_ends_the_process_is_not_kept_to_itself() {
    let dir = tempfile::tempdir().unwrap();
    let output = speak("twice", dir.path(), 2).stdout(Stdio::null()).output().unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    for part in ["the batch has no samples", "the file could not be closed", "panic in a destructor"] {
        assert!(text.contains(part), "{text}");
    }
}
