//! What a sweep knows and decides: its scheduler, its trials so far, and what earlier processes left. No
//! locks, no threads, no files.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::config::Config;
use super::deaths::Deaths;
use super::failures::Failures;
use super::keys::KeysInTurn;
use super::ledger::{Ledger, TrialState};
use super::mailbox::{Mail, Mailbox};
use crate::error::Error;
use crate::observe::Event;
use crate::repository::{Losses, SavedState, StageRecord, Status};
use crate::schedule::{Ask, Assignment, Scheduler, Score};
use crate::trial::TrialId;
use crate::work::{CheckpointId, Configuration, Order, Report, Scored, Unusual};

/// Marks a stage that was handed out as reported.
const REPORTED: u32 = 1 << 31;

/// What comes next.
pub(super) enum Next {
    /// An order was added.
    Ordered,
    /// The outcome of the next stage is known: `replayed` if from an earlier process.
    Known {
        record: StageRecord,
        replayed: bool,
    },
    /// There may be something later.
    Wait,
    Over,
}

/// What is known of all trials.
pub(super) struct Book {
    config: Arc<Config>,
    keys: KeysInTurn,
    /// The ends of the stages of each bracket.
    stages: Vec<Arc<[u64]>>,
    scheduler: Box<dyn Scheduler>,
    ledger: Ledger,
    /// Outcomes that nobody has asked for yet, nearly all of earlier processes.
    known: HashMap<(TrialId, u32), StageRecord>,
    /// The ends of trials that the journal has and that have not been replayed yet.
    known_ends: HashMap<TrialId, Status>,
    /// The ends of trials that the journal does not have yet.
    pub(super) ends: Vec<(TrialId, Status)>,
    /// The trials that have a checkpoint.
    on_disk: HashSet<TrialId>,
    /// What earlier processes' ends say of stages that are still to be trained.
    deaths: Deaths,
    failures: Failures,
    /// The stage of each trial that was handed out, counted from 1; 0 for none. Marked as reported where it
    /// is.
    out: Vec<u32>,
    /// Outcomes of stages that nobody has asked for yet, on their way to the disk.
    early: HashSet<(TrialId, u32)>,
    /// Those of the known outcomes that are no earlier process's, but came before they were asked for.
    kept: HashSet<(TrialId, u32)>,
    /// Stages that were handed out and given back.
    returned: VecDeque<Assignment>,
    /// The places of the trials whose lives have ended, in the order in which they did.
    ended: Vec<u64>,
}

/// What earlier processes left.
#[derive(Default)]
pub(super) struct Left {
    pub(super) known: HashMap<(TrialId, u32), StageRecord>,
    pub(super) ends: HashMap<TrialId, Status>,
    pub(super) on_disk: HashSet<TrialId>,
    /// The trials that were begun and have no outcome.
    pub(super) begun: HashSet<TrialId>,
    pub(super) deaths: Deaths,
}

impl Book {
    pub(super) fn new(config: Arc<Config>, scheduler: Box<dyn Scheduler>, left: Left) -> Book {
        let Config { study, outline, keep, max_failures, .. } = &*config;
        // more grow as they come
        let room = outline.trials_of_repetition().min(1 << 16) as usize;
        let ledger = Ledger::new(Losses::new(study.ties, &study.monitor), study.direction, *keep, room);
        let ends = outline.brackets().iter().map(|bracket| bracket.stages.iter().map(|stage| stage.trained));
        let stages = ends.map(Iterator::collect).collect();
        let keys = KeysInTurn::new(study.seed);
        let Left { known, ends: known_ends, on_disk, begun, deaths } = left;
        let begun = begun.into_iter().filter_map(|trial| outline.ordinal(trial)).collect();
        let mut failures = Failures::new(*max_failures, begun);
        for record in known.values() {
            if let Some(place) = outline.ordinal(record.trial) {
                failures.replay(place, record);
            }
        }
        let (out, early, kept) = (Vec::new(), HashSet::new(), HashSet::new());
        let (returned, ended) = (VecDeque::new(), Vec::new());
        Book {
            config,
            keys,
            stages,
            scheduler,
            ledger,
            known,
            known_ends,
            ends: Vec::new(),
            on_disk,
            deaths,
            failures,
            out,
            early,
            kept,
            returned,
            ended,
        }
    }

    /// What the scheduler has. An order is added to these, where it stays, since it is large.
    pub(super) fn next(&mut self, orders: &mut Vec<Order>) -> Next {
        while let Some(assignment) = self.returned.pop_front() {
            // somebody may have reported on it meanwhile
            if self.is_out(assignment.trial, assignment.stage) {
                orders.push(self.order(assignment));
                return Next::Ordered;
            }
        }
        let assignment = match self.scheduler.ask() {
            Ask::Run(assignment) => assignment,
            Ask::Wait => return Next::Wait,
            Ask::Done => return Next::Over,
        };
        if !self.known.is_empty()
            && let Some(record) = self.known.remove(&(assignment.trial, assignment.stage))
            && let so_far = self.ledger.get(self.config.outline.place(assignment.trial))
            && record.is_of(assignment.to - assignment.from, Book::had(so_far, &assignment))
        {
            let replayed = !self.kept.remove(&(assignment.trial, assignment.stage));
            return Next::Known { record, replayed };
        }
        if !self.early.is_empty() && self.early.contains(&(assignment.trial, assignment.stage)) {
            // it is out, as far as anybody knows, and counts in a moment
            drop(self.order(assignment));
            return self.next(orders);
        }
        orders.push(self.order(assignment));
        Next::Ordered
    }

