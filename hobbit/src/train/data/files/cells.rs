//! The cells of a table's text: CSV as RFC 4180 describes it and as the usual tools write it, each record
//! with the line it begins in.

/// The cells of all records but the header's, row by row, in one text.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Cells {
    text: String,
    /// Where each cell ends in the text.
    ends: Vec<usize>,
    /// The line in which each record begins, counted from 1.
    lines: Vec<u64>,
}

impl Cells {
    pub(super) fn rows(&self) -> usize {
        self.lines.len()
    }

    /// The line of a row.
    pub(super) fn line(&self, row: usize) -> u64 {
        self.lines[row]
    }

    /// All cells from the first of a row on.
    pub(super) fn cell(&self, width: usize, row: usize, column: usize) -> &str {
        let place = row * width + column;
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        &self.text[start..self.ends[place]]
    }

    /// Adds these cells of a row of another table.
    pub(super) fn copy(
        &mut self,
        other: &Cells,
        width: usize,
        row: usize,
        columns: impl IntoIterator<Item = usize>,
    ) {
        for column in columns {
            self.text.push_str(other.cell(width, row, column));
            self.ends.push(self.text.len());
        }
        self.lines.push(other.line(row));
    }
}

/// Takes a text apart. Fields may be in quotes, in which two quotes stand for one and lines may end; lines
/// end with LF, CR or both. Spaces around a field are no part of it. Empty lines are left out, and so are
/// comments if there are any.
pub(super) struct Splitter<'a> {
    text: &'a str,
    at: usize,
    line: u64,
    delimiter: u8,
    comment: Option<u8>,
}

impl<'a> Splitter<'a> {
    /// Both signs have to be ASCII characters.
    pub(super) fn new(text: &'a str, delimiter: u8, comment: Option<u8>) -> Splitter<'a> {
        Splitter { text, at: 0, line: 1, delimiter, comment }
    }

    /// The names in the first record.
    ///
    /// # Errors
    /// A quote that is not closed.
    pub(super) fn header(&mut self) -> Result<Vec<String>, String> {
        let mut header = Cells::default();
        let width = self.record(&mut header)?.unwrap_or(0);
        Ok((0..width).map(|column| header.cell(width, 0, column).to_owned()).collect())
    }

    /// The records that are left, each of so many cells.
    ///
    /// # Errors
    /// A record of another length, or a quote that is not closed.
    pub(super) fn rest(&mut self, width: usize) -> Result<Cells, String> {
        let mut cells = Cells::default();
        while let Some(found) = self.record(&mut cells)? {
            if found != width {
                let line = cells.lines[cells.lines.len() - 1];
                return Err(format!(
                    "line {line} has {} where the header has {width}",
                    if found == 1 { "1 field".to_owned() } else { format!("{found} fields") }
                ));
            }
        }
        Ok(cells)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Adds the cells of the next record: how many there are, or none at the end.
    fn record(&mut self, to: &mut Cells) -> Result<Option<usize>, String> {
        loop {
            match self.peek() {
                None => return Ok(None),
                Some(b'\n' | b'\r') => self.end_line(),
                comment if comment == self.comment => self.skip(|byte| matches!(byte, b'\n' | b'\r')),
                _ => break,
            }
        }
        to.lines.push(self.line);
        for count in 1.. {
            self.cell(&mut to.text)?;
            to.ends.push(to.text.len());
            if self.peek() == Some(self.delimiter) {
                self.at += 1;
            } else {
                self.end_line();
                return Ok(Some(count));
            }
        }
        Ok(None)
    }

    /// Goes on to the next line, if a line ends here.
    fn end_line(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let length = match rest {
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => return,
        };
        self.at += length;
        self.line += 1;
    }

    /// Goes on to the first byte that is such.
    fn skip(&mut self, end: impl Fn(u8) -> bool) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().position(|&byte| end(byte)).unwrap_or(rest.len());
    }

    fn cell(&mut self, to: &mut String) -> Result<(), String> {
        let start = to.len();
        if self.peek() == Some(b'"') {
            self.quoted(to)?;
        }
        let from = self.at;
        let delimiter = self.delimiter;
        self.skip(|byte| byte == delimiter || matches!(byte, b'\n' | b'\r'));
        to.push_str(&self.text[from..self.at]);
        to.truncate(start + to[start..].trim_end().len());
        let spaces = to[start..].len() - to[start..].trim_start().len();
        to.drain(start..start + spaces);
        Ok(())
    }

    fn quoted(&mut self, to: &mut String) -> Result<(), String> {
        let opened = self.line;
        loop {
            self.at += 1;
            let from = self.at;
            self.skip(|byte| byte == b'"');
            let part = &self.text[from..self.at];
            to.push_str(part);
            let lone = part.replace("\r\n", "\n").matches(['\n', '\r']).count();
            self.line += lone as u64;
            if self.at == self.text.len() {
                return Err(format!("the quote that opens a field in line {opened} is never closed"));
            }
            self.at += 1;
            if self.peek() != Some(b'"') {
                return Ok(());
            }
            to.push('"');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows, each with its line.
    fn split(text: &str, comment: Option<u8>) -> Result<Vec<(u64, Vec<String>)>, String> {
        let mut splitter = Splitter::new(text, b',', comment);
        let mut rows = Vec::new();
        loop {
            let mut cells = Cells::default();
            match splitter.record(&mut cells)? {
                None => return Ok(rows),
                Some(width) => {
                    let row = (0..width).map(|column| cells.cell(width, 0, column).to_owned());
                    rows.push((cells.line(0), row.collect()));
                }
            }
        }
    }

    #[track_caller]
    fn gives(text: &str, right: &[(u64, &[&str])]) {
        let right: Vec<(u64, Vec<String>)> = right
            .iter()
            .map(|(line, row)| (*line, row.iter().map(|&cell| cell.to_owned()).collect()))
            .collect();
        assert_eq!(split(text, Some(b'#')), Ok(right), "{text:?}");
    }

    #[test]
    fn records_are_taken_apart_with_their_lines() {
        gives("", &[]);
        gives("\n\r\n", &[]);
        gives("a,b\n1,2\n", &[(1, &["a", "b"]), (2, &["1", "2"])]);
        gives("a,b\r\n\r\n1,2", &[(1, &["a", "b"]), (3, &["1", "2"])]);
        gives("a\r1\r", &[(1, &["a"]), (2, &["1"])]);
        gives(" a , b\n,\n", &[(1, &["a", "b"]), (2, &["", ""])]);
        gives("#x\na\n# y, \"z\n1#\n#", &[(2, &["a"]), (4, &["1#"])]);
        gives("\"a\"\"b,c\",\"\nd\r\ne\"\n1,\"2\"", &[(1, &["a\"b,c", "d\r\ne"]), (4, &["1", "2"])]);
        gives("5\" pipe,\"a\"b\n", &[(1, &["5\" pipe", "ab"])]);
        gives("äö,\"ü\"\n", &[(1, &["äö", "ü"])]);
        assert_eq!(split("#a\n", None).unwrap()[0].1, ["#a"]);
        assert!(split("a\nb,\"c\nd\n", None).unwrap_err().contains("line 2"));
    }
}
