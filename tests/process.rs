//! Objectives that are processes: the protocol, checkpoints of files, whatever a process may do wrong, and
//! how it is ended.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hobbit::process::{Process, ProcessObjective};
use hobbit::{Error, Hyperband, Keep, Key, RandomSearch, SearchSpace, StopReason, search_space, testing};

use crate::support::kill::kill;

#[derive(Debug)]
#[search_space]
pub(crate) struct Hparams {
    #[log_uniform(1e-6..=1e-1)]
    alpha: f64,
    #[log_uniform(1e-4..=1.0)]
    eta0: f64,
}

/// The example that needs nothing but Python.
fn plain() -> Process {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/process/plain.py");
    Process::new(["python3".into(), script.into_os_string()])
}

/// A program in Python: what is done before the loop, and for each `line` in it.
fn python(before: &str, each: &str) -> Process {
    let begin = "import json, os, signal, subprocess, sys, time\nbegin = json.loads(sys.stdin.readline())\n";
    let each = each.replace('\n', "\n    ");
    let text = format!("{begin}{before}\nfor line in sys.stdin:\n    line = json.loads(line)\n    {each}\n");
    Process::new(["python3".to_owned(), "-c".to_owned(), text]).patience(Duration::from_secs(60))
}

const ANSWER: &str = "print(json.dumps({'metrics': {'val_loss': begin['hparams']['eta0']}}))";

/// A search of two trials, with one worker.
fn study(process: Process) -> RandomSearch<ProcessObjective<Hparams>> {
    RandomSearch::of(process.objective()).quiet().seed(4).workers(1)
}

/// Why the trials of a small sweep fail.
fn failure(process: Process) -> String {
    let error: Error = study(process).run(2, 3).unwrap_err();
    let text = error.to_string();
    text.strip_prefix("all 2 trials failed; the first was trial 1-1: ")
        .unwrap_or_else(|| panic!("{text}"))
        .to_owned()
}

#[test]
fn processes_keep_the_laws() {
    let drawn = || (0..2).map(|seed| Hparams::draw(Key::new(seed)).unwrap());
    testing::objective(|| plain().objective(), drawn());
    testing::interrupts(|| plain().objective(), drawn());
    // without a state
    testing::objective(|| python("", ANSWER).objective(), drawn());
}

fn sweep(dir: &Path, workers: usize) -> Hyperband<ProcessObjective<Hparams>> {
    Hyperband::of(plain().objective()).quiet().seed(4).workers(workers).keep(Keep::All).repo_dir(dir)
}

fn results(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("results.ron")).unwrap()
}

pub(crate) fn victim(dir: &Path, workers: usize) {
    sweep(dir, workers).checkpoint_every(1).run(9, 3).unwrap();
}

#[test]
fn a_killed_sweep_ends_with_the_same_bytes() {
    let whole = tempfile::tempdir().unwrap();
    let best = sweep(whole.path(), 2).run(9, 3).unwrap();
    let model = best.best_model().unwrap();
    let weights = model.arrays().unwrap().get_bytes("files/weights.json").unwrap();
    let weights: [f64; 3] = serde_json::from_slice(weights).unwrap();
    assert!(weights[0] > 0.0 && weights[1] < 0.0, "{weights:?}");
    let dir = tempfile::tempdir().unwrap();
    kill("process::victim", dir.path());
    sweep(dir.path(), 1).run(9, 3).unwrap();
    assert_eq!(results(dir.path()), results(whole.path()));
}

#[test]
fn a_sweep_that_is_stopped_between_epochs_goes_on() {
    let whole = tempfile::tempdir().unwrap();
    sweep(whole.path(), 2).run(3, 3).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut stops = 0;
    while let Some(reason) = sweep(dir.path(), 1).epoch_budget(4).run(3, 3).unwrap().stopped() {
        assert_eq!(*reason, StopReason::EpochBudget);
        stops += 1;
    }
    assert_eq!(stops, (hobbit::Plan::new(3, 3).unwrap().total_epochs() - 1) / 4);
    assert_eq!(results(dir.path()), results(whole.path()));
}

#[test]
fn what_a_process_is_told() {
    let check = "\
assert begin['hobbit'] == 1 and begin['trial'].startswith('1-') and begin['last_epoch'] == 3
assert set(begin['hparams']) == {'alpha', 'eta0'} and not begin['resume']
assert os.listdir(begin['directory']) == [] and os.getpgid(0) == os.getpid()
assert os.environ['OMP_NUM_THREADS'] == '1' and os.environ['MINE'] == 'a b'
seeds, count = {begin['seed']}, 0";
    let each = "\
count += 1
assert line['epoch'] == count and 0 <= line['seed'] < 2**32 and line['seed'] not in seeds
seeds.add(line['seed'])
print('a message')
print(json.dumps({'metrics': {'val_loss': 0.1 / count, 'other': float('nan')}, 'stop': count == 2}))";
    let results = study(python(check, each).env("MINE", "a b")).run(2, 3).unwrap();
    for trial in results.trials() {
        assert_eq!((trial.epochs, trial.score), (2, Some(0.05)));
        assert!(trial.metric("other").unwrap().is_nan());
    }
}

