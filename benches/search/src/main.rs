//! Replays tables of learning curves by one protocol, to measure how good a search is.
//!
//! Its objective is a row of a table; everything else is hobbit as its users have it.
#![expect(clippy::disallowed_methods, reason = "the rule is for the files of studies; this reads tables")]

mod methods;
mod protocol;
mod replay;
mod runs;
mod snap;
mod spaces;
mod statistics;
mod tables;

use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Parser;

use crate::methods::Setup;
use crate::runs::{EVERY, Measured, Out, Run};
use crate::snap::Configurations;
use crate::spaces::{LcBench, Rows, TaskSet};
use crate::tables::Suite;

/// Replays tables of learning curves with methods of search, and prints how good they are.
#[derive(Parser)]
struct Args {
    /// The directory of the tables: pairs such as x_hparams.csv and x_problem.csv.gz, and initial.csv.
    #[arg(long, value_name = "DIR")]
    tables: PathBuf,
    /// Methods to measure, separated by commas, or `all`. Without any, what the files have is summed up.
    #[arg(long, value_delimiter = ',', value_name = "NAME", help = methods())]
    method: Vec<String>,
    /// Stages under way at once, as far as decisions are concerned: a number, `default`, or several separated
    /// by commas.
    #[arg(long, value_delimiter = ',', default_value = "default", value_name = "P")]
    lookahead: Vec<String>,
    /// The budget of each run.
    #[arg(long, default_value_t = 2000)]
    epochs: usize,
    /// Runs of each method on each table, with the seeds 0, 1, …
    #[arg(long, default_value_t = 30)]
    seeds: u64,
    /// Where the regrets are written. Runs that are in it already are not done again.
    #[arg(long, value_name = "FILE.csv")]
    out: Option<PathBuf>,
    /// Files with runs that are summed up too, those of other tools for example.
    #[arg(long, value_delimiter = ',', value_name = "FILES")]
    also: Vec<PathBuf>,
    /// Only tables whose names contain this.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

fn methods() -> String {
    let list = methods::ALL.map(|method| format!("{}: {}", method.name, method.about));
    format!(
        "Methods to measure, separated by commas, or `all`. Without any, what the files have is summed up. {}",
        list.join("; ")
    )
}

/// What went wrong, and where.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    /// With a file.
    pub(crate) fn at(path: &Path, what: impl fmt::Display) -> Failure {
        Failure(format!("{}: {what}", path.display()))
    }

    /// With the name of something.
    pub(crate) fn of(name: &str, what: impl fmt::Display) -> Failure {
        Failure(format!("{name}: {what}"))
    }
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(text)) => {
            eprintln!("error: {text}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    let methods = chosen_methods(args)?;
    let lookaheads = args.lookahead.iter().map(|text| lookahead(text)).collect::<Result<Vec<_>, _>>()?;
    if args.epochs < EVERY {
        return Err(Failure::of("--epochs", format!("at least {EVERY}, of which one regret is kept")));
    }
    let mut suites = tables::read(&args.tables)?;
    let is_chosen = |name: &str| args.only.as_deref().is_none_or(|only| name.contains(only));
    suites.iter_mut().for_each(|suite| suite.tables.retain(|table| is_chosen(&table.name)));
    suites.retain(|suite| !suite.tables.is_empty());
    if suites.is_empty() {
        return Err(Failure::of("--only", "no table's name contains this"));
    }
    let mut measured = match &args.out {
        Some(path) if path.exists() => runs::read(path)?,
        _ => Measured::new(),
    };
    if let Some(path) = &args.out {
        runs::check_budget(path, &measured, args.epochs)?;
    }
    let mut jobs: Vec<Job> = Vec::new();
    for suite in &suites {
        jobs.extend(jobs_of_suite(suite, args, &methods, &lookaheads)?);
    }
    jobs.retain(|job| !measured.contains_key(&job.run));
    // what is stopped has some seeds of everything
    jobs.sort_by_key(|job| job.run.seed);
    measured.extend(work(&jobs, args.out.as_deref())?);
    for path in &args.also {
        measured.extend(runs::read(path)?);
    }
    for suite in &suites {
        let tables: Vec<_> = suite.tables.iter().map(|table| &**table).collect();
        println!("{}", statistics::summary(&suite.name, &tables, &measured));
    }
    Ok(())
}

fn chosen_methods(args: &Args) -> Result<Vec<&'static str>, Failure> {
    let mut chosen = Vec::new();
    for name in &args.method {
        match methods::ALL.iter().find(|method| method.name == name) {
            Some(method) => chosen.push(method.name),
            None if name == "all" => chosen.extend(methods::ALL.map(|method| method.name)),
            None => {
                let names = methods::ALL.map(|method| method.name).join(", ");
                return Err(Failure::of(name, format!("no such method; there are {names}, and `all`")));
            }
        }
    }
    Ok(chosen)
}

