//! A sweep over many machines: this process as a worker of it, or as its coordinator.

use std::io::Write;
use std::sync::Arc;

use super::interrupt::{self, Guard};
use super::settings::Settings;
use crate::error::{Error, Result};
use crate::objective::Objective;
use crate::observe::{Verbosity, printable_lines};
use crate::remote::{Fleet, Link, Nats, Served, Station};
use crate::repository::StudyRecord;
use crate::work::Workplace;

/// A worker that was told to leave ends as one that SIGTERM ended.
const LEFT: i32 = 143;

/// Connects to the server, if there is one.
///
/// # Errors
/// It cannot be used.
pub(super) fn connect<O: Objective>(settings: &Settings<O>) -> Result<Option<Arc<Link>>> {
    let Some(nats) = settings.nats.as_ref().filter(|nats| nats.is_set()) else { return Ok(None) };
    if !nats.is_worker() && settings.repo_dir.is_none() {
        return Err(Error::setting(
            "a sweep over many machines needs a `repo_dir`: what is on the NATS server may be lost, and the repository is what it is made \
             again from",
        ));
    }
    Ok(Some(Arc::new(Link::connect(nats, &|text| tell(settings.verbosity, text))?)))
}

/// Serves the sweep's coordinator with these workers, and ends the process.
pub(super) fn serve(
    nats: &Nats,
    link: Result<Option<Arc<Link>>>,
    (study, numerics): (&StudyRecord, &str),
    (slots, verbosity): (usize, Verbosity),
    pool: impl FnOnce() -> Box<dyn Workplace>,
) -> ! {
    let mut guard = None;
    let served = link.and_then(|link| {
        let Some(link) = link else { return Ok(Served::Done) };
        let tell = |text: &str| tell(verbosity, text);
        let station = Station { nats, study, numerics, slots, tell: &tell };
        let served = station.serve(&link, pool(), |leave| guard = leave_on_signals(leave));
        link.close();
        served
    });
    drop(guard);
    std::process::exit(match served {
        Ok(Served::Done) => 0,
        Ok(Served::Left) => LEFT,
        Err(error) => {
            say(&format!("Error: {error}"));
            error.own_exit_code().map_or(4, i32::from)
        }
    })
}

/// Where stages of a sweep over many machines run.
pub(super) fn fleet<O: Objective>(
    settings: &Settings<O>,
    link: Arc<Link>,
    (study, numerics): (&StudyRecord, String),
    local: impl FnOnce() -> Box<dyn Workplace>,
) -> Option<Box<dyn Workplace>> {
    let nats = settings.nats.as_ref()?;
    let local = nats.trains().then(local);
    let mut study = study.clone();
    // workers need not know them
    study.warm_start.iter_mut().for_each(|known| known.outcomes.clear());
    Some(Box::new(Fleet::new(nats, link, settings.repo_dir.as_deref(), (study, numerics), local)))
}

/// The first signal lets a worker leave in order, the second at once. Where the program has a handler of its
/// own, it is up to that one.
fn leave_on_signals(leave: Box<dyn Fn() + Send>) -> Option<Guard> {
    interrupt::watch().ok()?;
    let told = std::sync::atomic::AtomicBool::new(false);
    Some(Guard::new(Box::new(move |reason| {
        let is_first = !told.swap(true, std::sync::atomic::Ordering::Relaxed);
        if is_first {
            say(&format!("{reason}: leaving after the epochs under way"));
            leave();
        }
        is_first
    })))
}

fn tell(verbosity: Verbosity, text: &str) {
    if verbosity != Verbosity::Quiet {
        say(text);
    }
}

/// Says something where nobody may be listening. Others have a part in it: names, settings.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", printable_lines(text));
}
