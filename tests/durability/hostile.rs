//! Studies that somebody made to cost those who look at them: every reader answers, in time and memory that
//! the files' sizes allow.

use std::path::Path;
use std::time::Duration;

use hobbit::repository::Reader;
use hobbit::{Hyperband, TrialId};

use crate::support::journal::change_journal;
use crate::support::{Curve, Params};

fn study(dir: &Path) -> Hyperband<Curve> {
    Hyperband::of(Curve::default()).quiet().seed(3).workers(1).repo_dir(dir)
}

fn change(path: &Path, change: impl FnOnce(String) -> String) {
    let text = std::fs::read_to_string(path).unwrap();
    let changed = change(text.clone());
    assert!(changed != text, "nothing was changed");
    std::fs::write(path, changed).unwrap();
}

/// Everything that reads a study, and a program that continues it; returns what they said.
fn read_all(dir: &Path) -> Vec<String> {
    let mut said = Vec::new();
    let mut say =
        |result: Result<(), hobbit::Error>| said.extend(result.err().map(|error| error.to_string()));
    match Reader::open(dir) {
        Err(error) => say(Err(error)),
        Ok(reader) => {
            say(reader.study().map(drop));
            say(reader.results::<Params>().map(drop));
            say(reader.best::<Params>().map(drop));
            say(reader.hparams_ron(TrialId::new(1, 1)).map(drop));
            say(reader.verify().map(drop));
            for trial in reader.models().unwrap() {
                say(reader.model(trial).map(drop));
            }
            match reader.overview() {
                Err(error) => say(Err(error)),
                Ok(overview) => {
                    let _ = (overview.planned_epochs(), overview.trained_epochs(), overview.epochs_left());
                    let _ = (overview.pace(), overview.best(), overview.stage_totals().len());
                    assert!(overview.stages.len() <= 10_000);
                    let _ = hobbit::observe::trials_csv(&overview.trials).len();
                    let _ = hobbit::observe::epochs_csv(&overview.trials).len();
                    #[cfg(feature = "interop")]
                    let _ = hobbit::interop::replay(&overview).len();
                }
            }
            #[cfg(feature = "report")]
            match hobbit::report::Report::read(&reader) {
                Err(error) => say(Err(error)),
                Ok(report) => drop((report.html(), report.pictures())),
            }
        }
    }
    say(hobbit::salvage(dir).map(drop));
    say(study(dir).run(3, 3).map(drop));
    said
}

/// Makes a study hostile, and has it read by everything. What they say has to hold one of these, unless none
/// is given.
#[track_caller]
fn hostile(make: impl FnOnce(&Path) + Send + 'static, says: &[&str]) {
    let (ended, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let dir = tempfile::tempdir().unwrap();
        study(dir.path()).run(3, 3).unwrap();
        make(dir.path());
        let _ = ended.send(read_all(dir.path()));
    });
    let said = end.recv_timeout(Duration::from_secs(600)).expect("somebody takes for ever, or panicked");
    let is_said = says.is_empty() || said.iter().any(|said| says.iter().any(|part| said.contains(part)));
    assert!(is_said, "{says:?} is not in {said:?}");
}

fn in_study(from: &'static str, to: String, says: &[&str]) {
    hostile(move |dir| change(&dir.join("study.ron"), |text| text.replacen(from, &to, 1)), says);
}

fn in_journal(records: Vec<String>, says: &[&str]) {
    hostile(move |dir| change_journal(dir, |lines| lines.extend(records)), says);
}

const MOST: u32 = u32::MAX;

fn extended(max_epochs: u32, iterations: u32) -> String {
    format!(
        "Extended(time:1.0,algorithm:Hyperband(max_epochs:{max_epochs},eta:3,epoch_count:Additional,\
         iterations:{iterations}))"
    )
}

