//! Weights of training samples by which all classes count alike.

use std::collections::BTreeMap;

use super::dataset::Dataset;
use super::part::Part;
use crate::error::{Error, Result};

impl Dataset {
    /// Weights the training samples so that all classes count alike in the loss, however many samples they
    /// have: each by n / (k · nᶜ), of n samples of k classes, nᶜ of which are of its class (scikit-learn's
    /// `class_weight="balanced"`). With folds, by the counts of each fold.
    ///
    /// It replaces [`training_weights`](Dataset::training_weights). Validation is not weighted.
    ///
    /// ```
    /// use hobbit::train::Dataset;
    ///
    /// let (x, y) = (vec![0.5f32; 8], vec![false, false, false, true]);
    /// let dataset = Dataset::new((&x, &y), (&x, &y))?.balanced()?; // weights of 2/3 and of 2
    /// # Ok::<(), hobbit::Error>(())
    /// ```
    ///
    /// # Errors
    /// The targets are numbers.
    pub fn balanced(mut self) -> Result<Dataset> {
        for fold in &mut self.folds {
            fold.training = fold.training.weighted(weights(&fold.training)?)?;
        }
        self.is_balanced = true;
        Ok(self)
    }
}

/// A weight for each of all samples, by the classes of this part.
fn weights(part: &Part) -> Result<Vec<f32>> {
    let Some(classes) = part.classes() else {
        return Err(Error::data(
            "only classes can be balanced, and the targets are numbers: give classes as integers or `bool`s",
        ));
    };
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    part.places().for_each(|place| *counts.entry(classes[place]).or_default() += 1);
    let mean = part.samples() as f64 / counts.len() as f64;
    let weight = |class| counts.get(class).map_or(1.0, |&count| (mean / count as f64) as f32);
    Ok(classes.iter().map(weight).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::data::says;

    /// Those of scikit-learn's `compute_class_weight("balanced", ...)`.
    #[test]
    fn weights_are_those_of_scikit_learn_and_stay_balanced() {
        let y = vec![0u8, 0, 0, 0, 0, 2, 2, 1, 0, 0];
        let x = vec![0.5f32; 20];
        let data = Dataset::new((&x, &y), (&x, &y)).unwrap().balanced().unwrap();
        let of = |class: u8| match class {
            0 => 0.476_190_48,
            1 => 3.333_333_3,
            _ => 1.666_666_6,
        };
        let expected: Vec<f32> = y.iter().map(|&class| of(class)).collect();
        let all = |data: &Dataset| data.folds[0].training.all.weights.clone();
        assert!(all(&data).iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6), "{:?}", all(&data));
        assert!(data.folds[0].validation.all.weights.is_empty());
        let merged = data.merged().unwrap();
        assert_eq!(all(&merged), [all(&data), all(&data)].concat());
        // of a fold, those of its own part
        let folds = Dataset::k_fold(5, (&x, &y), 0).unwrap().balanced().unwrap();
        for fold in &folds.folds {
            let sum: f32 = fold.training.places().map(|place| fold.training.all.weights[place]).sum();
            assert!((sum - 8.0).abs() < 1e-5, "{sum}");
        }
        let numbers = Dataset::new((&x, vec![0.5f32; 10]), (&x, vec![0.5f32; 10])).unwrap();
        says(numbers.balanced(), &["targets are numbers"]);
    }
}
