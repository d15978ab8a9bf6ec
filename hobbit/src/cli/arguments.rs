//! The arguments as clap reads them, before the settings of a file are added.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::space::Narrowing;

#[derive(Debug, Args)]
#[command(next_help_heading = "Study")]
#[group(id = "StudyArgs")]
pub(super) struct Arguments {
    /// The most epochs that a stage adds (R)
    #[arg(long, value_name = "EPOCHS", env = "HOBBIT_MAX_EPOCHS")]
    pub(super) max_epochs: Option<u32>,

    /// The cut factor: each stage keeps one in this many trials
    #[arg(long, value_name = "NUMBER", env = "HOBBIT_ETA")]
    pub(super) eta: Option<u32>,

    /// The seed of everything random
    #[arg(long, value_name = "NUMBER", env = "HOBBIT_SEED")]
    pub(super) seed: Option<u64>,

    /// How many trials are trained at once
    #[arg(long, value_name = "NUMBER", env = "HOBBIT_WORKERS")]
    pub(super) workers: Option<usize>,

    /// The directory of the study's files; one that holds the study already is continued
    #[arg(long, value_name = "DIR", env = "HOBBIT_REPO_DIR")]
    pub(super) repo_dir: Option<PathBuf>,

    /// Stop after this time ("90m", "2h 30m"); the study can be continued
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, env = "HOBBIT_TIME_BUDGET")]
    pub(super) time_budget: Option<Duration>,

    /// Stop after this many epochs; the study can be continued
    #[arg(long, value_name = "EPOCHS", env = "HOBBIT_EPOCH_BUDGET")]
    pub(super) epoch_budget: Option<u64>,

    /// How long one trial may be trained, all its stages together; one that takes longer fails
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, env = "HOBBIT_TRIAL_TIME_LIMIT")]
    pub(super) trial_time_limit: Option<Duration>,

    /// Narrow a parameter to a part of its range or to some of its options ("rate=1e-4..1e-2",
    /// "optimizer=adam,sgd"); may be given several times, or with `;` between them
    #[arg(long, value_name = "NAME=VALUES", value_delimiter = ';', env = "HOBBIT_NARROW")]
    pub(super) narrow: Vec<Narrowing>,

    /// Read settings that are not given otherwise from this file (TOML or RON)
    #[arg(long, value_name = "FILE", env = "HOBBIT_SETTINGS")]
    pub(super) settings: Option<PathBuf>,

    /// Start over, whatever the directory holds; an earlier study is moved aside
    #[arg(long)]
    pub(super) overwrite: bool,

    /// Make the directory's study larger
    #[arg(long, conflicts_with = "overwrite")]
    pub(super) extend: bool,

    /// Print nothing
    #[arg(long)]
    pub(super) quiet: bool,

    /// Print a line for every stage of a trial
    #[arg(long, conflicts_with = "quiet")]
    pub(super) verbose: bool,
}
