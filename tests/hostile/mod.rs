//! Every reader of files with any contents: the seeds of the fuzz targets, and some thousand changes of them.
//! `scripts/fuzz.sh` goes on from there.

// the same code as the fuzz targets'
#[path = "../../fuzz/src/readers/mod.rs"]
mod readers;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hobbit::Key;

/// No input may take more memory than this, as when fuzzing.
const MEMORY: u64 = 256 << 20;
/// Far more than any takes: no measurement of speed, but an end for what has none.
const TIME: Duration = Duration::from_secs(60);
/// How many changed inputs each reader gets.
const CHANGED: usize = 400;

fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let entries = std::fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{target} has no seeds");
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Changes some bytes: flipped, removed, doubled, replaced by odd numbers, or by a piece of another input.
fn changed(rng: &mut hobbit::KeyRng, from: &[u8], other: &[u8]) -> Vec<u8> {
    const ODD: [&str; 16] = [
        "4294967295",
        "18446744073709551615",
        "-1",
        "0",
        "NaN",
        "inf",
        "1e309",
        "\"",
        "(",
        ")",
        "[",
        "{",
        "\\u{0}",
        "\n",
        ",,",
        "é",
    ];
    let mut bytes = from.to_vec();
    for _ in 0..=rng.below(4) {
        let place = |rng: &mut hobbit::KeyRng, length: usize| rng.below(length as u64 + 1) as usize;
        let start = place(rng, bytes.len());
        let end = (start + place(rng, 12)).min(bytes.len());
        match rng.below(6) {
            0 if start < bytes.len() => bytes[start] ^= 1 << rng.below(8),
            1 => drop(bytes.drain(start..end)),
            2 => {
                let doubled = bytes[start..end].to_vec();
                drop(bytes.splice(start..start, doubled));
            }
            3 => {
                let odd = ODD[rng.below(ODD.len() as u64) as usize];
                drop(bytes.splice(start..end, odd.bytes()));
            }
            4 => {
                let from = place(rng, other.len());
                let to = (from + place(rng, 200)).min(other.len());
                drop(bytes.splice(start..end, other[from..to].iter().copied()));
            }
            5 if rng.below(4) == 0 => bytes.truncate(start),
            // a number or a word as a whole
            _ => {
                let is_word = |byte: &u8| byte.is_ascii_alphanumeric();
                let word = bytes[start..].iter().position(is_word).map_or(bytes.len(), |at| start + at);
                let end = word + bytes[word..].iter().take_while(|byte| is_word(byte)).count();
                let odd = ODD[rng.below(ODD.len() as u64) as usize];
                drop(bytes.splice(word..end, odd.bytes()));
            }
        }
    }
    bytes
}

fn give(target: &str, reader: readers::Reader, dir: &Path, bytes: &[u8], what: &dyn std::fmt::Debug) {
    let start = Instant::now();
    let mut panic = None;
    let taken = allocation_counter::measure(|| {
        let read = std::panic::AssertUnwindSafe(|| reader(dir, bytes));
        panic = std::panic::catch_unwind(read).err();
    });
    let shown = || format!("{target}, {what:?}: {:?}", String::from_utf8_lossy(bytes));
    assert!(panic.is_none(), "it panics: {}", shown());
    assert!(taken.bytes_max <= MEMORY, "{} bytes of memory: {}", taken.bytes_max, shown());
    assert!(start.elapsed() <= TIME, "{:?}: {}", start.elapsed(), shown());
}

/// All targets whose number leaves this rest, so that they share the machine's cores.
fn read_all(rest: usize) {
    for (number, (target, reader)) in
        readers::TARGETS.iter().enumerate().filter(|(number, _)| number % 3 == rest)
    {
        let dir = tempfile::tempdir().unwrap();
        let seeds = seeds(target);
        for (path, bytes) in &seeds {
            give(target, *reader, dir.path(), bytes, path);
        }
        let mut rng = Key::new(number as u64).rng();
        // a resumed sweep takes longer than a file that is read
        let count = if *target == "resume" { CHANGED / 8 } else { CHANGED };
        for round in 0..count {
            let mut pick = || &seeds[rng.below(seeds.len() as u64) as usize].1;
            let (from, other) = (pick(), pick());
            let bytes = changed(&mut rng, from, other);
            give(target, *reader, dir.path(), &bytes, &round);
        }
    }
}

#[test]
fn the_first_third_of_the_readers() {
    read_all(0);
}

#[test]
fn the_second_third_of_the_readers() {
    read_all(1);
}

#[test]
fn the_last_third_of_the_readers() {
    read_all(2);
}
