//! Sweeps whose metrics, reasons and directories are sequences that a terminal obeys, in a pipe and on a
//! terminal.

use std::path::Path;
use std::process::{Command, Stdio};

use hobbit::testing::Fake;
use hobbit::{
    BoxError, Direction, EpochContext, Event, Hyperband, MaxFailures, Metrics, Observer, TrialContext,
    search_space,
};

use crate::support::kill::process;
use crate::support::terminal;
use crate::support::texts::{FORGED, TEXTS, hidden};

#[search_space]
#[derive(Debug)]
struct Odd {
    #[choice(
        "\u{1b}[2J\u{1b}[1A",
        "x\nState     finished 1 s ago, after 2 s",
        "\u{9b}31m\u{202e}gpj",
        "plain"
    )]
    text: String,
    #[uniform(0.0..=1.0)]
    luck: f64,
}

/// Reports a metric of this name, or fails for this reason.
fn named(name: &'static str) -> Fake<Odd, f64> {
    let build =
        move |odd: &Odd, _: &TrialContext| if odd.luck < 0.3 { Err(name.into()) } else { Ok(odd.luck) };
    let epoch = move |luck: &mut f64, _: &EpochContext<'_>, metrics: &mut Metrics| {
        metrics.report(name, *luck);
        Ok(())
    };
    Fake::new(build, epoch).metrics([name])
}

/// Fails at once, so that a note tells why.
struct Failing(&'static str);

impl Observer for Failing {
    fn event(&mut self, _: &Event) -> Result<(), BoxError> {
        Err(self.0.into())
    }
}

/// As a process of its own: a sweep for each text.
pub(crate) fn sweeper(dir: &Path, _: usize) {
    for (number, text) in TEXTS.into_iter().enumerate().filter(|(_, text)| !text.is_empty()) {
        let name = format!("{number}{}", text.replace(['/', '\0'], ""));
        let study = Hyperband::of(named(text)).monitor(text).direction(Direction::Minimize).verbose();
        let study = study.seed(number as u64).observe(Failing(text)).repo_dir(dir.join(name)).workers(1);
        if let Err(error) = study.max_failures(MaxFailures::Share(1.0)).run(3, 3) {
            eprintln!("Error: {error}\nError: {error:?}");
        }
    }
}

fn sweep(dir: &Path) -> Command {
    let mut command = process("observe::hostile::sweeper", dir, 1);
    command.arg("--nocapture").env("TERM", "xterm-256color");
    command
}

#[test]
fn in_a_pipe_every_text_is_shown_and_no_line_is_forged() {
    let dir = tempfile::tempdir().unwrap();
    let output = sweep(dir.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for text in [output.stdout, output.stderr] {
        let text = String::from_utf8(text).unwrap();
        // the plan has tabs
        assert_eq!(hidden(&text.replace('\t', " ")), None, "{text:?}");
        for forged in [
            FORGED,
            "Weights: /tmp/evil",
            "Results: /tmp/evil",
            "error: nothing",
            "Best      val_loss 0",
            "$ sudo",
        ] {
            assert!(!text.lines().any(|line| line.starts_with(forged)), "{forged}:\n{text}");
        }
        assert!(text.contains(r"\u{1b}[2J"), "they are shown");
    }
}

#[test]
fn a_live_view_obeys_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (status, seen) = terminal::output(sweep(dir.path()));
    assert!(status.success());
    assert!(seen.contains(r"\u{1b}[2J") && seen.contains("\u{1b}["), "there is a live view");
    // what the live view itself never writes
    for obeyed in [
        "\u{1b}]",
        "\u{1b}P",
        "\u{1b}_",
        "\u{1b}c",
        "\u{1b}(",
        "\u{1b}[2J",
        "\u{1b}[?1049h",
        "\u{1b}[8m",
        "\u{7}",
        "\u{8}",
    ] {
        assert!(!seen.contains(obeyed), "{obeyed:?}");
    }
    assert!(
        !seen.contains(|c: char| ('\u{7f}'..='\u{9f}').contains(&c) || matches!(c, '\u{202e}' | '\u{2028}'))
    );
    assert!(!seen.split(['\n', '\r']).any(|line| line.starts_with(FORGED)));
}