    /// The epochs that a trial has had before a stage. One that was stopped early has had fewer than planned.
    fn had(so_far: Option<&TrialState>, assignment: &Assignment) -> u64 {
        so_far.filter(|_| assignment.stage > 0).map_or(assignment.from, |trial| trial.epochs)
    }

    /// The order for a stage, which is out from now on.
    fn order(&mut self, assignment: Assignment) -> Order {
        let Assignment { trial, stage, from, to } = assignment;
        let ordinal = self.config.outline.place(trial);
        let stages = &self.stages[trial.bracket as usize - 1];
        let so_far = self.ledger.get(ordinal);
        let had = Book::had(so_far, &assignment);
        let planned = (stage as usize).checked_sub(1).and_then(|before| stages.get(before).copied());
        let earlier = so_far.filter(|_| planned.is_some_and(|planned| planned != had)).map(TrialState::ends);
        let limit = self.config.terms.trial_time_limit.map(|limit| {
            let spent = so_far.map_or(0.0, |trial| trial.seconds);
            limit.saturating_sub(std::time::Duration::try_from_secs_f64(spent).unwrap_or_default())
        });
        let is_on_disk = !self.on_disk.is_empty() && self.on_disk.contains(&trial);
        let is_given = ordinal < self.config.given;
        let attempt = so_far.map_or(0, |trial| trial.attempt);
        let score = so_far.and_then(|trial| {
            let (value, epoch) = trial.score?;
            Some(Scored { value, epoch, loss: trial.loss })
        });
        // both are empty nearly always
        let is_unusual = earlier.is_some() || !self.deaths.is_empty();
        let unusual = if is_unusual { self.unusual((trial, stage), earlier) } else { None };
        let place = ordinal as usize;
        if self.out.len() <= place {
            self.out.resize(place + 1, 0);
        }
        self.out[place] = stage + 1;
        Order {
            assignment: Assignment { from: had, to: had + (to - from), ..assignment },
            ordinal,
            key: self.keys.of(trial),
            configuration: if is_given { Configuration::Given } else { Configuration::Drawn },
            stages: self.stages[trial.bracket as usize - 1].clone(),
            score,
            attempt,
            limit,
            checkpoint: is_on_disk.then_some(CheckpointId(trial)),
            unusual,
        }
    }

    #[cold]
    fn unusual(&self, stage: (TrialId, u32), earlier: Option<Box<[(u64, u64)]>>) -> Option<Box<Unusual>> {
        // what is given back is as it was
        let (deaths, alone) =
            (self.deaths.culprits.get(&stage).copied(), self.deaths.suspects.contains(&stage));
        let unusual = Unusual { earlier: earlier.unwrap_or_default(), alone, deaths };
        (unusual != Unusual::default()).then(|| Box::new(unusual))
    }

    /// The place of a trial whose stage was handed out and is not reported.
    fn place_out(&self, trial: TrialId, stage: u32) -> Option<usize> {
        let place = self.config.outline.ordinal(trial)? as usize;
        (u64::from(*self.out.get(place)?) == u64::from(stage) + 1).then_some(place)
    }

    /// Whether a stage was handed out and is not reported.
    fn is_out(&self, trial: TrialId, stage: u32) -> bool {
        self.place_out(trial, stage).is_some()
    }

    /// Takes note that somebody has reported on a stage. Returns whether this is the first report on it.
    pub(super) fn accept(&mut self, record: &StageRecord) -> bool {
        let place = self.place_out(record.trial, record.stage);
        if let Some(place) = place {
            self.out[place] |= REPORTED;
        }
        place.is_some()
    }

    /// Whether a stage is out, or may still be asked for, and its outcome is not known yet.
    pub(super) fn is_awaited(&self, record: &StageRecord) -> bool {
        let (trial, stage) = (record.trial, record.stage);
        let Some(ordinal) = self.config.outline.ordinal(trial) else { return false };
        let had = self.ledger.get(ordinal).map_or(0, |trial| trial.records.len());
        let stages = self.stages[trial.bracket as usize - 1].len();
        let is_reported = self.out.get(ordinal as usize) == Some(&((stage + 1) | REPORTED));
        let is_known = self.known.contains_key(&(trial, stage)) || self.early.contains(&(trial, stage));
        (had..stages).contains(&(stage as usize)) && !is_reported && !is_known
    }

    /// The outcome of a stage that is not out will be kept as soon as it is durable.
    pub(super) fn expect(&mut self, record: &StageRecord) {
        self.early.insert((record.trial, record.stage));
    }

