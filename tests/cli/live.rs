//! Studies that run, were stopped or were killed.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hobbit::Hyperband;
use hobbit::TrialId;
use hobbit::repository::{Doing, Machine, MachineChange, Reader, Record, Timestamp};

use super::Place;
use crate::support::Curve;
use crate::support::journal::write_records;

/// Makes the journal begin with this process instead, and end after the cut.
fn rewrite(study: &Path, records: usize, host: &str, pid: u32, opened: f64) {
    let path = study.join("journal.ron");
    let journal = std::fs::read_to_string(&path).unwrap();
    let record = format!("Opened(time:{opened:?},hobbit:\"0.1.0\",host:\"{host}\",pid:{pid},workers:2)");
    let mut text = format!("(\"{:08x}\", {record})\n", crc32fast::hash(record.as_bytes()));
    for line in journal.lines().skip(1).take(records) {
        text += &format!("{line}\n");
    }
    std::fs::write(path, text).unwrap();
}

/// This machine's name, as a study that runs here writes it.
fn this_host() -> String {
    let place = Place::new();
    let study = Hyperband::of(Curve::default()).quiet().workers(1).repo_dir(place.path("study"));
    study.run(1, 3).unwrap();
    place.json("status study --format json")["process"]["host"].as_str().unwrap().to_owned()
}

#[test]
fn who_is_still_there_is_told_from_who_is_gone() {
    let place = Place::with_study();
    let study = place.path("study");
    let host = this_host();
    let state = || place.json("status study --format json")["state"].as_str().unwrap().to_owned();
    let now = Timestamp::now().0;

    rewrite(&study, 12, &host, std::process::id(), now);
    assert_eq!(state(), "running");
    let text = place.stdout("status study");
    assert!(text.contains("running: process") && text.contains("Running   1-"), "{text}");
    assert!(place.stdout("show study").contains("running stage 1"));

    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    rewrite(&study, 12, &host, child.id(), now);
    assert_eq!(state(), "killed");
    let text = place.stdout("status study");
    assert!(text.contains("is gone") && text.contains("Lost      1-") && !text.contains("about"), "{text}");
    assert!(place.stdout("show study").contains("interrupted in stage 1"));
    // nobody works on it, so there is nothing to wait for
    assert!(place.stdout("status study --watch").contains("is gone"));

    // a process that has the id now, but began long after
    rewrite(&study, 12, &host, std::process::id(), now - 1e9);
    assert_eq!(state(), "killed");

    rewrite(&study, 12, "another-host", std::process::id(), now);
    assert_eq!(state(), "elsewhere");
    assert!(place.stdout("status study").contains("cannot be seen from here"));
}

#[test]
fn brackets_that_are_over_take_no_lines() {
    let place = Place::with_study();
    let study = place.path("study");
    let journal = std::fs::read_to_string(study.join("journal.ron")).unwrap();
    let is_last = |line: &str| line.contains("Stage(") && line.contains("trial:\"1-6\",stage:2,");
    let last = journal.lines().position(is_last).unwrap();
    rewrite(&study, last, &this_host(), std::process::id(), Timestamp::now().0);
    let text = place.stdout("status study");
    assert!(text.contains("Over      bracket 1, with 9 trials\n"), "{text}");
    let stages = text.lines().skip_while(|line| !line.starts_with("bracket  stage"));
    let brackets: Vec<&str> = stages.skip(1).map(|line| line[..7].trim()).collect();
    assert_eq!(brackets, ["2", "", "3"], "{text}");
}

