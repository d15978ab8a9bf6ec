//! How much each hyperparameter matters: fANOVA (Hutter, Hoos and Leyton-Brown, ICML 2014) on a random
//! forest.
//!
//! Scores of different budgets are not comparable, so what is explained is a trial's rank after the first
//! stage of its bracket, among the trials of that bracket: from 0 for the best to 1 for the worst. Every
//! trial has one, whichever bracket it is in. Trials that failed are the worst. A hyperparameter that a trial
//! does not have counts as being in the middle of its range.
//!
//! What chance alone gives is measured with made-up hyperparameters: a copy of each real one, shuffled (the
//! shadow features of Kursa and Rudnicki, JSS 36(11), 2010). What is not above all of them tells nothing.

use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroUsize;

use fanova::{FanovaOptions, RandomForestOptions};

use super::columns::{Column, Scale};
use crate::random::Key;
use crate::repository::{Overview, TrialOverview};
use crate::trial::Direction;

/// More trials than this are thinned out: the forest takes time by the square of their number.
const MOST: usize = 700;
/// Fewer trials than this tell nothing.
const FEWEST: usize = 30;
/// Of fewer trials than this for each hyperparameter the answer is a hint at most.
const FEWEST_EACH: usize = 5;

#[derive(Clone)]
pub(super) struct Importance {
    /// The hyperparameters that were varied, as places in the list of columns, with the share of the variance
    /// that each alone explains; the largest share first.
    pub(super) shares: Vec<(usize, f64)>,
    /// The largest share that a shuffled hyperparameter got.
    pub(super) chance: f64,
    /// The trials it rests on.
    pub(super) trials: usize,
    /// The trials that there were.
    pub(super) of: usize,
    /// So many would be enough for a firm answer.
    pub(super) needed: usize,
}

impl Importance {
    /// # Errors
    /// Why nothing can be said.
    pub(super) fn new(overview: &Overview, columns: &[Column]) -> Result<Importance, String> {
        let targets = first_ranks(overview);
        let varied: Vec<usize> = (0..columns.len()).filter(|&i| !columns[i].is_constant()).collect();
        if varied.is_empty() {
            return Err("No hyperparameter was varied yet.".to_owned());
        }
        let groups: HashSet<&str> = varied.iter().map(|&i| columns[i].group()).collect();
        let needed = FEWEST.max(FEWEST_EACH * groups.len());
        if targets.len() < FEWEST {
            return Err(format!(
                "Too few trials to tell: {} went through the first stage of their bracket, and it takes {FEWEST}.",
                targets.len(),
            ));
        }
        let most = targets.len().min(MOST);
        let kept: Vec<(usize, f64)> = (0..most).map(|i| targets[i * targets.len() / most]).collect();
        let target: Vec<f64> = kept.iter().map(|(_, target)| *target).collect();
        let rows: Vec<usize> = kept.iter().map(|(row, _)| *row).collect();
        // thinning may leave a column without variation, which the forest cannot take
        let features: Vec<(usize, Vec<f64>)> = varied
            .iter()
            .map(|&i| (i, feature(&columns[i], &rows)))
            .filter(|(_, feature)| feature.iter().any(|value| *value != feature[0]))
            .collect();
        let shuffled = |(place, (_, feature)): (usize, &(usize, Vec<f64>))| {
            let mut shadow = feature.clone();
            Key::new(0).child(place as u64).rng().shuffle(&mut shadow);
            shadow
        };
        let shadows: Vec<Vec<f64>> = features.iter().enumerate().map(shuffled).collect();
        let all = features.iter().map(|(_, feature)| feature).chain(&shadows);
        let trees = (MOST * 32 / rows.len()).clamp(32, 128);
        let trees = NonZeroUsize::new(trees).unwrap_or(NonZeroUsize::MIN);
        let forest = RandomForestOptions::new().seed(0).trees(trees);
        let mut fanova = FanovaOptions::new()
            .random_forest(forest)
            .parallel()
            .fit(all.map(Vec::as_slice).collect(), &target)
            .map_err(|error| format!("It could not be computed: {error}."))?;
        let mut share = |place: usize| fanova.quantify_importance(&[place]).mean;
        let mut shares: Vec<(usize, f64)> =
            features.iter().enumerate().map(|(place, (column, _))| (*column, share(place))).collect();
        let chance = (0..shadows.len()).map(|shadow| share(features.len() + shadow)).fold(0.0, f64::max);
        if shares.iter().any(|(_, share)| !share.is_finite()) {
            return Err("All trials do equally well, so nothing explains a difference.".to_owned());
        }
        shares.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        Ok(Importance { shares, chance, trials: rows.len(), of: targets.len(), needed })
    }
}

/// The values of some trials, on the scale on which they were drawn.
fn feature(column: &Column, rows: &[usize]) -> Vec<f64> {
    let places = column
        .values
        .iter()
        .map(|value| value.map(|value| if column.scale == Scale::Log { value.ln() } else { value }));
    let places: Vec<Option<f64>> = places.collect();
    let (low, high) = super::columns::range(places.iter().flatten().copied()).unwrap_or_default();
    rows.iter().map(|&row| places[row].unwrap_or(low / 2.0 + high / 2.0)).collect()
}

/// The trials (as places in the list) that went through their first stage, with their ranks there, in the
/// order of their ids.
pub(super) fn first_ranks(overview: &Overview) -> Vec<(usize, f64)> {
    let mut brackets: BTreeMap<_, Vec<(usize, &TrialOverview)>> = BTreeMap::new();
    for (row, trial) in overview.trials.iter().enumerate() {
        if !trial.stages.is_empty() {
            brackets.entry((trial.id.iteration, trial.id.bracket)).or_default().push((row, trial));
        }
    }
    let mut ranks = Vec::new();
    let sign = match overview.study.direction {
        Direction::Minimize => 1.0,
        Direction::Maximize => -1.0,
    };
    for trials in brackets.values().filter(|trials| trials.len() > 1) {
        let score =
            |trial: &TrialOverview| trial.stages[0].score.map_or(f64::INFINITY, |(score, _)| sign * score);
        let scores: Vec<f64> = trials.iter().map(|(_, trial)| score(trial)).collect();
        let last = (trials.len() - 1) as f64;
        let places = super::correlation::ranks(&scores);
        ranks.extend(trials.iter().zip(places).map(|((row, _), rank)| (*row, rank / last)));
    }
    ranks.sort_by_key(|(row, _)| overview.trials[*row].id);
    ranks
}
