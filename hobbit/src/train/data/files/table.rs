//! Tables with a header: CSV files.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::cells::{Cells, Splitter};
use super::natural::natural;
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
    source: String,
    names: Vec<String>,
    cells: Cells,
    /// The texts that stand for missing values.
    missing: Vec<String>,
}

/// What pandas takes for missing values.
pub(super) const MISSING: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
    "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
];

impl Table {
    /// Reads a CSV file whose first line has the columns' names; packed with gzip or not, in UTF-8.
    ///
    /// Every line counts, also one that begins with `#`, except empty ones. Spaces around a field are no part
    /// of it. [`ReadOptions`] has other delimiters, comments, other texts for missing values, and the limit
    /// of what a packed file may unpack to.
    ///
    /// # Errors
    /// The file cannot be read, is empty or no text, a column has no name or that of another, a line has
    /// another number of fields than the header, or a quote is not closed.
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

    /// These columns as numbers, row by row.
    ///
    /// Numbers become the nearest 32-bit floats, which have about 7 decimal digits.
    ///
    /// # Errors
    /// A column that is not there, a field that is missing or no finite number, or two whole numbers of a
    /// column that a 32-bit float cannot tell apart (large ids, timestamps): with their lines.
    pub fn numbers(&self, columns: &[&str]) -> Result<Vec<f32>> {
        self.numbers_by(columns, None)
    }

    /// These columns as [`numbers`](Table::numbers), with this number wherever a value is missing.
    ///
    /// # Errors
    /// As there, but for missing values.
    pub fn numbers_or(&self, columns: &[&str], missing: f32) -> Result<Vec<f32>> {
        self.numbers_by(columns, Some(missing))
    }

