//! Whole sweeps of several processes come to the bytes of one, whatever dies meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use hobbit::remote::Nats;
use hobbit::repository::{MachineChange, Reader, Record};
use hobbit::testing::Fake;
use hobbit::{Array, ArrayData, Checkpoint, EpochContext, Hyperband, Key, Metrics, Status, TrialContext};

use super::server::{Server, end, said};
use crate::support::{Curve, Params};

/// Ends the process with an error.
fn give_up(error: &hobbit::Error) -> ! {
    // what a test says goes elsewhere
    let mut stderr = std::io::stderr();
    writeln!(stderr, "{error}").unwrap();
    std::process::exit(1);
}

/// A sweep over curves.
pub(crate) fn curve(dir: &Path, workers: usize) {
    let pace = if std::env::var_os("HOBBIT_TEST_SLOW").is_some() { 50 } else { 2 };
    let curve = Curve { pace: Duration::from_millis(pace), shaky: true, ..Curve::default() };
    let study = Hyperband::of(curve).quiet().seed(3).retries(1).workers(workers).checkpoint_every(2);
    let nats = Nats::from_env().unwrap().give_up_after(1000);
    if let Err(error) = study.repo_dir(dir).nats(nats).run(27, 3) {
        give_up(&error);
    }
}

/// A small sweep, whose results depend on what a variable says.
pub(crate) fn kind(dir: &Path, workers: usize) {
    let numerics = std::env::var("HOBBIT_TEST_KIND").unwrap_or("these vectors".to_owned());
    let study = Hyperband::of(bulk().computing_with(numerics)).quiet().workers(workers).repo_dir(dir);
    if let Err(error) = study.nats(Nats::from_env().unwrap()).run(3, 3) {
        give_up(&error);
    }
}

/// A sweep over trials that keep nothing in memory, with checkpoints of a megabyte and more.
pub(crate) fn bulky(dir: &Path, workers: usize) {
    let study = Hyperband::of(bulk()).quiet().workers(workers).repo_dir(dir).nats(Nats::from_env().unwrap());
    if let Err(error) = study.run(9, 3) {
        give_up(&error);
    }
}

fn bulk() -> Fake<Params, (u64, u64)> {
    // all sizes about those of a message and its pieces
    let size = |hash: u64| (512 << 10) * (hash % 3) as usize + (hash % 5) as usize;
    let build = |params: &Params, trial: &TrialContext| {
        Ok((params.rate.to_bits() ^ u64::from(trial.id.index), u64::from(trial.id.index)))
    };
    let epoch = |(hash, index): &mut (u64, u64), epoch: &EpochContext<'_>, metrics: &mut Metrics| {
        if std::env::var_os("HOBBIT_ROLE").is_some() {
            // so that it is seen how many there were
            writeln!(std::io::stderr(), "an epoch")?;
        }
        if std::env::var_os("HOBBIT_TEST_SLOW").is_some() {
            std::thread::sleep(Duration::from_millis(100));
        }
        *hash = hash.rotate_left(7) ^ epoch.key(1).rng().below(u64::MAX);
        metrics.report("val_loss", (*hash >> 11) as f64);
        // what there is to say of it is larger than a message, too
        let more = if *index == 4 { 3_000 } else { 0 };
        (0..more).for_each(|metric| metrics.report(format!("m{metric:0>250}"), metric as f64));
        Ok(())
    };
    let save = move |&(hash, index): &(u64, u64)| {
        let mut checkpoint = Checkpoint::new();
        let array = |data| Array { shape: vec![size(index)], data };
        checkpoint.arrays.insert("bytes".to_owned(), array(ArrayData::U8(vec![hash as u8; size(index)])));
        checkpoint.metadata.insert("state".to_owned(), format!("{hash} {index}"));
        Ok(checkpoint)
    };
    let load = move |state: &mut (u64, u64), checkpoint: &Checkpoint| {
        let text = checkpoint.metadata.get("state").ok_or("it has no state")?;
        let (hash, index) = text.split_once(' ').ok_or("it has half a state")?;
        *state = (hash.parse()?, index.parse()?);
        let same = vec![state.0 as u8; size(state.1)];
        match checkpoint.arrays.get("bytes") {
            Some(Array { data: ArrayData::U8(bytes), .. }) if *bytes == same => Ok(()),
            _ => Err("it is of other bytes".into()),
        }
    };
    Fake::new(build, epoch).saving(save, load)
}

