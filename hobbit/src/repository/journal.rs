//! `journal.ron`: an append-only file of checksummed lines.
//!
//! A line is the RON tuple `("<crc32 of the record's text>", <record>)`. A line without its end is one that was being written
//! when the process died: it is dropped. Any other line that does not read is damage, and is reported, not repaired.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::ScopedJoinHandle;

use super::records::Record;
use super::scan::Scanner;
use super::storage::{Identity, Storage, StorageFile};
use crate::error::{Error, Result};

/// The journal, open for writing.
pub(super) struct Journal {
    path: PathBuf,
    storage: Arc<dyn Storage>,
    file: Box<dyn StorageFile>,
    /// Which file it is and how long, as it has to be when it is written to again; nothing where that cannot
    /// be told.
    expected: Option<Identity>,
    buffer: String,
    /// What went wrong when it was written to; nothing is written behind that.
    failed: Option<String>,
}

/// What a journal holds.
pub(super) struct Contents {
    pub(super) records: Vec<Record>,
    /// The bytes up to the end of the last whole line; what follows is torn.
    pub(super) whole: u64,
    pub(super) torn: bool,
}

impl Journal {
    /// Opens the journal for writing; it has to end with a whole line.
    pub(super) fn open(storage: Arc<dyn Storage>, path: &Path) -> Result<Journal> {
        let file = storage.append(path).map_err(|error| Error::io("open", path, error))?;
        let expected = storage.identity(path).map_err(|error| Error::io("look at", path, error))?;
        Ok(Journal { path: path.to_owned(), storage, file, expected, buffer: String::new(), failed: None })
    }

    /// Makes sure that the journal is still where it was, and as it was left.
    ///
    /// # Errors
    /// It was removed, replaced, cut off or written to by somebody else.
    pub(super) fn check(&self) -> Result<()> {
        if let Some(failed) = &self.failed {
            return Err(Error::repository(failed.clone()));
        }
        let Some(expected) = self.expected else { return Ok(()) };
        let what = match self.storage.identity(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => "was removed",
            Err(error) => return Err(Error::io("look at", &self.path, error)),
            Ok(None) => return Ok(()),
            Ok(Some(found)) if found.file != expected.file => "was replaced by another file",
            Ok(Some(found)) if found.length < expected.length => "was cut off",
            Ok(Some(found)) if found.length > expected.length => "was written to by somebody else",
            Ok(Some(_)) => return Ok(()),
        };
        Err(Error::repository(format!(
            "{} {what} while the sweep was running, so nothing more was written. Put the file back if it can be had; then run \
             again: what it does not hold is trained again",
            self.path.display()
        )))
    }

    /// Adds a record; it is written with the next [`flush`](Journal::flush).
    pub(super) fn push(&mut self, record: &Record) -> Result<()> {
        let text = ron::to_string(record).map_err(|error| {
            Error::repository(format!("could not write a record: {error}")).with_source(error)
        })?;
        push_line(&mut self.buffer, &text);
        Ok(())
    }

    /// Writes what was added; with `durable`, returns only when it is on the disk.
    pub(super) fn flush(&mut self, durable: bool) -> Result<()> {
        if !self.buffer.is_empty() {
            let written = self.file.write(self.buffer.as_bytes());
            let length = self.buffer.len() as u64;
            self.buffer.clear();
            written.map_err(|error| {
                let error = Error::io("write", &self.path, error);
                self.failed = Some(error.to_string());
                error
            })?;
            // after an error nobody knows how much of it was written, and nothing can be written behind it
            if let Some(expected) = &mut self.expected {
                expected.length += length;
            }
        }
        if durable {
            self.file.sync().map_err(|error| Error::io("sync", &self.path, error))?;
        }
        Ok(())
    }
}

fn push_line(buffer: &mut String, text: &str) {
    use std::fmt::Write;
    let sum = crc32fast::hash(text.as_bytes());
    // writing to a string does not fail
    let _ = writeln!(buffer, "(\"{sum:08x}\", {text})");
}

/// Reads a journal.
///
/// # Errors
/// A damaged line, with its number.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Contents> {
    let (contents, damage) = parse_until_damage(bytes);
    match damage {
        None => Ok(contents),
        Some((line, why)) => Err(Error::repository(format!(
            "{}:{line}: the line is damaged ({why}); nothing was changed. `hobbit salvage {}` (or `hobbit::salvage`) \
             keeps the {} records before it, and puts the damaged file aside",
            path.display(),
            path.parent().unwrap_or(path).display(),
            contents.records.len()
        ))),
    }
}

