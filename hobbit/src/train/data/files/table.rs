//! Tables with a header: CSV files.

use std::path::Path;

use super::read;
use crate::error::{Error, Result};

/// A table with named columns, as a CSV file holds it.
///
/// ```
/// use hobbit::train::Table;
///
/// let table = Table::parse("age,weight,species\n2,3.5,cat\n4,21,dog\n3,4,cat\n")?;
/// let x = table.numbers(&["age", "weight"])?; // row by row
/// let (y, names) = table.classes("species")?;
/// assert_eq!(x, [2.0, 3.5, 4.0, 21.0, 3.0, 4.0]);
/// assert_eq!((y, names), (vec![0, 1, 0], vec!["cat".to_owned(), "dog".to_owned()]));
/// # Ok::<(), hobbit::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What the table is called in messages.
    source: String,
    names: Vec<String>,
    rows: Vec<csv::StringRecord>,
}

impl Table {
    /// Reads a CSV file whose first line has the columns' names; packed with gzip or not. Lines that begin with `#` are left out.
    ///
    /// # Errors
    /// The file cannot be read, or a line has another number of fields than the header.
    pub fn read(path: impl AsRef<Path>) -> Result<Table> {
        let path = path.as_ref();
        Table::of(&read(path)?, path.display().to_string())
    }

    /// Reads CSV text, for instance embedded with `include_str!`.
    ///
    /// # Errors
    /// As [`read`](Table::read).
    pub fn parse(text: &str) -> Result<Table> {
        Table::of(text.as_bytes(), "the table".to_owned())
    }

    fn of(bytes: &[u8], source: String) -> Result<Table> {
        let mut reader =
            csv::ReaderBuilder::new().trim(csv::Trim::All).comment(Some(b'#')).from_reader(bytes);
        let bad = |error: csv::Error| {
            Error::data(format!("{source} cannot be read as CSV: {error}")).with_source(error)
        };
        let names = reader.headers().map_err(bad)?.iter().map(str::to_owned).collect();
        let rows = reader.records().collect::<Result<_, _>>().map_err(bad)?;
        Ok(Table { source, names, rows })
    }

    /// The columns' names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// These columns as numbers, row by row.
    ///
    /// # Errors
    /// A column that is not there, or a field that is no finite number: with its line.
    pub fn numbers(&self, columns: &[&str]) -> Result<Vec<f32>> {
        let places = columns.iter().map(|column| self.place(column)).collect::<Result<Vec<usize>>>()?;
        let mut values = Vec::with_capacity(self.rows.len() * places.len());
        for (row, record) in self.rows.iter().enumerate() {
            for &place in &places {
                let field = record.get(place).unwrap_or_default();
                let number = field.parse::<f32>().ok().filter(|number| number.is_finite());
                values.push(number.ok_or_else(|| {
                    Error::data(format!(
                        "{}, line {}: `{}` is `{field}`, which is no number",
                        self.source,
                        record.position().map_or(row as u64 + 2, csv::Position::line),
                        self.names[place]
                    ))
                })?);
            }
        }
        Ok(values)
    }

    /// All columns but these as numbers, row by row, and their names.
    ///
    /// # Errors
    /// As [`numbers`](Table::numbers).
    pub fn numbers_except(&self, columns: &[&str]) -> Result<(Vec<f32>, Vec<String>)> {
        for column in columns {
            self.place(column)?;
        }
        let kept: Vec<String> =
            self.names.iter().filter(|name| !columns.contains(&name.as_str())).cloned().collect();
        let values = self.numbers(&kept.iter().map(String::as_str).collect::<Vec<_>>())?;
        Ok((values, kept))
    }

    /// A column as classes, counted from 0 in the order of their names; and the names.
    ///
    /// # Errors
    /// The column is not there.
    pub fn classes(&self, column: &str) -> Result<(Vec<usize>, Vec<String>)> {
        let place = self.place(column)?;
        let fields: Vec<&str> =
            self.rows.iter().map(|record| record.get(place).unwrap_or_default()).collect();
        let mut names = fields.clone();
        names.sort_unstable();
        names.dedup();
        let classes = fields.iter().map(|field| names.partition_point(|name| name < field)).collect();
        Ok((classes, names.into_iter().map(str::to_owned).collect()))
    }

    fn place(&self, column: &str) -> Result<usize> {
        self.names.iter().position(|name| name == column).ok_or_else(|| {
            Error::data(format!("{} has no column `{column}`; it has {}", self.source, self.names.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named_with_their_lines() {
        let text = |table: &str| Table::parse(table).map(|table| table.numbers(&["a", "b"]));
        let message = |table: &str| text(table).and_then(|numbers| numbers).unwrap_err().to_string();
        let missing = message("a,c\n1,2\n");
        assert!(missing.contains("`b`") && missing.contains("a, c"), "{missing}");
        let no_number = message("a,b\n# a comment\n1,2\n3,x\n");
        assert!(no_number.contains("line 4") && no_number.contains("`x`"), "{no_number}");
        assert!(message("a,b\n1,\n").contains("no number"));
        assert!(message("a,b\n1,inf\n").contains("no number"));
        assert!(message("a,b\n1,2,3\n").contains("CSV"));
        assert!(Table::read("/nowhere/x.csv").unwrap_err().to_string().contains("/nowhere/x.csv"));
        let table = Table::parse("a,b,y\n1, 2 ,3\n").unwrap();
        let (values, names) = table.numbers_except(&["y"]).unwrap();
        assert_eq!((values, names.join(" "), table.rows()), (vec![1.0, 2.0], "a b".to_owned(), 1));
        assert!(table.numbers_except(&["z"]).is_err());
    }
}
