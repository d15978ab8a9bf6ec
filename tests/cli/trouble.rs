//! Repositories that are not there, not readable, damaged or half written; outputs that are closed or full.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Place, assert_snapshot, copy};

const READING: [&str; 7] = [
    "status X",
    "show X",
    "best X",
    "report X -o -",
    "export X --csv",
    "verify X --no-weights",
    "compare X X",
];

fn reading(dir: &str) -> Vec<String> {
    READING.iter().map(|command| command.replace('X', dir)).collect()
}

fn session(place: &Place, commands: &[String]) -> String {
    place.session(&commands.iter().map(String::as_str).collect::<Vec<_>>())
}

fn change(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from));
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn no_repository() {
    let place = Place::with_study();
    std::fs::create_dir(place.path("empty")).unwrap();
    let mut commands = Vec::new();
    for dir in ["nowhere", "empty", "study/study.ron"] {
        commands.extend(reading(dir));
        commands.push(format!("salvage {dir}"));
        commands.push(format!("status {dir} --watch"));
        commands.push(format!("show {dir} 1-1 --format json"));
    }
    assert_snapshot("no_repository.txt", session(&place, &commands));
}

#[test]
fn damaged_files() {
    let place = Place::new();
    let study = place.study("journal");
    change(&study.join("journal.ron"), "trial:\"1-5\"", "trial:\"1-4\"");
    let study = place.study("results");
    change(&study.join("results.ron"), "rank: 3", "rank: x");
    let study = place.study("other_results");
    change(&study.join("results.ron"), "epochs: 13", "epochs: 14");
    let study = place.study("weights");
    std::fs::write(study.join("weights/1-6.safetensors"), b"not weights").unwrap();
    let study = place.study("misnamed");
    std::fs::rename(study.join("weights/1-6.safetensors"), study.join("weights/2-1.safetensors")).unwrap();
    let study = place.study("study");
    change(&study.join("study.ron"), "max_epochs: 9", "max_epochs: nine");
    let study = place.study("impossible");
    change(&study.join("study.ron"), "eta: 3", "eta: 1");
    let study = place.study("newer");
    change(&study.join("study.ron"), "format: 1", "format: 3");
    let study = place.study("directory");
    std::fs::remove_file(study.join("journal.ron")).unwrap();
    std::fs::create_dir(study.join("journal.ron")).unwrap();
    let mut commands = reading("journal");
    commands.extend(
        ["show journal 1-1", "salvage journal", "verify journal", "status journal --format json"]
            .map(str::to_owned),
    );
    commands.pop();
    for dir in
        ["results", "other_results", "weights", "misnamed", "study", "impossible", "newer", "directory"]
    {
        commands.extend(["verify", "best"].map(|command| format!("{command} {dir}")));
    }
    commands.push("best results --format ron".to_owned());
    commands.extend(reading("directory"));
    // whether the process runs that the rest of the salvaged journal tells of depends on the machine
    let text = session(&place, &commands);
    assert_snapshot("damaged.txt", text);
    // what was salvaged can be read again
    place.stdout("status journal");
    place.stdout("show journal");
}

#[test]
fn files_of_other_tools_that_cannot_be_written() {
    let place = Place::with_study();
    std::fs::write(place.path("file.txt"), "a file\n").unwrap();
    std::fs::write(place.path("no_end.txt"), "no end").unwrap();
    std::fs::write(
        place.path("other.journal"),
        "{\"op_code\":0,\"worker_id\":\"x\",\"study_name\":\"other\",\"directions\":[2]}\n",
    )
    .unwrap();
    let log = place.path("logs/1-1");
    std::fs::create_dir_all(&log).unwrap();
    std::fs::write(log.join("events.out.tfevents.torn"), [0; 7]).unwrap();
    let commands = [
        "export nowhere --optuna study.journal",
        "export study --optuna nowhere/study.journal",
        "export study --optuna file.txt",
        "export study --optuna no_end.txt",
        "export study --optuna other.journal",
        "export study --optuna other.journal --study-name one",
        "export study --tensorboard file.txt",
        "export study --tensorboard logs",
    ];
    assert_snapshot("other_tools.txt", place.session(&commands));
    assert_eq!(std::fs::read_to_string(place.path("file.txt")).unwrap(), "a file\n");
    assert_eq!(std::fs::read_to_string(place.path("no_end.txt")).unwrap(), "no end");
}