/// Reads as far as the first damaged line, and returns its number and what is wrong with it.
pub(super) fn parse_until_damage(bytes: &[u8]) -> (Contents, Option<(usize, String)>) {
    let parts = split(bytes, threads(bytes.len()));
    let parsed: Vec<(Contents, Option<String>)> = std::thread::scope(|scope| {
        let (first, others) = parts.split_first().unwrap_or((&bytes, &[]));
        let handles: Vec<_> = others.iter().map(|part| scope.spawn(|| parse_part(part))).collect();
        let join = |handle: ScopedJoinHandle<'_, _>| {
            handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        std::iter::once(parse_part(first)).chain(handles.into_iter().map(join)).collect()
    });
    let mut whole = Contents { records: Vec::new(), whole: 0, torn: false };
    for (part, damage) in parsed {
        whole.records.extend(part.records);
        whole.whole += part.whole;
        whole.torn = part.torn;
        if let Some(why) = damage {
            let line = whole.records.len() + 1;
            return (whole, Some((line, why)));
        }
    }
    (whole, None)
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
fn parse_part(bytes: &[u8]) -> (Contents, Option<String>) {
    let mut scanner = Scanner::default();
    let mut records = Vec::new();
    let mut whole = 0;
    let mut rest = bytes;
    while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
        match parse_line(&mut scanner, &rest[..end]) {
            Ok(record) => records.push(record),
            Err(why) => return (Contents { records, whole, torn: false }, Some(why)),
        }
        whole += end as u64 + 1;
        rest = &rest[end + 1..];
    }
    let damage = (!is_beginning(rest)).then(|| "it is no journal line".to_owned());
    (Contents { records, whole, torn: !rest.is_empty() && damage.is_none() }, damage)
}

/// Whether what is behind the last whole line can be a line that was not written to its end. After a power
/// failure there may be zeros in the place of what was written.
fn is_beginning(rest: &[u8]) -> bool {
    let written = rest.iter().take_while(|&&byte| byte != 0);
    written.zip(b"(\"########\", ").all(|(byte, expected)| match expected {
        b'#' => byte.is_ascii_hexdigit(),
        expected => byte == expected,
    })
}

fn parse_line(scanner: &mut Scanner, line: &[u8]) -> Result<Record, String> {
    let line = std::str::from_utf8(line).map_err(|_| "it is not UTF-8")?;
    let inner = line.strip_prefix("(\"").and_then(|rest| rest.strip_suffix(')'));
    let (sum, text) = inner.and_then(|inner| inner.split_once("\", ")).ok_or("it is no journal line")?;
    if sum != format!("{:08x}", crc32fast::hash(text.as_bytes())) {
        return Err("its checksum does not match".to_owned());
    }
    let record = match scanner.record(text) {
        Some(record) => record,
        None => ron::from_str(text).map_err(|error| format!("its record does not read: {error}"))?,
    };
    match record.fault() {
        Some(fault) => Err(format!("no process wrote it: {fault}")),
        None => Ok(record),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::records::Timestamp;

    fn lines(count: usize) -> String {
        let mut buffer = String::new();
        for i in 0..count {
            let record =
                Record::Closed { time: Timestamp(i as f64), reason: Some("a \"quoted\"\nreason".to_owned()) };
            push_line(&mut buffer, &ron::to_string(&record).unwrap());
        }
        buffer
    }

    #[test]
    fn every_cut_keeps_the_whole_lines() {
        let text = lines(3);
        let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        assert_eq!(ends.len(), 3, "a record never breaks its line");
        for cut in 0..=text.len() {
            let contents = parse(Path::new("journal.ron"), &text.as_bytes()[..cut]).unwrap();
            let whole = ends.iter().filter(|&&end| end <= cut).count();
            assert_eq!(contents.records.len(), whole);
            assert_eq!(contents.torn, cut != 0 && !ends.contains(&cut));
        }
    }

    #[test]
    fn what_no_process_began_to_write_is_no_torn_line() {
        let path = Path::new("journal.ron");
        for rest in ["(", "(\"", "(\"0a", "(\"0a1b2c3d\", Cl", "\0\0", "(\"0a\0\0\0"] {
            let contents = parse(path, (lines(1) + rest).as_bytes()).unwrap();
            assert!(contents.torn && contents.records.len() == 1, "{rest:?}");
        }
        for rest in ["export PATH=/bin", "\"", "((", "(\"x", "(\"0a1b2c3d4", " "] {
            let error = parse(path, (lines(1) + rest).as_bytes()).err().unwrap().to_string();
            assert!(error.contains("journal.ron:2: ") && error.contains("no journal line"), "{error}");
            assert!(parse(path, rest.as_bytes()).is_err());
        }
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let text = lines(3);
        let second = text.find('\n').unwrap() + 1..text.rfind("\n(").unwrap() + 1;
        for at in second {
            for bit in [0x01, 0x20, 0x80] {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= bit;
                let error =
                    parse(Path::new("journal.ron"), &bytes).err().expect("damage in the middle is an error");
                assert!(error.to_string().contains("journal.ron:2: "), "{error}");
            }
        }
    }

    #[test]
    fn damage_is_found_at_its_line_in_every_part_of_a_large_journal() {
        let text = lines(30_000);
        assert!(text.len() > 2 * PART);
        let path = Path::new("journal.ron");
        assert_eq!(parse(path, text.as_bytes()).unwrap().records.len(), 30_000);
        for line in [1, 14_999, 29_999] {
            let mut bytes = text.clone().into_bytes();
            let (at, _) = text.match_indices('\n').nth(line - 1).unwrap();
            bytes[at + 4] ^= 1;
            let (contents, damage) = parse_until_damage(&bytes);
            assert_eq!((contents.records.len(), contents.whole), (line, at as u64 + 1));
            assert_eq!(damage.unwrap().0, line + 1);
        }
    }

    #[test]
    fn a_short_journal_is_read_without_other_threads() {
        assert_eq!([0, 1, PART - 1].map(threads), [1, 1, 1]);
        assert!((1..=4).contains(&threads(3 * PART)));
    }

    #[test]
    fn parts_end_with_lines() {
        let text = lines(100);
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
