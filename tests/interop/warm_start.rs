//! Studies that start from what another tool has found.

use std::fmt::Write as _;
use std::path::Path;

use hobbit::interop::{OptunaJournal, import};
use hobbit::repository::KnownOutcome;
use hobbit::search::Kde;
use hobbit::testing::Fake;
use hobbit::{Asha, Direction, EpochContext, Hyperband, Metrics, TrialContext, search_space};

use super::{falling, overview, study};

#[search_space]
#[derive(Debug)]
struct One {
    #[uniform(0.0..=1.0)]
    x: f64,
}

/// A study of 1 to 9 epochs.
fn one() -> Asha<Fake<One, (f64, u64)>> {
    let build = |hparams: &One, _: &TrialContext| Ok((hparams.x, 0));
    let epoch = |(x, epochs): &mut (f64, u64), _: &EpochContext<'_>, metrics: &mut Metrics| {
        *epochs += 1;
        metrics.report("val_loss", *x + 1.0 / *epochs as f64);
        Ok(())
    };
    let objective = Fake::new(build, epoch)
        .metrics(["val_loss"])
        .state(|(_, epochs)| vec![*epochs as f64], |(_, epochs), state| *epochs = state[0] as u64);
    Asha::of(objective).quiet().seed(1).workers(2).sampler(Kde::new())
}

/// A trial: its parameter, what it reported, its state and its result.
type Row<'a> = (f64, &'a [(u64, f64)], u8, Option<f64>);

/// A journal with these trials.
fn journal(path: &Path, direction: u8, rows: &[Row<'_>]) {
    let mut text = format!("{{\"op_code\":0,\"study_name\":\"a\",\"directions\":[{direction}]}}\n");
    let float = r#"{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": null, \"low\": 0.0, \"high\": 9.0, \"log\": false}}"#;
    for (id, (x, curve, state, value)) in rows.iter().enumerate() {
        writeln!(text, "{{\"op_code\":4,\"study_id\":0,\"datetime_start\":null}}").unwrap();
        writeln!(text, "{{\"op_code\":5,\"trial_id\":{id},\"param_name\":\"x\",\"param_value_internal\":{x},\"distribution\":\"{float}\"}}").unwrap();
        for (step, value) in *curve {
            writeln!(
                text,
                "{{\"op_code\":7,\"trial_id\":{id},\"step\":{step},\"intermediate_value\":{value}}}"
            )
            .unwrap();
        }
        let value = value.map_or("null".to_owned(), |value| format!("[{value}]"));
        writeln!(text, "{{\"op_code\":6,\"trial_id\":{id},\"state\":{state},\"values\":{value}}}").unwrap();
    }
    std::fs::write(path, text).unwrap();
}

fn outcomes(dir: &Path) -> Vec<KnownOutcome> {
    overview(dir).study.warm_start[0].outcomes.clone()
}

#[test]
fn what_came_by_way_of_optuna_is_known_as_if_it_had_not() {
    let dir = tempfile::tempdir().unwrap();
    let [earlier, direct, journal, around] =
        ["earlier", "direct", "old.journal", "around"].map(|name| dir.path().join(name));
    study(&earlier).run(9, 3).unwrap();
    OptunaJournal::new(&journal).export(&overview(&earlier)).unwrap();
    let next = |dir: &Path| {
        let study = Hyperband::of(falling()).seed(6).quiet().sampler(Kde::new()).repo_dir(dir);
        study.max_failures(hobbit::MaxFailures::Count(u32::MAX))
    };
    next(&direct).warm_start(&earlier).run(9, 3).unwrap();
    next(&around).warm_start_from(import::optuna(&journal, None).unwrap()).run(9, 3).unwrap();
    // best first, as the journal has trials in the order in which they were begun
    let [direct, around] = [direct, around].map(|dir| {
        let mut all = outcomes(&dir);
        all.sort_by(|a, b| {
            a.score.is_none().cmp(&b.score.is_none()).then(a.score.partial_cmp(&b.score).unwrap())
        });
        all
    });
    assert_eq!(around.len(), direct.len());
    let mut healthy = 0;
    for (ours, theirs) in direct.iter().zip(&around) {
        assert_eq!(ours.score, theirs.score);
        if ours.score.is_none() {
            continue;
        }
        assert_eq!(ours.epochs, theirs.epochs);
        for (ours, theirs) in ours.point.iter().zip(theirs.point.iter()) {
            assert_eq!(ours.is_some(), theirs.is_some());
            assert!((ours.unwrap_or(0.0) - theirs.unwrap_or(0.0)).abs() < 1e-6);
        }
        healthy += 1;
    }
    assert!(healthy > 5, "{healthy}");
}

#[test]
fn what_other_tools_have_found_counts_after_as_many_epochs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("old.journal");
    let long: Vec<(u64, f64)> = (0..20).map(|step| (step, 1.0 / (step + 1) as f64)).collect();
    journal(
        &path,
        1,
        &[
            (0.1, &long, 1, Some(0.05)),
            (0.2, &[(0, 0.7), (1, 0.5), (2, 0.6)], 2, Some(0.6)),
            (0.3, &[], 1, Some(0.4)),
            (0.4, &[(0, 0.9)], 3, None),
            (0.5, &[], 0, None),
            (1.5, &[(0, 0.9)], 1, Some(0.9)),
            (0.6, &[(11, 0.2)], 1, Some(0.2)),
        ],
    );
    let own = dir.path().join("own");
    let start = || one().repo_dir(&own).warm_start_from(import::optuna(&path, None).unwrap());
    assert!(start().epoch_budget(12).run(20, 9, 3).unwrap().stopped().is_some());
    let found: Vec<_> =
        outcomes(&own).iter().map(|known| (known.trial.index, known.epochs, known.score)).collect();
    // the best of at most 9 epochs; without reports it is the last epoch; one that failed
    let expected = [(1, 9, Some(1.0 / 9.0)), (2, 3, Some(0.5)), (3, 9, Some(0.4)), (4, 1, None)];
    assert_eq!(found, expected);
    // the file grows, and the study goes on with what it began with
    journal(&path, 1, &[(0.9, &long, 1, Some(0.05))]);
    start().run(20, 9, 3).unwrap();
    assert_eq!(outcomes(&own).len(), 4);
}

