//! Choosing of tables: their rows and columns, and fields as texts.

use super::cells::Cells;
use super::table::Table;
use crate::error::{Error, Result};

/// Choosing rows and columns. Messages go on naming the lines of the file.
///
/// ```
/// use hobbit::train::Table;
///
/// let table = Table::parse("id,age,species\n1,2,cat\n2,,dog\n3,3,cat\n")?;
/// let cats = table.filter("species", |species| species == "cat")?;
/// assert_eq!(cats.texts("id")?, ["1", "3"]);
/// assert_eq!(table.select(&[2, 0])?.texts("id")?, ["3", "1"]);
/// assert_eq!(table.without(&["id"])?.names(), ["age", "species"]);
/// assert_eq!(table.drop_missing(&["age"])?.rows(), 2);
/// # Ok::<(), hobbit::Error>(())
/// ```
impl Table {
    /// The table of these rows alone, counted from 0, in this order: those of
    /// [`stratified_split`](crate::train::stratified_split), say.
    ///
    /// # Errors
    /// A row beyond the last.
    pub fn select(&self, rows: &[usize]) -> Result<Table> {
        if let Some(row) = rows.iter().find(|&&row| row >= self.rows()) {
            return Err(Error::data(format!(
                "{} has {} rows, so there is no row {row} (counted from 0)",
                self.source,
                self.rows()
            )));
        }
        Ok(self.taking(rows.iter().copied()))
    }

    /// The table of the rows whose field in this column satisfies a condition.
    ///
    /// # Errors
    /// The column is not there.
    pub fn filter(&self, column: &str, keep: impl Fn(&str) -> bool) -> Result<Table> {
        let place = self.place(column)?;
        Ok(self.taking((0..self.rows()).filter(|&row| keep(self.cell(row, place)))))
    }

    /// The table without the rows in which one of these columns is missing.
    ///
    /// # Errors
    /// A column that is not there.
    pub fn drop_missing(&self, columns: &[&str]) -> Result<Table> {
        let places = columns.iter().map(|column| self.place(column)).collect::<Result<Vec<usize>>>()?;
        let whole = |&row: &usize| !places.iter().any(|&place| self.is_missing(self.cell(row, place)));
        Ok(self.taking((0..self.rows()).filter(whole)))
    }

    /// The table of these columns alone, in this order.
    ///
    /// # Errors
    /// A column that is not there, or is named twice.
    pub fn columns(&self, columns: &[&str]) -> Result<Table> {
        let mut places = Vec::with_capacity(columns.len());
        for column in columns {
            let place = self.place(column)?;
            if places.contains(&place) {
                return Err(Error::data(format!("the column `{column}` is chosen twice")));
            }
            places.push(place);
        }
        Ok(self.of_columns(&places))
    }

    /// The table without these columns.
    ///
    /// # Errors
    /// A column that is not there.
    pub fn without(&self, columns: &[&str]) -> Result<Table> {
        let left_out = columns.iter().map(|column| self.place(column)).collect::<Result<Vec<usize>>>()?;
        let places: Vec<usize> = (0..self.names.len()).filter(|place| !left_out.contains(place)).collect();
        Ok(self.of_columns(&places))
    }

    /// The fields of a column, as they are written; missing ones too.
    ///
    /// # Errors
    /// The column is not there.
    pub fn texts(&self, column: &str) -> Result<Vec<&str>> {
        let place = self.place(column)?;
        Ok((0..self.rows()).map(|row| self.cell(row, place)).collect())
    }

    fn taking(&self, rows: impl Iterator<Item = usize>) -> Table {
        let width = self.names.len();
        let mut cells = Cells::default();
        rows.for_each(|row| cells.copy(&self.cells, width, row, 0..width));
        Table { cells, source: self.source.clone(), names: self.names.clone(), missing: self.missing.clone() }
    }

    fn of_columns(&self, places: &[usize]) -> Table {
        let mut cells = Cells::default();
        for row in 0..self.rows() {
            cells.copy(&self.cells, self.names.len(), row, places.iter().copied());
        }
        Table {
            cells,
            source: self.source.clone(),
            names: places.iter().map(|&place| self.names[place].clone()).collect(),
            missing: self.missing.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::data::says;

    #[test]
    fn what_is_chosen_keeps_its_lines_and_what_is_not_there_is_an_error() {
        let table = Table::parse("a,b,c\n1,2,x\n3,,y\n5,6,z\n").unwrap();
        let chosen = table.select(&[2, 1]).unwrap().columns(&["c", "b"]).unwrap();
        assert_eq!(
            (chosen.names().join(" "), chosen.texts("c").unwrap()),
            ("c b".to_owned(), vec!["z", "y"])
        );
        says(chosen.numbers(&["b"]), &["line 3", "missing"]);
        says(chosen.numbers(&["a"]), &["no column `a`"]);
        says(table.select(&[0, 3]), &["3 rows", "no row 3"]);
        says(table.columns(&["a", "b", "a"]), &["`a`", "twice"]);
        says(table.without(&["d"]), &["`d`"]);
        says(table.filter("d", |_| true), &["`d`"]);
        assert_eq!(table.filter("a", |a| a != "3").unwrap().texts("b").unwrap(), ["2", "6"]);
        assert_eq!(table.select(&[]).unwrap().rows(), 0);
    }
}
