//! Whole sweeps with samplers: the same bytes on any number of workers, however long each stage takes, and
//! continued after a kill at any moment.

use std::fmt::Debug;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hobbit::repository::{Reader, Record};
use hobbit::search::{Draw, Point, Prior, Proposal, Sampler};
use hobbit::testing::Fake;
use hobbit::{
    BoxError, EpochContext, Event, Hyperband, Key, LocalPool, MaxFailures, Metrics, SearchSpace, Study,
    SuccessiveHalving, TrialContext, search_space,
};

use super::toy::NearBest;

#[search_space]
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Optimizer {
    Plain,
    Momentum {
        #[uniform(0.0..=0.99)]
        momentum: f64,
    },
    #[weight(2)]
    Adaptive {
        #[log_uniform(1e-8..=1e-3)]
        epsilon: f64,
        #[optional(0.5)]
        #[uniform(0.9..=0.999)]
        decay: Option<f64>,
    },
}

/// Conditional parameters, a constraint, and a number of which points do not hold all digits.
#[search_space]
#[derive(Debug, Clone, PartialEq)]
#[constraint(rate + share <= 1.5, "not so much of both")]
pub(super) struct Params {
    #[log_uniform(1e-3..=1.0)]
    #[default = 0.1]
    rate: f64,
    #[uniform(0.0..=1.0)]
    #[default = 0.5]
    share: f64,
    #[int(1..=64, log)]
    #[default = 8]
    width: u32,
    #[nested]
    #[default = Optimizer::Plain]
    optimizer: Optimizer,
    #[length(1..=3)]
    #[int(1..=9)]
    #[default = vec![3, 4]]
    layers: Vec<u8>,
    #[int(0..=u64::MAX)]
    #[default = 7]
    mask: u64,
    #[distribution(rand_distr::Gamma::new(2.0, 0.5)?)]
    #[default = 1.0]
    gamma: f64,
    /// Below 0.6 something goes wrong, sooner or later.
    #[uniform(0.0..=1.0)]
    #[default = 0.8]
    luck: f64,
}

/// A trial: its configuration, its key, its epochs.
pub(super) struct Model {
    hparams: Params,
    key: Key,
    epochs: u64,
}

fn epoch(model: &mut Model, _: &EpochContext<'_>, metrics: &mut Metrics) -> Result<(), BoxError> {
    model.epochs += 1;
    let Model { hparams, key, epochs } = model;
    // whatever takes long in one process does not in another
    let delay = RandomState::new().build_hasher().finish() % 8;
    if delay < 3 {
        std::thread::sleep(Duration::from_micros(100 * delay));
    }
    match hparams.luck {
        luck if luck < 0.12 => panic!("out of luck"),
        luck if luck < 0.24 => return Err("nearly out of luck".into()),
        luck if (0.46..0.6).contains(&luck) && *epochs > 3 => return Err("late trouble".into()),
        luck if luck < 0.36 => metrics.report("val_loss", f64::NAN),
        _ => {
            let branch = match &hparams.optimizer {
                Optimizer::Plain => 0.3,
                Optimizer::Momentum { momentum } => (momentum - 0.9).abs() / 3.0,
                Optimizer::Adaptive { epsilon, decay } => epsilon + decay.map_or(0.2, |decay| 1.0 - decay),
            };
            let far = (hparams.rate.ln() + 3.0).powi(2) / 10.0 + (hparams.share - 0.3).powi(2);
            let noise = key.child(*epochs).rng().unit() / 10.0;
            let size = f64::from(hparams.width.abs_diff(20)) / 100.0 + hparams.layers.len() as f64 / 50.0;
            metrics.report("val_loss", far + branch + size + noise + 1.0 / *epochs as f64);
        }
    }
    Ok(())
}

pub(super) fn objective() -> Fake<Params, Model> {
    let build = |hparams: &Params, trial: &TrialContext| match hparams.luck {
        luck if (0.36..0.46).contains(&luck) => Err("cannot be built".into()),
        _ => Ok(Model { hparams: hparams.clone(), key: trial.key, epochs: 0 }),
    };
    Fake::new(build, epoch)
        .state(|model| vec![model.epochs as f64], |model, state| model.epochs = state[0] as u64)
}

/// The configurations to begin with: the defaults, and another one.
fn given() -> [Params; 2] {
    let defaults = Params::defaults().unwrap();
    let optimizer = Optimizer::Momentum { momentum: 0.5 };
    [defaults.clone(), Params { share: 0.25, optimizer, ..defaults }]
}

fn study(dir: &Path) -> Hyperband<Fake<Params, Model>> {
    set_up(Hyperband::of(objective()), dir)
}

