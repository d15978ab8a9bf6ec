//! `hobbit serve`: studies as pages that follow them while they run.

mod answers;
mod guard;
mod shelf;
mod study;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use guard::Guard;
use shelf::Shelf;

use crate::failure::{Failure, Outcome};
use crate::output;

/// Shows studies in a browser, live: a server of pages.
///
/// A directory is a study, or holds studies. New ones appear as they are made, running ones are followed as
/// their journals grow. It only reads, and takes no lock: the studies' own processes do not notice.
///
/// Only this machine can ask it, unless --host says otherwise; then it answers only those who have the token
/// in the address that it prints.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The directories of studies, or directories of such.
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// The port; 0 takes one that is free.
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// The address of this machine at which it listens; 0.0.0.0 stands for all that it has.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Opens the page in a browser.
    #[arg(long)]
    open: bool,
}

const AFTER: &str = "\
Examples:
  hobbit serve my_study --open
  hobbit serve studies more_studies --port 8080
  hobbit serve studies --host 0.0.0.0

Ctrl-C ends it.";

pub(crate) fn run(args: &Args) -> Outcome {
    let shelf = Shelf::new(&args.dirs)?;
    let listener = listen(args)?;
    let address = listener.local_addr().map_err(|error| Failure::Output(error.to_string()))?;
    let guard = Guard::new(args.host)?;
    let url = guard.address(address);
    output::print(&format!("Serving {} at {url}\n", shelf.words()))?;
    if args.open
        && let Err(error) = open::that_detached(&url)
    {
        output::print(&format!("No browser could be opened: {error}\n"))?;
    }
    let served = serve(listener, Arc::new(shelf), guard);
    served.map_err(|error| Failure::Output(format!("the server has ended: {error}")))
}

fn listen(args: &Args) -> Result<TcpListener, Failure> {
    let address = SocketAddr::new(args.host, args.port);
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.map_err(|error| {
        let cure = match error.kind() {
            ErrorKind::AddrInUse => "; give another --port, 0 takes one that is free",
            ErrorKind::PermissionDenied => "; ports below 1024 need privileges",
            ErrorKind::AddrNotAvailable => "; --host has to be an address of this machine",
            _ => "",
        };
        Failure::Usage(format!("cannot listen at {address}: {error}{cure}"))
    })
}

fn serve(listener: TcpListener, shelf: Arc<Shelf>, guard: Guard) -> std::io::Result<()> {
    // one thread answers, others read journals: a study's own process needs the processor more
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build()?;
    runtime.block_on(async {
        tokio::spawn(shelf::follow(Arc::clone(&shelf)));
        if let Some(only) = shelf.only() {
            // it will be asked for; a page that cannot be made says so then
            tokio::task::spawn_blocking(move || drop(only.page()));
        }
        let listener = tokio::net::TcpListener::from_std(listener)?;
        axum::serve(listener, answers::routes(shelf, guard)).await
    })
}
