//! Whether early scores tell late ones: the rank correlation (Spearman's) between a stage's scores and the
//! next one's.
//!
//! Of each pair of stages it takes the trials that went on. The earlier score is the one that the promotion
//! was decided by. The later one is from the later stage's own epochs alone; the best value so far would be
//! the earlier score again for every trial that did not improve. Repetitions of a bracket are ranked each for
//! itself, and their ranks are put together.

use std::collections::BTreeMap;

use crate::repository::{End, Overview, ScoreBy, StageRecord};

/// Fewer pairs than this tell nothing.
pub(super) const FEWEST: usize = 5;

/// The pairs of scores, by the repetition of the whole Hyperband.
type Repetitions = BTreeMap<u32, Vec<(f64, f64)>>;

/// How well a stage of a bracket tells the next one.
pub(super) struct Correlation {
    /// The bracket, counted from 1.
    pub(super) bracket: u32,
    /// The earlier stage, counted from 0.
    pub(super) stage: u32,
    /// The epochs after both stages.
    pub(super) epochs: (u64, u64),
    /// The trials that have both scores, and can be compared with another one of their repetition.
    pub(super) pairs: usize,
    /// The repetitions they are of.
    repetitions: usize,
    /// From -1, the order turned round, to 1, the same order; nothing if there are too few pairs, or all are
    /// equal.
    pub(super) rho: Option<f64>,
}

impl Correlation {
    /// Every pair of stages that some trial went through.
    pub(super) fn all(overview: &Overview) -> Vec<Correlation> {
        let mut groups: BTreeMap<(u32, u32), Repetitions> = BTreeMap::new();
        let mut epochs = BTreeMap::new();
        for trial in &overview.trials {
            for pair in trial.stages.windows(2) {
                let (earlier, later) = (&pair[0], &pair[1]);
                let scores = earlier.score.zip(own_score(overview, later));
                let key = (trial.id.bracket, earlier.stage);
                let planned = |stage: &StageRecord| {
                    let stages = overview.outline.stages_of(trial.id)?;
                    stages.get(stage.stage as usize).map(|stage| stage.trained)
                };
                // as planned: trials that were stopped early have fewer
                let ends = (planned(earlier).unwrap_or(earlier.to), planned(later).unwrap_or(later.to));
                epochs.insert(key, ends);
                let group = groups.entry(key).or_default().entry(trial.id.iteration).or_default();
                group.extend(scores.map(|((earlier, _), later)| (earlier, later)));
            }
        }
        let correlation = |(key, repetitions): (&(u32, u32), &Repetitions)| {
            let groups: Vec<_> = repetitions.values().filter(|group| group.len() > 1).collect();
            let pairs = groups.iter().map(|group| group.len()).sum();
            let repetitions = groups.len();
            let rho = if pairs < FEWEST { None } else { pooled(groups.into_iter()) };
            Correlation { bracket: key.0, stage: key.1, epochs: epochs[key], pairs, repetitions, rho }
        };
        groups.iter().map(correlation).collect()
    }

    /// How many pairs are free to vary.
    pub(super) fn free(&self) -> f64 {
        // each repetition's own mean takes away one, as a single group's does in the formula
        (self.pairs as f64 - (self.repetitions as f64 - 1.0) - 3.0).max(0.0)
    }

    /// The interval that the correlation lies in with a probability of 95 %; nothing if there are too few
    /// pairs.
    pub(super) fn interval(&self) -> Option<(f64, f64)> {
        self.rho.filter(|_| self.free() > 0.0).map(|rho| interval(rho, self.free()))
    }
}

/// The interval that a correlation lies in with a probability of 95 %, by Fisher's transformation (its
/// standard error for Spearman's rho after Fieller, Hartley and Pearson, Biometrika 44, 1957).
pub(super) fn interval(rho: f64, free: f64) -> (f64, f64) {
    let z = rho.clamp(-0.999, 0.999).atanh();
    let half = 1.96 * (1.06 / free).sqrt();
    ((z - half).tanh(), (z + half).tanh())
}

/// The score of a stage by its own epochs alone.
fn own_score(overview: &Overview, stage: &StageRecord) -> Option<f64> {
    if stage.end != End::Trained {
        return None;
    }
    let values = stage.history.column(&overview.study.monitor)?.filter(|value| value.is_finite());
    match overview.study.score {
        ScoreBy::Last => values.last(),
        ScoreBy::Best => values
            .reduce(|best, value| if overview.study.direction.better(value, best) { value } else { best }),
    }
}

/// Spearman's rho of several groups, each ranked for itself; of one group it is the usual one.
fn pooled<'a>(groups: impl Iterator<Item = &'a Vec<(f64, f64)>>) -> Option<f64> {
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for group in groups {
        let x: Vec<f64> = group.iter().map(|(x, _)| *x).collect();
        let y: Vec<f64> = group.iter().map(|(_, y)| *y).collect();
        let count = group.len() as f64;
        let middle = (count - 1.0) / 2.0;
        for (x, y) in ranks(&x).into_iter().zip(ranks(&y)) {
            let (x, y) = ((x - middle) / count, (y - middle) / count);
            (xy, xx, yy) = (xy + x * y, xx + x * x, yy + y * y);
        }
    }
    let rho = xy / (xx * yy).sqrt();
    rho.is_finite().then_some(rho)
}

/// The places of numbers in their order, from 0 for the smallest; equal ones share the mean of their places.
pub(super) fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = first as f64 + (equal.len() - 1) as f64 / 2.0;
        for &place in equal {
            ranks[place] = rank;
        }
        first += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_share_a_rank() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [2.5, 0.0, 2.5, 1.0]);
        assert_eq!(ranks(&[f64::INFINITY, 1.0, f64::INFINITY]), [1.5, 0.0, 1.5]);
        assert_eq!(ranks(&[]), [0.0; 0]);
    }

    #[test]
    fn rho_of_known_examples() {
        let rho = |pairs: &[(f64, f64)]| pooled(std::iter::once(&pairs.to_vec()));
        assert_eq!(rho(&[(1.0, 10.0), (2.0, 20.0), (3.0, 900.0)]), Some(1.0));
        assert_eq!(rho(&[(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)]), Some(-1.0));
        assert_eq!(rho(&[(1.0, 1.0), (2.0, 1.0)]), None);
        // 1 - 6 * (1 + 1 + 1 + 1) / (5 * 24)
        let shuffled = [(1.0, 2.0), (2.0, 1.0), (3.0, 4.0), (4.0, 3.0), (5.0, 5.0)];
        assert!((rho(&shuffled).unwrap() - 0.8).abs() < 1e-12);
    }

    #[test]
    fn repetitions_are_ranked_each_for_itself() {
        // two repetitions on other levels: the order within each is turned round
        let low = vec![(1.0, 2.0), (2.0, 1.0)];
        let high = vec![(11.0, 12.0), (12.0, 11.0)];
        assert_eq!(pooled([&low, &high].into_iter()), Some(-1.0));
    }
}
