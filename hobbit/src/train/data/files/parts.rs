//! Splitting tables into rows for training, for validation and for a test.

use std::collections::BTreeMap;

use super::table::Table;
use crate::error::{Error, Result};
use crate::random::Key;
use crate::train::data::split::stratified_split;

/// How the rows of a table are split: [`Table::split`].
///
/// Equal seeds give equal parts. Without [`stratified`](Split::stratified) or [`grouped`](Split::grouped),
/// rows are taken at random.
///
/// ```
/// use hobbit::train::{Split, Table};
///
/// let mut text = "x,species\n".to_owned();
/// (0..20).for_each(|i| text += &format!("{i},{}\n", if i % 4 == 0 { "dog" } else { "cat" }));
/// let table = Table::parse(&text)?;
/// let parts = table.split(&Split::new(0.2).test(0.2).stratified("species").seed(7))?;
/// assert_eq!((parts.training.rows(), parts.validation.rows(), parts.test.rows()), (12, 4, 4));
/// let (classes, _) = parts.test.classes("species")?;
/// assert_eq!(classes.iter().filter(|&&class| class == 1).count(), 1); // a dog, as everywhere
/// # Ok::<(), hobbit::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Split {
    validation: f64,
    test: f64,
    stratified: Option<String>,
    grouped: Option<String>,
    seed: u64,
}

/// The rows of a table in parts, in the order of the table. Made by [`Table::split`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Parts {
    /// What models are trained on, and everything else is fitted to.
    pub training: Table,
    /// What models are chosen by.
    pub validation: Table,
    /// What says how good the chosen one is. Without rows unless a share for it was set.
    pub test: Table,
}

impl Split {
    /// Puts this share of the rows aside for validation; the others are for training.
    pub fn new(validation: f64) -> Split {
        Split { validation, test: 0.0, stratified: None, grouped: None, seed: 0 }
    }

    /// Sets the share of the rows for a test. Default: none.
    pub fn test(self, share: f64) -> Split {
        Split { test: share, ..self }
    }

    /// Gives each part the classes of this column in the same proportions.
    pub fn stratified(self, column: impl Into<String>) -> Split {
        Split { stratified: Some(column.into()), ..self }
    }

    /// Keeps rows together that have the same text in this column: those of one patient, say. The sizes of
    /// the parts are then only about those asked for.
    pub fn grouped(self, column: impl Into<String>) -> Split {
        Split { grouped: Some(column.into()), ..self }
    }

    /// Sets what the random choice is keyed by. Default: 0.
    pub fn seed(self, seed: u64) -> Split {
        Split { seed, ..self }
    }

    /// How many of so many rows are for the test and for validation.
    fn wanted(&self, rows: usize) -> Result<[usize; 2]> {
        let Split { validation, test, .. } = *self;
        let is_share = |share: f64| (0.0..1.0).contains(&share);
        if !is_share(validation) || !is_share(test) || validation == 0.0 || validation + test >= 1.0 {
            return Err(Error::data(format!(
                "the shares of the rows are {validation} for validation and {test} for a test; the first has to be above 0, \
                 and both together below 1"
            )));
        }
        let count =
            |share: f64| if share > 0.0 { ((share * rows as f64).round() as usize).max(1) } else { 0 };
        let wanted = [count(test), count(validation)];
        if wanted[0] + wanted[1] >= rows {
            return Err(Error::data(format!(
                "{rows} rows cannot be split with {} of them for validation and {} for a test: none is left for training",
                wanted[1], wanted[0]
            )));
        }
        Ok(wanted)
    }
}