#[test]
fn missing_weights_are_said() {
    let place = Place::with_study();
    std::fs::remove_file(place.path("study/weights/1-6.safetensors")).unwrap();
    let commands =
        ["status study", "best study", "best study --weights", "verify study", "verify study --no-weights"];
    assert_snapshot("missing_weights.txt", place.session(&commands));
}

#[test]
fn wrong_usage() {
    let place = Place::with_study();
    let commands = [
        "plan 81 1",
        "plan 0 3",
        "plan 81 three",
        "plan 81",
        "show study 1.1",
        "show study 3-99",
        "show study 0-1",
        "show study -n many",
        "show study -n -1",
        "plan -1 3",
        "plan 1e3 3",
        "plan 27 -3",
        "status study --watch --every -1",
        "status study --every 0 --watch",
        "export study",
        "export study --csv -o study/journal.ron",
        "export study --csv --optuna study.journal",
        "export study --optuna study.journal -o study.csv",
        "export study --json --study-name one",
        "export study --json --epochs",
        "export study --optuna study/journal.ron",
        "export study --optuna study.journal --study-name=",
        "export study --tensorboard study/weights",
        "export study --tensorboard study/lock",
        "report study -o study/lock",
        "report study -o study/../study/weights/9-9.safetensors",
        "report study --pictures study/study.ron.tmp -o -",
        "report study --pictures study/results.ron -o report.html",
        "compare study",
        "completions tcsh",
        "nonsense",
    ];
    let before = super::files(&place.path("study"));
    assert_snapshot("usage.txt", place.session(&commands));
    assert!(super::files(&place.path("study")) == before && !place.path("study/lock").exists());
}

/// A link beside the study that leads into it.
#[cfg(unix)]
#[test]
fn links_into_a_repository_are_not_written_through() {
    let place = Place::with_study();
    let before = super::files(&place.path("study"));
    std::os::unix::fs::symlink("study/journal.ron", place.path("trials.csv")).unwrap();
    std::os::unix::fs::symlink("study", place.path("link")).unwrap();
    for words in [
        "export study --csv -o trials.csv",
        "export study --optuna trials.csv",
        "report link -o trials.csv",
        "report study -o link/results.ron",
    ] {
        let output = place.run(words);
        assert_eq!(output.status.code(), Some(2), "{words}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("belongs to the repository"), "{words}");
    }
    assert!(super::files(&place.path("study")) == before);
}

/// Readers see the journal at any moment of its being written.
#[test]
fn a_journal_cut_anywhere_is_read_as_far_as_it_goes() {
    let place = Place::with_study();
    let journal = std::fs::read(place.path("study/journal.ron")).unwrap();
    std::fs::remove_file(place.path("study/results.ron")).unwrap();
    let mut begun = 0;
    for cut in (0..journal.len()).step_by(journal.len() / 12) {
        std::fs::write(place.path("study/journal.ron"), &journal[..cut]).unwrap();
        for words in [
            "status study",
            "show study",
            "export study --json",
            "report study -o -",
            "verify study --no-weights",
            "salvage study",
        ] {
            place.stdout(words);
        }
        let trials = place.json("show study -n 0 --format json")["trials"].as_array().unwrap().len();
        assert!(trials >= begun, "more is known of a longer journal");
        begun = trials;
    }
    assert!(begun > 10);
    assert_eq!(
        std::fs::read(place.path("study/journal.ron")).unwrap().len(),
        (journal.len() - 1) / (journal.len() / 12) * (journal.len() / 12)
    );
}

/// As a user who may not read it; where the tests run as root, another user has to be asked.
#[cfg(unix)]
#[test]
fn a_repository_without_permission() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let place = Place::new();
    let mode = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    mode(place.0.path(), 0o755);
    let all = place.study("all");
    let journal = place.study("journal").join("journal.ron");
    let weights = place.study("weights").join("weights");
    // the test's own directory may be closed to the other user
    let program = place.path("program");
    // not by this process: while it has a program open for writing, children of other tests may inherit that,
    // and nobody can run it
    assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_hobbit")).arg(&program).status().unwrap().success());
    mode(&program, 0o755);
    for path in [&all, &journal, &weights] {
        mode(path, 0o000);
    }
    let is_root = std::fs::read(&journal).is_ok();
    let run = |words: &str| {
        let mut command = Command::new(&program);
        command.current_dir(place.0.path()).args(words.split_whitespace());
        if is_root {
            const NOBODY: u32 = 65534;
            command.gid(NOBODY).uid(NOBODY);
        }
        let output = command.output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap(), text)
    };
    for dir in ["all", "journal"] {
        for words in ["status", "show", "best", "report -o -", "export --json", "compare all", "salvage"] {
            let (code, text) = run(&format!("{words} {dir}"));
            assert!(code == 3 && text.contains("Permission denied"), "{words} {dir}: {code}, {text}");
        }
    }
    assert_eq!(run("verify all").0, 3);
    let (code, text) = run("verify journal");
    assert!(code == 1 && text.contains("unreadable  journal.ron"), "{text}");
    let (code, text) = run("verify weights");
    assert!(code == 1 && text.contains("unreadable  weights"), "{text}");
    let (code, text) = run("best weights");
    assert!(code == 0 && text.contains("cannot be read"), "{text}");
    let (code, text) = run("report weights -o all/page.html");
    assert!(code == 3 && text.contains("could not write all/page.html"), "{text}");
    let (code, text) = run("export weights --csv -o all/trials.csv");
    assert!(code == 3 && text.contains("could not write all/trials.csv"), "{text}");
    mode(&all, 0o755);
    mode(&weights, 0o755);
}

