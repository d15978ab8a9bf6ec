//! Studies that start from what another one knows: what counts, the same bytes without the other one, and
//! what is refused.

use std::path::Path;
use std::sync::{Arc, Mutex};

use hobbit::repository::Reader;
use hobbit::search::{Draw, Kde, Observation, Proposal, Sampler};
use hobbit::testing::Fake;
use hobbit::{
    BoxError, EpochContext, Event, Hyperband, MaxFailures, Metrics, RandomSearch, SearchSpace, Status, Study,
    TrialContext, search_space,
};

#[search_space]
#[derive(Debug, Clone)]
enum Branch {
    Left,
    Right {
        #[uniform(0.0..=1.0)]
        depth: f64,
    },
}

#[search_space]
#[derive(Debug, Clone)]
struct Params {
    #[uniform(0.0..=1.0)]
    rate: f64,
    #[nested]
    branch: Branch,
    #[int(1..=100)]
    width: u32,
}

/// The same, declared in another order and with a constraint.
#[search_space]
#[derive(Debug, Clone)]
#[constraint(width <= 90, "not so wide")]
struct Sorted {
    #[int(1..=100)]
    width: u32,
    #[uniform(0.0..=1.0)]
    rate: f64,
    #[nested]
    branch: Branch,
}

#[search_space]
#[derive(Debug, Clone)]
struct Another {
    #[uniform(0.0..=0.5)]
    rate: f64,
    #[nested]
    branch: Branch,
    #[int(1..=100)]
    width: u32,
}

/// How far a configuration is from the best; some fail.
fn loss(rate: f64, branch: &Branch, width: u32) -> Result<f64, BoxError> {
    if rate > 0.9 {
        return Err("too fast".into());
    }
    let branch = match branch {
        Branch::Left => 0.5,
        Branch::Right { depth } => (depth - 0.4).abs(),
    };
    Ok((rate - 0.3).abs() + branch + f64::from(width.abs_diff(40)) / 200.0)
}

/// Its loss, and its epochs.
type Model = (f64, u64);

macro_rules! objective {
    ($space:ty, $monitor:literal) => {{
        let build =
            |hparams: &$space, _: &TrialContext| Ok((loss(hparams.rate, &hparams.branch, hparams.width)?, 0));
        let epoch =
            |model: &mut Model, _: &EpochContext<'_>, metrics: &mut Metrics| -> Result<(), BoxError> {
                model.1 += 1;
                metrics.report($monitor, model.0 + 1.0 / model.1 as f64);
                Ok(())
            };
        Fake::new(build, epoch)
            .metrics([$monitor])
            .state(|model: &Model| vec![model.1 as f64], |model: &mut Model, state| model.1 = state[0] as u64)
    }};
}

fn set_up<O: hobbit::Objective, A>(study: Study<O, A>, seed: u64) -> Study<O, A> {
    study.quiet().seed(seed).workers(2).max_failures(MaxFailures::Count(u32::MAX))
}

/// A study of random configurations, to start others from.
fn earlier(dir: &Path) {
    set_up(Hyperband::of(objective!(Params, "val_loss")), 1).repo_dir(dir).run(27, 3).unwrap();
}

fn later(dir: &Path, known: &Path) -> Hyperband<Fake<Params, Model>> {
    let study = set_up(Hyperband::of(objective!(Params, "val_loss")), 2);
    study.sampler(Kde::new()).warm_start(known).repo_dir(dir)
}

fn results(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("results.ron")).unwrap()
}

/// Keeps what it knows when it is asked for the first time.
#[derive(Debug, Default)]
struct Spy(Arc<Mutex<Vec<Observation>>>);

impl Sampler for Spy {
    fn name(&self) -> &str {
        "spy"
    }

    fn propose(&self, at: &Draw<'_>) -> Result<Proposal, BoxError> {
        if at.trial.index == 1 && at.trial.bracket == 1 {
            *self.0.lock().unwrap() = at.seen.to_vec();
        }
        // those of the study itself come behind
        let known = at.seen.iter().take_while(|seen| seen.trial.iteration == 0).count();
        assert!(at.seen[known..].iter().all(|seen| seen.trial.iteration == 1));
        Ok(Proposal::Prior)
    }
}

