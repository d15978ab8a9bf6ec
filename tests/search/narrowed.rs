//! Studies whose parameters are narrowed without another declaration: what is drawn, proposed, enqueued and
//! imported, and which study is the same.

use std::path::Path;
use std::sync::Arc;

use hobbit::repository::{Reader, Record};
use hobbit::search::{Kde, Prior};
use hobbit::space::{Narrowing, Value};
use hobbit::testing::Fake;
use hobbit::{
    EpochContext, Hyperband, LocalPool, Metrics, RandomSearch, SearchSpace, TrialContext, asking,
    propose_again, search_space,
};

use super::sweeps::{self, Params};
use super::toy::NearBest;

#[search_space]
#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Plain,
    Deep {
        #[int(1..=8)]
        depth: u8,
    },
    #[weight(3)]
    Wide {
        #[choice(16, 32, 64, 128)]
        width: u32,
    },
}

/// Every kind of distribution.
#[search_space]
#[derive(Debug, Clone, PartialEq)]
#[constraint(share + pace <= 1.2, "not so much of both")]
struct All {
    #[uniform(0.0..=1.0)]
    share: f64,
    #[uniform(0.0..=1.0, step = 0.1)]
    pace: f64,
    #[log_uniform(1e-5..=1e-1)]
    rate: f32,
    #[normal(0.0, 1.0)]
    shift: f64,
    #[log_normal(0.0, 1.0, truncated = 0.1..=10.0)]
    scale: f64,
    #[int(-50..=50)]
    offset: i32,
    #[int(8..=512, step = 8, log)]
    units: usize,
    #[int(0..=u64::MAX)]
    mask: u64,
    #[choice("sgd": 1, "adam": 3, "lion": 1, "never": 0)]
    optimizer: String,
    shuffle: bool,
    #[distribution(rand_distr::Gamma::new(2.0, 0.5)?)]
    gamma: f64,
    #[optional(0.5)]
    #[uniform(0.0..=0.9)]
    dropout: Option<f64>,
    #[length(1..=4)]
    #[int(1..=9)]
    layers: Vec<u8>,
    #[nested]
    kind: Kind,
}

fn narrowing() -> Narrowing {
    let pairs = [
        ("share", "0.25..0.75"),
        ("pace", "0.15..0.55"),
        ("rate", "1e-4..1e-2"),
        ("shift", "1.5..3"),
        ("scale", "..0.5"),
        ("offset", "-7..-5"),
        ("units", "20..=70"),
        ("mask", "18446744073709551610..18446744073709551613"),
        ("optimizer", "adam, lion"),
        ("shuffle", "true"),
        ("dropout.some", "true"),
        ("dropout", "0.5..0.6"),
        ("layers.len", "2..3"),
        ("layers.*", "4..5"),
        ("kind.kind", "Deep, Wide"),
        ("kind.Deep.depth", "3"),
        ("kind.Wide.width", "128, 32"),
    ];
    pairs.into_iter().fold(Narrowing::new(), |all, (name, values)| all.with(name, values))
}

fn assert_is_narrow(hp: &All) {
    assert!((0.25..=0.75).contains(&hp.share) && [0.2, 0.3, 0.4, 0.5].contains(&hp.pace), "{hp:?}");
    assert!(hp.share + hp.pace <= 1.2 && (1e-4..=1e-2).contains(&hp.rate), "{hp:?}");
    assert!((1.5..=3.0).contains(&hp.shift) && (0.1..=0.5).contains(&hp.scale), "{hp:?}");
    assert!(
        (-7..=-5).contains(&hp.offset) && hp.units.is_multiple_of(8) && (24..=64).contains(&hp.units),
        "{hp:?}"
    );
    assert!((u64::MAX - 5..=u64::MAX - 2).contains(&hp.mask), "{hp:?}");
    assert!(["adam", "lion"].contains(&&*hp.optimizer) && hp.shuffle && hp.gamma > 0.0, "{hp:?}");
    assert!(hp.dropout.is_some_and(|dropout| (0.5..=0.6).contains(&dropout)), "{hp:?}");
    assert!((2..=3).contains(&hp.layers.len()) && hp.layers.iter().all(|it| (4..=5).contains(it)), "{hp:?}");
    assert!(matches!(hp.kind, Kind::Deep { depth: 3 } | Kind::Wide { width: 32 | 128 }), "{hp:?}");
}

