//! The ranked table as text.

use comfy_table::{CellAlignment, Table, presets};

use super::text::{cell, number};
use crate::printable::printable;
use crate::results::Trial;
use crate::space::{SearchSpace, Value};

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

/// The heading and the rows of the best trials: rank, name, score, epochs, what became of them, hyperparameters.
fn results_cells<H: SearchSpace>(trials: &[Trial<H>], monitor: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let values: Vec<Vec<(String, Value)>> = trials.iter().map(|trial| trial.hparams.values()).collect();
    let names = names(values.iter().map(Vec::as_slice));
    let fixed = ["rank", "trial", monitor, "epochs", "status"];
    let heading = fixed.iter().chain(&names).map(|&name| printable(name).into_owned()).collect();
    let row = |(trial, values): (&Trial<H>, &Vec<(String, Value)>)| {
        let mut cells = vec![
            trial.rank.to_string(),
            trial.id.to_string(),
            trial.score.map_or_else(|| "-".to_owned(), number),
            trial.epochs.to_string(),
            trial.status.to_string(),
        ];
        cells.extend(names.iter().map(|name| {
            let value = values.iter().find(|(known, _)| known == name);
            value.map_or_else(|| "-".to_owned(), |(_, value)| printable(&cell(value)).into_owned())
        }));
        cells
    };
    (heading, trials.iter().zip(&values).map(row).collect())
}

/// The best `rows` trials as text.
pub(crate) fn results_table<H: SearchSpace>(trials: &[Trial<H>], monitor: &str, rows: usize) -> String {
    let (heading, rows) = results_cells(&trials[..rows.min(trials.len())], monitor);
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
pub(crate) fn results_notebook<H: SearchSpace>(trials: &[Trial<H>], monitor: &str) -> String {
    let (heading, rows) = results_cells(trials, monitor);
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

    #[test]
    fn a_notebook_gets_a_table_without_markup_of_others() {
        #[crate::search_space]
        struct Hparams {
            #[uniform(0.0..=1.0)]
            rate: f64,
        }
        let hparams = std::sync::Arc::new(Hparams { rate: 0.5 });
        let trial = Trial {
            rank: 1,
            id: crate::trial::TrialId::new(1, 2),
            hparams,
            status: crate::repository::Status::Finished,
            score: Some(0.25),
            epoch: Some(3),
            epochs: 4,
            stages: Vec::new(),
        };
        let shown = results_notebook(&[trial], "<val>");
        let expected = "EVCXR_BEGIN_CONTENT text/html\n<table>\n\
            <tr><th>rank</th><th>trial</th><th>&lt;val></th><th>epochs</th><th>status</th><th>rate</th></tr>\n\
            <tr><td>1</td><td>1-2</td><td>0.2500</td><td>4</td><td>finished</td><td>0.5000</td></tr>\n\
            </table>\nEVCXR_END_CONTENT\n";
        assert_eq!(shown, expected);
    }
}
