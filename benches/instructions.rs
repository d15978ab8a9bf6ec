//! One sweep, to count its instructions: what hobbit itself costs where nothing is learned, and a sweep of
//! the digits.
//!
//! ```console
//! $ cargo bench -p hobbit --bench instructions --no-run    # prints where the program is
//! $ valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/deps/instructions-… noop
//! ```

#[cfg(feature = "dfdx")]
#[allow(dead_code, reason = "parts of it are for other benchmarks")]
mod digits;
mod noop;

use hobbit::{Hyperband, Keep};

use crate::noop::Noop;

fn main() {
    // `cargo bench` gives arguments of its own
    match std::env::args().nth(1).as_deref() {
        #[cfg(feature = "dfdx")]
        Some("digits") => {
            digits::study().quiet().workers(1).run(27, 3).expect("the sweep works");
        }
        _ => {
            let study = Hyperband::of(Noop).quiet().keep(Keep::None).workers(1);
            study.run(729, 3).expect("the sweep works");
        }
    }
}
