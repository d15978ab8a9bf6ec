//! What studies have left on a server: which ones there are, whether somebody works on them, and their end.

use std::collections::BTreeMap;

use async_nats::jetstream::stream::Info;
use futures_util::TryStreamExt;

use super::link::Link;
use super::names::{LEADER, Names, study_of};
use super::settings::Nats;
use super::wire::{self, Hello};
use crate::error::{Error, Result};

/// A study on a NATS server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StudyThere {
    /// Its name there: `HOBBIT_STUDY`.
    pub name: String,
    /// The messages that are kept for it.
    pub messages: u64,
    /// Their bytes, with those of checkpoints.
    pub bytes: u64,
    /// Who runs it, in words; `None` if nobody does any more.
    pub coordinator: Option<String>,
}

/// The studies that are on a server, by name.
///
/// # Errors
/// The server is not there, or cannot be used.
///
/// ```no_run
/// use hobbit::remote::{Nats, remove, studies};
///
/// let nats = Nats::at("nats://head:4222");
/// for study in studies(&nats)?.into_iter().filter(|study| study.coordinator.is_none()) {
///     remove(&nats, &study.name)?;
/// }
/// # Ok::<(), hobbit::Error>(())
/// ```
pub fn studies(nats: &Nats) -> Result<Vec<StudyThere>> {
    let link = Link::connect(nats, &|_| ())?;
    let found = link.wait(find(&link));
    link.close();
    found.map_err(|why| Error::study(format!("could not ask the NATS server what it has: {why}")))
}

/// Removes everything of a study from a server. Its repository stays as it is, and a running coordinator
/// makes again what it needs.
///
/// # Errors
/// The server is not there, or cannot be used.
pub fn remove(nats: &Nats, name: &str) -> Result<()> {
    let link = Link::connect(nats, &|_| ())?;
    let removed = link.wait(take_away(&link, name));
    link.close();
    removed.map_err(|why| {
        Error::study(format!("could not remove the study `{name}` from the NATS server: {why}"))
    })
}

async fn streams(link: &Link) -> std::result::Result<Vec<(String, Info)>, String> {
    let all: Vec<Info> = link.js.streams().try_collect().await.map_err(|error| error.to_string())?;
    let of_study = |info: Info| Some((study_of(&info.config.name)?.to_owned(), info));
    Ok(all.into_iter().filter_map(of_study).collect())
}

async fn find(link: &Link) -> std::result::Result<Vec<StudyThere>, String> {
    let mut found: BTreeMap<String, StudyThere> = BTreeMap::new();
    for (name, info) in streams(link).await? {
        let new = StudyThere { name: name.clone(), messages: 0, bytes: 0, coordinator: None };
        let study = found.entry(name).or_insert(new);
        study.messages += info.state.messages;
        study.bytes += info.state.bytes;
    }
    let mut studies: Vec<StudyThere> = found.into_values().collect();
    for study in &mut studies {
        study.coordinator = leader(link, &study.name).await;
    }
    Ok(studies)
}

/// Who runs a study. Its key is gone soon after it is.
async fn leader(link: &Link, study: &str) -> Option<String> {
    let live = link.js.get_key_value(Names::new(study).live()).await.ok()?;
    let value = live.get(LEADER).await.ok()??;
    match wire::parse::<Hello>(&value) {
        Ok(hello) if hello.standing.is_over() => None,
        Ok(Hello { from, repository, .. }) => Some(format!("{from}, in {repository}")),
        Err(_) => Some("a program that this one does not understand".to_owned()),
    }
}

async fn take_away(link: &Link, name: &str) -> std::result::Result<(), String> {
    for (study, info) in streams(link).await? {
        if study == name {
            link.js.delete_stream(&info.config.name).await.map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}
