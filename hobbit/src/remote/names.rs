//! What is on the server for a study, and how it is set: streams, consumers, subjects and the bucket of who
//! leads, in one place.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::kv;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};

use crate::trial::TrialId;

/// How long a worker may be silent about an order before another one gets it.
pub(super) const ACK_WAIT: Duration = Duration::from_secs(8);
/// How often workers say that they are there, and what they work on.
pub(super) const BEAT: Duration = Duration::from_secs(2);
/// How long a machine may be silent before it counts as lost.
pub(super) const LOST: Duration = Duration::from_secs(6);
/// How long the coordinator's key lives unless it is renewed, and how often it is.
pub(super) const LEASE: Duration = Duration::from_secs(10);
pub(super) const RENEWAL: Duration = Duration::from_secs(3);
/// How often everything that is out is published again.
pub(super) const AGAIN: Duration = Duration::from_secs(10);

/// What is larger than this is not sent inside of a message.
pub(super) const INLINE: usize = 512 << 10;

/// How long pieces are kept that nobody has removed.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Far more than there are.
const MANY: i64 = 100_000;

/// The coordinator's key in the bucket of who leads.
pub(super) const LEADER: &str = "coordinator";
/// Where a stream says which one it is, of those that had its name. It is part of its consumer's name, so
/// that what is acknowledged late is never taken for something in a later stream: numbers begin again there,
/// and a server that hears of one that it has not delivered yet goes on behind it.
pub(super) const NONCE: &str = "hobbit-nonce";

/// A stage of a trial.
pub(super) type Stage = (TrialId, u32);

/// The names of a study.
#[derive(Debug, Clone)]
pub(super) struct Names(String);

impl Names {
    /// Those of the study of this name.
    pub(super) fn new(study: &str) -> Names {
        Names(study.to_owned())
    }

    pub(super) fn orders(&self) -> String {
        format!("hobbit-{}-orders", self.0)
    }

    pub(super) fn reports(&self) -> String {
        format!("hobbit-{}-reports", self.0)
    }

    pub(super) fn blobs(&self) -> String {
        format!("hobbit-{}-blobs", self.0)
    }

    pub(super) fn live(&self) -> String {
        format!("hobbit-{}-live", self.0)
    }

    pub(super) fn order(&self, (trial, stage): Stage) -> String {
        format!("hobbit.{}.order.{trial}.{stage}", self.0)
    }

    pub(super) fn report(&self, (trial, stage): Stage) -> String {
        format!("hobbit.{}.report.{trial}.{stage}", self.0)
    }

    /// Where a checkpoint's pieces are.
    pub(super) fn blob(&self, name: &str) -> String {
        format!("hobbit.{}.blob.{name}", self.0)
    }

    /// Where workers say that they are there.
    pub(super) fn here(&self) -> String {
        format!("hobbit.{}.here", self.0)
    }

    /// Where the coordinator says how things stand.
    pub(super) fn lead(&self) -> String {
        format!("hobbit.{}.lead", self.0)
    }

    /// The stream of orders. Of a stage there is one at most: it is refused while it waits, or is worked on.
    pub(super) fn orders_config(&self, metadata: HashMap<String, String>) -> Config {
        Config {
            name: self.orders(),
            subjects: vec![format!("hobbit.{}.order.>", self.0)],
            retention: RetentionPolicy::WorkQueue,
            storage: StorageType::File,
            max_messages_per_subject: 1,
            discard: DiscardPolicy::New,
            discard_new_per_subject: true,
            num_replicas: 1,
            metadata,
            ..Config::default()
        }
    }

    /// The stream of reports. Of a stage there may be several, which are compared.
    pub(super) fn reports_config(&self, metadata: HashMap<String, String>) -> Config {
        Config {
            name: self.reports(),
            subjects: vec![format!("hobbit.{}.report.>", self.0)],
            retention: RetentionPolicy::WorkQueue,
            storage: StorageType::File,
            num_replicas: 1,
            metadata,
            ..Config::default()
        }
    }

    /// The stream of the pieces of large checkpoints.
    pub(super) fn blobs_config(&self) -> Config {
        Config {
            name: self.blobs(),
            subjects: vec![format!("hobbit.{}.blob.>", self.0)],
            storage: StorageType::File,
            discard: DiscardPolicy::New,
            // those of a writer that died go by themselves
            max_age: DAY,
            num_replicas: 1,
            allow_direct: true,
            ..Config::default()
        }
    }

    pub(super) fn live_config(&self) -> kv::Config {
        kv::Config {
            bucket: self.live(),
            history: 1,
            max_age: LEASE,
            storage: StorageType::Memory,
            num_replicas: 1,
            ..kv::Config::default()
        }
    }
}

/// The study that a stream of this name is of, if it is of one.
pub(super) fn study_of(stream: &str) -> Option<&str> {
    let name = stream.strip_prefix("KV_").unwrap_or(stream).strip_prefix("hobbit-")?;
    ["-orders", "-reports", "-blobs", "-live"].iter().find_map(|end| name.strip_suffix(end))
}

/// The consumer of a stream.
pub(super) fn consumer(metadata: &HashMap<String, String>) -> String {
    format!("hobbit-{}", metadata.get(NONCE).map_or("none", String::as_str))
}

/// By whom orders are pulled.
pub(super) fn workers_config(name: &str) -> pull::Config {
    pull::Config {
        durable_name: Some(name.to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        max_deliver: -1,
        max_ack_pending: MANY,
        max_waiting: MANY,
        ..pull::Config::default()
    }
}

/// By whom reports are pulled.
pub(super) fn coordinator_config(name: &str) -> pull::Config {
    pull::Config {
        durable_name: Some(name.to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_secs(60),
        max_deliver: -1,
        max_ack_pending: MANY,
        ..pull::Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_known_by_their_studies() {
        let names = Names::new("a-b_7");
        let live = format!("KV_{}", names.live());
        for stream in [names.orders(), names.reports(), names.blobs(), live] {
            assert_eq!(study_of(&stream), Some("a-b_7"), "{stream}");
        }
        for other in ["orders", "hobbit-a", "other-a-orders", "KV_a-live", ""] {
            assert_eq!(study_of(other), None, "{other}");
        }
    }
}
