//! Tables that fit the terminal.

use comfy_table::{CellAlignment, Table as Grid, presets};
use console::{Style, measure_text_width};

/// A table; its first columns are repeated where it is too wide and has to be cut.
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
        self.columns.push((title.to_owned(), CellAlignment::Left));
        self
    }

    /// Adds a column of numbers.
    pub(crate) fn number(mut self, title: &str) -> Table {
        self.columns.push((title.to_owned(), CellAlignment::Right));
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
        self.rows.push((cells, style));
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

/// A text on one line.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
