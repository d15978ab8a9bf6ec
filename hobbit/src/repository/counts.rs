//! How many trials of which stage are done: counted where something was begun, worked out for the rest of the
//! outline.

use std::collections::{BTreeMap, HashMap};

use crate::schedule::Outline;

/// One stage of a bracket, in an [`Overview`](super::Overview).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageOverview {
    /// The repetition of the whole Hyperband, counted from 1.
    pub iteration: u32,
    /// The bracket, counted from 1.
    pub bracket: u32,
    /// The stage, counted from 0.
    pub stage: u32,
    /// The number of trials in the plan; there are fewer if too many fail.
    pub planned: u64,
    /// The epochs each trial has after it.
    pub to: u64,
    /// The epochs each trial gets in it.
    pub epochs: u32,
    /// The number of trials that were trained.
    pub trained: u64,
    /// The number that diverged or failed.
    pub failed: u64,
    /// The number being trained.
    pub running: u64,
}

/// How many trials of a stage were trained, have failed, and are being trained.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) trained: u64,
    pub(super) failed: u64,
    pub(super) running: u64,
}

/// The counts of the stages of brackets that were begun.
pub(super) type Begun = BTreeMap<(u32, u32), Vec<Counts>>;

/// Of more stages than this, those of later repetitions are not listed one by one.
const LISTED: usize = 10_000;

/// The counts of a stage; there are none before it is reached.
pub(super) fn count(counts: &mut Vec<Counts>, stage: u32) -> &mut Counts {
    let stage = stage as usize;
    if counts.len() <= stage {
        counts.resize(stage + 1, Counts::default());
    }
    &mut counts[stage]
}

/// The stages of one repetition: bracket, stage, and what the outline says of it.
fn planned(outline: &Outline) -> impl Iterator<Item = StageOverview> {
    let brackets = (1..).zip(outline.brackets());
    brackets.flat_map(|(bracket, description)| {
        (0..).zip(&description.stages).map(move |(stage, planned)| StageOverview {
            iteration: 0,
            bracket,
            stage,
            planned: planned.trials,
            to: planned.trained,
            epochs: planned.epochs,
            trained: 0,
            failed: 0,
            running: 0,
        })
    })
}

/// The stages of all repetitions in order, as many as are listed.
pub(super) fn listed(outline: &Outline, begun: &Begun) -> Vec<StageOverview> {
    let all = (1..=outline.repetitions())
        .flat_map(|iteration| planned(outline).map(move |stage| StageOverview { iteration, ..stage }));
    let mut stages: Vec<StageOverview> = all.take(LISTED).collect();
    for stage in &mut stages {
        let counts = begun.get(&(stage.iteration, stage.bracket));
        if let Some(counts) = counts.and_then(|counts| counts.get(stage.stage as usize)) {
            (stage.trained, stage.failed, stage.running) = (counts.trained, counts.failed, counts.running);
        }
    }
    stages
}

/// The stages of one repetition, with what was done in all.
pub(super) fn totals(outline: &Outline, begun: &Begun) -> Vec<StageOverview> {
    let mut stages: Vec<StageOverview> = planned(outline).collect();
    let places: HashMap<(u32, u32), usize> =
        stages.iter().enumerate().map(|(place, stage)| ((stage.bracket, stage.stage), place)).collect();
    for stage in &mut stages {
        stage.planned = stage.planned.saturating_mul(u64::from(outline.repetitions()));
    }
    for ((_, bracket), counts) in begun {
        for (number, counts) in (0..).zip(counts) {
            let stage = &mut stages[places[&(*bracket, number)]];
            stage.trained += counts.trained;
            stage.failed += counts.failed;
            stage.running += counts.running;
        }
    }
    stages
}

/// The epochs that are left of all repetitions.
pub(super) fn epochs_left(outline: &Outline, begun: &Begun) -> u64 {
    let of_bracket = |bracket: u32, counts: &[Counts]| {
        let (mut healthy, mut epochs) = (0, 0);
        for (number, stage) in outline.brackets()[bracket as usize - 1].stages.iter().enumerate() {
            let counts = counts.get(number).copied().unwrap_or_default();
            let expected = if number == 0 { stage.trials } else { stage.trials.min(healthy) };
            let left = expected.saturating_sub(counts.trained + counts.failed);
            healthy = counts.trained + left;
            epochs += u128::from(left) * u128::from(stage.epochs);
        }
        epochs
    };
    let mut left = u128::from(outline.epochs_of_repetition()) * u128::from(outline.repetitions());
    for ((_, bracket), counts) in begun {
        left = left.saturating_sub(of_bracket(*bracket, &[])) + of_bracket(*bracket, counts);
    }
    u64::try_from(left).unwrap_or(u64::MAX)
}