#[test]
fn the_latest_outcomes_with_as_many_epochs_are_known_before_the_first_trial() {
    let [known, own] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    earlier(known.path());
    let seen = Arc::default();
    let study = set_up(Hyperband::of(objective!(Sorted, "val_loss")), 2).sampler(Spy(Arc::clone(&seen)));
    study.warm_start(known.path()).repo_dir(own.path()).run(9, 3).unwrap();
    let seen = seen.lock().unwrap();
    let overview = Reader::open(known.path()).unwrap().overview().unwrap();
    let mut trials: Vec<_> = overview.trials.iter().collect();
    trials.sort_by_key(|trial| trial.id);
    let mut outcomes = seen.iter();
    let (mut failed, mut further) = (0, 0);
    for trial in trials {
        // the stages of R = 9 end after 1 to 13 epochs
        let counts = trial.stages.iter().rfind(|stage| stage.to <= 13);
        let width = trial.hparam("width").unwrap().to_string();
        let Some(stage) = counts.filter(|_| width.parse::<u32>().unwrap() <= 90) else { continue };
        let outcome = outcomes.next().expect("an outcome is missing");
        let Sorted { rate, width: ours, .. } = Sorted::decode(&outcome.point).unwrap();
        assert_eq!(
            (format!("{rate:?}"), ours.to_string()),
            (trial.hparam("rate").unwrap().to_string(), width)
        );
        assert_eq!((outcome.stage, outcome.epochs), (stage.stage, stage.to));
        let is_failed = matches!(trial.status, Status::Failed { .. });
        assert_eq!(
            outcome.score.map(|score| score.value),
            stage.score.filter(|_| !is_failed).map(|(value, _)| value)
        );
        failed += u32::from(is_failed);
        further += u32::from(trial.stages.len() > stage.stage as usize + 1);
    }
    assert_eq!(outcomes.next(), None);
    assert!(failed > 2 && further > 0 && seen.len() > 30, "{failed} {further} {}", seen.len());
}

#[test]
fn what_is_known_makes_the_first_trials_better() {
    let known = tempfile::tempdir().unwrap();
    let before = set_up(RandomSearch::of(objective!(Params, "val_loss")), 1).repo_dir(known.path());
    before.run(60, 3).unwrap();
    // all begin at once: no outcome of the study's own is known
    let mean = |is_known: bool| -> f64 {
        let study = set_up(RandomSearch::of(objective!(Params, "val_loss")), 5).lookahead(12);
        let study = study.sampler(Kde::new().random_share(0.0));
        let study = if is_known { study.warm_start(known.path()) } else { study };
        let results = study.run(12, 3).unwrap();
        let scores: Vec<f64> = results.trials().iter().filter_map(|trial| trial.score).collect();
        scores.iter().sum::<f64>() / scores.len() as f64
    };
    let (known, unknown) = (mean(true), mean(false));
    assert!(known < 0.8 * unknown, "{known} and {unknown}");
}

#[test]
fn a_study_has_the_same_trials_without_the_other_one() {
    let [known, one, own] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    earlier(known.path());
    let run = |dir: &Path, workers, epochs| {
        later(dir, known.path()).workers(workers).epoch_budget(epochs).run(27, 3).unwrap().stopped().is_none()
    };
    assert!(run(one.path(), 1, u64::MAX));
    let expected = results(one.path());
    for workers in [2, 7, 16] {
        let dir = tempfile::tempdir().unwrap();
        assert!(run(dir.path(), workers, u64::MAX) && results(dir.path()) == expected, "{workers} workers");
    }
    // without what is known it is another one
    let dir = tempfile::tempdir().unwrap();
    let study = set_up(Hyperband::of(objective!(Params, "val_loss")), 2).sampler(Kde::new());
    study.repo_dir(dir.path()).run(27, 3).unwrap();
    assert_ne!(results(dir.path()), expected);
    // the other study goes on, and then it is gone
    assert!(!run(own.path(), 3, 20));
    let more = set_up(Hyperband::of(objective!(Params, "val_loss")), 1).iterations(2).extend();
    more.repo_dir(known.path()).run(27, 3).unwrap();
    assert!(!run(own.path(), 1, 20));
    std::fs::remove_dir_all(known.path()).unwrap();
    let parts = [16, 2].into_iter().cycle().take(60);
    assert!(parts.into_iter().any(|workers| run(own.path(), workers, 20)));
    assert_eq!(results(own.path()), expected);
    let again = hobbit::propose_again::<Params>(own.path(), Kde::new()).unwrap();
    assert_eq!(again, [""; 0]);
    let checks = Reader::open(own.path()).unwrap().verify().unwrap();
    assert!(checks.iter().all(|check| check.state.is_fine()), "{checks:?}");
    let study = &checks.iter().find(|check| check.file == "study.ron").unwrap().text;
    assert!(study.contains("started from") && study.contains("trials of "), "{study}");
}

