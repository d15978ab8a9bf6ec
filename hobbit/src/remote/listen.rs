//! What the coordinator hears: reports, workers that say that they are there, and news at its own desk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::message::Acker;
use async_nats::{HeaderMap, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc::Sender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::blobs;
use super::link::Link;
use super::names::{Names, Stage};
use super::server::Server;
use super::unpack::{Unpacked, Unpacking, whose};
use super::wire::{self, Here, ReportNote};
use crate::repository::{Kept, Shared, SharedFile};
use crate::work::Desk;

/// How long after it failed something is tried again.
const RETRY: Duration = Duration::from_millis(300);

/// How many reports may wait to be read, and how many of them one with a checkpoint in pieces counts as for
/// each MiB: as a rule, all together are no larger than that.
const WAITING: u32 = 4096;
const FOR_MIB: u64 = 128;

/// What is in a report.
pub(super) enum Content {
    /// It as it was sent.
    Whole(Bytes),
    /// It came in pieces, or something is wrong with them.
    Unpacked(Result<Box<Unpacked<ReportNote>>, String>),
    /// It has come before, and what came of it is not known yet.
    Again,
}

/// A report as it came.
pub(super) struct Letter {
    pub(super) content: Content,
    pub(super) headers: Option<HeaderMap>,
    pub(super) acker: Acker,
    /// The file in the study's directory that its checkpoint is in.
    pub(super) file: Option<SharedFile>,
    /// Its room in memory.
    _room: OwnedSemaphorePermit,
}

/// What the coordinator hears.
pub(super) enum In {
    Here(Here),
    Report(Box<Letter>),
    /// Orders that could not be published, and why not, in the server's words.
    Missing(Vec<Stage>),
    /// There may be more orders, or outcomes that are durable.
    News,
}

/// What the server has delivered of reports.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    count: AtomicU64,
    /// Those that are being read, which for large checkpoints takes its time.
    reading: AtomicU64,
}

/// How often in turn nothing was delivered although reports waited.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// What had been delivered when this was looked at last.
    delivered: u64,
    looks: u32,
}

impl Silence {
    /// Looks again, with so many reports that wait and are not read. Returns how often in turn none came.
    pub(super) fn look(&mut self, delivered: &Delivered, waiting: u64) -> u32 {
        let now = delivered.count.load(Ordering::Relaxed);
        let are_read = delivered.reading.load(Ordering::Relaxed) == 0;
        let is_silent = now == self.delivered && are_read && waiting > 0;
        self.delivered = now;
        self.looks = if is_silent { self.looks + 1 } else { 0 };
        self.looks
    }

    /// It is put right.
    pub(super) fn end(&mut self) {
        self.looks = 0;
    }
}

/// One that is being read.
struct Reading(Arc<Delivered>);

