//! What goes on between a generator and training: its panics become errors, and where batches are normalized,
//! a batch of one sample joins the one before it.

use super::samples::{Inputs, Samples, Targets};
use crate::error::BoxError;
use crate::runner::panics::catch;

/// A generator's batches. Where it panics, its message is an error, on whatever thread it runs.
pub(super) fn caught<I>(mut batches: I) -> impl Iterator<Item = Result<Samples, BoxError>>
where
    I: Iterator<Item = Result<Samples, BoxError>>,
{
    let mut panicked = false;
    std::iter::from_fn(move || {
        if panicked {
            return None;
        }
        catch(|| batches.next()).unwrap_or_else(|reason| {
            panicked = true;
            Some(Err(reason.into()))
        })
    })
}

/// Batches, and of how many of a generator's each is made: more than one only if they are to be joined.
pub(super) struct Joined<I> {
    batches: I,
    joins: bool,
    /// What was drawn to see whether the next has to join it.
    waiting: Option<Result<Samples, BoxError>>,
}

impl<I: Iterator<Item = Result<Samples, BoxError>>> Joined<I> {
    pub(super) fn new(batches: I, joins: bool) -> Joined<I> {
        Joined { batches, joins, waiting: None }
    }
}

impl<I: Iterator<Item = Result<Samples, BoxError>>> Iterator for Joined<I> {
    type Item = (Result<Samples, BoxError>, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let mut batch = match self.waiting.take() {
            Some(waiting) => waiting,
            None => self.batches.next()?,
        };
        if !self.joins {
            return Some((batch, 1));
        }
        if let Ok(samples) = &mut batch {
            match self.batches.next() {
                Some(Ok(next)) => match join(samples, next) {
                    None => return Some((batch, 2)),
                    Some(next) => self.waiting = Some(Ok(next)),
                },
                other => self.waiting = other,
            }
        }
        Some((batch, 1))
    }
}

/// Adds a batch of one sample to one of more that has the same form; any other is given back.
fn join(to: &mut Samples, one: Samples) -> Option<Samples> {
    let count = to.targets.count();
    let fits = count > 1 && one.targets.count() == 1 && to.inputs.0.len() == count * one.inputs.0.len();
    if !fits || to.weights.len() > count || one.weights.len() > 1 {
        return Some(one);
    }
    match (&mut to.targets, &one.targets) {
        (Targets::Classes(all), Targets::Classes(class)) => all.extend(class),
        (Targets::Values { values, width }, Targets::Values { values: more, width: other })
            if width == other =>
        {
            values.extend(more)
        }
        _ => return Some(one),
    }
    let Inputs(inputs) = one.inputs;
    to.inputs.0.extend(inputs);
    if !(to.weights.is_empty() && one.weights.is_empty()) {
        // a batch without weights has weights of 1
        to.weights.resize(count, 1.0);
        to.weights.push(one.weights.first().copied().unwrap_or(1.0));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes of the batches made of batches of these sizes, and of how many each is made.
    fn sizes(sizes: &[usize]) -> Vec<(usize, usize)> {
        let batches = sizes.iter().map(|&size| Ok(Samples::new(vec![0.5; 2 * size], vec![1u8; size])));
        let joined = Joined::new(batches, true);
        joined.map(|(batch, of)| (batch.unwrap().targets.count(), of)).collect()
    }

    #[test]
    fn a_batch_of_one_joins_the_one_before() {
        assert_eq!(sizes(&[]), []);
        assert_eq!(sizes(&[4, 4]), [(4, 1), (4, 1)]);
        assert_eq!(sizes(&[4, 4, 1]), [(4, 1), (5, 2)]);
        assert_eq!(sizes(&[4, 1, 3, 1]), [(5, 2), (4, 2)]);
        // not to one batch of everything
        assert_eq!(sizes(&[1, 1, 1]), [(1, 1), (1, 1), (1, 1)]);
        assert_eq!(sizes(&[4, 1, 1]), [(5, 2), (1, 1)]);
    }

    #[test]
    fn joined_samples_keep_their_targets_and_weights() {
        let first = Samples::new(vec![0.0, 1.0], vec![0.5f32, 0.6]);
        let last = Samples::new(vec![2.0], vec![0.7f32]).weights([3.0]);
        let mut joined = Joined::new([Ok(first), Ok(last)].into_iter(), true);
        let (all, of) = joined.next().unwrap();
        let Samples { inputs: Inputs(inputs), targets, weights } = all.unwrap();
        assert!(matches!(targets, Targets::Values { values, width: 1 } if values == [0.5, 0.6, 0.7]));
        assert_eq!((inputs, weights, of), (vec![0.0, 1.0, 2.0], vec![1.0, 1.0, 3.0], 2));
        assert!(joined.next().is_none());
    }

    #[test]
    fn other_forms_and_errors_are_left_as_they_are() {
        let of = |inputs: usize, classes: bool| {
            let one = vec![0.0f32; inputs];
            if classes { Samples::new(one, vec![0u8]) } else { Samples::new(one, vec![0.0f32]) }
        };
        for one in [of(2, false), of(3, true)] {
            let batches = [Ok(Samples::new(vec![0.0; 4], vec![0u8, 1])), Ok(one), Err("broken".into())];
            let counts: Vec<_> =
                Joined::new(batches.into_iter(), true).map(|(batch, of)| (batch.is_ok(), of)).collect();
            assert_eq!(counts, [(true, 1), (true, 1), (false, 1)]);
        }
    }

    #[test]
    fn a_panic_is_an_error_with_the_message() {
        let batches = (0..).map(|i: u32| {
            assert!(i < 1, "part 7 is damaged");
            Ok(Samples::new(vec![1.0], vec![0u8]))
        });
        let mut caught = caught(batches);
        assert!(caught.next().unwrap().is_ok());
        let error = caught.next().unwrap().unwrap_err().to_string();
        assert!(error.contains("join.rs") && error.ends_with("part 7 is damaged"), "{error}");
        assert!(caught.next().is_none());
    }
}
