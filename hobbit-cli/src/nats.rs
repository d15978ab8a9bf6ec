//! `hobbit nats`: what studies have left on a NATS server.

use console::Style;
use hobbit::remote::{Nats, StudyThere, remove, studies};

use crate::failure::Outcome;
use crate::output::{self, Format, FormatArg};
use crate::table::Table;

/// Looks at the studies on a NATS server, and removes what abandoned ones have left.
///
/// The credentials for the server are taken from the variables that sweeps use: HOBBIT_NATS_TOKEN,
/// HOBBIT_NATS_NKEY, HOBBIT_NATS_CREDS, HOBBIT_NATS_CA.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
Examples:
  hobbit nats list nats://head:4222
  hobbit nats clean nats://head:4222

JSON (list --format json): {studies: [{study, messages, bytes, run_by}]}

A study that nobody runs can be removed without loss: its repository has
everything, and the program makes again what it needs when it is continued.";

#[derive(clap::Subcommand)]
enum Command {
    /// Lists the studies, and who runs them.
    List(List),
    /// Removes the studies that nobody runs.
    Clean(Server),
}

#[derive(clap::Args)]
struct List {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    format: FormatArg,
}

#[derive(serde::Serialize)]
struct Document<'a> {
    studies: Vec<View<'a>>,
}

/// A study on a server.
#[derive(serde::Serialize)]
struct View<'a> {
    study: &'a str,
    messages: u64,
    bytes: u64,
    run_by: Option<&'a str>,
}

impl View<'_> {
    fn of(study: &StudyThere) -> View<'_> {
        View {
            study: &study.name,
            messages: study.messages,
            bytes: study.bytes,
            run_by: study.coordinator.as_deref(),
        }
    }
}

#[derive(clap::Args)]
struct Server {
    /// The server's address; HOBBIT_NATS if there is none.
    address: Option<String>,
}

/// How long the server is waited for.
const WAIT: std::time::Duration = std::time::Duration::from_secs(3);

impl Server {
    fn nats(&self) -> hobbit::Result<Nats> {
        let nats = Nats::from_env()?.wait(WAIT);
        Ok(match &self.address {
            Some(address) => nats.server(address),
            None => nats,
        })
    }
}

pub(crate) fn run(args: &Args) -> Outcome {
    match &args.command {
        Command::List(args) => list(&studies(&args.server.nats()?)?, args.format.format),
        Command::Clean(server) => clean(&server.nats()?),
    }
}

fn list(studies: &[StudyThere], format: Format) -> Outcome {
    if format == Format::Json {
        return output::print_json(&Document { studies: studies.iter().map(View::of).collect() });
    }
    if studies.is_empty() {
        return output::print("There is no study on it.\n");
    }
    let mut table = Table::new(1).text("study").numbers(["messages", "MB"]).text("run by");
    for study in studies {
        let cells = vec![
            study.name.clone(),
            study.messages.to_string(),
            format!("{:.1}", study.bytes as f64 / 1e6),
            study.coordinator.clone().unwrap_or_else(|| "nobody".to_owned()),
        ];
        table.row(cells, if study.coordinator.is_some() { Style::new().cyan() } else { Style::new() });
    }
    output::print(&table.render(output::width()))
}

fn clean(nats: &Nats) -> Outcome {
    let mut stay = 0;
    for study in studies(nats)? {
        match study.coordinator {
            Some(_) => stay += 1,
            None => {
                remove(nats, &study.name)?;
                let megabytes = study.bytes as f64 / 1e6;
                output::print(&format!("removed {}: {megabytes:.1} MB\n", study.name))?;
            }
        }
    }
    match stay {
        0 => Ok(()),
        1 => output::print("1 study stays, because somebody runs it\n"),
        _ => output::print(&format!("{stay} studies stay, because somebody runs them\n")),
    }
}
