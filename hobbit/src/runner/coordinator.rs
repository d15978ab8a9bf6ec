//! The coordinator: the thread that called `run`. It makes outcomes durable before they count, and tells the
//! observers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::configurations::Configurations;
use super::desk::SweepDesk;
use super::mailbox::Mail;
use super::panics::catch;
use super::settings::StopWhen;
use crate::error::{Error, Result};
use crate::observe::{Event, Observer, tell};
use crate::repository::{Kept, Record, Repository, StageRecord, StopReason};
use crate::space::{SearchSpace, Value};
use crate::trial::TrialId;
use crate::work::Delivery;

pub(super) struct Coordinator<H> {
    pub(super) desk: Arc<SweepDesk>,
    pub(super) configurations: Arc<Configurations<H>>,
    pub(super) repository: Option<Repository>,
    pub(super) observers: Vec<Box<dyn Observer>>,
    pub(super) stop_when: Option<StopWhen>,
}

/// Mail, sorted.
#[derive(Default)]
struct Sorted {
    reports: Vec<Delivery>,
    /// Outcomes that nobody has asked for yet.
    early: Vec<Delivery>,
    checkpoints: Vec<Kept>,
    events: Vec<Event>,
    removed: Vec<TrialId>,
    /// The outcomes that do not count, because they may have failed with the end of the sweep.
    interrupted: usize,
}

impl<H: SearchSpace> Coordinator<H> {
    /// Works until nobody else does and all mail is read.
    pub(super) fn run(&mut self) {
        let mut last = Instant::now();
        loop {
            let mut state = self.desk.lock();
            loop {
                let gathering = match state.mailbox.mail.is_empty() {
                    true if !state.is_open => return,
                    true => match state.mailbox.begun.map(|begun| DURABLE.checked_sub(begun.elapsed())) {
                        Some(None) => break,
                        rest => rest.flatten(),
                    },
                    false => match GATHER.checked_sub(last.elapsed()) {
                        Some(rest) if !state.mailbox.urgent && state.is_open => Some(rest),
                        _ => break,
                    },
                };
                state = self.desk.wait_for_mail(state, gathering);
            }
            last = Instant::now();
            let mail = state.mailbox.take();
            let unknown = state.mailbox.begun.is_some_and(|begun| begun.elapsed() >= DURABLE);
            // before what they wrote is synced, since others may follow meanwhile
            let begun = state.mailbox.begun.take();
            let fatal = state.fatal.is_some();
            if let Some(repository) = &mut self.repository {
                repository.note_ends(&mut state.book.ends);
            }
            self.desk.wake_workers(&state);
            drop(state);
            match self.read(mail, fatal, unknown) {
                Ok(true) => {}
                Ok(false) => {
                    let mut state = self.desk.lock();
                    state.mailbox.begun = begun.or(state.mailbox.begun);
                }
                Err(error) => self.desk.end_with(&mut self.desk.lock(), error),
            }
        }
    }

    /// Reads mail. First everything is written, once, and then it counts. Returns whether the journal is on
    /// the disk; it has to be if it holds stages that are `unknown` there and were begun a while ago.
    fn read(&mut self, mail: Vec<Mail>, fatal: bool, unknown: bool) -> Result<bool> {
        let mut sorted = self.sort(mail);
        let written = if fatal { Ok(false) } else { self.make_durable(&mut sorted, unknown) };
        let Sorted { reports, early, events, removed, interrupted, .. } = sorted;
        if fatal || written.is_err() {
            // what is not durable does not count
            self.tell(events);
            return written.map(|_| true);
        }
        if reports.len() + early.len() + interrupted > 0 {
            let mut state = self.desk.lock();
            state.mailbox.settled(reports.len() + early.len() + interrupted);
            for delivery in early {
                self.desk.keep(&mut state, delivery.report.record);
            }
            for delivery in reports {
                self.desk.enter(&mut state, delivery.report);
            }
            // somebody may wait until everything counts
            self.desk.wake_workers(&state);
        }
        if let Some(repository) = &self.repository {
            for trial in removed {
                repository.remove_model(trial)?;
            }
        }
        self.tell(events);
        written
    }

