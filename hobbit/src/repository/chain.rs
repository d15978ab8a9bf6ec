//! The lines of `journal.ron`, each of which vouches for all before it.
//!
//! A line is the RON tuple `(<number>, "<checksum>", <record>)`. Numbers count from 1. The checksum is the
//! CRC-32 of the texts of all records up to this one, without anything between them, so that a line that was
//! lost, doubled, moved or taken from another journal is found as surely as one that was changed; only lines
//! lost at the end leave no trace.

use std::fmt::Write;

use super::format1;
use super::lines::{Lines, NO_LINE, begins_as, unreadable};
use super::records::Record;
use super::scan::Scanner;
use crate::error::{Error, Result};

/// Where a journal ends: what the next line has to follow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Chain {
    /// The number of lines.
    lines: u64,
    /// The checksum of all their records.
    sum: u32,
}

impl Chain {
    /// Writes a record as the next line.
    ///
    /// # Errors
    /// The record cannot be written as RON; nothing was written.
    pub(super) fn write(&mut self, buffer: &mut String, record: &Record) -> Result<()> {
        let text = ron::to_string(record).map_err(|error| {
            Error::repository(format!("could not write a record: {error}")).with_source(error)
        })?;
        self.write_text(buffer, &text);
        Ok(())
    }

    fn write_text(&mut self, buffer: &mut String, text: &str) {
        *self = self.after(text);
        // writing to a string does not fail
        let _ = writeln!(buffer, "({}, \"{:08x}\", {text})", self.lines, self.sum);
    }

    /// Where the journal ends after a line of this text.
    fn after(self, text: &str) -> Chain {
        let mut sum = crc32fast::Hasher::new_with_initial(self.sum);
        sum.update(text.as_bytes());
        Chain { lines: self.lines.saturating_add(1), sum: sum.finalize() }
    }

    /// What is wrong with a line of this number, as said of "the line".
    fn misplaced(self, number: u64) -> String {
        let why = match number.checked_sub(self.lines.saturating_add(1)) {
            None => "it was written twice, or moved".to_owned(),
            Some(1) => "a line before it is missing, or lines were moved".to_owned(),
            Some(missing) => format!("{missing} lines before it are missing, or lines were moved"),
        };
        format!("does not follow the one before it (it has the number {number}: {why})")
    }
}

/// The parts of a line: its number, its checksum and its record, as they are written.
fn parts(line: &str) -> Option<(&str, &str, &str)> {
    let (number, rest) = line.strip_prefix('(')?.strip_suffix(')')?.split_once(", \"")?;
    let (sum, text) = rest.split_once("\", ")?;
    // a number is written in one way only
    let is_number = !number.starts_with('0') && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some((number, sum, text))
}

impl Lines for Chain {
    fn behind(line: Option<&[u8]>) -> Chain {
        let end = |line| {
            let (number, sum, _) = parts(std::str::from_utf8(line).ok()?)?;
            Some(Chain { lines: number.parse().ok()?, sum: u32::from_str_radix(sum, 16).ok()? })
        };
        // a line that does not read is damage itself, before which the journal ends
        line.and_then(end).unwrap_or_default()
    }

    fn next(&mut self, line: &str, scanner: &mut Scanner) -> Result<Record, String> {
        let Some((number, sum, text)) = parts(line) else {
            return Err(format1::explain(line).unwrap_or(NO_LINE).to_owned());
        };
        let number: u64 = number.parse().map_err(|_| NO_LINE)?;
        let next = self.after(text);
        if number != next.lines {
            return Err(self.misplaced(number));
        }
        if sum != format!("{:08x}", next.sum) {
            return Err("is damaged (its checksum does not match: it was changed, or is of another journal)"
                .to_owned());
        }
        *self = next;
        scanner.record(text).map_or_else(|| ron::from_str(text).map_err(unreadable), Ok)
    }

    fn is_beginning(&self, rest: &[u8]) -> bool {
        begins_as(rest, format!("({}, \"########\", ", self.lines.saturating_add(1)).as_bytes())
    }

