//! What goes behind a message's text, a checkpoint as the bytes of its file: in memory, as a model of which
//! they are made when they are sent, or in a file. None is ever copied as a whole.

use std::fmt;
use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;

use super::names::INLINE;
use crate::repository::{Encoded, SavedModel, SharedFile};

/// What goes behind a report, as often as it is sent.
#[derive(Debug, Clone)]
pub(super) enum Cargo {
    Bytes(Bytes),
    Model(Arc<Encoded<Box<SavedModel>>>),
    /// In a file of the study's directory.
    Shared(SharedFile),
}

impl Cargo {
    /// Nothing.
    pub(super) fn none() -> Cargo {
        Cargo::Bytes(Bytes::new())
    }

    /// A model, if there is one.
    pub(super) fn of(model: Option<Box<SavedModel>>) -> Cargo {
        // a model that no file can hold was found out when it was saved
        let Some(Ok(encoded)) = model.map(Encoded::new) else { return Cargo::none() };
        match encoded.len() > INLINE {
            true => Cargo::Model(Arc::new(encoded)),
            false => Cargo::Bytes(encoded.to_vec().into()),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Cargo::Bytes(bytes) => bytes.len(),
            Cargo::Model(model) => model.len(),
            Cargo::Shared(_) => 0,
        }
    }

    /// It, to be sent once.
    pub(super) fn source(&self) -> Source {
        match self {
            Cargo::Bytes(bytes) => Source::Bytes(bytes.clone()),
            Cargo::Model(model) => Source::Model(model.clone(), 0),
            Cargo::Shared(file) => Source::Shared(file.clone()),
        }
    }
}

/// Bytes that are sent once, from the first one on.
pub(super) enum Source {
    Bytes(Bytes),
    /// A model, and how much of its file is sent.
    Model(Arc<Encoded<Box<SavedModel>>>, usize),
    /// In a file of the study's directory: nothing is sent but where.
    Shared(SharedFile),
    /// A file, and how many bytes are in it.
    File(Box<dyn Read + Send>, u64),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

impl Source {
    /// A file of this length. A short one is read at once.
    ///
    /// # Errors
    /// In words, why it cannot be read.
    pub(super) fn file(mut file: Box<dyn Read + Send>, length: u64) -> Result<Source, String> {
        if length > INLINE as u64 {
            return Ok(Source::File(file, length));
        }
        let mut bytes = Vec::new();
        // it may have grown
        let read = file.by_ref().take(INLINE as u64).read_to_end(&mut bytes);
        read.map_err(|error| format!("could not read a checkpoint: {error}"))?;
        Ok(Source::Bytes(bytes.into()))
    }

    /// How many bytes there are in all.
    pub(super) fn len(&self) -> u64 {
        match self {
            Source::Bytes(bytes) => bytes.len() as u64,
            Source::Model(model, _) => model.len() as u64,
            Source::File(_, length) => *length,
            Source::Shared(_) => 0,
        }
    }

    /// Adds the next bytes to a buffer, as many as there are but `most` at most.
    fn add(&mut self, most: usize, buffer: &mut Vec<u8>) -> Result<(), String> {
        match self {
            Source::Bytes(bytes) => buffer.extend_from_slice(&bytes.split_to(most.min(bytes.len()))),
            Source::Model(model, at) => {
                let before = buffer.len();
                model.copy(*at, most, buffer);
                *at += buffer.len() - before;
            }
            Source::Shared(_) => {}
            Source::File(file, _) => {
                let read = file.by_ref().take(most as u64).read_to_end(buffer);
                read.map_err(|error| format!("could not read a checkpoint: {error}"))?;
            }
        }
        Ok(())
    }
}

/// A text and what is behind it, cut into pieces of one size.
pub(super) struct Pieces {
    text: Bytes,
    behind: Source,
    size: usize,
    bytes: u64,
    hasher: crc32fast::Hasher,
}

impl Pieces {
    pub(super) fn new(text: Vec<u8>, behind: Source, size: usize) -> Pieces {
        Pieces { text: text.into(), behind, size, bytes: 0, hasher: crc32fast::Hasher::new() }
    }

    /// The next piece; only the last one is shorter than the others.
    ///
    /// # Errors
    /// In words, why there is none.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, String> {
        let now = self.text.split_to(self.size.min(self.text.len()));
        let piece = if now.len() == self.size {
            now
        } else {
            let mut both = Vec::with_capacity(self.size);
            both.extend_from_slice(&now);
            self.behind.add(self.size - now.len(), &mut both)?;
            Bytes::from(both)
        };
        self.bytes += piece.len() as u64;
        self.hasher.update(&piece);
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }

    /// The bytes of all pieces there were, and their checksum.
    pub(super) fn sum(self) -> (u64, u32) {
        (self.bytes, self.hasher.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_of_both_parts() {
        let all: Vec<u8> = (0..20).collect();
        for text in 0..=20 {
            let (text, behind) = all.split_at(text);
            for size in 1..=21 {
                let (kept, length) = (behind.to_vec(), behind.len() as u64);
                let file = Source::File(Box::new(std::io::Cursor::new(kept.clone())), length);
                for behind in [Source::Bytes(kept.into()), file] {
                    assert_eq!(behind.len(), length);
                    let mut pieces = Pieces::new(text.to_vec(), behind, size);
                    let cut: Vec<Bytes> = std::iter::from_fn(|| pieces.next().unwrap()).collect();
                    assert_eq!(cut.concat(), all);
                    assert!(cut.iter().rev().skip(1).all(|piece| piece.len() == size));
                    assert_eq!(pieces.sum(), (20, crc32fast::hash(&all)));
                }
            }
        }
    }
}
