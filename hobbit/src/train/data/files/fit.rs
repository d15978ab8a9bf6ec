//! Which columns of a table a model is given, and how what encodes them is fitted to the training rows.

use std::collections::BTreeMap;

use super::columns::in_order;
use super::encoder::{Column, Encoder, Encoding, Otherwise, no_fill};
use super::table::Table;
use crate::error::{Error, Result};

/// What takes the place of missing values in a column of numbers; see [`Columns::missing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Missing {
    /// Nothing: they are errors.
    #[default]
    Refuse,
    /// The mean of the training rows' numbers.
    Mean,
    /// The median of the training rows' numbers; of an even count, the mean of the two in the middle.
    Median,
}

/// Which columns of a table a model is given, and what becomes of their texts and missing values. Fitted to
/// the training rows it is an [`Encoder`].
///
/// Columns hold numbers unless [`texts`](Columns::texts) names them, and a missing value is an error unless
/// [`missing`](Columns::missing) says what takes its place.
///
/// ```
/// use hobbit::train::{Columns, Missing, Table};
///
/// let training = Table::parse("id,size,colour,price\n1,20,red,3\n2,,blue,2\n3,35,red,4\n4,30,,5\n")?;
/// let columns = Columns::except(["id", "price"]).texts(["colour"]);
/// let encoder = columns.missing(Missing::Median).mark_missing().fit(&training)?;
/// assert_eq!(
///     encoder.names(),
///     ["size", "size (missing)", "colour=blue", "colour=red", "colour (missing)"]
/// );
/// assert_eq!(encoder.encode(&training)?[5..10], [30.0, 1.0, 1.0, 0.0, 0.0]);
/// # Ok::<(), hobbit::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Columns {
    chosen: Chosen,
    missing: Missing,
    missing_in: Vec<(String, Missing)>,
    marks: bool,
    texts: Vec<String>,
    other: Option<usize>,
    codes: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Chosen {
    Only(Vec<String>),
    Except(Vec<String>),
}

fn owned(names: impl IntoIterator<Item = impl Into<String>>) -> Vec<String> {
    names.into_iter().map(Into::into).collect()
}

impl Columns {
    fn new(chosen: Chosen) -> Columns {
        let (missing, missing_in) = (Missing::Refuse, Vec::new());
        Columns { chosen, missing, missing_in, marks: false, texts: Vec::new(), other: None, codes: false }
    }

    /// All columns.
    pub fn all() -> Columns {
        Columns::new(Chosen::Except(Vec::new()))
    }

    /// These columns, in this order.
    pub fn only(names: impl IntoIterator<Item = impl Into<String>>) -> Columns {
        Columns::new(Chosen::Only(owned(names)))
    }

    /// All columns but these: what is to be predicted, and what only names the rows.
    pub fn except(names: impl IntoIterator<Item = impl Into<String>>) -> Columns {
        Columns::new(Chosen::Except(owned(names)))
    }

    /// Sets which columns hold texts. A number that only names something (a postal code) is one, too.
    pub fn texts(self, names: impl IntoIterator<Item = impl Into<String>>) -> Columns {
        Columns { texts: owned(names), ..self }
    }

    /// Lets texts be unknown: texts that fewer than `rows` training rows have, and all that no training row
    /// has, count as the same, `colour (other)`. With 0 or 1, or where no training row has such a text, they
    /// are zeros in all numbers of the column. Default: an unknown text is an error.
    pub fn other(self, rows: usize) -> Columns {
        Columns { other: Some(rows), ..self }
    }

    /// Makes one number of each text, its code, instead of a number for each text that there is: what an
    /// [`embedding`](crate::train::Sequential::embedding) of [`Encoder::codes`] vectors takes. No two columns
    /// share a code. With [`other`](Columns::other) every column has a code for unknown texts, and with a
    /// rule for missing ones a code for them; what no training row has keeps the vector it begins with.
    ///
    /// All columns have to hold texts, since an embedding takes nothing but codes. For columns of numbers
    /// beside them, leave this out: a dense layer multiplies one-hot numbers by what an embedding would look
    /// up.
    ///
    /// ```
    /// use hobbit::train::{Columns, Table};
    ///
    /// let training = Table::parse("colour,shape\nred,round\nblue,flat\nred,long\nred,round\n")?;
    /// let encoder = Columns::all().texts(["colour", "shape"]).other(2).codes().fit(&training)?;
    /// // colour: red 0, others 1; shape: round 2, others 3
    /// assert_eq!(encoder.codes(), 4);
    /// assert_eq!(encoder.encode(&training)?, [0.0, 2.0, 1.0, 3.0, 0.0, 3.0, 0.0, 2.0]);
    /// # Ok::<(), hobbit::Error>(())
    /// ```
    pub fn codes(self) -> Columns {
        Columns { codes: true, ..self }
    }