#[test]
fn whoever_stops_reading_is_no_error() {
    let place = Place::with_study();
    let many = (1..=200).map(|r| r.to_string()).collect::<Vec<_>>().join(",");
    for words in
        [format!("plan {many} 2,3 --format json"), "export study --json".to_owned(), "show study".to_owned()]
    {
        let mut child = place.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{words}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let place = Place::with_study();
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for words in ["plan 81 3", "status study", "report study -o -", "export study --csv", "completions bash"]
    {
        let output = place.command(words).stdout(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{words}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("could not write to standard output"));
    }
}

#[test]
fn salvage_leaves_a_study_alone_that_is_being_worked_on() {
    let place = Place::with_study();
    let journal = place.path("study/journal.ron");
    change(&journal, "trial:\"1-5\"", "trial:\"1-4\"");
    let before = std::fs::read(&journal).unwrap();
    let lock = std::fs::File::create(place.path("study/lock")).unwrap();
    lock.lock().unwrap();
    let output = place.run("salvage study");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("is in use"));
    assert_eq!(std::fs::read(&journal).unwrap(), before);
    drop(lock);
    copy(&place.path("study"), &place.path("again"));
    assert!(place.stdout("salvage again").contains("Kept "));
    copy(&place.path("study"), &place.path("third"));
    let damaged = place.json("salvage third --format json");
    assert_eq!(damaged["damaged"], true);
    assert_eq!(damaged["damaged_journal"], "third/journal.ron.damaged");
    let whole = place.json("salvage again --format json");
    assert_eq!(whole["records"], damaged["records"]);
    assert_eq!((&whole["damaged"], &whole["damaged_journal"]), (&false.into(), &serde_json::Value::Null));
    assert!(whole["records"].as_u64().unwrap() > 0);
    assert_eq!(std::fs::read(place.path("again/journal.ron.damaged")).unwrap(), before);
}

/// Numbers that are possible, if hardly likely, are shown as they are.
#[test]
fn the_largest_numbers_are_shown() {
    let place = Place::with_study();
    let path = place.path("study/journal.ron");
    let text = std::fs::read_to_string(&path).unwrap();
    let lines = text.lines().map(|line| {
        let largest = "attempt:4294967295,worker:4294967295,";
        let record = line[13..line.len() - 1].replace("attempt:0,worker:0,", largest);
        format!("(\"{:08x}\", {record})\n", crc32fast::hash(record.as_bytes()))
    });
    let changed: String = lines.collect();
    assert!(changed != text);
    std::fs::write(&path, changed).unwrap();
    assert!(place.stdout("show study 1-6").contains("4294967296"));
    for words in
        ["status study", "best study", "report study -o -", "export study --csv", "export study --json"]
    {
        place.stdout(words);
    }
}
