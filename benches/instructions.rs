//! One sweep, to count its instructions: what hobbit itself costs where nothing is learned, a sweep of the
//! digits, the same with a sampler that learns, and proposals alone.
//!
//! ```console
//! $ cargo bench -p hobbit --bench instructions --no-run    # prints where the program is
//! $ valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/deps/instructions-… noop
//! ```

#[cfg(feature = "dfdx")]
#[allow(dead_code, reason = "parts of it are for other benchmarks")]
mod digits;
mod noop;
mod proposals;

#[cfg(feature = "dfdx")]
use hobbit::search::Kde;
use hobbit::{Hyperband, Keep};

use crate::noop::Noop;

fn main() {
    // `cargo bench` gives arguments of its own
    match std::env::args().nth(1).as_deref() {
        #[cfg(feature = "dfdx")]
        Some("digits") => {
            digits::study().quiet().workers(1).run(27, 3).expect("the sweep works");
        }
        // the same trials, each after a proposal of what might be better
        #[cfg(feature = "dfdx")]
        Some("digits-proposed") => {
            let sampler = proposals::Unheard(Kde::new().random_share(0.0));
            digits::study().quiet().workers(1).sampler(sampler).run(27, 3).expect("the sweep works");
        }
        Some("proposals") => {
            let count = std::env::args().nth(2).and_then(|count| count.parse().ok());
            proposals::propose(count.unwrap_or(1));
        }
        _ => {
            let study = Hyperband::of(Noop).quiet().keep(Keep::None).workers(1);
            study.run(729, 3).expect("the sweep works");
        }
    }
}
