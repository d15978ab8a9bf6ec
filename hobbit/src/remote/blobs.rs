//! What is too large for a message: cut into pieces that have a stream of their own, under a name that is
//! used once, sent and fetched with several of them under way.

use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::message::{AckKind, Acker};
use async_nats::jetstream::stream::{DirectGetErrorKind, Stream};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;

use super::cargo::{Pieces, Source};
use super::link::{SLOW, tokio_timeout};
use super::names::{BEAT, INLINE, Names};
use super::refusals::Kept;
use super::unpack::{Note, Unpacked, Unpacking};
use super::wire::{self, Blob};
use crate::repository::SharedFile;

/// The size of a piece. With the message around it, it is below the largest message of any server.
const PIECE: usize = 512 << 10;
/// The pieces that are under way at once: with one at a time, a link is as slow as its round trip.
const UNDER_WAY: usize = 16;
/// How long a piece may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is tried to send or fetch a piece.
const TRIES: usize = 3;

const BLOB: &str = "hobbit-blob";
const FILE: &str = "hobbit-file";

impl Blob {
    fn pieces(&self) -> u64 {
        self.bytes.div_ceil(PIECE as u64)
    }
}

/// How a message is kept whose text has so many bytes, with what is behind it.
pub(super) fn kept(text: usize, behind: &Source) -> Kept {
    match text as u64 + behind.len() > INLINE as u64 {
        true => Kept::Pieces,
        false => Kept::Message,
    }
}

/// A message's content as it is sent, its text and what is behind it: as it is, or in pieces if it is large.
/// The pieces are there when this returns.
///
/// # Errors
/// In words, why they could not be sent.
pub(super) async fn wrap(
    js: &Context,
    names: &Names,
    name: &str,
    headers: &mut HeaderMap,
    (text, behind): (Vec<u8>, Source),
) -> Result<Bytes, String> {
    if let Source::Shared(file) = &behind {
        point_to(headers, file)?;
    }
    let is_large = kept(text.len(), &behind) == Kept::Pieces;
    let mut pieces = Pieces::new(text, behind, if is_large { PIECE } else { INLINE });
    if !is_large {
        return Ok(pieces.next()?.unwrap_or_default());
    }
    let send = |(number, piece): (usize, Result<Bytes, String>)| {
        let subject = format!("{}.{number}", names.blob(name));
        async move { put(js, subject, piece?).await }
    };
    let cut = std::iter::from_fn(|| pieces.next().transpose()).enumerate();
    let mut sent = stream::iter(cut).map(send).buffer_unordered(UNDER_WAY);
    while let Some(piece) = sent.next().await {
        piece?;
    }
    drop(sent);
    let (bytes, crc) = pieces.sum();
    headers.insert(BLOB, wire::text(&Blob { name: name.to_owned(), bytes, crc })?);
    Ok(Bytes::new())
}

/// Takes in a message that was [wrapped](wrap) in pieces. The server is told meanwhile that it is worked on.
///
/// # Errors
/// In words, why its content is not to be had any more.
pub(super) async fn unwrap<T: Note>(
    js: &Context,
    names: &Names,
    (blob, acker): (Blob, &Acker),
    mut to: Unpacking<T>,
) -> Result<Unpacked<T>, String> {
    let stream = js.get_stream_no_info(names.blobs()).await.map_err(|error| error.to_string())?;
    let stream = &stream;
    let read = |number: u64| {
        let subject = format!("{}.{number}", names.blob(&blob.name));
        get(stream, subject)
    };
    let mut pieces = stream::iter((0..blob.pieces()).map(read)).buffered(UNDER_WAY);
    let mut told = Instant::now();
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        // a disk may take its time, and beats have to go on
        let taken = tokio::task::spawn_blocking(move || to.take(&piece).map(|()| to)).await;
        to = taken.map_err(|error| error.to_string())??;
        if told.elapsed() >= BEAT {
            told = Instant::now();
            let _ = acker.ack_with(AckKind::Progress).await;
        }
    }
    to.finish(&blob)
}

