//! From the rows of a table to numbers, as it was fitted to the training rows: what a model takes along.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::shown;
use super::table::Table;
use crate::error::{Error, Result};

/// How the columns of a table become the numbers of a sample: what stands for missing values, and which texts
/// there are.
///
/// It is made by [`Columns::fit`](super::Columns::fit) of the training rows alone, and is kept with the
/// weights of the models that are trained on its [`Dataset`](crate::train::Dataset): so
/// [`predict_table`](crate::train::Model::predict_table) takes the table as it is. A column of texts becomes
/// a number for each text that there is: 1 for that of the row, and 0 for all others (one-hot). With
/// [`Columns::codes`](super::Columns::codes) it becomes one number, which an
/// [`Embedding`](crate::train::Embedding) takes.
///
/// ```
/// use hobbit::train::{Columns, Missing, Table};
///
/// let training = Table::parse("age,colour\n2,red\n,blue\n4,red\n")?;
/// let encoder = Columns::all().texts(["colour"]).missing(Missing::Mean).fit(&training)?;
/// assert_eq!(encoder.names(), ["age", "colour=blue", "colour=red"]);
/// assert_eq!(encoder.encode(&training)?, [2.0, 0.0, 1.0, 3.0, 1.0, 0.0, 4.0, 0.0, 1.0]);
/// // the same in other rows, whatever they are
/// let new = Table::parse("colour,age\nblue,\n")?;
/// assert_eq!(encoder.encode(&new)?, [3.0, 1.0, 0.0]);
/// # Ok::<(), hobbit::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Encoder {
    pub(super) columns: Vec<Column>,
    /// The texts that stand for missing values: those of the table that it was fitted to.
    pub(super) missing: Vec<String>,
}

/// A column of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) encoding: Encoding,
}

/// What becomes of its fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Encoding {
    /// A number.
    Number {
        /// What stands for a missing value; if nothing does, it is an error.
        fill: Option<f32>,
        /// Whether another number says if it is missing.
        marked: bool,
    },
    /// A number for each of these texts.
    Texts { known: Vec<String>, other: Otherwise, missing: Otherwise },
    /// One number, which is another one for each of these texts, after the codes of the columns before it.
    Codes { known: Vec<String>, other: Otherwise, missing: Otherwise },
}

/// What becomes of a text that is none of the known ones, or is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Otherwise {
    Error,
    /// All numbers of the column are 0.
    Zeros,
    /// It has a number of its own.
    Own,
}

impl Encoder {
    /// The number of numbers that a row becomes.
    pub fn width(&self) -> usize {
        self.columns.iter().map(|column| column.encoding.width()).sum()
    }

    /// The number of codes that texts become, all columns together: how many vectors an
    /// [`embedding`](crate::train::Sequential::embedding) of them has. 0 without
    /// [`Columns::codes`](super::Columns::codes).
    pub fn codes(&self) -> usize {
        self.columns.iter().map(|column| column.encoding.codes()).sum()
    }

    /// What the numbers of a row are called: by their column, and its text where there are several:
    /// `colour=red`, `colour (missing)`.
    pub fn names(&self) -> Vec<String> {
        self.columns.iter().flat_map(Column::names).collect()
    }

    /// The columns of the table that it takes.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// The numbers of the rows of a table, row by row. Its columns are found by their names; others are left
    /// alone. What stands for missing values is what did so in the table that it was fitted to.
    ///
    /// # Errors
    /// A column that is not there; or a field that is not a number, is a text that no training row had, or is
    /// missing, where no rule covers that: with its line.
    pub fn encode(&self, table: &Table) -> Result<Vec<f32>> {
        let width = self.width();
        let mut values = Vec::new();
        let length = table.rows().checked_mul(width);
        if length.is_none_or(|length| values.try_reserve_exact(length).is_err()) {
            let rows = table.rows();
            return Err(Error::data(format!("there is no memory for {rows} rows of {width} numbers")));
        }
        values.resize(table.rows() * width, 0.0);
        let (mut first, mut first_code) = (0, 0);
        for column in &self.columns {
            let place = table.place(&column.name)?;
            let mut set =
                |row: usize, number: usize, value: f32| values[row * width + first + number] = value;
            match &column.encoding {
                &Encoding::Number { fill, marked } => {
                    for (row, number) in table.numbers_unless(place, &self.missing)?.into_iter().enumerate() {
                        let number = number.or(fill).map(|value| (value, number.is_none()));
                        let (value, is_missing) = number.ok_or_else(|| no_fill(table, row, place))?;
                        set(row, 0, value);
                        if marked {
                            set(row, 1, f32::from(u8::from(is_missing)));
                        }
                    }
                }
                texts => {
                    let is_code = matches!(texts, Encoding::Codes { .. });
                    for (row, number) in texts.places(table, place, &self.missing)?.into_iter().enumerate() {
                        match number {
                            Some(number) if is_code => set(row, 0, (first_code + number) as f32),
                            Some(number) => set(row, number, 1.0),
                            None => {}
                        }
                    }
                }
            }
            first += column.encoding.width();
            first_code += column.encoding.codes();
        }
        Ok(values)
    }

