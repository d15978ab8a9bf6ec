//! Optuna's journal: what it tells of a study, live and as an export, whole and in parts.

use std::path::Path;

use hobbit::interop::{OptunaJournal, TensorBoard};
use hobbit::space::Value;
use hobbit::{SearchSpace, Status, TrialId};
use serde_json::json;

use super::{overview, read, study};

#[test]
fn it_tells_of_every_trial_what_became_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let (live, repo) = (dir.path().join("live.journal"), dir.path().join("repo"));
    let results = study(&repo).observe(OptunaJournal::new(&live)).run(27, 3).unwrap();
    let told = read(&live);
    assert_eq!(told.len(), results.trials().len());
    let mut states = [0; 4];
    for trial in results.trials() {
        let seen = &told[&trial.id.to_string()];
        states[seen.state as usize] += 1;
        let state = match trial.status {
            Status::Finished => 1,
            Status::Dropped(_) => 2,
            _ => 3,
        };
        assert_eq!((seen.state, seen.value), (state, trial.score), "trial {}", trial.id);
        let monitored =
            trial.stages.iter().flat_map(|stage| stage.history.column("val_loss").into_iter().flatten());
        let monitored: Vec<_> = (1..).zip(monitored).collect();
        if state == 3 {
            assert!(seen.attrs["hobbit:reason"].is_string());
        } else {
            assert_eq!(seen.values.clone().into_iter().collect::<Vec<_>>(), monitored);
            assert_eq!(seen.attrs["hobbit:stage"], json!(trial.stages.len()));
            assert_eq!(seen.attrs["hobbit:score_epoch"], json!(trial.epoch));
        }
        assert_eq!(seen.attrs["hobbit:bracket"], json!(trial.id.bracket));
    }
    assert!(states[0] == 0 && states[1..].iter().all(|&count| count > 2), "all states are there: {states:?}");

    // the export says the same; only the journal of a repository does not know the epochs of a trial that failed
    let export = dir.path().join("live.export");
    OptunaJournal::new(&export).export(&overview(&repo)).unwrap();
    let mut exported = read(&export);
    for (name, seen) in &told {
        let exported = exported.remove(name).unwrap();
        if seen.state == 3 {
            assert!(exported.values.iter().all(|(epoch, value)| seen.values.get(epoch) == Some(value)));
        }
        let values = if seen.state == 3 { exported.values.clone() } else { seen.values.clone() };
        assert_eq!(exported, super::Told { values, ..seen.clone() });
    }
}

#[test]
fn a_parameter_is_only_where_it_exists() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.journal");
    let results = study(&dir.path().join("repo")).observe(OptunaJournal::new(&path)).run(9, 3).unwrap();
    let told = read(&path);
    for trial in results.trials() {
        let seen = &told[&trial.id.to_string()];
        let values = trial.hparams.values();
        let own = seen.attrs.keys().filter(|name| !name.starts_with("hobbit:"));
        let mut names: Vec<_> = seen.params.keys().chain(own).cloned().collect();
        names.sort();
        let mut expected: Vec<_> = values.iter().map(|(name, _)| name.clone()).collect();
        expected.sort();
        assert_eq!(names, expected);
        assert!(seen.params.keys().eq(seen.distributions.keys()));
        for (name, value) in &values {
            let distribution = seen.distributions.get(name);
            let choices =
                distribution.and_then(|distribution| distribution["attributes"]["choices"].as_array());
            let written = match (seen.params.get(name), choices) {
                (Some(place), Some(choices)) => choices[place.as_u64().unwrap() as usize].clone(),
                (Some(number), None) => number.clone(),
                (None, _) => seen.attrs[name].clone(),
            };
            match value {
                Value::Bool(value) => assert_eq!(written, json!(value)),
                Value::Int(value) => assert_eq!(written, json!(value)),
                Value::Float(value) => assert!((written.as_f64().unwrap() - value).abs() < 1e-7),
                Value::Text(value) => assert_eq!(written, json!(value)),
                other => panic!("{other:?}"),
            }
        }
        let of = |name: &str| &seen.distributions[name]["attributes"];
        assert_eq!(*of("rate"), json!({ "step": null, "low": 1e-4, "high": 1e-1, "log": true }));
        assert_eq!(*of("stepped"), json!({ "step": 0.25, "low": -1.0, "high": 1.0, "log": false }));
        assert_eq!(*of("tenths"), json!({ "step": 0.1, "low": 0.0, "high": 0.9, "log": false }));
        assert_eq!(*of("batch"), json!({ "log": true, "step": 1, "low": 1, "high": 4096 }));
        assert_eq!(*of("width"), json!({ "log": false, "step": 8, "low": 8, "high": 64 }));
        assert_eq!(*of("optimizer.kind"), json!({ "choices": ["Sgd", "Adam", "Plain"] }));
        assert_eq!(*of("switch"), json!({ "choices": [false, true] }));
    }
    let somewhere = |name: &str| told.values().filter(|seen| seen.params.contains_key(name)).count();
    for name in ["optimizer.Sgd.momentum", "dropout", "layers.2", "second.kind"] {
        assert!((1..told.len()).contains(&somewhere(name)), "`{name}` is conditional");
    }
}

