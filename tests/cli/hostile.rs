//! Studies whose names, values, reasons and paths are sequences that a terminal obeys, or lines that hobbit
//! could have printed.

use std::path::Path;
use std::process::Command;

use hobbit::StopReason;
use hobbit::report::{Report, studies};
use hobbit::repository::{End, FORMAT, MachineChange, Reader, Record, Timestamp};
use hobbit::space::Value;

use super::Place;
use crate::support::journal::write_records;
use crate::support::texts::{FORGED, TEXTS, hidden};

/// Puts the texts from `first` on, one after the other, where a study has names, values and reasons. Returns
/// the name of the monitor.
fn rename(dir: &Path, first: usize) -> &'static str {
    rename_to(dir, |place| TEXTS[(first + place) % TEXTS.len()].to_owned());
    TEXTS[first % TEXTS.len()]
}

/// Puts these texts, by their places, where a study has names, values and reasons.
fn rename_to(dir: &Path, text: impl Fn(usize) -> String) {
    let reader = Reader::open(dir).unwrap();
    let mut study = reader.study().unwrap();
    let mut records = reader.journal().unwrap();
    let monitor = std::mem::replace(&mut study.monitor, text(0));
    (study.format, study.hobbit) = (FORMAT, text(1));
    study.objective.insert(text(2), text(3));
    for (number, record) in records.iter_mut().enumerate() {
        match record {
            Record::Opened { hobbit, host, .. } => (*hobbit, *host) = (text(4), text(5)),
            Record::Closed { reason, .. } => *reason = Some(StopReason::Error(text(6))),
            Record::Started { hparams, .. } => {
                for (place, (name, value)) in hparams.iter_mut().enumerate() {
                    *name = text(7 + place);
                    if place == 1 {
                        *value = Value::Text(text(9 + number));
                    }
                }
            }
            Record::Stage(stage) => {
                let values: Vec<f64> = stage.history.rows().flatten().copied().collect();
                let names = stage.history.metrics().iter().enumerate();
                let names =
                    names.map(|(place, name)| if *name == monitor { text(0) } else { text(30 + place) });
                let history = (names.collect::<Vec<_>>(), values);
                let history = format!(
                    "(metrics:{},values:{})",
                    ron::to_string(&history.0).unwrap(),
                    ron::to_string(&history.1).unwrap()
                );
                stage.history = ron::from_str(&history).unwrap();
                if stage.trial.bracket == 2 {
                    (stage.end, stage.score) = (End::Failed { epoch: 1, reason: text(40 + number) }, None);
                }
            }
            _ => {}
        }
    }
    write_records(dir, &records);
    let mut study = ron::to_string(&study).unwrap();
    for (place, name) in ["rate", "luck"].into_iter().enumerate() {
        let named = format!("name:{}", ron::to_string(&text(7 + place)).unwrap());
        study = study.replace(&format!("name:\"{name}\""), &named);
    }
    let described = format!("description:{}", ron::to_string(&text(15)).unwrap());
    std::fs::write(dir.join("study.ron"), study.replace("description:\"\"", &described)).unwrap();
}

/// Both outputs of a command that may fail.
fn printed(place: &Place, words: &[&str]) -> String {
    let mut command = place.command("");
    let output = command.args(words).output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(!text.contains("panicked"), "{words:?}: {text}");
    text
}

fn clean(place: &Place, words: &[&str]) -> String {
    let text = printed(place, words);
    assert_eq!(hidden(&text), None, "{words:?}: {text:?}");
    assert!(!text.lines().skip(1).any(|line| line.starts_with(FORGED)), "{words:?} was forged:\n{text}");
    assert!(
        !text.contains("\nWeights: /tmp/evil") && !text.contains("\nResults: /tmp/evil"),
        "{words:?} was forged:\n{text}"
    );
    text
}

fn lines(text: &str) -> usize {
    text.lines().count()
}

#[test]
fn whatever_a_study_holds_the_terminal_shows_it_and_obeys_nothing() {
    let place = Place::with_study();
    rename_to(&place.path("study"), |place| format!("text {place}"));
    place.study("other");
    let commands: [&[&str]; 6] = [
        &["status", "study"],
        &["show", "study", "-n", "0"],
        &["best", "study"],
        &["compare", "study", "other"],
        &["verify", "study", "--no-weights"],
        &["show", "study", "2-1"],
    ];
    let usual: Vec<usize> = commands.iter().map(|words| lines(&clean(&place, words))).collect();
    for first in 0..TEXTS.len() {
        std::fs::remove_dir_all(place.path("study")).unwrap();
        let monitor = rename(&place.study("study"), first);
        let few = if first % 8 == 0 { commands.len() } else { 2 };
        for (words, usual) in commands.iter().zip(&usual).take(few) {
            let text = clean(&place, words);
            // a reason of several lines has them in a trial's own story
            let has_reason = words.len() == 3 && words[0] == "show";
            assert!(has_reason || lines(&text) == *usual, "{words:?} with {monitor:?}:\n{text}");
        }
        let reason = clean(&place, &["show", "study", "2-1"]);
        let after = reason.lines().skip_while(|line| !line.starts_with("Reason: ")).skip(1);
        let reason: Vec<_> = after.take_while(|line| !line.is_empty()).collect();
        assert!(
            reason.iter().all(|line| line.starts_with("  ") || line.starts_with("Weights: study/")),
            "{reason:?}"
        );
    }
}

