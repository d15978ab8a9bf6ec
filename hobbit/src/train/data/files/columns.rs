//! What the columns of a table are read as: numbers, or classes.

use std::collections::{BTreeSet, HashMap};

use super::natural::natural;
use super::shown;
use super::table::Table;
use crate::error::{Error, Result};

impl Table {
    /// These columns as numbers, row by row.
    ///
    /// Numbers become the nearest 32-bit floats, which have about 7 decimal digits.
    ///
    /// # Errors
    /// A column that is not there, a field that is missing or not a finite number, or two whole numbers of a
    /// column that a 32-bit float cannot tell apart (large ids, timestamps): with their lines.
    pub fn numbers(&self, columns: &[&str]) -> Result<Vec<f32>> {
        self.numbers_by(columns, None)
    }

    /// These columns as [`numbers`](Table::numbers), with this number wherever a value is missing.
    ///
    /// # Errors
    /// As for [`numbers`](Table::numbers), except missing values.
    pub fn numbers_or(&self, columns: &[&str], missing: f32) -> Result<Vec<f32>> {
        self.numbers_by(columns, Some(missing))
    }

    fn numbers_by(&self, columns: &[&str], missing: Option<f32>) -> Result<Vec<f32>> {
        let places = columns.iter().map(|column| self.place(column)).collect::<Result<Vec<usize>>>()?;
        let mut values = Vec::with_capacity(self.rows() * places.len());
        let mut large = vec![Vec::new(); places.len()];
        for row in 0..self.rows() {
            for (&column, large) in places.iter().zip(&mut large) {
                values.push(match missing {
                    Some(missing) if self.is_missing(self.cell(row, column)) => missing,
                    _ => self.number(row, column, large)?,
                });
            }
        }
        for (&column, large) in places.iter().zip(large) {
            self.check_large(column, large)?;
        }
        Ok(values)
    }

    /// A column as numbers; none where a value is missing, which these texts stand for.
    pub(super) fn numbers_unless(&self, column: usize, missing: &[String]) -> Result<Vec<Option<f32>>> {
        let mut large = Vec::new();
        let number = |row| match missing.iter().any(|text| text == self.cell(row, column)) {
            true => Ok(None),
            false => self.number(row, column, &mut large).map(Some),
        };
        let numbers = (0..self.rows()).map(number).collect::<Result<_>>()?;
        self.check_large(column, large)?;
        Ok(numbers)
    }

    /// A field as a number. Whole numbers with large neighbours are put with the others, with their rows.
    fn number(&self, row: usize, column: usize, large: &mut Vec<(i128, usize)>) -> Result<f32> {
        let field = self.cell(row, column);
        let number = field.parse::<f32>().ok().filter(|number| number.is_finite());
        let number = number.ok_or_else(|| self.no_number(row, column))?;
        // from 2²⁴ on, 32-bit floats leave whole numbers out
        if number.abs() >= 16_777_216.0
            && let Ok(whole) = field.parse::<i128>()
        {
            large.push((whole, row));
        }
        Ok(number)
    }

    /// Whether a column's large whole numbers can be told apart.
    fn check_large(&self, column: usize, mut large: Vec<(i128, usize)>) -> Result<()> {
        large.sort_unstable();
        let same =
            large.windows(2).find(|pair| pair[0].0 != pair[1].0 && pair[0].0 as f32 == pair[1].0 as f32);
        let Some(&[(a, row), (b, other)]) = same else { return Ok(()) };
        Err(Error::data(format!(
            "{}, lines {} and {}: `{}` is {a} and {b}, which are the same number for a 32-bit float; subtract what they \
             have in common, or leave the column out if it only names the rows",
            self.source,
            self.cells.line(row),
            self.cells.line(other),
            self.names[column]
        )))
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
        let names: Vec<String> = in_order(names).into_iter().map(str::to_owned).collect();
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
                    "{}: `{column}` is `{}`, which is not one of the {} known classes ({}{rest})",
                    self.at(row),
                    shown(name),
                    names.len(),
                    some.join(", ")
                ))
            })
        };
        (0..self.rows()).map(class).collect()
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

    fn no_number(&self, row: usize, column: usize) -> Error {
        let field = self.cell(row, column);
        let why = match field.parse::<f64>() {
            _ if self.is_missing(field) => {
                ": the value is missing; leave such rows out with `drop_missing`, or fill them with `numbers_or` or \
                 `Columns::missing`"
            }
            Ok(number) if number.is_finite() => " that a 32-bit float can hold",
            Ok(_) => " that is finite",
            Err(_) if field.replace('.', "").replacen(',', ".", 1).parse::<f64>().is_ok() => {
                ": its decimal point has to be a point, and thousands are not separated"
            }
            Err(_) => "; a column of texts is encoded if it is named by `Columns::texts`",
        };
        Error::data(format!(
            "{}: `{}` is `{}`, which is not a number{why}",
            self.at(row),
            self.names[column],
            shown(field)
        ))
    }
}

/// Texts in the order of numbers if all are, and otherwise in their natural order.
pub(super) fn in_order<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    let mut texts: Vec<(Option<f64>, &str)> = texts.into_iter().map(|text| (number(text), text)).collect();
    let all_numbers = texts.iter().all(|(number, _)| number.is_some());
    texts.sort_by(|(a, left), (b, right)| match (a, b) {
        (Some(a), Some(b)) if all_numbers => a.total_cmp(b).then_with(|| natural(left, right)),
        _ => natural(left, right),
    });
    texts.into_iter().map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::data::files::ReadOptions;
    use crate::train::data::says;

    #[test]
    fn mistakes_are_named_with_their_lines() {
        let text = |table: &str| Table::parse(table).map(|table| table.numbers(&["a", "b"]));
        let message = |table: &str| text(table).and_then(|numbers| numbers).unwrap_err().to_string();
        let missing = message("a,c\n1,2\n");
        assert!(missing.contains("`b`") && missing.contains("a, c"), "{missing}");
        let no_number = message("a,b\n\n1,2\n3,x\n");
        assert!(no_number.contains("line 4") && no_number.contains("`x`"), "{no_number}");
        assert!(message("a,b\n1,\n").contains("not a number"));
        assert!(message("a,b\n1,inf\n").contains("not a number"));
        assert!(message("a,b\n1,2,3\n").contains("CSV"));
        assert!(Table::read("/nowhere/x.csv").unwrap_err().to_string().contains("/nowhere/x.csv"));
        let table = Table::parse("a,b,y\n1, 2 ,3\n").unwrap();
        let (values, names) = table.numbers_except(&["y"]).unwrap();
        assert_eq!((values, names.join(" "), table.rows()), (vec![1.0, 2.0], "a b".to_owned(), 1));
        assert!(table.numbers_except(&["z"]).is_err());
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
