//! Preparing numbers: scaling that is fitted to the training samples alone, and one-hot classes.

use crate::error::{Error, Result};

/// Brings every number of a sample to a common scale. Fitted to the training samples alone, so that nothing
/// is learned of the others.
///
/// ```
/// use hobbit::train::Scaler;
///
/// let x_train = [1.0, 10.0, 3.0, 30.0]; // two samples of two numbers
/// let scaler = Scaler::standardize(&x_train, 2)?;
/// assert_eq!(scaler.apply(&x_train)?, [-1.0, -1.0, 1.0, 1.0]);
/// assert_eq!(scaler.apply(&[2.0, 40.0])?, [0.0, 2.0]);
/// assert_eq!(scaler.undo(&[0.0, 2.0])?, [2.0, 40.0]);
/// # Ok::<(), hobbit::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Scaler {
    /// What is taken away, and what is divided by.
    columns: Vec<(f64, f64)>,
}

impl Scaler {
    /// Scales each column to a mean of 0 and a standard deviation of 1 over these samples of `width` numbers.
    /// A column that is the same in all of them becomes 0.
    ///
    /// # Errors
    /// No samples, numbers that do not make whole samples, or one that is NaN or infinite: with its sample
    /// and column. Fill or leave out missing values first.
    pub fn standardize(samples: &[f32], width: usize) -> Result<Scaler> {
        Scaler::fit(samples, width, |column| {
            let count = column.clone().count() as f64;
            let mean = column.clone().sum::<f64>() / count;
            (mean, (column.map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt())
        })
    }

    /// Scales each column to the range from 0 to 1 over these samples of `width` numbers.
    ///
    /// # Errors
    /// As [`standardize`](Scaler::standardize).
    pub fn min_max(samples: &[f32], width: usize) -> Result<Scaler> {
        Scaler::fit(samples, width, |column| {
            let least = column.clone().fold(f64::INFINITY, f64::min);
            (least, column.fold(f64::NEG_INFINITY, f64::max) - least)
        })
    }

    fn fit<'a>(
        samples: &'a [f32],
        width: usize,
        of: impl Fn(std::iter::Map<std::iter::StepBy<std::slice::Iter<'a, f32>>, fn(&f32) -> f64>) -> (f64, f64),
    ) -> Result<Scaler> {
        if samples.is_empty() {
            return Err(Error::data("there are no samples to fit a scale to"));
        }
        check(samples, width)?;
        let column = |place: usize| {
            let numbers = samples[place..].iter().step_by(width).map((|&x| f64::from(x)) as fn(&f32) -> f64);
            let first = f64::from(samples[place]);
            if numbers.clone().all(|number| number == first) {
                // a mean is rounded, and what is left of equal numbers would be blown up
                return (first, 1.0);
            }
            let (offset, scale) = of(numbers);
            (offset, if scale > 0.0 { scale } else { 1.0 })
        };
        Ok(Scaler { columns: (0..width).map(column).collect() })
    }

    /// Samples in the common scale.
    ///
    /// # Errors
    /// Numbers that do not make whole samples, or one that is NaN or infinite: with its sample and column.
    pub fn apply(&self, samples: &[f32]) -> Result<Vec<f32>> {
        self.each(samples, |x, offset, scale| (x - offset) / scale)
    }

    /// Samples back in their own scale; for instance predictions of targets that were scaled.
    ///
    /// # Errors
    /// As [`apply`](Scaler::apply).
    pub fn undo(&self, samples: &[f32]) -> Result<Vec<f32>> {
        self.each(samples, |x, offset, scale| x * scale + offset)
    }

    fn each(&self, samples: &[f32], of: impl Fn(f64, f64, f64) -> f64) -> Result<Vec<f32>> {
        check(samples, self.columns.len())?;
        let columns = self.columns.iter().cycle();
        Ok(samples.iter().zip(columns).map(|(&x, &(o, s))| of(f64::from(x), o, s) as f32).collect())
    }
}

/// Whether these are whole samples of finite numbers.
fn check(samples: &[f32], width: usize) -> Result<()> {
    whole(samples, width)?;
    match samples.iter().position(|number| !number.is_finite()) {
        None => Ok(()),
        Some(place) => Err(Error::data(format!(
            "sample {} has {} in column {} (both counted from 0), which has no place on a scale; fill or leave out \
             missing values first",
            place / width,
            samples[place],
            place % width
        ))),
    }
}

fn whole(samples: &[f32], width: usize) -> Result<()> {
    if width == 0 || !samples.len().is_multiple_of(width) {
        return Err(Error::data(format!(
            "{} numbers are not a whole number of samples of {width} numbers",
            samples.len()
        )));
    }
    Ok(())
}

/// Classes as rows of zeros with a one in the class's place.
///
/// # Errors
/// A class beyond the last, or more rows than any memory holds.
///
/// ```
/// assert_eq!(hobbit::train::one_hot(&[1, 0], 3)?, [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
/// # Ok::<(), hobbit::Error>(())
/// ```
pub fn one_hot(classes: &[usize], count: usize) -> Result<Vec<f32>> {
    let length = classes.len().checked_mul(count).filter(|length| *length <= isize::MAX as usize / 4);
    let length = length.ok_or_else(|| {
        Error::data(format!("{} rows of {count} numbers are more than any memory holds", classes.len()))
    })?;
    let mut rows = vec![0.0; length];
    for (sample, &class) in classes.iter().enumerate() {
        if class >= count {
            return Err(Error::data(format!(
                "sample {sample} has class {class}, but there are {count} classes"
            )));
        }
        rows[sample * count + class] = 1.0;
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_those_of_the_samples_they_were_fitted_to() {
        let samples = [0.0, 5.0, 4.0, 5.0];
        let scaler = Scaler::min_max(&samples, 2).unwrap();
        assert_eq!(scaler.apply(&samples).unwrap(), [0.0, 0.0, 1.0, 0.0]);
        assert_eq!(scaler.apply(&[8.0, 6.0]).unwrap(), [2.0, 1.0]);
        assert_eq!(scaler.undo(&[2.0, 1.0]).unwrap(), [8.0, 6.0]);
        assert!(scaler.apply(&[1.0]).unwrap_err().to_string().contains("1 numbers"));
        assert!(Scaler::standardize(&[], 2).is_err() && Scaler::standardize(&samples, 3).is_err());
        assert!(Scaler::standardize(&samples, 0).is_err());
        assert!(one_hot(&[3], 3).unwrap_err().to_string().contains("class 3"));
        assert!(one_hot(&[0, 1], usize::MAX).unwrap_err().to_string().contains("memory"));
    }

    #[test]
    fn a_number_that_is_not_finite_is_named_with_its_place() {
        let mut samples: Vec<f32> = (0..20).map(|i| i as f32).collect();
        samples[11] = f32::NAN;
        let scaler = Scaler::standardize(&[0.0, 1.0, 2.0, 3.0], 2).unwrap();
        for result in [
            Scaler::standardize(&samples, 2).map(drop),
            Scaler::min_max(&samples, 2).map(drop),
            scaler.apply(&samples).map(drop),
            scaler.undo(&samples).map(drop),
        ] {
            let text = result.unwrap_err().to_string();
            assert!(text.contains("sample 5 has NaN in column 1"), "{text}");
        }
        assert!(Scaler::min_max(&[f32::INFINITY], 1).unwrap_err().to_string().contains("inf in column 0"));
    }

    /// The mean of ten times 0.1 is rounded, and so is not 0.1.
    #[test]
    fn equal_numbers_become_zero() {
        for number in [0.1f32, -3.3e30, 7e-40] {
            for count in 1..50 {
                let samples = vec![number; count];
                for scaler in
                    [Scaler::standardize(&samples, 1).unwrap(), Scaler::min_max(&samples, 1).unwrap()]
                {
                    assert_eq!(scaler.apply(&samples).unwrap(), vec![0.0; count]);
                }
            }
        }
    }
}
