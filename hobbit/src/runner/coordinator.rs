//! The coordinator: the thread that called `run`. It makes outcomes durable before they count, tells the observers, and looks
//! after workers that are stuck.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::evaluate::Evaluated;
use super::panics::catch;
use super::settings::StopWhen;
use super::state::{Garbage, Message, Shared, Slot};
use super::worker::{Crew, discard};
use crate::error::{Error, Result};
use crate::objective::{History, Objective};
use crate::observe::{Event, Observer, tell};
use crate::repository::{End, Record, Repository, StageRecord, StopReason, Timestamp};
use crate::trial::TrialId;

pub(crate) struct Coordinator<O: Objective> {
    pub(crate) shared: Arc<Shared<O>>,
    pub(crate) repository: Option<Repository>,
    pub(crate) observers: Vec<Box<dyn Observer>>,
    pub(crate) stop_when: Option<StopWhen>,
    /// Abandoned workers' successors.
    pub(crate) spares: Vec<Crew>,
}

impl<O: Objective> Coordinator<O> {
    /// Works until all workers have ended and all mail is read.
    pub(crate) fn run(&mut self) {
        let mut last = Instant::now();
        let tick = self.shared.evaluator.trial_time_limit.map(|limit| (limit / 4).clamp(MIN_TICK, MAX_TICK));
        loop {
            let mut state = self.shared.lock();
            loop {
                let gathering = match state.inbox.is_empty() {
                    true if state.active == 0 => return,
                    true => match state.begun.map(|begun| DURABLE.checked_sub(begun.elapsed())) {
                        Some(None) => break,
                        rest => rest.flatten(),
                    },
                    false => match GATHER.checked_sub(last.elapsed()) {
                        Some(rest) if !state.urgent && state.active > 0 => Some(rest),
                        _ => break,
                    },
                };
                state = self.shared.wait_for_news(state, gathering.into_iter().chain(tick).min());
                if tick.is_some() {
                    break;
                }
            }
            last = Instant::now();
            let mail = std::mem::take(&mut state.inbox);
            state.inbox_bytes = 0;
            state.waiting.clear();
            state.urgent = false;
            let unknown = state.begun.is_some_and(|begun| begun.elapsed() >= DURABLE);
            // before what they wrote is synced, since others may follow meanwhile
            let begun = state.begun.take();
            let fatal = state.fatal.is_some();
            if let Some(repository) = &mut self.repository {
                repository.note_ends(&mut state.ends);
            }
            drop(state);
            self.shared.wake_workers();
            match self.read(mail, fatal, unknown) {
                Ok(true) => {}
                Ok(false) => {
                    let mut state = self.shared.lock();
                    state.begun = begun.or(state.begun);
                }
                Err(error) => self.shared.fail(&mut self.shared.lock(), error),
            }
            if tick.is_some() {
                self.replace_stuck_workers();
            }
        }
    }

