//! Messages that come in pieces: first their text, then a checkpoint, which goes where it is wanted as it
//! comes: into memory, as a model, or into a file of the desk's.

use std::sync::Arc;

use async_nats::HeaderMap;
use serde::de::DeserializeOwned;

use super::wire::{self, Blob};
use crate::error::Error;
use crate::repository::{Decoder, Incoming, Kept, SavedState};
use crate::trial::TrialId;
use crate::work::Desk;

/// A message's text that may have a checkpoint behind it.
pub(super) trait Note: DeserializeOwned + Send + 'static {
    /// Whose checkpoint that is.
    fn trial(&self) -> TrialId;

    /// # Errors
    /// In words, what of it nobody can have sent, together with this state behind it.
    fn check(&self, state: Option<&SavedState>) -> Result<(), String>;
}

/// A message that has come whole. What is wrong with its checkpoint, if there is one, is said in words.
pub(super) type Unpacked<T> = (T, Result<Option<Kept>, String>);

/// A message that has come in part.
pub(super) struct Unpacking<T> {
    /// The bytes of its text, and those of its checkpoint.
    text_bytes: u64,
    behind_bytes: u64,
    text: Vec<u8>,
    note: Option<T>,
    to: To,
    desk: Option<Arc<dyn Desk>>,
    bytes: u64,
    hasher: crc32fast::Hasher,
}

/// Where a checkpoint goes.
enum To {
    Nowhere,
    Memory(Box<Decoder>),
    File(Box<Incoming>),
    /// Something is wrong with it.
    Broken(String),
}

