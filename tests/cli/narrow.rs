//! Terminals of 80 and 200 columns, and logs of 40: a study of many nested and conditional parameters fits.

use std::process::Command;
use std::time::Duration;

use hobbit::{Hyperband, SearchSpace};

use super::Place;
use crate::support::terminal;
use crate::support::wide::{Wide, wide};

/// With a study of [`Wide`] parameters as `study`.
fn place() -> Place {
    let place = Place::new();
    assert!(Wide::space().parameters().len() >= 28, "{}", Wide::space().parameters().len());
    let study = Hyperband::of(wide(Duration::ZERO)).quiet().seed(4).workers(1);
    study.repo_dir(place.path("study")).run(27, 3).unwrap();
    place
}

/// What a command writes to a terminal of so many columns, without colours.
fn on_a_terminal(mut command: Command, columns: u16) -> String {
    command.env("TERM", "xterm-256color");
    let mut bytes = Vec::new();
    let status = terminal::run(command, Some((50, columns)), |seen| bytes.extend_from_slice(seen));
    let text = String::from_utf8(bytes).unwrap();
    let text = console::strip_ansi_codes(&text).replace('\r', "");
    assert!(status.success(), "{text}");
    text
}

const COMMANDS: [&str; 9] = [
    "plan 243 3",
    "plan 27,81,243 3,4",
    "plan 81 3 --algorithm asha --trials 200 --workers 1,4,8 --lookahead 4,8",
    "status study",
    "show study",
    "show study 1-1",
    "best study",
    "compare study study",
    "watch study 1-1",
];

#[test]
fn everything_fits_the_terminal() {
    let place = place();
    for columns in [60, 80, 200] {
        for words in COMMANDS {
            let text = on_a_terminal(place.command(words), columns);
            // tab stops are the terminal's
            let wide = text.lines().find(|line| {
                let width = line.chars().fold(0, |at, c| if c == '\t' { (at / 8 + 1) * 8 } else { at + 1 });
                width > usize::from(columns)
            });
            assert_eq!(wide, None, "`{words}` at {columns} columns:\n{text}");
        }
    }
}

#[test]
fn what_is_nested_is_in_one_piece_and_can_be_asked_for_in_pieces() {
    let place = place();
    let text = place.stdout("show study");
    let titles: Vec<&str> = text.lines().next().unwrap().split_whitespace().collect();
    for title in ["widths", "dropout", "optimizer", "blocks", "warmup", "augment.flip"] {
        assert!(titles.contains(&title), "{title}: {titles:?}");
    }
    assert!(!titles.iter().any(|title| title.contains(".len") || title.contains(".some")), "{titles:?}");
    assert!(text.contains("AdamW(decay ") && text.contains(" –") && text.contains(" ["), "{text}");
    // the pieces are still there
    let pieces = place.stdout("show study --columns widths.len,optimizer.kind --where widths.len=3 -n 0");
    let lines: Vec<&str> = pieces.lines().skip(1).collect();
    assert!(!lines.is_empty() && lines.iter().all(|line| line.contains("  3  ")), "{pieces}");
    let sorted = place.stdout("show study --where dropout>0 --columns dropout --sort dropout -n 0");
    let dropouts: Vec<f64> =
        sorted.lines().skip(1).map(|line| line.split_whitespace().last().unwrap().parse().unwrap()).collect();
    assert!(dropouts.len() > 5 && dropouts.is_sorted(), "{sorted}");
}

#[test]
fn logs_have_the_columns_that_the_environment_says() {
    let place = place();
    for words in COMMANDS {
        let output = place.command(words).env("COLUMNS", "40").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= 56), "`{words}`:\n{text}");
    }
}

#[test]
fn a_finished_study_is_told_of_in_a_few_lines() {
    let place = place();
    let text = place.stdout("status study");
    assert!(text.contains("Over      all 4 brackets, with 49 trials\n"), "{text}");
    assert!(!text.contains("[==") && text.lines().count() <= 12, "{text}");
    assert!(text.contains("Trials    49 of 49 begun, "), "{text}");
    assert!(
        text.lines().filter(|line| line.contains("learning_rate ")).count() == 3,
        "the best three:\n{text}"
    );
}
