//! What other people's text may do to a terminal: nothing. Names, values, reasons and paths are shown through
//! these functions.
//!
//! A terminal obeys control characters instead of showing them, other characters change the order of a line
//! or are invisible, and a line break lets a text forge lines of its own. All of them are shown as escapes,
//! as Rust writes them: `\u{1b}[2J`.

use std::borrow::Cow;

/// Whether the character is not shown as itself: it controls the terminal or the direction of writing, or it
/// is invisible.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{fffe}'
                | '\u{ffff}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Whether nothing has to be changed, for texts of one line.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) || !text.contains(is_hidden)
}

/// The text on one line, for terminals: control characters, line breaks, and characters that are invisible or
/// change the direction of writing are shown as escapes.
///
/// Everything that hobbit prints of names, values, reasons and paths goes through it. Data for programs
/// (JSON, RON, CSV, results.ron) keeps the exact text.
///
/// ```
/// use hobbit::observe::printable;
///
/// assert_eq!(printable("val_loss"), "val_loss");
/// assert_eq!(printable("loss\n\u{1b}[2JState  finished"), r"loss\n\u{1b}[2JState  finished");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hidden(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// A text of several lines, for terminals: its line breaks stay, the lines after the first are indented, so
/// that none of them can be taken for a line of hobbit's own, and everything else is as in [`printable`].
/// Empty lines are left out.
///
/// ```
/// use hobbit::observe::printable_lines;
///
/// assert_eq!(printable_lines("out of memory\nState  finished\n"), "out of memory\n  State  finished");
/// ```
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let line = line.replace('\t', "    ");
        let is_first = shown.is_empty();
        if !is_first {
            shown.push('\n');
            if !line.starts_with("  ") {
                shown.push_str("  ");
            }
        }
        shown.push_str(&printable(&line));
    }
    Cow::Owned(shown)
}

/// A whole page of hobbit's: its line breaks and tabs stay as they are, nothing else that is hidden does.
pub(crate) fn printable_page(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| !matches!(c, '\n' | '\t') && is_hidden(c)) {
        return Cow::Borrowed(text);
    }
    let parts = text.split_inclusive(['\n', '\t']).map(|part| {
        let (text, end) = part.split_at(part.trim_end_matches(['\n', '\t']).len());
        format!("{}{end}", printable(text))
    });
    Cow::Owned(parts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_harmless_stays_as_it_is() {
        for text in ["", "val_loss", "Größe 漢字 🎲 👩‍🔬", "a\\b $x$ <b>", "naïve ≤ 3 · ½"]
        {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text), "{text}");
            assert!(matches!(printable_lines(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn no_character_that_is_obeyed_or_hidden_is_left() {
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let text = format!("a{c}b");
            let shown = printable(&text);
            assert!(!shown.contains(char::is_control), "{shown:?}");
            assert_eq!(printable(&shown), shown, "an escape is plain");
            assert_eq!(*shown == text, !is_hidden(c), "{shown:?}");
            let lines = printable_lines(&text);
            assert!(!lines.contains(|c| c != '\n' && is_hidden(c)), "{lines:?}");
            let page = printable_page(&text);
            assert!(!page.contains(|c| !matches!(c, '\n' | '\t') && is_hidden(c)), "{page:?}");
        }
        for hidden in ['\u{1b}', '\u{7f}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{feff}', '\u{2028}'] {
            assert!(is_hidden(hidden), "{hidden:?}");
        }
    }

    #[test]
    fn no_line_but_the_first_begins_where_hobbits_lines_begin() {
        let text = "first\r\nState  finished\n\n \n State  finished\n\tat main.rs:3\n    kept\u{1b}[A\n";
        let expected = "first\n  State  finished\n   State  finished\n    at main.rs:3\n    kept\\u{1b}[A";
        assert_eq!(printable_lines(text), expected);
        assert_eq!(printable_page("a\n\nb\n"), "a\n\nb\n");
        assert_eq!(printable_page("a\r\n\tb\u{1b}\n"), "a\\r\n\tb\\u{1b}\n");
    }
}
