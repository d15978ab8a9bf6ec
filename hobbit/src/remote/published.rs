//! Orders that the coordinator has published: how many there are, and that they are there until they are
//! reported.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::cargo::Source;
use super::driver::{BATCH, Driver, Out};
use super::listen::In;
use super::names::{AGAIN, BEAT, INLINE, LOST, Stage};
use super::refusals::Kept;
use super::server::{Parcel, Server};
use super::wire::{Member, OrderNote};
use crate::repository::Shared;
use crate::work::{CheckpointId, Desk, Taken, WorkerId};

/// How many orders are published in advance, at most.
const MANY: usize = 2000;
/// The bytes of checkpoints that are published together, and of those that others need not wait for.
const TOGETHER: usize = 32 << 20;
const SMALL: usize = 4 << 20;
/// How long it is waited for the reports that are there at the beginning.
const UNREAD: Duration = Duration::from_secs(1);
/// How often the user is told that the server keeps nothing.
const SAID: Duration = Duration::from_secs(60);
/// How often it is tried to put right what is known to be missing.
const MEND: Duration = Duration::from_millis(500);

impl Driver<'_> {
    /// Takes orders as long as workers have room for them, with some to spare.
    pub(super) fn fetch(&mut self) {
        if !self.threads.are_open() {
            if self.unread > 0 && self.started.elapsed() < UNREAD {
                return;
            }
            self.threads.open();
            self.desk.wake();
        }
        if self.threads.were_idle() && !self.out.is_empty() {
            self.take_back();
        }
        let slots = self.machines.slots();
        // without anyone, it has to be found out whether there is anything to do at all
        let most = if slots == 0 && self.threads.has_ended() { 1 } else { 2 * slots };
        // and, where stages are over in no time, enough for that
        let most = most + self.pace.stages().min(MANY);
        let room = most.saturating_sub(self.out.len());
        let is_reserved = self.reserved.is_some_and(|when| when.elapsed() < BEAT / 4);
        if room == 0 || self.is_over || is_reserved {
            // nobody waits for what the desk has to make durable first
            self.waker.want(false);
            return;
        }
        let mut orders = Vec::new();
        let taken = self.desk.take(WorkerId { machine: u32::MAX, index: 0 }, room, &mut orders);
        self.is_over = taken == Taken::Over;
        self.waker.want(taken == Taken::Wait);
        let stages: Vec<Stage> = orders.iter().map(|order| (order.trial(), order.assignment.stage)).collect();
        for (order, stage) in orders.into_iter().zip(&stages) {
            let replaces = self.left.remove(stage);
            let out = Out {
                order,
                published: None,
                worked_on: None,
                by: Vec::new(),
                again: 0,
                replaces,
                blob: None,
            };
            self.out.insert(*stage, out);
        }
        self.publish(&stages, true);
    }

    /// Orders could not be published.
    pub(super) fn missing(&mut self, stages: &[Stage]) {
        for stage in stages {
            if let Some(out) = self.out.get_mut(stage) {
                out.published = None;
            }
        }
    }

    /// Publishes orders that are out, no more at once than there should be in memory. With `aside`, small
    /// ones are still on their way when this returns.
    fn publish(&mut self, mut stages: &[Stage], aside: bool) {
        while !stages.is_empty() {
            let (packed, parcels, is_small) = self.pack(stages);
            let now: Vec<Stage> = parcels.iter().map(Parcel::stage).collect();
            stages = &stages[packed..];
            let (link, names, study) = (self.link.clone(), self.names.clone(), self.study);
            let publish = async move {
                let there = Server { link: &link, names: &names, study }.publish(parcels).await;
                let missing = now.into_iter().zip(there).filter(|(_, there)| there.is_err());
                missing.map(|(stage, _)| stage).collect::<Vec<_>>()
            };
            if aside && is_small {
                let outbox = self.outbox.clone();
                // reports go on being read meanwhile
                self.link.spawn(async move {
                    let missing = publish.await;
                    if !missing.is_empty() {
                        let _ = outbox.send(In::Missing(missing)).await;
                    }
                });
            } else {
                let missing = self.link.wait(publish);
                self.missing(&missing);
            }
        }
    }

    /// Orders that are out, as they are sent: as many of the first ones as fit into memory together. Returns
    /// how many these are, and whether they are small.
    fn pack(&mut self, stages: &[Stage]) -> (usize, Vec<Parcel>, bool) {
        let study = self.study;
        let (mut parcels, mut bytes) = (Vec::new(), 0);
        for (place, stage) in stages.iter().enumerate() {
            if bytes > TOGETHER {
                return (place, parcels, false);
            }
            let Some(out) = self.out.get_mut(stage) else { continue };
            let shared = self.shared.as_ref().filter(|_| !self.hello.beacon.is_empty());
            let saved = out.order.checkpoint.map_or(Ok(None), |id| source(&**self.desk, shared, id));
            let checkpoint = saved.unwrap_or_else(|why| {
                self.desk.note(format!("{why}; the trial is trained again from its beginning"));
                None
            });
            let checkpoint = checkpoint.unwrap_or_else(|| Source::Bytes(Bytes::new()));
            let is_large = checkpoint.len() > INLINE as u64;
            // of a large one, only what is under way is in memory
            bytes += if is_large { TOGETHER / 2 } else { checkpoint.len() as usize };
            let replaces = out.replaces && out.published.is_none();
            // what is there under a name stays as it is, unless the order is replaced
            let known = out.blob.take().filter(|_| !replaces);
            let blob = known.unwrap_or_else(|| {
                self.blobs += 1;
                let Member { pid, nonce, .. } = self.link.me;
                format!("{}-{}-{pid}-{nonce}-{}", stage.0, stage.1, self.blobs)
            });
            out.blob = Some(blob.clone()).filter(|_| is_large);
            out.published = Some(Instant::now());
            let note = OrderNote { study, order: out.order.clone() };
            parcels.push(Parcel { note, checkpoint, replaces, blob });
        }
        (stages.len(), parcels, bytes <= SMALL)
    }

    /// Publishes again what is out and nobody works on; what is on the server already is refused there.
    pub(super) fn publish_again(&mut self, all: bool) {
        let is_due = |out: &Out| {
            let is_worked_on = out.worked_on.is_some_and(|when| when.elapsed() <= LOST);
            !is_worked_on && (all || out.published.is_none_or(|when| when.elapsed() >= AGAIN))
        };
        let due: Vec<Stage> =
            self.out.iter().filter(|(_, out)| is_due(out)).map(|(stage, _)| *stage).collect();
        for window in due.chunks(BATCH) {
            for stage in window {
                let Some(out) = self.out.get_mut(stage) else { continue };
                out.again += u32::from(!all && out.published.is_some());
                // where nobody has begun it for so long, the server may have it and deliver it no more
                if !all && out.again >= 4 && out.again.is_power_of_two() {
                    (out.published, out.replaces) = (None, true);
                }
            }
            self.publish(window, false);
            for stage in window {
                if let Some(out) = self.out.get_mut(stage) {
                    // its worker may have been done with it, so that it may be there once too often
                    out.replaces |= out.published.is_some();
                }
            }
        }
    }

    /// Sees to it that all orders are on the server that are out.
    pub(super) fn look_after_orders(&mut self) {
        if self.again.elapsed() >= AGAIN {
            self.again = Instant::now();
            if self.link.is_connected()
                && let Some(waiting) = self.set_up()
            {
                self.look_for_reports(waiting);
                self.publish_again(false);
            }
        }
        self.heal();
        if self.mended.elapsed() >= MEND {
            self.mend();
        }
    }

    /// Puts right what is known to be missing on the server.
    pub(super) fn mend(&mut self) {
        self.mended = Instant::now();
        if !self.link.is_connected() {
            return;
        }
        if !self.is_set_up {
            if self.set_up().is_some() {
                self.publish_again(true);
            }
        } else if self.out.values().any(|out| out.published.is_none()) {
            self.publish_again(false);
        }
    }

    /// Makes on the server what is not there. Returns how many reports wait, if it is there now.
    fn set_up(&mut self) -> Option<u64> {
        let made = self.link.wait(self.server().set_up(false));
        self.is_set_up = made.is_ok();
        self.link.note(Kept::Streams, &made);
        made.ok()
    }

    /// Sees to it that reports come that wait on the server: after its disk was full, one may keep what it does
    /// not deliver any more.
    fn look_for_reports(&mut self, waiting: u64) {
        let unread = waiting.saturating_sub(self.tickets.len() as u64);
        match self.silence.look(&self.delivered, unread) {
            0 | 1 => {}
            // as for a coordinator that has just come
            2 => drop(self.link.wait(self.server().set_up(true))),
            _ => {
                self.silence.end();
                self.desk.note(format!(
                    "the NATS server holds {waiting} reports and does not deliver them; their stages are trained again"
                ));
                self.link.wait(self.server().remove_reports());
                self.is_set_up = false;
                self.mend();
            }
        }
    }

    /// Makes anew what is on a server that does not keep what is sent: it goes on like that after its disk was
    /// full, and it does not say when there is room again.
    fn heal(&mut self) {
        let told = || {
            let recent = self.refused.as_ref().filter(|(when, _)| when.elapsed() < 2 * BEAT);
            recent.map(|(_, why)| why.clone())
        };
        let Some(why) = self.link.refusal().or_else(told) else { return };
        if self.healed.is_some_and(|when| when.elapsed() < AGAIN) || !self.link.is_connected() {
            return;
        }
        if self.said.is_none_or(|when| when.elapsed() > SAID) {
            self.said = Some(Instant::now());
            self.desk.note(format!(
                "the NATS server does not store what is sent ({why}): if its disk is full, make room there, and the sweep goes on; a \
                 server that was started while its disk was full has to be started again, unless its `max_file` is set"
            ));
        }
        (self.healed, self.refused) = (Some(Instant::now()), None);
        self.link.wait(self.server().remove());
        self.link.forget_refusals();
        self.is_set_up = false;
        self.mend();
    }

    /// Gives the threads of this process, which have nothing to do, what nobody elsewhere has begun.
    fn take_back(&mut self) {
        let is_unbegun = |out: &Out| {
            let is_begun = out.worked_on.is_some_and(|when| when.elapsed() <= 2 * AGAIN);
            // nobody else can begin what could not be published
            !is_begun && out.published.is_none_or(|when| when.elapsed() > BEAT + BEAT / 2)
        };
        let unbegun = self.out.iter().find(|(_, out)| is_unbegun(out)).map(|(stage, _)| *stage);
        let Some(out) = unbegun.and_then(|stage| self.out.remove(&stage)) else { return };
        let stage = (out.order.trial(), out.order.assignment.stage);
        if self.link.is_connected() {
            self.link.wait(self.server().withdraw(self.names.order(stage)));
        }
        self.left.insert(stage);
        self.desk.give_back(out.order, "");
        // not to take it again before they can
        self.reserved = Some(Instant::now());
    }
}

/// A checkpoint, to be sent with its order.
fn source(
    desk: &dyn Desk,
    shared: Option<&Shared>,
    checkpoint: CheckpointId,
) -> Result<Option<Source>, String> {
    if let Some(shared) = shared
        && let Some(file) = shared.stored(checkpoint.0)?.filter(|file| file.bytes > INLINE as u64)
    {
        return Ok(Some(Source::Shared(file)));
    }
    let opened = desk.open(checkpoint)?;
    opened.map(|(file, bytes)| Source::file(file, bytes)).transpose()
}
