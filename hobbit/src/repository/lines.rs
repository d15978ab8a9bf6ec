//! Reads the lines of a journal, in several threads where it is long.
//!
//! A line without its end is one that was being written when the process died: it is dropped. Any other line
//! that does not read, or does not follow the one before it, is damage, and is reported, not repaired.

use std::thread::ScopedJoinHandle;

use super::chain::Chain;
use super::records::Record;
use super::scan::Scanner;

/// What a journal holds.
pub(super) struct Contents {
    pub(super) records: Vec<Record>,
    /// The bytes up to the end of the last whole line; what follows is torn.
    pub(super) whole: u64,
    pub(super) torn: bool,
    /// What the next line has to follow.
    pub(super) chain: Chain,
}

impl Contents {
    /// Those of a journal that does not exist or is empty.
    pub(super) fn empty() -> Contents {
        Contents { records: Vec::new(), whole: 0, torn: false, chain: Chain::default() }
    }
}

/// A line that cannot be the next one of its journal.
#[derive(Debug)]
pub(super) struct Damage {
    /// Its number, counted from 1.
    pub(super) line: usize,
    /// What is wrong, as said of "the line".
    pub(super) what: String,
}

/// How the lines of a format are read, one after the other.
pub(super) trait Lines: Sized {
    /// Begins behind this line, or with the first one.
    fn behind(line: Option<&[u8]>) -> Self;
    /// The record of a line, if it can be the next one; otherwise what is wrong, as said of "the line".
    fn next(&mut self, line: &str, scanner: &mut Scanner) -> Result<Record, String>;
    /// Whether what is behind the last whole line can be a line that was not written to its end. After a
    /// power failure there may be zeros in place of what was written.
    fn is_beginning(&self, rest: &[u8]) -> bool;
    /// What the next line has to follow.
    fn chain(&self) -> Chain;
}

/// Reads as far as the first damaged line.
pub(super) fn read<'a, L: Lines>(bytes: &'a [u8]) -> (Contents, Option<Damage>) {
    let parts = split(bytes, threads(bytes.len()));
    let parsed: Vec<(Contents, Option<String>)> = std::thread::scope(|scope| {
        let behind = parts.iter().zip(parts.iter().skip(1));
        let read_behind = |(&before, &part): (&&'a [u8], &&'a [u8])| {
            scope.spawn(move || read_part(L::behind(last_line(before)), part))
        };
        let handles: Vec<_> = behind.map(read_behind).collect();
        let join = |handle: ScopedJoinHandle<'_, _>| {
            handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        let first = read_part(L::behind(None), parts.first().unwrap_or(&bytes));
        std::iter::once(first).chain(handles.into_iter().map(join)).collect()
    });
    let mut whole = Contents::empty();
    for (part, damage) in parsed {
        whole.records.extend(part.records);
        whole.whole += part.whole;
        (whole.torn, whole.chain) = (part.torn, part.chain);
        if let Some(what) = damage {
            let line = whole.records.len() + 1;
            return (whole, Some(Damage { line, what }));
        }
    }
    (whole, None)
}

/// The last of some whole lines, without its end.
fn last_line(bytes: &[u8]) -> Option<&[u8]> {
    bytes.strip_suffix(b"\n")?.rsplit(|&byte| byte == b'\n').next()
}

/// The bytes that are worth a thread of their own.
const PART: usize = 1 << 20;

/// How many threads read a journal of this length.
fn threads(length: usize) -> usize {
    match length / PART {
        // to ask for the number of cores, and to start a thread, takes longer than to read a short journal
        0 => 1,
        parts => std::thread::available_parallelism().map_or(1, usize::from).min(parts + 1),
    }
}

/// Cuts into `parts` of about the same length, each but the last ending with a line.
fn split(mut bytes: &[u8], parts: usize) -> Vec<&[u8]> {
    let mut found = Vec::new();
    for left in (2..=parts).rev() {
        let about = bytes.len() / left;
        let Some(end) = bytes[about..].iter().position(|&byte| byte == b'\n') else { break };
        let (part, rest) = bytes.split_at(about + end + 1);
        found.push(part);
        bytes = rest;
    }
    found.push(bytes);
    found
}