    /// Reads mail. First everything is written, once, and then it counts. Returns whether the journal is on
    /// the disk; it has to be if it holds stages that are `unknown` there and were begun a while ago.
    fn read(&mut self, mail: Vec<Message<O>>, fatal: bool, unknown: bool) -> Result<bool> {
        let (mut outcomes, mut events) = (Vec::new(), Vec::new());
        let mut removed = Vec::new();
        let needed = self.needed(&mail);
        let (stopping, mut interrupted) = (self.shared.is_stopping(), 0);
        let mut saved_any = false;
        let mut written = Ok(());
        for message in mail {
            match message {
                Message::Event(event) => events.push(event),
                Message::Remove(trial) => removed.push(trial),
                Message::Checkpoint(saved) => {
                    if let (Some(repository), Ok(()), false) = (&self.repository, &written, fatal) {
                        written = repository.save_model(&saved);
                        saved_any = true;
                        self.shared.lock().on_disk.insert(saved.state.trial);
                    }
                }
                // what fails while everything ends may have been ended with it; it is trained when the sweep
                // is continued
                Message::Outcome(outcome) if stopping && outcome.failed_now => interrupted += 1,
                Message::Outcome(mut outcome) => {
                    if let (Some(repository), Ok(()), false) = (&self.repository, &written, fatal)
                        && let Some(saved) = outcome.saved.take()
                        && needed.contains(&outcome.record.trial)
                    {
                        written = repository.save_model(&saved);
                        saved_any = true;
                        self.shared.lock().on_disk.insert(saved.state.trial);
                    }
                    outcomes.push(*outcome);
                }
            }
        }
        let mut garbage = Garbage::<O>::new();
        let mut durable = false;
        if let (Some(repository), Ok(()), false) = (&mut self.repository, &written, fatal) {
            match make_durable(repository, saved_any, &outcomes, unknown) {
                Ok(synced) => durable = synced,
                Err(error) => written = Err(error),
            }
        }
        if fatal || written.is_err() {
            // what is not durable does not count
            garbage.extend(outcomes.into_iter().filter_map(|outcome| outcome.carried));
            discard(&mut garbage);
            self.tell(events);
            return written.map(|()| true);
        }
        if !outcomes.is_empty() {
            let mut state = self.shared.lock();
            state.unwritten = state.unwritten.saturating_sub(outcomes.len() + interrupted);
            if state.alone.is_some() {
                self.shared.wake_workers();
            }
            for outcome in outcomes {
                self.shared.enter(&mut state, outcome, &mut garbage);
            }
        }
        discard(&mut garbage);
        if let Some(repository) = &self.repository {
            for trial in removed {
                repository.remove_model(trial)?;
            }
        }
        self.tell(events);
        Ok(durable)
    }

    /// The trials whose weights somebody may ask for after these outcomes. Most trials of a stage are known to be out when they are
    /// told, and their checkpoints would only be removed again.
    fn needed(&self, mail: &[Message<O>]) -> HashSet<TrialId> {
        let mut needed = HashSet::new();
        if self.repository.is_none() {
            return needed;
        }
        let mut pending = Vec::new();
        let mut state = self.shared.lock();
        for message in mail {
            let Message::Outcome(outcome) = message else { continue };
            let trial = outcome.record.trial;
            if outcome.unfinished {
                needed.insert(trial);
            }
            let ordinal = self.shared.evaluator.configurations.ordinal(trial);
            let Some(score) = state.ledger.score_after(ordinal, &outcome.record) else { continue };
            if !outcome.unfinished {
                pending.push((trial, score));
            }
        }
        needed.extend(state.scheduler.hopeful(&pending));
        pending.retain(|(trial, _)| !needed.contains(trial));
        needed.extend(state.ledger.would_keep(pending));
        needed
    }

    /// Tells the observers, and the callback that may end the sweep.
    pub(crate) fn tell(&mut self, events: Vec<Event>) {
        for event in events {
            // what earlier processes trained has been asked about already
            if let (Event::StageEnded { record, replayed: false, .. }, Some(stop_when)) =
                (&event, &mut self.stop_when)
            {
                match catch(|| stop_when(record)) {
                    Ok(false) => {}
                    Ok(true) => self.shared.request_stop(&mut self.shared.lock(), StopReason::Callback),
                    Err(reason) => {
                        let error = Error::study(format!("the callback of `stop_when` {reason}"));
                        self.shared.fail(&mut self.shared.lock(), error);
                        self.stop_when = None;
                    }
                }
            }
            tell(&mut self.observers, &event);
        }
    }