impl Table {
    /// Splits the rows into those for training, for validation and for a test.
    ///
    /// # Errors
    /// A column that is not there or has missing values; shares that are out of range, or leave nothing for a
    /// part; fewer groups than parts; or both `stratified` and `grouped`.
    pub fn split(&self, split: &Split) -> Result<Parts> {
        let wanted = split.wanted(self.rows())?;
        let [test, validation] = match (&split.stratified, &split.grouped) {
            (Some(_), Some(_)) => {
                return Err(Error::data(
                    "a split is either stratified or grouped: groups stay whole, and so cannot be shared out by classes",
                ));
            }
            (_, Some(column)) => groups(&self.known(column)?, wanted, split.seed)?,
            (Some(column), None) => both(&self.classes(column)?.0, wanted, split.seed)?,
            (None, None) => both(&vec![(); self.rows()], wanted, split.seed)?,
        };
        let is_in = |part: &[usize], row: &usize| part.binary_search(row).is_ok();
        let others = (0..self.rows()).filter(|row| !is_in(&test, row) && !is_in(&validation, row));
        Ok(Parts {
            training: self.select(&others.collect::<Vec<_>>())?,
            validation: self.select(&validation)?,
            test: self.select(&test)?,
        })
    }

    /// The texts of a column in which none is missing.
    fn known(&self, column: &str) -> Result<Vec<&str>> {
        let texts = self.texts(column)?;
        match texts.iter().position(|text| self.is_missing(text)) {
            None => Ok(texts),
            Some(row) => Err(Error::data(format!(
                "{}: `{column}` is `{}`, which stands for a missing value, so it is not known to which group the row belongs; \
                 leave such rows out with `drop_missing(&[\"{column}\"])`",
                self.at(row),
                texts[row]
            ))),
        }
    }
}

/// The rows for the test and for validation: first the test's are taken, and then from the others.
fn both<C: Ord + Copy>(classes: &[C], [test, validation]: [usize; 2], seed: u64) -> Result<[Vec<usize>; 2]> {
    let (others, test) = match test {
        0 => ((0..classes.len()).collect(), Vec::new()),
        test => stratified_split(classes, test, Key::new(seed).child(1).seed())?,
    };
    let left: Vec<C> = others.iter().map(|&row| classes[row]).collect();
    let (_, validation) = stratified_split(&left, validation, seed)?;
    Ok([test, validation.into_iter().map(|place| others[place]).collect()])
}