    fn numbers_by(&self, columns: &[&str], missing: Option<f32>) -> Result<Vec<f32>> {
        let places = columns.iter().map(|column| self.place(column)).collect::<Result<Vec<usize>>>()?;
        let mut values = Vec::with_capacity(self.rows() * places.len());
        let mut large = vec![Vec::new(); places.len()];
        for row in 0..self.rows() {
            for (&column, large) in places.iter().zip(&mut large) {
                let field = self.cell(row, column);
                if let Some(missing) = missing
                    && self.is_missing(field)
                {
                    values.push(missing);
                    continue;
                }
                let number = field.parse::<f32>().ok().filter(|number| number.is_finite());
                let number = number.ok_or_else(|| self.no_number(row, column))?;
                // from 2²⁴ on, 32-bit floats leave whole numbers out
                if number.abs() >= 16_777_216.0
                    && let Ok(whole) = field.parse::<i128>()
                {
                    large.push((whole, row));
                }
                values.push(number);
            }
        }
        for (&column, large) in places.iter().zip(&mut large) {
            large.sort_unstable();
            let same =
                large.windows(2).find(|pair| pair[0].0 != pair[1].0 && pair[0].0 as f32 == pair[1].0 as f32);
            if let Some(&[(a, row), (b, other)]) = same {
                return Err(Error::data(format!(
                    "{}, lines {} and {}: `{}` is {a} and {b}, which are the same number for a 32-bit float; subtract \
                     what they have in common, or leave the column out if it only names the rows",
                    self.source,
                    self.cells.line(row),
                    self.cells.line(other),
                    self.names[column]
                )));
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

    /// A column as classes, counted from 0 in their natural order; and their names, for
    /// [`classes_with`](Table::classes_with).
    ///
    /// The order is that of the numbers if all names are numbers; otherwise that of the texts, in which
    /// digits count as numbers: `2` comes before `10`, and `fold2` before `fold10`.
    ///
    /// # Errors
    /// The column is not there, or a class is missing: with its line.
    pub fn classes(&self, column: &str) -> Result<(Vec<usize>, Vec<String>)> {
        let place = self.place(column)?;
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for row in 0..self.rows() {
            names.insert(self.class(row, place)?);
        }
        let number = |name: &&str| name.parse::<f64>().ok().filter(|number| number.is_finite());
        let mut names: Vec<(Option<f64>, &str)> = names.iter().map(|name| (number(name), *name)).collect();
        let all_numbers = names.iter().all(|(number, _)| number.is_some());
        names.sort_by(|(a, left), (b, right)| match (a, b) {
            (Some(a), Some(b)) if all_numbers => a.total_cmp(b).then_with(|| natural(left, right)),
            _ => natural(left, right),
        });
        let names: Vec<String> = names.into_iter().map(|(_, name)| name.to_owned()).collect();
        Ok((self.classes_with(column, &names)?, names))
    }

    /// A column as classes, numbered by their places in this list: that of [`classes`](Table::classes) of
    /// another table, or one of your own. So training and test files have the same numbers for the same
    /// classes.
    ///
    /// # Errors
    /// The column is not there, a class is missing or not in the list (with its line), or the list has a
    /// class twice.
    pub fn classes_with(&self, column: &str, names: &[impl AsRef<str>]) -> Result<Vec<usize>> {
        let place = self.place(column)?;
        let mut known = HashMap::with_capacity(names.len());
        for (class, name) in names.iter().enumerate() {
            if let Some(first) = known.insert(name.as_ref(), class) {
                return Err(Error::data(format!(
                    "the list of classes has `{}` twice, at places {first} and {class}",
                    name.as_ref()
                )));
            }
        }
        let class = |row| {
            let name = self.class(row, place)?;
            known.get(name).copied().ok_or_else(|| {
                let some: Vec<&str> = names.iter().take(10).map(AsRef::as_ref).collect();
                let rest = if names.len() > some.len() { ", …" } else { "" };
                Error::data(format!(
                    "{}: `{column}` is `{}`, which is none of the {} known classes ({}{rest})",
                    self.at(row),
                    shown(name),
                    names.len(),
                    some.join(", ")
                ))
            })
        };
        (0..self.rows()).map(class).collect()
    }

    /// The table without the rows in which one of these columns is missing. Messages go on naming the lines
    /// of the file.
    ///
    /// # Errors
    /// A column that is not there.
    pub fn drop_missing(&self, columns: &[&str]) -> Result<Table> {
        let places = columns.iter().map(|column| self.place(column)).collect::<Result<Vec<usize>>>()?;
        let mut cells = Cells::default();
        for row in 0..self.rows() {
            if !places.iter().any(|&place| self.is_missing(self.cell(row, place))) {
                cells.copy(&self.cells, self.names.len(), row);
            }
        }
        Ok(Table {
            cells,
            source: self.source.clone(),
            names: self.names.clone(),
            missing: self.missing.clone(),
        })
    }

    fn cell(&self, row: usize, column: usize) -> &str {
        self.cells.cell(self.names.len(), row, column)
    }

    /// The class of a row, if there is one.
    fn class(&self, row: usize, column: usize) -> Result<&str> {
        let name = self.cell(row, column);
        if self.is_missing(name) {
            let column = &self.names[column];
            return Err(Error::data(format!(
                "{}: `{column}` is `{name}`, which stands for a missing value; leave such rows out with \
                 `drop_missing(&[\"{column}\"])`, or say with `ReadOptions::missing` what stands for missing values \
                 if this is a class",
                self.at(row)
            )));
        }
        Ok(name)
    }

    fn is_missing(&self, field: &str) -> bool {
        self.missing.iter().any(|missing| missing == field)
    }

    /// The place of a row, for messages.
    fn at(&self, row: usize) -> String {
        format!("{}, line {}", self.source, self.cells.line(row))
    }

    fn no_number(&self, row: usize, column: usize) -> Error {
        let field = self.cell(row, column);
        let why = match field.parse::<f64>() {
            _ if self.is_missing(field) => {
                ": the value is missing; leave such rows out with `drop_missing`, or fill them with `numbers_or`"
            }
            Ok(number) if number.is_finite() => " that a 32-bit float can hold",
            Ok(_) => " that is finite",
            Err(_) if field.replace('.', "").replacen(',', ".", 1).parse::<f64>().is_ok() => {
                ": its decimal point has to be a point, and thousands are not separated"
            }
            Err(_) => "",
        };
        Error::data(format!(
            "{}: `{}` is `{}`, which is no number{why}",
            self.at(row),
            self.names[column],
            shown(field)
        ))
    }

    fn place(&self, column: &str) -> Result<usize> {
        self.names.iter().position(|name| name == column).ok_or_else(|| {
            let other = [';', '\t', '|'].into_iter().find(|&other| self.names[0].contains(other));
            let hint = match other {
                Some(other) if self.names.len() == 1 => format!(
                    "; if its fields are separated by {other:?}, read it with `ReadOptions::new().delimiter({other:?})`"
                ),
                _ => String::new(),
            };
            let names = self.names.join(", ");
            Error::data(format!("{} has no column `{column}`; it has {names}{hint}", self.source))
        })
    }
}

/// The text of a file, without the mark that some programs put before it.
fn text(bytes: &[u8]) -> Result<&str, String> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("its text is in UTF-16; save it in UTF-8".to_owned());
    }
    let line = |end: usize| 1 + bytes[..end].iter().filter(|&&byte| byte == b'\n').count();
    if let Some(place) = bytes.iter().position(|&byte| byte == 0) {
        return Err(format!("line {} has a zero byte, so it is no text in UTF-8", line(place)));
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

    #[track_caller]
    fn says<T>(result: Result<T>, parts: &[&str]) {
        let text = result.err().expect("an error").to_string();
        for part in parts {
            assert!(text.contains(part), "{part:?} is not in {text:?}");
        }
    }

    #[test]
    fn mistakes_are_named_with_their_lines() {
        let text = |table: &str| Table::parse(table).map(|table| table.numbers(&["a", "b"]));
        let message = |table: &str| text(table).and_then(|numbers| numbers).unwrap_err().to_string();
        let missing = message("a,c\n1,2\n");
        assert!(missing.contains("`b`") && missing.contains("a, c"), "{missing}");
        let no_number = message("a,b\n\n1,2\n3,x\n");
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

    #[test]
    fn numbers_that_floats_cannot_hold_are_named() {
        let of = |numbers: &str| Table::parse(&format!("x\n{numbers}\n")).unwrap().numbers(&["x"]);
        says(of("1e300"), &["32-bit float"]);
        says(of("-inf"), &["finite"]);
        says(of("1700000001\n5\n1700000002"), &["lines 2 and 4", "1700000001 and 1700000002"]);
        // rounding alone loses no more than for any other number
        assert_eq!(of("331002651\n331002651\n0.1").unwrap(), [331_002_660.0, 331_002_660.0, 0.1]);
        says(of(&"9".repeat(5000)), &["99…`"]);
    }

    #[test]
    fn missing_values_are_refused_unless_they_are_asked_for() {
        let table = Table::parse("x,y\n1,cat\n,dog\n3,\n4,NA\n").unwrap();
        says(table.classes("y"), &["line 4", "`y` is ``", "drop_missing"]);
        says(table.classes_with("y", &["cat", "dog"]), &["line 4", "missing"]);
        says(table.numbers(&["x"]), &["line 3", "missing", "numbers_or"]);
        assert_eq!(table.numbers_or(&["x"], -1.0).unwrap(), [1.0, -1.0, 3.0, 4.0]);
        let known = table.drop_missing(&["y"]).unwrap();
        assert_eq!(known.classes("y").unwrap().0, [0, 1]);
        says(known.numbers(&["x"]), &["line 3"]);
        assert_eq!(known.drop_missing(&["x"]).unwrap().numbers(&["x"]).unwrap(), [1.0]);
        says(table.drop_missing(&["z"]), &["`z`"]);
        // pandas' words are classes where the table says so
        let words = ReadOptions::new().missing(["?"]).parse_table("y\nNone\nNA\n?\n").unwrap();
        says(words.classes("y"), &["line 4", "`?`"]);
        let none: [&str; 0] = [];
        let all = ReadOptions::new().missing(none).parse_table("x,y\n1,None\n2,\n").unwrap();
        assert_eq!(all.classes("y").unwrap().1, ["", "None"]);
    }

    #[test]
    fn classes_have_their_natural_order() {
        let of =
            |names: &str| Table::parse(&format!("y\n{}\n", names.replace(' ', "\n"))).unwrap().classes("y");
        assert_eq!(of("10 2 1 2").unwrap(), (vec![2, 1, 0, 1], ["1", "2", "10"].map(str::to_owned).to_vec()));
        assert_eq!(of("1.5 -2 10 1.25 1e1").unwrap().1, ["-2", "1.25", "1.5", "1e1", "10"]);
        assert_eq!(of("fold10 fold2 eel 3").unwrap().1, ["3", "eel", "fold2", "fold10"]);
        assert_eq!(
            of("a a1b a01 a1 9007199254740993 9007199254740992").unwrap().1,
            ["9007199254740992", "9007199254740993", "a", "a01", "a1", "a1b"]
        );
        let many = (0..12).rev().map(|i| i.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(of(&many).unwrap().0, (0..12).rev().collect::<Vec<_>>());
    }

    #[test]
    fn classes_of_two_files_have_the_same_numbers() {
        let training = Table::parse("y\ncat\ndog\neel\n").unwrap();
        let test = Table::parse("y\ndog\neel\n").unwrap();
        let (classes, names) = training.classes("y").unwrap();
        assert_eq!((classes, test.classes_with("y", &names).unwrap()), (vec![0, 1, 2], vec![1, 2]));
        says(
            training.classes_with("y", &["dog", "cat"]),
            &["line 4", "`eel`", "2 known classes", "dog, cat"],
        );
        says(training.classes_with("y", &["a", "b", "a"]), &["`a` twice", "0 and 2"]);
    }
}