#[test]
fn data_for_programs_keeps_the_exact_texts() {
    for first in (0..TEXTS.len()).step_by(4) {
        let place = Place::with_study();
        let monitor = rename(&place.path("study"), first);
        let text = clean(&place, &["show", "study", "-n", "0", "--format", "json"]);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["study"]["monitor"], monitor);
        let overview = hobbit::repository::Reader::open(place.path("study")).unwrap().overview().unwrap();
        for (shown, trial) in json["trials"].as_array().unwrap().iter().zip(&overview.trials) {
            for (name, value) in &trial.hparams {
                if let hobbit::space::Value::Text(value) = value {
                    assert_eq!(shown["hparams"][name], **value);
                }
            }
        }
        clean(&place, &["status", "study", "--format", "json"]);
        clean(&place, &["export", "study", "--json"]);
        // into a file or a pipe a table goes as it is
        let csv = printed(&place, &["export", "study", "--csv"]);
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let metric = format!("metrics.{monitor}");
        assert!(reader.headers().unwrap().iter().any(|name| name == metric), "{csv:?}");
        let reasons: Vec<String> = reader.records().map(|row| row.unwrap()[5].to_owned()).collect();
        for trial in &overview.trials {
            if let hobbit::Status::Failed { reason, .. } = &trial.status {
                assert!(reasons.contains(reason), "{reason:?} is not among {reasons:?}");
            }
        }
    }
}

#[test]
fn colours_are_the_only_sequences_that_are_printed() {
    for first in (0..TEXTS.len()).step_by(7) {
        let place = Place::with_study();
        rename(&place.path("study"), first);
        for words in
            ["status study", "show study -n 0", "show study 2-1", "best study", "verify study --no-weights"]
        {
            let output = place.command(words).env("CLICOLOR_FORCE", "1").output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let mut plain = String::new();
            for (number, part) in text.split("\u{1b}[").enumerate() {
                let digits = part.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
                assert!(number == 0 || part[digits..].starts_with('m'), "{words}: {part:?}");
                plain += if number == 0 { part } else { &part[digits + 1..] };
            }
            assert!(text.len() > plain.len(), "{words} has no colours");
            assert_eq!(hidden(&plain), None, "{words}: {plain:?}");
        }
    }
}

/// Puts a text where a study names a machine, and another study.
fn name_machine(dir: &Path, text: &str) {
    let reader = Reader::open(dir).unwrap();
    let (mut study, mut records) = (reader.study().unwrap(), reader.journal().unwrap());
    let start = format!("(dir:{},study:None,outcomes:[])", ron::to_string(text).unwrap());
    study.format = FORMAT;
    study.warm_start = vec![ron::from_str(&start).unwrap()];
    std::fs::write(dir.join("study.ron"), ron::to_string(&study).unwrap()).unwrap();
    let change = MachineChange::Joined { slots: 2 };
    // the last record says that the study is finished
    let machine =
        Record::Machine { time: Timestamp::now(), machine: 1, host: text.to_owned(), pid: 70, change };
    records.insert(records.len() - 1, machine);
    write_records(dir, &records);
}

#[test]
fn machines_other_studies_and_what_follows_a_study_are_shown_and_not_obeyed() {
    let place = Place::new();
    place.study("all/plain");
    let commands: [&[&str]; 6] = [
        &["status", "all/study"],
        &["list", "all"],
        &["watch", "all/study", "1-1"],
        &["status", "all/study", "--format", "json"],
        &["list", "all", "--format", "json"],
        &["watch", "all/study", "1-1", "--format", "json"],
    ];
    let mut usual: Vec<usize> = Vec::new();
    for (number, text) in TEXTS.into_iter().enumerate() {
        let dir = place.study("all/study");
        name_machine(&dir, text);
        if number % 4 == 0 {
            rename(&dir, number);
        }
        let seen: Vec<usize> = commands.iter().map(|words| lines(&clean(&place, words))).collect();
        if number == 1 {
            usual = seen;
        } else if number > 1 && number % 4 != 0 {
            assert_eq!(seen, usual, "{text:?} makes lines");
        }
        let report = Report::read(&Reader::open(&dir).unwrap()).unwrap();
        let listed = studies("", &[hobbit::report::Shelved::Study("name", text.to_owned(), &report)]);
        for page in [report.html(), report.served("name", ""), listed] {
            let page = page.replace("<!-- Generated by kuva", "").replace('\t', " ");
            assert_eq!(hidden(&page), None, "{text:?}");
            for tag in ["<img", "<svg onload", "<!--", "<![CDATA", "<script>ran"] {
                assert!(!page.contains(tag), "{text:?}: {tag}");
            }
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

#[test]
fn the_reports_page_shows_every_text() {
    for first in 0..TEXTS.len() {
        let place = Place::with_study();
        rename(&place.path("study"), first);
        let report =
            hobbit::report::Report::read(&hobbit::repository::Reader::open(place.path("study")).unwrap())
                .unwrap();
        // the library that draws says so
        let drawn = |text: String| text.replace("<!-- Generated by kuva", "");
        let html = drawn(report.html());
        // tabs are harmless in a page
        assert_eq!(hidden(&html.replace('\t', " ")), None, "{first}");
        assert_eq!(html.matches("<script").count(), 1, "only the page's own script");
        for tag in ["<img", "<svg onload", "<!--", "<![CDATA"] {
            let context = html.find(tag).map(|at| &html[at.saturating_sub(60)..at + 20]);
            assert_eq!(context, None, "{first}: {tag}");
        }
        for (name, svg) in report.pictures() {
            let svg = drawn(svg);
            assert_eq!(hidden(&svg), None, "{name}");
            assert!(!svg.contains("<script") && !svg.contains("<img") && !svg.contains("<!--"), "{name}");
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)), "{name}");
        }
    }
}