/// The rows for the test and for validation, in whole groups. Groups come in random order, and one is taken
/// if that brings the part no further from its size.
fn groups(texts: &[&str], wanted: [usize; 2], seed: u64) -> Result<[Vec<usize>; 2]> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    texts.iter().enumerate().for_each(|(row, text)| groups.entry(text).or_default().push(row));
    let mut left: Vec<Vec<usize>> = groups.into_values().collect();
    let parts = 1 + wanted.iter().filter(|&&rows| rows > 0).count();
    if left.len() < parts {
        let count = left.len();
        return Err(Error::data(format!(
            "{count} groups cannot be split into {parts} parts; groups stay whole"
        )));
    }
    Key::new(seed).rng().shuffle(&mut left);
    let mut later = wanted.iter().filter(|&&rows| rows > 0).count();
    Ok(wanted.map(|wanted| {
        let mut part = Vec::new();
        if wanted == 0 {
            return part;
        }
        // a group for each part that comes after this one
        let spare = left.len() - later;
        later -= 1;
        let mut taken = 0;
        let mut others = Vec::with_capacity(left.len());
        for group in left.drain(..) {
            if taken < spare && 2 * part.len() + group.len() <= 2 * wanted {
                part.extend(group);
                taken += 1;
            } else {
                others.push(group);
            }
        }
        if part.is_empty() {
            // all groups are larger than twice the part
            let smallest = (0..others.len()).min_by_key(|&place| others[place].len());
            part = smallest.map(|place| others.remove(place)).unwrap_or_default();
        }
        left = others;
        part.sort_unstable();
        part
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::data::says;

    /// Rows with their numbers, one of three classes, and one of some groups of different sizes.
    fn table(rows: usize) -> Table {
        let mut text = "row,class,group\n".to_owned();
        for row in 0..rows {
            let group = (row as f64).sqrt() as usize;
            text += &format!("{row},{},g{group}\n", ["a", "b", "b", "c", "b"][row % 5]);
        }
        Table::parse(&text).unwrap()
    }

    fn rows(part: &Table) -> Vec<usize> {
        part.texts("row").unwrap().iter().map(|row| row.parse().unwrap()).collect()
    }

    /// All rows of a split, and the rows of each part in their order.
    fn check(table: &Table, split: &Split) -> [Vec<usize>; 3] {
        let parts = table.split(split).unwrap();
        let all = [rows(&parts.training), rows(&parts.validation), rows(&parts.test)];
        assert!(all.iter().all(|part| part.is_sorted()));
        let mut joined = all.concat();
        joined.sort_unstable();
        assert_eq!(joined, (0..table.rows()).collect::<Vec<_>>());
        assert_eq!(table.split(split).unwrap(), parts);
        all
    }

    #[test]
    fn parts_have_the_sizes_asked_for_and_every_row_once() {
        let table = table(103);
        let lengths = |split: &Split| check(&table, split).map(|part| part.len());
        assert_eq!(lengths(&Split::new(0.2)), [82, 21, 0]);
        assert_eq!(lengths(&Split::new(0.2).test(0.1)), [72, 21, 10]);
        assert_eq!(lengths(&Split::new(0.001).test(0.001)), [101, 1, 1]);
        assert_eq!(lengths(&Split::new(0.2).test(0.1).stratified("class")), [72, 21, 10]);
        assert_ne!(check(&table, &Split::new(0.2)), check(&table, &Split::new(0.2).seed(1)));
    }

    #[test]
    fn each_part_has_the_classes_in_proportion() {
        let table = table(500);
        for seed in 0..5 {
            let parts = check(&table, &Split::new(0.2).test(0.3).stratified("class").seed(seed));
            let count = |part: &[usize], places: &[usize]| {
                part.iter().filter(|&&row| places.contains(&(row % 5))).count()
            };
            assert_eq!(parts.each_ref().map(|part| count(part, &[0])), [50, 20, 30]);
            assert_eq!(parts.each_ref().map(|part| count(part, &[1, 2, 4])), [150, 60, 90]);
        }
    }

    #[test]
    fn groups_stay_whole_and_each_part_has_one() {
        for (count, seed) in (0..20).map(|seed| (40 + 37 * seed, seed as u64)) {
            let table = table(count);
            let split = Split::new(0.25).test(0.15).grouped("group").seed(seed);
            let parts = check(&table, &split);
            let group = |row: usize| (row as f64).sqrt() as usize;
            let of = |part: &[usize]| part.iter().map(|&row| group(row)).collect::<Vec<_>>();
            for (place, part) in parts.iter().enumerate() {
                assert!(!part.is_empty());
                for other in &parts[..place] {
                    assert!(of(part).iter().all(|group| !of(other).contains(group)), "{count}");
                }
            }
            // no group is larger than this
            let largest = 2.0 * (count as f64).sqrt() + 1.0;
            assert!((parts[1].len() as f64 - 0.25 * count as f64).abs() <= largest, "{parts:?}");
            assert!((parts[2].len() as f64 - 0.15 * count as f64).abs() <= largest, "{parts:?}");
        }
    }

    #[test]
    fn splits_that_leave_nothing_are_errors() {
        let table = Table::parse("x,y,g\n1,a,p\n2,b,p\n3,,q\n").unwrap();
        let message = |split: Split| table.split(&split);
        for (validation, test) in [(0.0, 0.5), (1.0, 0.0), (0.5, 0.5), (f64::NAN, 0.1), (0.1, -0.1)] {
            says(message(Split::new(validation).test(test)), &["above 0", "below 1"]);
        }
        says(message(Split::new(0.1).test(0.6)), &["3 rows", "none is left"]);
        says(message(Split::new(0.3).stratified("z")), &["no column `z`"]);
        says(message(Split::new(0.3).stratified("y")), &["line 4", "missing"]);
        says(message(Split::new(0.3).grouped("y")), &["line 4", "drop_missing(&[\"y\"])"]);
        says(message(Split::new(0.3).test(0.3).grouped("g")), &["2 groups", "3 parts"]);
        says(message(Split::new(0.3).grouped("g").stratified("y")), &["either stratified or grouped"]);
        assert_eq!(table.split(&Split::new(0.3).grouped("g")).unwrap().training.rows(), 2);
    }
}
