//! Whole sweeps of every algorithm: the same bytes with any number of workers, however long each stage takes,
//! stopped and killed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hobbit::repository::{FileState, Overview, Reader};
use hobbit::testing::Fake;
use hobbit::{
    Asha, Direction, EpochContext, Error, Hyperband, Keep, Key, Metrics, RandomSearch, Results, Status,
    Study, SuccessiveHalving, by, search_space,
};

use crate::support::kill::kill;

#[derive(Debug)]
#[search_space]
struct Hparams {
    #[uniform(0.0..=1.0)]
    rate: f64,
}

type Curve = Fake<Hparams, Model>;

struct Model {
    rate: f64,
    loss: f64,
}

/// The epochs that were trained, and what chance is drawn from.
static EPOCHS: AtomicU64 = AtomicU64::new(0);

/// A curve with noise by its key; some trials fail in their first or in a later epoch. An epoch takes up to
/// `most` microseconds, by chance.
fn curve(most: u64) -> Curve {
    let build = |hparams: &Hparams, trial: &hobbit::TrialContext| {
        Ok(Model { rate: hparams.rate, loss: 1.0 + trial.key.child(9).rng().unit() })
    };
    let epoch = move |model: &mut Model, epoch: &EpochContext<'_>, metrics: &mut Metrics| {
        let chance = Key::new(EPOCHS.fetch_add(1, Ordering::Relaxed)).rng().below(most + 1);
        std::thread::sleep(Duration::from_micros(chance));
        if model.rate > 0.93 || model.rate < 0.1 && epoch.epoch > 1 {
            return Err("bad luck".into());
        }
        model.loss = 0.7 * model.loss + 0.3 * model.rate + 0.05 * epoch.key(3).rng().unit();
        metrics.report("val_loss", model.loss);
        Ok(())
    };
    let load = |model: &mut Model, state: &[f64]| model.loss = state[0];
    Fake::new(build, epoch).state(|model| vec![model.loss], load)
}

/// How one run of a sweep is set up.
struct Setup {
    dir: PathBuf,
    workers: usize,
    /// The epochs after which it stops.
    budget: Option<u64>,
    /// How many microseconds an epoch takes at most.
    most: u64,
}

impl Setup {
    fn new(dir: &Path, workers: usize) -> Setup {
        Setup { dir: dir.to_owned(), workers, budget: None, most: 300 }
    }

    fn study<A>(&self) -> Study<Curve, A> {
        let study = Study::of(curve(self.most)).quiet().seed(4).workers(self.workers).keep(Keep::All);
        let study = study.repo_dir(&self.dir);
        if let Some(budget) = self.budget { study.epoch_budget(budget) } else { study }
    }
}

type Run = fn(&Setup) -> hobbit::Result<Results<Curve>>;

/// One line for each algorithm: its name, perhaps with more behind it, and a small sweep.
const ALGORITHMS: [(&str, Run); 6] = [
    ("Hyperband", |setup| setup.study::<by::Hyperband>().run(9, 3)),
    ("Hyperband repeated", |setup| setup.study::<by::Hyperband>().brackets(1).iterations(3).run(9, 3)),
    ("SuccessiveHalving", |setup| setup.study::<by::SuccessiveHalving>().run(20, 1, 9, 3)),
    ("RandomSearch", |setup| setup.study::<by::RandomSearch>().run(20, 4)),
    ("Asha", |setup| setup.study::<by::Asha>().lookahead(6).run(24, 9, 3)),
    ("Pasha", |setup| setup.study::<by::Pasha>().lookahead(6).run(24, 27, 3)),
];

fn results(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("results.ron")).unwrap()
}

/// The files of weights, by name.
fn weights(dir: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let files = std::fs::read_dir(dir.join("weights")).unwrap().map(|file| file.unwrap());
    files.map(|file| (file.file_name(), std::fs::read(file.path()).unwrap())).collect()
}

fn overview(dir: &Path) -> Overview {
    Reader::open(dir).unwrap().overview().unwrap()
}

/// Stops again and again, with other workers each time, until the sweep is at its end.
fn in_pieces(run: Run, dir: &Path) -> u32 {
    for piece in 0..100 {
        let workers = [1, 3, 2, 16][piece as usize % 4];
        // before the first trial is trained there are no results
        let stopped = match run(&Setup { budget: Some(7), ..Setup::new(dir, workers) }) {
            Ok(results) => results.stopped().is_some(),
            Err(error) => panic!("{error}"),
        };
        if !stopped {
            return piece;
        }
    }
    panic!("it never ends");
}

#[test]
fn workers_stops_and_chance_do_not_change_a_byte() {
    for (name, run) in ALGORITHMS {
        let dir = tempfile::tempdir().unwrap();
        let first = dir.path().join("1");
        run(&Setup::new(&first, 1)).unwrap();
        let expected = results(&first);
        for workers in [2, 7, 16] {
            let dir = dir.path().join(workers.to_string());
            run(&Setup::new(&dir, workers)).unwrap();
            assert!(results(&dir) == expected, "{name} with {workers} workers");
        }
        let pieces = dir.path().join("pieces");
        assert!(in_pieces(run, &pieces) > 3, "{name}");
        assert!(results(&pieces) == expected, "{name} in pieces");
    }
}