#[test]
fn another_start_is_another_study() {
    let dirs: [_; 3] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let [known, other, own] = dirs.each_ref().map(|dir| dir.path());
    earlier(known);
    set_up(Hyperband::of(objective!(Params, "val_loss")), 9).repo_dir(other).run(9, 3).unwrap();
    later(own, known).epoch_budget(9).run(27, 3).unwrap();
    let error = later(own, other).run(27, 3).unwrap_err().to_string();
    let [known_name, other_name] = [known, other].map(|dir| dir.display().to_string());
    let said = |part: &str| error.contains(part);
    assert!(said("the warm start is ") && said(&known_name) && said(&other_name), "{error}");
    let study = set_up(Hyperband::of(objective!(Params, "val_loss")), 2).sampler(Kde::new()).repo_dir(own);
    let error = study.run(27, 3).unwrap_err().to_string();
    assert!(error.contains("the warm start is not set, but "), "{error}");
    // the same study somewhere else is the same start
    let moved = tempfile::tempdir().unwrap();
    let moved = moved.path().join("moved");
    std::fs::rename(known, &moved).unwrap();
    later(own, &moved).epoch_budget(9).run(27, 3).unwrap();
    // and another one in its place is not
    std::fs::create_dir(known).unwrap();
    set_up(Hyperband::of(objective!(Params, "val_loss")), 10).repo_dir(known).run(9, 3).unwrap();
    let error = later(own, known).run(27, 3).unwrap_err().to_string();
    assert!(error.contains("the warm start is "), "{error}");
}

#[test]
fn what_says_nothing_of_the_study_is_refused_by_name() {
    let [known, own] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    earlier(known.path());
    let error = {
        let study = set_up(Hyperband::of(objective!(Another, "val_loss")), 2).sampler(Kde::new());
        study.warm_start(known.path()).run(27, 3).unwrap_err().to_string()
    };
    assert!(error.contains("cannot start from") && error.contains("`rate`"), "{error}");
    let error = {
        let study = set_up(Hyperband::of(objective!(Params, "val_error")), 2).sampler(Kde::new());
        study.monitor("val_error").warm_start(known.path()).run(27, 3).unwrap_err().to_string()
    };
    assert!(error.contains("the monitor is `val_error`, but `val_loss` there"), "{error}");
    let study = set_up(Hyperband::of(objective!(Params, "val_loss")), 2);
    let error = study.warm_start(known.path()).repo_dir(own.path()).run(27, 3).unwrap_err().to_string();
    assert!(error.contains("`.sampler(Kde::new())`"), "{error}");
    let error = later(own.path(), &known.path().join("nothing")).run(27, 3).unwrap_err().to_string();
    assert!(error.contains("cannot start from") && error.contains("no such directory"), "{error}");
    let error = later(own.path(), known.path()).warm_start(known.path()).run(27, 3).unwrap_err().to_string();
    assert!(error.contains("twice"), "{error}");
    let study = set_up(RandomSearch::of(objective!(Params, "val_loss")), 2).sampler(Kde::new());
    let error = study.warm_start(known.path()).run(9, 100).unwrap_err().to_string();
    assert!(error.contains("none of its") && error.contains("100 to 100 epochs"), "{error}");
    assert!(!own.path().join("study.ron").exists(), "nothing is written where something is wrong");
}

#[test]
fn the_user_is_told_what_is_known() {
    let [known, own] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    earlier(known.path());
    let run = || {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let told = notes.clone();
        let observer = move |event: &Event| {
            if let Event::Note(text) = event {
                told.lock().unwrap().push(text.clone());
            }
        };
        later(own.path(), known.path()).observe(observer).epoch_budget(9).run(9, 3).unwrap();
        notes.lock().unwrap().join("\n")
    };
    let notes = run();
    assert!(notes.contains("the sampler begins with what is known of"), "{notes}");
    assert!(notes.contains(" trials of ") && notes.contains("after 1 to 13 epochs"), "{notes}");
    // once
    assert!(!run().contains("what is known of"));
}

/// All configurations there are can be counted.
#[search_space]
#[derive(Debug, Clone)]
struct Few {
    #[choice("a", "b", "c", "d")]
    letter: String,
    #[int(1..=4)]
    number: u32,
}

#[test]
fn the_best_of_another_study_may_be_tried_again() {
    let objective = || {
        let build =
            |at: &Few, _: &TrialContext| Ok(f64::from(at.number) + f64::from(u8::from(at.letter != "c")));
        let epoch = |loss: &mut f64, _: &EpochContext<'_>, metrics: &mut Metrics| -> Result<(), BoxError> {
            metrics.report("val_loss", *loss);
            Ok(())
        };
        Fake::new(build, epoch)
    };
    let known = tempfile::tempdir().unwrap();
    set_up(RandomSearch::of(objective()), 1).repo_dir(known.path()).run(60, 1).unwrap();
    let study = set_up(RandomSearch::of(objective()), 2).sampler(Kde::new().random_share(0.0));
    let results = study.warm_start(known.path()).run(4, 1).unwrap();
    assert_eq!(results.best().score, Some(1.0));
}
