//! Every implementation of a trait passes its suite, and each suite notices what breaks its laws.

mod objective;
mod storage;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a suite on something that breaks a law; it has to say so in these words.
#[track_caller]
pub(crate) fn breaks(suite: impl FnOnce(), words: &[&str]) {
    let panic = catch_unwind(AssertUnwindSafe(suite)).expect_err("the suite notices nothing");
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned())).unwrap();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}
