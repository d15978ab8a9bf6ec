//! The settings of a study as arguments of a program that uses clap, as environment variables, and from a
//! file.

mod arguments;
mod file;

use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use self::arguments::Arguments;
use self::file::SettingsFile;
use crate::error::{Error, Result};
use crate::objective::Objective;
use crate::space::Narrowing;
use crate::study::Study;

/// Settings that often change from one study to the next, to be flattened into a program's own arguments.
/// What is not given stays as the program sets it.
///
/// Each can be given in three places: as an argument (`--seed 7`), as an environment variable
/// (`HOBBIT_SEED=7`), and in a file (`--settings FILE`, or `HOBBIT_SETTINGS`). Arguments take precedence over
/// the environment, and the environment over the file. Everything that results depend on (R, eta, the seed,
/// narrower ranges) is recorded in the study, and a study is only continued with the same values.
///
/// ```
/// use clap::Parser;
/// use hobbit::cli::StudyArgs;
/// use hobbit::{Hyperband, search_space};
///
/// #[search_space]
/// struct Hparams {
///     #[uniform(0.0..=1.0)]
///     rate: f64,
/// }
///
/// #[derive(Parser)]
/// struct Arguments {
///     #[command(flatten)]
///     study: StudyArgs,
/// }
///
/// // as `Arguments::parse()` reads them from the command line
/// let arguments = ["tune", "--seed", "7", "--eta", "3", "--narrow", "rate=0.1..0.5", "--quiet"];
/// let Arguments { study } = Arguments::parse_from(arguments);
/// let sweep = Hyperband::function(|hp: &Hparams, trial| {
///     for _ in trial.epochs() {
///         trial.report("val_loss", hp.rate)?;
///     }
///     Ok(())
/// });
/// let results = study.apply(sweep).run(study.max_epochs.unwrap_or(9), study.eta.unwrap_or(4))?;
/// assert_eq!(results.trials().len(), 17);
/// assert!(results.best().hparams.rate >= 0.1);
/// # Ok::<(), hobbit::Error>(())
/// ```
///
/// # The file
///
/// TOML, or RON if its name ends in `.ron`. All settings are optional, and are named like the arguments, with
/// `_` for `-`. Parameters are narrowed to ranges, single values or options, as [`Narrowing`] describes:
///
/// ```toml
/// max_epochs = 27
/// eta = 3
/// seed = 7
/// workers = 4
/// repo_dir = "runs/narrow"
/// time_budget = "2h 30m"
///
/// [narrow]
/// rate = "0.1..0.5"
/// width = 64
/// optimizer.kind = ["Adam", "Sgd"]       # which variants of an enum
/// optimizer.Sgd.momentum = "0.8..0.9"
/// ```
///
/// In RON the same is `(max_epochs: 27, narrow: {"rate": "0.1..0.5", "optimizer.kind": ["Adam", "Sgd"]})`. A
/// relative `repo_dir` is relative to the current directory, as on the command line.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct StudyArgs {
    /// The most epochs that a stage adds (R).
    pub max_epochs: Option<u32>,
    /// The cut factor: each stage keeps one in this many trials.
    pub eta: Option<u32>,
    /// The seed of everything random.
    pub seed: Option<u64>,
    /// How many trials are trained at once.
    pub workers: Option<usize>,
    /// The directory of the study's files; one that holds the study already is continued.
    pub repo_dir: Option<PathBuf>,
    /// The sweep stops after this time; it can be continued.
    pub time_budget: Option<Duration>,
    /// The sweep stops after this many epochs; it can be continued.
    pub epoch_budget: Option<u64>,
    /// How long one trial may be trained, all its stages together; one that takes longer fails.
    pub trial_time_limit: Option<Duration>,
    /// Parameters that are narrowed.
    pub narrow: Narrowing,
    /// The study is started over, whatever the directory holds; an earlier study is moved aside.
    pub overwrite: bool,
    /// The directory's study is made larger.
    pub extend: bool,
    /// Nothing is printed.
    pub quiet: bool,
    /// A line is printed for every stage of a trial.
    pub verbose: bool,
}

