//! `hobbit watch`: one trial until its end.

use std::time::Duration;

use hobbit::repository::Reader;
use hobbit::{Hyperband, Status, TrialId};

use super::Place;
use crate::support::Curve;

#[test]
fn a_trial_is_followed_to_its_end() {
    let place = Place::new();
    let curve = Curve { pace: Duration::from_millis(10), ..Curve::default() };
    let study = Hyperband::of(curve).quiet().seed(3).workers(2).repo_dir(place.path("study"));
    let runner = std::thread::spawn(move || study.run(9, 3).map(|_| ()).unwrap());
    while !place.path("study/journal.ron").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let json = place.command("watch study 1-6 --every 0.02 --format json");
    let json = { json }.stdout(std::process::Stdio::piped()).spawn().unwrap();
    // one that has not begun yet
    let text = place.stdout("watch study 3-1 --every 0.02");
    let json = String::from_utf8(json.wait_with_output().unwrap().stdout).unwrap();
    runner.join().unwrap();
    let overview = Reader::open(place.path("study")).unwrap().overview().unwrap();
    let trial = overview.trial(TrialId::new(1, 6)).unwrap();
    let lines: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let epochs: Vec<u64> = lines
        .iter()
        .filter(|line| line["trial"].is_null())
        .map(|line| line["epoch"].as_u64().unwrap())
        .collect();
    assert_eq!(epochs, (1..=trial.epochs()).collect::<Vec<_>>());
    assert_eq!(lines.last().unwrap()["trial"], "1-6");
    assert_ne!(lines.last().unwrap()["status"], "running");

    let epochs =
        text.lines().filter(|line| line.trim_start().starts_with(|c: char| c.is_ascii_digit())).count();
    assert_eq!(epochs as u64, overview.trial(TrialId::new(3, 1)).unwrap().epochs(), "{text}");
    assert_eq!(text.matches("val_accuracy").count(), 1, "the names stand above once: {text}");
    assert!(text.contains("\nTrial 3-1: finished, val_loss "), "{text}");
}

#[test]
fn it_ends_with_the_study() {
    let place = Place::new();
    let study = Hyperband::of(Curve::default()).quiet().workers(1).repo_dir(place.path("study"));
    study.epoch_budget(7).run(9, 3).unwrap();
    let overview = Reader::open(place.path("study")).unwrap().overview().unwrap();
    let open = overview.trials.iter().find(|trial| trial.status == Status::Unfinished).unwrap();
    let text = place.stdout(&format!("watch study {}", open.id));
    assert!(text.contains(&format!("\nTrial {}: ", open.id)), "{text}");
    // none that begins, and none of the plan
    for words in ["watch study 3-1", "watch study 9-9"] {
        let output = place.run(words);
        assert_eq!(output.status.code(), Some(4), "{words}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("has no trial"), "{words}");
    }
}
