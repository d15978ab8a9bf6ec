//! Tables of learning curves: what their files say.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::Failure;

/// Tables over the same configurations.
pub(crate) struct Suite {
    /// What the names of its files begin with.
    pub(crate) name: String,
    /// The names of the hyperparameters.
    pub(crate) columns: Vec<String>,
    /// The configurations: a row for each, a number for each column.
    pub(crate) configurations: Vec<Vec<f64>>,
    /// The tables, by name.
    pub(crate) tables: Vec<Arc<Table>>,
}

/// The learning curves of a suite's configurations on one problem.
pub(crate) struct Table {
    /// The name of its file.
    pub(crate) name: String,
    /// A curve for each configuration: the loss after 1, 2, … epochs. NaN from where it diverged.
    pub(crate) curves: Vec<Vec<f64>>,
    /// The loss that regret 1 stands for.
    pub(crate) initial: f64,
    /// The best loss of all curves: regret 0.
    pub(crate) best: f64,
}

impl Table {
    /// The most epochs of a trial.
    pub(crate) fn max_epochs(&self) -> usize {
        self.curves.first().map_or(0, Vec::len)
    }

    /// How much worse a loss is than the best: 0 is the best, 1 is a model that has not learned.
    pub(crate) fn regret(&self, loss: f64) -> f64 {
        ((loss - self.best) / (self.initial - self.best)).min(1.0)
    }
}

/// The suites of a directory: `<suite>_hparams.csv` with the configurations, `<suite>_<problem>.csv` or
/// `.csv.gz` with a curve for each of them, and `initial.csv` with the columns `table` and `initial_loss`.
pub(crate) fn read(dir: &Path) -> Result<Vec<Suite>, Failure> {
    let initial = initial(&dir.join("initial.csv"))?;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|e| Failure::at(dir, e))? {
        let entry = entry.map_err(|e| Failure::at(dir, e))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    let mut suites = Vec::new();
    for hparams in names.iter().filter_map(|name| name.strip_suffix("_hparams.csv")) {
        let path = dir.join(format!("{hparams}_hparams.csv"));
        let (columns, configurations) = numbers(&path, true)?;
        let mut tables = Vec::new();
        for file in names.iter().filter(|file| file.starts_with(&format!("{hparams}_"))) {
            let name = file.strip_suffix(".csv.gz").or_else(|| file.strip_suffix(".csv"));
            let Some(name) = name.filter(|name| !name.ends_with("_hparams")) else { continue };
            tables.push(Arc::new(table(&dir.join(file), name, configurations.len(), &initial)?));
        }
        suites.push(Suite { name: hparams.to_owned(), columns, configurations, tables });
    }
    if suites.iter().all(|suite| suite.tables.is_empty()) {
        return Err(Failure::at(
            dir,
            "there is no table in it: a pair of files such as x_hparams.csv and x_problem.csv.gz",
        ));
    }
    Ok(suites)
}

fn table(
    path: &Path,
    name: &str,
    configurations: usize,
    initial: &BTreeMap<String, f64>,
) -> Result<Table, Failure> {
    let (_, curves) = numbers(path, false)?;
    if curves.len() != configurations {
        let count = curves.len();
        return Err(Failure::at(path, format!("it has {count} curves for {configurations} configurations")));
    }
    let initial =
        initial.get(name).ok_or_else(|| Failure::at(path, "initial.csv says no initial loss of it"))?;
    let losses = curves.iter().flatten().copied().filter(|loss| loss.is_finite());
    let best = losses.fold(f64::INFINITY, f64::min);
    if !(best.is_finite() && initial.is_finite() && best < *initial) {
        return Err(Failure::at(
            path,
            format!("its best loss, {best}, is no better than the initial {initial}"),
        ));
    }
    Ok(Table { name: name.to_owned(), curves, initial: *initial, best })
}

fn initial(path: &Path) -> Result<BTreeMap<String, f64>, Failure> {
    let mut reader = csv::Reader::from_path(path).map_err(|e| Failure::at(path, e))?;
    let rows = reader.deserialize::<(String, f64)>();
    rows.map(|row| row.map_err(|e| Failure::at(path, e))).collect()
}

/// A file of numbers, compressed or not, with or without a line of names.
fn numbers(path: &Path, has_headers: bool) -> Result<(Vec<String>, Vec<Vec<f64>>), Failure> {
    let file = File::open(path).map_err(|e| Failure::at(path, e))?;
    let content: Box<dyn Read> = match path.extension().is_some_and(|extension| extension == "gz") {
        true => Box::new(flate2::read::GzDecoder::new(file)),
        false => Box::new(file),
    };
    let mut reader = csv::ReaderBuilder::new().has_headers(has_headers).from_reader(content);
    let names = match has_headers {
        true => reader.headers().map_err(|e| Failure::at(path, e))?.iter().map(str::to_owned).collect(),
        false => Vec::new(),
    };
    let rows = reader.deserialize::<Vec<f64>>();
    let rows = rows.collect::<Result<Vec<_>, _>>().map_err(|e| Failure::at(path, e))?;
    Ok((names, rows))
}
