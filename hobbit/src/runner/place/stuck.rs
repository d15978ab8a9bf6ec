//! Workers that are stuck: given up when they are long past their time, and replaced by others.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::crew::Crew;
use super::floor::{Floor, Slot};
use crate::error::Error;
use crate::objective::{History, Objective};
use crate::repository::{End, StageRecord, Timestamp};
use crate::schedule::Assignment;
use crate::work::{Report, WorkerId};

const MIN_TICK: Duration = Duration::from_millis(5);
const MAX_TICK: Duration = Duration::from_millis(250);
/// How long after its deadline a trial that does not answer is given up: as long as its limit, within these.
const MIN_GRACE: Duration = Duration::from_millis(100);
const MAX_GRACE: Duration = Duration::from_secs(10);

/// How long a stage may take, and how much longer before its worker is given up.
#[derive(Debug, Clone, Copy)]
struct Patience {
    limit: Duration,
    grace: Duration,
}

impl Patience {
    /// The outcome of a stage that took longer.
    fn outcome(self, worker: WorkerId, (assignment, attempt): (Assignment, u32)) -> Report {
        let Assignment { trial, stage, from, to } = assignment;
        let reason = format!(
            "it did not end within its time limit of {:.1} s nor {:.1} s after it; its thread was abandoned",
            self.limit.as_secs_f64(),
            self.grace.as_secs_f64()
        );
        let record = StageRecord {
            time: Timestamp::now(),
            trial,
            stage,
            from,
            to,
            end: End::Failed { epoch: from + 1, reason },
            score: None,
            attempt,
            worker: worker.index,
            machine: worker.machine,
            seconds: self.limit.saturating_add(self.grace).as_secs_f64(),
            history: History::default(),
        };
        Report { record: Arc::new(record), model: None, unfinished: false, failed_now: true }
    }
}

impl<O: Objective> Floor<O> {
    /// Waits until all workers have ended, and replaces those that are stuck meanwhile.
    pub(super) fn supervise(self: &Arc<Self>) {
        let patience = self
            .evaluator
            .terms
            .trial_time_limit
            .map(|limit| Patience { limit, grace: limit.clamp(MIN_GRACE, MAX_GRACE) });
        let tick = patience.map(|patience| (patience.limit / 4).clamp(MIN_TICK, MAX_TICK));
        // the pools in which successors work
        let mut crews = Vec::new();
        while self.doors.wait(tick) {
            let Some(patience) = patience else { continue };
            for stuck in self.give_up(patience) {
                let worker = WorkerId { machine: self.machine, index: stuck.record.worker };
                self.desk.hand_in(worker, &mut vec![stuck]);
                crews.extend(self.replace());
            }
        }
    }

    /// Gives up workers that are long past their deadline. Returns what came of their stages.
    fn give_up(&self, patience: Patience) -> Vec<Report> {
        let now = Instant::now();
        let mut stuck = Vec::new();
        let mut state = self.lock();
        for (position, slot) in state.slots.iter_mut().enumerate() {
            let end = slot.interrupt.deadline.and_then(|deadline| deadline.checked_add(patience.grace));
            let late = end.is_some_and(|end| now > end);
            let Some(running) = slot.running.filter(|_| late && !slot.abandoned) else { continue };
            slot.abandoned = true;
            slot.running = None;
            // should it ever look, it is told to leave
            slot.interrupt.stopped.store(true, Ordering::Relaxed);
            stuck.push(patience.outcome(WorkerId { machine: self.machine, index: position as u32 }, running));
        }
        drop(state);
        if !stuck.is_empty() {
            // somebody may wait for that
            self.desk.wake();
        }
        stuck
    }

    /// Puts another worker in the place of one that was given up.
    fn replace(self: &Arc<Self>) -> Option<Crew> {
        let mut state = self.lock();
        let slot = state.slots.len();
        // before it starts, since it looks for its place at once, and finds this lock
        state.slots.push(Slot::new());
        match Crew::start(self, slot, 1) {
            Ok(crew) => Some(crew),
            Err(error) => {
                state.slots.pop();
                if self.doors.leave() {
                    let text = "all workers are stuck, and no thread could be made to replace them";
                    self.desk.fail(Error::study(text).with_source(error));
                }
                None
            }
        }
    }
}
