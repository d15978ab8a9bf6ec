//! What the coordinator hears: reports, workers that say that they are there, and news at its own desk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::message::Acker;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc::Sender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::blobs;
use super::link::Link;
use super::names::{Names, Stage};
use super::server::Server;
use super::wire::{self, Here};
use crate::work::Desk;

/// How long after it failed something is tried again.
const RETRY: Duration = Duration::from_millis(300);

/// How many reports may wait to be read, and how many of them one with a checkpoint in pieces counts as for
/// each MiB: as a rule, all together are no larger than that.
const WAITING: u32 = 4096;
const FOR_MIB: usize = 128;

/// A report as it came.
pub(super) struct Letter {
    pub(super) content: Result<Bytes, String>,
    pub(super) headers: Option<HeaderMap>,
    pub(super) acker: Acker,
    /// Its room in memory.
    _room: OwnedSemaphorePermit,
}

/// What the coordinator hears.
pub(super) enum In {
    Here(Here),
    Report(Box<Letter>),
    /// Orders that could not be published.
    Missing(Vec<Stage>),
    /// There may be more orders, or outcomes that are durable.
    News,
}

/// Reads reports as they come.
pub(super) async fn read(link: Arc<Link>, names: Names, study: u32, to: Sender<In>) {
    let server = Server { link: &link, names: &names, study };
    let room = Arc::new(Semaphore::new(WAITING as usize));
    while !to.is_closed() {
        if let Ok(consumer) = server.reports().await {
            let stream = consumer.stream().max_messages_per_batch(200).heartbeat(Duration::from_secs(2));
            if let Ok(mut messages) = stream.expires(Duration::from_secs(10)).messages().await {
                while let Some(Ok(message)) = messages.next().await {
                    let (message, acker) = message.split();
                    let headers = message.headers;
                    let size = 1 + FOR_MIB * (blobs::size(headers.as_ref()) >> 20);
                    let size = u32::try_from(size).unwrap_or(WAITING).min(WAITING);
                    let Ok(room) = room.clone().acquire_many_owned(size).await else { return };
                    let content = blobs::unwrap(&link.js, &names, headers.as_ref(), &message.payload).await;
                    let letter = Box::new(Letter { content, headers, acker, _room: room });
                    if to.send(In::Report(letter)).await.is_err() {
                        return;
                    }
                }
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Hears of workers. What does not fit is dropped: they say so again.
pub(super) async fn hear(link: Arc<Link>, names: Names, to: Sender<In>) {
    while !to.is_closed() {
        if let Ok(mut messages) = link.client.subscribe(names.here()).await {
            while let Some(message) = messages.next().await {
                if let Ok((here, _)) = wire::decode::<Here>(message.headers.as_ref(), &message.payload) {
                    let _ = to.try_send(In::Here(here));
                }
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Whether somebody wants to hear of news at the desk.
#[derive(Debug, Default)]
pub(super) struct Waker {
    wanted: Mutex<bool>,
    changed: Condvar,
    is_over: AtomicBool,
}

impl Waker {
    /// Whether news are wanted.
    pub(super) fn want(&self, wanted: bool) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = wanted;
        if wanted {
            self.changed.notify_one();
        }
    }

    /// Nobody wants any more.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        self.want(true);
    }
}

/// Waits for news at the desk, as long as they are wanted, and passes them on.
pub(super) fn wake(waker: &Waker, desk: &dyn Desk, to: &Sender<In>) {
    let mut seen = desk.news();
    loop {
        let mut wanted = waker.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        while !*wanted {
            wanted = waker.changed.wait(wanted).unwrap_or_else(PoisonError::into_inner);
        }
        drop(wanted);
        if waker.is_over.load(Ordering::Acquire) {
            return;
        }
        if desk.stop().is_set() {
            // then nobody waits for orders, and clocks are looked at often enough
            std::thread::sleep(RETRY / 10);
        } else {
            desk.wait(seen);
            seen = desk.news();
        }
        let _ = to.try_send(In::News);
    }
}