impl<T: Note> Unpacking<T> {
    /// A message with these headers. Its checkpoint goes into a file of the desk's, if there is one.
    ///
    /// # Errors
    /// In words, why it cannot be read.
    pub(super) fn new(
        headers: Option<&HeaderMap>,
        blob: &Blob,
        desk: Option<Arc<dyn Desk>>,
    ) -> Result<Unpacking<T>, String> {
        let text_bytes = wire::text_length(headers)? as u64;
        let behind_bytes = blob.bytes.checked_sub(text_bytes).ok_or("it was cut off")?;
        let hasher = crc32fast::Hasher::new();
        let (text, note, to) = (Vec::new(), None, To::Nowhere);
        Ok(Unpacking { text_bytes, behind_bytes, text, note, to, desk, bytes: 0, hasher })
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// In words, why the message cannot be read. What is wrong with its checkpoint alone is kept for the end.
    pub(super) fn take(&mut self, piece: &[u8]) -> Result<(), String> {
        self.hasher.update(piece);
        self.bytes += piece.len() as u64;
        let missing = usize::try_from(self.text_bytes - self.text.len() as u64).unwrap_or(usize::MAX);
        let (text, behind) = piece.split_at(missing.min(piece.len()));
        self.text.extend_from_slice(text);
        if self.note.is_none() && self.text.len() as u64 == self.text_bytes {
            let note: T = wire::parse(&self.text)?;
            note.check(None)?;
            self.to = self.place(note.trial())?;
            self.note = Some(note);
        }
        if behind.is_empty() {
            return Ok(());
        }
        let taken = match &mut self.to {
            To::Memory(decoder) => decoder.feed(behind),
            To::File(file) => match file.write(behind) {
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Err(error.to_string()),
                written => return written.map_err(|error| self.fail(&error.to_string())),
            },
            To::Nowhere | To::Broken(_) => Ok(()),
        };
        if let Err(why) = taken {
            self.to = To::Broken(why);
        }
        Ok(())
    }

    fn place(&self, trial: TrialId) -> Result<To, String> {
        if self.behind_bytes == 0 {
            return Ok(To::Nowhere);
        }
        let file = match &self.desk {
            Some(desk) => desk.incoming(trial, self.behind_bytes).map_err(|why| self.fail(&why))?,
            None => None,
        };
        Ok(match file {
            Some(file) => To::File(Box::new(file)),
            None => To::Memory(Box::new(Decoder::new(self.behind_bytes, true))),
        })
    }

    /// A checkpoint that cannot be written ends the sweep, as one from a thread of its own does.
    fn fail(&self, why: &str) -> String {
        if let Some(desk) = &self.desk {
            desk.fail(Error::repository(why.to_owned()));
        }
        why.to_owned()
    }

    /// All pieces have come.
    ///
    /// # Errors
    /// In words, why the message cannot be read.
    pub(super) fn finish(self, blob: &Blob) -> Result<Unpacked<T>, String> {
        if (self.bytes, self.hasher.finalize()) != (blob.bytes, blob.crc) {
            return Err("its pieces are damaged".to_owned());
        }
        let note = self.note.ok_or("it was cut off")?;
        let saved = match self.to {
            To::Nowhere => Ok(None),
            To::Memory(decoder) => decoder.finish().map(|model| Some(Kept::Model(Box::new(model)))),
            To::File(file) => file.finish().map(|file| Some(Kept::File(Box::new(file)))),
            To::Broken(why) => Err(why),
        };
        let trial = note.trial();
        let saved = saved.and_then(|saved| saved.map(|saved| whose(trial, saved)).transpose());
        Ok((note, saved))
    }
}

/// A checkpoint, if it is of this trial.
pub(super) fn whose(trial: TrialId, saved: Kept) -> Result<Kept, String> {
    match saved.trial() {
        of if of == trial => Ok(saved),
        of => Err(format!("the checkpoint of trial {trial} is of trial {of}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::Blob;
    use super::*;
    use crate::objective::{Array, ArrayData, Checkpoint, History};
    use crate::repository::{SavedModel, WEIGHTS_FORMAT};

    const TRIAL: TrialId = TrialId::new(1, 3);

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Text(TrialId);

    impl Note for Text {
        fn trial(&self) -> TrialId {
            self.0
        }

        fn check(&self, _: Option<&SavedState>) -> Result<(), String> {
            Ok(())
        }
    }

    /// A message, and this trial's checkpoint behind it.
    fn message(trial: TrialId) -> (HeaderMap, Vec<u8>) {
        let history = History::default();
        let (format, attempt, epoch, score, from) = (WEIGHTS_FORMAT, 0, 2, None, 1);
        let state = SavedState { format, trial, attempt, epoch, score, from, history, stopped: false };
        let mut best = Checkpoint::new();
        let data = ArrayData::U8((0..200).collect());
        best.arrays.insert("bytes".to_owned(), Array { shape: vec![200], data });
        let (headers, mut bytes) = wire::encode(&Text(TRIAL), &[]).unwrap();
        bytes.extend(SavedModel { state, best, last: None }.to_bytes().unwrap());
        (headers, bytes)
    }

    fn unpack(headers: &HeaderMap, whole: &[u8], pieces: &[&[u8]]) -> Result<Unpacked<Text>, String> {
        let blob = Blob { name: "a".to_owned(), bytes: whole.len() as u64, crc: crc32fast::hash(whole) };
        let mut to = Unpacking::new(Some(headers), &blob, None)?;
        pieces.iter().try_for_each(|piece| to.take(piece))?;
        to.finish(&blob)
    }

    #[test]
    fn pieces_that_are_lost_doubled_or_of_something_else_are_no_message() {
        let (headers, whole) = message(TRIAL);
        for size in [1, 7, 64, whole.len()] {
            let pieces: Vec<&[u8]> = whole.chunks(size).collect();
            let (text, saved) = unpack(&headers, &whole, &pieces).unwrap();
            let model = match saved.unwrap() {
                Some(Kept::Model(model)) => model.to_bytes().unwrap(),
                _ => Vec::new(),
            };
            assert!(text == Text(TRIAL) && whole.ends_with(&model) && !model.is_empty(), "of {size} bytes");
        }
        let pieces: Vec<&[u8]> = whole.chunks(64).collect();
        let other: Vec<u8> = pieces[1].iter().map(|byte| byte ^ 1).collect();
        for place in 0..pieces.len() {
            let (before, after) = pieces.split_at(place);
            let is_refused = |pieces: &[&[u8]]| unpack(&headers, &whole, pieces).is_err();
            assert!(is_refused(&[before, &after[1..]].concat()), "without piece {place}");
            assert!(is_refused(&[before, &after[..1], after].concat()), "with piece {place} twice");
            assert!(
                is_refused(&[before, &[other.as_slice()], &after[1..]].concat()),
                "with another piece {place}"
            );
            assert!(
                is_refused(&[&after[..1], before, &after[1..]].concat()) || place == 0,
                "{place} too soon"
            );
        }
    }

    #[test]
    fn what_is_wrong_with_a_checkpoint_is_told_with_its_message() {
        let (headers, whole) = message(TrialId::new(1, 4));
        let (text, saved) = unpack(&headers, &whole, &[&whole]).unwrap();
        assert_eq!(text, Text(TRIAL));
        let why = saved.err().unwrap();
        assert!(why.contains("is of trial 1-4"), "{why}");
        let (headers, mut whole) = wire::encode(&Text(TRIAL), &[]).unwrap();
        whole.extend(b"this is not a checkpoint");
        let (text, saved) = unpack(&headers, &whole, &[&whole]).unwrap();
        assert!(text == Text(TRIAL) && saved.is_err());
    }
}
