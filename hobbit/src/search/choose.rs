//! From a sampler's proposal to a configuration.

use super::{Draw, Observation, Point, Proposal, Sampler};
use crate::error::{Error, Result};
use crate::random::Key;
use crate::space::{Root, SearchSpace, Space};
use crate::trial::{Direction, TrialId};

/// The number of times that a sampler is asked for the configuration of one trial before it is drawn at
/// random instead.
pub const ATTEMPTS: u32 = 32;

/// Purposes of keys below a trial's own. The trial's training has 1.
const DRAW: u64 = 0;
const PROPOSE: u64 = 2;

/// What a sampler may know for a trial.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) space: &'a Space,
    pub(crate) direction: Direction,
    pub(crate) seen: &'a [Observation],
    pub(crate) pending: &'a [Point],
}

/// The configuration of a trial.
#[derive(Debug)]
pub(crate) struct Chosen<H> {
    pub(crate) hparams: H,
    /// Its point, if the sampler proposed it.
    pub(crate) point: Option<Point>,
    /// Why the sampler's last proposal was refused, if all were.
    pub(crate) refused: Option<Error>,
}

/// The configuration of a trial with this key: what the sampler proposes, or what is drawn at random. `root` is
/// the study's space, and `known.space` the same as data.
///
/// # Errors
/// The sampler has given up, or nothing can be drawn.
pub(crate) fn choose<H: SearchSpace>(
    sampler: &dyn Sampler,
    root: &Root,
    known: Known<'_>,
    (trial, key): (TrialId, Key),
) -> Result<Chosen<H>> {
    let Known { space, direction, seen, pending } = known;
    let prior = |key| Ok(Point::new(root.encode(&root.draw::<H>(key)?)));
    let mut refused = None;
    for attempt in 0..ATTEMPTS {
        let key = key.child(PROPOSE).child(u64::from(attempt));
        let mut at = Draw::new(space, direction, trial, key, &prior).after(seen, pending);
        at.attempt = attempt;
        let proposal = sampler.propose(&at).map_err(|error| {
            let name = sampler.name();
            Error::study(format!("the sampler `{name}` has no configuration for trial {trial}: {error}"))
                .with_source(error)
        })?;
        let Proposal::Point(point) = proposal else { break };
        match settled(root, &point) {
            Ok((hparams, point)) => return Ok(Chosen { hparams, point: Some(point), refused: None }),
            Err(error) => refused = Some(error),
        }
    }
    Ok(Chosen { hparams: drawn(root, key)?, point: None, refused })
}

/// The configuration of a trial with this key that is drawn at random.
pub(crate) fn drawn<H: SearchSpace>(root: &Root, key: Key) -> Result<H> {
    root.draw(key.child(DRAW))
}

/// The configuration of a proposed point, and the point that it has whoever proposes it: that of the values,
/// without coordinates that do not matter.
fn settled<H: SearchSpace>(root: &Root, proposed: &[Option<f64>]) -> Result<(H, Point)> {
    let point = Point::new(root.encode(&root.decode::<H>(proposed)?));
    // with a scalar of a user's own it may be a neighbour's
    let hparams = root.decode(&point)?;
    root.check(&hparams)?;
    Ok((hparams, point))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::BoxError;
    use crate::search_space;

    #[search_space]
    #[derive(Debug, Clone, PartialEq)]
    #[constraint(a + b <= 1.0, "a + b <= 1")]
    struct Pair {
        #[uniform(0.0..=1.0)]
        a: f64,
        #[uniform(0.0..=1.0)]
        b: f64,
    }

    /// Proposes what a function says.
    #[derive(Debug)]
    struct Says(fn(&Draw<'_>) -> Result<Proposal, BoxError>);

    impl Sampler for Says {
        fn name(&self) -> &str {
            "says"
        }

        fn propose(&self, at: &Draw<'_>) -> Result<Proposal, BoxError> {
            (self.0)(at)
        }
    }

    fn chosen(says: fn(&Draw<'_>) -> Result<Proposal, BoxError>) -> Result<Chosen<Pair>> {
        let space = Pair::space();
        let known = Known { space: &space, direction: Direction::Minimize, seen: &[], pending: &[] };
        choose(&Says(says), &Root::default(), known, (TrialId::new(1, 7), Key::new(7)))
    }

    fn point(coordinates: &[Option<f64>]) -> Result<Proposal, BoxError> {
        Ok(Proposal::Point(Point::new(coordinates.iter().copied())))
    }

    #[test]
    fn a_proposal_is_the_configuration_that_it_decodes_to() {
        let Chosen { hparams, point, refused } = chosen(|_| point(&[Some(0.3), Some(0.25)])).unwrap();
        let point = point.unwrap();
        assert_eq!(Pair::decode(&point).unwrap(), hparams);
        assert_eq!(&*point, hparams.encode());
        assert!((hparams.a - 0.3).abs() < 1e-15 && hparams.b == 0.25 && refused.is_none());
    }

    #[test]
    fn what_is_no_configuration_is_asked_for_again_with_another_key() {
        // breaks the constraint, and is no point of the space, until the third attempt
        let Chosen { hparams, .. } = chosen(|at| match at.attempt {
            0 => point(&[Some(0.75), Some(0.5)]),
            1 => point(&[Some(0.75)]),
            2 => point(&[Some(0.5), Some(1.5)]),
            _ => point(&[Some(0.5), Some(at.key.rng().unit() / 2.0)]),
        })
        .unwrap();
        let key = Key::new(7).child(PROPOSE).child(3);
        assert_eq!(hparams, Pair::decode(&[Some(0.5), Some(key.rng().unit() / 2.0)]).unwrap());
    }

    #[test]
    fn after_all_attempts_it_is_drawn_at_random() {
        let Chosen { hparams, point: own, refused } = chosen(|at| {
            assert!(at.attempt < ATTEMPTS);
            point(&[Some(0.75), Some(0.5)])
        })
        .unwrap();
        assert_eq!(hparams, drawn(&Root::default(), Key::new(7)).unwrap());
        assert_eq!(own, None);
        let refused = refused.unwrap().to_string();
        assert!(refused.contains("a + b <= 1"), "{refused}");
        let Chosen { hparams: at_once, refused, .. } = chosen(|_| Ok(Proposal::Prior)).unwrap();
        assert!(at_once == hparams && refused.is_none());
    }

    #[test]
    fn a_sampler_that_gives_up_is_named() {
        let error = chosen(|_| Err("the model is singular".into())).unwrap_err().to_string();
        let expected = "the sampler `says` has no configuration for trial 1-7: the model is singular";
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn random_points_of_a_draw_satisfy_the_constraints() {
        let Chosen { hparams, .. } = chosen(|at| Ok(Proposal::Point(at.prior(at.key.child(1))?))).unwrap();
        assert_eq!(hparams, Pair::draw(Key::new(7).child(PROPOSE).child(0).child(1)).unwrap());
    }
}
