//! What the coordinator does on the server: makes what a study needs, publishes orders, and removes what is
//! over.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::jetstream::consumer::{Consumer, pull};
use async_nats::jetstream::kv;
use async_nats::jetstream::{self, ErrorCode};
use futures_util::future::join_all;

use super::blobs;
use super::cargo::Source;
use super::link::{Link, SLOW, tokio_timeout};
use super::names::{INLINE, NONCE, Names, Stage, consumer, coordinator_config, workers_config};
use super::wire::{self, OrderNote};

/// How many orders are on their way at once.
const WINDOW: usize = 500;
const PATIENCE: Duration = Duration::from_secs(10);
const STUDY: &str = "hobbit-study";

/// The server, as the coordinator of a study uses it.
#[derive(Clone)]
pub(super) struct Server<'a> {
    pub(super) link: &'a Link,
    pub(super) names: &'a Names,
    /// Which study it is.
    pub(super) study: u32,
}

/// An order as it is sent.
pub(super) struct Parcel {
    pub(super) note: OrderNote,
    pub(super) checkpoint: Source,
    /// What is there of this stage is removed before.
    pub(super) replaces: bool,
    /// The name of its pieces, should it be large.
    pub(super) blob: String,
}

impl Parcel {
    pub(super) fn stage(&self) -> Stage {
        (self.note.order.trial(), self.note.order.assignment.stage)
    }
}