pub(super) fn set_up<A>(study: Study<Fake<Params, Model>, A>, dir: &Path) -> Study<Fake<Params, Model>, A> {
    let [_, other] = given();
    let study = study.quiet().seed(11).repo_dir(dir).max_failures(MaxFailures::Count(u32::MAX));
    study.start_with_defaults().enqueue(other)
}

pub(super) fn results(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("results.ron")).unwrap()
}

/// What a study with this sampler ends with.
fn ends_with(sampler: impl Sampler + 'static, workers: usize) -> String {
    let dir = tempfile::tempdir().unwrap();
    study(dir.path()).sampler(sampler).workers(workers).run(27, 3).unwrap();
    results(dir.path())
}

/// Does not learn: a different place of the range for each trial (van der Corput's sequence).
#[derive(Debug, Clone)]
struct Spread;

impl Sampler for Spread {
    fn name(&self) -> &str {
        "spread"
    }

    fn learns(&self) -> bool {
        false
    }

    fn propose(&self, at: &Draw<'_>) -> Result<Proposal, BoxError> {
        assert!(at.seen.is_empty() && at.pending.is_empty());
        let mut random = at.prior(at.key)?.to_vec();
        random[1] = Some(f64::from(at.trial.index.reverse_bits()) / 4_294_967_296.0);
        Ok(Proposal::Point(Point::new(random)))
    }
}

#[test]
fn what_is_learned_does_not_depend_on_workers() {
    let one = ends_with(NearBest::default(), 1);
    for workers in [2, 7, 16] {
        assert_eq!(ends_with(NearBest::default(), workers), one, "{workers} workers");
    }
    assert_ne!(ends_with(Prior, 2), one);
    assert_ne!(ends_with(NearBest { chance: 2, ..NearBest::default() }, 2), one);
    for reason in ["out of luck", "nearly out of luck", "late trouble", "cannot be built", "Diverged"] {
        assert!(one.contains(reason), "no trial was {reason}");
    }
}

/// With as many stages under way as there are workers, all of them work.
#[test]
fn what_is_learned_depends_on_the_lookahead_alone() {
    let run = |workers| {
        let dir = tempfile::tempdir().unwrap();
        let study = study(dir.path()).sampler(NearBest::default()).lookahead(16);
        study.workers(workers).iterations(2).run(9, 3).unwrap();
        results(dir.path())
    };
    let one = run(1);
    for workers in [2, 7, 16] {
        assert_eq!(run(workers), one, "{workers} workers");
    }
    let dir = tempfile::tempdir().unwrap();
    study(dir.path()).sampler(NearBest::default()).iterations(2).run(9, 3).unwrap();
    assert_ne!(results(dir.path()), one);
}

#[test]
fn halving_with_a_sampler_that_learns_is_the_same_on_any_number_of_workers_and_continued() {
    let run = |dir: &Path, workers, epochs| {
        let study =
            set_up(SuccessiveHalving::of(objective()), dir).sampler(NearBest::default()).lookahead(16);
        study.workers(workers).epoch_budget(epochs).run(27, 1, 27, 3).unwrap().stopped().is_none()
    };
    let whole = |workers| {
        let dir = tempfile::tempdir().unwrap();
        assert!(run(dir.path(), workers, u64::MAX));
        results(dir.path())
    };
    let one = whole(1);
    for workers in [2, 7, 16] {
        assert_eq!(whole(workers), one, "{workers} workers");
    }
    let dir = tempfile::tempdir().unwrap();
    let ended = [5, 1, 16].into_iter().cycle().take(50).any(|workers| run(dir.path(), workers, 11));
    assert!(ended && results(dir.path()) == one);
}

#[test]
fn a_sampler_that_does_not_learn_is_the_same_on_any_number_of_workers_too() {
    let one = ends_with(Spread, 1);
    assert_eq!(ends_with(Spread, 7), one);
    assert_ne!(ends_with(Prior, 7), one);
}

/// Stops at so many epochs again and again, with another number of workers each time.
fn stopped_and_continued(sampler: impl Sampler + Clone + 'static, epochs: u64) -> String {
    let dir = tempfile::tempdir().unwrap();
    for workers in [3, 1, 16, 2].into_iter().cycle().take(100) {
        let study = study(dir.path()).sampler(sampler.clone()).workers(workers);
        if study.epoch_budget(epochs).run(27, 3).unwrap().stopped().is_none() {
            return results(dir.path());
        }
    }
    panic!("the study does not end");
}

