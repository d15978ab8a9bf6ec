//! The settings of a study as arguments, and as environment variables.

use std::path::Path;

use clap::Parser;
use hobbit::cli::StudyArgs;
use hobbit::repository::Reader;
use hobbit::space::Narrowing;
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

/// The settings of arguments with a file of this name and text.
fn with_file(name: &str, text: &str, arguments: &[&str]) -> Result<StudyArgs, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    let arguments =
        ["tune", "--settings", path.to_str().unwrap()].into_iter().chain(arguments.iter().copied());
    let parsed = Arguments::try_parse_from(arguments).map_err(|error| error.to_string())?;
    Ok(parsed.study)
}

const TOML: &str = r#"
max_epochs = 27
eta = 3
seed = 7
workers = 2
repo_dir = "runs/a"
time_budget = "2h 30m"
epoch_budget = 1000
trial_time_limit = "90s"

[narrow]
rate = "0.1..0.5"
width = 64
shuffle = true
optimizer.kind = ["Adam", "Sgd"]
optimizer.Sgd.momentum = 0.5
"#;

const RON: &str = r#"(
    max_epochs: 27, eta: 3, seed: 7, workers: 2, repo_dir: "runs/a", time_budget: "2h 30m", epoch_budget: 1000,
    trial_time_limit: "90s",
    narrow: {
        "rate": "0.1..0.5", "width": 64, "shuffle": true,
        "optimizer": {"kind": ["Adam", "Sgd"], "Sgd": {"momentum": 0.5}},
    },
)"#;

#[test]
fn a_file_has_the_settings_that_are_not_given_otherwise() {
    let read = with_file("settings.toml", TOML, &[]).unwrap();
    assert_eq!((read.max_epochs, read.eta, read.seed, read.workers), (Some(27), Some(3), Some(7), Some(2)));
    assert_eq!((read.repo_dir.as_deref(), read.epoch_budget), (Some(Path::new("runs/a")), Some(1000)));
    assert_eq!(read.time_budget, Some(std::time::Duration::from_secs(9000)));
    assert_eq!(read.trial_time_limit, Some(std::time::Duration::from_secs(90)));
    let options = ["Adam", "Sgd"].map(str::to_owned);
    let expected =
        Narrowing::new().with("optimizer.Sgd.momentum", "0.5").with_each("optimizer.kind", options);
    let expected = expected.with("rate", "0.1..0.5").with("shuffle", "true").with("width", "64");
    assert_eq!(read.narrow, expected);
    assert_eq!(with_file("settings.RON", RON, &[]).unwrap(), read);
    assert_eq!(with_file("empty", "", &[]).unwrap(), StudyArgs::default());
    assert_eq!(with_file("empty.ron", "()", &[]).unwrap(), StudyArgs::default());
    let given =
        with_file("s.toml", TOML, &["--seed", "8", "--narrow", "rate=0.2..0.3; width=32", "--overwrite"]);
    let given = given.unwrap();
    assert_eq!((given.seed, given.eta, given.overwrite), (Some(8), Some(3), true));
    let narrow = format!("{:?}", given.narrow);
    assert!(
        narrow.contains(r#"("rate", ["0.2..0.3"]), ("width", ["32"])"#) && narrow.contains("momentum"),
        "{narrow}"
    );
}

#[test]
fn a_file_that_makes_no_sense_is_said_with_its_place() {
    let wrong = |name, text| with_file(name, text, &[]).unwrap_err();
    let unknown = wrong("a.toml", "seed = 3\nlearning_rate = 0.1\n");
    assert!(unknown.contains("a.toml' for '--settings <FILE>'"), "{unknown}");
    assert!(unknown.contains("unknown field `learning_rate`") && unknown.contains("line 2"), "{unknown}");
    assert!(wrong("a.toml", "seed = -1").contains("seed"), "{}", wrong("a.toml", "seed = -1"));
    assert!(wrong("a.toml", "time_budget = \"soon\"").contains("`soon`"));
    let values = wrong("a.toml", "[narrow]\nrate = [[1.0]]");
    assert!(values.contains("such as \"1e-4..1e-2\""), "{values}");
    assert!(wrong("a.ron", "(seed: 3").contains("1:"));
    let missing = Arguments::try_parse_from(["tune", "--settings", "nowhere.toml"]).unwrap_err().to_string();
    assert!(missing.contains("nowhere.toml"), "{missing}");
    let no_name = Arguments::try_parse_from(["tune", "--narrow", "rate"]).unwrap_err().to_string();
    assert!(no_name.contains("like `rate=1e-4..1e-2`"), "{no_name}");
}

#[test]
fn narrower_ranges_are_those_of_the_study() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().to_str().unwrap();
    let narrow = |values| run(&parse(&["--repo-dir", at, "--narrow", values]));
    let results = narrow("rate=0.5..1").unwrap();
    assert!(results.trials().iter().all(|trial| (0.5..=1.0).contains(&trial.hparams.rate)));
    let other = narrow("rate=0.5..1.5").map(drop).unwrap_err().to_string();
    assert!(
        other.contains("`rate` is uniform 0.5 to 1.5, but uniform 0.5 to 1.0 in the repository"),
        "{other}"
    );
    assert!(narrow("height=1..2").map(drop).unwrap_err().to_string().contains("`height` cannot be narrowed"));
}

pub(crate) fn environment(_: &Path, _: usize) {
    let seed = StudyArgs::from_env().map_err(|error| error.to_string());
    if std::env::var("HOBBIT_SEED").is_ok_and(|seed| seed == "five") {
        let error = seed.unwrap_err();
        assert!(error.contains("invalid value 'five' for '--seed <NUMBER>'"), "{error}");
        return;
    }
    let read = parse(&[]);
    assert_eq!((read.seed, read.workers), (Some(5), Some(3)));
    assert_eq!(read.narrow, Narrowing::new().with("rate", "0.1..0.5").with("width", "3"));
    assert_eq!(seed, Ok(read));
    let given = parse(&["--seed", "6", "--narrow", "rate=0.2..0.3"]);
    assert_eq!((given.seed, given.narrow), (Some(6), Narrowing::new().with("rate", "0.2..0.3")));
}

#[test]
fn the_environment_is_read_and_arguments_go_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = process("args::environment", dir.path(), 1);
    child.env("HOBBIT_SEED", "5").env("HOBBIT_WORKERS", "3").env("HOBBIT_NARROW", "rate=0.1..0.5;width=3");
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    child.env("HOBBIT_SEED", "five");
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