impl Server<'_> {
    /// Makes what is not there. With `afresh`, reports that an earlier coordinator has not read are
    /// delivered at once. Returns how many reports wait.
    pub(super) async fn set_up(&self, afresh: bool) -> Result<u64, String> {
        let Server { link: Link { js, .. }, names, .. } = self;
        let nonce = wire::print(&format!("{:?} {}", std::time::SystemTime::now(), std::process::id()));
        let metadata = [(STUDY, format!("{:08x}", self.study)), (NONCE, format!("{nonce:08x}"))]
            .map(|(key, value)| (key.to_owned(), value));
        let metadata = HashMap::from(metadata);
        let mut orders =
            js.get_or_create_stream(names.orders_config(metadata.clone())).await.map_err(in_words)?;
        if afresh && orders.cached_info().config.metadata.get(STUDY) != metadata.get(STUDY) {
            // another study has left them
            for name in [names.orders(), names.reports(), names.blobs()] {
                let _ = js.delete_stream(name).await;
            }
            orders =
                js.get_or_create_stream(names.orders_config(metadata.clone())).await.map_err(in_words)?;
        }
        let workers = consumer(&orders.cached_info().config.metadata);
        orders.get_or_create_consumer(&workers, workers_config(&workers)).await.map_err(in_words)?;
        let reports = js.get_or_create_stream(names.reports_config(metadata)).await.map_err(in_words)?;
        let reader = consumer(&reports.cached_info().config.metadata);
        if afresh {
            let _ = reports.delete_consumer(&reader).await;
        }
        reports.get_or_create_consumer(&reader, coordinator_config(&reader)).await.map_err(in_words)?;
        js.get_or_create_stream(names.blobs_config()).await.map_err(in_words)?;
        self.live().await?;
        Ok(reports.cached_info().state.messages)
    }

    /// The bucket of who leads.
    pub(super) async fn live(&self) -> Result<kv::Store, String> {
        live(self.link, self.names).await
    }

    /// By whom reports are pulled.
    pub(super) async fn reports(&self) -> Result<Consumer<pull::Config>, String> {
        find_consumer(self.link, self.names.reports()).await
    }

    /// Publishes orders. Returns, of each, in words, why it is not there now, if it is not.
    pub(super) async fn publish(&self, parcels: Vec<Parcel>) -> Vec<Result<(), String>> {
        let mut there = Vec::with_capacity(parcels.len());
        let mut parcels = parcels.into_iter().peekable();
        while parcels.peek().is_some() {
            let window: Vec<_> =
                parcels.by_ref().take(WINDOW).map(|parcel| self.publish_one(parcel)).collect();
            there.extend(join_all(window).await);
        }
        there
    }

    async fn publish_one(&self, parcel: Parcel) -> Result<(), String> {
        let Server { link, names, .. } = self;
        let js = &link.js;
        let Parcel { note, checkpoint, replaces, blob } = parcel;
        let subject = names.order((note.order.trial(), note.order.assignment.stage));
        let is_large = checkpoint.len() > INLINE as u64;
        // as long as it goes on: pieces have a limit of their own
        let patience = if is_large { PATIENCE * 60 } else { PATIENCE };
        let kept = blobs::kept(0, &checkpoint);
        let sent = async {
            if replaces || is_large {
                let orders = js.get_stream_no_info(names.orders()).await.map_err(in_words)?;
                if replaces {
                    orders.purge().filter(subject.clone()).await.map_err(in_words)?;
                } else if orders.get_last_raw_message_by_subject(&subject).await.is_ok() {
                    // its pieces need not be sent again to find that out
                    return Ok(());
                }
            }
            let (mut headers, text) = wire::encode(&note, &[])?;
            let content = blobs::wrap(js, names, &blob, &mut headers, (text, checkpoint)).await?;
            let published = match js.publish_with_headers(subject, headers, content).await {
                Ok(acknowledged) => acknowledged.await,
                Err(error) => Err(error),
            };
            match published {
                Ok(_) => Ok(()),
                // it waits, or somebody works on it
                Err(error) if is_there(&error) => Ok(()),
                Err(error) => Err(in_words(error)),
            }
        };
        let sent = tokio_timeout(patience, sent).await.unwrap_or_else(|| Err(SLOW.to_owned()));
        link.note(kept, &sent);
        sent
    }

    /// Removes what is there of a stage.
    pub(super) async fn withdraw(&self, subject: String) {
        if let Ok(orders) = self.link.js.get_stream_no_info(self.names.orders()).await {
            let _ = tokio_timeout(PATIENCE, async { orders.purge().filter(subject).await }).await;
        }
    }

    /// Removes all orders.
    pub(super) async fn withdraw_all(&self) {
        if let Ok(orders) = self.link.js.get_stream_no_info(self.names.orders()).await {
            let purged = async { orders.purge().await };
            let _ = tokio_timeout(PATIENCE, purged).await;
        }
    }

    /// Removes all reports, and what they are kept in.
    pub(super) async fn remove_reports(&self) {
        let _ = tokio_timeout(PATIENCE, self.link.js.delete_stream(self.names.reports())).await;
    }

    /// Removes everything of the study but who leads.
    pub(super) async fn remove(&self) {
        for name in [self.names.orders(), self.names.reports(), self.names.blobs()] {
            let _ = tokio_timeout(PATIENCE, self.link.js.delete_stream(name)).await;
        }
    }
}

/// The consumer of a stream.
pub(super) async fn find_consumer(link: &Link, stream: String) -> Result<Consumer<pull::Config>, String> {
    let stream = link.js.get_stream(stream).await.map_err(in_words)?;
    let name = consumer(&stream.cached_info().config.metadata);
    stream.get_consumer(&name).await.map_err(in_words)
}

/// The bucket of who leads.
pub(super) async fn live(link: &Link, names: &Names) -> Result<kv::Store, String> {
    match link.js.get_key_value(names.live()).await {
        Ok(live) => Ok(live),
        Err(_) => link.js.create_key_value(names.live_config()).await.map_err(in_words),
    }
}

/// Whether an order was refused because the stage has one.
fn is_there(error: &jetstream::context::PublishError) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<jetstream::Error>() {
            // a full disk has the same number
            let is_full = || error.to_string().contains("maximum messages per subject");
            return error.error_code() == ErrorCode::STREAM_STORE_FAILED && is_full();
        }
        source = error.source();
    }
    false
}

fn in_words(error: impl std::fmt::Display) -> String {
    error.to_string()
}