#[test]
fn a_study_that_was_stopped_goes_on_as_if_it_were_not() {
    let one = ends_with(NearBest::default(), 2);
    for epochs in [9, 40] {
        assert_eq!(stopped_and_continued(NearBest::default(), epochs), one, "{epochs} epochs at once");
    }
    assert_eq!(stopped_and_continued(Spread, 40), ends_with(Spread, 2));
}

/// A kill leaves the beginning of the journal, and checkpoints or none.
#[test]
fn a_study_that_was_killed_goes_on_as_if_it_were_not() {
    let whole = tempfile::tempdir().unwrap();
    study(whole.path()).sampler(NearBest::default()).workers(7).run(27, 3).unwrap();
    let (one, journal) =
        (results(whole.path()), std::fs::read_to_string(whole.path().join("journal.ron")).unwrap());
    let lines: Vec<&str> = journal.split_inclusive('\n').collect();
    for part in 1..8 {
        let dir = tempfile::tempdir().unwrap();
        std::fs::copy(whole.path().join("study.ron"), dir.path().join("study.ron")).unwrap();
        let cut: String = lines[..lines.len() * part / 8].concat();
        // a line that was being written
        let torn = &lines[lines.len() * part / 8][..20];
        std::fs::write(dir.path().join("journal.ron"), cut + torn).unwrap();
        study(dir.path()).sampler(NearBest::default()).workers(part).run(27, 3).unwrap();
        assert_eq!(results(dir.path()), one, "{part} of 8 parts of the journal");
    }
}

/// A workplace elsewhere gets orders, which have the point of a configuration that was proposed.
#[test]
fn it_is_the_same_at_a_workplace_that_gets_nothing_but_orders() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = LocalPool::new(Arc::new(objective()), 3).machine(1).given(given().map(Arc::new).into());
    study(dir.path()).sampler(NearBest::default()).workplace(elsewhere).run(27, 3).unwrap();
    let machine =
        |text: &str| text.lines().filter(|line| !line.contains("machine")).collect::<Vec<_>>().join("\n");
    assert_eq!(machine(&results(dir.path())), machine(&ends_with(NearBest::default(), 1)));
}

#[test]
fn the_journal_has_the_point_of_each_trial() {
    let dir = tempfile::tempdir().unwrap();
    study(dir.path()).sampler(NearBest::default()).workers(4).run(27, 3).unwrap();
    let (tree, mut trials, mut exact) = (Params::space().tree().unwrap(), 0, 0);
    for record in Reader::open(dir.path()).unwrap().journal().unwrap() {
        if let Record::Started { stage: 0, hparams, point, .. } = record {
            let point = point.expect("a trial begins with its point");
            assert!(tree.fits(&point));
            trials += 1;
            exact += u32::from(Params::decode(&point).unwrap().values() == hparams);
        }
    }
    // those drawn at random have more digits in their masks than a coordinate
    assert!(trials > 40 && exact > 10 && exact < trials, "{exact} of {trials}");
}