    /// Gives up workers that are long past their deadline, and puts others in their place.
    fn replace_stuck_workers(&mut self) {
        let limit = self.shared.evaluator.trial_time_limit.unwrap_or(Duration::MAX);
        let grace = limit.clamp(MIN_GRACE, MAX_GRACE);
        let mut state = self.shared.lock();
        let now = Instant::now();
        let mut outcomes = Vec::new();
        for position in 0..state.slots.len() {
            let slot = &mut state.slots[position];
            let end = slot.interrupt.deadline.and_then(|deadline| deadline.checked_add(grace));
            let late = end.is_some_and(|end| now > end);
            let Some(assignment) = slot.running.filter(|_| late && !slot.abandoned) else { continue };
            slot.abandoned = true;
            slot.running = None;
            // somebody may wait for that
            self.shared.wake_workers();
            // should it ever look, it is told to leave
            slot.interrupt.stopped.store(true, Ordering::Relaxed);
            let configurations = &self.shared.evaluator.configurations;
            let so_far = state.ledger.get(configurations.ordinal(assignment.trial));
            let hparams = so_far
                .map(|trial| trial.hparams.clone())
                .map_or_else(|| configurations.get(assignment.trial), Ok);
            let attempt = so_far.map_or(0, |trial| trial.attempt);
            let reason = format!(
                "it did not end within its time limit of {:.1} s nor {:.1} s after it; its thread was abandoned",
                limit.as_secs_f64(),
                grace.as_secs_f64()
            );
            let record = StageRecord {
                time: Timestamp::now(),
                trial: assignment.trial,
                stage: assignment.stage,
                from: assignment.from,
                to: assignment.to,
                end: End::Failed { epoch: assignment.from + 1, reason },
                score: None,
                attempt,
                worker: position as u32,
                machine: 0,
                seconds: limit.saturating_add(grace).as_secs_f64(),
                history: History::default(),
            };
            match hparams {
                Ok(hparams) => outcomes.push(Evaluated {
                    record: Arc::new(record),
                    hparams,
                    carried: None,
                    bytes: 0,
                    saved: None,
                    unfinished: false,
                    failed_now: true,
                }),
                Err(error) => self.shared.fail(&mut state, error),
            }
        }
        let replaced = outcomes.len();
        let mut garbage = Garbage::<O>::new();
        for outcome in outcomes {
            if self.repository.is_some() {
                state.inbox.push(Message::Outcome(Box::new(outcome)));
            } else {
                self.shared.enter(&mut state, outcome, &mut garbage);
            }
        }
        for _ in 0..replaced {
            let slot = state.slots.len();
            // before it starts, since it looks for its place at once, and finds this lock
            state.slots.push(Slot::new());
            match Crew::start(&self.shared, slot, 1) {
                Ok(crew) => self.spares.push(crew),
                Err(error) => {
                    state.slots.pop();
                    state.active -= 1;
                    if state.active == 0 {
                        let error = Error::study(
                            "all workers are stuck, and no thread could be made to replace them",
                        )
                        .with_source(error);
                        self.shared.fail(&mut state, error);
                    }
                }
            }
        }
        drop(state);
        discard(&mut garbage);
    }
}

/// Mail is read this long after mail was read before, so that one sync of the disk serves many; or at once if somebody waits for it.
const GATHER: Duration = Duration::from_millis(50);
/// How long after it began the disk has to know of a stage that has not ended.
const DURABLE: Duration = Duration::from_millis(100);
const MIN_TICK: Duration = Duration::from_millis(5);
const MAX_TICK: Duration = Duration::from_millis(250);
/// How long after its deadline a trial that does not answer is given up: as long as its limit, within these.
const MIN_GRACE: Duration = Duration::from_millis(100);
const MAX_GRACE: Duration = Duration::from_secs(10);

/// Writes what has to outlive the process: checkpoints first, then the journal that refers to them. Returns
/// whether the journal is on the disk.
fn make_durable<O: Objective>(
    repository: &mut Repository,
    saved_any: bool,
    outcomes: &[Evaluated<O>],
    sync: bool,
) -> Result<bool> {
    if saved_any {
        repository.sync_weights()?;
    }
    let ended: Vec<Record> = outcomes
        .iter()
        .filter(|outcome| !outcome.unfinished)
        .map(|outcome| Record::Stage(StageRecord::clone(&outcome.record)))
        .collect();
    let sync = sync || !ended.is_empty();
    if sync {
        repository.append(ended.iter(), true)?;
    }
    Ok(sync)
}