    /// Sets what takes the place of missing values. In columns of texts it is a text of its own, whichever
    /// rule this is. Default: [`Missing::Refuse`].
    pub fn missing(self, rule: Missing) -> Columns {
        Columns { missing: rule, ..self }
    }

    /// Sets what takes the place of missing values in one column.
    pub fn missing_in(mut self, column: impl Into<String>, rule: Missing) -> Columns {
        self.missing_in.push((column.into(), rule));
        self
    }

    /// Adds a number for each column with missing values in the training rows: 1 where one is missing, and 0
    /// elsewhere.
    pub fn mark_missing(self) -> Columns {
        Columns { marks: true, ..self }
    }

    /// Fits an encoder to the training rows.
    ///
    /// # Errors
    /// No rows, no columns, one that is not there, or a rule for a column that is not chosen; a field that is
    /// not a number; a missing value where nothing takes its place; or [`codes`](Columns::codes) beside
    /// numbers.
    pub fn fit(&self, training: &Table) -> Result<Encoder> {
        if training.rows() == 0 {
            return Err(Error::data(format!("{} has no rows to fit an encoder to", training.source)));
        }
        let chosen = match &self.chosen {
            Chosen::Only(names) => training.columns(&names.iter().map(String::as_str).collect::<Vec<_>>()),
            Chosen::Except(names) => training.without(&names.iter().map(String::as_str).collect::<Vec<_>>()),
        }?;
        if chosen.names.is_empty() {
            return Err(Error::data("no column is left for the model to be given"));
        }
        let said = self.texts.iter().chain(self.missing_in.iter().map(|(name, _)| name));
        for name in said {
            if !chosen.names.contains(name) {
                training.place(name)?;
                return Err(Error::data(format!(
                    "`{name}` is to be encoded, but is not among the columns that the model is given"
                )));
            }
        }
        if self.codes
            && let Some(name) = chosen.names.iter().find(|name| !self.texts.contains(name))
        {
            return Err(Error::data(format!(
                "`{name}` holds numbers, and an embedding takes nothing but the codes of texts: name it with \
                 `Columns::texts` or leave it out; with numbers beside texts, leave `Columns::codes` out, so that texts \
                 are one-hot"
            )));
        }
        let column = |(place, name): (usize, &String)| {
            let encoding = match self.texts.contains(name) {
                true => self.texts_of(&chosen, place),
                false => self.number_of(&chosen, place),
            };
            Ok(Column { name: name.clone(), encoding: encoding? })
        };
        let columns = chosen.names.iter().enumerate().map(column).collect::<Result<_>>()?;
        Ok(Encoder { columns, missing: training.missing.clone() })
    }

    /// What takes the place of missing values in a column.
    fn rule(&self, name: &str) -> Missing {
        let own = self.missing_in.iter().rev().find(|(column, _)| column == name);
        own.map_or(self.missing, |(_, rule)| *rule)
    }

    fn number_of(&self, table: &Table, column: usize) -> Result<Encoding> {
        let numbers = table.numbers_unless(column, &table.missing)?;
        let first_missing = numbers.iter().position(Option::is_none);
        let known: Vec<f32> = numbers.iter().flatten().copied().collect();
        let name = &table.names[column];
        let rule = self.rule(name);
        let fill = match (rule, first_missing) {
            (Missing::Refuse, Some(row)) => return Err(no_fill(table, row, column)),
            (Missing::Refuse, None) => None,
            _ if known.is_empty() => {
                return Err(Error::data(format!(
                    "{}: `{name}` is missing in all training rows, so there is nothing to fill it with; leave it out",
                    table.source
                )));
            }
            (Missing::Mean, _) => Some(mean(&known)),
            (Missing::Median, _) => Some(median(known)),
        };
        Ok(Encoding::Number { fill, marked: self.marks && first_missing.is_some() })
    }