#[test]
fn files_in_directories_come_back_as_they_were() {
    let before = "\
path = os.path.join(begin['directory'], 'a', 'b c', 'count')
had = int(open(path).read()) if begin['resume'] else 0
os.makedirs(os.path.dirname(path), exist_ok=True)
assert not begin['resume'] or open(path + '.raw', 'rb').read() == bytes(range(256))";
    let each = "\
had += 1
assert line['epoch'] == had
open(path, 'w').write(str(had))
open(path + '.raw', 'wb').write(bytes(range(256)))
print(json.dumps({'metrics': {'val_loss': begin['hparams']['eta0'] / had}}))";
    let objective = python(before, each).objective::<Hparams>();
    let results = Hyperband::of(objective).quiet().workers(1).run(3, 3).unwrap();
    assert!(results.trials().iter().all(|trial| trial.score.is_some()));
    assert!(results.trials().iter().any(|trial| trial.stages.len() > 1));
}

#[test]
fn a_process_that_fails_says_why() {
    let reason = failure(python("", "raise ValueError('the data are gone')"));
    assert!(
        reason.starts_with(
            "the process ended with exit status: 1 in epoch 1, without an answer; it said last:\n"
        ),
        "{reason}"
    );
    assert!(reason.ends_with("ValueError: the data are gone"), "{reason}");
    let reason = failure(python(
        "",
        &format!("{ANSWER}\nif line['epoch'] == 2: os.kill(os.getpid(), signal.SIGSEGV)"),
    ));
    assert!(reason.starts_with("the process ended with signal: 11 (SIGSEGV)"), "{reason}");
    assert!(reason.contains("in epoch 3") || reason.contains("in epoch 2"), "{reason}");
    let reason = failure(python("", "print('on its way')\nprint('{\"metrics\": 7}')"));
    assert!(reason.starts_with("the process wrote a line that is not an answer (invalid type"), "{reason}");
    let reason = failure(python("", "print(json.dumps({'metrics': {'loss': 1}}))"));
    assert_eq!(reason, "the epoch did not report `val_loss`; it reported `loss`");
    let reason = failure(python("", &format!("{ANSWER}\nif line['epoch'] == 3: sys.exit('no space left')")));
    assert_eq!(
        reason,
        "the process ended with exit status: 1 after its last epoch; it said last:\n  no space left"
    );
    let reason = failure(python("os.symlink('/etc/passwd', os.path.join(begin['directory'], 'x'))", ANSWER));
    assert!(reason.ends_with("/x is not a file, and cannot be kept"), "{reason}");
    let reason = failure(Process::new(["/nowhere/python"]));
    assert!(reason.starts_with("could not start `/nowhere/python`: "), "{reason}");
    assert_eq!(failure(Process::new([""; 0])), "there is no command to run");
    // its child keeps the output open
    let reason = failure(python("", "subprocess.Popen(['sleep', '1000'])\nsys.exit(3)"));
    assert!(reason.starts_with("the process ended with exit status: 3 in epoch 1"), "{reason}");
}

/// Whether a process of this number, which a file tells, is there.
#[cfg(target_os = "linux")]
fn is_running(file: &Path) -> bool {
    let number = std::fs::read_to_string(file).unwrap();
    // one that waits to be asked how it ended runs no more
    let state = std::fs::read_to_string(PathBuf::from(format!("/proc/{}/stat", number.trim())));
    state.is_ok_and(|state| !state.contains(") Z"))
}

#[test]
fn a_process_whose_time_is_up_is_not_waited_for() {
    let process = python("", "time.sleep(1000)");
    let error = study(process).trial_time_limit(Duration::from_millis(50)).run(1, 3).unwrap_err().to_string();
    // busy machines look late
    assert!(error.contains("time limit"), "{error}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_process_is_killed_with_its_children() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("number");
    let each = "\
child = subprocess.Popen(['sleep', '1000'])
open(os.environ['NUMBER'], 'w').write(str(child.pid))
print('{}')
time.sleep(1000)";
    let reason = failure(python("", each).env("NUMBER", &file));
    assert!(reason.contains("missing field `metrics`"), "{reason}");
    let begin = Instant::now();
    while is_running(&file) {
        assert!(begin.elapsed() < Duration::from_secs(60), "the child of the process lives on");
        std::thread::sleep(Duration::from_millis(5));
    }
    // one that does not end by itself is killed too, and that is no failure
    let each = format!("open(os.environ['NUMBER'], 'w').write(str(os.getpid()))\n{ANSWER}");
    let stays = python("", &format!("{each}\nif line['epoch'] == 3: time.sleep(1000)"));
    let results = study(stays.env("NUMBER", &file).patience(Duration::from_millis(50))).run(1, 3).unwrap();
    assert!(results.best().score.is_some());
    assert!(!is_running(&file));
}
