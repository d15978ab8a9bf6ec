//! `Kde`: proposes what is likelier among the good configurations than among the others.

mod correlation;
mod density;
mod kernels;
mod known;
mod outcomes;

use self::density::Mixture;
use self::kernels::Dimension;
use self::known::Known;
use self::outcomes::{are_settled, latest, split};
use super::{Draw, Point, Proposal, Sampler};
use crate::error::BoxError;
use crate::space::Value;

/// A sampler that learns from outcomes, by comparing the density of good configurations with that of the
/// others.
///
/// It is a tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and Kégl, "Algorithms for
/// Hyper-Parameter Optimization", NeurIPS 2011, section 4) with one density over all parameters together, as
/// in BOHB (Falkner, Klein and Hutter, "BOHB: Robust and Efficient Hyperparameter Optimization at Scale",
/// ICML 2018, section 4). [`Hyperband`](crate::Hyperband) with it *is* BOHB, with other constants; it works
/// with every other algorithm as well.
///
/// The outcomes so far are split into the best ones and the others. Each of the two sets becomes a density
/// over the unit cube: a kernel around each configuration, and the space's own distribution as one more.
/// Candidates are drawn from the density of the good ones, and the one is proposed whose density among the
/// good ones is largest in proportion to that among the others.
///
/// - **A trial counts by its latest score**, whichever stage that is from. So the many outcomes of first
///   stages and the few of last ones are used together (as in Salinas, Golebiowski, Klein, Seeger and
///   Archambeau, "Optimizing Hyperparameters with Conformal Quantile Regression", ICML 2023).
/// - **Good configurations along a line** have kernels along it, so that parameters that have to fit each
///   other are searched together.
/// - **Scores that are final**, where all trials are trained for the same number of epochs, are searched more
///   closely the more of them there are.
/// - **Only ranks count**: the better of the good configurations have more weight by their rank, so a loss
///   and its logarithm are searched in the same way. Failed trials rank last.
/// - **Conditional parameters** are part of the one density. A kernel compares two configurations by the
///   parameters that both have, and leaves those that only one of them has to the space's distribution. So a
///   parameter of an enum's variant keeps its correlation with those that all variants share.
/// - **Options and whole numbers** are compared by the probabilities of values. Where all parameters have
///   finitely many values, nothing is proposed that was tried already; a random configuration may be.
/// - **Configurations under way** count as bad ones ("constant liar"), so that trials that are begun at the
///   same time do not get the same proposal.
/// - **Some configurations are random**: those before 2 (d + 1) trials have an outcome, where d is the number
///   of parameters, and afterwards a share of them, see [`random_share`](Kde::random_share).
/// - A [`Distribution`](crate::space::Domain::Distribution) of the user's own is drawn at random, and not
///   learned.
///
/// # When random search is as good
///
/// Before some thirty configurations there is little to learn, and with a very large
/// [`lookahead`](crate::Study::lookahead) all are begun before anything is known: every trial under way is
/// one that the next proposal knows nothing of. With few parameters that matter and many epochs to spend,
/// random configurations do as well. `docs/search.md` has the figures, and the measurements behind the
/// constants.
///
/// # Example
///
/// ```
/// use hobbit::search::Kde;
/// use hobbit::{Hyperband, search_space};
///
/// #[search_space]
/// struct Hparams {
///     #[log_uniform(1e-5..=1.0)]
///     rate: f64,
/// }
///
/// // its loss says how far the rate is from 1e-2
/// let study = Hyperband::function(|hp: &Hparams, trial| {
///     for _ in trial.epochs() {
///         trial.report("val_loss", (hp.rate.log10() + 2.0).abs())?;
///     }
///     Ok(())
/// });
/// let study = study.quiet().seed(1).iterations(3);
/// let results = study.sampler(Kde::new()).run(9, 3)?;
/// assert!((results.best().hparams.rate.log10() + 2.0).abs() < 0.1);
/// # Ok::<(), hobbit::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kde {
    version: u32,
    constants: Constants,
}

/// The numbers of the rule, which belong to its version. `docs/search.md` says what they were measured on.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Constants {
    /// The share of configurations that is random.
    random: f64,
    /// The outcomes needed before anything is proposed: this for each parameter and one more.
    needed: usize,
    /// The most of the other outcomes that are compared with.
    bad: usize,
    /// How many candidates are drawn.
    candidates: usize,
    /// How much wider than the kernels candidates are drawn.
    widening: f64,
    /// Whether the weights of good ones are their ranks to the power of 1.5, or their ranks.
    steep: bool,
    /// Where outcomes are of different numbers of epochs, so that many of them are a guess.
    early: Focus,
    /// Where all outcomes are of the same number of epochs, so that their order is final.
    settled: Focus,
}

