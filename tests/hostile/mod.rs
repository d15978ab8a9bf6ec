//! Every reader of files with any contents: the seeds of the fuzz targets, and some thousand changes of them.
//! `scripts/fuzz.sh` goes on from there.

#[cfg(feature = "dfdx")]
mod models;
// the same code as the fuzz targets'
#[path = "../../fuzz/src/readers/mod.rs"]
mod readers;

use std::path::{Path, PathBuf};

use hobbit::repository::Reader;
use hobbit::{Key, TrialId};

/// No input may take more memory than this, as when fuzzing.
const MEMORY: u64 = 256 << 20;
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

fn give(
    target: &str,
    mut reader: impl FnMut(&Path, &[u8]),
    dir: &Path,
    bytes: &[u8],
    what: &dyn std::fmt::Debug,
) {
    let mut panic = None;
    let taken = allocation_counter::measure(|| {
        let read = std::panic::AssertUnwindSafe(|| reader(dir, bytes));
        panic = std::panic::catch_unwind(read).err();
    });
    let shown = || format!("{target}, {what:?}: {:?}", String::from_utf8_lossy(bytes));
    assert!(panic.is_none(), "it panics: {}", shown());
    assert!(taken.bytes_max <= MEMORY, "{} bytes of memory: {}", taken.bytes_max, shown());
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
        // a sweep takes longer than a file that is read
        let count = if matches!(*target, "resume" | "warm_start") { CHANGED / 8 } else { CHANGED };
        for round in 0..count {
            let mut pick = || &seeds[rng.below(seeds.len() as u64) as usize].1;
            let (from, other) = (pick(), pick());
            let bytes = readers::changed(&mut rng, from, other);
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

#[test]
fn the_study_that_inputs_are_put_into_is_whole() {
    #[derive(serde::Deserialize)]
    struct Hparams {
        rate: f64,
    }
    let dir = tempfile::tempdir().unwrap();
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    for name in ["study.ron", "journal.ron", "results.ron"] {
        std::fs::copy(fuzz.join("study").join(name), dir.path().join(name)).unwrap();
    }
    std::fs::create_dir(dir.path().join("weights")).unwrap();
    let model = dir.path().join("weights/1-3.safetensors");
    std::fs::copy(fuzz.join("seeds/checkpoint/golden"), model).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let checks = reader.verify().unwrap();
    let wrong: Vec<_> = checks.iter().filter(|check| !check.state.is_fine()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let best = reader.best::<Hparams>().unwrap().unwrap();
    assert_eq!((best.trial, best.hparams.rate), (TrialId::new(1, 3), 0.4929582599504104));
    assert!(reader.overview().unwrap().is_finished());
}
