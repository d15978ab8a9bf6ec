//! Tables with a header: how CSV files are read, and rows left out of them.

use std::collections::HashMap;
use std::path::Path;

use super::cells::{Cells, Splitter};
use super::options::ReadOptions;
use super::shown;
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
/// assert_eq!((y, &names), (vec![0, 1, 0], &vec!["cat".to_owned(), "dog".to_owned()]));
///
/// // in another table the same classes have the same numbers
/// let test = Table::parse("age,weight,species\n3,18,dog\n")?;
/// assert_eq!(test.classes_with("species", &names)?, [1]);
/// # Ok::<(), hobbit::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What the table is called in messages.
    pub(super) source: String,
    pub(super) names: Vec<String>,
    pub(super) cells: Cells,
    /// The texts that stand for missing values.
    pub(super) missing: Vec<String>,
}

impl Table {
    /// Reads a CSV file whose first line has the columns' names; gzipped or not, in UTF-8.
    ///
    /// Every line counts, even one that begins with `#`, except empty ones. Spaces around a field are not
    /// part of it. [`ReadOptions`] has other delimiters, comments, other texts for missing values, and the
    /// limit of what a compressed file may unpack to.
    ///
    /// # Errors
    /// The file cannot be read, is empty or not text, a column has no name or that of another, a line has a
    /// different number of fields from the header, or a quote is not closed.
    pub fn read(path: impl AsRef<Path>) -> Result<Table> {
        ReadOptions::new().table(path)
    }

    /// Reads CSV text, for instance embedded with `include_str!`. See [`read`](Table::read).
    ///
    /// # Errors
    /// As [`read`](Table::read).
    pub fn parse(text: &str) -> Result<Table> {
        ReadOptions::new().parse_table(text)
    }

    pub(super) fn of(bytes: &[u8], source: String, options: &ReadOptions) -> Result<Table> {
        let bad = |why: String| Error::data(format!("{source} cannot be read as CSV: {why}"));
        let sign = |what: &str, sign: char| match u8::try_from(sign) {
            Ok(byte) if byte.is_ascii() && !matches!(sign, '"' | '\n' | '\r' | '\0') => Ok(byte),
            _ => Err(bad(format!("{sign:?} cannot be {what}; take an ASCII character such as `,` or `;`"))),
        };
        let delimiter = sign("what separates fields", options.delimiter)?;
        let comment = options.comments.map(|start| sign("what begins a comment", start)).transpose()?;
        let text = text(bytes).map_err(bad)?;
        let mut splitter = Splitter::new(text, delimiter, comment);
        let names = splitter.header().map_err(bad)?;
        if names.is_empty() {
            return Err(bad("it is empty; its first line should have the columns' names".to_owned()));
        }
        check_names(&names).map_err(bad)?;
        let cells = splitter.rest(names.len()).map_err(bad)?;
        Ok(Table { source, names, cells, missing: options.missing.clone() })
    }

    /// The columns' names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.cells.rows()
    }

    pub(super) fn cell(&self, row: usize, column: usize) -> &str {
        self.cells.cell(self.names.len(), row, column)
    }

    pub(super) fn is_missing(&self, field: &str) -> bool {
        self.missing.iter().any(|missing| missing == field)
    }

    /// The place of a row, for messages.
    pub(super) fn at(&self, row: usize) -> String {
        format!("{}, line {}", self.source, self.cells.line(row))
    }

    pub(super) fn place(&self, column: &str) -> Result<usize> {
        self.names.iter().position(|name| name == column).ok_or_else(|| {
            let other = [';', '\t', '|'].into_iter().find(|&other| self.names[0].contains(other));
            let hint = match other {
                Some(other) if self.names.len() == 1 => format!(
                    "; if its fields are separated by {other:?}, read it with `ReadOptions::new().delimiter({other:?})`"
                ),
                _ => String::new(),
            };
            let few = &self.names[..self.names.len().min(20)];
            let rest = if few.len() < self.names.len() { ", …" } else { "" };
            let names = few.join(", ");
            Error::data(format!("{} has no column `{column}`; it has {names}{rest}{hint}", self.source))
        })
    }
}

impl ReadOptions {
    /// Reads a table as [`Table::read`] does.
    ///
    /// # Errors
    /// As there; or the delimiter is not an ASCII character that can separate fields.
    pub fn table(&self, path: impl AsRef<Path>) -> Result<Table> {
        let path = path.as_ref();
        Table::of(&self.read(path)?.bytes, path.display().to_string(), self)
    }