    /// Keeps the outcome of a stage until the stage is asked for. If it was meanwhile, nobody works on it,
    /// and this returns that it counts now.
    pub(super) fn keep(&mut self, record: &StageRecord) -> bool {
        self.early.remove(&(record.trial, record.stage));
        let counts = self.accept(record);
        if !counts {
            self.known.insert((record.trial, record.stage), record.clone());
            self.kept.insert((record.trial, record.stage));
        }
        counts
    }

    /// Whether a trial's state belongs to a stage that was handed out and is not reported.
    pub(super) fn is_within(&self, saved: &SavedState) -> bool {
        let Some(ordinal) = self.config.outline.ordinal(saved.trial) else { return false };
        let had = self.ledger.get(ordinal).map_or(0, |trial| trial.epochs);
        let is_out = self.out.get(ordinal as usize).is_some_and(|out| (1..REPORTED).contains(out));
        is_out && saved.from == had
    }

    /// Makes a stage available again. Returns whether it was out.
    pub(super) fn give_back(&mut self, assignment: Assignment) -> bool {
        let Assignment { trial, stage, .. } = assignment;
        let waits = self.returned.iter().any(|other| (other.trial, other.stage) == (trial, stage));
        let is_lost = !waits && self.is_out(trial, stage);
        if is_lost {
            self.returned.push_back(assignment);
        }
        is_lost
    }

    /// The trial has a checkpoint now.
    pub(super) fn saved(&mut self, trial: TrialId) {
        self.on_disk.insert(trial);
    }

    /// How many outcomes, this trial's included, have to count before there can be anything new to train.
    pub(super) fn missing(&self, trial: TrialId) -> u32 {
        self.scheduler.missing(trial)
    }

    /// Enters what a stopped sweep has of a stage.
    pub(super) fn leave(&mut self, record: Arc<StageRecord>) {
        self.ledger.enter(self.config.outline.place(record.trial), record, true);
    }

    /// Lets an outcome count: the ledger knows it, the scheduler acts on it, and the coordinator hears of it.
    /// Returns whether there may be something new to train, and the error that ends the sweep if too many
    /// trials failed.
    pub(super) fn settle(
        &mut self,
        record: Arc<StageRecord>,
        replayed: bool,
        mailbox: &mut Mailbox,
    ) -> (bool, Option<Error>) {
        let observed = self.config.observed;
        let place = self.config.outline.place(record.trial);
        let hopeless = match replayed {
            true => None,
            false => self.failures.enter((place, self.out.len() as u64), &record),
        };
        if observed {
            mailbox.push(Mail::Ended { record: record.clone(), replayed });
        }
        let done = Assignment { trial: record.trial, stage: record.stage, from: record.from, to: record.to };
        let score = self.ledger.enter(place, record, false);
        let is_awaited = self.scheduler.missing(done.trial) <= 1;
        for (trial, ended) in self.scheduler.tell(&done, score) {
            let ordinal = self.config.outline.place(trial);
            let (status, removed) = self.ledger.end(ordinal, ended);
            self.ended.push(ordinal);
            // looking for one in a set takes long, even in an empty one
            let on_disk = &mut self.on_disk;
            if let Some(removed) = removed.filter(|trial| !on_disk.is_empty() && on_disk.remove(trial)) {
                mailbox.push(Mail::Remove(removed));
            }
            if self.config.terms.describes
                && self.known_ends.remove(&trial).is_none_or(|known| known != status)
            {
                self.ends.push((trial, status.clone()));
            }
            if observed {
                mailbox.push(Mail::Event(Event::TrialEnded { trial, status }));
            }
        }
        (is_awaited, hopeless)
    }

    /// The trials whose weights somebody may ask for after these outcomes. Most trials of a stage are known
    /// to be out when they are told, and their checkpoints would only be removed again.
    pub(super) fn needed<'a>(&mut self, reports: impl Iterator<Item = &'a Report>) -> HashSet<TrialId> {
        let mut needed = HashSet::new();
        let mut pending: Vec<(TrialId, Score)> = Vec::new();
        for Report { record, unfinished, .. } in reports {
            if *unfinished {
                needed.insert(record.trial);
            }
            let ordinal = self.config.outline.place(record.trial);
            let Some(score) = self.ledger.score_after(ordinal, record) else { continue };
            if !unfinished {
                pending.push((record.trial, score));
            }
        }
        needed.extend(self.scheduler.hopeful(&pending));
        pending.retain(|(trial, _)| !needed.contains(trial));
        needed.extend(self.ledger.would_keep(pending));
        needed
    }

    /// The places of the trials whose lives have ended.
    pub(super) fn ended(&self) -> &[u64] {
        &self.ended
    }

    /// Whether everything was trained.
    pub(super) fn is_done(&self) -> bool {
        self.scheduler.is_done()
    }

    /// The trials, by their place, as far as they have been seen. None is known afterwards.
    pub(super) fn take_trials(&mut self) -> Vec<Option<TrialState>> {
        self.ledger.take_trials()
    }
}
