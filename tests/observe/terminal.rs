//! The live view, on a terminal that is really one, and in a pipe.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use hobbit::{Hyperband, MaxFailures};

use crate::support::kill::process;
use crate::support::wide::wide;
use crate::support::{Curve, terminal};

/// As a process of its own: a sweep of an objective that prints.
pub(crate) fn talker(dir: &Path, workers: usize) {
    let curve = Curve { pace: Duration::from_millis(15), loud: true, ..Curve::default() };
    Hyperband::of(curve).seed(3).workers(workers).repo_dir(dir).run(9, 3).unwrap();
}

/// As a process of its own: a sweep over many nested and conditional parameters, some of whose trials fail.
pub(crate) fn wide_sweeper(dir: &Path, workers: usize) {
    let study = Hyperband::of(wide(Duration::from_millis(15))).seed(4).workers(workers);
    study.max_failures(MaxFailures::Share(1.0)).repo_dir(dir).run(9, 3).unwrap();
}

fn talk(dir: &Path) -> Command {
    started("observe::terminal::talker", dir)
}

fn started(name: &str, dir: &Path) -> Command {
    let mut command = process(name, dir, 2);
    command.arg("--nocapture").env("TERM", "xterm-256color");
    command
}

/// What a terminal shows at the end, and what it showed at some time that satisfies `seen`.
fn on_a_terminal(name: &str, columns: u16, seen: impl Fn(&str) -> bool) -> (String, Option<String>) {
    let rows = 400;
    let dir = tempfile::tempdir().unwrap();
    let mut screen = vt100::Parser::new(rows.try_into().unwrap(), columns.try_into().unwrap(), 0);
    let mut found = None;
    let status = terminal::run(started(name, dir.path()), Some((rows, columns)), |bytes| {
        screen.process(bytes);
        let shown = rows_of(&screen);
        assert!(!shown.contains(" 0/0 epochs"), "nothing is known yet of a bar:\n{shown}");
        if found.is_none() && seen(&shown) {
            found = Some(shown);
        }
    });
    assert!(status.success());
    (rows_of(&screen), found)
}

/// What stands on a terminal. Rows that are full are not joined to the next.
fn rows_of(terminal: &vt100::Parser) -> String {
    let screen = terminal.screen();
    screen.rows(0, screen.size().1.get()).map(|row| row.trim_end().to_owned() + "\n").collect()
}

/// What the objective said, in order.
fn said(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().filter(|line| line.contains("said")).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_live_view_and_the_prints_of_the_objective_do_not_garble_each_other() {
    for columns in [80, 200] {
        let whole = |text: &str| {
            ["bracket 3, stage 1 of 1", "all brackets", "trials, ", " epochs/s", "best val_loss", "): rate "]
                .iter()
                .all(|part| text.contains(part))
        };
        let (end, live) = on_a_terminal("observe::terminal::talker", columns, whole);
        let live = live.unwrap_or_else(|| panic!("the live view was never whole:\n{end}"));
        let place = live.lines().position(|line| line.starts_with("bracket ")).unwrap();
        let view: Vec<&str> = live.lines().skip(place).filter(|line| !line.is_empty()).collect();
        assert!(view.iter().all(|line| !line.contains("said")), "{live}");
        // 78 epochs in all, each told of in both outputs
        let expected: Vec<String> =
            (0..78).flat_map(|n| [format!("said {n:02}"), format!("also said {n:02}")]).collect();
        let mut expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        expected.sort_unstable();
        assert_eq!(said(&end), expected, "{end}");
        // nothing of the view is left, and the results are there
        assert!(!end.contains("all brackets") && !end.contains("[="), "{end}");
        assert!(
            end.contains("Done in") && end.contains("Results: ") && end.contains("Estimated from"),
            "{end}"
        );
    }
}

#[test]
fn a_sweep_over_many_parameters_fits() {
    for columns in [80, 200] {
        let whole = |text: &str| {
            ["\n   2 val_loss ", "\n   3 val_loss ", "\nrunning ", "\nfailed ", "▁"]
                .iter()
                .all(|part| text.contains(part))
        };
        let (end, live) = on_a_terminal("observe::terminal::wide_sweeper", columns, whole);
        let live = live.unwrap_or_else(|| panic!("the live view was never whole:\n{end}"));
        let best = live.lines().find(|line| line.starts_with("best val_loss ")).unwrap();
        assert!(best.contains("): learning_rate ") && best.chars().count() <= columns.into(), "{live}");
        // a line a trial, and the whole of the best one below
        let table: Vec<&str> = end.lines().skip_while(|line| !line.starts_with("rank  trial")).collect();
        assert!((1..=10).all(|rank| table[rank].starts_with(&format!("{rank:>4}  "))), "{end}");
        assert!(end.contains("\nBest, trial ") && end.contains(" more hyperparameters\n"), "{end}");
        assert!(end.contains("... and 7 more trials, "), "{end}");
        let plan = if columns == 80 { "\n1        9 x 1, 3 x 3, 1 x 9\n" } else { "\nTotal epochs=78\n" };
        assert!(end.contains(plan), "{end}");
    }
}

#[test]
fn lines_in_a_pipe_say_no_hyperparameters() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = started("observe::terminal::wide_sweeper", dir.path());
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    let progress = String::from_utf8(output.stderr).unwrap();
    let last = progress.lines().rfind(|line| line.contains(" epochs, ")).unwrap();
    assert!(last.contains("/17 trials, ") && last.contains(" failed"), "{progress}");
    assert!(last.contains("; best val_loss ") && !progress.contains("learning_rate"), "{progress}");
    let text = String::from_utf8(output.stdout).unwrap();
    let table = text.lines().skip_while(|line| !line.starts_with("rank  trial"));
    assert!(table.clone().all(|line| line.chars().count() <= 100 || line.contains('/')), "{text}");
    assert_eq!(
        table.filter(|line| line.contains("learning_rate")).count(),
        2,
        "a title, and the best: {text}"
    );
}

#[test]
fn in_a_pipe_there_are_lines_and_no_control_characters() {
    let dir = tempfile::tempdir().unwrap();
    let output = talk(dir.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    for text in [&output.stdout, &output.stderr] {
        let text = std::str::from_utf8(text).unwrap();
        assert!(text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t')), "{text:?}");
    }
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(progress.lines().any(|line| line.starts_with("78/78 epochs, 17/17 trials")), "{progress}");
}
