//! Mistakes in items of which parts are conditional.

use hobbit::{SearchSpace, search_space};

#[search_space]
struct Hparams {
    #[cfg(not(test))]
    #[uniform(1.0..=0.0)]
    reversed: f64,
    #[cfg(test)]
    #[uniform(1.0..=0.0)]
    left_out: f64,
    #[cfg_attr(not(test), int(0..=1), name = "other")]
    named: u8,
}

#[search_space]
struct Misspelled {
    #[cfg(not(test))]
    #[unifrom(0.0..=1.0)]
    share: f64,
}

#[search_space]
struct Borrowed<'a> {
    #[cfg(not(test))]
    #[choice("a", "b")]
    text: &'a str,
}
struct Unwritten;

/// Of two fields of a type that lacks something, one is not there.
#[search_space]
struct Twice<T: SearchSpace> {
    #[cfg(test)]
    #[fixed(Unwritten)]
    gone: Unwritten,
    #[fixed(Unwritten)]
    there: Unwritten,
    #[nested]
    inner: T,
}

fn main() {}