    fn texts_of(&self, table: &Table, column: usize) -> Result<Encoding> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut first_missing = None;
        for row in 0..table.rows() {
            let text = table.cell(row, column);
            match table.is_missing(text) {
                true => first_missing = first_missing.or(Some(row)),
                false => *counts.entry(text).or_default() += 1,
            }
        }
        // what no training row has; there is no code for nothing
        let none_had = if self.codes { Otherwise::Own } else { Otherwise::Zeros };
        let missing = match (self.rule(&table.names[column]), first_missing) {
            (Missing::Refuse, Some(row)) => return Err(no_fill(table, row, column)),
            (Missing::Refuse, None) => Otherwise::Error,
            (_, Some(_)) => Otherwise::Own,
            (_, None) => none_had,
        };
        let all = counts.len();
        counts.retain(|_, count| *count >= self.other.unwrap_or(0));
        let other = match self.other {
            None => Otherwise::Error,
            Some(_) if counts.len() < all => Otherwise::Own,
            Some(_) => none_had,
        };
        let known = in_order(counts.into_keys()).into_iter().map(str::to_owned).collect();
        Ok(match self.codes {
            false => Encoding::Texts { known, other, missing },
            true => Encoding::Codes { known, other, missing },
        })
    }
}

/// In 64 bits, from the first number on, so that the mean of equal numbers is exactly that.
fn mean(numbers: &[f32]) -> f32 {
    let first = f64::from(numbers[0]);
    let sum: f64 = numbers.iter().map(|&number| f64::from(number) - first).sum();
    (first + sum / numbers.len() as f64) as f32
}

