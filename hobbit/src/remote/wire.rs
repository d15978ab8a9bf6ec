//! Messages: what goes from machine to machine, as RON, with checkpoints behind it as the bytes of their
//! files.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_nats::HeaderMap;
use bytes::{Bytes, BytesMut};
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
}

/// A message's content: its text, and the bytes behind it, which are not copied.
#[derive(Debug, Clone)]
pub(super) struct Content {
    pub(super) text: Bytes,
    pub(super) behind: Bytes,
}

impl Content {
    pub(super) fn len(&self) -> usize {
        self.text.len() + self.behind.len()
    }

    /// The bytes from `start` to `end`. Only what is of both parts is copied.
    pub(super) fn slice(&self, start: usize, end: usize) -> Bytes {
        let text = self.text.len();
        if end <= text {
            return self.text.slice(start..end);
        }
        if start >= text {
            return self.behind.slice(start - text..end - text);
        }
        let mut both = BytesMut::with_capacity(end - start);
        both.extend_from_slice(&self.text[start..]);
        both.extend_from_slice(&self.behind[..end - text]);
        both.freeze()
    }

    pub(super) fn crc(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.text);
        hasher.update(&self.behind);
        hasher.finalize()
    }
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

/// A value as a message with bytes behind it that may be large.
pub(super) fn encode_with<T: Serialize>(value: &T, behind: Bytes) -> Result<(HeaderMap, Content), String> {
    let (headers, text) = encode(value, &[])?;
    Ok((headers, Content { text: text.into(), behind }))
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
    let number = |name: &str| headers.and_then(|headers| headers.get(name)?.as_str().parse::<usize>().ok());
    match number(VERSION) {
        Some(version) if version == PROTOCOL as usize => {}
        Some(version) => return Err(format!("it is of version {version}, and this hobbit knows {PROTOCOL}")),
        None => return Err("it is no message of hobbit's".to_owned()),
    }
    let length = number(TEXT).filter(|length| *length <= payload.len());
    let (text, behind) = payload.split_at(length.ok_or("it was cut off")?);
    Ok((parse(text)?, behind))
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
        };
        let (headers, bytes) = encode(&here, b"\0behind").unwrap();
        let (arrived, behind) = decode::<Here>(Some(&headers), &bytes).unwrap();
        assert_eq!((format!("{arrived:?}"), behind), (format!("{here:?}"), &b"\0behind"[..]));
        assert!(decode::<Here>(None, &bytes).unwrap_err().contains("no message of hobbit's"));
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

    #[test]
    fn pieces_are_of_both_parts() {
        let all: Vec<u8> = (0..20).collect();
        for text in 0..=20 {
            let (text, behind) = all.split_at(text);
            let content = Content { text: text.to_vec().into(), behind: behind.to_vec().into() };
            assert_eq!(content.crc(), crc32fast::hash(&all));
            for (start, end) in (0..20).flat_map(|start| (start..=20).map(move |end| (start, end))) {
                assert_eq!(content.slice(start, end), all[start..end], "{start} to {end}");
            }
        }
    }
}