/// Reports how far a configuration is from one of its corners.
fn corner() -> Fake<All, f64> {
    let far = |hp: &All, _: &TrialContext| {
        let kind = if matches!(hp.kind, Kind::Wide { width: 128 }) { 0.0 } else { 0.3 };
        Ok((hp.share - 0.7).abs() + (f64::from(hp.rate).ln() - 1e-3f64.ln()).abs() / 5.0 + kind)
    };
    let epoch = |far: &mut f64, epoch: &EpochContext<'_>, metrics: &mut Metrics| {
        metrics.report("val_loss", *far + 1.0 / (epoch.epoch + 1) as f64);
        Ok(())
    };
    Fake::new(far, epoch)
}

#[test]
fn every_kind_of_parameter_is_narrowed() {
    let study: RandomSearch<_> = RandomSearch::of(corner()).quiet().seed(5);
    let results = study.narrowed(narrowing()).run(600, 1).unwrap();
    let all: Vec<&All> = results.trials().iter().map(|trial| &*trial.hparams).collect();
    all.iter().for_each(|hp| assert_is_narrow(hp));
    let share = |is: &dyn Fn(&All) -> bool| all.iter().filter(|hp| is(hp)).count() as f64 / all.len() as f64;
    // what is left is as likely as it was, relative to the rest
    let near =
        |share: f64, expected: f64| assert!((share - expected).abs() < 0.07, "{share}, not {expected}");
    near(share(&|hp| hp.optimizer == "adam"), 0.75);
    near(share(&|hp| matches!(hp.kind, Kind::Wide { .. })), 0.75);
    near(share(&|hp| hp.kind == Kind::Wide { width: 32 }), 0.375);
    near(share(&|hp| hp.layers.len() == 2), 0.5);
    near(share(&|hp| hp.offset == -6), 1.0 / 3.0);
    near(share(&|hp| hp.rate < 1e-3), 0.5);
    near(share(&|hp| hp.dropout < Some(0.55)), 0.5);
    near(share(&|hp| hp.mask == u64::MAX - 5), 0.25);
    // the density of a normal number falls
    near(share(&|hp| hp.shift < 2.0), 0.673);
}

#[test]
fn what_a_kde_knows_and_proposes_is_narrow_and_the_same_on_any_number_of_workers() {
    let run = |workers: usize| {
        let dir = tempfile::tempdir().unwrap();
        let study = Hyperband::of(corner()).quiet().seed(3).repo_dir(dir.path()).workers(workers);
        let study = study.narrowed(narrowing()).sampler(Kde::new());
        let results = study.run(27, 3).unwrap();
        results.trials().iter().for_each(|trial| assert_is_narrow(&trial.hparams));
        let proposed = std::fs::read_to_string(dir.path().join("journal.ron")).unwrap();
        assert!(proposed.contains("Proposed"), "nothing was proposed");
        assert_eq!(propose_again::<All>(dir.path(), Kde::new()).unwrap(), [""; 0]);
        sweeps::results(dir.path())
    };
    let one = run(1);
    assert_eq!(run(7), one);
}

/// The other study's, which has conditional parameters, a constraint, and everything that can go wrong.
fn others() -> Narrowing {
    let narrowing = Narrowing::new().with("rate", "1e-2..0.5").with("optimizer.kind", "Momentum, Adaptive");
    narrowing.with("layers.len", "2..3").with("layers.1", "..5").with("mask", "7..1000000")
}

fn begun(dir: &Path, narrowing: Narrowing) -> Hyperband<impl hobbit::Objective<Hparams = Params>> {
    let study = Hyperband::of(sweeps::objective()).quiet().seed(11).repo_dir(dir);
    study.narrowed(narrowing).max_failures(hobbit::MaxFailures::Count(u32::MAX))
}