#[test]
fn a_study_in_parts_is_written_once() {
    let dir = tempfile::tempdir().unwrap();
    let (parts, whole) = (dir.path().join("s.journal"), dir.path().join("whole.journal"));
    study(&dir.path().join("whole")).observe(OptunaJournal::new(&whole)).run(9, 3).unwrap();
    let mut runs = 0;
    loop {
        runs += 1;
        let part = study(&dir.path().join("parts")).observe(OptunaJournal::new(&parts)).epoch_budget(13);
        match part.run(9, 3) {
            Ok(results) if results.stopped().is_none() => break,
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(runs > 3);
    let repo = dir.path().join("parts");
    let bytes = std::fs::read(&parts).unwrap();
    study(&repo).observe(OptunaJournal::new(&parts)).run(9, 3).unwrap();
    OptunaJournal::new(&parts).export(&overview(&repo)).unwrap();
    assert!(std::fs::read(&parts).unwrap() == bytes, "nothing is missing");
    assert_eq!(read(&parts), read(&whole));
}

/// The lines without the name of the process.
fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let without = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["worker_id"].take();
        line.to_string()
    };
    text.lines().map(without).collect()
}

#[test]
fn a_torn_file_is_repaired() {
    let dir = tempfile::tempdir().unwrap();
    let repo = dir.path().join("repo");
    study(&repo).run(9, 3).unwrap();
    let overview = overview(&repo);
    let whole = dir.path().join("study.journal");
    OptunaJournal::new(&whole).export(&overview).unwrap();
    let bytes = std::fs::read(&whole).unwrap();
    let torn = dir.path().join("torn.journal");
    for cut in (0..bytes.len()).step_by(997).chain([1, bytes.len() - 1]) {
        std::fs::write(&torn, &bytes[..cut]).unwrap();
        OptunaJournal::new(&torn).study_name("study").export(&overview).unwrap();
        if let Some((torn, whole)) =
            lines(&torn).iter().zip(&lines(&whole)).find(|(torn, whole)| torn != whole)
        {
            panic!("cut at byte {cut}: {torn} instead of {whole}");
        }
        assert_eq!(lines(&torn).len(), lines(&whole).len());
    }
}

#[test]
fn others_may_write_to_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let repo = dir.path().join("repo");
    let path = dir.path().join("shared.journal");
    let other = r#"{"op_code":0,"worker_id":"x","study_name":"other","directions":[1]}
{"op_code":4,"worker_id":"x","study_id":0,"datetime_start":null}
{"op_code":7,"worker_id":"x","trial_id":0,"step":0,"intermediate_value":NaN}
"#;
    std::fs::write(&path, other).unwrap();
    let stopped = study(&repo).observe(OptunaJournal::new(&path)).epoch_budget(9).run(9, 3).unwrap();
    let mut text = std::fs::read_to_string(&path).unwrap();
    text += r#"{"op_code":4,"worker_id":"x","study_id":0,"datetime_start":null}
{"op_code":4,"worker_id":"x","study_id":1,"datetime_start":null}
{"op_code":4,"worker_id":"x","study_id":7,"datetime_start":null}
{"op_code":6,"worker_id":"x","trial_id":0,"state":1,"values":[-Infinity],"datetime_complete":"2026-01-01T00:00:00"}
"#;
    std::fs::write(&path, &text).unwrap();
    let results = study(&repo).observe(OptunaJournal::new(&path)).run(9, 3).unwrap();
    let written = std::fs::read_to_string(&path).unwrap();
    let after = written.strip_prefix(&text).expect("what was there stays");
    let of = |text: &str, pattern: &str| text.lines().filter(|line| line.contains(pattern)).count();
    assert_eq!(of(after, "\"op_code\":0,"), 0);
    let created = of(after, "\"op_code\":4,");
    // also those that failed while the first sweep was being stopped, and are trained again: they are told of once
    let begun = of(&text, "hobbit:trial");
    assert!(begun >= stopped.trials().len());
    assert_eq!(created, results.trials().len() - begun);
    // one of the three lines of the other process made no trial: there is no such study
    let first = 3 + begun;
    let numbers = after
        .lines()
        .filter(|line| line.contains("\"op_code\":6,"))
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["trial_id"].as_u64().unwrap());
    assert_eq!(numbers.max(), Some((first + created - 1) as u64));
    assert!(!dir.path().join("shared.journal.lock").exists());
}