/// A sweep of which one trial ends every process that trains it.
pub(crate) fn poison(dir: &Path, workers: usize) {
    let build = |params: &Params, trial: &TrialContext| {
        if trial.id.index == 2 && trial.id.bracket == 1 {
            // what the worker did before is on its way, and is not lost with it
            std::thread::sleep(Duration::from_millis(300));
            std::process::abort();
        }
        Ok(params.rate)
    };
    let epoch = |rate: &mut f64, _: &EpochContext<'_>, metrics: &mut Metrics| {
        metrics.report("val_loss", *rate);
        Ok(())
    };
    let study = Hyperband::of(Fake::new(build, epoch)).quiet().workers(workers).repo_dir(dir);
    study.nats(Nats::from_env().unwrap().give_up_after(1)).run(9, 3).unwrap();
}

/// A sweep whose trials all fail.
pub(crate) fn broken(dir: &Path, workers: usize) {
    let build = |params: &Params, _: &TrialContext| Ok(params.rate);
    let epoch = |_: &mut f64, _: &EpochContext<'_>, _: &mut Metrics| Err("there is no data".into());
    let study = Hyperband::of(Fake::new(build, epoch)).quiet().workers(workers).repo_dir(dir);
    give_up(&study.nats(Nats::from_env().unwrap()).run(9, 3).unwrap_err());
}

/// A sweep of many trials that are no work.
pub(crate) fn many(dir: &Path, workers: usize) {
    let build = |params: &Params, _: &TrialContext| Ok(params.rate);
    let epoch = |rate: &mut f64, _: &EpochContext<'_>, metrics: &mut Metrics| {
        writeln!(std::io::stderr(), "an epoch")?;
        metrics.report("val_loss", *rate);
        Ok(())
    };
    let study = Hyperband::of(Fake::new(build, epoch)).quiet().workers(workers).repo_dir(dir);
    if let Err(error) = study.iterations(MANY as u32).nats(Nats::from_env().unwrap()).run(1, 3) {
        give_up(&error);
    }
}

const MANY: usize = 1500;

/// `results.ron` and all weights.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let weights = std::fs::read_dir(dir.join("weights")).unwrap().map(|file| file.unwrap().path());
    let paths = weights.chain([dir.join("results.ron")]);
    paths.map(|path| (path.display().to_string(), std::fs::read(&path).unwrap())).map(base_name).collect()
}

fn base_name((path, bytes): (String, Vec<u8>)) -> (String, Vec<u8>) {
    (path.rsplit('/').next().unwrap_or_default().to_owned(), bytes)
}

/// Names the files that are not the same.
fn assert_same(found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>) {
    let names = found.keys().chain(expected.keys());
    let other: BTreeSet<_> = names.filter(|name| found.get(*name) != expected.get(*name)).collect();
    assert!(other.is_empty(), "{other:?} are not the same");
}

/// The outcomes in a journal: all, and those of other machines.
fn outcomes(dir: &Path) -> (usize, usize) {
    let journal = Reader::open(dir).and_then(|reader| reader.journal()).unwrap_or_default();
    let stages = journal.iter().filter_map(|record| match record {
        Record::Stage(record) => Some(record.machine),
        _ => None,
    });
    stages.fold((0, 0), |(all, elsewhere), machine| (all + 1, elsewhere + usize::from(machine > 0)))
}

