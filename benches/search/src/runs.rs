//! The file of regrets: a row for every tenth epoch of budget of each run.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::Failure;

/// A regret is kept for every so many epochs.
pub(crate) const EVERY: usize = 10;
const HEADERS: [&str; 6] = ["table", "method", "lookahead", "seed", "epochs", "regret"];

/// Which run it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Run {
    pub(crate) table: String,
    pub(crate) method: String,
    pub(crate) lookahead: u32,
    pub(crate) seed: u64,
}

/// The regrets of runs after 10, 20, … epochs.
pub(crate) type Measured = BTreeMap<Run, Vec<f64>>;

/// Reads the runs of a file; whatever has written it, this program or the peers' adapter.
///
/// # Errors
/// It is no such file, or has a run in pieces.
pub(crate) fn read(path: &Path) -> Result<Measured, Failure> {
    let mut reader = csv::Reader::from_path(path).map_err(|e| Failure::at(path, e))?;
    let headers = reader.headers().map_err(|e| Failure::at(path, e))?;
    if headers != HEADERS.as_slice() {
        return Err(Failure::at(path, format!("its first line is not `{}`", HEADERS.join(","))));
    }
    let mut measured = Measured::new();
    for (i, row) in reader.deserialize::<(String, String, u32, u64, usize, f64)>().enumerate() {
        let (table, method, lookahead, seed, epochs, regret) = row.map_err(|e| Failure::at(path, e))?;
        let regrets = measured.entry(Run { table, method, lookahead, seed }).or_default();
        if epochs != (regrets.len() + 1) * EVERY {
            return Err(Failure::at(
                path,
                format!(
                    "line {}: the regret after {} epochs was expected",
                    i + 2,
                    (regrets.len() + 1) * EVERY
                ),
            ));
        }
        regrets.push(regret);
    }
    Ok(measured)
}

/// Refuses runs of another budget: those that were cut short, or measured with other settings.
pub(crate) fn check_budget(path: &Path, measured: &Measured, epochs: usize) -> Result<(), Failure> {
    match measured.iter().find(|(_, regrets)| regrets.len() != epochs / EVERY) {
        None => Ok(()),
        Some((Run { table, method, lookahead, seed }, regrets)) => Err(Failure::at(
            path,
            format!(
                "it has {} epochs of {table}, {method}, lookahead {lookahead}, seed {seed}, instead of {epochs}: the \
                 run was cut short, or the file is of another `--epochs`; remove the run's lines, or choose another \
                 file",
                regrets.len() * EVERY
            ),
        )),
    }
}

/// Where runs are written as they come.
pub(crate) struct Out {
    path: PathBuf,
    writer: BufWriter<File>,
}

impl Out {
    /// Appends to the file, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Out, Failure> {
        let open = OpenOptions::new().create(true).append(true).open(path);
        let file = open.map_err(|e| Failure::at(path, e))?;
        let is_new = file.metadata().map_err(|e| Failure::at(path, e))?.len() == 0;
        let mut out = Out { path: path.to_owned(), writer: BufWriter::new(file) };
        if is_new {
            writeln!(out.writer, "{}", HEADERS.join(",")).map_err(|e| Failure::at(path, e))?;
        }
        Ok(out)
    }

    /// Writes a run.
    pub(crate) fn write(&mut self, run: &Run, regrets: &[f64]) -> Result<(), Failure> {
        let Run { table, method, lookahead, seed } = run;
        let mut rows = String::new();
        for (i, regret) in regrets.iter().enumerate() {
            rows += &format!("{table},{method},{lookahead},{seed},{},{regret}\n", (i + 1) * EVERY);
        }
        let written = self.writer.write_all(rows.as_bytes()).and_then(|()| self.writer.flush());
        written.map_err(|e| Failure::at(&self.path, e))
    }
}
