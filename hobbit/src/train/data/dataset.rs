//! Data sets in memory.

use super::files::Encoder;
use super::part::Part;
use super::samples::{Inputs, Targets};
use crate::error::{Error, Result};
use crate::random::Key;
use crate::train::loss::Loss;
use crate::train::names::Names;

/// Samples for training and for validation, in memory.
///
/// ```
/// use hobbit::train::Dataset;
///
/// let x_train = vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]; // four samples of two numbers
/// let y_train = vec![0u8, 1, 1, 0]; // their classes
/// let dataset = Dataset::new((&x_train, &y_train), (&x_train, &y_train))?;
/// assert_eq!(dataset.training_samples(), 4);
/// # Ok::<(), hobbit::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Dataset {
    pub(super) folds: Vec<Fold>,
    pub(super) steps_per_epoch: Option<usize>,
    pub(super) validation_share: Option<f64>,
    pub(super) names: Names,
    /// Whether training samples are weighted so that all classes count alike.
    pub(super) is_balanced: bool,
}

/// Samples to train on, and samples to measure by.
#[derive(Debug, Clone)]
pub(super) struct Fold {
    pub(super) training: Part,
    pub(super) validation: Part,
}

impl Dataset {
    /// Creates a data set of samples and their targets, for training and for validation.
    ///
    /// The number of samples is the number of targets; the inputs' numbers are divided equally among them.
    /// Whether they fit a model and its loss is checked when a sweep begins: classes are below the number of
    /// outputs, targets of binary cross-entropy are from 0 to 1, and those of cross-entropy are classes or a
    /// probability for each class.
    ///
    /// # Errors
    /// A part without samples, inputs that cannot be divided equally, parts whose samples differ in length,
    /// or numbers that are not finite: with both sizes or the place.
    pub fn new(
        training: (impl Into<Inputs>, impl Into<Targets>),
        validation: (impl Into<Inputs>, impl Into<Targets>),
    ) -> Result<Dataset> {
        let training = Part::new("training", training.0.into(), training.1.into())?;
        let validation = Part::new("validation", validation.0.into(), validation.1.into())?;
        if training.width() != validation.width() {
            return Err(Error::data(format!(
                "a training sample has {} numbers, but a validation sample has {}",
                training.width(),
                validation.width()
            )));
        }
        Ok(Dataset::of(vec![Fold { training, validation }]))
    }

    /// The same samples `folds` times, each time with another part of them for validation; parts have classes
    /// in the same proportions. Every trial trains a model on each, and its metrics are the means over all.
    ///
    /// Equal seeds give equal folds.
    ///
    /// # Errors
    /// Fewer than 2 folds, or than a sample for each; and as for [`new`](Dataset::new).
    ///
    /// ```
    /// use hobbit::train::Dataset;
    ///
    /// let (x, y) = (vec![0.5f32; 30], vec![0u8, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
    /// let dataset = Dataset::k_fold(5, (x, y), 0)?;
    /// assert_eq!((dataset.folds(), dataset.training_samples(), dataset.validation_samples()), (5, 8, 2));
    /// # Ok::<(), hobbit::Error>(())
    /// ```
    pub fn k_fold(
        folds: usize,
        samples: (impl Into<Inputs>, impl Into<Targets>),
        seed: u64,
    ) -> Result<Dataset> {
        let all = Part::new("training", samples.0.into(), samples.1.into())?;
        let count = all.samples();
        if folds < 2 || folds > count {
            return Err(Error::data(format!(
                "{count} samples cannot be put into {folds} folds; there have to be at least 2, and no more than samples"
            )));
        }
        // samples of a class side by side, and then dealt out one by one: every fold gets its share of every
        // class
        let mut order = all.shuffled(Key::new(seed));
        if let Some(classes) = all.classes() {
            order.sort_by_key(|&row| classes[row as usize]);
        }
        let fold = |fold: usize| {
            let chosen = |validation: bool| {
                let rows =
                    order.iter().enumerate().filter(|(place, _)| (place % folds == fold) == validation);
                let mut rows: Vec<u32> = rows.map(|(_, &row)| row).collect();
                rows.sort_unstable();
                rows
            };
            Fold {
                training: all.select("training", chosen(false)),
                validation: all.select("validation", chosen(true)),
            }
        };
        Ok(Dataset::of((0..folds).map(fold).collect()))
    }