#[cfg(unix)]
#[test]
fn it_waits_for_the_lock_of_others() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.journal");
    let lock = dir.path().join("s.journal.lock");
    study(&dir.path().join("repo")).run(3, 3).unwrap();
    let overview = overview(&dir.path().join("repo"));
    std::fs::write(&path, "").unwrap();
    symlink(&path, &lock).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| OptunaJournal::new(&path).export(&overview));
        std::thread::sleep(std::time::Duration::from_millis(100));
        let other = "{\"op_code\":0,\"worker_id\":\"x\",\"study_name\":\"other\",\"directions\":[1]}\n";
        assert!(std::fs::read(&path).unwrap().is_empty(), "it writes nothing while another has the lock");
        std::fs::write(&path, other).unwrap();
        std::fs::remove_file(&lock).unwrap();
        writer.join().unwrap().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(other) && text.contains("\"study_id\":1"));
    });
    // one that a process of hobbit's left when it died
    symlink("./s.journal", &lock).unwrap();
    OptunaJournal::new(&path).study_name("again").export(&overview).unwrap();
    assert!(lock.symlink_metadata().is_err());
}

#[test]
fn another_study_of_the_same_name_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.journal");
    study(&dir.path().join("a")).observe(OptunaJournal::new(&path)).run(3, 3).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    study(&dir.path().join("b")).seed(6).run(3, 3).unwrap();
    let overview = overview(&dir.path().join("b"));
    let error = OptunaJournal::new(&path).export(&overview).unwrap_err();
    assert!(error.to_string().contains("holds another study under the study name `s`"), "{error}");
    assert!(std::fs::read(&path).unwrap() == bytes);
    OptunaJournal::new(&path).study_name("t").export(&overview).unwrap();
    let text = std::fs::read(&path).unwrap();
    assert!(text.starts_with(&bytes) && text.len() > bytes.len());
}

#[test]
fn no_file_is_an_error_that_the_user_is_told() {
    use hobbit::Event;
    let (notes, told) = std::sync::mpsc::channel();
    let dir = tempfile::tempdir().unwrap();
    let watch = move |event: &Event| {
        if let Event::Note(text) = event {
            notes.send(text.clone()).unwrap();
        }
    };
    let path = dir.path().join("no directory").join("s.journal");
    study(&dir.path().join("repo")).observe(watch).observe(OptunaJournal::new(path)).run(3, 3).unwrap();
    let told: Vec<_> = told.iter().collect();
    assert!(told.len() == 1 && told[0].contains("no directory"), "{told:?}");
}

#[test]
fn a_trial_that_goes_on_in_a_larger_study_appears_again() {
    let dir = tempfile::tempdir().unwrap();
    let (path, repo) = (dir.path().join("s.journal"), dir.path().join("repo"));
    study(&repo).observe(OptunaJournal::new(&path)).run(9, 3).unwrap();
    let small = read(&path);
    study(&repo).extend().observe(OptunaJournal::new(&path)).run(27, 3).unwrap();
    let results = study(&repo).run(27, 3).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let times = |id: TrialId| {
        text.lines().filter(|line| line.contains(&format!("\"hobbit:trial\":\"{id}\""))).count()
    };
    let mut again = 0;
    for trial in results.trials() {
        let longer = small.get(&trial.id.to_string()).is_some_and(|seen| {
            seen.values.len() < trial.stages.iter().map(|stage| stage.history.len()).sum()
        });
        again += usize::from(longer);
        assert_eq!(times(trial.id), 1 + usize::from(longer), "trial {}", trial.id);
    }
    assert!(again > 0);
}

#[test]
fn an_export_for_tensorboard_has_a_run_for_each_trial_and_is_written_once() {
    let dir = tempfile::tempdir().unwrap();
    let results = study(&dir.path().join("repo")).run(9, 3).unwrap();
    let logs = dir.path().join("logs");
    let files = || {
        let mut files = Vec::new();
        for run in std::fs::read_dir(&logs).unwrap() {
            let run = run.unwrap();
            for file in std::fs::read_dir(run.path()).unwrap() {
                let path = file.unwrap().path();
                files.push((run.file_name().into_string().unwrap(), std::fs::read(path).unwrap()));
            }
        }
        files.sort();
        files
    };
    TensorBoard::new(&logs).export(&overview(&dir.path().join("repo"))).unwrap();
    let first = files();
    let mut names: Vec<_> = results.trials().iter().map(|trial| trial.id.to_string()).collect();
    names.sort();
    assert!(first.iter().map(|(run, _)| run).eq(&names), "one file for each trial");
    TensorBoard::new(&logs).export(&overview(&dir.path().join("repo"))).unwrap();
    assert!(files() == first);
}