#[test]
fn a_killed_sweep_of_any_algorithm_ends_as_one_that_was_not() {
    for (name, run) in ALGORITHMS {
        let dir = tempfile::tempdir().unwrap();
        let (killed, whole) = (dir.path().join(name), dir.path().join("whole"));
        kill("sweep::algorithms::victim", &killed);
        run(&Setup::new(&killed, 3)).unwrap();
        run(&Setup::new(&whole, 7)).unwrap();
        assert!(results(&killed) == results(&whole), "{name}");
        assert!(weights(&killed) == weights(&whole), "{name}");
    }
}

/// What the process does that is killed: the sweep that the directory is named after.
pub(crate) fn victim(dir: &Path, workers: usize) {
    let name = dir.file_name().unwrap();
    let (_, run) = ALGORITHMS.iter().find(|(known, _)| *known == name).unwrap();
    run(&Setup { most: 10_000, ..Setup::new(dir, workers) }).unwrap();
}

#[test]
fn a_repository_tells_of_every_algorithm() {
    for (name, run) in ALGORITHMS {
        let dir = tempfile::tempdir().unwrap();
        let results = run(&Setup::new(dir.path(), 2)).unwrap();
        let overview = overview(dir.path());
        assert_eq!(Some(overview.study.algorithm.name()), name.split(' ').next());
        assert_eq!(overview.outline, overview.study.algorithm.outline().unwrap());
        assert_eq!(overview.trials.len(), results.trials().len());
        assert_eq!(overview.trials.len() as u64, overview.outline.total_trials());
        assert!(overview.is_finished() && overview.epochs_left() == 0 && overview.lost_outcomes() == 0);
        assert!(overview.trained_epochs() <= overview.planned_epochs());
        for (told, kept) in results.trials().iter().zip(&overview.trials) {
            assert_eq!((told.id, &told.status), (kept.id, &kept.status), "{name}");
            assert_ne!(told.status, Status::Unfinished, "{name}");
        }
        let checks = Reader::open(dir.path()).unwrap().verify().unwrap();
        for check in checks {
            assert!(matches!(check.state, FileState::Whole | FileState::Note), "{name}: {check:?}");
        }
        assert_eq!(results.model(results.best()).unwrap().rate, results.best().hparams.rate);
        #[cfg(feature = "report")]
        {
            let html = hobbit::report::Report::read(&Reader::open(dir.path()).unwrap()).unwrap().html();
            assert!(html.contains(&overview.study.algorithm.call()), "{name}");
            for setting in overview.study.algorithm.settings() {
                assert!(html.contains(setting.label), "{name}: {}", setting.label);
            }
        }
    }
}

#[test]
fn every_trial_of_a_random_search_is_trained_to_its_end() {
    let results = RandomSearch::of(curve(0)).quiet().run(12, 5).unwrap();
    assert_eq!(results.trials().len(), 12);
    for trial in &results {
        let is_whole = trial.status == Status::Finished && trial.epochs == 5;
        assert!(is_whole || matches!(trial.status, Status::Failed { .. }), "{:?}", trial.status);
    }
}

#[test]
fn successive_halving_is_a_bracket_of_hyperband() {
    // R = 9 with cumulative epochs: 9 trials for 1 epoch, 3 to 3, 1 to 9
    let count = hobbit::EpochCount::Cumulative;
    let hyperband = Hyperband::of(curve(0)).quiet().seed(7).epoch_count(count).run(9, 3).unwrap();
    let halving = SuccessiveHalving::of(curve(0)).quiet().seed(7).run(9, 1, 9, 3).unwrap();
    let of_bracket: Vec<_> = hyperband.trials().iter().filter(|trial| trial.id.bracket == 1).collect();
    assert_eq!(of_bracket.len(), halving.trials().len());
    for (a, b) in of_bracket.into_iter().zip(halving.trials()) {
        assert_eq!((a.id, &a.status, a.score, a.epochs), (b.id, &b.status, b.score, b.epochs));
    }
}

#[test]
fn the_first_brackets_are_those_of_the_whole_hyperband() {
    let whole = Hyperband::of(curve(0)).quiet().seed(7).iterations(2).run(9, 3).unwrap();
    for brackets in [1, 2, 3] {
        let dir = tempfile::tempdir().unwrap();
        let first = Hyperband::of(curve(0)).quiet().seed(7).iterations(2).brackets(brackets);
        let first = first.repo_dir(dir.path()).run(9, 3).unwrap();
        let expected: Vec<_> = whole.trials().iter().filter(|trial| trial.id.bracket <= brackets).collect();
        assert_eq!(first.trials().len(), [0, 18, 28, 34][brackets as usize]);
        assert_eq!(first.trials().len(), expected.len());
        for (a, b) in first.trials().iter().zip(expected) {
            assert_eq!((a.id, &a.status, a.score, a.epochs), (b.id, &b.status, b.score, b.epochs));
        }
        let study = std::fs::read_to_string(dir.path().join("study.ron")).unwrap();
        assert!(study.contains(&format!("brackets: {brackets},")), "{study}");
        assert_eq!(overview(dir.path()).study.brackets(), Some(brackets));
        assert_eq!(overview(dir.path()).plan.brackets().len(), brackets as usize);
    }
    let dir = tempfile::tempdir().unwrap();
    Hyperband::of(curve(0)).quiet().seed(7).repo_dir(dir.path()).run(9, 3).unwrap();
    let study = std::fs::read_to_string(dir.path().join("study.ron")).unwrap();
    assert!(!study.contains("brackets"), "{study}");
}