    fn chain(&self) -> Chain {
        *self
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::repository::lines::{self, Contents, Damage};
    use crate::repository::reason::StopReason;
    use crate::repository::records::Timestamp;

    /// A journal of so many lines.
    pub(in crate::repository) fn journal(count: usize) -> String {
        let (mut buffer, mut chain) = (String::new(), Chain::default());
        for i in 0..count {
            let reason = Some(StopReason::Error("a \"quoted\"\nreason".to_owned()));
            let record = Record::Closed { time: Timestamp(i as f64), reason };
            chain.write(&mut buffer, &record).unwrap();
        }
        buffer
    }

    fn read(text: impl AsRef<[u8]>) -> Result<Contents, String> {
        match lines::read::<Chain>(text.as_ref()) {
            (contents, None) => Ok(contents),
            (_, Some(Damage { line, what })) => Err(format!("journal.ron:{line}: the line {what}")),
        }
    }

    fn refused(text: impl AsRef<[u8]>) -> String {
        read(text).err().expect("it is not a whole journal")
    }

    #[test]
    fn every_cut_keeps_the_whole_lines() {
        let text = journal(3);
        let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        assert_eq!(ends.len(), 3, "a record never breaks its line");
        for cut in 0..=text.len() {
            let contents = read(&text.as_bytes()[..cut]).unwrap();
            let whole = ends.iter().filter(|&&end| end <= cut).count();
            assert_eq!(contents.records.len(), whole);
            assert_eq!(contents.torn, cut != 0 && !ends.contains(&cut));
        }
    }

    #[test]
    fn a_journal_that_was_read_is_continued() {
        let text = journal(5);
        let (mut first, mut chain) = (journal(2), read(journal(2)).unwrap().chain);
        for i in 2..5 {
            let reason = Some(StopReason::Error("a \"quoted\"\nreason".to_owned()));
            chain.write(&mut first, &Record::Closed { time: Timestamp(f64::from(i)), reason }).unwrap();
        }
        assert_eq!(first, text);
    }

    #[test]
    fn what_no_process_began_to_write_is_no_torn_line() {
        for rest in ["(", "(2", "(2, \"0a", "(2, \"0a1b2c3d\", Cl", "\0\0", "(2, \"0a\0\0\0"] {
            let contents = read(journal(1) + rest).unwrap();
            assert!(contents.torn && contents.records.len() == 1, "{rest:?}");
        }
        for rest in
            ["export PATH=/bin", "\"", "((", "(1", "(3, \"0a1b2c3d\", Cl", "(2, \"x", "(2, \"0a1b2c3d4", " "]
        {
            let error = refused(journal(1) + rest);
            assert!(error.contains("journal.ron:2: ") && error.contains("not a journal line"), "{error}");
        }
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let text = journal(3);
        let second = text.find('\n').unwrap() + 1..text.rfind("\n(").unwrap() + 1;
        for at in second {
            for bit in [0x01, 0x20, 0x80] {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= bit;
                assert!(refused(&bytes).contains("journal.ron:2: "));
            }
        }
    }

    #[test]
    fn every_line_that_is_not_in_its_place_is_named_with_what_is_likely() {
        let text = journal(9);
        let whole: Vec<&str> = text.lines().collect();
        let said = |lines: &[&str]| refused(lines.join("\n") + "\n");
        for at in 0..8 {
            let mut lines = whole.clone();
            lines.remove(at);
            let error = said(&lines);
            assert!(error.contains(&format!("journal.ron:{}: the line does not follow", at + 1)), "{error}");
            assert!(
                error.contains(&format!("it has the number {}: a line before it is missing", at + 2)),
                "{error}"
            );
            let mut lines = whole.clone();
            lines.insert(at, whole[at]);
            let error = said(&lines);
            assert!(
                error.contains(&format!("journal.ron:{}: ", at + 2)) && error.contains("twice"),
                "{error}"
            );
            let mut lines = whole.clone();
            lines.swap(at, at + 1);
            let error = said(&lines);
            assert!(
                error.contains(&format!("journal.ron:{}: ", at + 1)) && error.contains("moved"),
                "{error}"
            );
        }
        assert!(said(&whole[3..]).contains("journal.ron:1: the line does not follow"));
        assert!(said(&[&whole[..2], &whole[6..]].concat()).contains("4 lines before it are missing"));
        // of another journal, in the same place
        let other = journal(8).replace("quoted", "quoter");
        let (mut foreign, mut chain) = (String::new(), Chain::default());
        other.lines().for_each(|line| chain.write_text(&mut foreign, parts(line).unwrap().2));
        let mut lines = whole.clone();
        let foreign: Vec<&str> = foreign.lines().collect();
        lines[4] = foreign[4];
        assert!(said(&lines).contains("journal.ron:5: the line is damaged (its checksum does not match"));
    }
}
