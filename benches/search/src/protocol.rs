//! From the stages of a sweep to its regret after each epoch of budget.

use crate::tables::Table;

/// A stage as it was handed out: a row of the table, trained from one epoch to another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stage {
    pub(crate) row: usize,
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// The epoch, counted from 1, at which it was over: `to`, or that of its first loss that is no number.
    pub(crate) end: usize,
}

/// The regret after each epoch of budget.
///
/// `stages` are in the order in which they were handed out. On `lanes` virtual workers each begins when the
/// first of them is free, and an epoch takes one unit of time; the budget counts epochs in that time, and
/// those of equal times in order of the stages. A lane is occupied for the planned length of a stage, within
/// the table, even if it ends earlier.
pub(crate) fn regrets(table: &Table, stages: &[Stage], lanes: usize, budget: usize) -> Vec<f64> {
    let mut free = vec![0usize; lanes.max(1)];
    let mut epochs = Vec::new();
    for (number, stage) in stages.iter().enumerate() {
        let lane = (0..free.len()).min_by_key(|&lane| (free[lane], lane)).unwrap_or(0);
        let begin = free[lane];
        free[lane] += stage.to.min(table.max_epochs()) - stage.from;
        for epoch in stage.from..stage.end {
            epochs.push((begin + epoch - stage.from + 1, number, table.curves[stage.row][epoch]));
        }
    }
    epochs.sort_by_key(|&(time, number, _)| (time, number));
    let mut best = f64::INFINITY;
    let regret = |&(_, _, loss): &(usize, usize, f64)| {
        if loss < best {
            best = loss;
        }
        if best.is_finite() { table.regret(best) } else { 1.0 }
    };
    let mut regrets: Vec<f64> = epochs.iter().map(regret).take(budget).collect();
    // a search that has nothing more to train keeps what it has
    let last = regrets.last().copied().unwrap_or(1.0);
    regrets.resize(budget, last);
    regrets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let curves = vec![vec![0.9, 0.8, 0.1], vec![0.5, f64::NAN, f64::NAN], vec![0.7, 0.6, 0.2]];
        Table { name: "t".to_owned(), curves, initial: 1.1, best: 0.1 }
    }

    fn stage(row: usize, from: usize, to: usize, end: usize) -> Stage {
        Stage { row, from, to, end }
    }

    #[test]
    fn one_lane_counts_epochs_in_order() {
        let stages =
            [stage(0, 0, 1, 1), stage(1, 0, 1, 1), stage(2, 0, 1, 1), stage(1, 1, 3, 2), stage(0, 1, 3, 3)];
        let regrets = regrets(&table(), &stages, 1, 8);
        let expected = [0.8, 0.4, 0.4, 0.4, 0.4, 0.0, 0.0, 0.0];
        assert!(regrets.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{regrets:?}");
    }

    #[test]
    fn lanes_interleave() {
        // the long stage's last epoch comes after both short ones
        let stages = [stage(0, 0, 3, 3), stage(1, 0, 1, 1), stage(2, 0, 1, 1)];
        let regrets = regrets(&table(), &stages, 2, 5);
        let expected = [0.8, 0.4, 0.4, 0.4, 0.0];
        assert!(regrets.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{regrets:?}");
    }

    #[test]
    fn a_search_that_found_nothing_has_regret_one() {
        let stages = [stage(1, 1, 3, 2)];
        assert_eq!(regrets(&table(), &stages, 1, 2), [1.0, 1.0]);
        assert_eq!(regrets(&table(), &[], 1, 2), [1.0, 1.0]);
    }
}
