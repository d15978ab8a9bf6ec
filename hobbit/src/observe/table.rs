//! The ranked table as text.

use comfy_table::{CellAlignment, Table, presets};

use crate::repository::Status;
use crate::results::Trial;
use crate::space::{SearchSpace, Value};

/// A number with four significant digits, for tables; the files have them all.
pub fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let exponent = value.abs().log10().floor() as i32;
    if (-4..6).contains(&exponent) {
        format!("{value:.*}", (3 - exponent).max(0) as usize)
    } else {
        format!("{value:.3e}")
    }
}

/// A hyperparameter's value, for tables.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Float(value) => number(*value),
        other => other.to_string(),
    }
}

/// The names of all hyperparameters, in their order; one that exists in some trials only stands after those that come before it.
pub fn names<'a>(trials: impl IntoIterator<Item = &'a [(String, Value)]>) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for hparams in trials {
        let mut at = 0;
        for (name, _) in hparams {
            // mostly all trials have the same names
            let known = names.get(at).filter(|known| *known == name).map(|_| at);
            match known.or_else(|| names.iter().position(|known| known == name)) {
                Some(known) => at = known + 1,
                None => {
                    names.insert(at, name);
                    at += 1;
                }
            }
        }
    }
    names
}

/// The best `rows` trials: rank, name, score, epochs, what became of them, hyperparameters.
pub(crate) fn results_table<H: SearchSpace>(trials: &[Trial<H>], monitor: &str, rows: usize) -> String {
    let shown = &trials[..rows.min(trials.len())];
    let values: Vec<Vec<(String, Value)>> = shown.iter().map(|trial| trial.hparams.values()).collect();
    let names = names(values.iter().map(Vec::as_slice));
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let fixed = ["rank", "trial", monitor, "epochs", "status"];
    table.set_header(fixed.iter().copied().chain(names.iter().copied()));
    for (trial, row) in shown.iter().zip(&values) {
        let mut cells = vec![
            trial.rank.to_string(),
            trial.id.to_string(),
            trial.score.map_or_else(|| "-".to_owned(), number),
            trial.epochs.to_string(),
            status(&trial.status),
        ];
        cells.extend(names.iter().map(|name| {
            row.iter()
                .find(|(known, _)| known == name)
                .map_or_else(|| "-".to_owned(), |(_, value)| cell(value))
        }));
        table.add_row(cells);
    }
    for (position, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if matches!(position, 0 | 2 | 3) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let text = table.to_string();
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// What became of a trial, in words.
pub fn status(status: &Status) -> String {
    match status {
        Status::Finished => "finished".to_owned(),
        Status::Dropped(stage) => format!("dropped after stage {}", stage + 1),
        Status::Diverged { epoch, .. } => format!("diverged in epoch {epoch}"),
        Status::Failed { epoch: 0, .. } => "failed to build".to_owned(),
        Status::Failed { epoch, .. } => format!("failed in epoch {epoch}"),
        Status::Unfinished => "unfinished".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        let numbers = [0.0, 0.123456, 1.0, 98.7654, 12345.678, 1e-9, -0.00012344, 2.5e12, f64::NAN];
        let shown: Vec<_> = numbers.map(number).into();
        assert_eq!(
            shown,
            ["0", "0.1235", "1.000", "98.77", "12346", "1.000e-9", "-0.0001234", "2.500e12", "NaN"]
        );
    }
}