/// Nothing for the default.
fn lookahead(text: &str) -> Result<Option<u32>, Failure> {
    if text == "default" {
        return Ok(None);
    }
    let number = text.parse().ok().filter(|&number: &u32| number > 0);
    number.map(Some).ok_or_else(|| Failure::of(text, "no lookahead: 1, 2, …, or `default`"))
}

/// A run, and how it is done.
struct Job {
    run: Run,
    replay: Box<dyn Fn() -> Result<Vec<f64>, Failure> + Send + Sync>,
}

fn jobs_of_suite(
    suite: &Suite,
    args: &Args,
    methods: &[&'static str],
    lookaheads: &[Option<u32>],
) -> Result<Vec<Job>, Failure> {
    if TaskSet::has(suite) {
        return jobs_of::<TaskSet>(suite, args, methods, lookaheads);
    }
    if LcBench::has(suite) {
        return jobs_of::<LcBench>(suite, args, methods, lookaheads);
    }
    let (columns, a, b) =
        (suite.columns.join(", "), TaskSet::COLUMNS.join(", "), LcBench::COLUMNS.join(", "));
    Err(Failure::of(
        &suite.name,
        format!(
            "no search space is known for the hyperparameters {columns}: a suite has either {a}, or {b}; a new \
             space is a struct in benches/search/src/spaces.rs"
        ),
    ))
}

fn jobs_of<R: Rows>(
    suite: &Suite,
    args: &Args,
    methods: &[&'static str],
    lookaheads: &[Option<u32>],
) -> Result<Vec<Job>, Failure> {
    let configurations = Arc::new(Configurations::new::<R>(suite)?);
    let mut jobs = Vec::new();
    for table in &suite.tables {
        for &method in methods {
            for &lookahead in lookaheads {
                for seed in 0..args.seeds {
                    let lanes = lookahead.unwrap_or(methods::DEFAULT_LOOKAHEAD);
                    let (table, method) = (table.clone(), method.to_owned());
                    let run =
                        Run { table: table.name.clone(), method: method.clone(), lookahead: lanes, seed };
                    let (configurations, epochs) = (configurations.clone(), args.epochs);
                    let setup =
                        Setup::<R> { table, configurations, lookahead, seed, epochs, space: PhantomData };
                    jobs.push(Job { run, replay: Box::new(move || setup.replay(&method)) });
                }
            }
        }
    }
    Ok(jobs)
}

/// Does all jobs, each on one core, and writes what came of them as it comes.
fn work(jobs: &[Job], out: Option<&Path>) -> Result<Measured, Failure> {
    let out = out.map(Out::open).transpose()?;
    let state = Mutex::new((out, Measured::new(), None));
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let regrets = (job.replay)();
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            let (out, measured, failed) = &mut *state;
            let written = regrets.and_then(|regrets| {
                let kept: Vec<f64> = regrets.iter().skip(EVERY - 1).step_by(EVERY).copied().collect();
                if let Some(out) = out {
                    out.write(&job.run, &kept)?;
                }
                measured.insert(job.run.clone(), kept);
                Ok(())
            });
            if let Err(failure) = written {
                failed.get_or_insert(failure);
            }
            if failed.is_some() {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    match state.into_inner().unwrap_or_else(PoisonError::into_inner) {
        (_, _, Some(failure)) => Err(failure),
        (_, measured, None) => Ok(measured),
    }
}
