//! The command `hobbit`: what it prints, its exit codes, and how it takes trouble.
//!
//! What it prints is in `snapshots`; `SNAPSHOTS=overwrite` writes them anew, to be read before they are
//! committed.

mod hostile;
mod known;
mod live;
#[cfg(unix)]
mod narrow;
mod origins;
mod plan;
mod predict;
mod serve;
mod trouble;
mod values;
mod watch;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hobbit::repository::Reader;
use tempfile::TempDir;

use crate::support::Params;

/// A directory to work in, with copies of the golden repository.
pub(super) struct Place(TempDir);

impl Place {
    pub(super) fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    /// With the golden repository as `study`.
    pub(super) fn with_study() -> Place {
        let place = Place::new();
        place.study("study");
        place
    }

    /// Another copy of the golden repository.
    pub(super) fn study(&self, name: &str) -> PathBuf {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/repository_1");
        copy(&golden, &self.path(name));
        self.path(name)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `hobbit` with these words, in this directory.
    pub(super) fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hobbit"));
        command.current_dir(self.0.path()).args(words.split_whitespace());
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
            command.env_remove(name);
        }
        command
    }

    pub(super) fn run(&self, words: &str) -> Output {
        let output = self.command(words).output().unwrap();
        for text in [&output.stdout, &output.stderr] {
            let text = String::from_utf8(text.clone()).unwrap();
            let control = text.chars().find(|c| c.is_control() && !"\n\t".contains(*c));
            assert_eq!(control, None, "`hobbit {words}` printed {text}");
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!stderr.contains("panicked"), "`hobbit {words}`: {stderr}");
        output
    }

    /// Standard output of a command that ends well.
    pub(super) fn stdout(&self, words: &str) -> String {
        let output = self.run(words);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && stderr.is_empty(), "`hobbit {words}`: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(super) fn json(&self, words: &str) -> serde_json::Value {
        serde_json::from_str(&self.stdout(words)).unwrap()
    }

    /// Commands as they look in a terminal, with what they print and their exit codes.
    pub(super) fn session(&self, commands: &[&str]) -> String {
        let mut text = String::new();
        for words in commands {
            let output = self.run(words);
            text += &format!("$ hobbit {words}\n");
            for printed in [output.stdout, output.stderr] {
                text += &String::from_utf8(printed).unwrap();
            }
            text += &format!("=> {}\n\n", output.status.code().unwrap());
        }
        redacted(&text)
    }
}

/// Compares with a file in `snapshots`.
pub(super) fn assert_snapshot(name: &str, text: String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cli/snapshots").join(name);
    snapbox::assert_data_eq!(text, snapbox::Data::read_from(&path, None).raw());
}

/// The text without how long ago something was.
fn redacted(text: &str) -> String {
    let mut text = text.to_owned();
    for before in ["finished ", "stopped ", "sign of life is from "] {
        let mut from = 0;
        while let Some(start) = text[from..].find(before).map(|at| from + at + before.len()) {
            from = start;
            let line = text[start..].lines().next().unwrap_or("");
            if let Some(end) = line.find(" ago") {
                text.replace_range(start..start + end, "[TIME]");
            }
        }
    }
    text
}

pub(super) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)
        } else {
            drop(std::fs::copy(entry.path(), target))
        }
    }
}

/// All files below a directory, with their bytes.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path))
        } else {
            found.push((path.clone(), std::fs::read(path).unwrap()))
        }
    }
    found.sort();
    found
}

#[test]
fn help() {
    let commands = ["--help", "-h", "help status"];
    let each = [
        "plan",
        "status",
        "show",
        "watch",
        "best",
        "predict",
        "report",
        "nats",
        "export",
        "verify",
        "salvage",
        "compare",
        "completions",
    ];
    let each: Vec<String> = each.iter().map(|command| format!("{command} --help")).collect();
    let all: Vec<&str> = commands.into_iter().chain(each.iter().map(String::as_str)).collect();
    assert_snapshot("help.txt", Place::new().session(&all));
}

