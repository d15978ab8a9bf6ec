//! Which outcomes of a journal count, and what follows from them.
//!
//! An outcome counts if the algorithm asks for it and everything before it is known: the outcomes of its
//! trial's earlier stages, and those that its promotion was decided by. So a journal that lost lines tells
//! less, and nothing that is wrong. Time and memory depend on what the journal holds, not on how large it
//! says that the study is.

use std::collections::{BTreeMap, HashMap};

use super::deciding::Losses;
use super::records::StageRecord;
use super::study::StudyRecord;
use crate::error::Result;
use crate::schedule::{Algorithm, Ask, Ended, Lottery, Order, Outline, Score, VirtualTime};
use crate::trial::{Direction, TrialId};

/// By what outcomes are followed.
pub(crate) struct Rules {
    algorithm: Algorithm,
    lookahead: Option<u32>,
    pub(super) outline: Outline,
    order: Order,
    direction: Direction,
    lottery: Option<Lottery>,
    losses: Losses,
}

impl Rules {
    /// Those of a study.
    ///
    /// # Errors
    /// The settings of its algorithm are not possible.
    pub(crate) fn new(study: &StudyRecord) -> Result<Rules> {
        let (algorithm, direction) = (study.algorithm, study.direction);
        Ok(Rules {
            algorithm,
            lookahead: study.lookahead,
            outline: algorithm.outline()?,
            order: algorithm.scheduler(direction)?.order(),
            direction,
            lottery: study.lottery(),
            losses: Losses::new(study.ties, &study.monitor),
        })
    }
}

/// The outcomes that the algorithm has a place for: for each trial those of its first stages, without a gap.
pub(crate) struct Outcomes {
    pub(super) brackets: BTreeMap<(u32, u32), Trials>,
    /// How many outcomes do not count because one before them, of the same trial, is not there; and the first
    /// of them.
    pub(crate) lost: Option<(u64, TrialId, u32)>,
}

/// The trials of a bracket by index, with their outcomes.
pub(super) type Trials = BTreeMap<u32, Vec<StageRecord>>;

/// How far a bracket is known.
pub(super) enum Reached {
    /// It is over.
    End,
    /// It waits for outcomes of this stage.
    Stage(u32),
}

impl Outcomes {
    /// Finds the places of outcomes, of which the latest for each trial and stage is given.
    pub(crate) fn new(records: HashMap<(TrialId, u32), StageRecord>, outline: &Outline) -> Outcomes {
        let mut records: Vec<StageRecord> = records.into_values().collect();
        records.sort_unstable_by_key(|record| (record.trial, record.stage));
        let mut found = Outcomes { brackets: BTreeMap::new(), lost: None };
        let mut before = None;
        for record in records {
            let (trial, stage) = (record.trial, record.stage);
            let is_orphan = stage > 0 && before != Some((trial, stage - 1));
            if is_orphan {
                found.lose(1, trial, stage);
            }
            before = Some((trial, stage));
            let key = (trial.iteration, trial.bracket);
            let earlier = found.brackets.get(&key).and_then(|bracket| bracket.get(&trial.index));
            let known = earlier.map_or(0, Vec::len);
            // a trial that was stopped early has had fewer epochs than the plan says
            let had = earlier.and_then(|records| records.last()).map_or(0, StageRecord::reached);
            let fits = outline
                .stages_of(trial)
                .and_then(|stages| stages.get(stage as usize))
                .is_some_and(|planned| record.is_of(u64::from(planned.epochs), had));
            // behind one that has no place in this outline, or that is an orphan itself, it does not count
            if fits && !is_orphan && known == stage as usize {
                found.brackets.entry(key).or_default().entry(trial.index).or_default().push(record);
            }
        }
        found
    }

    /// Notes that outcomes do not count because lines are missing.
    pub(super) fn lose(&mut self, count: u64, trial: TrialId, stage: u32) {
        let lost = self.lost.get_or_insert((0, trial, stage));
        lost.0 += count;
    }

    /// The stages that follow from these outcomes without any training, and their epochs.
    ///
    /// # Errors
    /// The settings of the algorithm are not possible.
    pub(crate) fn replayable(&self, rules: &mut Rules) -> Result<(u64, u64)> {
        let (mut stages, mut epochs) = (0, 0);
        for (&bracket, trials) in &self.brackets {
            let counted = |index: u32, stage: u32| {
                if let Some(record) = trials.get(&index).and_then(|records| records.get(stage as usize)) {
                    (stages, epochs) = (stages + 1, epochs + record.epochs());
                }
            };
            follow(rules, bracket, trials, counted, |_| ())?;
        }
        Ok((stages, epochs))
    }

    /// The outcomes by trial and stage.
    pub(crate) fn into_known(self) -> HashMap<(TrialId, u32), StageRecord> {
        let trials = self.brackets.into_values().flat_map(BTreeMap::into_values);
        trials.flatten().map(|record| ((record.trial, record.stage), record)).collect()
    }
}

/// Follows a bracket as far as its outcomes are known. `turn` is called for each index and stage that has its
/// turn, known or not, except for first stages that are not; `end` for the trials whose lives an outcome
/// ends.
///
/// # Errors
/// The settings of the algorithm are not possible.
pub(super) fn follow(
    rules: &mut Rules,
    (iteration, bracket): (u32, u32),
    trials: &Trials,
    mut turn: impl FnMut(u32, u32),
    mut end: impl FnMut(&[(TrialId, Ended)]),
) -> Result<Reached> {
    let planned = rules.outline.brackets()[bracket as usize - 1].stages[0].trials;
    // where the order decides nothing, a first stage with gaps decides nothing either, and may have more
    // trials than can be counted
    if rules.order == Order::Free && (trials.len() as u64) < planned {
        trials.keys().for_each(|&index| turn(index, 0));
        return Ok(Reached::Stage(0));
    }
    let mut scheduler = rules.algorithm.scheduler_at((iteration, bracket), rules.direction, rules.lottery)?;
    if rules.order == Order::Virtual {
        scheduler = Box::new(VirtualTime::new(scheduler, rules.lookahead.unwrap_or(1)));
    }
    let (mut reached, mut unknown) = (0, false);
    let mut scores: HashMap<u32, Score> = HashMap::new();
    loop {
        let assignment = match scheduler.ask() {
            Ask::Run(next) if (next.trial.iteration, next.trial.bracket) == (iteration, bracket) => next,
            Ask::Wait => return Ok(Reached::Stage(reached)),
            _ if unknown => return Ok(Reached::Stage(reached)),
            _ => return Ok(Reached::End),
        };
        let trial = assignment.trial;
        reached = reached.max(assignment.stage);
        turn(trial.index, assignment.stage);
        let known = trials.get(&trial.index).and_then(|records| records.get(assignment.stage as usize));
        let Some(record) = known else {
            unknown = true;
            continue;
        };
        let before = scores.get(&trial.index).map_or(f64::NAN, |score| score.loss);
        let score = rules.losses.score(record, before);
        scores.extend(score.map(|score| (trial.index, score)));
        let ended = scheduler.tell(&assignment, score);
        if !ended.is_empty() {
            end(&ended);
        }
    }
}