/// Proposes what a function says.
#[derive(Clone)]
struct Says(fn(&Draw<'_>) -> Result<Proposal, BoxError>);

impl Debug for Says {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Says")
    }
}

impl Sampler for Says {
    fn name(&self) -> &str {
        "says"
    }

    fn propose(&self, at: &Draw<'_>) -> Result<Proposal, BoxError> {
        (self.0)(at)
    }
}

#[test]
fn what_is_always_refused_is_drawn_at_random_and_told_once() {
    let (dir, notes) = (tempfile::tempdir().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let told = notes.clone();
    let observer = move |event: &Event| {
        if let Event::Note(text) = event {
            told.lock().unwrap().push(text.clone());
        }
    };
    // too much of both
    let says = Says(|at| {
        let mut point = at.prior(at.key)?.to_vec();
        point[..2].fill(Some(0.999));
        Ok(Proposal::Point(Point::new(point)))
    });
    study(dir.path()).sampler(says).observe(observer).workers(3).run(27, 3).unwrap();
    assert_eq!(results(dir.path()), ends_with(Prior, 2));
    let notes = notes.lock().unwrap();
    let notes: Vec<_> = notes.iter().filter(|note| note.contains("refused")).collect();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("32 points") && notes[0].contains("not so much of both"), "{}", notes[0]);
}

#[test]
fn the_same_without_a_word_about_random_search() {
    let dir = tempfile::tempdir().unwrap();
    study(dir.path()).workers(3).run(27, 3).unwrap();
    assert_eq!(results(dir.path()), ends_with(Prior, 2));
    assert!(!std::fs::read_to_string(dir.path().join("study.ron")).unwrap().contains("sampler"));
}

#[test]
fn a_sampler_that_fails_ends_the_sweep_with_its_reason() {
    let run = |says| {
        let dir = tempfile::tempdir().unwrap();
        let error = study(dir.path()).sampler(Says(says)).workers(3).run(27, 3).unwrap_err().to_string();
        let again = study(dir.path()).sampler(Says(|_| Ok(Proposal::Prior))).workers(3).run(27, 3);
        assert!(again.is_ok(), "{again:?}");
        error
    };
    let error =
        run(|at| if at.seen.len() > 5 { Err("the matrix is singular".into()) } else { Ok(Proposal::Prior) });
    assert!(error.contains("`says`") && error.contains("the matrix is singular"), "{error}");
    let error = run(|at| if at.seen.len() > 5 { panic!("no such place") } else { Ok(Proposal::Prior) });
    assert!(error.contains("no such place") && error.contains("trial"), "{error}");
}

#[test]
fn a_study_with_a_sampler_that_learns_is_not_made_larger() {
    let dir = tempfile::tempdir().unwrap();
    let error = study(dir.path()).sampler(NearBest::default()).extend().run(27, 3).unwrap_err().to_string();
    assert!(error.contains("`extend`") && error.contains("`near best`"), "{error}");
}

#[test]
fn another_sampler_is_another_study() {
    let dir = tempfile::tempdir().unwrap();
    let run = |sampler: Arc<dyn Sampler>| study(dir.path()).sampler(sampler).epoch_budget(9).run(27, 3);
    run(Arc::new(NearBest::default())).unwrap();
    let kept = std::fs::read_to_string(dir.path().join("study.ron")).unwrap();
    assert!(kept.contains("near best") && kept.contains("lookahead"), "{kept}");
    let others: [(Arc<dyn Sampler>, &str); 4] = [
        (
            Arc::new(NearBest { version: 2, ..NearBest::default() }),
            "near best (version 2, start 3, chance 5)",
        ),
        (Arc::new(NearBest { chance: 4, ..NearBest::default() }), "near best (start 3, chance 4)"),
        (Arc::new(Spread), "spread"),
        (Arc::new(Prior), "random"),
    ];
    for (sampler, name) in others {
        let error = run(sampler).unwrap_err().to_string();
        let expected = format!("the sampler is {name}, but near best (start 3, chance 5) in the repository");
        assert!(error.contains(&expected), "{error}");
    }
    run(Arc::new(NearBest::default())).unwrap();
}

/// Has the name of another one.
#[derive(Debug)]
struct Liar;

impl Sampler for Liar {
    fn name(&self) -> &str {
        "spread"
    }

    fn learns(&self) -> bool {
        false
    }

    fn propose(&self, at: &Draw<'_>) -> Result<Proposal, BoxError> {
        let mut random = at.prior(at.key)?.to_vec();
        random[1] = Some(f64::from(at.trial.index) / 1000.0);
        Ok(Proposal::Point(Point::new(random)))
    }
}

#[test]
fn what_was_proposed_is_proposed_again() {
    fn again(dir: &Path, sampler: impl Sampler + 'static) -> Vec<String> {
        hobbit::propose_again::<Params>(dir, sampler).unwrap()
    }
    let dirs: [_; 4] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let [whole, stopped, spread, random] = dirs.each_ref().map(|dir| dir.path());
    study(whole).sampler(NearBest::default()).workers(5).run(27, 3).unwrap();
    study(stopped).sampler(NearBest::default()).workers(5).epoch_budget(60).run(27, 3).unwrap();
    study(stopped).sampler(NearBest::default()).workers(2).epoch_budget(9).run(27, 3).unwrap();
    study(spread).sampler(Spread).run(27, 3).unwrap();
    study(random).run(27, 3).unwrap();
    let checks = Reader::open(whole).unwrap().verify().unwrap();
    let text = &checks.iter().find(|check| check.file == "study.ron").unwrap().text;
    assert!(text.contains("near best (start 3, chance 5)") && text.contains("propose_again"), "{text}");
    assert_eq!(again(whole, NearBest::default()), [""; 0]);
    assert_eq!(again(stopped, NearBest::default()), [""; 0]);
    assert_eq!(again(spread, Spread), [""; 0]);
    assert_eq!(again(random, Prior), [""; 0]);
    let differences = again(spread, Liar);
    assert!(differences.len() > 30, "{differences:?}");
    assert!(differences[0].starts_with("trial 1-3: `share` was 0.75, and 0.00"), "{}", differences[0]);
    let error = hobbit::propose_again::<Params>(spread, Prior).unwrap_err().to_string();
    assert!(error.contains("the study's sampler is spread, not random"), "{error}");
    let error = hobbit::propose_again::<Optimizer>(spread, Spread).unwrap_err().to_string();
    assert!(error.contains("another search space"), "{error}");
}
