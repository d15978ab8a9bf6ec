//! The settings of a study as arguments, and as environment variables.

use std::path::Path;

use clap::Parser;
use hobbit::cli::StudyArgs;
use hobbit::repository::Reader;
use hobbit::{Hyperband, StopReason};

use crate::support::kill::process;
use crate::support::{OtherParams, flat};

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    study: StudyArgs,
}

fn parse(arguments: &[&str]) -> StudyArgs {
    Arguments::parse_from(std::iter::once(&"tune").chain(arguments)).study
}

fn run(arguments: &StudyArgs) -> hobbit::Result<hobbit::Results<hobbit::testing::Fake<OtherParams, f64>>> {
    let study: Hyperband<_> = flat().quiet().seed(1);
    arguments.apply(study).run(arguments.max_epochs.unwrap_or(9), arguments.eta.unwrap_or(3))
}

#[test]
fn what_is_given_goes_before_what_the_program_says() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().to_str().unwrap();
    run(&parse(&["--repo-dir", at])).unwrap();
    let study = |dir: &Path| Reader::open(dir).unwrap().study().unwrap();
    assert_eq!(study(dir.path()).seed, 1);
    let other = run(&parse(&["--repo-dir", at, "--seed", "2"])).unwrap_err().to_string();
    assert!(other.contains("seed"), "{other}");
    run(&parse(&["--repo-dir", at, "--seed", "2", "--overwrite", "--workers", "2"])).unwrap();
    assert_eq!(study(dir.path()).seed, 2);
    let larger = run(&parse(&["--repo-dir", at, "--seed", "2", "--max-epochs", "27", "--extend"])).unwrap();
    assert!(larger.trials().len() > 17);
    let stopped = run(&parse(&["--epoch-budget", "3", "--time-budget", "2h 30m"])).unwrap();
    assert_eq!(stopped.stopped(), Some(&StopReason::EpochBudget));
    assert!(run(&parse(&["--time-budget", "0s"])).is_err());
}

#[test]
fn what_makes_no_sense_is_said() {
    let wrong = |arguments: &[&str]| {
        Arguments::try_parse_from(std::iter::once(&"tune").chain(arguments)).unwrap_err().to_string()
    };
    assert!(wrong(&["--eta=-1"]).contains("--eta"));
    assert!(wrong(&["--time-budget", "soon"]).contains("--time-budget <TIME>"));
    assert!(wrong(&["--overwrite"]).contains("--repo-dir <DIR>"));
    assert!(wrong(&["--quiet", "--verbose"]).contains("cannot be used with"));
    let error = run(&parse(&["--eta", "11"])).unwrap_err().to_string();
    assert!(error.contains("eta"), "{error}");
}

pub(crate) fn environment(_: &Path, _: usize) {
    let expected = StudyArgs { seed: Some(5), workers: Some(3), ..StudyArgs::default() };
    assert_eq!(parse(&[]), expected);
    assert_eq!(parse(&["--seed", "6"]).seed, Some(6));
}

#[test]
fn the_environment_is_read_and_arguments_go_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = process("args::environment", dir.path(), 1);
    child.env("HOBBIT_SEED", "5").env("HOBBIT_WORKERS", "3");
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    child.env("HOBBIT_SEED", "five");
    assert!(!child.output().unwrap().status.success());
}
