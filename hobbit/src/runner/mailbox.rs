//! The mail to the coordinator: outcomes to be made durable, events to be told, files to be written and
//! removed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use crate::observe::Event;
use crate::repository::{Kept, StageRecord};
use crate::trial::TrialId;
use crate::work::Delivery;

/// The bytes of checkpoints that may wait to be written before workers wait too.
const ROOM: usize = 256 << 20;

/// One letter.
pub(super) enum Mail {
    Event(Event),
    /// An outcome counts. Observers are told.
    Ended {
        record: Arc<StageRecord>,
        replayed: bool,
    },
    /// A stage is left before its end. Observers are told.
    Left(Arc<StageRecord>),
    /// An outcome that has to be durable before it counts.
    Outcome(Box<Delivery>),
    /// An outcome of a stage that nobody has asked for yet.
    Early(Box<Delivery>),
    /// A checkpoint from within a stage.
    Checkpoint(Kept),
    /// Weights that are no longer needed.
    Remove(TrialId),
}

/// What the coordinator reads next.
#[derive(Default)]
pub(super) struct Mailbox {
    pub(super) mail: Vec<Mail>,
    bytes: usize,
    /// The outcomes that were sent, and those of them that count.
    sent: u64,
    settled: u64,
    /// When the first stage began of which the disk may not know yet that it did.
    pub(super) begun: Option<Instant>,
    /// The outcomes in here, by repetition and bracket.
    waiting: HashMap<(u32, u32), u32>,
    /// Somebody waits for the coordinator.
    pub(super) urgent: bool,
}

impl Mailbox {
    pub(super) fn push(&mut self, mail: Mail) {
        self.mail.push(mail);
    }

    /// Puts an outcome in. Returns how many of its bracket are in here now.
    pub(super) fn push_outcome(&mut self, delivery: Delivery) -> u32 {
        self.bytes += bytes(&delivery);
        self.sent += 1;
        let trial = delivery.report.record.trial;
        self.mail.push(Mail::Outcome(Box::new(delivery)));
        let waiting = self.waiting.entry((trial.iteration, trial.bracket)).or_insert(0);
        *waiting += 1;
        *waiting
    }

    /// Puts an outcome in that nobody has asked for yet.
    pub(super) fn push_early(&mut self, delivery: Delivery) {
        self.bytes += bytes(&delivery);
        self.sent += 1;
        self.mail.push(Mail::Early(Box::new(delivery)));
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes > ROOM
    }

    /// Takes everything out.
    pub(super) fn take(&mut self) -> Vec<Mail> {
        self.bytes = 0;
        self.waiting.clear();
        self.urgent = false;
        std::mem::take(&mut self.mail)
    }

    /// This many outcomes count now.
    pub(super) fn settled(&mut self, count: usize) {
        self.settled += count as u64;
    }

    /// How many outcomes were sent, and how many of them count.
    pub(super) fn receipt(&self) -> (u64, u64) {
        (self.sent, self.settled)
    }

    pub(super) fn is_settled(&self) -> bool {
        self.sent == self.settled
    }
}

/// The bytes of a checkpoint in memory.
fn bytes(delivery: &Delivery) -> usize {
    delivery.report.model.as_ref().map_or(0, |model| model.bytes())
}
