//! Odd values on their way through the files of other tools and back.

use hobbit::interop::{OptunaJournal, import};
use hobbit::testing::Fake;
use hobbit::{Direction, Hyperband, SearchSpace};

use super::overview;
use crate::space::kept::study;
use crate::space::wholes::Large;

/// Text without a number of its own kind in it, so that NaN is equal to itself.
fn shown<H: SearchSpace>(hparams: &H) -> String {
    format!("{:?}", hparams.values())
}

#[test]
fn texts_and_numbers_that_are_none_come_back_from_csv_and_optuna() {
    let dir = tempfile::tempdir().unwrap();
    let repo = dir.path().join("repo");
    let results = study(&repo).run(27, 3).unwrap();
    let mut expected: Vec<_> = results.trials().iter().map(|trial| shown(&*trial.hparams)).collect();
    expected.sort();
    let (csv, journal) = (dir.path().join("all.csv"), dir.path().join("all.journal"));
    std::fs::write(&csv, results.to_csv()).unwrap();
    // an empty text is not a missing one
    assert!(results.to_csv().contains("\"\""));
    OptunaJournal::new(&journal).export(&overview(&repo)).unwrap();
    let imported =
        [import::csv(&csv, "score", Direction::Minimize).unwrap(), import::optuna(&journal, None).unwrap()];
    for imported in imported {
        let fitted = imported.fit();
        assert_eq!(fitted.refused, []);
        let mut found: Vec<_> = fitted
            .accepted
            .iter()
            .map(|accepted| shown::<crate::space::kept::Odd>(&accepted.hparams))
            .collect();
        found.sort();
        assert_eq!(found, expected);
    }
}

#[test]
fn whole_numbers_of_64_bits_come_back_from_csv_and_optuna() {
    let dir = tempfile::tempdir().unwrap();
    let repo = dir.path().join("repo");
    let results = Hyperband::of(Fake::constant(|large: &Large| large.encode()[0].unwrap()))
        .quiet()
        .repo_dir(&repo)
        .run(9, 3)
        .unwrap();
    let expected: Vec<_> = results.trials().iter().map(|trial| (*trial.hparams).clone()).collect();
    let (csv, journal) = (dir.path().join("all.csv"), dir.path().join("all.journal"));
    std::fs::write(&csv, results.to_csv()).unwrap();
    OptunaJournal::new(&journal).export(&overview(&repo)).unwrap();
    let fitted = import::csv(&csv, "score", Direction::Minimize).unwrap().fit::<Large>();
    assert_eq!(fitted.refused, []);
    assert_eq!(fitted.accepted.into_iter().map(|accepted| accepted.hparams).collect::<Vec<_>>(), expected);
    let fitted = import::optuna(&journal, None).unwrap().fit::<Large>();
    assert_eq!(fitted.refused, []);
    assert_eq!(fitted.accepted.into_iter().map(|accepted| accepted.hparams).collect::<Vec<_>>(), expected);
}