/// A clock that was set back while the study ran, and one that is behind now.
#[test]
fn times_of_other_clocks_give_no_nonsense() {
    let place = Place::new();
    let write = |study: &Path, opened: f64, ended: f64, closed: f64| {
        let text = std::fs::read_to_string(study.join("journal.ron")).unwrap();
        let mut journal = String::new();
        for line in text.lines() {
            let mut record: Record = ron::from_str(&line[13..line.len() - 1]).unwrap();
            match &mut record {
                Record::Opened { time, .. } => *time = Timestamp(opened),
                Record::Stage(stage) => stage.time = Timestamp(ended),
                Record::Closed { time, .. } => *time = Timestamp(closed),
                _ => {}
            }
            let text = ron::to_string(&record).unwrap();
            journal += &format!("(\"{:08x}\", {text})\n", crc32fast::hash(text.as_bytes()));
        }
        std::fs::write(study.join("journal.ron"), journal).unwrap();
    };
    let now = Timestamp::now().0;
    let years = 3652.0 * 86400.0;
    const COMMANDS: [&str; 6] = [
        "show study",
        "compare study study",
        "report study -o -",
        "export study --csv",
        "verify study",
        "status study",
    ];
    // a time that is none is damage, or something to be shown; never a panic
    let odd = |opened, ended, closed| {
        let _ = std::fs::remove_dir_all(place.path("study"));
        write(&place.study("study"), opened, ended, closed);
        for words in &COMMANDS[..5] {
            assert!(matches!(place.run(words).status.code(), Some(0 | 1)), "{words}");
        }
        String::from_utf8(place.run("status study").stdout).unwrap()
    };
    let state = |opened, ended, closed| {
        let status = odd(opened, ended, closed);
        status.lines().find(|line| line.starts_with("State")).unwrap()[10..].to_owned()
    };
    // set back just before the end
    for (ended, took) in [(now - 3.0, "27 s"), (now - years, "0.0 s")] {
        let state = state(now - 30.0, ended, now - years);
        assert!(state.starts_with("finished ") && state.ends_with(&format!(" ago, after {took}")), "{state}");
        assert!(!state.contains(" d "), "{state}");
    }
    let ahead = state(now + years, now + years, now + years + 5.0);
    assert_eq!(ahead, "finished at a time that this machine's clock has not reached yet, after 5 s");
    for time in [f64::NAN, 1e300, -1e300, f64::INFINITY] {
        odd(time, time, time);
        odd(0.0, 0.0, time);
        odd(time, now, now);
    }
    // more than a duration can be
    let mut lines = std::fs::read_to_string(place.path("study/journal.ron")).unwrap();
    for _ in 0..3 {
        for text in [
            "Opened(time:0.0,hobbit:\"0.1.0\",host:\"vm\",pid:1,workers:2)",
            "Closed(time:1.8e19,reason:None)",
        ] {
            lines += &format!("(\"{:08x}\", {text})\n", crc32fast::hash(text.as_bytes()));
        }
    }
    std::fs::write(place.path("study/journal.ron"), lines).unwrap();
    for words in COMMANDS {
        assert!(matches!(place.run(words).status.code(), Some(0 | 1)), "{words}");
    }
}

#[test]
fn a_study_that_was_stopped_says_why_and_shows_what_it_has() {
    let place = Place::new();
    let study = || Hyperband::of(Curve::default()).quiet().workers(1).repo_dir(place.path("study"));
    study().epoch_budget(7).run(9, 3).unwrap();
    let status = place.json("status study --format json");
    assert_eq!(status["state"], "stopped");
    assert_eq!(status["process"]["reason"], "the epochs budget is used up");
    assert!(place.stdout("status study").contains("the epochs budget is used up; run its program again"));
    assert!(place.stdout("best study").contains("Weights: study/weights/"));
    place.stdout("verify study");
    // and goes on
    study().run(9, 3).unwrap();
    let status = place.json("status study --format json");
    assert_eq!((&status["state"], &status["epochs"]["left"]), (&"finished".into(), &0.into()));
    assert_eq!(status["epochs"]["trained"], status["epochs"]["planned"]);
    place.stdout("verify study");
}

#[test]
fn failed_trials_are_counted_and_take_their_share_of_the_epochs() {
    let place = Place::new();
    let trouble = Curve { trouble: Some(Duration::ZERO), ..Curve::default() };
    Hyperband::of(trouble).quiet().repo_dir(place.path("study")).run(27, 3).unwrap();
    let status = place.json("status study --format json");
    let failed = status["trials"]["failed"].as_u64().unwrap();
    assert!(failed > 5);
    assert_eq!(status["epochs"]["left"], 0);
    assert!(place.stdout("status study").contains(&format!("{failed} failed")));
    let shown = place.json("show study -n 0 --format json");
    let reasons = shown["trials"].as_array().unwrap().iter().filter(|trial| trial["reason"].is_string());
    assert_eq!(reasons.count() as u64, failed);
    assert!(place.stdout("export study --csv").contains("unlucky at"));
    let last = shown["trials"].as_array().unwrap().last().unwrap()["trial"].as_str().unwrap();
    assert!(place.stdout(&format!("show study {last}")).contains("failed"));
    place.stdout("verify study");
}

