//! Training and validation samples put together again, for a last training on all of them.

use std::sync::Arc;

use super::allowed::Judged;
use super::dataset::{Dataset, Fold};
use super::part::{All, Part};
use super::samples::Targets;
use crate::error::{Error, Result};
use crate::train::features::Features;

impl Dataset {
    /// All samples, those for training and those for validation together, as one part to train on. The same
    /// samples are there for validation, so what is measured on them says nothing of others: this is for a
    /// last training of what was tuned already. Names, weights and settings stay; folds become one, and
    /// [balanced](Dataset::balanced) classes are balanced again.
    ///
    /// ```
    /// use hobbit::train::Dataset;
    ///
    /// let (x, y) = (vec![0.5f32; 30], vec![0u8, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
    /// let dataset = Dataset::k_fold(5, (x, y), 0)?.merged()?;
    /// assert_eq!((dataset.folds(), dataset.training_samples()), (1, 10));
    /// # Ok::<(), hobbit::Error>(())
    /// ```
    ///
    /// # Errors
    /// Targets of different kinds: the training samples have classes, and the validation samples numbers.
    pub fn merged(&self) -> Result<Dataset> {
        let all = match self.folds.as_slice() {
            [Fold { training, validation }] => joined(training, validation)?,
            // of folds, each sample is in one of the parts of each
            folds => folds[0].training.all_of_it(),
        };
        let folds = vec![Fold { training: all.clone(), validation: all }];
        let merged = Dataset { folds, ..self.clone() };
        if self.is_balanced { merged.balanced() } else { Ok(merged) }
    }
}

fn joined(training: &Part, validation: &Part) -> Result<Part> {
    let both = [&*training.all, &*validation.all];
    let width = training.width();
    let values = both.iter().flat_map(|all| all.inputs.values()).copied().collect();
    let targets = match both.map(|all| &all.targets) {
        [Targets::Classes(a), Targets::Classes(b)] => Targets::Classes([a.as_slice(), b].concat()),
        [Targets::Values { values: a, width }, Targets::Values { values: b, width: other }]
            if width == other =>
        {
            Targets::Values { values: [a.as_slice(), b].concat(), width: *width }
        }
        _ => {
            return Err(Error::data(
                "training and validation samples cannot be put together: their targets are of different kinds, classes and \
                 numbers, or of different widths",
            ));
        }
    };
    let weights = match both.iter().all(|all| all.weights.is_empty()) {
        true => Vec::new(),
        // samples without weights count once
        false => both
            .iter()
            .flat_map(|all| (0..all.samples).map(|row| all.weights.get(row).copied().unwrap_or(1.0)))
            .collect(),
    };
    let samples = both.iter().map(|all| all.samples).sum::<usize>();
    if samples > u32::MAX as usize {
        return Err(Error::data(format!("there are {samples} samples; at most {} are possible", u32::MAX)));
    }
    let inputs = Arc::new(Features::new(values, width));
    Ok(Part::of(All { inputs, targets, weights, samples, judged: Judged::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_samples_are_there_once() {
        let data = Dataset::new((vec![1.0f32, 2.0], vec![0u8, 1]), (vec![3.0f32], vec![2u8])).unwrap();
        let merged = data.validation_weights([0.5]).unwrap().class_names(["a", "b", "c"]).merged().unwrap();
        let training = &merged.folds[0].training;
        assert_eq!(training.rows().flatten().copied().collect::<Vec<f32>>(), [1.0, 2.0, 3.0]);
        assert_eq!(training.classes(), Some(&[0, 1, 2][..]));
        assert_eq!(training.all.weights, [1.0, 1.0, 0.5]);
        assert_eq!((merged.validation_samples(), merged.names.classes.len()), (3, 3));
        let (x, y) = ((0..10).map(|i| i as f32).collect::<Vec<_>>(), vec![0.5f32; 10]);
        let folds = Dataset::k_fold(3, (&x, &y), 1).unwrap().merged().unwrap();
        let mut rows: Vec<f32> = folds.folds[0].training.rows().flatten().copied().collect();
        rows.sort_by(f32::total_cmp);
        assert_eq!((rows, folds.folds()), (x, 1));
    }

    #[test]
    fn targets_of_two_kinds_stay_apart() {
        let data = Dataset::new((vec![1.0f32], vec![1u8]), (vec![3.0f32], vec![0.5f32])).unwrap();
        assert!(data.merged().unwrap_err().to_string().contains("different kinds"));
    }
}
