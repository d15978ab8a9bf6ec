//! The ranked table as text.

use super::columns::{Columns, wrapped};
use super::row::Row;
use super::text::{count, number};
use super::wording::Wording;
use crate::printable::printable;
use crate::space::Space;

/// The names of all hyperparameters or fields, in their order; one that exists in some trials only stands
/// after those that come before it.
pub fn names<'a, T: 'a>(trials: impl IntoIterator<Item = &'a [(String, T)]>) -> Vec<&'a str> {
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

/// A study's monitor and search space.
type About<'a> = (&'a str, &'a Space);

/// A configuration's fields with what they are.
type Written = Vec<(String, String)>;

/// The columns before the hyperparameters: rank, trial, score, epochs, status.
const FIXED: usize = 5;

/// The heading and the rows of the best trials: rank, name, score, epochs, what became of them,
/// hyperparameters as people write them.
fn results_cells(rows: &[Row<'_>], (monitor, space): About<'_>) -> (Vec<String>, Vec<Vec<String>>) {
    let wording = Wording::new(space);
    let fields: Vec<_> = rows.iter().map(|row| wording.fields(&row.hparams)).collect();
    let names = names(fields.iter().map(Vec::as_slice));
    let fixed = ["rank", "trial", monitor, "epochs", "status"];
    let heading = fixed.iter().chain(&names).map(|&name| printable(name).into_owned()).collect();
    let cells = |(rank, (row, fields)): (usize, (&Row<'_>, &Written))| {
        let mut cells = vec![
            rank.to_string(),
            row.id.to_string(),
            row.score.map_or_else(|| "-".to_owned(), |(score, _)| number(score)),
            row.epochs.to_string(),
            row.status.to_string(),
        ];
        cells.extend(names.iter().map(|name| {
            let field = fields.iter().find(|(known, _)| known == name);
            field.map_or_else(|| "-".to_owned(), |(_, text)| printable(text).into_owned())
        }));
        cells
    };
    (heading, (1..).zip(rows.iter().zip(&fields)).map(cells).collect())
}

fn results_columns(rows: &[Row<'_>], study: About<'_>) -> Columns {
    let (heading, rows) = results_cells(rows, study);
    Columns::new(heading, rows, &[0, 2, 3])
}

/// The best trials as text, with all their hyperparameters, in blocks that are no wider than `width`.
pub(crate) fn results_table(rows: &[Row<'_>], study: About<'_>, width: usize) -> String {
    results_columns(rows, study).blocks(2, width)
}

/// The best trials as text, with as many hyperparameters as fit into `width`, and how many `more` there are.
/// Where hyperparameters are left out, all of the best trial's stand below.
pub(crate) fn results_summary(rows: &[Row<'_>], more: usize, study: About<'_>, width: usize) -> String {
    let columns = results_columns(rows, study);
    let shown = columns.fitting(FIXED, width);
    let mut text = columns.text(&shown, width);
    let left_out = count(columns.beside(&shown) as u64, "more hyperparameter");
    let is_whole = columns.beside(&shown) == 0;
    text += &match (more, is_whole) {
        (0, true) => String::new(),
        (0, false) => format!("... and {left_out}\n"),
        (_, true) => format!("... and {more} more\n"),
        (_, false) => format!("... and {more} more trials, {left_out}\n"),
    };
    if let (Some(best), false) = (rows.first(), is_whole) {
        let best = format!("Best, trial {}: {}", best.id, Wording::new(study.1).line(&best.hparams));
        text += &(wrapped(&best, 2, width) + "\n");
    }
    text
}

/// All trials as an HTML table, between the lines by which a notebook of evcxr knows it.
#[cfg(feature = "evcxr")]
pub(crate) fn results_notebook(rows: &[Row<'_>], study: About<'_>) -> String {
    let (heading, rows) = results_cells(rows, study);
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
    use crate::space::Value;
    use crate::trial::TrialId;

    #[test]
    fn a_notebook_gets_a_table_without_markup_of_others() {
        let row = Row {
            id: TrialId::new(1, 2),
            hparams: vec![("rate".to_owned(), Value::Float(0.5))].into(),
            origin: None,
            status: &Status::Finished,
            is_running: false,
            score: Some((0.25, 3)),
            epochs: 4,
            stages: Vec::new(),
        };
        let shown = results_notebook(&[row], ("<val>", &Space::new("S", Vec::new())));
        let expected = "EVCXR_BEGIN_CONTENT text/html\n<table>\n\
            <tr><th>rank</th><th>trial</th><th>&lt;val></th><th>epochs</th><th>status</th><th>rate</th></tr>\n\
            <tr><td>1</td><td>1-2</td><td>0.2500</td><td>4</td><td>finished</td><td>0.5000</td></tr>\n\
            </table>\nEVCXR_END_CONTENT\n";
        assert_eq!(shown, expected);
    }
}
