//! The settings of a study as arguments of a program that uses clap, and as environment variables.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::objective::Objective;
use crate::study::Study;

/// Settings that are often changed from run to run, to be flattened into a program's own arguments. What is
/// not given stays as the program sets it.
///
/// Each of them can also be given as an environment variable (`HOBBIT_SEED` for `--seed`); an argument goes
/// before it. Whatever results depend on (R, eta, the seed) is written down in the study, as ever.
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
/// let Arguments { study } = Arguments::parse_from(["tune", "--seed", "7", "--eta", "3", "--quiet"]);
/// let sweep = Hyperband::function(|hp: &Hparams, trial| {
///     for _ in trial.epochs() {
///         trial.report("val_loss", hp.rate)?;
///     }
///     Ok(())
/// });
/// let results = study.apply(sweep).run(study.max_epochs.unwrap_or(9), study.eta.unwrap_or(4))?;
/// assert_eq!(results.trials().len(), 17);
/// # Ok::<(), hobbit::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "Study")]
pub struct StudyArgs {
    /// The most epochs that a stage adds (R)
    #[arg(long, value_name = "EPOCHS", env = "HOBBIT_MAX_EPOCHS")]
    pub max_epochs: Option<u32>,

    /// The cut factor: each stage keeps one in so many trials
    #[arg(long, value_name = "NUMBER", env = "HOBBIT_ETA")]
    pub eta: Option<u32>,

    /// The seed of everything random
    #[arg(long, value_name = "NUMBER", env = "HOBBIT_SEED")]
    pub seed: Option<u64>,

    /// How many trials are trained at once
    #[arg(long, value_name = "NUMBER", env = "HOBBIT_WORKERS")]
    pub workers: Option<usize>,

    /// The directory of the study's files; one that holds the study already is continued
    #[arg(long, value_name = "DIR", env = "HOBBIT_REPO_DIR")]
    pub repo_dir: Option<PathBuf>,

    /// Stop after this time ("90m", "2h 30m"); the study can be continued
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, env = "HOBBIT_TIME_BUDGET")]
    pub time_budget: Option<Duration>,

    /// Stop after this many epochs; the study can be continued
    #[arg(long, value_name = "EPOCHS", env = "HOBBIT_EPOCH_BUDGET")]
    pub epoch_budget: Option<u64>,

    /// How long one trial may be trained, all its stages together; one that takes longer fails
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, env = "HOBBIT_TRIAL_TIME_LIMIT")]
    pub trial_time_limit: Option<Duration>,

    /// Start over, whatever the directory holds; an earlier study is moved aside
    #[arg(long, requires = "repo_dir")]
    pub overwrite: bool,

    /// Make the directory's study larger
    #[arg(long, requires = "repo_dir", conflicts_with = "overwrite")]
    pub extend: bool,

    /// Print nothing
    #[arg(long)]
    pub quiet: bool,

    /// Print a line for every stage of a trial
    #[arg(long, conflicts_with = "quiet")]
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
        let study = given(study, self.overwrite.then_some(()), |study, ()| study.overwrite());
        let study = given(study, self.extend.then_some(()), |study, ()| study.extend());
        let study = given(study, self.quiet.then_some(()), |study, ()| study.quiet());
        given(study, self.verbose.then_some(()), |study, ()| study.verbose())
    }
}

fn given<S, T>(study: S, value: Option<T>, set: impl FnOnce(S, T) -> S) -> S {
    match value {
        Some(value) => set(study, value),
        None => study,
    }
}