#[test]
fn plans_without_an_end() {
    in_study("iterations: 1", format!("iterations: {MOST}"), &["iterations is 1, but 4294967295"]);
    in_study("max_epochs: 3", format!("max_epochs: {MOST}"), &["R is 3, but 4294967295"]);
    for eta in [2, MOST] {
        hostile(
            move |dir| {
                let larger = format!("max_epochs: {MOST},\n        eta: {eta},");
                change(&dir.join("study.ron"), |text| {
                    text.replace("max_epochs: 3,\n        eta: 3,", &larger)
                });
                let trials = ["1-1", "99-1", "4294967295.1-1", "4294967295.4294967295-4294967295", "2.1-7"];
                let line = |trial| format!("Started(time:1.0,trial:\"{trial}\",stage:0,worker:0,hparams:[])");
                change_journal(dir, |lines| lines.extend(trials.map(line)));
            },
            &["R is 3, but 4294967295"],
        );
    }
    in_journal(vec![extended(MOST, MOST)], &["R is 3, but 4294967295"]);
    in_journal(vec![extended(0, 1)], &["is damaged (no process wrote it"]);
}

#[test]
fn numbers_that_no_process_wrote() {
    let stage = |fields: &str| {
        let usual = "time:1.0,trial:\"1-1\",stage:0,from:0,to:1,end:Trained,score:Some((0.5,1)),attempt:0,worker:0,seconds:1.0,\
                     history:(metrics:[\"val_loss\"],values:[0.5])";
        let mut record = usual.to_owned();
        for field in fields.split(';') {
            let name = field.split(':').next().unwrap();
            let at = record.find(&format!("{name}:")).unwrap();
            let length = match name {
                "history" => record.len() - at,
                "score" => "score:Some((0.5,1))".len(),
                _ => record[at..].find(',').unwrap(),
            };
            record.replace_range(at..at + length, field);
        }
        format!("Stage(({record}))")
    };
    let damaged = &["is damaged (no process wrote it"];
    for fields in [
        "from:2",
        "end:Failed(epoch:18446744073709551615,reason:\"x\");score:None",
        "end:Diverged(epoch:2,reason:\"x\");score:None",
        "score:Some((0.5,18446744073709551615))",
        "score:Some((0.5,0))",
        "score:Some((NaN,1))",
        "history:(metrics:[\"val_loss\"],values:[0.5,0.5])",
        "history:(metrics:[\"val_loss\",\"loss\"],values:[0.5])",
        "history:(metrics:[],values:[0.5])",
    ] {
        in_journal(vec![stage(fields)], damaged);
    }
    // possible, if hardly likely
    for fields in [
        "worker:4294967295",
        "attempt:4294967295",
        "stage:4294967295",
        "from:0;to:18446744073709551615",
        "seconds:NaN",
        "seconds:-1.0",
        "seconds:1e300",
        "time:NaN",
        "time:1e300",
        "time:-1.0",
    ] {
        in_journal(vec![stage(fields)], &[]);
    }
    let opened = format!("Opened(time:1.0,hobbit:\"0\",host:\"vm\",pid:{MOST},workers:{MOST})");
    in_journal(vec![opened], &[]);
    for trial in ["0-1", "1-0", "0.1-1"] {
        let started = format!("Started(time:1.0,trial:\"{trial}\",stage:0,worker:0,hparams:[])");
        in_journal(vec![started], &["both counted from 1"]);
    }
}

#[test]
fn many_of_everything() {
    let started = |i: usize| {
        format!("Started(time:1.0,trial:\"{i}.1-1\",stage:0,worker:{i},hparams:[(\"a{i}\",Int(1))])")
    };
    in_journal((2..=4000).map(started).collect(), &[]);
    in_journal((2..=9000).map(started).collect(), &["more than 4096 hyperparameters"]);
    let quick = |i: usize| format!("Started(time:1.0,trial:\"{i}.1-1\",stage:0,worker:{i},hparams:[])");
    in_journal((2..=50_000).map(quick).collect(), &[]);
    let names: String = (0..5000).map(|i| format!("\"m{i}\",")).collect();
    let values: String = (0..5000).map(|_| "0.5,").collect();
    let stage = format!(
        "Stage((time:1.0,trial:\"1-1\",stage:0,from:0,to:1,end:Trained,score:Some((0.5,1)),attempt:0,worker:0,seconds:1.0,\
         history:(metrics:[{names}],values:[{values}])))"
    );
    in_journal(vec![stage], &["more than 4096 metrics"]);
    let parameter = |i: usize| {
        format!("(name:\"p{i}\",description:\"\",domain:Uniform(low:0.0,high:1.0,step:None),conditions:[]),")
    };
    let parameters: String = (0..3000).map(parameter).collect();
    let values: String = (0..3000).map(|i| format!("(\"p{i}\",Float(0.{i})),")).collect();
    hostile(
        move |dir| {
            change(&dir.join("study.ron"), |text| {
                text.replacen("parameters: [", &format!("parameters: [{parameters}"), 1)
            });
            let lines = (1..=3)
                .map(|i| format!("Started(time:1.0,trial:\"1-{i}\",stage:0,worker:0,hparams:[{values}])"));
            change_journal(dir, |journal| journal.extend(lines));
        },
        &[],
    );
    in_study(
        "monitor: \"val_loss\"",
        format!("monitor: \"{}\"", "x".repeat(4 << 20)),
        &["the monitor is `val_loss`"],
    );
}