/// How closely good configurations are searched.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Focus {
    /// The share of outcomes that is good, and the most of them.
    good: (f64, usize),
    /// In the end no kernel is narrower, in parts of the range.
    narrowest: f64,
    /// The weight of the space's own distribution beside the kernels, each of which has 1 on the average.
    prior: f64,
    /// Whether kernels of good ones are correlated as these are.
    correlated: bool,
}

impl Constants {
    /// Those of version 1.
    const V1: Constants = {
        let focus = Focus { good: (0.15, 25), narrowest: 0.1, prior: 1.0, correlated: false };
        Constants {
            random: 0.2,
            needed: 2,
            bad: 200,
            candidates: 64,
            widening: 2.0,
            steep: false,
            early: focus,
            settled: focus,
        }
    };

    /// Those of version 2.
    const V2: Constants = Constants {
        random: 0.1,
        steep: true,
        early: Focus { good: (0.1, 25), narrowest: 0.1, prior: 2.0, correlated: false },
        settled: Focus { good: (0.15, 25), narrowest: 0.05, prior: 3.0, correlated: true },
        ..Constants::V1
    };
}

impl Focus {
    /// The narrowest kernel after so many trials: a tenth of the range, until there are many.
    fn floor(&self, trials: usize) -> f64 {
        const MANY: f64 = 20.0;
        (0.1 * (MANY / trials as f64).min(1.0)).max(self.narrowest)
    }
}

impl Default for Kde {
    fn default() -> Kde {
        Kde::new()
    }
}

impl Kde {
    /// The sampler with the settings that were best on tables of learning curves: version 2 of its rule.
    pub fn new() -> Kde {
        Kde { version: 2, constants: Constants::V2 }
    }

    /// Version 1 of its rule, to go on with a study that was begun with it: `study.ron` says which version a
    /// study has, and with another one it is not continued.
    pub fn version_1() -> Kde {
        Kde { version: 1, constants: Constants::V1 }
    }

    /// Sets the share of configurations that are drawn at random, whatever is known: 0 to 1, by default 0.1.
    /// Which trials get one depends on the trial alone. A larger share protects against an early mistake;
    /// with a smaller one good regions are searched more closely. Another share is another study.
    #[must_use]
    pub fn random_share(mut self, share: f64) -> Kde {
        self.constants.random = share;
        self
    }
}

/// Purposes of keys below a proposal's own.
const RANDOM: u64 = 0;
const CANDIDATES: u64 = 1;
const OTHERS: u64 = 2;
const PRIOR: u64 = 3;

impl Sampler for Kde {
    fn name(&self) -> &str {
        "kde"
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn settings(&self) -> Vec<(String, Value)> {
        vec![("random_share".to_owned(), Value::Float(self.constants.random))]
    }

    fn propose(&self, at: &Draw<'_>) -> Result<Proposal, BoxError> {
        let constants = &self.constants;
        let random = constants.random;
        if !(0.0..=1.0).contains(&random) {
            return Err(format!("`random_share` is {random}; it has to be from 0 to 1").into());
        }
        if at.key.child(RANDOM).rng().unit() < random {
            return Ok(Proposal::Prior);
        }
        let ranked = latest(at.seen, at.direction);
        let parameters = ranked.iter().map(|outcome| outcome.point.iter().flatten().count()).max();
        if ranked.len() < constants.needed * (parameters.unwrap_or(0) + 1) {
            return Ok(Proposal::Prior);
        }
        let focus = if are_settled(at.seen) { &constants.settled } else { &constants.early };
        let mut split = split(&ranked, constants, focus, at.key.child(OTHERS));
        // what is under way counts as bad, or all of it would be the same
        split.bad.extend(at.pending.iter().map(|point| (point, 1.0)));
        if split.good.is_empty() || split.bad.is_empty() {
            return Ok(Proposal::Prior);
        }
        let dimensions = Dimension::all(at.space);
        let narrowest = focus.floor(ranked.len());
        let mixture = |points: &_| Mixture::new(points, &dimensions, narrowest, focus.prior);
        let (mut good, bad) = (mixture(&split.good), mixture(&split.bad));
        if focus.correlated {
            good = good.correlated(&split.good);
        }
        let candidates = candidates(at, &good, &dimensions, constants)?;
        let known = Known::new(at, &dimensions);
        let best = best(&candidates, (&good, &bad), |point| !known.has(point));
        Ok(best.map_or(Proposal::Prior, |point| Proposal::Point(point.clone())))
    }
}

/// The candidate that is likeliest among the good ones in proportion to the others, of those that may be
/// proposed; of equal ones the first.
fn best<'a>(
    candidates: &'a [Point],
    (good, bad): (&Mixture<'_>, &Mixture<'_>),
    may_be: impl Fn(&Point) -> bool,
) -> Option<&'a Point> {
    // the others' density, which costs most of it, is at least what the space's own distribution gives
    let bounded = candidates.iter().enumerate().map(|(place, point)| {
        let good = good.log_density(point);
        (good - bad.log_prior(point), good, place)
    });
    let mut bounded: Vec<(f64, f64, usize)> = bounded.collect();
    bounded.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut best: Option<(f64, usize)> = None;
    for (most, good, place) in bounded {
        if best.is_some_and(|(ratio, _)| most < ratio) {
            break;
        }
        let point = &candidates[place];
        let ratio = good - bad.log_density(point);
        let is_better = best.is_none_or(|(than, first)| {
            ratio.total_cmp(&than).then(first.cmp(&place)) == std::cmp::Ordering::Greater
        });
        if is_better && may_be(point) {
            best = Some((ratio, place));
        }
    }
    best.map(|(_, place)| &candidates[place])
}

