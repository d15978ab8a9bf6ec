//! What a desk is told of a stage that was trained elsewhere, once its report is here: that it was begun, and
//! its epochs.

use std::borrow::Cow;

use crate::metrics::Metrics;
use crate::repository::StageRecord;
use crate::work::{Beginning, Desk, EpochNews, WorkerId};

/// Tells that a stage was begun, and of its epochs.
pub(super) fn announce(
    desk: &dyn Desk,
    worker: WorkerId,
    beginning: Option<Beginning>,
    record: &StageRecord,
) {
    if let Some(beginning) = beginning
        && let Err(error) = desk.begin(worker, beginning)
    {
        return desk.fail(error);
    }
    epochs(desk, worker, record);
}

/// Tells of the epochs of a stage.
pub(super) fn epochs(desk: &dyn Desk, worker: WorkerId, record: &StageRecord) {
    if !desk.terms().watches_epochs {
        return;
    }
    let names = record.history.metrics();
    for (epoch, values) in (record.from + 1..).zip(record.history.rows()) {
        let mut metrics = Metrics::new();
        for (name, value) in names.iter().zip(values) {
            metrics.report(name.clone(), *value);
        }
        let score = record.score.filter(|(_, of)| epoch >= *of).map(|(score, _)| score);
        let (trial, stage) = (record.trial, record.stage);
        desk.epoch(worker, EpochNews { trial, stage, epoch, metrics: Cow::Owned(metrics), score });
    }
}
