//! `hobbit completions`: completes what is typed.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::failure::Outcome;
use crate::output;

/// Prints the completions of this command for a shell.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The shell.
    shell: Shell,
}

const AFTER: &str = "\
Examples:
  hobbit completions bash > ~/.local/share/bash-completion/completions/hobbit
  hobbit completions zsh > ~/.zfunc/_hobbit
  hobbit completions fish > ~/.config/fish/completions/hobbit.fish";

pub(crate) fn run(args: &Args) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::Cli::command(), "hobbit", &mut script);
    output::print_data(&String::from_utf8_lossy(&script))
}
