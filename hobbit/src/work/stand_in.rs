//! Desks that stand in for another one.

use super::{
    Beginning, CheckpointId, Delivery, Desk, EpochNews, Order, Report, Stop, Taken, Terms, WorkerId,
};
use crate::error::{Error, Result};
use crate::repository::{Arrived, Incoming, Machine, MachineChange, OpenFile, SavedModel, StopReason};
use crate::trial::TrialId;

/// A desk that stands in for another one: what it does not do itself, that one does.
pub(crate) trait StandIn: Send + Sync {
    /// The desk that it stands in for.
    fn desk(&self) -> &dyn Desk;

    /// See [`Desk::take`].
    fn take(&self, worker: WorkerId, most: usize, orders: &mut Vec<Order>) -> Taken {
        self.desk().take(worker, most, orders)
    }

    /// See [`Desk::wait`].
    fn wait(&self, since: u64) {
        self.desk().wait(since);
    }
}

impl<S: StandIn> Desk for S {
    fn terms(&self) -> &Terms {
        self.desk().terms()
    }

    fn stop(&self) -> &Stop {
        self.desk().stop()
    }

    fn take(&self, worker: WorkerId, most: usize, orders: &mut Vec<Order>) -> Taken {
        StandIn::take(self, worker, most, orders)
    }

    fn begin(&self, worker: WorkerId, beginning: Beginning) -> Result<()> {
        self.desk().begin(worker, beginning)
    }

    fn epoch(&self, worker: WorkerId, news: EpochNews<'_>) {
        self.desk().epoch(worker, news);
    }

    fn hand_in(&self, worker: WorkerId, reports: &mut Vec<Report>) {
        self.desk().hand_in(worker, reports);
    }

    fn hand_in_early(&self, worker: WorkerId, beginning: Beginning, report: Report) -> bool {
        self.desk().hand_in_early(worker, beginning, report)
    }

    fn incoming(&self, trial: TrialId, bytes: u64) -> Result<Option<Incoming>, String> {
        self.desk().incoming(trial, bytes)
    }

    fn hand_in_delivery(&self, worker: WorkerId, early: Option<Beginning>, delivery: Delivery) -> bool {
        self.desk().hand_in_delivery(worker, early, delivery)
    }

    fn receipt(&self) -> (u64, u64) {
        self.desk().receipt()
    }

    fn give_back(&self, order: Order, why: &str) {
        self.desk().give_back(order, why);
    }

    fn save(&self, model: Box<SavedModel>) {
        self.desk().save(model);
    }

    fn save_file(&self, file: Arrived) {
        self.desk().save_file(file);
    }

    fn load(&self, checkpoint: CheckpointId) -> Result<Option<Box<SavedModel>>, String> {
        self.desk().load(checkpoint)
    }

    fn load_bytes(&self, checkpoint: CheckpointId) -> Result<Option<Vec<u8>>, String> {
        self.desk().load_bytes(checkpoint)
    }

    fn open(&self, checkpoint: CheckpointId) -> Result<Option<OpenFile>, String> {
        self.desk().open(checkpoint)
    }

    fn forget(&self, checkpoint: CheckpointId) {
        self.desk().forget(checkpoint);
    }

    fn note(&self, text: String) {
        self.desk().note(text);
    }

    fn machine(&self, machine: &Machine, change: MachineChange) {
        self.desk().machine(machine, change);
    }

    fn machines(&self, machines: Vec<Machine>) {
        self.desk().machines(machines);
    }

    fn fail(&self, error: Error) {
        self.desk().fail(error);
    }

    fn has_failed(&self) -> bool {
        self.desk().has_failed()
    }

    fn end(&self, reason: StopReason) {
        self.desk().end(reason);
    }

    fn news(&self) -> u64 {
        self.desk().news()
    }

    fn wait(&self, since: u64) {
        StandIn::wait(self, since);
    }

    fn wake(&self) {
        self.desk().wake();
    }

    fn is_settled(&self) -> bool {
        self.desk().is_settled()
    }

    fn is_busy(&self) -> bool {
        self.desk().is_busy()
    }

    fn ended(&self, known: usize, places: &mut Vec<u64>) {
        self.desk().ended(known, places);
    }
}
