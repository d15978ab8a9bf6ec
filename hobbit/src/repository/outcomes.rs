//! Which outcomes of a journal count, and what follows from them.
//!
//! An outcome counts if the plan asks for it and everything before it is known: the outcomes of its trial's
//! earlier stages, and those that its promotion was decided by. So a journal that lost lines tells less, and
//! nothing that is wrong. Time and memory depend on what the journal holds, not on how large it says that the
//! plan is.

use std::collections::{BTreeMap, HashMap};

use super::deciding::Losses;
use super::records::StageRecord;
use crate::schedule::{Ask, Plan, Scheduler, Score, StageEnd};
use crate::trial::{Direction, TrialId};

/// The outcomes that the plan has a place for: for each trial those of its first stages, without a gap.
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
    pub(crate) fn new(
        records: HashMap<(TrialId, u32), StageRecord>,
        plan: &Plan,
        iterations: u32,
    ) -> Outcomes {
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
            let fits = place(plan, iterations, trial)
                .and_then(|stages| stages.get(stage as usize))
                .is_some_and(|planned| record.is_of(u64::from(planned.epochs), had));
            // behind one that has no place in this plan, or that is an orphan itself, it does not count
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
    pub(crate) fn replayable(&self, plan: &Plan, direction: Direction, mut losses: Losses) -> (u64, u64) {
        let (mut stages, mut epochs) = (0, 0);
        for (&bracket, trials) in &self.brackets {
            let counted = |index: u32, stage: u32| {
                if let Some(record) = trials.get(&index).and_then(|records| records.get(stage as usize)) {
                    (stages, epochs) = (stages + 1, epochs + record.epochs());
                }
            };
            follow(plan, (direction, &mut losses), bracket, trials, counted, |_| ());
        }
        (stages, epochs)
    }

    /// The outcomes by trial and stage.
    pub(crate) fn into_known(self) -> HashMap<(TrialId, u32), StageRecord> {
        let trials = self.brackets.into_values().flat_map(BTreeMap::into_values);
        trials.flatten().map(|record| ((record.trial, record.stage), record)).collect()
    }
}

/// The stages of the bracket in which the plan has a place for this trial.
pub(crate) fn place(plan: &Plan, iterations: u32, trial: TrialId) -> Option<&[crate::schedule::Stage]> {
    let stages = &plan.brackets().get((trial.bracket as usize).checked_sub(1)?)?.stages;
    let is_planned = trial.iteration <= iterations && u64::from(trial.index) <= stages[0].trials;
    is_planned.then_some(stages)
}

/// Follows a bracket as far as its outcomes are known. `stage` is called for each index and stage that has
/// its turn, known or not, except for first stages that are not; `end` for each stage that is over.
pub(super) fn follow(
    plan: &Plan,
    (direction, losses): (Direction, &mut Losses),
    (iteration, bracket): (u32, u32),
    trials: &Trials,
    mut stage: impl FnMut(u32, u32),
    mut end: impl FnMut(&StageEnd),
) -> Reached {
    let planned = plan.brackets()[bracket as usize - 1].stages[0].trials;
    // a first stage with gaps decides nothing, and may have more trials than can be counted
    if (trials.len() as u64) < planned {
        trials.keys().for_each(|&index| stage(index, 0));
        return Reached::Stage(0);
    }
    let mut scheduler = Scheduler::at(plan.clone(), (iteration, bracket), direction);
    let mut reached = 0;
    let mut scores: HashMap<u32, Score> = HashMap::new();
    while let Ask::Run(assignment) = scheduler.ask() {
        let trial = assignment.trial;
        if (trial.iteration, trial.bracket) != (iteration, bracket) {
            break;
        }
        stage(trial.index, assignment.stage);
        let known = trials.get(&trial.index).and_then(|records| records.get(assignment.stage as usize));
        let Some(record) = known else { continue };
        let before = scores.get(&trial.index).map_or(f64::NAN, |score| score.loss);
        let score = losses.score(record, before);
        scores.extend(score.map(|score| (trial.index, score)));
        if let Some(ended) = scheduler.tell_score(trial, score) {
            reached = ended.stage + 1;
            end(&ended);
            if ended.last {
                return Reached::End;
            }
        }
    }
    Reached::Stage(reached)
}