impl Reading {
    fn new(delivered: &Arc<Delivered>) -> Reading {
        delivered.count.fetch_add(1, Ordering::Relaxed);
        delivered.reading.fetch_add(1, Ordering::Relaxed);
        Reading(delivered.clone())
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.reading.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Who reads reports.
pub(super) struct Reader {
    pub(super) link: Arc<Link>,
    pub(super) names: Names,
    pub(super) study: u32,
    pub(super) desk: Arc<dyn Desk>,
    /// The study's directory, through which large checkpoints may come.
    pub(super) shared: Option<Shared>,
    pub(super) delivered: Arc<Delivered>,
}

/// Reads reports as they come.
pub(super) async fn read(reader: Reader, to: Sender<In>) {
    let reader = Arc::new(reader);
    let Reader { link, names, study, .. } = &*reader;
    let server = Server { link, names, study: *study };
    let room = Arc::new(Semaphore::new(WAITING as usize));
    while !to.is_closed() {
        if let Ok(consumer) = server.reports().await {
            let stream = consumer.stream().max_messages_per_batch(200).heartbeat(Duration::from_secs(2));
            if let Ok(mut messages) = stream.expires(Duration::from_secs(10)).messages().await {
                while let Some(Ok(message)) = messages.next().await {
                    let reading = Reading::new(&reader.delivered);
                    let Some(room) = acquire(&message, &room).await else { continue };
                    if let Ok(Some(file)) = blobs::file(message.headers.as_ref()) {
                        // this machine may see it a while later, and others should not wait for that
                        let (reader, to) = (reader.clone(), to.clone());
                        tokio::spawn(async move {
                            let letter = reader.shared_letter(message, file, room).await;
                            let _ = to.send(In::Report(Box::new(letter))).await;
                            drop(reading);
                        });
                        continue;
                    }
                    let Some(letter) = reader.letter(message, room).await else { continue };
                    if to.send(In::Report(Box::new(letter))).await.is_err() {
                        return;
                    }
                }
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Room for a report.
async fn acquire(message: &Message, room: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    let size = blobs::size(message.headers.as_ref()) >> 20;
    let size =
        u32::try_from(1 + FOR_MIB.saturating_mul(size).min(WAITING.into())).unwrap_or(WAITING).min(WAITING);
    room.clone().acquire_many_owned(size).await.ok()
}

impl Reader {
    /// A report with its checkpoint; nothing if that could not be kept, so that the next process has it.
    async fn letter(&self, message: Message, room: OwnedSemaphorePermit) -> Option<Letter> {
        let (message, acker) = message.split();
        let headers = message.headers;
        let unpacked = match (blobs::named(headers.as_ref()), blobs::file(headers.as_ref())) {
            (Ok(None), Ok(_)) => {
                let content = Content::Whole(message.payload);
                return Some(Letter { content, headers, acker, file: None, _room: room });
            }
            (Ok(Some(blob)), _) => match Unpacking::new(headers.as_ref(), &blob, Some(self.desk.clone())) {
                Ok(to) => blobs::unwrap(&self.link.js, &self.names, (blob, &acker), to).await,
                Err(why) => Err(why),
            },
            (Err(why), _) | (_, Err(why)) => Err(why),
        };
        if unpacked.is_err() && self.desk.stop().is_set() {
            return None;
        }
        let content = Content::Unpacked(unpacked.map(Box::new));
        Some(Letter { content, headers, acker, file: None, _room: room })
    }

    /// A report whose checkpoint a worker has left in the study's directory.
    async fn shared_letter(&self, message: Message, file: SharedFile, room: OwnedSemaphorePermit) -> Letter {
        let (message, acker) = message.split();
        let headers = message.headers;
        let taken = self.take(headers.as_ref(), (&message.payload, &acker), file.clone()).await;
        let (content, file) = match taken {
            Ok(None) => (Content::Again, None),
            Ok(Some(unpacked)) => (Content::Unpacked(Ok(Box::new(unpacked))), Some(file)),
            Err(why) => (Content::Unpacked(Err(why)), Some(file)),
        };
        Letter { content, headers, acker, file, _room: room }
    }

    /// Nothing if somebody has the checkpoint.
    async fn take(
        &self,
        headers: Option<&HeaderMap>,
        (payload, acker): (&Bytes, &Acker),
        file: SharedFile,
    ) -> Result<Option<Unpacked<ReportNote>>, String> {
        let (note, _) = match blobs::named(headers)? {
            None => ReportNote::read(headers, payload)?,
            // its text alone is too large for a message
            Some(blob) => {
                let to = Unpacking::<ReportNote>::new(headers, &blob, None)?;
                let (note, _) = blobs::unwrap(&self.link.js, &self.names, (blob, acker), to).await?;
                (note, None)
            }
        };
        let shared = self.shared.clone().ok_or("its checkpoint is in a directory that is not shared")?;
        let taken = tokio::task::spawn_blocking(move || shared.take(&file)).await;
        let saved = match taken.map_err(|error| error.to_string())? {
            Ok(None) => return Ok(None),
            Ok(Some(arrived)) => whose(note.assignment.trial, Kept::File(Box::new(arrived))),
            Err(why) => Err(why),
        };
        Ok(Some((note, saved.map(Some))))
    }
}

/// Hears of workers, first of all what `heard` is for. What does not fit is dropped: they say so again.
pub(super) async fn hear((link, names): (Arc<Link>, Names), mut heard: Option<Subscriber>, to: Sender<In>) {
    while !to.is_closed() {
        if heard.is_none() {
            heard = link.client.subscribe(names.here()).await.ok();
        }
        if let Some(mut messages) = heard.take() {
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
