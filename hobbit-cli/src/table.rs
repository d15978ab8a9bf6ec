//! Tables that fit the terminal.

use comfy_table::{CellAlignment, ContentArrangement, Table as Grid, presets};
use console::{Style, measure_text_width, truncate_str};
use hobbit::observe::printable;

/// A table; its first columns are repeated where it is too wide and has to be cut. Whatever its cells hold,
/// they are shown on one line.
pub(crate) struct Table {
    columns: Vec<(String, CellAlignment)>,
    rows: Vec<(Vec<String>, Style)>,
    repeated: usize,
    /// Cells that are too wide go on below, instead of being cut.
    wraps: bool,
    /// Cells that say nothing: a table of several has no rows of them alone.
    nothing: Option<&'static str>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(repeated: usize) -> Table {
        Table { columns: Vec::new(), rows: Vec::new(), repeated, wraps: false, nothing: None }
    }

    /// Names and what belongs to them: all of it is shown, on as many lines as it takes.
    pub(crate) fn pairs(titles: [&str; 2]) -> Table {
        Table { wraps: true, ..Table::new(2).texts(titles) }
    }

    /// Where it is cut, leaves out rows in which all but the repeated columns say this.
    pub(crate) fn without(self, nothing: &'static str) -> Table {
        Table { nothing: Some(nothing), ..self }
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

    /// The text; where it is wider than `width`, it is cut into tables one below the other. A cell that is
    /// wider by itself is cut.
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
        let most = width.map_or(usize::MAX, |width| width.saturating_sub(start).max(LEAST));
        let wrap = width.filter(|_| self.wraps);
        let blocks: Vec<String> = blocks.iter().map(|block| self.block(block, most, wrap)).collect();
        blocks.join("\n")
    }

    fn block(&self, columns: &[usize], most: usize, wrap: Option<usize>) -> String {
        let mut grid = Grid::new();
        if let Some(width) = wrap {
            let width = u16::try_from(width.max(LEAST)).unwrap_or(u16::MAX);
            grid.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        grid.load_style(presets::NOTHING);
        grid.set_header(columns.iter().map(|&column| &self.columns[column].0));
        let is_cut = columns.len() < self.columns.len();
        let is_nothing = |cells: &[String]| {
            let said = columns[self.repeated.min(columns.len())..].iter();
            is_cut && said.clone().all(|&column| cells.get(column).map(String::as_str) == self.nothing)
        };
        let rows: Vec<_> = self.rows.iter().filter(|(cells, _)| !is_nothing(cells)).collect();
        for (cells, _) in &rows {
            let cell = |column: usize| cells.get(column).map_or("", String::as_str);
            let cut = |column: usize| if column < self.repeated { usize::MAX } else { most };
            grid.add_row(columns.iter().map(|&column| truncate_str(cell(column), cut(column), "…")));
        }
        for (column, &source) in grid.column_iter_mut().zip(columns) {
            column.set_padding((0, 2));
            column.set_cell_alignment(self.columns[source].1);
        }
        let header = Style::new().bold();
        let plain = Style::new();
        let styles = std::iter::once(&header).chain(rows.iter().map(|(_, style)| style));
        // where cells go on below, all have the same
        let styles = styles.chain(std::iter::repeat(&plain));
        let text = grid.to_string();
        text.lines()
            .zip(styles)
            .map(|(line, style)| format!("{}\n", style.apply_to(line.trim_end())))
            .collect()
    }
}

/// A cell keeps so much of its text, however narrow the terminal is.
const LEAST: usize = 16;

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
    fn a_cell_that_is_too_wide_is_cut_or_goes_on_below() {
        console::set_colors_enabled(false);
        let cells = || ["name", "one two three four five six"].map(str::to_owned).into();
        let mut table = Table::new(1).texts(["a", "b"]);
        table.row(cells(), Style::new());
        assert_eq!(table.render(Some(24)), "a     b\nname  one two three fou…\n");
        let mut table = Table::pairs(["a", "b"]);
        table.row(cells(), Style::new());
        let text = table.render(Some(24));
        assert!(text.lines().all(|line| line.chars().count() <= 24) && text.contains("four"), "{text}");
        assert!(text.split_whitespace().eq("a b name one two three four five six".split(' ')), "{text}");
        assert_eq!(table.render(None), "a     b\nname  one two three four five six\n");
    }

    #[test]
    fn where_a_table_is_cut_rows_that_say_nothing_are_left_out() {
        console::set_colors_enabled(false);
        let mut table = Table::new(1).text("").texts(["one", "two"]).without("-");
        table.row(["width", "8", "-"].map(str::to_owned).into(), Style::new());
        table.row(["depth", "-", "2"].map(str::to_owned).into(), Style::new());
        assert_eq!(table.render(None), "       one  two\nwidth  8    -\ndepth  -    2\n");
        assert_eq!(table.render(Some(12)), "       one\nwidth  8\n\n       two\ndepth  2\n");
    }

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
