//! Serde's `bound` where there is nothing to bind: a condition that holds, or does not.

use hobbit::search_space;

struct Bare;

#[search_space]
struct Field {
    #[serde(bound = "")]
    #[nested]
    a: Bare,
}

#[search_space]
#[serde(bound(serialize = "", deserialize = "u8: serde::Deserialize<'de>"))]
struct Whole {
    #[nested]
    a: Bare,
    #[int(0..=1)]
    b: u8,
}

#[search_space]
#[serde(bound = "Bare: Clone")]
struct Broken {
    #[int(0..=1)]
    a: u8,
}

#[search_space]
struct Conditional {
    #[cfg(all())]
    #[serde(bound = "")]
    #[nested]
    a: Bare,
}

struct Scale;

#[search_space]
struct With {
    #[with(Scale)]
    share: f64,
}

fn main() {}