#[test]
fn every_command_works_while_the_study_runs() {
    let place = Place::new();
    let curve = Curve { pace: Duration::from_millis(4), ..Curve::default() };
    let study = Hyperband::of(curve).quiet().workers(2).repo_dir(place.path("study"));
    let runner = std::thread::spawn(move || study.run(27, 3).map(|_| ()).unwrap());
    while !place.path("study/journal.ron").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut seen_running = 0;
    while !runner.is_finished() {
        for words in ["show study", "verify study --no-weights", "report study", "compare study study"] {
            place.stdout(words);
        }
        let status = place.json("status study --format json");
        if status["state"] == "running" {
            seen_running += 1;
            assert_eq!(status["process"]["pid"], std::process::id());
            let running = status["running"].as_array().unwrap().len();
            assert!(running <= 2, "{running} trials on 2 workers");
        }
    }
    runner.join().unwrap();
    assert!(seen_running > 0);
    assert_eq!(place.json("status study --format json")["state"], "finished");
    place.stdout("verify study");
}

#[test]
fn watching_into_a_file_gives_lines_and_ends_with_the_study() {
    let place = Place::new();
    let curve = Curve { pace: Duration::from_millis(3), ..Curve::default() };
    let study = Hyperband::of(curve).quiet().workers(2).repo_dir(place.path("study"));
    let runner = std::thread::spawn(move || study.run(27, 3).map(|_| ()).unwrap());
    while !place.path("study/study.ron").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut json = place.command("status study --watch --every 0.02 --format json");
    let json = json.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let text = place.stdout("status study --watch --every 0.02");
    let json = String::from_utf8(json.wait_with_output().unwrap().stdout).unwrap();
    runner.join().unwrap();
    let lines: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
    assert!(lines.len() > 1 && lines.iter().all(|line| line.contains("/423 epochs, ")), "{text}");
    assert!(lines.last().unwrap().starts_with("423/423 epochs, 49 trials, finished"), "{text}");
    assert!(text.contains("State     finished "), "{text}");
    let documents: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let trained: Vec<u64> = documents.iter().map(|d| d["epochs"]["trained"].as_u64().unwrap()).collect();
    assert!(trained.len() > 1 && trained.is_sorted(), "{trained:?}");
    assert_eq!(documents.last().unwrap()["state"], "finished");
}

#[test]
fn machines_and_what_they_are_at_are_told() {
    let place = Place::new();
    let dir = place.path("study");
    Hyperband::of(Curve::default()).quiet().workers(1).repo_dir(&dir).run(3, 3).unwrap();
    let mut records = Reader::open(&dir).unwrap().journal().unwrap();
    records.pop();
    let changed = |machine, pid, change| {
        let (time, host) = (Timestamp::now(), "far\u{1b}away".to_owned());
        Record::Machine { time, machine, host, pid, change }
    };
    records.push(changed(1, 70, MachineChange::Joined { slots: 4 }));
    records.push(changed(2, 71, MachineChange::Joined { slots: 8 }));
    records.push(changed(3, 72, MachineChange::Joined { slots: 1 }));
    records.push(changed(2, 71, MachineChange::Lost));
    records.push(changed(3, 72, MachineChange::Left));
    write_records(&dir, &records);
    let doing = Doing { trial: TrialId::new(1, 2), stage: 1, epoch: 3 };
    let (host, doing) = ("far\u{1b}away".to_owned(), vec![doing]);
    let machine = ron::to_string(&Machine { number: 1, host, pid: 70, slots: 4, doing }).unwrap();
    std::fs::write(dir.join("live.ron"), format!("(time:1.0,machines:[{machine}])")).unwrap();
    let text = place.stdout("status study");
    assert!(text.contains("1 machine with 4 slots, 1 left, 1 lost\n"), "{text}");
    assert!(text.contains("process 70 on far") && !text.contains('\u{1b}'), "{text}");
    assert!(text.contains("away, 4 slots, 0 stages trained: 1-2 stage 2 epoch 3\n"), "{text}");
    let json = place.json("status study --format json");
    assert_eq!(json["machines"][0]["doing"][0]["trial"], "1-2");
    assert_eq!((&json["machines"][1]["lost"], &json["machines"][2]["lost"]), (&true.into(), &false.into()));
    let found = String::from_utf8(place.run("verify study").stdout).unwrap();
    assert!(!found.contains("live.ron"), "{found}");
    assert!(place.run("report study -o page.html").status.success());
    let page = std::fs::read_to_string(place.path("page.html")).unwrap();
    assert!(page.contains("<h3>Machines</h3>") && page.contains("1-2 stage 2 epoch 3"));
    std::fs::write(dir.join("live.ron"), "(time:").unwrap();
    assert!(place.stdout("status study").contains("0 stages trained: waits\n"), "nothing depends on it");
    let found = String::from_utf8(place.run("verify study").stdout).unwrap();
    assert!(found.contains("live.ron") && found.contains("can be removed"), "{found}");
}
