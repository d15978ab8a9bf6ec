//! What the journal of a study that is resumed says of how it stands.

use std::collections::HashMap;

use super::reason::StopReason;
use super::records::{Record, Status};
use crate::trial::TrialId;

/// What the last process would have noted in the journal, had it known how it would end; nothing if it closed
/// its work itself.
pub(super) fn closed(records: &[Record], ending: StopReason) -> Option<Record> {
    let ends = |record: &&Record| matches!(record, Record::Opened { .. } | Record::Closed { .. });
    if !matches!(records.iter().rev().find(ends), Some(Record::Opened { .. })) {
        return None;
    }
    // its last sign of life
    let time = records.iter().rev().find_map(|record| match record {
        Record::Opened { time, .. } | Record::Started { time, .. } | Record::Machine { time, .. } => {
            Some(*time)
        }
        Record::Stage(record) => Some(record.time),
        _ => None,
    });
    Some(Record::Closed { time: time?, reason: Some(ending) })
}

/// The ends of trials that still count: where the study was made larger, they are decided anew.
pub(super) fn ends(records: &[Record]) -> HashMap<TrialId, Status> {
    let mut ends = HashMap::new();
    for record in records {
        match record {
            Record::Ended { trial, status } => drop(ends.insert(*trial, status.clone())),
            Record::Extended { .. } => ends.clear(),
            _ => {}
        }
    }
    ends
}

/// Whether a process reached the end of the plan, and nothing has happened since.
pub(super) fn is_finished(records: &[Record]) -> bool {
    let matters = |record: &&Record| {
        let is_aside = matches!(record, Record::Opened { .. } | Record::Machine { .. });
        !is_aside && !matches!(record, Record::Closed { reason: Some(_), .. })
    };
    matches!(records.iter().rev().find(matters), Some(Record::Closed { .. }))
}
