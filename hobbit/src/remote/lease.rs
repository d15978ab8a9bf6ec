//! Who leads: a key that one coordinator holds and renews, so that there is never a second one.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::kv::{CreateErrorKind, UpdateErrorKind};
use tokio::sync::mpsc::Sender;

use super::link::{Link, tokio_timeout};
use super::names::{LEADER, LEASE, Names, RENEWAL};
use super::server::live;
use super::wire::{self, Hello, Member, Standing};
use crate::error::{Error, Result};

/// How often it is looked whether another one has gone.
const LOOK: Duration = Duration::from_millis(300);

/// The key, as this coordinator holds it.
#[derive(Debug)]
pub(super) struct Lease {
    value: String,
    revision: u64,
}

/// How a try to hold the key ended.
enum Tried {
    Held(u64),
    /// Another one has it, with this revision.
    Taken(Box<Hello>, u64),
    /// The server does not answer, or was wiped.
    Failed(String),
}

async fn try_to_hold(link: &Link, names: &Names, value: &str, is_gone: impl Fn(&Hello) -> bool) -> Tried {
    let live = match live(link, names).await {
        Ok(live) => live,
        Err(why) => return Tried::Failed(why),
    };
    match live.create(LEADER, value.to_owned().into()).await {
        Ok(revision) => return Tried::Held(revision),
        Err(error) if error.kind() == CreateErrorKind::AlreadyExists => {}
        Err(error) => return Tried::Failed(error.to_string()),
    }
    let entry = match live.entry(LEADER).await {
        Ok(Some(entry)) => entry,
        Ok(None) => return Tried::Failed("the key has just gone".to_owned()),
        Err(error) => return Tried::Failed(error.to_string()),
    };
    match wire::parse::<Hello>(&entry.value) {
        Ok(hello) if !is_gone(&hello) => Tried::Taken(Box::new(hello), entry.revision),
        // whoever wrote it is gone, or it is none of hobbit's
        _ => match live.update(LEADER, value.to_owned().into(), entry.revision).await {
            Ok(revision) => Tried::Held(revision),
            Err(error) => Tried::Failed(error.to_string()),
        },
    }
}

impl Lease {
    /// Takes the key, once another coordinator has let go of it.
    ///
    /// # Errors
    /// There is another coordinator, which works.
    pub(super) async fn take(link: &Link, names: &Names, hello: &Hello) -> Result<Lease> {
        let failed =
            |why: String| Error::study(format!("could not say on the NATS server who runs the sweep: {why}"));
        let value = wire::text(hello).map_err(failed)?;
        let is_gone = |other: &Hello| is_gone(other, hello);
        let (mut first, mut fails) = (None, 0);
        loop {
            match try_to_hold(link, names, &value, is_gone).await {
                Tried::Held(revision) => return Ok(Lease { value, revision }),
                Tried::Taken(other, revision) => {
                    // it has just renewed it
                    if *first.get_or_insert(revision) != revision || is_alive(&other.from, &hello.from) {
                        return Err(taken(&other));
                    }
                }
                Tried::Failed(why) if fails > 30 => return Err(failed(why)),
                Tried::Failed(_) => fails += 1,
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Renews the key until another coordinator has it, and returns which one that is.
    pub(super) async fn keep(mut self, link: Arc<Link>, names: Names, me: Member, deposed: Sender<Hello>) {
        loop {
            tokio::time::sleep(RENEWAL).await;
            match tokio_timeout(LEASE, self.renew(&link, &names, &me)).await {
                Some(Ok(())) | None => {}
                Some(Err(other)) => {
                    let _ = deposed.send(*other).await;
                    return;
                }
            }
        }
    }

    async fn renew(&mut self, link: &Link, names: &Names, me: &Member) -> Result<(), Box<Hello>> {
        let Ok(live) = live(link, names).await else { return Ok(()) };
        match live.update(LEADER, self.value.clone().into(), self.revision).await {
            Ok(revision) => self.revision = revision,
            Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => {
                // it has gone meanwhile, or somebody has it
                match try_to_hold(link, names, &self.value, |other| other.from == *me).await {
                    Tried::Held(revision) => self.revision = revision,
                    Tried::Taken(other, _) => return Err(other),
                    Tried::Failed(_) => {}
                }
            }
            Err(_) => {}
        }
        Ok(())
    }
}

/// Says once and for all that the sweep stands like this.
pub(super) async fn leave(link: &Link, names: &Names, hello: &Hello, standing: Standing) {
    let hello = Hello { standing, ..hello.clone() };
    let (Ok(value), Ok(live)) = (wire::text(&hello), live(link, names).await) else { return };
    let _ = live.put(LEADER, value.into()).await;
}

/// Whether a coordinator is known to be gone: its sweep is over; or it worked on this repository, whose lock
/// this process holds; or its process has ended.
fn is_gone(other: &Hello, this: &Hello) -> bool {
    let is_here = other.from.host == this.from.host;
    other.standing.is_over()
        || other.from == this.from
        || is_here && !this.repository.is_empty() && other.repository == this.repository
        || is_here && runs(other.from.pid) == Some(false)
}

/// Whether a coordinator's process runs on this machine.
fn is_alive(other: &Member, this: &Member) -> bool {
    other.host == this.host && other.pid != this.pid && runs(other.pid) == Some(true)
}

/// Whether a process runs here, where that is known.
fn runs(pid: u32) -> Option<bool> {
    if cfg!(target_os = "linux") {
        Some(std::path::Path::new(&format!("/proc/{pid}")).exists())
    } else {
        None
    }
}

/// The error of a coordinator where there is one.
pub(super) fn taken(other: &Hello) -> Error {
    let Hello { from, repository, .. } = other;
    Error::study(format!(
        "{from} runs a sweep with this name on the NATS server already, in {repository}: to help it, set HOBBIT_ROLE=worker; for \
         another sweep on the same server, set HOBBIT_STUDY to a name of its own, here and at its workers"
    ))
}