    /// Reads a table as [`Table::parse`] does.
    ///
    /// # Errors
    /// As for [`table`](ReadOptions::table).
    pub fn parse_table(&self, text: &str) -> Result<Table> {
        Table::of(text.as_bytes(), "the table".to_owned(), self)
    }
}

/// The text of a file, without the mark that some programs put before it.
fn text(bytes: &[u8]) -> Result<&str, String> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("its text is in UTF-16; save it in UTF-8".to_owned());
    }
    let line = |end: usize| 1 + bytes[..end].iter().filter(|&&byte| byte == b'\n').count();
    if let Some(place) = bytes.iter().position(|&byte| byte == 0) {
        return Err(format!("line {} has a zero byte, so it is not text in UTF-8", line(place)));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        format!("line {} is not in UTF-8; save the file in UTF-8", line(error.valid_up_to()))
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Names stand for columns, so each has to be there and to be one column's.
fn check_names(names: &[String]) -> Result<(), String> {
    let mut known = HashMap::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        if name.is_empty() {
            return Err(format!(
                "column {} of {} has no name in the header (pandas and R write the rows' names so, unless told not to: \
                 `index=False`, `row.names = FALSE`)",
                place + 1,
                names.len()
            ));
        }
        if let Some(first) = known.insert(name, place + 1) {
            return Err(format!("columns {first} and {} are both called `{}`", place + 1, shown(name)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::data::says;

    #[test]
    fn columns_have_names_of_their_own() {
        says(Table::parse("x,y,x\n1,2,3\n"), &["columns 1 and 3", "`x`"]);
        says(Table::parse("x, x\n1,2\n"), &["columns 1 and 2"]);
        says(Table::parse(",x\n0,1\n"), &["column 1 of 2", "no name", "index=False"]);
        says(Table::parse("x,\n0,1\n"), &["column 2 of 2"]);
        says(Table::parse(""), &["the table", "empty"]);
        says(Table::parse("\n\r\n"), &["empty"]);
        let header = Table::parse("x,y").unwrap();
        assert_eq!((header.rows(), header.names().join(" ")), (0, "x y".to_owned()));
        // of many, the first are named
        let names: Vec<String> = (0..500).map(|number| format!("c{number}")).collect();
        let wide = Table::parse(&names.join(",")).unwrap();
        let text = wide.numbers(&["x"]).unwrap_err().to_string();
        assert!(text.ends_with("c18, c19, …"), "{text}");
    }

    #[test]
    fn lines_that_begin_with_a_hash_are_data_unless_comments_are_asked_for() {
        let table = Table::parse("#id,x\n#ff0000,1\nred,2\n").unwrap();
        assert_eq!((table.names()[0].as_str(), table.rows()), ("#id", 2));
        let without = ReadOptions::new().comments('#').parse_table("# by hand\nid,x\n#1,1\n2,z\n").unwrap();
        assert_eq!((without.names()[0].as_str(), without.rows()), ("id", 1));
        says(without.numbers(&["x"]), &["line 4", "`z`"]);
    }

    #[test]
    fn texts_of_any_origin_are_read_or_refused() {
        let windows = Table::parse("\u{feff}a,b\r\n1,2\r\n3,4\r\n").unwrap();
        assert_eq!(windows.numbers(&["a", "b"]).unwrap(), [1.0, 2.0, 3.0, 4.0]);
        let quoted = Table::parse("y,x\n\"of two\nlines\",1\nb,?\n").unwrap();
        says(quoted.numbers(&["x"]), &["line 4", "`?`"]);
        assert_eq!(quoted.classes("y").unwrap().1, ["b", "of two\nlines"]);
        says(Table::parse("a,b\n1,2\n3\n"), &["line 3 has 1 field", "has 2"]);
        says(Table::parse("a\n1\n\"2\n3\n"), &["line 3", "never closed"]);
        let of = |bytes: &[u8]| Table::of(bytes, "x.csv".to_owned(), &ReadOptions::new());
        says(of(b"a\nb\n\xe9\n"), &["x.csv", "line 3", "UTF-8"]);
        says(of(b"\xff\xfea\0"), &["UTF-16"]);
        says(of(b"a\n1\0\n"), &["line 2", "zero byte"]);
        let semicolons = "a;b\n1,5;2\n";
        says(Table::parse("a;b\n1;2\n").unwrap().numbers(&["a"]), &["delimiter(';')"]);
        let table = ReadOptions::new().delimiter(';').parse_table(semicolons).unwrap();
        says(table.numbers(&["a"]), &["`1,5`", "point"]);
        says(ReadOptions::new().delimiter('→').parse_table("a\n"), &["'→'", "ASCII"]);
        says(ReadOptions::new().comments('"').parse_table("a\n"), &["comment"]);
    }
}
