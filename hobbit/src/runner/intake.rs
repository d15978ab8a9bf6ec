//! What a sweep's desk does with what is handed in: lets it count, or sends it to be made durable first.

use std::sync::MutexGuard;

use super::desk::{State, SweepDesk};
use super::mailbox::Mail;
use crate::repository::Kept;
use crate::schedule::Assignment;
use crate::work::{Beginning, Delivery, Desk, Report, WorkerId};

impl SweepDesk {
    /// Takes what came of an order.
    pub(super) fn take_in<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        delivery: Delivery,
    ) -> MutexGuard<'a, State> {
        let report = &delivery.report;
        if report.unfinished && !self.is_stopping() {
            self.return_unfinished(&mut state, delivery);
        } else if state.book.accept(&report.record) {
            if self.weights.is_some() {
                return self.send_outcome(state, delivery);
            }
            self.enter(&mut state, delivery.report);
        }
        state
    }

    /// Takes what came of an order that an earlier process gave.
    pub(super) fn take_in_early(&self, worker: WorkerId, beginning: Beginning, delivery: Delivery) -> bool {
        // without a repository there was no earlier process, and what fails while everything ends may have
        // been ended with it
        let report = &delivery.report;
        let is_kept =
            self.weights.is_some() && !report.unfinished && !(report.failed_now && self.is_stopping());
        if !is_kept || !self.lock().book.is_awaited(&report.record) {
            return false;
        }
        // in the journal, it stands before its end
        if let Err(error) = self.begin(worker, beginning) {
            self.fail(error);
            return false;
        }
        let mut state = self.lock();
        if state.book.accept(&report.record) {
            drop(self.send_outcome(state, delivery));
            return true;
        }
        if state.mailbox.mail.is_empty() {
            self.mail.notify_one();
        }
        state.book.expect(&report.record);
        state.mailbox.push_early(delivery);
        true
    }

    /// Sends an outcome to be written, and waits while too much is waiting.
    fn send_outcome<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        delivery: Delivery,
    ) -> MutexGuard<'a, State> {
        let trial = delivery.report.record.trial;
        if state.mailbox.mail.is_empty() {
            self.mail.notify_one();
        }
        // the bracket can go on
        if state.mailbox.push_outcome(delivery) >= state.book.missing(trial) {
            self.hurry(&mut state);
        }
        while state.mailbox.is_full() && !self.is_stopping() {
            state = self.wait_for_work(state);
        }
        state
    }

    /// A worker left a stage that somebody else has to go on with.
    fn return_unfinished(&self, state: &mut State, delivery: Delivery) {
        let Delivery { report: Report { record, model, .. }, file } = delivery;
        let (trial, stage, from, to) = (record.trial, record.stage, record.from, record.to);
        let saved = file.map(Kept::File).or(model.map(Kept::Model));
        if self.return_order(state, Assignment { trial, stage, from, to })
            && let Some(saved) = saved
        {
            self.send(state, Mail::Checkpoint(saved));
        }
    }

    /// Takes a trial's state within a stage.
    pub(super) fn keep_within(&self, saved: Kept) {
        let mut state = self.lock();
        // one that comes late must not take the place of what the whole stage came to
        if state.book.is_within(saved.state()) {
            self.send(&mut state, Mail::Checkpoint(saved));
        }
    }
}
