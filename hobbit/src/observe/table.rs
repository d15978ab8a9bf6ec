//! The ranked table as text.

use comfy_table::{CellAlignment, Table, presets};

use super::row::Row;
use super::text::{cell, number};
use crate::printable::printable;
use crate::space::Value;

/// The names of all hyperparameters, in their order; one that exists in some trials only stands after those
/// that come before it.
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

/// The heading and the rows of the best trials: rank, name, score, epochs, what became of them,
/// hyperparameters.
fn results_cells(rows: &[Row<'_>], monitor: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let names = names(rows.iter().map(|row| &*row.hparams));
    let fixed = ["rank", "trial", monitor, "epochs", "status"];
    let heading = fixed.iter().chain(&names).map(|&name| printable(name).into_owned()).collect();
    let cells = |(rank, row): (usize, &Row<'_>)| {
        let mut cells = vec![
            rank.to_string(),
            row.id.to_string(),
            row.score.map_or_else(|| "-".to_owned(), |(score, _)| number(score)),
            row.epochs.to_string(),
            row.status.to_string(),
        ];
        cells.extend(names.iter().map(|name| {
            let value = row.hparams.iter().find(|(known, _)| known == name);
            value.map_or_else(|| "-".to_owned(), |(_, value)| printable(&cell(value)).into_owned())
        }));
        cells
    };
    (heading, (1..).zip(rows).map(cells).collect())
}

/// The best trials as text.
pub(crate) fn results_table(rows: &[Row<'_>], monitor: &str) -> String {
    let (heading, rows) = results_cells(rows, monitor);
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(heading);
    table.add_rows(rows);
    for (position, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if matches!(position, 0 | 2 | 3) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let text = table.to_string();
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// All trials as an HTML table, between the lines by which a notebook of evcxr knows it.
#[cfg(feature = "evcxr")]
pub(crate) fn results_notebook(rows: &[Row<'_>], monitor: &str) -> String {
    let (heading, rows) = results_cells(rows, monitor);
    let line = |cells: &[String], tag: &str| {
        let escaped = |cell: &String| cell.replace('&', "&amp;").replace('<', "&lt;");
        let cells = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell)));
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    let rows: String = rows.iter().map(|row| line(row, "td")).collect();
    let heading = line(&heading, "th");
    format!("EVCXR_BEGIN_CONTENT text/html\n<table>\n{heading}{rows}</table>\nEVCXR_END_CONTENT\n")
}

#[cfg(all(test, feature = "evcxr"))]
mod tests {
    use super::*;
    use crate::repository::Status;
    use crate::trial::TrialId;

    #[test]
    fn a_notebook_gets_a_table_without_markup_of_others() {
        let row = Row {
            id: TrialId::new(1, 2),
            hparams: vec![("rate".to_owned(), Value::Float(0.5))].into(),
            status: &Status::Finished,
            is_running: false,
            score: Some((0.25, 3)),
            epochs: 4,
            stages: Vec::new(),
        };
        let shown = results_notebook(&[row], "<val>");
        let expected = "EVCXR_BEGIN_CONTENT text/html\n<table>\n\
            <tr><th>rank</th><th>trial</th><th>&lt;val></th><th>epochs</th><th>status</th><th>rate</th></tr>\n\
            <tr><td>1</td><td>1-2</td><td>0.2500</td><td>4</td><td>finished</td><td>0.5000</td></tr>\n\
            </table>\nEVCXR_END_CONTENT\n";
        assert_eq!(shown, expected);
    }
}