/// Waits until there are outcomes as are asked for.
fn await_outcome(dir: &Path, enough: impl Fn((usize, usize)) -> bool) {
    let begin = Instant::now();
    while !enough(outcomes(dir)) {
        assert!(begin.elapsed() < Duration::from_secs(60), "nothing comes");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The files of the sweep of one process, and how many outcomes there are.
fn alone() -> (BTreeMap<String, Vec<u8>>, usize) {
    let here = tempfile::tempdir().unwrap();
    let curve = Curve { shaky: true, ..Curve::default() };
    let study = Hyperband::of(curve).quiet().seed(3).retries(1).workers(2).checkpoint_every(2);
    study.repo_dir(here.path()).run(27, 3).unwrap();
    (files(here.path()), outcomes(here.path()).0)
}

#[test]
fn several_processes_come_to_the_bytes_of_one() {
    let (expected, stages) = alone();
    for role in ["coordinator", ""] {
        let server = Server::new();
        let there = tempfile::tempdir().unwrap();
        let start = |role| server.process("remote::curve", there.path(), 2, role).spawn().unwrap();
        let workers: Vec<Child> = (0..2).map(|_| start("worker")).collect();
        let coordinator = end(start(role));
        assert!(coordinator.status.success(), "{}", said(&coordinator));
        for worker in workers {
            let worker = end(worker);
            assert_eq!(worker.status.code(), Some(0), "{}", said(&worker));
        }
        assert_same(&files(there.path()), &expected);
        let (all, elsewhere) = outcomes(there.path());
        assert_eq!(all, stages, "an outcome is there twice, or not at all");
        // one that trains too may be done before the others have started
        assert!(role.is_empty() || elsewhere == all, "{elsewhere} of {all}");
    }
}

#[test]
fn large_checkpoints_come_whole_by_way_of_the_server_and_of_a_directory() {
    let here = tempfile::tempdir().unwrap();
    Hyperband::of(bulk()).quiet().workers(2).repo_dir(here.path()).run(9, 3).unwrap();
    let expected = files(here.path());
    assert!(expected.values().any(|bytes| bytes.len() > 1 << 20), "they are large");
    for checkpoints in ["server", "shared"] {
        let server = Server::new();
        let there = tempfile::tempdir().unwrap();
        let start = |role| {
            let mut process = server.process("remote::bulky", there.path(), 2, role);
            process.env("HOBBIT_CHECKPOINTS", checkpoints).spawn().unwrap()
        };
        let workers: Vec<Child> = (0..2).map(|_| start("worker")).collect();
        let coordinator = end(start("coordinator"));
        assert!(coordinator.status.success(), "{}", said(&coordinator));
        let mut epochs = 0;
        for worker in workers {
            let worker = end(worker);
            assert_eq!(worker.status.code(), Some(0), "{}", said(&worker));
            epochs += said(&worker).matches("an epoch").count() as u64;
        }
        // nothing is left of what was on its way
        assert_same(&files(there.path()), &expected);
        let reader = Reader::open(there.path()).unwrap();
        assert!(reader.verify().unwrap().iter().all(|check| check.state.is_fine()));
        let planned = reader.journal().unwrap().into_iter().map(|record| match record {
            Record::Stage(record) => record.to - record.from,
            _ => 0,
        });
        assert_eq!(epochs, planned.sum::<u64>(), "a checkpoint did not come whole, and was trained again");
    }
}

#[test]
fn a_server_that_keeps_nothing_keeps_the_coordinator_from_nothing() {
    let (expected, stages) = alone();
    let mut server = Server::new();
    let there = tempfile::tempdir().unwrap();
    let start = |role| {
        let mut process = server.process("remote::curve", there.path(), 2, role);
        process.env("HOBBIT_TEST_SLOW", "1").spawn().unwrap()
    };
    let (coordinator, mut worker) = (start(""), start("worker"));
    await_outcome(there.path(), |(_, elsewhere)| elsewhere > 0);
    // what it was at and what was waiting for it can be given to no other worker
    worker.kill().unwrap();
    worker.wait().unwrap();
    server.squeeze();
    let coordinator = end(coordinator);
    assert!(coordinator.status.success(), "{}", said(&coordinator));
    assert_same(&files(there.path()), &expected);
    assert_eq!(outcomes(there.path()).0, stages);
}

#[test]
fn no_report_is_lost_where_many_come_at_once() {
    let server = Server::new();
    let there = tempfile::tempdir().unwrap();
    let start = |role, slots| server.process("remote::many", there.path(), slots, role).spawn().unwrap();
    let (coordinator, worker) = (start("coordinator", 1), start("worker", 400));
    let pid = rustix::process::Pid::from_child(&coordinator);
    await_outcome(there.path(), |(all, _)| all > 0);
    // reports pile up
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    let coordinator = end(coordinator);
    assert!(coordinator.status.success(), "{}", said(&coordinator));
    let worker = end(worker);
    assert_eq!(worker.status.code(), Some(0), "{}", said(&worker));
    assert_eq!(outcomes(there.path()), (MANY, MANY));
    assert_eq!(said(&worker).matches("an epoch").count(), MANY, "what was lost was trained again");
}

#[test]
fn what_was_done_while_nobody_led_is_not_done_again() {
    let server = Server::new();
    let (there, logs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = |name| logs.path().join(name);
    let start = |role, slots, name| {
        let stderr = std::fs::File::create(log(name)).unwrap();
        server.process("remote::many", there.path(), slots, role).stderr(stderr).spawn().unwrap()
    };
    let epochs = |name| std::fs::read_to_string(log(name)).unwrap().matches("an epoch").count();
    let (mut first, worker) = (start("coordinator", 1, "first"), start("worker", 200, "worker"));
    await_outcome(there.path(), |(all, _)| all > 0);
    first.kill().unwrap();
    first.wait().unwrap();
    // the worker does what it has, and what waits for it
    let mut done = (0, Instant::now());
    while done.1.elapsed() < Duration::from_secs(2) {
        let now = epochs("worker");
        if now > done.0 {
            done = (now, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let known = outcomes(there.path()).0;
    assert!(known < done.0 && done.0 < MANY, "{known} known of {}", done.0);
    // it trains, too
    let second = end(start("", 4, "second"));
    assert!(second.status.success(), "{}", std::fs::read_to_string(log("second")).unwrap());
    assert_eq!(end(worker).status.code(), Some(0));
    assert_eq!(outcomes(there.path()).0, MANY);
    assert_eq!(epochs("worker") + epochs("second"), MANY, "what was done was trained again");
}

#[test]
fn reports_that_the_server_does_not_deliver_hold_up_nothing() {
    let (expected, stages) = alone();
    let server = Server::new();
    let there = tempfile::tempdir().unwrap();
    let start = |role| {
        let mut process = server.process("remote::curve", there.path(), 2, role);
        process.env("HOBBIT_TEST_SLOW", "1").spawn().unwrap()
    };
    let (mut coordinator, worker) = (start("coordinator"), start("worker"));
    await_outcome(there.path(), |(all, _)| all > 0);
    let reader = server.ask("$JS.API.CONSUMER.NAMES.hobbit-study-reports", "");
    let reader = reader.split('"').find(|text| text.starts_with("hobbit-")).unwrap();
    let pause = format!("$JS.API.CONSUMER.PAUSE.hobbit-study-reports.{reader}");
    let begin = Instant::now();
    // whenever it is made anew
    while coordinator.try_wait().unwrap().is_none() {
        assert!(begin.elapsed() < Duration::from_secs(300), "it does not go on");
        server.ask(&pause, "{\"pause_until\":\"2100-01-01T00:00:00Z\"}");
        std::thread::sleep(Duration::from_millis(100));
    }
    let coordinator = end(coordinator);
    assert!(coordinator.status.success(), "{}", said(&coordinator));
    assert_eq!(end(worker).status.code(), Some(0));
    assert_same(&files(there.path()), &expected);
    assert_eq!(outcomes(there.path()).0, stages);
}

#[test]
fn the_next_coordinator_may_have_checkpoints_go_another_way() {
    let here = tempfile::tempdir().unwrap();
    Hyperband::of(bulk()).quiet().workers(2).repo_dir(here.path()).run(9, 3).unwrap();
    let server = Server::new();
    let there = tempfile::tempdir().unwrap();
    let start = |role: &str, checkpoints: &str| {
        let mut process = server.process("remote::bulky", there.path(), 2, role);
        process.env("HOBBIT_TEST_SLOW", "").env("HOBBIT_CHECKPOINTS", checkpoints).spawn().unwrap()
    };
    // these stay, whoever leads
    let workers: Vec<Child> = (0..2).map(|_| start("worker", "server")).collect();
    for checkpoints in ["shared", "server", "shared"] {
        let mut coordinator = start("coordinator", checkpoints);
        let enough = outcomes(there.path()).0 + 4;
        let begin = Instant::now();
        while outcomes(there.path()).0 < enough {
            assert!(coordinator.try_wait().unwrap().is_none(), "it was over too soon");
            assert!(begin.elapsed() < Duration::from_secs(60), "nothing comes, with {checkpoints}");
            std::thread::sleep(Duration::from_millis(5));
        }
        coordinator.kill().unwrap();
        coordinator.wait().unwrap();
        let half = there.path().join("weights/incoming/half.tmp");
        if checkpoints == "shared" {
            // as a worker leaves it that dies
            std::fs::write(half, "half").unwrap();
        } else {
            assert!(!half.exists(), "what was half written stays for ever");
        }
    }
    let coordinator = end(start("coordinator", "server"));
    assert!(coordinator.status.success(), "{}", said(&coordinator));
    for worker in workers {
        let worker = end(worker);
        assert_eq!(worker.status.code(), Some(0), "{}", said(&worker));
    }
    // nothing is left in the directory, which this coordinator had no use for
    assert_same(&files(there.path()), &files(here.path()));
    assert!(Reader::open(there.path()).unwrap().verify().unwrap().iter().all(|check| check.state.is_fine()));
}

#[test]
fn whatever_is_killed_and_wiped_meanwhile() {
    let (expected, stages) = alone();
    let mut server = Server::new();
    let there = tempfile::tempdir().unwrap();
    let mut luck = Key::new(5).rng();
    let mut children: Vec<Option<Child>> = vec![None, None, None];
    let mut kills = 0;
    loop {
        for (place, child) in children.iter_mut().enumerate() {
            let role = if place == 0 { "coordinator" } else { "worker" };
            if child.is_none() {
                let process = server.process("remote::curve", there.path(), 2, role);
                *child = Some({ process }.stderr(std::process::Stdio::null()).spawn().unwrap());
            }
        }
        let known = outcomes(there.path()).0;
        let enough = known + 1 + luck.below(3) as usize;
        let coordinator = |children: &mut [Option<Child>]| children[0].as_mut().unwrap().try_wait().unwrap();
        while outcomes(there.path()).0 < enough && coordinator(&mut children).is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        if let Some(status) = coordinator(&mut children) {
            assert!(status.success(), "{status}");
            break;
        }
        match luck.below(4) {
            0 => server.wipe(),
            place => {
                let mut child = children[place as usize - 1].take().unwrap();
                child.kill().unwrap();
                child.wait().unwrap();
            }
        }
        kills += 1;
    }
    for child in children.into_iter().skip(1).flatten() {
        assert_eq!(end(child).status.code(), Some(0));
    }
    assert!(kills >= 5, "{kills} kills");
    assert_same(&files(there.path()), &expected);
    assert_eq!(outcomes(there.path()).0, stages, "an outcome is there twice, or not at all");
}

#[test]
fn a_trial_that_takes_workers_with_it_fails_and_the_others_do_not() {
    let server = Server::new();
    let there = tempfile::tempdir().unwrap();
    let start = |role: &str| {
        let mut process = server.process("remote::poison", there.path(), 1, role);
        process.stderr(std::process::Stdio::null()).spawn().unwrap()
    };
    let (mut coordinator, mut worker, mut deaths) = (start("coordinator"), start("worker"), 0);
    while coordinator.try_wait().unwrap().is_none() {
        if worker.try_wait().unwrap().is_some_and(|status| !status.success()) {
            (worker, deaths) = (start("worker"), deaths + 1);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    end(worker);
    assert!(end(coordinator).status.success());
    assert_eq!(deaths, 1, "as many as it may take");
    let overview = Reader::open(there.path()).unwrap().overview().unwrap();
    let failed: Vec<_> = overview
        .trials
        .iter()
        .filter_map(|trial| match &trial.status {
            Status::Failed { reason, .. } => Some((trial.id.to_string(), reason.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].1.contains("with it"), "{failed:?}");
}

#[test]
fn machines_are_known_to_whoever_looks_on() {
    let server = Server::new();
    let there = tempfile::tempdir().unwrap();
    let start = |role: &str| {
        let mut process = server.process("remote::curve", there.path(), 2, role);
        process.stderr(std::process::Stdio::null()).spawn().unwrap()
    };
    let (coordinator, mut first) = (start("coordinator"), start("worker"));
    let machines =
        || Reader::open(there.path()).and_then(|reader| reader.overview()).map(|seen| seen.machines);
    let begin = Instant::now();
    while !machines().is_ok_and(|all| !all.is_empty()) {
        assert!(begin.elapsed() < Duration::from_secs(60), "nobody has joined");
        std::thread::sleep(Duration::from_millis(1));
    }
    let pid = first.id();
    rustix::process::kill_process(rustix::process::Pid::from_child(&first), rustix::process::Signal::TERM)
        .unwrap();
    assert_eq!(first.wait().unwrap().code(), Some(143));
    end(start("worker"));
    assert!(end(coordinator).status.success());
    let reader = Reader::open(there.path()).unwrap();
    let machines = reader.overview().unwrap().machines;
    assert_eq!(machines.iter().map(|machine| machine.slots).collect::<Vec<_>>(), [2, 2]);
    assert_eq!((machines[0].pid, machines[0].gone.map(|(_, lost)| lost)), (pid, Some(false)));
    let stages: u64 = machines.iter().map(|machine| machine.stages).sum();
    assert_eq!(stages, outcomes(there.path()).1 as u64, "each stage is somebody's");
    let changes: Vec<_> = reader.journal().unwrap().into_iter().filter_map(changed).collect();
    assert_eq!(changes[0], (pid, MachineChange::Joined { slots: 2 }));
    assert!(changes.contains(&(pid, MachineChange::Left)));
    assert!(!there.path().join("live.ron").exists(), "it is over");
    assert!(reader.verify().unwrap().iter().all(|check| check.state.is_fine()));
}

fn changed(record: Record) -> Option<(u32, MachineChange)> {
    match record {
        Record::Machine { pid, change, .. } => Some((pid, change)),
        _ => None,
    }
}
