//! The ranked table as text.

use comfy_table::{CellAlignment, Table, presets};

use crate::repository::Status;
use crate::results::Trial;
use crate::space::{SearchSpace, Value};

/// A number with four significant digits, for tables; the files have them all.
pub(crate) fn number(value: f64) -> String {
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

/// A value, for tables.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Float(value) => number(*value),
        other => other.to_string(),
    }
}

/// The best `rows` trials: rank, name, score, epochs, what became of them, hyperparameters.
pub(crate) fn results_table<H: SearchSpace>(trials: &[Trial<H>], monitor: &str, rows: usize) -> String {
    let shown = &trials[..rows.min(trials.len())];
    let values: Vec<Vec<(String, Value)>> = shown.iter().map(|trial| trial.hparams.values()).collect();
    // a parameter that exists in some trials only has its column after those that come before it
    let mut names: Vec<&str> = Vec::new();
    for row in &values {
        let mut at = 0;
        for (name, _) in row {
            match names.iter().position(|known| known == name) {
                Some(known) => at = known + 1,
                None => {
                    names.insert(at, name);
                    at += 1;
                }
            }
        }
    }
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

/// What became of a trial, for tables.
pub(crate) fn status(status: &Status) -> String {
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
