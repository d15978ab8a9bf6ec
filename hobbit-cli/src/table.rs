//! Tables that fit the terminal.

use comfy_table::{CellAlignment, Table as Grid, presets};
use console::{Style, measure_text_width};
use hobbit::observe::printable;

/// A table; its first columns are repeated where it is too wide and has to be cut. Whatever its cells hold,
/// they are shown on one line.
pub(crate) struct Table {
    columns: Vec<(String, CellAlignment)>,
    rows: Vec<(Vec<String>, Style)>,
    repeated: usize,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(repeated: usize) -> Table {
        Table { columns: Vec::new(), rows: Vec::new(), repeated }
    }

    /// Adds a column of text.
    pub(crate) fn text(mut self, title: &str) -> Table {
        self.columns.push((cell(title), CellAlignment::Left));
        self
    }

    /// Adds a column of numbers.
    pub(crate) fn number(mut self, title: &str) -> Table {
        self.columns.push((cell(title), CellAlignment::Right));
        self
    }

    /// Adds columns of text.
    pub(crate) fn texts<'a>(self, titles: impl IntoIterator<Item = &'a str>) -> Table {
        titles.into_iter().fold(self, Table::text)
    }

    /// Adds columns of numbers.
    pub(crate) fn numbers<'a>(self, titles: impl IntoIterator<Item = &'a str>) -> Table {
        titles.into_iter().fold(self, Table::number)
    }

    /// Adds a row, with its colour.
    pub(crate) fn row(&mut self, cells: Vec<String>, style: Style) {
        self.rows.push((cells.iter().map(|text| cell(text)).collect(), style));
    }

    /// The text; where it is wider than `width`, it is cut into tables one below the other.
    pub(crate) fn render(&self, width: Option<usize>) -> String {
        const GAP: usize = 2;
        let widest = |column: usize| {
            let cells = self.rows.iter().filter_map(|(cells, _)| cells.get(column));
            let widths = cells.map(|cell| measure_text_width(cell));
            widths.chain([measure_text_width(&self.columns[column].0)]).max().unwrap_or(0) + GAP
        };
        let repeated: Vec<usize> = (0..self.repeated.min(self.columns.len())).collect();
        let start: usize = repeated.iter().map(|&column| widest(column)).sum();
        let mut blocks = Vec::new();
        let mut block = repeated.clone();
        let mut used = start;
        for column in repeated.len()..self.columns.len() {
            let wide = widest(column);
            let has_more = block.len() > repeated.len();
            if has_more && width.is_some_and(|width| used + wide - GAP > width) {
                blocks.push(std::mem::replace(&mut block, repeated.clone()));
                used = start;
            }
            used += wide;
            block.push(column);
        }
        blocks.push(block);
        let blocks: Vec<String> = blocks.iter().map(|block| self.block(block)).collect();
        blocks.join("\n")
    }

    fn block(&self, columns: &[usize]) -> String {
        let mut grid = Grid::new();
        grid.load_style(presets::NOTHING);
        grid.set_header(columns.iter().map(|&column| &self.columns[column].0));
        for (cells, _) in &self.rows {
            grid.add_row(columns.iter().map(|&column| cells.get(column).map_or("", String::as_str)));
        }
        for (column, &source) in grid.column_iter_mut().zip(columns) {
            column.set_padding((0, 2));
            column.set_cell_alignment(self.columns[source].1);
        }
        let header = Style::new().bold();
        let styles = std::iter::once(&header).chain(self.rows.iter().map(|(_, style)| style));
        let text = grid.to_string();
        text.lines()
            .zip(styles)
            .map(|(line, style)| format!("{}\n", style.apply_to(line.trim_end())))
            .collect()
    }
}

/// A cell is no longer than this: all others of its column would be filled up to its length.
const LONGEST: usize = 1000;

/// A text as a cell.
fn cell(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => printable(text).into_owned(),
        Some((end, _)) => format!("{}…", printable(&text[..end])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_wide_goes_on_below() {
        console::set_colors_enabled(false);
        let mut table = Table::new(1).text("trial").numbers(["a", "quite a long name", "b"]).text("c");
        table.row(["1-1", "1", "2", "3", "é"].map(str::to_owned).into(), Style::new());
        table.row(["1-22", "10", "20", "30", "x y"].map(str::to_owned).into(), Style::new());
        let whole = "trial   a  quite a long name   b  c\n1-1     1                  2   3  é\n1-22   10                 20  30  x y\n";
        assert_eq!(table.render(None), whole);
        assert_eq!(table.render(Some(37)), whole);
        let cut = "trial   a  quite a long name\n1-1     1                  2\n1-22   10                 20\n\n\
                   trial   b  c\n1-1     3  é\n1-22   30  x y\n";
        assert_eq!(table.render(Some(31)), cut);
        let narrow = table.render(Some(5));
        assert_eq!(
            narrow.lines().filter(|line| line.starts_with("trial")).count(),
            4,
            "a column each:\n{narrow}"
        );
    }
}