/// Names of directories and files, in outputs and in errors, those of the command line itself among them.
#[cfg(unix)]
#[test]
fn paths_and_arguments_are_shown_and_not_obeyed() {
    let place = Place::new();
    let names = TEXTS.iter().filter(|text| !text.contains(['/', '\0']) && text.trim() == **text);
    for name in names.filter(|text| !text.starts_with('-')) {
        place.study(name);
        std::fs::write(place.path(name).join(format!("x{name}")), "").unwrap();
        for words in
            [&["verify", name, "--no-weights"][..], &["status", name], &["best", name], &["salvage", name]]
        {
            let text = clean(&place, words);
            assert!(!text.is_empty() && !text.starts_with("error"), "{name:?}: {text}");
        }
        let missing = format!("no{name}");
        let wrong = [
            &["show", &missing][..],
            &["show", name, name],
            &["show", name, "9-9"],
            &["export", name, "--csv", "--format", name],
            &[name],
            &["plan", name, "3"],
            &["export", name, "--csv", "-o", "none/x"],
            &["export", name, "--optuna", &format!("none/{name}")],
            &["report", &missing],
            &["compare", name, &missing],
        ];
        for words in wrong {
            let text = clean(&place, words);
            assert!(text.starts_with("error"), "{words:?}: {text}");
        }
        std::fs::write(place.path(name).join("study.ron"), format!("(format: {name}")).unwrap();
        assert!(clean(&place, &["status", name]).starts_with("error"));
        std::fs::remove_dir_all(place.path(name)).unwrap();
    }
}

/// JSON cannot hold such a path; a program that asks for the weights gets it byte by byte.
#[cfg(target_os = "linux")]
#[test]
fn a_path_that_is_no_unicode() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::with_study();
    let name = std::ffi::OsStr::from_bytes(b"st\xffudy");
    std::fs::rename(place.path("study"), place.path("").join(name)).unwrap();
    let run = |words: &[&str], more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hobbit"));
        let output = command.current_dir(place.path("")).args(words).arg(name).args(more).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    place.study("other");
    for words in [&["best"][..], &["status"], &["show"], &["compare", "other"]] {
        let json: serde_json::Value = serde_json::from_slice(&run(words, &["--format", "json"])).unwrap();
        assert!(json.is_object());
        run(words, &[]);
    }
    let json: serde_json::Value = serde_json::from_slice(&run(&["best"], &["--format", "json"])).unwrap();
    assert_eq!(json["weights"], "st\u{fffd}udy/weights/1-6.safetensors");
    let weights = run(&["best"], &["--weights"]);
    assert_eq!(weights, b"st\xffudy/weights/1-6.safetensors\n");
    assert!(place.path("").join(std::ffi::OsStr::from_bytes(weights.trim_ascii_end())).exists());
}

#[test]
fn ron_that_something_else_changed_is_refused() {
    let place = Place::with_study();
    let path = place.path("study/results.ron");
    let results = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, results.replace("luck:", "/* \u{1b}[2J */ luck:")).unwrap();
    let text = clean(&place, &["best", "study", "--format", "ron"]);
    assert!(text.contains("results.ron: the hyperparameters of trial 1-6 hold control characters"), "{text}");
}

/// A cell of a megabyte does not make every other one of its column as long.
#[test]
fn a_gigantic_name_stays_in_proportion() {
    let place = Place::with_study();
    rename_to(
        &place.path("study"),
        |place| if place == 0 { "m".repeat(1 << 20) } else { format!("text {place}") },
    );
    let text = clean(&place, &["show", "study"]);
    assert!(text.len() < 100_000, "{} bytes", text.len());
}
