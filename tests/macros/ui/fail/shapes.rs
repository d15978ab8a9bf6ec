//! Items and types that no search space can have.

use hobbit::search_space;

#[search_space]
struct Slice {
    #[uniform(0.0..=1.0)]
    a: [f64],
}

#[search_space]
struct Unnamed {
    #[fixed(1)]
    a: impl Copy,
}

#[search_space]
struct Dynamic {
    #[fixed(1)]
    a: dyn std::fmt::Debug,
}

#[search_space]
struct Inferred {
    #[fixed(1)]
    a: _,
}

#[search_space]
struct Length<const N: usize> {
    #[uniform(0.0..=1.0)]
    a: [f64; N],
}

#[search_space]
struct Unused<A> {
    #[int(0..=1)]
    a: u8,
}

#[search_space]
struct Twice {
    #[int(0..=1)]
    a: u8,
    #[int(0..=1)]
    a: u8,
}

#[search_space]
enum TwiceInVariant {
    A {
        #[int(0..=1)]
        a: u8,
        #[int(0..=1)]
        a: u8,
    },
}

#[search_space]
struct Unsized {
    #[choice("a", "b")]
    text: str,
}

fn main() {}