    /// Whether samples are as wide as its rows and called as it calls them, and its numbers are numbers:
    /// nobody knows who wrote a file.
    pub(in crate::train) fn check(&self, width: usize, features: &[String]) -> Result<()> {
        if self.width() != width {
            return Err(Error::data(format!(
                "the encoder makes {} numbers of a row, but the model takes samples of {width}",
                self.width()
            )));
        }
        if self.names() != features {
            return Err(Error::data(
                "the feature names are not those of the encoder; leave `feature_names` out where there is an encoder",
            ));
        }
        let is_finite = |column: &Column| match column.encoding {
            Encoding::Number { fill: Some(fill), .. } => fill.is_finite(),
            _ => true,
        };
        match self.columns.iter().find(|column| !is_finite(column)) {
            None => Ok(()),
            Some(Column { name, .. }) => {
                Err(Error::data(format!("what the encoder fills `{name}` with is no finite number")))
            }
        }
    }
}

impl Column {
    fn names(&self) -> Vec<String> {
        let name = &self.name;
        let is_own = |otherwise: Otherwise| otherwise == Otherwise::Own;
        match &self.encoding {
            Encoding::Number { marked: false, .. } | Encoding::Codes { .. } => vec![name.clone()],
            Encoding::Number { marked: true, .. } => vec![name.clone(), format!("{name} (missing)")],
            Encoding::Texts { known, other, missing } => {
                let known = known.iter().map(|text| format!("{name}={text}"));
                let other = is_own(*other).then(|| format!("{name} (other)"));
                known.chain(other).chain(is_own(*missing).then(|| format!("{name} (missing)"))).collect()
            }
        }
    }
}

impl Encoding {
    fn width(&self) -> usize {
        match self {
            Encoding::Number { marked, .. } => 1 + usize::from(*marked),
            Encoding::Texts { .. } => self.kinds(),
            Encoding::Codes { .. } => 1,
        }
    }

    fn codes(&self) -> usize {
        match self {
            Encoding::Codes { .. } => self.kinds(),
            Encoding::Number { .. } | Encoding::Texts { .. } => 0,
        }
    }

    /// How many texts are told apart.
    fn kinds(&self) -> usize {
        let Some((known, otherwise)) = self.texts() else { return 0 };
        known.len() + otherwise.into_iter().filter(|otherwise| *otherwise == Otherwise::Own).count()
    }

    /// The known texts, and what becomes of others and of missing ones.
    fn texts(&self) -> Option<(&[String], [Otherwise; 2])> {
        match self {
            Encoding::Number { .. } => None,
            Encoding::Texts { known, other, missing } | Encoding::Codes { known, other, missing } => {
                Some((known, [*other, *missing]))
            }
        }
    }

    /// Which of the column's texts each row has.
    fn places(&self, table: &Table, column: usize, missing: &[String]) -> Result<Vec<Option<usize>>> {
        let Some((known, [other, if_missing])) = self.texts() else { return Ok(Vec::new()) };
        let places: HashMap<&str, usize> = known.iter().map(String::as_str).zip(0..).collect();
        let after = known.len() + usize::from(other == Otherwise::Own);
        let place = |row| {
            let text = table.cell(row, column);
            if missing.iter().any(|missing| missing == text) {
                return match if_missing {
                    Otherwise::Own => Ok(Some(after)),
                    Otherwise::Zeros => Ok(None),
                    Otherwise::Error => Err(no_fill(table, row, column)),
                };
            }
            match (places.get(text), other) {
                (Some(&place), _) => Ok(Some(place)),
                (None, Otherwise::Own) => Ok(Some(known.len())),
                (None, Otherwise::Zeros) => Ok(None),
                (None, Otherwise::Error) => Err(unknown(table, row, column, known)),
            }
        };
        (0..table.rows()).map(place).collect()
    }
}

/// What is missing in a row, and nothing stands for it.
pub(super) fn no_fill(table: &Table, row: usize, column: usize) -> Error {
    let name = &table.names[column];
    Error::data(format!(
        "{}: `{name}` is `{}`, which stands for a missing value, and nothing was said of what takes its place: leave such \
         rows out with `drop_missing(&[\"{name}\"])`, or fit the encoder with `Columns::missing`",
        table.at(row),
        table.cell(row, column)
    ))
}

fn unknown(table: &Table, row: usize, column: usize, known: &[String]) -> Error {
    let some: Vec<String> = known.iter().take(10).map(|text| shown(text)).collect();
    let rest = if known.len() > some.len() { ", …" } else { "" };
    Error::data(format!(
        "{}: `{}` is `{}`, which is not one of the {} texts of the training rows ({}{rest}); if others are to be expected, fit \
         the encoder with `Columns::other`",
        table.at(row),
        table.names[column],
        shown(table.cell(row, column)),
        known.len(),
        some.join(", ")
    ))
}