/// What is nested deeper than anything of hobbit's is an error, not the end of the stack.
#[test]
fn nested_without_an_end() {
    const DEEP: usize = 200_000;
    for (open, close) in [("[", "]"), ("(", ")"), ("{", "}"), ("Some(", ")"), ("/*", "*/"), ("r#\"", "")] {
        let nested = open.repeat(DEEP) + &close.repeat(DEEP);
        // a comment is nothing, however deep
        let or_nothing = |says: &'static [&'static str]| if open == "/*" { &[] } else { says };
        in_study("format: 2", format!("x: {nested}, format: 2"), &["study.ron:"]);
        in_study("enqueued: []", format!("enqueued: [{nested}]"), or_nothing(&["study.ron:"]));
        in_journal(vec![format!("Closed(time:1.0,reason:{nested})")], &["is damaged"]);
        let results = nested.clone();
        hostile(
            move |dir| {
                let to = format!("hparams: {results}");
                change(&dir.join("results.ron"), |text| text.replacen("hparams: ", &to, 1));
            },
            or_nothing(&["results.ron:"]),
        );
    }
}

#[test]
fn checkpoints_that_promise_more_than_they_hold() {
    let header = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
    let array = |shape: &str, end: &str| {
        header(&format!("{{\"a\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":[0,{end}]}}}}"))
    };
    let nested = "[".repeat(200_000);
    for bytes in [
        u64::MAX.to_le_bytes().to_vec(),
        (1_u64 << 40).to_le_bytes().to_vec(),
        array("[1099511627776]", "4398046511104"),
        array("[4611686018427387904,4]", "0"),
        array("[18446744073709551615,18446744073709551615]", "4"),
        header(&nested),
        header(&format!("{{\"__metadata__\":{{\"hobbit\":\"00000000 {nested}\"}}}}")),
        Vec::new(),
    ] {
        hostile(
            move |dir| {
                let best = Reader::open(dir).unwrap().models().unwrap()[0];
                std::fs::write(dir.join(format!("weights/{best}.safetensors")), &bytes).unwrap();
            },
            &[".safetensors: "],
        );
    }
}

/// What is told of a study that is only too large to be listed is right all the same.
#[test]
fn the_largest_studies_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    study(dir.path()).run(3, 3).unwrap();
    let before = Reader::open(dir.path()).unwrap().overview().unwrap();
    change(&dir.path().join("study.ron"), |text| {
        text.replace("iterations: 1,", &format!("iterations: {MOST},"))
    });
    change(&dir.path().join("journal.ron"), |text| {
        let lines: Vec<&str> = text.lines().collect();
        lines[..lines.len() - 1].join("\n") + "\n"
    });
    let overview = Reader::open(dir.path()).unwrap().overview().unwrap();
    assert_eq!((before.stages.len(), overview.stages.len()), (3, 10_000));
    let totals: Vec<_> = overview.stage_totals().iter().map(|stage| (stage.planned, stage.trained)).collect();
    let planned = |trials: u64| trials * u64::from(MOST);
    assert_eq!(totals, [(planned(3), 3), (planned(1), 1), (planned(2), 2)]);
    assert_eq!(overview.planned_epochs(), 12 * u64::from(MOST));
    assert_eq!(overview.trained_epochs(), 12);
    assert_eq!(overview.epochs_left(), 12 * (u64::from(MOST) - 1));
    assert_eq!(before.stage_totals().iter().map(|stage| stage.planned).collect::<Vec<_>>(), [3, 1, 2]);
}
