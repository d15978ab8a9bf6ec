//! Tables for training, what is chosen of them, and what encodes them.

use std::path::Path;

use super::write;
use crate::files::{Columns, Encoder, Missing, ReadOptions, Split, Table};

pub(super) fn table(dir: &Path, bytes: &[u8]) {
    write(dir, "table.csv", bytes);
    let options = [
        ReadOptions::new(),
        ReadOptions::new().delimiter(';').comments('#'),
        ReadOptions::new().missing(["NA", "?", ""]),
    ];
    let tables = options.iter().map(|options| options.table(dir.join("table.csv")));
    for table in tables.chain([Table::read(dir.join("table.csv"))]).flatten() {
        let names: Vec<&str> = table.names().iter().map(String::as_str).collect();
        let _ = (table.numbers(&names), table.numbers_or(&names, 0.5), table.drop_missing(&names));
        for name in names.iter().take(4) {
            let _ = table.numbers_except(&[name]);
            if let Ok((_, classes)) = table.classes(name) {
                table.classes_with(name, &classes).expect("the same classes are in the same table");
            }
        }
        choose(&table, &names);
        encode(&table, &names);
    }
}

/// Rows and columns of a table, and its parts.
fn choose(table: &Table, names: &[&str]) {
    let rows: Vec<usize> = (0..table.rows()).rev().collect();
    assert_eq!(table.select(&rows).map(|chosen| chosen.rows()).ok(), Some(table.rows()));
    assert!(table.select(&[table.rows()]).is_err(), "it has no such row");
    let _ = (table.columns(names), table.without(&names[..1]), table.filter(names[0], |text| text > "1"));
    for name in names.iter().take(2) {
        assert_eq!(table.texts(name).map(|texts| texts.len()).ok(), Some(table.rows()));
        let split = Split::new(0.3).test(0.2).seed(7);
        let splits = [split.clone(), split.clone().stratified(*name), split.grouped(*name)];
        for parts in splits.iter().filter_map(|split| table.split(split).ok()) {
            let rows = parts.training.rows() + parts.validation.rows() + parts.test.rows();
            assert_eq!(rows, table.rows(), "each row is in one part");
        }
    }
}

/// What is fitted to a table can be applied to it.
fn encode(table: &Table, names: &[&str]) {
    let all = Columns::all;
    let texts = names.iter().skip(1).step_by(2).copied();
    let columns = [
        all(),
        all().missing(Missing::Mean).mark_missing(),
        all().texts(names.iter().copied()).missing(Missing::Median),
        Columns::except([names[0]]).texts(texts).other(2).missing(Missing::Median),
        Columns::only([names[0]]).missing_in(names[0], Missing::Mean),
    ];
    for encoder in columns.iter().filter_map(|columns| columns.fit(table).ok()) {
        let numbers = encoder.encode(table).expect("it was fitted to the table");
        assert_eq!((numbers.len(), encoder.names().len()), (table.rows() * encoder.width(), encoder.width()));
        assert!(numbers.iter().all(|number| number.is_finite()), "numbers are finite");
        let text = ron::to_string(&encoder).expect("it can be written");
        assert_eq!(ron::from_str::<Encoder>(&text).ok(), Some(encoder), "what is written is read");
    }
}

/// An encoder as a file of weights has it; behind a zero, a table.
pub(super) fn encoder(dir: &Path, bytes: &[u8]) {
    const TABLE: &[u8] = b"age,colour,size\n2,red,1\n,blue,1e9\n-0.5,,x\n4,green,\n";
    let (text, table) = bytes.split_at(bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len()));
    let Some(encoder) = std::str::from_utf8(text).ok().and_then(|text| ron::from_str::<Encoder>(text).ok())
    else {
        return;
    };
    let _ = (encoder.width(), encoder.names(), encoder.columns().len());
    write(dir, "table.csv", table.get(1..).unwrap_or(TABLE));
    if let Ok(table) = Table::read(dir.join("table.csv"))
        && let Ok(numbers) = encoder.encode(&table)
    {
        assert_eq!(numbers.len(), table.rows() * encoder.width());
    }
}