    fn of(folds: Vec<Fold>) -> Dataset {
        let names = Names::default();
        Dataset { folds, steps_per_epoch: None, validation_share: None, names, is_balanced: false }
    }

    /// How much each training sample counts in the loss. A weighted loss is the sum of the weighted losses
    /// over the number of samples.
    ///
    /// # Errors
    /// Another number of weights than of samples, a weight that is negative or not finite, or none above 0.
    /// With folds, weights are for all samples.
    pub fn training_weights(mut self, weights: impl Into<Vec<f32>>) -> Result<Dataset> {
        let weights = weights.into();
        for fold in &mut self.folds {
            fold.training = fold.training.weighted(weights.clone())?.counting()?;
        }
        self.is_balanced = false;
        Ok(self)
    }

    /// How much each validation sample counts in `val_loss`. See
    /// [`training_weights`](Dataset::training_weights).
    ///
    /// # Errors
    /// As for [`training_weights`](Dataset::training_weights).
    pub fn validation_weights(mut self, weights: impl Into<Vec<f32>>) -> Result<Dataset> {
        let weights = weights.into();
        for fold in &mut self.folds {
            fold.validation = fold.validation.weighted(weights.clone())?.counting()?;
        }
        Ok(self)
    }

    /// Sets the number of batches per epoch; by default an epoch is one pass over the data. Cheaper epochs
    /// allow more trials.
    ///
    /// Each trial has its own order of the samples. An epoch continues in it where the last one ended, and
    /// from its beginning after its end, so that a trial that is trained long enough sees all samples.
    pub fn steps_per_epoch(mut self, batches: usize) -> Dataset {
        self.steps_per_epoch = Some(batches);
        self
    }

    /// Validates on this fraction (0 < share ≤ 1) of the validation samples per epoch, cycling through all of
    /// them.
    pub fn validation_share(mut self, share: f64) -> Dataset {
        self.validation_share = Some(share);
        self
    }

