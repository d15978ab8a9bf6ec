//! What stands beside a study: what its machines are at, another study that its sampler begins with, and
//! messages of machines.

use std::path::Path;

use hobbit::search::Kde;
use hobbit::{Direction, Hyperband, Keep};

use super::repository::{Quick, STUDY, look, recorded, with_sums};
use super::{clear, keep, write};

/// `live.ron`, beside the journal of a sweep that goes on, with three machines.
pub(super) fn live(dir: &Path, bytes: &[u8]) {
    keep(dir, "study.ron", STUDY);
    if !dir.join("journal.ron").exists() {
        let joined = |number: u32| {
            format!(
                "Machine(time:1795486532.19,machine:{number},host:\"b\",pid:{},change:Joined(slots:4))",
                69 + number
            )
        };
        let machines: Vec<String> = (1..4).map(joined).collect();
        let (opened, others) = recorded().split_first().map(|(first, rest)| (*first, rest.to_vec())).unwrap();
        let records = [vec![opened], machines.iter().map(String::as_str).collect(), others].concat();
        // without its end
        let records = records[..records.len() - 1].join("\n");
        write(dir, "journal.ron", &with_sums(records.as_bytes()));
    }
    write(dir, "live.ron", bytes);
    look(dir, bytes);
}

/// Another study that a sampler begins with: its journal, and behind a zero its `study.ron`. If it begins
/// with a parenthesis it is `study.ron` of the study itself, which has a copy of the other one.
pub(super) fn warm_start(dir: &Path, bytes: &[u8]) {
    clear(dir);
    let (own, other) = (dir.join("own"), dir.join("other"));
    let (journal, made) = bytes.split_at(bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len()));
    if bytes.starts_with(b"(") {
        write(dir, "own/study.ron", bytes);
        write(dir, "own/journal.ron", b"");
    } else {
        write(
            dir,
            "other/study.ron",
            made.get(1..).filter(|made| !made.is_empty()).unwrap_or(STUDY.as_bytes()),
        );
        write(dir, "other/journal.ron", &with_sums(journal));
    }
    // the second time it goes on with the copy
    for budget in [2, 100] {
        let study = Hyperband::of(Quick).direction(Direction::Minimize).seed(3).workers(1).quiet();
        let study = study.sampler(Kde::new()).warm_start(&other).repo_dir(&own).keep(Keep::None);
        if study.epoch_budget(budget).run(3, 3).is_err() {
            break;
        }
    }
    look(&own, bytes);
}

/// A message of a machine: lines of headers, `name: value`, an empty line, and what is behind them. If it
/// begins with a parenthesis it has the headers that it should.
#[cfg(feature = "nats")]
pub(super) fn message(_: &Path, bytes: &[u8]) {
    if bytes.starts_with(b"(") {
        let text = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        hobbit::remote::read_any(&[("hobbit", "1"), ("hobbit-text", &text.to_string())], bytes);
        return;
    }
    let end = bytes.windows(2).position(|two| two == b"\n\n");
    let (head, payload) = end.map_or((bytes, &[][..]), |end| (&bytes[..end], &bytes[end + 2..]));
    // what the client itself takes for headers
    let text: String =
        String::from_utf8_lossy(head).chars().filter(|c| matches!(c, '\n' | ' '..='~')).collect();
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let headers: Vec<(&str, &str)> =
        text.lines().filter_map(|line| line.split_once(": ")).filter(|(name, _)| is_name(name)).collect();
    hobbit::remote::read_any(&headers, payload);
}
