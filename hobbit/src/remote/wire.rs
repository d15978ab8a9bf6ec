//! Messages: what goes from machine to machine, as RON, with checkpoints behind it as the bytes of their
//! files.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_nats::HeaderMap;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::repository::{Doing, StageRecord, StudyRecord};
use crate::schedule::Assignment;
use crate::work::{Beginning, Order, Terms};

/// The version of the messages. Another one is refused, never guessed.
pub(super) const PROTOCOL: u32 = 1;

const VERSION: &str = "hobbit";
const TEXT: &str = "hobbit-text";

/// A process of a sweep.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) host: String,
    pub(super) pid: u32,
    /// Tells two apart that have the same host's name and number, as containers do.
    pub(super) nonce: u32,
}

impl std::fmt::Display for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)
    }
}

/// Where the pieces of a message are that is too large for one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Blob {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) crc: u32,
}

/// A stage to be trained. Behind it is its checkpoint, if there is one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct OrderNote {
    /// Which study it is of.
    pub(super) study: u32,
    pub(super) order: Order,
}

/// What a worker has to say of an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Said {
    /// What came of it.
    Outcome { record: Arc<StageRecord>, unfinished: bool, failed_now: bool },
    /// It was not begun, because those who had it before were all lost.
    GivenUp(Arc<StageRecord>),
    /// It is handed back as it was.
    Back,
    /// The trial's state within the stage.
    Saved,
}

/// What came of an order. Behind it is the trial's state, if there is one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ReportNote {
    pub(super) study: u32,
    pub(super) from: Member,
    pub(super) assignment: Assignment,
    pub(super) beginning: Option<Beginning>,
    pub(super) said: Said,
    /// What the user should know.
    pub(super) notes: Vec<String>,
}

/// A worker is there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Here {
    pub(super) from: Member,
    pub(super) slots: u32,
    pub(super) doing: Vec<Doing>,
    /// It leaves now.
    pub(super) leaves: bool,
    /// Why the server refuses its reports, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<String>,
}

/// How a sweep stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Standing {
    /// It goes on.
    Open,
    /// It stops: workers leave what they do after the epoch under way, and report it.
    Stopping,
    /// It is over, and nobody waits for reports.
    Over,
    /// It stops, because of an error that the coordinator tells its user.
    Failing,
    /// It is over, because of such an error.
    Failed,
}

impl Standing {
    /// Whether nobody waits for reports.
    pub(super) fn is_over(self) -> bool {
        matches!(self, Standing::Over | Standing::Failed)
    }

    /// Whether it ends with an error.
    pub(super) fn is_by_error(self) -> bool {
        matches!(self, Standing::Failing | Standing::Failed)
    }
}

/// How the coordinator says that things stand.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Lead {
    pub(super) from: Member,
    pub(super) standing: Standing,
    /// The places of trials whose lives have ended lately.
    pub(super) ended: Vec<u64>,
}

/// The study, as its coordinator knows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(super) protocol: u32,
    pub(super) from: Member,
    /// The directory of its repository.
    pub(super) repository: String,
    pub(super) standing: Standing,
    pub(super) study: StudyRecord,
    pub(super) terms: Terms,
    pub(super) build: BTreeMap<String, String>,
    /// By what workers know that they see the repository, through which checkpoints go; empty if they do not.
    #[serde(default)]
    pub(super) beacon: String,
}

/// A value as a message.
pub(super) fn encode<T: Serialize>(value: &T, behind: &[u8]) -> Result<(HeaderMap, Vec<u8>), String> {
    let mut bytes = text(value)?.into_bytes();
    let mut headers = HeaderMap::new();
    headers.insert(VERSION, PROTOCOL.to_string());
    headers.insert(TEXT, bytes.len().to_string());
    bytes.extend_from_slice(behind);
    Ok((headers, bytes))
}

/// A value as text.
pub(super) fn text<T: Serialize>(value: &T) -> Result<String, String> {
    ron::to_string(value).map_err(|error| error.to_string())
}

/// The value that a text is of.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    ron::from_str(text).map_err(|error| error.to_string())
}

/// The value that a message holds, and the bytes behind it.
///
/// # Errors
/// In words, what is wrong with it.
pub(super) fn decode<'a, T: DeserializeOwned>(
    headers: Option<&HeaderMap>,
    payload: &'a [u8],
) -> Result<(T, &'a [u8]), String> {
    let length = Some(text_length(headers)?).filter(|length| *length <= payload.len());
    let (text, behind) = payload.split_at(length.ok_or("it was cut off")?);
    Ok((parse(text)?, behind))
}

/// The bytes of a message's text.
///
/// # Errors
/// In words, why this program cannot read the message.
pub(super) fn text_length(headers: Option<&HeaderMap>) -> Result<usize, String> {
    let number = |name: &str| headers.and_then(|headers| headers.get(name)?.as_str().parse::<usize>().ok());
    match number(VERSION) {
        Some(version) if version == PROTOCOL as usize => {}
        Some(version) => return Err(format!("it is of version {version}, and this hobbit knows {PROTOCOL}")),
        None => return Err("it is not a message of hobbit's".to_owned()),
    }
    number(TEXT).ok_or_else(|| "it was cut off".to_owned())
}

/// A number that is the same for equal texts.
pub(super) fn print(text: &str) -> u32 {
    crc32fast::hash(text.as_bytes())
}

/// What of an outcome does not depend on who trained it, and when: a number that is the same for twins.
pub(super) fn essence(record: &StageRecord) -> u32 {
    let StageRecord { trial, stage, from, to, end, score, attempt, history, .. } = record;
    print(&format!("{trial} {stage} {from} {to} {end:?} {score:?} {attempt} {history:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::TrialId;

    #[test]
    fn messages_arrive_as_they_were_sent_or_are_refused() {
        let here = Here {
            from: Member { host: "a\nb".to_owned(), pid: 7, nonce: 1 },
            slots: 3,
            doing: vec![Doing { trial: TrialId::new(1, 3), stage: 1, epoch: 4 }],
            leaves: false,
            refused: Some("no space left".to_owned()),
        };
        let (headers, bytes) = encode(&here, b"\0behind").unwrap();
        let (arrived, behind) = decode::<Here>(Some(&headers), &bytes).unwrap();
        assert_eq!((format!("{arrived:?}"), behind), (format!("{here:?}"), &b"\0behind"[..]));
        assert!(decode::<Here>(None, &bytes).unwrap_err().contains("not a message of hobbit's"));
        assert!(decode::<Here>(Some(&headers), &bytes[..9]).unwrap_err().contains("cut off"));
        let mut other = headers.clone();
        other.insert(VERSION, "2");
        assert_eq!(
            decode::<Here>(Some(&other), &bytes).unwrap_err(),
            "it is of version 2, and this hobbit knows 1"
        );
        for end in [1, 10] {
            let mut damaged = bytes.clone();
            damaged[end] = 0xff;
            assert!(decode::<Here>(Some(&headers), &damaged).is_err());
        }
    }
}
