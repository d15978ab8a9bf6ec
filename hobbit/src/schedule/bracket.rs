//! One run of successive halving: its stages one after the other, each decided by all of its results.

use super::due::Due;
use super::outline::{Bracket, Stage};
use super::promotion::Lottery;
use super::scheduler::{Assignment, Ended};
use super::score::{Place, Score};
use crate::trial::{Direction, TrialId};

/// Room is made for so many results at most.
const MOST_AT_ONCE: u32 = 1 << 12;

/// A bracket that was begun and is not over.
#[derive(Debug, Clone)]
pub(super) struct BracketState {
    pub(super) iteration: u32,
    /// Counted from 0.
    pub(super) bracket: u32,
    stage: u32,
    work: Work,
    next: u32,
    /// The healthy results of the stage so far, by their places.
    scores: Vec<(Place, u32)>,
    failed: Vec<u32>,
    /// How many results there are in all.
    told: u32,
    /// Those asked for in this stage.
    due: Due,
    /// Draws the trials that are promoted, if they are not the best.
    lottery: Option<Lottery>,
}

/// The trials of a stage, by index.
#[derive(Debug, Clone)]
pub(super) enum Work {
    /// The first stage: 1 to n.
    First(u32),
    /// These, in this order.
    Listed(Vec<u32>),
}

impl Work {
    fn len(&self) -> u32 {
        match self {
            Work::First(n) => *n,
            Work::Listed(indexes) => indexes.len() as u32,
        }
    }

    fn get(&self, position: u32) -> u32 {
        match self {
            Work::First(_) => position + 1,
            Work::Listed(indexes) => indexes[position as usize],
        }
    }
}

/// The end of a stage, by the trials' indexes.
pub(super) struct Decided {
    /// Counted from 0.
    pub(super) stage: u32,
    /// In order.
    pub(super) ended: Vec<u32>,
    /// Whether the bracket is over: nobody is promoted.
    pub(super) last: bool,
}

impl Decided {
    /// How the lives of those that are not promoted end.
    pub(super) fn how(&self) -> Ended {
        if self.last { Ended::Finished } else { Ended::Dropped { stage: self.stage } }
    }
}

/// The trials of a bracket's first stage.
pub(super) fn first_trials(bracket: &Bracket) -> u32 {
    u32::try_from(bracket.stages[0].trials).unwrap_or(u32::MAX)
}

impl BracketState {
    /// A bracket that begins; `bracket` counts from 0.
    pub(super) fn new(iteration: u32, bracket: u32, work: Work, lottery: Option<Lottery>) -> BracketState {
        BracketState {
            iteration,
            bracket,
            stage: 0,
            work,
            next: 0,
            scores: Vec::new(),
            failed: Vec::new(),
            told: 0,
            due: Due::default(),
            lottery,
        }
    }

    /// Whether the trial is one of this bracket's.
    pub(super) fn has(&self, trial: TrialId) -> bool {
        (self.iteration, self.bracket + 1) == (trial.iteration, trial.bracket)
    }

    pub(super) fn id(&self, index: u32) -> TrialId {
        TrialId { iteration: self.iteration, bracket: self.bracket + 1, index }
    }

    /// The stage that is being trained, counted from 0.
    pub(super) fn stage(&self) -> u32 {
        self.stage
    }

    /// The trials of the stage where they were promoted to it, best first, or in the order of a draw.
    pub(super) fn listed(&self) -> &[u32] {
        match &self.work {
            Work::First(_) => &[],
            Work::Listed(indexes) => indexes,
        }
    }

    /// The results that are still to be told before the bracket goes on.
    pub(super) fn missing(&self) -> u32 {
        self.work.len() - self.told
    }

    /// The stage of a trial that is trained next, if the bracket has any work left.
    #[inline]
    pub(super) fn ask(&mut self, stages: &[Stage]) -> Option<Assignment> {
        if self.next >= self.work.len() {
            return None;
        }
        let index = self.work.get(self.next);
        self.next += 1;
        self.due.ask(index);
        let stage = stages[self.stage as usize];
        Some(Assignment {
            trial: self.id(index),
            stage: self.stage,
            from: stage.trained - u64::from(stage.epochs),
            to: stage.trained,
        })
    }

    /// Takes the result of a trial in the stage that is being trained; returns the end of the stage when it
    /// was the last. Ignored unless it was asked for.
    pub(super) fn tell(
        &mut self,
        index: u32,
        score: Option<Score>,
        direction: Direction,
        stages: &[Stage],
    ) -> Option<Decided> {
        if !self.due.tell(index) {
            return None;
        }
        if self.told == 0 {
            // more grow as they come
            self.scores.reserve(self.work.len().min(MOST_AT_ONCE) as usize);
        }
        match score {
            Some(score) if score.value.is_finite() => {
                self.scores.push((self.place(index, score, direction), index));
            }
            _ => self.failed.push(index),
        }
        self.told += 1;
        if self.told < self.work.len() {
            return None;
        }
        Some(self.end_stage(self.kept(stages)))
    }

    /// By what a result of the stage is sorted: the trials with the smallest places are promoted.
    #[inline]
    fn place(&self, index: u32, score: Score, direction: Direction) -> Place {
        match self.lottery {
            None => score.place(direction),
            Some(lottery) => lottery.place(self.id(index), self.stage, score, direction),
        }
    }

    /// How many trials of the stage are promoted at most.
    fn kept(&self, stages: &[Stage]) -> usize {
        let keep = stages.get(self.stage as usize + 1).map_or(0, |next| next.trials);
        usize::try_from(keep).unwrap_or(usize::MAX)
    }

    /// Ends the stage: the `keep` first by their places are the next stage's work. Equal places are decided
    /// by the trial's index.
    fn end_stage(&mut self, keep: usize) -> Decided {
        let mut scores = std::mem::take(&mut self.scores);
        let mut ended = std::mem::take(&mut self.failed);
        if keep < scores.len() {
            scores.select_nth_unstable(keep);
            ended.extend(scores.drain(keep..).map(|(_, index)| index));
        }
        ended.sort_unstable();
        scores.sort_unstable();
        let promoted: Vec<u32> = scores.into_iter().map(|(_, index)| index).collect();
        let decided = Decided { stage: self.stage, ended, last: promoted.is_empty() };
        self.stage += 1;
        self.next = 0;
        self.told = 0;
        self.work = Work::Listed(promoted);
        decided
    }

    /// Of these results that are not told yet, the indexes of those that may be promoted: fewer are better,
    /// among these and what was told, than are promoted. In order.
    pub(super) fn hopeful(
        &self,
        pending: impl Iterator<Item = (u32, Score)> + Clone,
        direction: Direction,
        stages: &[Stage],
    ) -> Vec<u32> {
        let keep = self.kept(stages);
        let place = |(index, score)| (self.place(index, score, direction), index);
        let pending_places = pending.clone().map(place);
        let mut all: Vec<_> = self.scores.iter().copied().chain(pending_places).collect();
        if keep < all.len() {
            all.select_nth_unstable(keep);
            all.truncate(keep);
        }
        let mut best: Vec<u32> = all.iter().map(|&(_, index)| index).collect();
        best.sort_unstable();
        let mut hopeful: Vec<u32> = pending.map(|(index, _)| index).collect();
        hopeful.retain(|index| best.binary_search(index).is_ok());
        hopeful.sort_unstable();
        hopeful
    }
}