#[test]
fn what_says_nothing_of_the_study_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("old.journal");
    let refused = |study: Asha<Fake<One, (f64, u64)>>| study.run(20, 9, 3).unwrap_err().to_string();
    journal(&path, 2, &[(0.1, &[], 1, Some(0.5))]);
    let read = || import::optuna(&path, None).unwrap();
    let error = refused(one().warm_start_from(read()));
    assert!(error.contains("old.journal: the direction is minimize, but maximize there"), "{error}");
    journal(&path, 1, &[(2.0, &[], 1, Some(0.5)), (0.1, &[], 0, None)]);
    let error = refused(one().warm_start_from(read()));
    assert!(error.contains("none of its 2 trials counts"), "{error}");
    assert!(error.contains("trial 0: `x` is 2") && error.contains("trial 1: it has no result"), "{error}");
    let error = refused(one().warm_start_from(read()).warm_start_from(read()));
    assert!(error.contains("twice") || error.contains("none of its"), "{error}");
    journal(&path, 1, &[(0.1, &[], 1, Some(0.5))]);
    let error = refused(one().sampler(hobbit::search::Prior).warm_start_from(read()));
    assert!(error.contains("old.journal") && error.contains("`.sampler(Kde::new())`"), "{error}");

    let table = dir.path().join("table.csv");
    std::fs::write(&table, "x,loss\n0.1,0.5\n0.2,0.25\n").unwrap();
    let table = import::csv(&table, "loss", Direction::Minimize).unwrap();
    let own = dir.path().join("own");
    one().repo_dir(&own).warm_start_from(table).run(20, 9, 3).unwrap();
    let found: Vec<_> = outcomes(&own).iter().map(|known| (known.epochs, known.score)).collect();
    assert_eq!(found, [(9, Some(0.5)), (9, Some(0.25))]);
}
