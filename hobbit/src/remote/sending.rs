//! Reports on their way from a worker process: sent until they have arrived, while its workers go on.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::message::Acker;
use bytes::Bytes;

use super::blobs;
use super::branch::Branch;
use super::cargo::Cargo;
use super::link::{Link, SLOW, tokio_timeout};
use super::names::Stage;
use super::wire::{self, ReportNote, Said};
use crate::repository::StageRecord;
use crate::work::Order;

/// How long after it failed something is tried again.
const RETRY: Duration = Duration::from_millis(300);
/// How long it is waited for the server to say that it has a report.
const ANSWER: Duration = Duration::from_secs(10);
/// How often it is tried to tell the server that an order is done. Otherwise somebody else does it again.
const ACKS: usize = 2;
/// How long what is left is told before the process leaves all the same.
const FAREWELL: Duration = Duration::from_secs(10);
/// How many reports may be on their way, and the bytes of their checkpoints, before workers wait for them.
const REPORTS: usize = 256;
const BYTES: usize = 32 << 20;
/// The order of a stage that took longer than this is only done when the server has said so; otherwise
/// somebody else would train it again.
const LONG: f64 = 0.5;

impl Branch {
    /// Sends a report until it has arrived, or the sweep is over. Returns whether it has.
    async fn send(&self, stage: Stage, note: &ReportNote, model: &Cargo) -> bool {
        let mut attempt = 0_u32;
        while !self.is_over() {
            attempt += 1;
            match self.try_send(stage, note, model, attempt).await {
                Ok(()) => return true,
                // the server is away, or was wiped: then the coordinator makes anew what is missing
                Err(_) => tokio::time::sleep(RETRY).await,
            }
        }
        false
    }

    pub(super) async fn try_send(
        &self,
        (trial, stage): Stage,
        note: &ReportNote,
        model: &Cargo,
        attempt: u32,
    ) -> Result<(), String> {
        let Link { js, me, .. } = &*self.link;
        let (mut headers, text) = wire::encode(note, &[])?;
        // never used twice
        let blob = format!(
            "{trial}-{stage}-{}-{}-{}-{attempt}",
            me.pid,
            me.nonce,
            self.news.fetch_add(1, Ordering::Relaxed)
        );
        let kept = blobs::kept(text.len(), &model.source());
        let sent = match blobs::wrap(js, &self.names, &blob, &mut headers, (text, model.source())).await {
            Ok(content) => self.publish((trial, stage), headers, content).await,
            Err(why) => Err(why),
        };
        self.link.note(kept, &sent);
        sent
    }

    /// Publishes a report.
    async fn publish(&self, stage: Stage, headers: HeaderMap, content: Bytes) -> Result<(), String> {
        let published = async {
            self.link.js.publish_with_headers(self.names.report(stage), headers, content).await?.await
        };
        match tokio_timeout(ANSWER, published).await {
            Some(published) => published.map(drop).map_err(|error| error.to_string()),
            None => Err(SLOW.to_owned()),
        }
    }

    /// Sends a report, and says that its order is done.
    pub(super) async fn send_and_finish(&self, stage: Stage, note: &ReportNote, model: &Cargo) {
        if self.send(stage, note, model).await {
            let acker = self.lock().held.get(&stage).map(|held| held.acker.clone());
            let is_long = !matches!(&note.said, Said::Outcome { record, .. } if record.seconds < LONG);
            for _ in 0..ACKS {
                let Some(acker) = acker.as_ref().filter(|_| !self.is_over()) else { break };
                if !is_long {
                    let _ = acker.ack().await;
                    break;
                }
                if let Some(Ok(())) = tokio_timeout(Duration::from_secs(5), acker.double_ack()).await {
                    break;
                }
            }
        }
        self.lock().held.remove(&stage);
        self.room.notify_one();
    }

    /// Sends a report while its worker goes on, unless many are on their way.
    pub(super) fn send_aside(&self, stage: Stage, note: ReportNote, model: Cargo) {
        let bytes = model.len();
        let mut state = self.lock();
        while state.sending > 0
            && (state.sending >= REPORTS || state.bytes + bytes > BYTES)
            && !self.is_over()
        {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.sending += 1;
        state.bytes += bytes;
        drop(state);
        let Some(branch) = self.me.upgrade() else { return };
        self.link.spawn(async move {
            branch.send_and_finish(stage, &note, &model).await;
            drop(model);
            let mut state = branch.lock();
            state.sending -= 1;
            state.bytes -= bytes;
            drop(state);
            branch.tell();
        });
    }

    /// Waits until all reports are in, unless the server is away for too long.
    fn wait_for_reports(&self) {
        let mut heard = Instant::now();
        let mut state = self.lock();
        while state.sending > 0 && !self.is_over() && heard.elapsed() < FAREWELL {
            if self.link.is_connected() {
                heard = Instant::now();
            }
            state = self.changed.wait_timeout(state, RETRY).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Hands back what nobody reports on any more, after what is being reported.
    pub(super) fn hand_back(&self) {
        self.wait_for_reports();
        let left: Vec<(Stage, ReportNote)> = {
            let state = self.lock();
            state
                .held
                .iter()
                .map(|(&stage, held)| (stage, self.note_of(held, Said::Back, Vec::new())))
                .collect()
        };
        let hand_back = async {
            for (stage, note) in &left {
                self.send_and_finish(*stage, note, &Cargo::none()).await;
            }
        };
        let _ = self.link.wait(tokio_timeout(FAREWELL, hand_back));
    }

    /// Reports that an order has failed before anything of it was trained.
    pub(super) async fn refuse(&self, order: &Order, acker: &Acker, record: Arc<StageRecord>) {
        let note = ReportNote {
            study: self.study,
            from: self.link.me.clone(),
            assignment: order.assignment,
            beginning: None,
            said: Said::GivenUp(record),
            notes: Vec::new(),
        };
        if self.send((order.trial(), order.assignment.stage), &note, &Cargo::none()).await {
            let _ = tokio_timeout(Duration::from_secs(5), acker.double_ack()).await;
        }
    }
}
