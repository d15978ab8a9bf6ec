//! The command `hobbit`: looks at plans and at repositories, and needs none of a study's code.

mod best;
mod brackets;
mod choose;
mod compare;
mod completions;
mod export;
mod failure;
mod found;
mod list;
mod machines;
#[cfg(feature = "nats")]
mod nats;
mod output;
mod plan;
mod predict;
mod report;
mod salvage;
mod serve;
mod show;
mod space;
mod state;
mod status;
mod table;
mod verify;
mod view;
mod watch;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::{Failure, Outcome};
use hobbit::observe::printable;

/// Looks at Hyperband plans and at the studies that hobbit keeps in directories (repositories).
///
/// Every command works while a study runs, and only `salvage` writes to a study's files.
#[derive(Parser)]
#[command(name = "hobbit", version, arg_required_else_help = true, after_long_help = AFTER, after_help = AFTER)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
Examples:
  hobbit plan 81 3                what Hyperband would do: R = 81, eta = 3
  hobbit list my_studies          the studies in a directory
  hobbit status my_study --watch  how far a study is, live
  hobbit show my_study            the best trials
  hobbit watch my_study 1-8       one trial, as its epochs come
  hobbit best my_study            the best hyperparameters and their weights
  hobbit predict my_study x.csv   what the best model says of a table
  hobbit report my_study          everything in one HTML page
  hobbit serve my_study --open    the same, live in a browser

Exit codes:
  0  all is well (even if whoever reads the output has closed it)
  1  the repository has a problem: a damaged file, or it is in use
  2  wrong usage
  3  a file or directory is missing, is not a repository, or cannot be read or
     written
  4  what was asked for is not in the repository: the trial, a best trial, its
     weights

Messages go to standard error. Colours are shown on a terminal only, and not
if NO_COLOR is set.";

#[derive(Subcommand)]
enum Command {
    Plan(plan::Args),
    List(list::Args),
    Status(status::Args),
    Show(show::Args),
    Watch(watch::Args),
    Best(best::Args),
    Predict(predict::Args),
    Report(report::Args),
    Serve(serve::Args),
    #[cfg(feature = "nats")]
    Nats(nats::Args),
    Export(export::Args),
    Verify(verify::Args),
    Salvage(salvage::Args),
    Compare(compare::Args),
    Completions(completions::Args),
}

/// The arguments; an error repeats some of them, and they may be names of files.
fn parsed() -> Result<Cli, ExitCode> {
    Cli::try_parse().map_err(|error| {
        let args = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned());
        let odd: Vec<String> = args.filter(|arg| printable(arg) != *arg).collect();
        if odd.is_empty() {
            error.exit()
        }
        let mut text = error.render().to_string();
        for arg in
            odd.iter().flat_map(|arg| [Some(arg.as_str()), arg.split_once('=').map(|(_, value)| value)])
        {
            // of `--name=value` the value alone may be repeated
            text = arg.map_or(text.clone(), |arg| text.replace(arg, &printable(arg)));
        }
        let _ = io::stderr().write_all(output::shown(&text).as_bytes());
        ExitCode::from(error.exit_code() as u8)
    })
}

fn main() -> ExitCode {
    let cli = match parsed() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let outcome: Outcome = match cli.command {
        Command::Plan(args) => plan::run(&args),
        Command::List(args) => list::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Watch(args) => watch::run(&args),
        Command::Best(args) => best::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Serve(args) => serve::run(&args),
        #[cfg(feature = "nats")]
        Command::Nats(args) => nats::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Salvage(args) => salvage::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Completions(args) => completions::run(&args),
    };
    outcome.map_or_else(Failure::exit, |()| ExitCode::SUCCESS)
}
