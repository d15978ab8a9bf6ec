//! What sweeps end with is the same from version to version: checksums of `results.ron` and of the best
//! weights, kept in `tests/data/hashes.txt`.
//!
//! They do not depend on how hobbit is built, but on how wide a processor's vectors are, because that decides
//! in which order sums are added up. So there is a set for each width that somebody had; a processor of
//! another one compares sweeps of one and of two workers. This makes the file again, with the set of the
//! processor at hand:
//!
//! ```text
//! HASHES=overwrite cargo test -p hobbit-tests --test integration train::hashes
//! ```

use std::path::Path;

use hobbit::prelude::*;
use hobbit::repository::Reader;
use hobbit::{ArrayData, Checkpoint, Objective};

use super::feeding;

/// The study of the digits example.
#[path = "../../benches/digits.rs"]
pub(super) mod digits;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/hashes.txt");

/// The width of the vectors that sums are made of; `None` where nobody has made a set.
fn width() -> Option<&'static str> {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return Some("x86-64-v4");
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return Some("x86-64-v3");
        }
    }
    None
}

/// The checksums of the results and of the best trial's arrays.
fn sums<O: Objective>(study: Hyperband<O>, max_epochs: u32, workers: usize) -> String {
    let dir = tempfile::tempdir().unwrap();
    let results = study.quiet().workers(workers).repo_dir(dir.path()).run(max_epochs, 3).unwrap();
    let best = Reader::open(dir.path()).unwrap().model(results.best().id).unwrap().best;
    format!("{:08x} {:08x}", crc32fast::hash(&read(dir.path(), "results.ron")), checksum(&best))
}

fn read(dir: &Path, name: &str) -> Vec<u8> {
    std::fs::read(dir.join(name)).unwrap()
}

/// Compares what a study gives with the line of that name, or writes the line.
fn check(name: &str, sums: impl Fn(usize) -> String) {
    let found = sums(2);
    let text = std::fs::read_to_string(FILE).unwrap();
    let (set, begin) = match width() {
        Some(width) => (format!("{width} "), format!("{width} {name} ")),
        None => return assert_eq!(found, sums(1), "{name}"),
    };
    if std::env::var("HASHES").is_ok_and(|how| how == "overwrite") {
        return overwrite(&text, &begin, &found);
    }
    if !text.lines().any(|line| line.starts_with(&set)) {
        return assert_eq!(found, sums(1), "{name}");
    }
    let kept = text.lines().find_map(|line| line.strip_prefix(&begin)).expect("a line of this name");
    assert_eq!(found, kept, "{name}: results.ron or the best weights are others than they were");
}

/// Replaces the line that begins so.
fn overwrite(text: &str, begin: &str, sums: &str) {
    let (comments, lines): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with('#'));
    let others = lines.into_iter().filter(|line| !line.starts_with(begin));
    let mut lines: Vec<String> = others.map(str::to_owned).chain([format!("{begin}{sums}")]).collect();
    lines.sort_unstable();
    std::fs::write(FILE, comments.join("\n") + "\n" + &lines.join("\n") + "\n").unwrap();
}

#[test]
fn digits_and_a_generator_give_the_bytes_they_always_gave() {
    for seed in 0..10 {
        check(&format!("digits-{seed}"), |workers| sums(digits::study().seed(seed), 27, workers));
    }
    check("generated", |workers| sums(feeding::study(0), 9, workers));
}

/// The CRC-32 of a checkpoint's arrays: their names, shapes and values.
fn checksum(checkpoint: &Checkpoint) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    for (name, array) in &checkpoint.arrays {
        sum.update(format!("{name} {:?} ", array.shape).as_bytes());
        match &array.data {
            ArrayData::F32(values) => values.iter().for_each(|value| sum.update(&value.to_le_bytes())),
            ArrayData::F64(values) => values.iter().for_each(|value| sum.update(&value.to_le_bytes())),
            ArrayData::I64(values) => values.iter().for_each(|value| sum.update(&value.to_le_bytes())),
            ArrayData::U8(values) => sum.update(values),
            other => panic!("{name} holds {other:?}"),
        }
    }
    sum.finalize()
}
