//! Data sets of the parts of a table.

use super::dataset::Dataset;
use super::files::{Encoder, Parts, Table};
use super::samples::{Inputs, Targets};
use crate::error::{Error, Result};

impl Dataset {
    /// The training and validation rows of a table, with a column of classes to predict. The names of the
    /// classes and what encodes the rows are kept with the weights.
    ///
    /// ```
    /// use hobbit::train::{Columns, Dataset, Missing, Split, Table};
    ///
    /// # let mut text = "age,colour,species\n".to_owned();
    /// # for row in 0..40 {
    /// #     text += &format!("{},{},{}\n", row, ["red", "NA"][row % 2], ["cat", "dog"][row % 2]);
    /// # }
    /// # let table = Table::parse(&text)?;
    /// let parts = table.split(&Split::new(0.2).test(0.2).stratified("species"))?;
    /// let columns = Columns::except(["species"]).texts(["colour"]).missing(Missing::Median);
    /// let encoder = columns.fit(&parts.training)?;
    /// let data = Dataset::of_classes(&parts, "species", &encoder)?;
    /// assert_eq!((data.training_samples(), data.validation_samples()), (24, 8));
    /// # Ok::<(), hobbit::Error>(())
    /// ```
    ///
    /// # Errors
    /// The column is not there, is among those that the encoder takes, has missing values, or has a class in
    /// validation that training does not have; or as for [`Encoder::encode`].
    pub fn of_classes(parts: &Parts, column: &str, encoder: &Encoder) -> Result<Dataset> {
        check_not_given(&[column], encoder)?;
        let (classes, names) = parts.training.classes(column)?;
        let validation = parts.validation.classes_with(column, &names)?;
        Ok(encoded(parts, encoder, classes, validation)?.class_names(names))
    }

    /// The training and validation rows of a table, with columns of numbers to predict. What encodes the rows
    /// is kept with the weights.
    ///
    /// # Errors
    /// A column is not there, is among those that the encoder takes, or has a field that is missing or no
    /// number; or as for [`Encoder::encode`].
    pub fn of_numbers(parts: &Parts, columns: &[&str], encoder: &Encoder) -> Result<Dataset> {
        check_not_given(columns, encoder)?;
        let numbers = |table: &Table| Ok(Targets::rows(table.numbers(columns)?, columns.len()));
        encoded(parts, encoder, numbers(&parts.training)?, numbers(&parts.validation)?)
    }
}

/// Whether the model is not given what it is to predict.
fn check_not_given(columns: &[&str], encoder: &Encoder) -> Result<()> {
    match encoder.columns().find(|column| columns.contains(column)) {
        None => Ok(()),
        Some(column) => Err(Error::data(format!(
            "`{column}` is to be predicted, and the encoder gives it to the model: fit it to `Columns::except([\"{column}\"])`"
        ))),
    }
}

fn encoded(
    parts: &Parts,
    encoder: &Encoder,
    training: impl Into<Targets>,
    validation: impl Into<Targets>,
) -> Result<Dataset> {
    let inputs = |table: &Table| Ok::<_, Error>(Inputs::from(encoder.encode(table)?));
    let training = (inputs(&parts.training)?, training);
    Ok(Dataset::new(training, (inputs(&parts.validation)?, validation))?.encoder(encoder.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::data::says;
    use crate::train::{Columns, Split};

    #[test]
    fn what_is_predicted_is_not_given_and_is_known_in_training() {
        let table = Table::parse("x,y,c\n1,2,a\n2,3,a\n3,4,a\n4,,a\n5,6,a\n").unwrap();
        let parts = table.split(&Split::new(0.2)).unwrap();
        let encoder = Columns::only(["x"]).fit(&parts.training).unwrap();
        let data = Dataset::of_classes(&parts, "c", &encoder).unwrap();
        assert_eq!((data.names.classes.join(" "), data.names.features.join(" ")), ("a".into(), "x".into()));
        says(Dataset::of_classes(&parts, "x", &encoder), &["`x` is to be predicted", "Columns::except"]);
        says(Dataset::of_numbers(&parts, &["y"], &encoder), &["line 5", "`y`", "missing"]);
        let whole = table.drop_missing(&["y"]).unwrap().split(&Split::new(0.25)).unwrap();
        assert_eq!(Dataset::of_numbers(&whole, &["y", "x"], &encoder).map(drop).map_err(|_| ()), Err(()));
        let data = Dataset::of_numbers(&whole, &["y"], &encoder).unwrap();
        assert_eq!((data.training_samples(), data.validation_samples()), (3, 1));
        let other = Table::parse("x,y,c\n1,2,b\n").unwrap();
        let parts = Parts { validation: other, ..parts };
        says(Dataset::of_classes(&parts, "c", &encoder), &["line 2", "`b`", "1 known classes"]);
    }
}