#[test]
fn more_repetitions_of_the_first_bracket_train_only_what_is_new() {
    let (dir, both) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let study = |dir: &Path| Hyperband::of(curve(0)).quiet().seed(7).brackets(1).repo_dir(dir);
    study(both.path()).iterations(3).run(9, 3).unwrap();
    study(dir.path()).run(9, 3).unwrap();
    study(dir.path()).extend().iterations(3).run(9, 3).unwrap();
    assert_eq!(results(dir.path()), results(both.path()));
}

#[test]
fn a_random_search_is_extended_by_more_trials() {
    let dir = tempfile::tempdir().unwrap();
    let study = || RandomSearch::of(curve(0)).quiet().repo_dir(dir.path());
    study().run(6, 3).unwrap();
    let error = study().run(10, 3).unwrap_err().to_string();
    assert!(error.contains("the number of trials is 10, but 6") && error.contains(".extend()"), "{error}");
    let extended = study().extend().run(10, 3).unwrap();
    let whole = RandomSearch::of(curve(0)).quiet().run(10, 3).unwrap();
    assert_eq!(extended.to_string(), whole.to_string());
    assert_eq!(overview(dir.path()).study.algorithm.settings()[0].value, "10");
}

#[test]
fn another_algorithm_and_numbers_that_are_not_possible_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    RandomSearch::of(curve(0)).quiet().repo_dir(dir.path()).run(4, 2).unwrap();
    let text =
        |error: hobbit::Result<Results<Curve>>| error.map(drop).map_err(|error: Error| error.to_string());
    let error = text(Hyperband::of(curve(0)).quiet().repo_dir(dir.path()).run(4, 2)).unwrap_err();
    assert!(error.contains("the algorithm is Hyperband, but RandomSearch"), "{error}");
    let halving = || SuccessiveHalving::of(curve(0)).quiet();
    for (result, told) in [
        (text(RandomSearch::of(curve(0)).quiet().run(0, 3)), "the number of trials is 0"),
        (text(RandomSearch::of(curve(0)).quiet().run(3, 0)), "the number of epochs is 0"),
        (text(halving().run(3, 1, 81, 27)), "the number of trials = 3 is less than eta = 27"),
        (text(halving().run(81, 9, 1, 3)), "max_epochs = 1 is less than min_epochs = 9"),
        (text(halving().lookahead(0).run(9, 1, 9, 3)), "the lookahead is 0"),
        (text(halving().monitor("").run(9, 1, 9, 3)), "the monitor is an empty text"),
        (text(halving().monitor(" ").direction(Direction::Minimize).run(9, 1, 9, 3)), "an empty text"),
    ] {
        let error = result.unwrap_err();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn the_lookahead_belongs_to_a_study_by_asha() {
    let dir = tempfile::tempdir().unwrap();
    let study = || Asha::of(curve(0)).quiet().repo_dir(dir.path());
    study().epoch_budget(9).workers(2).run(30, 9, 3).unwrap();
    assert_eq!(overview(dir.path()).study.lookahead, Some(4));
    let error = study().lookahead(2).run(30, 9, 3).unwrap_err().to_string();
    assert!(error.contains("lookahead is 2, but 4"), "{error}");
    // with one after the other, decisions know more
    let continued = study().lookahead(4).run(30, 9, 3).unwrap();
    let sequential = Asha::of(curve(0)).quiet().lookahead(1).run(30, 9, 3).unwrap();
    assert_eq!(continued.trials().len(), sequential.trials().len());
    for (trials, max_epochs, eta, told) in [
        (3, 81, 27, "the number of trials = 3 is less than eta = 27"),
        (81, 3, 27, "R = 3 is less than eta = 27"),
    ] {
        let error = study().run(trials, max_epochs, eta).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn workers_beyond_the_lookahead_are_told_of() {
    let notes = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let heard = notes.clone();
    let study = Asha::of(curve(0)).quiet().lookahead(3).workers(8).observe(move |event: &hobbit::Event| {
        if let hobbit::Event::Note(text) = event {
            heard.lock().unwrap().push_str(text);
        }
    });
    study.run(12, 9, 3).unwrap();
    let notes = notes.lock().unwrap();
    assert!(notes.contains("3 of 8 workers") && notes.contains("`.lookahead()`"), "{notes}");
}