/// Sends a piece. It is tried several times: one that was lost on the way should not cost all others.
async fn put(js: &Context, subject: String, piece: Bytes) -> Result<(), String> {
    let mut tries = 0;
    loop {
        tries += 1;
        let sent = async { js.publish(subject.clone(), piece.clone()).await?.await };
        let why = match tokio_timeout(PATIENCE, sent).await {
            Some(Ok(_)) => return Ok(()),
            Some(Err(error)) => error.to_string(),
            None => SLOW.to_owned(),
        };
        if tries == TRIES {
            return Err(why);
        }
        tokio::time::sleep(BEAT / 4).await;
    }
}

/// Fetches a piece, and tries it several times unless it is not there.
async fn get(stream: &Stream<()>, subject: String) -> Result<Bytes, String> {
    let mut tries = 0;
    loop {
        tries += 1;
        let why = match tokio_timeout(PATIENCE, stream.direct_get_last_for_subject(&*subject)).await {
            Some(Ok(message)) => return Ok(message.payload),
            Some(Err(error)) if error.kind() == DirectGetErrorKind::NotFound => return Err(error.to_string()),
            Some(Err(error)) => error.to_string(),
            None => SLOW.to_owned(),
        };
        if tries == TRIES {
            return Err(why);
        }
        tokio::time::sleep(BEAT / 4).await;
    }
}

/// Removes the pieces of a message's content, if it has any.
pub(super) async fn remove(js: &Context, names: &Names, headers: Option<&HeaderMap>) {
    if let Ok(Some(blob)) = named(headers) {
        remove_named(js, names, &blob.name).await;
    }
}

/// Removes the pieces of this name. What is left of them goes by its age.
pub(super) async fn remove_named(js: &Context, names: &Names, name: &str) {
    if let Ok(stream) = js.get_stream_no_info(names.blobs()).await {
        let _ =
            tokio_timeout(PATIENCE, async { stream.purge().filter(format!("{}.*", names.blob(name))).await })
                .await;
    }
}

/// The bytes of a message's pieces, if it has any.
pub(super) fn size(headers: Option<&HeaderMap>) -> u64 {
    named(headers).ok().flatten().map_or(0, |blob| blob.bytes)
}

/// Says that a message's checkpoint is in this file of the study's directory.
///
/// # Errors
/// In words, why it cannot be said.
fn point_to(headers: &mut HeaderMap, file: &SharedFile) -> Result<(), String> {
    headers.insert(FILE, wire::text(file)?);
    Ok(())
}

/// The file of the study's directory that a message's checkpoint is in, if it is in one.
pub(super) fn file(headers: Option<&HeaderMap>) -> Result<Option<SharedFile>, String> {
    let Some(text) = headers.and_then(|headers| headers.get(FILE)) else { return Ok(None) };
    wire::parse(text.as_str().as_bytes()).map(Some)
}

/// Where a message's pieces are, if it has any.
pub(super) fn named(headers: Option<&HeaderMap>) -> Result<Option<Blob>, String> {
    let Some(text) = headers.and_then(|headers| headers.get(BLOB)) else { return Ok(None) };
    let blob = wire::parse::<Blob>(text.as_str().as_bytes())?;
    // one part of a subject, and none that stands for others: what is there under it is removed in the end
    match !blob.name.is_empty() && blob.name.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c)) {
        true => Ok(Some(blob)),
        false => Err("its pieces have a name that none can have".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_have_names_that_stand_for_nothing_else() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(BLOB, text);
            (named(Some(&headers)), size(Some(&headers)))
        };
        let (named, size) = read(r#"(name:"2.1-3-0-77-5-1",bytes:1048577,crc:7)"#);
        assert_eq!((named.unwrap().unwrap().pieces(), size), (3, 1_048_577));
        for name in ["", "*", ">", "a b", "a\u{7}"] {
            let (named, size) = read(&format!("(name:\"{name}\",bytes:1,crc:7)"));
            assert!(named.unwrap_err().contains("name") && size == 0, "{name:?}");
        }
        assert!(read("(name:\"a\",bytes:-1,crc:7)").0.is_err());
    }
}