    fn sort(&self, mail: Vec<Mail>) -> Sorted {
        let stopping = self.desk.is_stopping();
        let mut sorted = Sorted::default();
        for mail in mail {
            match mail {
                Mail::Event(event) => sorted.events.push(event),
                Mail::Ended { record, replayed } => {
                    let hparams = self.values(record.trial);
                    sorted.events.push(Event::StageEnded { record, replayed, hparams });
                }
                Mail::Left(record) => {
                    let hparams = self.values(record.trial);
                    sorted.events.push(Event::StageLeft { record, hparams });
                }
                Mail::Remove(trial) => sorted.removed.push(trial),
                Mail::Checkpoint(saved) => sorted.checkpoints.push(saved),
                // what fails while everything ends may have been ended with it; it is trained when the sweep
                // is continued
                Mail::Outcome(delivery) if stopping && delivery.report.failed_now => sorted.interrupted += 1,
                Mail::Outcome(delivery) => sorted.reports.push(*delivery),
                Mail::Early(delivery) => sorted.early.push(*delivery),
            }
        }
        sorted
    }

    /// A trial's hyperparameters, for observers.
    fn values(&self, trial: TrialId) -> Arc<[(String, Value)]> {
        match self.configurations.get(trial) {
            Ok(hparams) => hparams.values().into(),
            Err(error) => {
                self.desk.end_with(&mut self.desk.lock(), error);
                Arc::default()
            }
        }
    }

    /// Writes what has to outlive the process: checkpoints first, then the journal that refers to them.
    /// Returns whether the journal is on the disk.
    fn make_durable(&mut self, mail: &mut Sorted, sync: bool) -> Result<bool> {
        let Some(repository) = &mut self.repository else { return Ok(false) };
        let needed = self.desk.lock().book.needed(mail.reports.iter().map(|delivery| &delivery.report));
        let saved = mail.reports.iter_mut().filter_map(checkpoint);
        let saved = saved.filter(|saved| needed.contains(&saved.trial()));
        // whether those that come early are needed is not known yet
        let early = mail.early.iter_mut().filter_map(checkpoint);
        let saved: Vec<Kept> = mail.checkpoints.drain(..).chain(early).chain(saved).collect();
        if !saved.is_empty() {
            let trials: Vec<TrialId> = saved.iter().map(Kept::trial).collect();
            repository.save_models(saved)?;
            let mut state = self.desk.lock();
            trials.into_iter().for_each(|trial| state.book.saved(trial));
            drop(state);
            repository.sync_weights()?;
        }
        let ended: Vec<Record> = mail
            .reports
            .iter()
            .chain(&mail.early)
            .map(|delivery| &delivery.report)
            .filter(|report| !report.unfinished)
            .map(|report| Record::Stage(StageRecord::clone(&report.record)))
            .collect();
        let sync = sync || !ended.is_empty();
        if sync {
            repository.append(ended.iter(), true)?;
        }
        Ok(sync)
    }

    /// Tells the observers, and the callback that may end the sweep.
    pub(super) fn tell(&mut self, events: Vec<Event>) {
        for event in events {
            // what earlier processes trained has been asked about already
            if let (Event::StageEnded { record, replayed: false, .. }, Some(stop_when)) =
                (&event, &mut self.stop_when)
            {
                match catch(|| stop_when(record)) {
                    Ok(false) => {}
                    Ok(true) => self.desk.request_stop(&mut self.desk.lock(), StopReason::Callback),
                    Err(reason) => {
                        let error = Error::study(format!("the callback of `stop_when` {reason}"));
                        self.desk.end_with(&mut self.desk.lock(), error);
                        self.stop_when = None;
                    }
                }
            }
            tell(&mut self.observers, &event);
        }
    }
}

/// Takes the checkpoint out of a delivery.
fn checkpoint(delivery: &mut Delivery) -> Option<Kept> {
    let file = delivery.file.take().map(Kept::File);
    file.or_else(|| delivery.report.model.take().map(Kept::Model))
}

/// Mail is read this long after mail was read before, so that one sync of the disk serves many; or at once if
/// somebody waits for it.
const GATHER: Duration = Duration::from_millis(50);
/// How long after it began the disk has to know of a stage that has not ended.
const DURABLE: Duration = Duration::from_millis(100);