impl StudyArgs {
    /// Gives a study the settings that were given. [`max_epochs`](StudyArgs::max_epochs) and
    /// [`eta`](StudyArgs::eta) are for its `run`.
    pub fn apply<O: Objective, A>(&self, study: Study<O, A>) -> Study<O, A> {
        let study = given(study, self.seed, Study::seed);
        let study = given(study, self.workers, Study::workers);
        let study = given(study, self.repo_dir.clone(), Study::repo_dir);
        let study = given(study, self.time_budget, Study::time_budget);
        let study = given(study, self.epoch_budget, Study::epoch_budget);
        let study = given(study, self.trial_time_limit, Study::trial_time_limit);
        let study = study.narrowed(self.narrow.clone());
        let study = given(study, self.overwrite.then_some(()), |study, ()| study.overwrite());
        let study = given(study, self.extend.then_some(()), |study, ()| study.extend());
        let study = given(study, self.quiet.then_some(()), |study, ()| study.quiet());
        given(study, self.verbose.then_some(()), |study, ()| study.verbose())
    }

    /// The settings of the environment variables alone, and of the file that `HOBBIT_SETTINGS` names: for
    /// programs that take no arguments.
    ///
    /// # Errors
    /// A variable has an invalid value, or the file cannot be read.
    pub fn from_env() -> Result<StudyArgs> {
        let command = StudyArgs::augment_args(Command::new("study").no_binary_name(true));
        let matches = command.try_get_matches_from([""; 0]);
        let read = matches.and_then(|matches| StudyArgs::from_arg_matches(&matches));
        // in one line, without usage
        read.map_err(|error| {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            Error::setting(line.trim_start_matches("error: ").to_owned()).with_source(error)
        })
    }

    /// What was given as arguments, or else in the environment, or else in the file.
    fn new(given: Arguments) -> std::result::Result<StudyArgs, clap::Error> {
        let file = match &given.settings {
            Some(path) => SettingsFile::read(path).map_err(|why| {
                let text = format!("invalid value '{}' for '--settings <FILE>': {why}\n", path.display());
                clap::Error::raw(ErrorKind::ValueValidation, text)
            })?,
            None => SettingsFile::default(),
        };
        let narrow = given.narrow.into_iter().fold(file.narrow, Narrowing::and);
        let settings = StudyArgs {
            max_epochs: given.max_epochs.or(file.max_epochs),
            eta: given.eta.or(file.eta),
            seed: given.seed.or(file.seed),
            workers: given.workers.or(file.workers),
            repo_dir: given.repo_dir.or(file.repo_dir),
            time_budget: given.time_budget.or(file.time_budget),
            epoch_budget: given.epoch_budget.or(file.epoch_budget),
            trial_time_limit: given.trial_time_limit.or(file.trial_time_limit),
            narrow,
            overwrite: given.overwrite,
            extend: given.extend,
            quiet: given.quiet,
            verbose: given.verbose,
        };
        if (settings.overwrite || settings.extend) && settings.repo_dir.is_none() {
            let flag = if settings.overwrite { "--overwrite" } else { "--extend" };
            let text = format!("'{flag}' needs a study's directory: '--repo-dir <DIR>'\n");
            return Err(clap::Error::raw(ErrorKind::MissingRequiredArgument, text));
        }
        Ok(settings)
    }
}

impl FromArgMatches for StudyArgs {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<StudyArgs, clap::Error> {
        StudyArgs::new(Arguments::from_arg_matches(matches)?)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), clap::Error> {
        *self = StudyArgs::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for StudyArgs {
    fn augment_args(command: Command) -> Command {
        Arguments::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Arguments::augment_args_for_update(command)
    }

    fn group_id() -> Option<clap::Id> {
        Arguments::group_id()
    }
}

fn given<S, T>(study: S, value: Option<T>, set: impl FnOnce(S, T) -> S) -> S {
    match value {
        Some(value) => set(study, value),
        None => study,
    }
}