#[test]
fn every_command_on_a_finished_study_and_nothing_is_written() {
    let place = Place::with_study();
    place.study("other");
    let before = files(place.0.path());
    let snapshots: [(&str, &[&str]); 8] = [
        (
            "plan.txt",
            &[
                "plan 81 3",
                "plan 9,27 3,4",
                "plan 9 3 --cumulative",
                "plan 3 3 --format json",
                "plan 27 3 --brackets 1",
                "plan 27 3 --algorithm asha --trials 100 --workers 1,4,8 --lookahead 4,8",
                "plan 27 3 --algorithm successive-halving --trials 27",
                "plan 20 --algorithm random-search --trials 50 --workers 3 --format json",
                "plan 27 3 --algorithm pasha --trials 100",
                "plan 27 3 --trials 5",
                "plan 27 3 --algorithm asha",
                "plan 27 --algorithm asha --trials 100",
                "plan 27 3 --workers 0",
            ],
        ),
        ("status.txt", &["status study", "status study --watch", "status study --format json"]),
        (
            "show.txt",
            &["show study", "show study -n 2", "show study 1-6", "show study --top 1 --format json"],
        ),
        ("trial.json", &["show study 3-2 --format json"]),
        (
            "best.txt",
            &["best study", "best study --weights", "best study --format ron", "best study --format json"],
        ),
        ("export.txt", &["export study --csv", "export study --csv --epochs", "export study --json"]),
        ("verify.txt", &["verify study", "verify study --format json", "salvage study"]),
        ("compare.txt", &["compare study other", "compare study other --format json"]),
    ];
    for (name, commands) in snapshots {
        assert_snapshot(name, place.session(commands));
    }
    assert!(files(place.0.path()) == before, "a command wrote to a study's files");
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = Place::new().stdout(&format!("completions {shell}"));
        for command in [
            "plan",
            "status",
            "show",
            "best",
            "report",
            "export",
            "verify",
            "salvage",
            "compare",
            "completions",
        ] {
            assert!(script.contains(command), "{shell} does not know {command}");
        }
    }
}

#[test]
fn what_is_exported_is_what_the_study_has() {
    let place = Place::with_study();
    let overview = Reader::open(place.path("study")).unwrap().overview().unwrap();
    let csv = place.stdout("export study --csv");
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let column = |reader: &mut csv::Reader<_>, name: &str| {
        reader.headers().unwrap().iter().position(|header| header == name).unwrap()
    };
    let (score, rate) = (column(&mut reader, "score"), column(&mut reader, "hparams.rate"));
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), overview.trials.len());
    for (row, trial) in rows.iter().zip(&overview.trials) {
        assert_eq!(row[score].parse().ok(), trial.score.map(|(score, _)| score), "numbers are exact");
        assert_eq!(row[rate].to_owned(), trial.hparam("rate").unwrap().to_string());
    }
    let csv = place.stdout("export study --csv --epochs");
    let epochs = csv::Reader::from_reader(csv.as_bytes()).records().count() as u64;
    assert_eq!(epochs, overview.trained_epochs());
    let document = place.json("export study --json");
    let history = document["trials"][0]["history"].as_array().unwrap();
    assert_eq!(history.len() as u64, overview.trials[0].epochs());
    // to a file the same is written, and what it is is said
    assert_eq!(place.stdout("export study --csv -o trials.csv"), "trials.csv: 17 trials\n");
    assert_eq!(
        std::fs::read_to_string(place.path("trials.csv")).unwrap(),
        place.stdout("export study --csv")
    );
    assert_eq!(place.stdout("export study --format json"), place.stdout("export study --json"));
    assert_eq!(
        place.stdout("export study --format csv --epochs"),
        place.stdout("export study --csv --epochs")
    );
}

