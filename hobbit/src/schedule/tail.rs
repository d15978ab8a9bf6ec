//! In which order trials are begun behind which nothing is left to fill the time.

/// How many of the last trials are put into an order of their own: enough for every worker to have some.
const TAIL: u32 = 256;

/// The indexes of the last of `trials` trials, by what an epoch of each costs: a long trial that is begun
/// last would be trained alone. Equal ones are in order.
///
/// All others are begun in order, so that a sweep that is stopped has not tried the longest ones only.
pub(super) fn longest_last(trials: u32, cost: impl Fn(u32) -> f64) -> Vec<u32> {
    let mut tail: Vec<(f64, u32)> =
        (trials.saturating_sub(TAIL)..trials).map(|before| (cost(before + 1), before + 1)).collect();
    tail.sort_by(|a, b| b.0.total_cmp(&a.0));
    tail.into_iter().map(|(_, index)| index).collect()
}