#[test]
fn a_narrowed_study_is_the_same_however_it_is_trained() {
    let whole = tempfile::tempdir().unwrap();
    begun(whole.path(), others()).sampler(NearBest::default()).workers(1).run(27, 3).unwrap();
    let one = sweeps::results(whole.path());
    let dir = tempfile::tempdir().unwrap();
    let ended = [3, 1, 16].into_iter().cycle().take(100).any(|workers| {
        let study = begun(dir.path(), others()).sampler(NearBest::default()).workers(workers);
        study.epoch_budget(40).run(27, 3).unwrap().stopped().is_none()
    });
    assert!(ended && sweeps::results(dir.path()) == one);
    let dir = tempfile::tempdir().unwrap();
    let pool = LocalPool::new(Arc::new(sweeps::objective()), 3).machine(1).narrowed(others());
    begun(dir.path(), others()).sampler(NearBest::default()).workplace(pool).run(27, 3).unwrap();
    let alike = |text: &str| text.lines().filter(|line| !line.contains("machine")).collect::<String>();
    assert_eq!(alike(&sweeps::results(dir.path())), alike(&one));
}

#[test]
fn points_in_the_journal_are_those_of_the_narrowed_space() {
    let dir = tempfile::tempdir().unwrap();
    begun(dir.path(), others()).run(27, 3).unwrap();
    let (space, mut begun) = (others().space::<Params>().unwrap(), 0);
    let tree = space.tree().unwrap();
    for record in Reader::open(dir.path()).unwrap().journal().unwrap() {
        if let Record::Started { stage: 0, hparams, point: Some(point), .. } = record {
            begun += 1;
            assert!(tree.fits(&point), "{point:?}");
            assert!(
                hparams.contains(&("optimizer.kind".to_owned(), Value::Text("Momentum".to_owned())))
                    || hparams.contains(&("optimizer.kind".to_owned(), Value::Text("Adaptive".to_owned())))
            );
        }
    }
    assert!(begun > 40);
    assert_eq!(Reader::open(dir.path()).unwrap().study().unwrap().space, space);
    assert_eq!(propose_again::<Params>(dir.path(), Prior).unwrap(), [""; 0]);
}

#[test]
fn a_study_goes_on_with_the_same_ranges_alone() {
    let dir = tempfile::tempdir().unwrap();
    begun(dir.path(), others()).epoch_budget(20).run(27, 3).unwrap();
    let refused = |narrowing| begun(dir.path(), narrowing).run(27, 3).map(drop).unwrap_err().to_string();
    let other = refused(others().with("rate", "1e-2..0.25"));
    let expected =
        "the parameter `rate` is log-uniform 0.01 to 0.25, but log-uniform 0.01 to 0.5 in the repository";
    assert!(other.contains(expected), "{other}");
    let wide = refused(Narrowing::new());
    assert!(wide.contains("`rate` is log-uniform 0.001 to 1.0, but log-uniform 0.01 to 0.5"), "{wide}");
    assert!(wide.contains("`optimizer.kind` is one of Plain (weight 1), "), "{wide}");
    begun(dir.path(), others()).run(27, 3).unwrap();
}

#[test]
fn what_narrows_nothing_leaves_the_study_as_it_was() {
    let (dir, same) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    begun(dir.path(), Narrowing::new()).run(9, 3).unwrap();
    let all = Narrowing::new().with("rate", "1e-3..=1").with("width", "..").with("layers.*", "1..9");
    begun(same.path(), all.with("optimizer.kind", "Adaptive, Momentum, Plain")).run(9, 3).unwrap();
    let study = |dir: &Path| std::fs::read_to_string(dir.join("study.ron")).unwrap();
    assert_eq!(study(same.path()), study(dir.path()));
    assert_eq!(sweeps::results(same.path()), sweeps::results(dir.path()));
}

#[test]
fn configurations_that_are_given_have_to_be_within() {
    let dir = tempfile::tempdir().unwrap();
    let defaults = begun(dir.path(), Narrowing::new().with("rate", "0.2..")).start_with_defaults();
    let error = defaults.run(9, 3).map(drop).unwrap_err().to_string();
    let expected = "enqueued configuration 1: `rate` is 0.1; it has to be log-uniform 0.2 to 1.0, to which it is narrowed";
    assert!(error.contains(expected), "{error}");
    assert!(!dir.path().join("study.ron").exists());
    let within = begun(dir.path(), Narrowing::new().with("rate", "0.1..0.2")).start_with_defaults();
    let results = within.run(9, 3).unwrap();
    assert!(results.trials().iter().any(|trial| *trial.hparams == Params::defaults().unwrap()));
}