/// Points drawn from the density of the good ones.
fn candidates(
    at: &Draw<'_>,
    good: &Mixture<'_>,
    dimensions: &[Dimension],
    constants: &Constants,
) -> Result<Vec<Point>, BoxError> {
    let tree = at.space.tree()?;
    let is_drawn = dimensions.iter().any(|dimension| matches!(dimension, Dimension::Unknown));
    let key = at.key.child(CANDIDATES);
    let candidate = |number| {
        let key = key.child(number as u64);
        let prior = is_drawn.then(|| at.prior(key.child(PRIOR))).transpose()?;
        Ok(good.draw(constants.widening, &tree, prior.as_ref(), key))
    };
    (0..constants.candidates).map(candidate).collect()
}

#[cfg(test)]
mod tests {
    use super::kernels::Weighted;
    use super::*;
    use crate::random::Key;
    use crate::search_space;
    use crate::space::SearchSpace;

    #[search_space]
    struct Mixed {
        #[uniform(0.0..=1.0)]
        rate: f64,
        #[int(1..=40)]
        width: u32,
        #[int(1..=5)]
        depth: u32,
        #[choice("a", "b", "c")]
        kind: String,
    }

    #[test]
    fn the_best_candidate_is_found_as_if_all_densities_were_known() {
        let space = Mixed::space();
        let (dimensions, tree) = (Dimension::all(&space), space.tree().unwrap());
        let mut rng = Key::new(5).rng();
        for round in 0..200 {
            let mut points = |n: usize| -> Vec<Point> {
                (0..n).map(|_| Point::new((0..4).map(|_| Some(rng.unit())))).collect()
            };
            let (good, bad) = (points(6), points(1 + round % 40));
            let weighted = |(place, point)| (point, 1.0 + place as f64);
            let good: Vec<Weighted<'_>> = good.iter().enumerate().map(weighted).collect();
            let bad: Vec<Weighted<'_>> = bad.iter().enumerate().map(weighted).collect();
            let good = Mixture::new(&good, &dimensions, 0.05, 3.0);
            let bad = Mixture::new(&bad, &dimensions, 0.05, 3.0);
            let draw = |seed| good.draw(2.0, &tree, None, Key::new(1000 * round as u64 + seed));
            // some of them twice
            let candidates: Vec<Point> = (0..64).map(|seed| draw(seed % 48)).collect();
            let may_be = |point: &Point| point[1].is_some_and(|unit| unit < 0.8);
            let ratio = |point: &Point| good.log_density(point) - bad.log_density(point);
            let mut all: Vec<&Point> = candidates.iter().filter(|point| may_be(point)).collect();
            all.sort_by(|a, b| ratio(b).total_cmp(&ratio(a)));
            let found = best(&candidates, (&good, &bad), may_be);
            assert_eq!(found.map(std::ptr::from_ref), all.first().map(|point| std::ptr::from_ref(*point)));
        }
    }
}