#[test]
fn what_is_exported_for_other_tools_is_what_the_library_exports() {
    use hobbit::interop::{OptunaJournal, TensorBoard, import};
    let place = Place::with_study();
    let before = files(&place.path("study"));
    let overview = Reader::open(place.path("study")).unwrap().overview().unwrap();
    OptunaJournal::new(place.path("library.journal")).export(&overview).unwrap();
    TensorBoard::new(place.path("library")).export(&overview).unwrap();
    // the second time nothing is missing
    for _ in 0..2 {
        assert_eq!(place.stdout("export study --optuna command.journal"), "command.journal: 17 trials\n");
        assert_eq!(place.stdout("export study --tensorboard command"), "command: the runs of 17 trials\n");
    }
    let optuna = |name: &str, study: &str| import::optuna(place.path(name), Some(study)).unwrap();
    let expected = optuna("library.journal", "library");
    assert_eq!(expected.rows.len(), overview.trials.len());
    assert_eq!(optuna("command.journal", "command").rows, expected.rows);
    let fitted = optuna("command.journal", "command").fit::<Params>();
    assert_eq!((fitted.accepted.len(), fitted.refused.len()), (17, 0));
    let below = |name: &str| {
        let dir = place.path(name);
        let files = files(&dir).into_iter();
        files.map(|(path, bytes)| (path.strip_prefix(&dir).unwrap().to_owned(), bytes)).collect::<Vec<_>>()
    };
    assert!(below("command") == below("library"));
    assert_eq!(below("command").len(), overview.trials.len());

    // a second study in the same file
    let again = place.stdout("export study --optuna command.journal --study-name again");
    assert_eq!(again, "command.journal: 17 trials\n");
    assert_eq!(optuna("command.journal", "again").rows, expected.rows);
    assert_eq!(optuna("command.journal", "command").rows, expected.rows);
    assert!(files(&place.path("study")) == before);
}

#[test]
fn the_report_is_written_where_it_is_asked_for() {
    use hobbit::report::Report;
    let place = Place::with_study();
    assert_eq!(place.stdout("report study --pictures pictures/here"), "report.html\n");
    let page = std::fs::read_to_string(place.path("report.html")).unwrap();
    assert_eq!(place.stdout("report study -o -"), page);
    let written = place.json("report study -o here.html --pictures pictures/there --format json");
    assert_eq!((&written["file"], &written["trials"]), (&"here.html".into(), &17.into()));
    let pictures = written["pictures"].as_array().unwrap();
    assert!(pictures.iter().all(|file| place.path(file.as_str().unwrap()).is_file()), "{pictures:?}");
    assert_eq!(place.run("report study -o - --format json").status.code(), Some(2));
    let report = Report::read(&Reader::open(place.path("study")).unwrap()).unwrap();
    for (name, picture) in report.pictures() {
        assert_eq!(std::fs::read_to_string(place.path("pictures/here").join(&name)).unwrap(), picture);
        assert!(pictures.iter().any(|file| file.as_str().unwrap().ends_with(&name)), "{name}");
    }
}

#[test]
fn the_best_hyperparameters_read_back_as_the_studys_struct() {
    let place = Place::with_study();
    let best: Params = ron::from_str(&place.stdout("best study --format ron")).unwrap();
    let json = place.json("best study --format json");
    assert_eq!(json["hparams"]["rate"].as_f64(), Some(best.rate));
    assert_eq!(json["hparams"]["luck"].as_f64(), Some(best.luck));
    assert!(Path::new(json["weights"].as_str().unwrap()).ends_with("weights/1-6.safetensors"));
    // without results.ron it is a map
    std::fs::remove_file(place.path("study/results.ron")).unwrap();
    let map: std::collections::BTreeMap<String, f64> =
        ron::from_str(&place.stdout("best study --format ron")).unwrap();
    assert_eq!((map["rate"], map["luck"]), (best.rate, best.luck));
}

#[test]
fn colours_are_for_terminals_and_not_with_no_color() {
    let place = Place::with_study();
    let coloured = |name: &str| {
        let output = place.command("verify study").env(name, "1").output().unwrap();
        String::from_utf8(output.stdout).unwrap().contains('\u{1b}')
    };
    assert!(coloured("CLICOLOR_FORCE"), "there are colours");
    assert!(!coloured("NO_COLOR"));
    assert!(!place.stdout("verify study").contains('\u{1b}'), "not into a pipe");
}
