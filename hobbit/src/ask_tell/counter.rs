//! Where workers leave trials for whoever asks, and what both sides know of each other.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::asked::{Asked, Origin};
use crate::error::Error;
use crate::trial::TrialId;
use crate::work::{Desk, WorkerId};

/// How often somebody who asks looks whether there will be a trial at all.
const LOOK: Duration = Duration::from_millis(2);

/// Trials wait here to be asked for.
pub(super) struct Counter<H> {
    state: Mutex<State<H>>,
    news: Condvar,
}

struct State<H> {
    offers: VecDeque<Asked<H>>,
    /// The trials that were asked for and not told.
    out: Vec<TrialId>,
    /// The workers without work, and the news that they know of.
    idle: BTreeMap<WorkerId, u64>,
    width: usize,
    /// The sweep, once it has begun.
    desk: Option<Arc<dyn Desk>>,
    is_over: bool,
}

/// What somebody gets who asks.
pub(super) enum Answer<H> {
    Trial(Asked<H>),
    /// There is none before something is told.
    Wait,
    Over,
}

impl<H> Counter<H> {
    pub(super) fn new() -> Counter<H> {
        let state = State {
            offers: VecDeque::new(),
            out: Vec::new(),
            idle: BTreeMap::new(),
            width: 0,
            desk: None,
            is_over: false,
        };
        Counter { state: Mutex::new(state), news: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State<H>> {
        // the state is whole between two calls
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sweep begins, with so many workers.
    pub(super) fn open(&self, desk: Arc<dyn Desk>, width: usize) {
        let mut state = self.lock();
        (state.desk, state.width) = (Some(desk), width);
        self.news.notify_all();
    }

    /// Waits until the sweep has begun. Returns whether it is over already.
    pub(super) fn wait_for_begin(&self) -> bool {
        let waits = |state: &mut State<H>| state.desk.is_none() && !state.is_over;
        self.news.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner).is_over
    }

    /// There will be no trials any more.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        (state.is_over, state.desk) = (true, None);
        self.news.notify_all();
    }

    /// A worker has a trial to be trained.
    pub(super) fn offer(&self, trial: Asked<H>) {
        let mut state = self.lock();
        state.offers.push_back(trial);
        self.news.notify_all();
    }

    /// A worker has nothing to do, or something again.
    pub(super) fn idle(&self, worker: WorkerId, since: Option<u64>) {
        let mut state = self.lock();
        match since {
            Some(since) => drop(state.idle.insert(worker, since)),
            None => drop(state.idle.remove(&worker)),
        }
        self.news.notify_all();
    }

    /// The next trial. Waits while there may be one.
    pub(super) fn ask(&self) -> Answer<H> {
        let mut state = self.lock();
        loop {
            if state.is_over {
                return Answer::Over;
            }
            let is_stopping = state.desk.as_ref().is_some_and(|desk| desk.stop().is_set());
            if is_stopping {
                let left = std::mem::take(&mut state.offers);
                drop(state);
                left.into_iter().for_each(Asked::leave);
                state = self.lock();
            } else if let Some(trial) = state.offers.pop_front() {
                state.out.push(trial.id());
                return Answer::Trial(trial);
            }
            if !state.out.is_empty() && (is_stopping || state.is_waiting()) {
                return Answer::Wait;
            }
            state = self.news.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The trials that were asked for and not told.
    pub(super) fn out(&self) -> Vec<TrialId> {
        self.lock().out.clone()
    }

    /// Waits until what was told counts: every worker has nothing to do, or a trial that nobody has told.
    pub(super) fn settle(&self) {
        let mut state = self.lock();
        while let Some(desk) = state.desk.clone() {
            let at_rest = state.offers.len() + state.out.len() + state.idle.len();
            if desk.stop().is_set() || at_rest >= state.width && desk.is_settled() {
                break;
            }
            state = self.news.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Lets the sweep end, after what is under way.
    pub(super) fn stop(&self) {
        let mut state = self.lock();
        let (desk, left) = (state.desk.clone(), std::mem::take(&mut state.offers));
        drop(state);
        if let Some(desk) = desk {
            desk.end(crate::StopReason::Callback);
        }
        left.into_iter().for_each(Asked::leave);
    }
}

impl<H: Send + Sync> Origin for Counter<H> {
    fn back(&self, trial: TrialId, is_told: bool) {
        let mut state = self.lock();
        state.out.retain(|out| *out != trial);
        let desk = state.desk.clone().filter(|_| !is_told);
        drop(state);
        if let Some(desk) = desk.filter(|desk| !desk.stop().is_set()) {
            desk.fail(Error::study(format!(
                "trial {trial} was asked for and dropped: it has to be told with `tell` or `fail`; it is trained when the study is \
                 continued"
            )));
        }
    }
}

impl<H> State<H> {
    /// Whether nothing happens before something is told: every worker has given its trial away, or has none
    /// and knows all news.
    fn is_waiting(&self) -> bool {
        let Some(desk) = &self.desk else { return false };
        self.offers.is_empty() && self.out.len() + self.idle.len() >= self.width && desk.is_settled() && {
            // what has settled is news, and known only by then
            let news = desk.news();
            self.idle.values().all(|since| *since == news)
        }
    }
}
