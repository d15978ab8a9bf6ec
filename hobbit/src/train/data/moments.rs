//! Means and deviations of the training samples' numbers: what normalizations are fitted to.

use super::dataset::Fold;
use super::kind::{Data, Kind};
use super::part::Part;

/// Of each number of a sample its mean and variance over some samples. In 64 bits, and in the order of the
/// samples: the same on every platform.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::train) struct Moments(Vec<(f64, f64)>);

impl Data {
    /// Those of the training samples, for each fold; none where samples are generated.
    pub(in crate::train) fn moments(&self) -> Option<Vec<Moments>> {
        let Kind::Memory(dataset) = &self.0 else { return None };
        Some(dataset.folds.iter().map(|Fold { training, .. }| Moments::of(training)).collect())
    }
}

impl Moments {
    fn of(part: &Part) -> Moments {
        let first: Vec<f64> = part.rows().take(1).flatten().map(|&x| f64::from(x)).collect();
        let count = part.samples() as f64;
        // from the first sample on, so that a number that is always the same has exactly no spread
        let mut means = vec![0.0; first.len()];
        for row in part.rows() {
            for ((sum, &x), first) in means.iter_mut().zip(row).zip(&first) {
                *sum += f64::from(x) - first;
            }
        }
        means.iter_mut().zip(&first).for_each(|(sum, first)| *sum = first + *sum / count);
        let mut variances = vec![0.0; first.len()];
        for row in part.rows() {
            for ((sum, &x), mean) in variances.iter_mut().zip(row).zip(&means) {
                *sum += (f64::from(x) - mean).powi(2);
            }
        }
        Moments(means.into_iter().zip(variances).map(|(mean, sum)| (mean, sum / count)).collect())
    }

    /// The mean and the standard deviation of each channel, of so many that a sample has one after the other.
    /// A channel that is the same everywhere has a deviation of 1.
    pub(in crate::train) fn of_channels(&self, channels: usize) -> (Vec<f32>, Vec<f32>) {
        let plane = self.0.len() / channels.max(1);
        let channel = |numbers: &[(f64, f64)]| {
            let first = numbers[0].0;
            let mean = first + numbers.iter().map(|(mean, _)| mean - first).sum::<f64>() / plane as f64;
            let sum: f64 = numbers.iter().map(|(of, variance)| variance + (of - mean).powi(2)).sum();
            let deviation = (sum / plane as f64).sqrt() as f32;
            (mean as f32, if deviation > 0.0 { deviation } else { 1.0 })
        };
        self.0.chunks_exact(plane.max(1)).map(channel).unzip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Dataset;

    fn moments(values: &[f32], samples: usize) -> Moments {
        let targets = vec![0.0f32; samples];
        let data = Data::from(Dataset::new((values, &targets), (values, &targets)).unwrap());
        data.moments().unwrap().remove(0)
    }

    #[test]
    fn they_are_those_of_the_textbook() {
        let of = moments(&[1.0, 10.0, 5.0, 3.0, 30.0, 5.0], 2);
        assert_eq!(of.of_channels(3), (vec![2.0, 20.0, 5.0], vec![1.0, 10.0, 1.0]));
        // a channel of two numbers: 1, 10, 3 and 30
        let (mean, deviation) = moments(&[1.0, 10.0, 3.0, 30.0], 2).of_channels(1);
        assert_eq!(mean, [11.0]);
        assert_eq!(deviation, [(131.5f64).sqrt() as f32]);
    }

    #[test]
    fn what_is_always_the_same_has_no_spread() {
        for number in [0.1f32, -3.3e30, 7e-40] {
            let of = moments(&[number; 49 * 4], 49);
            assert_eq!(of.of_channels(4), (vec![number; 4], vec![1.0; 4]));
            assert_eq!(of.of_channels(1), (vec![number], vec![1.0]));
        }
    }

    #[test]
    fn each_fold_has_those_of_its_training_part() {
        let (x, y) = (vec![0.0f32, 1.0, 2.0, 9.0], vec![0.0f32; 4]);
        let data = Data::from(Dataset::k_fold(2, (&x, &y), 0).unwrap());
        let found = data.moments().unwrap();
        assert_eq!(found.len(), 2);
        // each number is in the training part of one of two folds
        let sum: f32 = found.iter().map(|fold| fold.of_channels(1).0[0]).sum();
        assert_eq!((sum, found[0] == found[1]), (6.0, false));
    }
}