/// Reads the lines of a part as far as the first damaged one, and returns what is wrong with it.
fn read_part<L: Lines>(mut lines: L, bytes: &[u8]) -> (Contents, Option<String>) {
    let mut scanner = Scanner::default();
    let mut records = Vec::new();
    let mut whole = 0;
    let mut rest = bytes;
    let mut damage = None;
    while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
        match read_line(&mut lines, &mut scanner, &rest[..end]) {
            Ok(record) => records.push(record),
            Err(what) => {
                damage = Some(what);
                break;
            }
        }
        whole += end as u64 + 1;
        rest = &rest[end + 1..];
    }
    let torn = damage.is_none() && !rest.is_empty();
    if torn && !lines.is_beginning(rest) {
        damage = Some(NO_LINE.to_owned());
    }
    let torn = torn && damage.is_none();
    (Contents { records, whole, torn, chain: lines.chain() }, damage)
}

/// What is wrong with text that has nothing of a line.
pub(super) const NO_LINE: &str = "is damaged (it is not a journal line)";

fn read_line<L: Lines>(lines: &mut L, scanner: &mut Scanner, line: &[u8]) -> Result<Record, String> {
    let line = std::str::from_utf8(line).map_err(|_| "is damaged (it is not UTF-8)")?;
    let record = lines.next(line, scanner)?;
    match record.fault() {
        Some(fault) => Err(format!("is damaged (no process wrote it: {fault})")),
        None => Ok(record),
    }
}

/// Whether bytes, up to the zeros of a power failure, begin as this pattern says, in which `#` stands for a
/// hexadecimal digit.
pub(super) fn begins_as(bytes: &[u8], pattern: &[u8]) -> bool {
    let written = bytes.iter().take_while(|&&byte| byte != 0);
    written.zip(pattern).all(|(byte, expected)| match expected {
        b'#' => byte.is_ascii_hexdigit(),
        expected => byte == expected,
    })
}

/// What is wrong with a record that does not read.
pub(super) fn unreadable(error: impl std::fmt::Display) -> String {
    format!("is damaged (its record does not read: {error})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::chain::tests::journal;

    #[test]
    fn damage_is_found_at_its_line_in_every_part_of_a_large_journal() {
        let text = journal(30_000);
        assert!(text.len() > 2 * PART);
        let (whole, damage) = read::<Chain>(text.as_bytes());
        assert!(whole.records.len() == 30_000 && damage.is_none(), "{damage:?}");
        let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        for line in [1, 14_999, 29_999] {
            let mut bytes = text.clone().into_bytes();
            let at = ends[line - 1];
            bytes[at + 14] ^= 1;
            let (contents, damage) = read::<Chain>(&bytes);
            assert_eq!((contents.records.len(), contents.whole), (line, at as u64 + 1));
            assert_eq!(damage.unwrap().line, line + 1);
        }
        // and every line at which a part could begin may be the one that is lost
        for line in (1..30_000).step_by(4999) {
            let without = [&text[..=ends[line - 1]], &text[ends[line] + 1..]].concat();
            assert_eq!(read::<Chain>(without.as_bytes()).1.unwrap().line, line + 1);
        }
    }

    #[test]
    fn a_short_journal_is_read_without_other_threads() {
        assert_eq!([0, 1, PART - 1].map(threads), [1, 1, 1]);
        assert!((1..=4).contains(&threads(3 * PART)));
    }

    #[test]
    fn parts_end_with_lines() {
        let text = journal(100);
        for length in [0, 1, 50, text.len() - 3, text.len()] {
            for parts in 1..8 {
                let bytes = &text.as_bytes()[..length];
                let split = split(bytes, parts);
                assert!(split.len() <= parts);
                assert_eq!(split.concat(), bytes);
                assert!(split[..split.len() - 1].iter().all(|part| part.ends_with(b"\n")));
            }
        }
    }
}