#[test]
fn a_narrow_study_starts_from_what_is_known_of_a_wide_one() {
    let (wide, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    begun(wide.path(), Narrowing::new()).run(27, 3).unwrap();
    let narrow = |dir| begun(dir, Narrowing::new().with("share", "0.0..0.5"));
    let study = narrow(dir.path()).sampler(Kde::new()).warm_start(wide.path());
    study.run(9, 3).unwrap();
    let study = Reader::open(dir.path()).unwrap().study().unwrap();
    let known = study.warm_start[0].outcomes.len();
    let trials = Reader::open(wide.path()).unwrap().overview().unwrap().trials;
    assert!(known > 5 && known < trials.len() * 3 / 4, "{known} of {}", trials.len());
    // and a wide one from a narrow one
    let back = tempfile::tempdir().unwrap();
    let study = begun(back.path(), Narrowing::new()).sampler(Kde::new()).warm_start(dir.path());
    study.run(9, 3).unwrap();
}

#[test]
fn what_cannot_be_narrowed_is_said_before_anything_is_trained() {
    let error = |name: &str, values: &str| {
        let study: RandomSearch<_> = RandomSearch::of(corner()).quiet();
        study.narrow(name, values).run(3, 1).map(drop).unwrap_err().to_string()
    };
    let wider = error("rate", "1e-4..1.0");
    let expected = "`rate` cannot be narrowed to `1e-4..1.0`: 1.0 is above 0.1; it is declared as log-uniform 1e-5 to 0.1";
    assert!(wider.contains(expected), "{wider}");
    assert!(error("gamma", "1..2").contains("distribution"));
    assert!(
        error("optimizer", "adamw").contains("`adamw` is not one of its values; it is declared as one of")
    );
    assert!(error("optimizer", "never").contains("never drawn"));
    let unknown = error("kind", "Deep");
    assert!(unknown.contains("no such parameter; did you mean `kind.kind`?"), "{unknown}");
    assert!(
        error("learning_rate", "1..2").contains("has no such parameter. Its parameters are `share`, `pace`")
    );
    // the constraint leaves nothing
    let vain: RandomSearch<_> = RandomSearch::of(corner()).quiet();
    let vain = vain.narrow("share", "0.9..").narrow("pace", "0.9..").run(3, 1).map(drop).unwrap_err();
    assert!(vain.to_string().contains("not so much of both"), "{vain}");
    assert!("rate".parse::<Narrowing>().unwrap_err().to_string().contains("like `rate=1e-4..1e-2`"));
}

#[search_space]
#[derive(Debug, Clone)]
struct One {
    #[log_uniform(1e-5..=1e-1)]
    rate: f64,
}

#[test]
fn trials_that_are_asked_for_are_narrow_too() {
    let study = Hyperband::of(asking::<One>()).quiet().narrow("rate", "1e-4..1e-3");
    let mut study = study.ask_tell(9, 3).unwrap();
    while let Some(trial) = study.ask().unwrap() {
        let rate = trial.hparams().rate;
        assert!((1e-4..=1e-3).contains(&rate), "{rate}");
        let measured = trial.open_epochs().map(|_| Metrics::from([("val_loss", rate)]));
        study.tell(trial, measured).unwrap();
    }
    assert_eq!(study.finish().unwrap().trials().len(), 17);
}

#[cfg(feature = "interop")]
#[test]
fn what_is_imported_has_to_be_within() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trials.csv");
    std::fs::write(&path, "rate,loss\n0.001,0.5\n0.05,0.1\n").unwrap();
    let imported = hobbit::interop::import::csv(&path, "loss", hobbit::Direction::Minimize).unwrap();
    let fitted = imported.fit::<One>();
    assert_eq!((fitted.accepted.len(), fitted.refused.len()), (2, 0));
    assert!(fitted.clone().narrowed(&Narrowing::new().with("speed", "1")).is_err());
    let fitted = fitted.narrowed(&Narrowing::new().with("rate", "1e-4..1e-2")).unwrap();
    assert_eq!((fitted.accepted.len(), fitted.refused.len()), (1, 1));
    assert!((fitted.accepted[0].hparams.rate - 0.001).abs() < 1e-9);
    let reason = &fitted.refused[0].reason;
    assert!(reason.contains("log-uniform 0.0001 to 0.01, to which it is narrowed"), "{reason}");
}
