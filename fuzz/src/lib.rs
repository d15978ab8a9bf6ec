//! What the fuzz targets share: the readers, and the limits that hold for each input.

use std::cell::RefCell;
use std::time::{Duration, Instant};

mod error;
mod readers;
mod train;
/// Keys, where those readers look for them.
mod random {
    pub(crate) use hobbit::Key;
}

pub(crate) use error::Error;
#[doc(hidden)]
pub use libfuzzer_sys;
pub(crate) use train::files;

/// No input may take more memory than this.
const MEMORY: u64 = 256 << 20;
/// No input may take longer than this.
const TIME: Duration = Duration::from_secs(2);

/// Gives an input to the reader of that name.
///
/// # Panics
/// The reader panics, or takes too much.
pub fn run(target: &str, bytes: &[u8]) {
    thread_local! {
        static DIR: RefCell<Option<tempfile::TempDir>> = const { RefCell::new(None) };
    }
    let reader = readers::TARGETS.iter().find(|(name, _)| *name == target);
    let (_, reader) = reader.unwrap_or_else(|| panic!("there is no reader `{target}`"));
    DIR.with_borrow_mut(|dir| {
        let dir = dir.get_or_insert_with(|| tempfile::tempdir().expect("there is a directory for files"));
        let start = Instant::now();
        let taken = allocation_counter::measure(|| reader(dir.path(), bytes));
        assert!(taken.bytes_max <= MEMORY, "it took {} bytes of memory", taken.bytes_max);
        assert!(start.elapsed() <= TIME, "it took {:?}", start.elapsed());
    });
}

/// Changes an input: every other time as the tests do, otherwise as libFuzzer does.
#[must_use]
pub fn change(bytes: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    if seed.is_multiple_of(2) {
        return libfuzzer_sys::fuzzer_mutate(bytes, size, max_size);
    }
    let from = &bytes[..size];
    let mut changed = readers::changed(&mut hobbit::Key::new(seed.into()).rng(), from, from);
    changed.truncate(max_size);
    if changed.is_empty() {
        return libfuzzer_sys::fuzzer_mutate(bytes, size, max_size);
    }
    bytes[..changed.len()].copy_from_slice(&changed);
    changed.len()
}

/// The fuzz target of the reader of that name.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        use $crate::libfuzzer_sys;
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::run($name, bytes));
        libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            $crate::change(data, size, max_size, seed)
        });
    };
}
