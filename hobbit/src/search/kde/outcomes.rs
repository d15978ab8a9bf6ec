//! What is known of each trial, and which of them are good.

use super::kernels::Weighted;
use super::{Constants, Focus};
use crate::random::Key;
use crate::search::{Observation, Point};
use crate::trial::Direction;

/// The latest outcome of each trial, best first.
pub(super) fn latest<'a>(seen: &'a [Observation], direction: Direction) -> Vec<&'a Observation> {
    let mut by_trial: Vec<&Observation> = seen.iter().collect();
    by_trial.sort_by_key(|outcome| outcome.trial);
    let of_trials = by_trial.chunk_by(|a, b| a.trial == b.trial);
    let placed = |outcomes: &[&'a Observation]| outcomes.last().map(|last| (last.place(direction), *last));
    let mut ranked: Vec<_> = of_trials.filter_map(placed).collect();
    // no two are equal, since their trials differ
    ranked.sort_unstable_by(|(a, this), (b, other)| a.cmp(b).then_with(|| this.trial.cmp(&other.trial)));
    ranked.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Whether all outcomes are of the same number of epochs, so that none is a guess of what comes later.
pub(super) fn are_settled(seen: &[Observation]) -> bool {
    seen.windows(2).all(|pair| pair[0].epochs == pair[1].epochs)
}

/// The good configurations, and those to compare them with.
pub(super) struct Split<'a> {
    pub(super) good: Vec<Weighted<'a>>,
    pub(super) bad: Vec<Weighted<'a>>,
}

/// Splits ranked outcomes. The best of the good ones have more weight, by rank and not by score: a model must
/// not change when losses are reported as their logarithms.
pub(super) fn split<'a>(
    ranked: &[&'a Observation],
    constants: &Constants,
    focus: &Focus,
    key: Key,
) -> Split<'a> {
    let (share, most) = focus.good;
    let count = ((share * ranked.len() as f64).ceil() as usize).min(most);
    let healthy = ranked.iter().take_while(|outcome| outcome.score.is_some()).count();
    let count = count.min(healthy);
    let (good, rest) = ranked.split_at(count);
    let weight = |rank: usize| {
        let weight = (count - rank) as f64;
        if constants.steep { weight * weight.sqrt() } else { weight }
    };
    let by_rank = |(rank, outcome): (usize, &&'a Observation)| (&outcome.point, weight(rank));
    let good = good.iter().enumerate().map(by_rank).collect();
    let bad = compared(rest, constants.bad, key).into_iter().map(|point| (point, 1.0)).collect();
    Split { good, bad }
}

/// Of the configurations that are not good those nearest to it, and some of the others, so that a proposal
/// takes no longer the more is known.
fn compared<'a>(rest: &[&'a Observation], most: usize, key: Key) -> Vec<&'a Point> {
    let mut points: Vec<&Point> = rest.iter().map(|outcome| &outcome.point).collect();
    if points.len() > most {
        let mut rng = key.rng();
        for place in most / 2..most {
            let other = place + rng.below((points.len() - place) as u64) as usize;
            points.swap(place, other);
        }
        points.truncate(most);
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Score;
    use crate::trial::TrialId;

    fn outcome(index: u32, stage: u32, score: Option<f64>) -> Observation {
        let point = Point::new([Some(f64::from(index) / 1024.0)]);
        Observation::new(TrialId::new(1, index), stage, u64::from(stage) + 1, score.map(Score::from), point)
    }

    fn indices(ranked: &[&Observation]) -> Vec<u32> {
        ranked.iter().map(|outcome| outcome.trial.index).collect()
    }

    fn places(points: &[Weighted<'_>]) -> Vec<u32> {
        points.iter().map(|(point, _)| (point[0].unwrap() * 1024.0) as u32).collect()
    }

    #[test]
    fn a_trial_counts_by_its_latest_outcome() {
        let seen = [
            outcome(1, 0, Some(0.5)),
            outcome(2, 0, Some(0.4)),
            outcome(3, 0, None),
            outcome(2, 1, Some(0.6)),
            outcome(1, 1, Some(0.1)),
            outcome(4, 0, Some(0.3)),
        ];
        assert_eq!(indices(&latest(&seen, Direction::Minimize)), [1, 4, 2, 3]);
        assert_eq!(indices(&latest(&seen, Direction::Maximize)), [2, 4, 1, 3]);
    }

    #[test]
    fn the_best_are_good_and_the_best_of_them_most() {
        let seen: Vec<Observation> = (1..=20).map(|i| outcome(i, 0, Some(f64::from(i)))).collect();
        let split =
            split(&latest(&seen, Direction::Minimize), &Constants::V1, &Constants::V1.early, Key::new(0));
        assert_eq!(places(&split.good), [1, 2, 3]);
        assert_eq!(split.good.iter().map(|(_, weight)| *weight).collect::<Vec<_>>(), [3.0, 2.0, 1.0]);
        assert_eq!(places(&split.bad), (4..=20).collect::<Vec<_>>());
    }

    #[test]
    fn failed_trials_are_never_good() {
        let seen: Vec<Observation> =
            (1..=20).map(|i| outcome(i, 0, (i == 7).then_some(f64::from(i)))).collect();
        let split =
            split(&latest(&seen, Direction::Minimize), &Constants::V1, &Constants::V1.early, Key::new(0));
        assert_eq!((places(&split.good), split.bad.len()), (vec![7], 19));
    }

    #[test]
    fn of_many_the_nearest_and_some_others_are_compared() {
        let seen: Vec<Observation> = (1..=900).map(|i| outcome(i, 0, Some(f64::from(i)))).collect();
        let constants = Constants { bad: 40, ..Constants::V1 };
        let ranked = latest(&seen, Direction::Minimize);
        let first = split(&ranked, &constants, &constants.early, Key::new(1));
        let (good, bad) = (places(&first.good), places(&first.bad));
        assert_eq!((good.len(), bad.len()), (25, 40));
        assert_eq!(bad[..20], (26..=45).collect::<Vec<_>>());
        let mut distinct = bad.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert!(distinct.len() == 40 && bad.iter().any(|&place| place > 450), "{bad:?}");
        assert_eq!(places(&split(&ranked, &constants, &constants.early, Key::new(1)).bad), bad);
        assert_ne!(places(&split(&ranked, &constants, &constants.early, Key::new(2)).bad), bad);
    }
}
