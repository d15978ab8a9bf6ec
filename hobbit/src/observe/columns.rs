//! Columns of text that fit a terminal: what is too wide goes on below, or is left out.

use std::io::IsTerminal;
use std::iter::repeat_n;

use console::{Term, measure_text_width, pad_str, truncate_str};

/// What lies between two columns.
const GAP: usize = 2;

/// The width of logs, which nothing is known of.
const LOGS: usize = 100;

/// The columns of standard output: those of the terminal; elsewhere what `COLUMNS` says.
pub(super) fn known_width() -> Option<usize> {
    if std::io::stdout().is_terminal() {
        return Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
    }
    std::env::var("COLUMNS").ok()?.parse().ok().filter(|&columns| columns > 0)
}

/// The columns of standard output, or those of most logs.
pub(crate) fn width() -> usize {
    known_width().unwrap_or(LOGS)
}

/// A table with a title over each column.
pub(super) struct Columns {
    titles: Vec<String>,
    rows: Vec<Vec<String>>,
    /// These are numbers, and stand to the right.
    numbers: Vec<usize>,
    widths: Vec<usize>,
}

impl Columns {
    pub(super) fn new(titles: Vec<String>, rows: Vec<Vec<String>>, numbers: &[usize]) -> Columns {
        let mut widths: Vec<usize> = titles.iter().map(|title| measure_text_width(title)).collect();
        for (width, cell) in rows.iter().flat_map(|row| widths_of(row).enumerate()) {
            widths[width] = widths[width].max(cell);
        }
        Columns { titles, rows, numbers: numbers.to_vec(), widths }
    }

    /// The whole table, cut where it is wider than `width`: blocks one below the other, each of which begins
    /// with the first columns.
    pub(super) fn blocks(&self, repeated: usize, width: usize) -> String {
        let repeated: Vec<usize> = (0..repeated.min(self.titles.len())).collect();
        let mut blocks = vec![repeated.clone()];
        for column in repeated.len()..self.titles.len() {
            let block = &blocks[blocks.len() - 1];
            if block.len() > repeated.len() && self.width(block) + GAP + self.widths[column] > width {
                blocks.push(repeated.clone());
            }
            let last = blocks.len() - 1;
            blocks[last].push(column);
        }
        blocks.iter().map(|block| self.text(block, width)).collect::<Vec<_>>().join("\n")
    }

    /// The columns that fit: the first ones always, of the others those first in which rows differ.
    pub(super) fn fitting(&self, always: usize, width: usize) -> Vec<usize> {
        let mut shown: Vec<usize> = (0..always.min(self.titles.len())).collect();
        let differs = |column: &usize| {
            let mut cells = self.rows.iter().map(|row| &row[*column]);
            cells.next().is_some_and(|first| cells.any(|cell| cell != first))
        };
        let (telling, rest): (Vec<usize>, Vec<usize>) =
            (shown.len()..self.titles.len()).partition(|column| differs(column));
        for column in telling.into_iter().chain(rest) {
            if self.width(&shown) + GAP + self.widths[column] <= width {
                shown.push(column);
            }
        }
        shown.sort_unstable();
        shown
    }

    /// How many columns are left out.
    pub(super) fn beside(&self, columns: &[usize]) -> usize {
        self.titles.len() - columns.len()
    }

    fn width(&self, columns: &[usize]) -> usize {
        columns.iter().map(|&column| self.widths[column] + GAP).sum::<usize>().saturating_sub(GAP)
    }

    /// Some of the columns; a line that is too wide all the same is cut.
    pub(super) fn text(&self, columns: &[usize], width: usize) -> String {
        let lines = std::iter::once(&self.titles).chain(&self.rows);
        lines.map(|cells| self.line(cells, columns, width)).collect()
    }

    fn line(&self, cells: &[String], columns: &[usize], width: usize) -> String {
        let mut line = String::new();
        for &column in columns {
            let right = if self.numbers.contains(&column) {
                console::Alignment::Right
            } else {
                console::Alignment::Left
            };
            line.extend(repeat_n(' ', if line.is_empty() { 0 } else { GAP }));
            // a cell of megabytes is no reason to fill all others up
            line += &pad_str(&cells[column], self.widths[column].min(width), right, Some("…"));
        }
        truncate_str(line.trim_end(), width, "…").into_owned() + "\n"
    }
}

fn widths_of(cells: &[String]) -> impl Iterator<Item = usize> {
    cells.iter().map(|cell| measure_text_width(cell))
}

/// The text on lines that are no wider than this, if its words are not; lines after the first are indented.
pub(super) fn wrapped(text: &str, indent: usize, width: usize) -> String {
    let (mut wrapped, mut used) = (String::new(), 0);
    for word in text.split(' ') {
        let wide = measure_text_width(word);
        if used > indent && used + 1 + wide > width {
            wrapped.push('\n');
            wrapped.extend(repeat_n(' ', indent));
            used = indent;
        } else if used > 0 {
            wrapped.push(' ');
            used += 1;
        }
        wrapped += word;
        used += wide;
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Columns {
        let texts = |texts: [&str; 4]| texts.map(str::to_owned).into();
        let rows = vec![texts(["1", "relu", "0.25", "é"]), texts(["10", "relu", "0.5", "longer"])];
        Columns::new(texts(["rank", "activation", "rate", "what"]), rows, &[0, 2])
    }

    #[test]
    fn what_does_not_fit_goes_on_below_or_is_left_out() {
        let whole =
            "rank  activation  rate  what\n   1  relu        0.25  é\n  10  relu         0.5  longer\n";
        assert_eq!(columns().blocks(1, 30), whole);
        let blocks = "rank  activation  rate\n   1  relu        0.25\n  10  relu         0.5\n\nrank  what\n   1  é\n  10  longer\n";
        assert_eq!(columns().blocks(1, 29), blocks);
        assert_eq!(columns().fitting(1, 30), [0, 1, 2, 3]);
        assert_eq!(columns().fitting(1, 29), [0, 2, 3], "the activation is the same in all rows");
        assert_eq!(columns().fitting(1, 3), [0], "the first ones are always there");
        assert_eq!(columns().text(&[3], 4), "what\né\nlon…\n");
    }

    #[test]
    fn words_stay_whole() {
        assert_eq!(wrapped("a bcd ef", 2, 5), "a bcd\n  ef");
        assert_eq!(wrapped("longer than that", 2, 5), "longer\n  than\n  that");
        assert_eq!(wrapped("a b", 2, 80), "a b");
    }
}