    /// Sets the names of the classes, in the order of their numbers: those of
    /// [`Table::classes`](crate::train::Table::classes), say. For one yes-or-no output there are two, that
    /// of no first; for several yes-or-no outputs, one for each. They are kept with the weights, and
    /// predictions have them: [`labels`](crate::train::Predictions::labels).
    pub fn class_names(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Dataset {
        self.names.classes = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the encoder that made the samples' numbers from the rows of a table. It is kept with the
    /// weights, and the names of the numbers with it, so that a model takes rows as they are:
    /// [`predict_table`](crate::train::Model::predict_table).
    pub fn encoder(mut self, encoder: Encoder) -> Dataset {
        self.names.features = encoder.names();
        self.names.encoder = Some(encoder);
        self
    }

    /// Sets the names of a sample's numbers, in their order. They are kept with the weights, so that a model
    /// finds its columns in a table: [`predict_table`](crate::train::Model::predict_table).
    pub fn feature_names(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Dataset {
        self.names.features = names.into_iter().map(Into::into).collect();
        self
    }

    /// The number of samples for training; of the first fold if there are several.
    pub fn training_samples(&self) -> usize {
        self.folds[0].training.samples()
    }

    /// The number of samples for validation; of the first fold if there are several.
    pub fn validation_samples(&self) -> usize {
        self.folds[0].validation.samples()
    }

    /// How many folds there are: 1 unless made by [`k_fold`](Dataset::k_fold).
    pub fn folds(&self) -> usize {
        self.folds.len()
    }

    /// Whether the data fit a model that takes samples of this shape and has so many outputs.
    pub(in crate::train) fn check(&self, shape: &[usize], outputs: usize, loss: Loss) -> Result<()> {
        if self.steps_per_epoch == Some(0) {
            return Err(Error::data("an epoch has 0 steps; it needs at least 1"));
        }
        if let Some(share) = self.validation_share
            && !(share > 0.0 && share <= 1.0)
        {
            return Err(Error::data(format!(
                "the share of the validation samples is {share}; it has to be above 0 and at most 1"
            )));
        }
        let width: usize = shape.iter().product();
        for Fold { training, validation } in &self.folds {
            if width != training.width() {
                return Err(Error::data(format!(
                    "the model takes samples of shape {shape:?}, which is {width} numbers, but a sample of the data has {}",
                    training.width()
                )));
            }
            training.check(outputs, loss)?;
            validation.check(outputs, loss)?;
        }
        Ok(())
    }

    /// A short text that is another for other data.
    pub(in crate::train) fn fingerprint(&self) -> String {
        let mut hasher = crc32fast::Hasher::new();
        for Fold { training, validation } in &self.folds {
            training.hash(&mut hasher);
            validation.hash(&mut hasher);
        }
        let mut text = format!(
            "{} + {} samples of {} numbers, {:08x}",
            self.training_samples(),
            self.validation_samples(),
            self.folds[0].training.width(),
            hasher.finalize()
        );
        if self.folds.len() > 1 {
            text += &format!(", {} folds", self.folds.len());
        }
        if let Some(steps) = self.steps_per_epoch {
            text += &format!(", {steps} steps an epoch");
        }
        if let Some(share) = self.validation_share {
            text += &format!(", {share} of the validation samples");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(result: Result<Dataset>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn data_that_do_not_fit_are_errors_with_both_sizes() {
        let good = (vec![0.0f32; 8], vec![0u8, 1]);
        let text = message(Dataset::new((vec![0.0f32; 9], vec![0u8, 1]), good.clone()));
        assert!(text.contains("training") && text.contains('9') && text.contains("2 targets"), "{text}");
        let text = message(Dataset::new(good.clone(), (vec![0.0f32; 6], vec![0u8, 1])));
        assert!(text.contains("4 numbers") && text.contains("has 3"), "{text}");
        assert!(
            message(Dataset::new(good.clone(), (Vec::<f32>::new(), Vec::<u8>::new()))).contains("validation")
        );
        let text = message(Dataset::new((vec![0.0, f32::NAN, 1.0, 1.0], vec![0u8, 1]), good.clone()));
        assert!(text.contains("NaN at place 1 of sample 0"), "{text}");
        let text = message(Dataset::new((vec![0.0f32; 8], vec![0.0, f32::INFINITY]), good));
        assert!(text.contains("inf at sample 1"), "{text}");
    }

    #[test]
    fn data_that_do_not_fit_the_model_are_errors() {
        let classes = Dataset::new((vec![0.0f32; 8], vec![0u8, 2]), (vec![0.0f32; 4], vec![1u8])).unwrap();
        let check = |data: &Dataset, shape: &[usize], outputs, loss| {
            data.check(shape, outputs, loss).unwrap_err().to_string()
        };
        let text = check(&classes, &[5], 3, Loss::CrossEntropy);
        assert!(text.contains("[5]") && text.contains('4'), "{text}");
        let text = check(&classes, &[4], 2, Loss::CrossEntropy);
        assert!(text.contains("training sample 1 has class 2") && text.contains("2 classes"), "{text}");
        assert!(check(&classes, &[2, 2], 1, Loss::MeanSquaredError).contains("classes"));
        classes.check(&[2, 2], 3, Loss::CrossEntropy).unwrap();
        let values =
            Dataset::new((vec![0.0f32; 8], vec![0.5f32, 2.0]), (vec![0.0f32; 4], vec![1.0f32])).unwrap();
        assert!(check(&values, &[4], 3, Loss::MeanSquaredError).contains("3 outputs"));
        assert!(check(&values, &[4], 3, Loss::CrossEntropy).contains("needs classes"));
        values.check(&[4], 1, Loss::Huber(1.0)).unwrap();
    }
}
