//! What is too large for a message: cut into pieces that have a stream of their own, under a name that is
//! used once.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use serde::{Deserialize, Serialize};

use super::link::tokio_timeout;
use super::names::Names;
use super::wire::{self, Content};

/// What is larger than this is not sent inside of a message.
pub(super) const INLINE: usize = 512 << 10;
/// The size of a piece. With the message around it, it is below the largest message of any server.
const PIECE: usize = 512 << 10;
/// The pieces that are under way at once: with one at a time, a link is as slow as its round trip.
const UNDER_WAY: usize = 16;
/// How long a piece may take.
const PATIENCE: Duration = Duration::from_secs(20);

const BLOB: &str = "hobbit-blob";

/// Where the pieces are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Blob {
    name: String,
    bytes: usize,
    crc: u32,
}

impl Blob {
    fn pieces(&self) -> usize {
        self.bytes.div_ceil(PIECE)
    }
}

/// A message's content as it is sent: as it is, or in pieces if it is large. The pieces are there when this
/// returns.
///
/// # Errors
/// In words, why they could not be sent.
pub(super) async fn wrap(
    js: &Context,
    names: &Names,
    name: &str,
    headers: &mut HeaderMap,
    content: Content,
) -> Result<Bytes, String> {
    if content.len() <= INLINE {
        return Ok(content.slice(0, content.len()));
    }
    let blob = Blob { name: name.to_owned(), bytes: content.len(), crc: content.crc() };
    let send = |number: usize| {
        let piece = content.slice(number * PIECE, content.len().min((number + 1) * PIECE));
        let subject = format!("{}.{number}", names.blob(name));
        async move {
            let sent = async { js.publish(subject, piece).await?.await };
            match tokio_timeout(PATIENCE, sent).await {
                Some(Ok(_)) => Ok(()),
                Some(Err(error)) => Err(error.to_string()),
                None => Err("it took too long".to_owned()),
            }
        }
    };
    let mut sent = stream::iter((0..blob.pieces()).map(send)).buffer_unordered(UNDER_WAY);
    while let Some(piece) = sent.next().await {
        piece?;
    }
    headers.insert(BLOB, wire::text(&blob)?);
    Ok(Bytes::new())
}

/// The content of a message that was [wrapped](wrap).
///
/// # Errors
/// In words, why there is none any more.
pub(super) async fn unwrap(
    js: &Context,
    names: &Names,
    headers: Option<&HeaderMap>,
    payload: &Bytes,
) -> Result<Bytes, String> {
    let Some(blob) = named(headers)? else { return Ok(payload.clone()) };
    let stream = js.get_stream_no_info(names.blobs()).await.map_err(|error| error.to_string())?;
    let stream = &stream;
    let read = |number: usize| {
        let subject = format!("{}.{number}", names.blob(&blob.name));
        async move {
            match tokio_timeout(PATIENCE, stream.direct_get_last_for_subject(subject)).await {
                Some(Ok(message)) => Ok(message.payload),
                Some(Err(error)) => Err(error.to_string()),
                None => Err("it took too long".to_owned()),
            }
        }
    };
    let mut pieces = stream::iter((0..blob.pieces()).map(read)).buffered(UNDER_WAY);
    // room for what is there: how much that is, only the message says
    let mut content = Vec::new();
    while let Some(piece) = pieces.next().await {
        content.extend_from_slice(&piece?);
        if content.len() > blob.bytes {
            break;
        }
    }
    match (content.len(), crc32fast::hash(&content)) == (blob.bytes, blob.crc) {
        true => Ok(content.into()),
        false => Err("its pieces are damaged".to_owned()),
    }
}

/// The bytes of a message's pieces, if it has any.
pub(super) fn size(headers: Option<&HeaderMap>) -> usize {
    named(headers).ok().flatten().map_or(0, |blob| blob.bytes)
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

/// Where the pieces of a message are, if it has any.
fn named(headers: Option<&HeaderMap>) -> Result<Option<Blob>, String> {
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