fn median(mut numbers: Vec<f32>) -> f32 {
    numbers.sort_by(f32::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len().is_multiple_of(2) {
        true => ((f64::from(numbers[middle - 1]) + f64::from(numbers[middle])) / 2.0) as f32,
        false => numbers[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::ReadOptions;
    use crate::train::data::says;

    fn table() -> Table {
        Table::parse("x,y,c\n1,5,red\n4,,blue\n,7,red\n10,9,\n2,1,green\n").unwrap()
    }

    #[test]
    fn missing_numbers_are_filled_by_what_the_training_rows_have() {
        let table = table();
        let of = |rule| Columns::only(["x", "y"]).missing(rule).fit(&table).unwrap().encode(&table).unwrap();
        assert_eq!(of(Missing::Mean), [1.0, 5.0, 4.0, 5.5, 4.25, 7.0, 10.0, 9.0, 2.0, 1.0]);
        assert_eq!(of(Missing::Median), [1.0, 5.0, 4.0, 6.0, 3.0, 7.0, 10.0, 9.0, 2.0, 1.0]);
        let columns = Columns::only(["x", "y"]).missing(Missing::Mean).missing_in("y", Missing::Median);
        let encoder = columns.mark_missing().fit(&table).unwrap();
        assert_eq!(encoder.names(), ["x", "x (missing)", "y", "y (missing)"]);
        let new = Table::parse("y,z,x\n,a,\n0,b,1\n").unwrap();
        assert_eq!(encoder.encode(&new).unwrap(), [4.25, 1.0, 6.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
        // a column that was whole in training is filled, but not marked
        let whole = table.drop_missing(&["x"]).unwrap();
        let encoder = Columns::only(["x"]).missing(Missing::Median).mark_missing().fit(&whole).unwrap();
        assert_eq!((encoder.width(), encoder.encode(&new).unwrap()), (1, vec![3.0, 1.0]));
        for number in [0.1f32, -3.3e30, 7e-40] {
            assert_eq!((mean(&[number; 49]), median(vec![number; 50])), (number, number));
        }
    }

    #[test]
    fn texts_have_a_number_each_in_every_table() {
        let table = table();
        let columns = Columns::only(["c"]).texts(["c"]);
        let encoder = columns.clone().missing(Missing::Mean).fit(&table).unwrap();
        assert_eq!(encoder.names(), ["c=blue", "c=green", "c=red", "c (missing)"]);
        let new = Table::parse("c\ngreen\nNA\nred\n").unwrap();
        let expected = [[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0]].concat();
        assert_eq!(encoder.encode(&new).unwrap(), expected);
        let unknown = Table::parse("c\nred\npink\n").unwrap();
        says(encoder.encode(&unknown), &["line 3", "`c` is `pink`", "blue, green, red", "Columns::other"]);
        // rare texts and unknown ones are the same
        let known = table.drop_missing(&["c"]).unwrap();
        let encoder = columns.clone().other(2).fit(&known).unwrap();
        assert_eq!(encoder.names(), ["c=red", "c (other)"]);
        assert_eq!(encoder.encode(&unknown).unwrap(), [1.0, 0.0, 0.0, 1.0]);
        says(encoder.encode(&new), &["line 3", "missing", "Columns::missing"]);
        let encoder = columns.other(1).missing(Missing::Mean).fit(&known).unwrap();
        assert_eq!((encoder.width(), encoder.encode(&unknown).unwrap()[3..].to_vec()), (3, vec![0.0; 3]));
        assert_eq!(encoder.encode(&Table::parse("c\nNA\n").unwrap()).unwrap(), [0.0; 3]);
        // in the order of numbers, if they are
        let codes = Table::parse("c\n10\n9\n80331\n").unwrap();
        assert_eq!(Columns::all().texts(["c"]).fit(&codes).unwrap().names(), ["c=9", "c=10", "c=80331"]);
    }

    #[test]
    fn texts_have_a_code_each_that_no_other_column_has() {
        let training = Table::parse("a,b\nx,10\ny,9\nx,9\nx,NA\n").unwrap();
        let columns = Columns::all().texts(["a", "b"]).missing(Missing::Mean).codes();
        let encoder = columns.clone().fit(&training).unwrap();
        // a: x, y, missing; b: 9, 10, missing
        assert_eq!((encoder.codes(), encoder.width()), (6, 2));
        assert_eq!(encoder.names(), ["a", "b"]);
        assert_eq!(encoder.encode(&training).unwrap(), [0.0, 4.0, 1.0, 3.0, 0.0, 3.0, 0.0, 5.0]);
        assert_eq!(encoder.encode(&Table::parse("b,a\n9,\n").unwrap()).unwrap(), [2.0, 3.0]);
        says(encoder.encode(&Table::parse("a,b\nx,9\nz,9\n").unwrap()), &["line 3", "`z`", "x, y"]);
        // unknown texts have a code, whether or not a training row was rare
        let new = Table::parse("a,b\nz,9\ny,8\n").unwrap();
        let of = |rows| columns.clone().other(rows).fit(&training).unwrap();
        assert_eq!((of(1).codes(), of(1).encode(&new).unwrap()), (8, vec![2.0, 4.0, 1.0, 6.0]));
        assert_eq!((of(2).codes(), of(2).encode(&new).unwrap()), (6, vec![1.0, 3.0, 1.0, 4.0]));
        // every code is one that the embedding has
        for table in [&training, &new] {
            assert!(of(0).encode(table).unwrap().iter().all(|&code| code < of(0).codes() as f32));
        }
        says(columns.clone().texts(["a"]).fit(&training), &["`b` holds numbers", "one-hot"]);
        assert_eq!(Columns::only(["a"]).texts(["a"]).fit(&training).unwrap().codes(), 0);
    }

    #[test]
    fn what_stands_for_missing_values_is_kept() {
        let text = "c,x\nNA,1\n?,2\nDE,?\n";
        let training = ReadOptions::new().missing(["?"]).parse_table(text).unwrap();
        let columns = Columns::all().texts(["c"]).missing(Missing::Mean);
        let encoder = columns.fit(&training).unwrap();
        assert_eq!(encoder.names(), ["c=DE", "c=NA", "c (missing)", "x"]);
        // a table that was read by the usual words
        let new = Table::parse("c,x\nNA,?\n").unwrap();
        assert_eq!(encoder.encode(&new).unwrap(), [0.0, 1.0, 0.0, 1.5]);
        says(encoder.encode(&Table::parse("c,x\nDE,\n").unwrap()), &["line 2", "`x` is ``"]);
    }

    #[test]
    fn what_cannot_be_fitted_is_an_error_with_its_place() {
        let table = table();
        says(Columns::only(["x"]).fit(&table), &["line 4", "`x` is ``", "Columns::missing"]);
        says(Columns::only(["c"]).texts(["c"]).fit(&table), &["line 5", "`c` is ``"]);
        says(Columns::only(["c"]).missing(Missing::Mean).fit(&table), &["line 2", "`red`", "Columns::texts"]);
        says(Columns::only(["x", "x"]).fit(&table), &["`x`", "twice"]);
        says(Columns::except(["z"]).fit(&table), &["no column `z`"]);
        says(Columns::except(["x", "y", "c"]).fit(&table), &["no column is left"]);
        says(Columns::only(["x"]).texts(["c"]).fit(&table), &["`c`", "not among"]);
        says(Columns::only(["x"]).texts(["d"]).fit(&table), &["no column `d`"]);
        says(Columns::all().fit(&table.select(&[]).unwrap()), &["no rows"]);
        let missing = Table::parse("x\nNA\nNA\n").unwrap();
        says(Columns::all().missing(Missing::Median).fit(&missing), &["missing in all training rows"]);
        let encoder = Columns::only(["x"]).missing(Missing::Mean).fit(&table).unwrap();
        says(encoder.encode(&Table::parse("y\n1\n").unwrap()), &["no column `x`"]);
        says(encoder.check(2, &encoder.names()), &["makes 1 numbers", "samples of 2"]);
        says(encoder.check(1, &["y".to_owned()]), &["feature names", "encoder"]);
    }
}
